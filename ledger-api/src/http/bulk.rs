//! Many commands at once: lines of the replay format in, one line of result for each out.
//!
//! They are taken together or not at all: where the service is busy, or the token lacks the scope of one of them,
//! nothing happens.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use ledger_core::decide::Answer;
use ledger_core::rejection::Rejection;
use ledger_core::text::IssuerId;
use ledger_store::writer::SUBMISSION_REQUESTS_MAX;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::endpoint::{Answering, Scope};
use super::fault::Fault;
use super::service::Service;
use crate::line::{Expect, Line};
use crate::replay::parsing::parse_line;
use crate::replay::{self, FailedExpectation, LineResult, Outcome, ResultView};

/// Most lines of one call, blank ones aside: one submission.
pub(crate) const BULK_LINES_MAX: usize = SUBMISSION_REQUESTS_MAX;

/// What became of a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultLine<'a> {
    /// Counted from 1, blank ones too.
    pub(crate) line: u64,
    /// As in the results of a replayed history.
    pub(crate) outcome: Outcome,
    /// Whether it was answered before, under the same correlation id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decline_reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Cow<'a, str>>,
    /// How many amounts the line expects that were compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) expectations_checked: u64,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) expectations_failed: Cow<'a, [FailedExpectation]>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(crate) fn carry_out(service: Arc<Service>, call: Call) -> Answering {
    Box::pin(async move {
        call.query.finish()?;
        let issuer = call.issuer()?;
        let body = call.body.clone();
        let under_way = Arc::clone(&call.under_way);
        let parsed = tokio::task::spawn_blocking(move || {
            let parsed = parse(&body, &issuer);
            drop(under_way);
            parsed
        });
        let parsed = parsed
            .await
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the lines cannot be read"))??;
        let mut requests = Vec::with_capacity(parsed.len());
        let mut waiting = Vec::with_capacity(parsed.len());
        for (number, line) in parsed {
            let line = match line {
                Ok(line) => {
                    call.client.must_have(Scope::of(&line.request.command))?;
                    // What is not as expected is told.
                    if line.expect != Expect::default() {
                        call.client.must_have(Scope::AccountsRead)?;
                    }
                    requests.push(line.request);
                    Ok(line.expect)
                }
                Err(rejection) => Err(rejection),
            };
            waiting.push((number, line));
        }
        let answers = match requests.is_empty() {
            true => Vec::new(),
            false => service.ledger.submit_many_async(requests).await?,
        };
        let written = tokio::task::spawn_blocking(move || write(answers, waiting));
        let bytes = written
            .await
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the results cannot be written"))?;
        let mut response = Response::new(Body::from(bytes));
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(response)
    })
}

/// Something about each line, with the line's number.
type Lines<T> = Vec<(u64, Result<T, Rejection>)>;

/// Reads the lines that are not blank, as a replay does.
fn parse(body: &[u8], issuer: &IssuerId) -> Result<Lines<Line>, Fault> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(body.split_inclusive(|byte| *byte == b'\n')) {
        let Some((_, line)) = parse_line(line, number == 1) else {
            continue;
        };
        if lines.len() == BULK_LINES_MAX {
            let message = format!("a call has at most {BULK_LINES_MAX} lines");
            return Err(Fault::new("REQUEST_TOO_LARGE", message));
        }
        let line = line.and_then(|line| {
            if line.request.issuer == *issuer {
                Ok(line)
            } else {
                Err(Rejection::invalid(
                    "issuerId",
                    "must be the issuer of the path",
                ))
            }
        });
        lines.push((number, line));
    }
    if lines.is_empty() {
        return Err(Fault::invalid("", "the body has no line"));
    }
    Ok(lines)
}

fn write(answers: Vec<Answer>, waiting: Lines<Expect>) -> Vec<u8> {
    let mut out = Vec::with_capacity(waiting.len() * 80);
    let mut answers = answers.into_iter();
    for (line, waiting) in waiting {
        let (result, checked, replayed) = match waiting {
            Ok(expect) => {
                let answer = answers.next().expect("every request has an answer");
                let replayed = answer.replayed;
                let (result, checked) = replay::judged(line, answer, expect);
                (result, checked, replayed)
            }
            Err(rejection) => (replay::malformed(line, rejection), 0, false),
        };
        write_line(&mut out, &result, checked, replayed);
    }
    out
}

fn write_line(out: &mut Vec<u8>, result: &LineResult, checked: u64, replayed: bool) {
    let view = ResultView::of(result);
    let line = ResultLine {
        line: view.line,
        outcome: view.outcome,
        replayed,
        operation_id: view.operation_id.map(|id| id.to_string()),
        account_reference: result.account.map(|account| account.to_string()),
        result_type: view.result_type,
        decline_reason: view.decline_reason,
        code: view.code,
        field: view.field,
        message: view.message,
        expectations_checked: checked,
        expectations_failed: view.expectations_failed,
    };
    serde_json::to_writer(&mut *out, &line).expect("writing to memory does not fail");
    out.push(b'\n');
}
