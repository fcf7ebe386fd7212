//! The outcome of a line as programs are told it.

use std::borrow::Cow;
use std::fmt::Display;

use ledger_core::ids::{AccountReference, OperationId};
use serde::{Serialize, Serializer};

use super::{FailedExpectation, LineResult, Outcome};

/// A line and its outcome, ready to be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultView<'a> {
    /// Number of the line in its input, from 1.
    pub line: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Code of what it was refused for.
    pub code: Option<Cow<'a, str>>,
    /// The field at fault, if it is one.
    pub field: Option<Cow<'a, str>>,
    /// The operation it posted, or the one that was there before.
    #[serde(serialize_with = "as_text")]
    pub operation_id: Option<OperationId>,
    /// The account, of a command that posts no operation.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub account_reference: Option<AccountReference>,
    /// How a message of the authorization system was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_type: Option<Cow<'a, str>>,
    /// Why, where the engine declined it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_reason: Option<Cow<'a, str>>,
    /// What it was refused for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
    /// Amounts that were expected and not found.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub expectations_failed: Cow<'a, [FailedExpectation]>,
}

/// Of lines that are skipped since the operation is there already, under another correlation id.
const SAME_OPERATION: [&str; 3] = [
    "DUPLICATE_EXTERNAL_TRIPLET",
    "DUPLICATE_TRANSACTION_ID",
    "DUPLICATE_OFFLINE_RESERVATION",
];

impl<'a> ResultView<'a> {
    /// Whether the line is skipped since it was refused when it came before.
    #[must_use]
    pub fn was_refused_before(&self) -> bool {
        let code = self.code.as_deref();
        self.outcome == Outcome::SkippedDuplicate
            && code.is_some_and(|code| !SAME_OPERATION.contains(&code))
    }

    /// The view of a line's outcome.
    #[must_use]
    pub fn of(result: &'a LineResult) -> Self {
        let rejection = result.rejection.as_ref();
        let authorization = result.authorization;
        let reason = authorization.and_then(|of| of.reason);
        Self {
            line: result.line,
            outcome: result.outcome,
            code: rejection.map(|of| of.code().into()),
            field: rejection
                .map(|of| of.field())
                .filter(|field| !field.is_empty())
                .map(Cow::from),
            operation_id: result.operation,
            account_reference: result.account.filter(|_| result.operation.is_none()),
            result_type: authorization.map(|of| of.result_type.code().into()),
            decline_reason: reason.map(|reason| reason.code().into()),
            message: rejection.map(|of| of.to_string().into()),
            expectations_failed: Cow::from(&result.failed),
        }
    }
}

fn as_text<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
