//! Whether the service lives, and whether it is ready: asked without a token, by those who run it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::get;
use serde::Serialize;

use super::service::Service;
use crate::status::Status;

#[derive(Serialize)]
struct Readiness {
    /// `READY`, `READ_ONLY` or `STOPPING`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `/livez` and `/readyz`. What the disk said is told only to those who may know this machine's files.
pub(crate) fn router(service: &Arc<Service>, tells_reason: bool) -> Router {
    let asked = Arc::clone(service);
    let ready = move || {
        let service = Arc::clone(&asked);
        async move { readiness(&service, tells_reason) }
    };
    let alive = || async { plain(StatusCode::OK, "text/plain", "alive\n".to_owned()) };
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
}

/// The probes, and `/metrics`.
pub(crate) fn operators_router(service: &Arc<Service>) -> Router {
    let scraped = Arc::clone(service);
    let metrics = move || {
        let service = Arc::clone(&scraped);
        async move {
            let text = tokio::task::spawn_blocking(move || service.guard.metrics.text()).await;
            match text {
                Ok(text) => plain(StatusCode::OK, OPEN_METRICS, text),
                Err(_) => plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain",
                    String::new(),
                ),
            }
        }
    };
    router(service, true).route("/metrics", get(metrics))
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn readiness(service: &Service, tells_reason: bool) -> Response<Body> {
    let (status, readiness) = match service.ledger.status() {
        Status::ReadOnly { reason, .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            Readiness {
                status: "READ_ONLY",
                code: Some(reason.code()),
                reason: Some(if tells_reason {
                    reason.to_string()
                } else {
                    "the disk failed; nothing is accepted until the service is started again"
                        .to_owned()
                }),
            },
        ),
        Status::Accepting if service.guard.is_stopping() => (
            StatusCode::SERVICE_UNAVAILABLE,
            Readiness {
                status: "STOPPING",
                code: Some("STOPPING"),
                reason: Some("calls under way are answered, and no others".to_owned()),
            },
        ),
        Status::Accepting => (
            StatusCode::OK,
            Readiness {
                status: "READY",
                code: None,
                reason: None,
            },
        ),
    };
    let text = serde_json::to_string(&readiness).unwrap_or_default();
    plain(status, "application/json", text)
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
