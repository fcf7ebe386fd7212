//! Many commands at once: lines of the replay format in, one line of result for each out.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::rejection::Rejection;
use ledger_core::text::IssuerId;
use ledger_store::writer::SUBMISSION_REQUESTS_MAX;
use serde::Serialize;

use super::call::Call;
use super::endpoint::Answering;
use super::fault::Fault;
use super::service::Service;
use crate::line;

/// Most lines of one call.
pub(crate) const BULK_LINES_MAX: usize = 10_000;

/// What became of a line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine<'a> {
    /// Counted from 1.
    line: usize,
    /// APPLIED; REPLAYED, if the correlation id is known; SKIPPED_DUPLICATE, if the very same operation is
    /// known by its triplet; REJECTED.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(crate) fn carry_out(service: Arc<Service>, call: Call) -> Answering {
    Box::pin(async move {
        call.query.finish()?;
        let issuer = call.issuer()?;
        let body = call.body.clone();
        let parsed = tokio::task::spawn_blocking(move || parse(&body, &issuer));
        let parsed = parsed
            .await
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the lines cannot be read"))??;
        let mut requests = Vec::with_capacity(parsed.len());
        let mut refused = Vec::new();
        for (place, request) in parsed.into_iter().enumerate() {
            match request {
                Ok(request) => requests.push(request),
                Err(rejection) => refused.push((place, rejection)),
            }
        }
        let mut answers = Vec::with_capacity(requests.len());
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(SUBMISSION_REQUESTS_MAX));
            answers.extend(service.ledger.submit_many_async(requests).await?);
            requests = rest;
        }
        let written = tokio::task::spawn_blocking(move || write(answers, refused));
        let bytes = written
            .await
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the results cannot be written"))?;
        let mut response = Response::new(Body::from(bytes));
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(response)
    })
}

fn parse(body: &[u8], issuer: &IssuerId) -> Result<Vec<Result<Request, Rejection>>, Fault> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Fault::invalid("", "the body must be text in UTF-8"))?;
    let mut requests = Vec::new();
    for line in text.lines() {
        if requests.len() == BULK_LINES_MAX {
            let message = format!("a call has at most {BULK_LINES_MAX} lines");
            return Err(Fault::new("REQUEST_TOO_LARGE", message));
        }
        let request = line::parse(line).map(|line| line.request);
        requests.push(request.and_then(|request| {
            if request.issuer == *issuer {
                Ok(request)
            } else {
                Err(Rejection::invalid(
                    "issuerId",
                    "must be the issuer of the path",
                ))
            }
        }));
    }
    Ok(requests)
}

fn write(answers: Vec<Answer>, refused: Vec<(usize, Rejection)>) -> Vec<u8> {
    let mut out = Vec::with_capacity((answers.len() + refused.len()) * 80);
    let mut answers = answers.into_iter();
    let mut refused = refused.into_iter().peekable();
    for place in 0.. {
        let line = place + 1;
        if let Some((_, rejection)) = refused.next_if(|(at, _)| *at == place) {
            write_line(&mut out, &refusal(line, &rejection));
        } else if let Some(answer) = answers.next() {
            match &answer.outcome {
                Ok(accepted) => write_line(
                    &mut out,
                    &ResultLine {
                        line,
                        status: if answer.replayed {
                            "REPLAYED"
                        } else {
                            "APPLIED"
                        },
                        operation_id: accepted.operation.map(|id| id.to_string()),
                        account_reference: accepted.account.map(|account| account.to_string()),
                        code: None,
                        field: None,
                        message: None,
                    },
                ),
                Err(refused) => write_line(&mut out, &refusal(line, &refused.rejection)),
            }
        } else {
            break;
        }
    }
    out
}

fn write_line(out: &mut Vec<u8>, line: &ResultLine<'_>) {
    serde_json::to_writer(&mut *out, line).expect("writing to memory does not fail");
    out.write_all(b"\n")
        .expect("writing to memory does not fail");
}

fn refusal(line: usize, rejection: &Rejection) -> ResultLine<'_> {
    let existing = match rejection {
        Rejection::DuplicateExternalTriplet {
            existing,
            same_payload,
        } => Some((existing.to_string(), *same_payload)),
        _ => None,
    };
    ResultLine {
        line,
        status: match existing {
            Some((_, true)) => "SKIPPED_DUPLICATE",
            Some((_, false)) | None => "REJECTED",
        },
        operation_id: existing.map(|(operation, _)| operation),
        account_reference: None,
        code: Some(rejection.code()),
        field: Some(rejection.field()).filter(|field| !field.is_empty()),
        message: Some(rejection.to_string()),
    }
}
