//! Commands: a call becomes a line of the replay format, and what comes of it an answer.
//!
//! The line is made of the call's path and headers and of its body as it stands, and read as every other line.

use ledger_core::authorization::DeclineReason;
use ledger_core::command::AccountSelector;
use ledger_core::decide::Answer;
use ledger_core::event::Record;
use ledger_core::ids::OperationId;
use ledger_core::rejection::Rejection;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::call::{Call, ORIGIN, USERNAME};
use super::fault::Fault;
use super::reply::{Identifier, Reply, Stamp, Time};
use super::service::Service;
use crate::error::ApiError;
use crate::line::{self, RESET_BALANCE};
use crate::views::AmountView;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    issuer_id: &'a str,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
    body: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_account_external_reference: Option<String>,
}

/// What a posting or a reversal is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationDone {
    operation_identifier: Identifier,
    /// What a reset added to the balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_amount: Option<AmountView>,
}

/// What another command about an account is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountDone {
    account_identifier: AccountIdentifier,
}

/// What a message of the authorization system is answered: how it was decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationDone {
    account_identifier: AccountIdentifier,
    /// Approval, Decline, Referral, PickUp or Other.
    result_type: &'static str,
    /// Why, where the engine declined it.
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_reason: Option<&'static str>,
}

/// The account, by the engine's reference.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccountReferenceIdentifier)]
pub(crate) struct AccountIdentifier {
    account_reference: String,
}

/// What a command that is about no account is answered.
#[derive(Debug, Serialize)]
struct Done {}

/// Carries out the command of a call, and says in `stamp` what the answer says of itself. A command without a
/// correlation id has the one that was made for its answer.
pub(crate) async fn carry_out(
    service: &Service,
    call: &Call,
    command: &str,
    stamp: &mut Stamp,
) -> Result<Reply, Fault> {
    call.query.finish()?;
    let correlation = match call.correlation()? {
        Some(given) => given,
        None if service.strict => return Err(Rejection::CorrelationIdRequired.into()),
        None => &stamp.correlation,
    };
    let request = line::parse(&line_of(call, command, correlation)?)?.request;
    let answer = service.ledger.submit_async(request).await?;
    stamp.replayed = answer.replayed;
    stamp.position = answer.seq.map(|seq| seq.0);
    if let Some(at) = answer.recorded_at {
        stamp.time = Time::Recorded(at);
    }
    reply(service, command, answer)
}

/// What a reset added to the balance; the engine found it.
fn reset_amount(service: &Service, operation: OperationId) -> Result<Option<AmountView>, Fault> {
    let reader = service.ledger.reader();
    let record = reader.record(operation.seq()).map_err(ApiError::from)?;
    let Some(operation) = record.as_ref().and_then(Record::operation) else {
        return Ok(None);
    };
    let books = reader.books();
    let account = books.portfolio().account(operation.decided.account);
    let value = operation.decided.quantity.value;
    Ok(Some(AmountView::new(value.into(), account.currency)))
}

fn reply(service: &Service, command: &str, answer: Answer) -> Result<Reply, Fault> {
    let position = answer.seq.map_or_else(|| service.position(), |seq| seq.0);
    let accepted = answer
        .outcome
        .map_err(|refusal| Fault::from(&refusal.rejection))?;
    let account = accepted.account.map(|account| AccountIdentifier {
        account_reference: account.to_string(),
    });
    match (accepted.operation, accepted.authorization, account) {
        (Some(operation), _, _) => {
            let operation_identifier = Identifier {
                operation_id: operation.to_string(),
            };
            let done = OperationDone {
                operation_identifier,
                reference_amount: match command {
                    RESET_BALANCE => reset_amount(service, operation)?,
                    _ => None,
                },
            };
            Reply::of(&done, position)
        }
        (None, Some(result), Some(account_identifier)) => {
            let done = AuthorizationDone {
                account_identifier,
                result_type: result.result_type.code(),
                decline_reason: result.reason.map(DeclineReason::code),
            };
            Reply::of(&done, position)
        }
        (None, None, Some(account_identifier)) => {
            Reply::of(&AccountDone { account_identifier }, position)
        }
        (None, _, None) => Reply::of(&Done {}, position),
    }
}

fn line_of(call: &Call, command: &str, correlation: &str) -> Result<String, Fault> {
    let account = match call.path.len() {
        1 => None,
        _ => Some(match call.account()? {
            AccountSelector::Reference(reference) => Account {
                account_reference: Some(reference.to_string()),
                issuer_account_external_reference: None,
            },
            AccountSelector::External(external) => Account {
                account_reference: None,
                issuer_account_external_reference: Some(external.to_string()),
            },
        }),
    };
    let text = std::str::from_utf8(&call.body)
        .map_err(|_| Fault::invalid("", "the body must be text in UTF-8"))?;
    // An action that needs nothing said may come without a body.
    let text = if text.trim_ascii().is_empty() {
        "{}"
    } else {
        text
    };
    let body: &RawValue = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let problem =
            format!("the body is not JSON that can be read, at line {line} column {column}");
        Fault::invalid("", problem)
    })?;
    let issuer = call.issuer()?;
    let line = Line {
        issuer_id: issuer.as_str(),
        correlation_id: correlation,
        origin: call.header(&ORIGIN)?,
        username: call.header(&USERNAME)?,
        command,
        account,
        body,
    };
    serde_json::to_string(&line)
        .map_err(|_| Fault::new("INTERNAL_ERROR", "the call cannot be read"))
}
