//! Commands: a call becomes a line of the replay format, and what comes of it an answer.
//!
//! The line is made of the call's path and headers and of its body as it stands, and read as every other line.

use ledger_core::command::{AccountSelector, Command};
use ledger_core::decide::Answer;
use ledger_core::ids::AccountReference;
use ledger_core::rejection::Rejection;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::call::{Call, ORIGIN, USERNAME};
use super::fault::Fault;
use super::reply::{Identifier, Reply, Stamp, Time};
use super::service::Service;
use crate::line;

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

/// What a command is answered, beside the envelope.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_identifier: Option<Identifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_identifier: Option<AccountIdentifier>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountIdentifier {
    account_reference: String,
}

/// The correlation id of a command, made where the caller gave none.
pub(crate) fn correlation(service: &Service, call: &Call) -> Result<String, Fault> {
    match call.correlation()? {
        Some(given) => Ok(given.to_owned()),
        None if service.strict => Err(Rejection::CorrelationIdRequired.into()),
        None => Ok(Uuid::new_v4().to_string()),
    }
}

/// Carries out the command of a call, and says in `stamp` what the answer says of itself.
pub(crate) async fn carry_out(
    service: &Service,
    call: &Call,
    command: &str,
    stamp: &mut Stamp,
) -> Result<Reply, Fault> {
    call.query.finish()?;
    stamp.correlation = correlation(service, call)?;
    let request = line::parse(&line_of(call, command, &stamp.correlation)?)?.request;
    let opens = matches!(request.command, Command::OpenAccount(_));
    let answer = service.ledger.submit_async(request).await?;
    stamp.replayed = answer.replayed;
    stamp.position = answer.seq.map(|seq| seq.0);
    if let Some(at) = answer.recorded_at {
        stamp.time = Time::Recorded(at);
    }
    reply(service, answer, opens)
}

fn reply(service: &Service, answer: Answer, opens: bool) -> Result<Reply, Fault> {
    let position = answer.seq.map_or_else(|| service.position(), |seq| seq.0);
    let accepted = answer
        .outcome
        .map_err(|refusal| Fault::from(&refusal.rejection))?;
    let names_account = opens || accepted.operation.is_none();
    let done = Done {
        operation_identifier: accepted.operation.map(|operation| Identifier {
            operation_id: operation.to_string(),
        }),
        account_identifier: accepted.account.filter(|_| names_account).map(|account| {
            AccountIdentifier {
                account_reference: AccountReference::to_string(&account),
            }
        }),
    };
    Reply::of(&done, position)
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
        let problem = format!(
            "the body is not JSON that can be read, at line {} column {}",
            error.line(),
            error.column()
        );
        Fault {
            field: None,
            ..Fault::invalid("", problem)
        }
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
