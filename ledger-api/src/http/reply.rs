//! The envelope of answers.

use std::time::Instant;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use ledger_core::time::{TimeZone, Timestamp};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::call::CORRELATION_ID;
use super::config::ErrorProfile;
use super::fault::Fault;

/// Says that the answer is the one that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How far the log reached that the answer is of.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("x-ledger-position");

/// What a call is answered.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Written as `data`.
    pub(crate) data: Box<RawValue>,
    pub(crate) links: Option<Links>,
    pub(crate) position: u64,
    /// Whether everything was looked at.
    pub(crate) is_complete: bool,
}

/// Where this page is, and the next.
#[derive(Debug, Serialize)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    pub(crate) own: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl Reply {
    pub(crate) fn of(data: &impl Serialize, position: u64) -> Result<Self, Fault> {
        let data = to_raw_value(data)
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the answer cannot be written"))?;
        Ok(Self {
            data,
            links: None,
            position,
            is_complete: true,
        })
    }
}

/// What an answer says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    /// As the caller gave it, or as it was made for the caller.
    pub(crate) correlation: String,
    pub(crate) replayed: bool,
    pub(crate) position: Option<u64>,
    pub(crate) time: Time,
    /// In whose offset times are written.
    pub(crate) zone: Option<TimeZone>,
    /// Which statuses refusals have.
    pub(crate) profile: ErrorProfile,
    /// Whether they are written as RFC 9457 has it, as the caller asked.
    pub(crate) prefers_problem: bool,
}

/// When an answer was given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Time {
    /// Now, to a call that came then.
    Now(Timestamp, Instant),
    /// When the record was recorded that holds the answer. The same command gets the same bytes again, so
    /// how long it took this time is not among them.
    Recorded(Timestamp),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    correlation_id: &'a str,
    status_message: &'a str,
    status_code: u16,
    response_date_time: String,
    time_taken_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<&'a Links>,
    /// Only written when a search looked at as much as one may, and there was more.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    response_metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Problem<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    existing: Option<Existing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Existing {
    operation_identifier: Identifier,
    same_payload: bool,
}

/// `{"operationId": …}`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationReferenceIdentifier)]
pub(crate) struct Identifier {
    pub(crate) operation_id: String,
}

/// `application/problem+json`, RFC 9457.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    correlation_id: &'a str,
    #[serde(flatten)]
    problem: Problem<'a>,
}

impl Stamp {
    fn metadata<'a>(
        &'a self,
        status: u16,
        message: &'a str,
        links: Option<&'a Links>,
    ) -> Metadata<'a> {
        let (at, time_taken_ms) = match self.time {
            Time::Now(at, received) => {
                let taken = u64::try_from(received.elapsed().as_millis()).unwrap_or(u64::MAX);
                (at, taken)
            }
            Time::Recorded(at) => (at, 0),
        };
        Metadata {
            correlation_id: &self.correlation,
            status_message: message,
            status_code: status,
            response_date_time: local(at, self.zone),
            time_taken_ms,
            links,
            complete: None,
        }
    }

    /// The answer of a call that was carried out.
    pub(crate) fn success(&self, reply: &Reply) -> Response<Body> {
        let metadata = self.metadata(200, "Executed successfully", reply.links.as_ref());
        let envelope = Envelope {
            response_metadata: Metadata {
                complete: (!reply.is_complete).then_some(false),
                ..metadata
            },
            data: Some(&reply.data),
            errors: None,
        };
        self.response(200, JSON, &envelope)
    }

    /// The answer of a call that was not, in the shape that the caller prefers.
    pub(crate) fn failure(&self, fault: &Fault) -> Response<Body> {
        let status = match (self.profile, fault.status()) {
            (ErrorProfile::Worldline, 409 | 422) => 400,
            (ErrorProfile::Ledger | ErrorProfile::Worldline, status) => status,
        };
        let problem = || Problem {
            code: fault.code,
            field: fault.field.as_deref(),
            message: &fault.message,
            existing: fault.existing.map(|(operation, same_payload)| Existing {
                operation_identifier: Identifier {
                    operation_id: operation.to_string(),
                },
                same_payload,
            }),
        };
        let title = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Error");
        let mut response = if self.prefers_problem {
            let document = ProblemDocument {
                r#type: format!("urn:ledger:error:{}", fault.code),
                title,
                status,
                detail: &fault.message,
                correlation_id: &self.correlation,
                problem: problem(),
            };
            self.response(status, PROBLEM_JSON, &document)
        } else {
            let envelope = Envelope {
                response_metadata: self.metadata(status, title, None),
                data: None,
                errors: Some([problem()]),
            };
            self.response(status, JSON, &envelope)
        };
        if let Some(seconds) = fault.retry_after_s {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = &fault.challenge
            && let Ok(challenge) = HeaderValue::from_str(challenge)
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    fn response(
        &self,
        status: u16,
        content_type: &'static str,
        body: &impl Serialize,
    ) -> Response<Body> {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        self.beside(response)
    }

    /// Says in the headers of an answer what is to be said of it.
    pub(crate) fn beside(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        // Balances are nobody's to keep on the way.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(correlation) = HeaderValue::from_bytes(self.correlation.as_bytes()) {
            headers.insert(CORRELATION_ID, correlation);
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(position) = self.position {
            headers.insert(POSITION, HeaderValue::from(position));
        }
        response
    }
}

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";

/// Whether a caller would rather have a refusal as RFC 9457 writes it.
pub(crate) fn prefers_problem(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(PROBLEM_JSON))
}

/// `yyyy-MM-ddTHH:mm:ss.SSS+hhmm`, the offset without a colon as the source has it here alone.
fn local(at: Timestamp, zone: Option<TimeZone>) -> String {
    let utc = TimeZone::from_name("UTC");
    let local = zone.or(utc).and_then(|zone| zone.local(at));
    local.map_or_else(
        || at.0.to_string(),
        |local| local.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string(),
    )
}
