//! From the list of endpoints to what axum serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::RequestExt as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use uuid::Uuid;

use super::call::{Call, check_headers, repeatable_correlation};
use super::commands;
use super::endpoint::{Endpoint, Work};
use super::endpoints;
use super::fault::Fault;
use super::query::Query;
use super::reply::{Reply, Stamp, Time};
use super::service::Service;
use crate::clock;

/// Most bytes of the body of a call; a command is shorter.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a call with many commands.
pub(crate) const BULK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything that is served.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let mut router = Router::new();
    let mut paths: BTreeMap<String, MethodRouter> = BTreeMap::new();
    for endpoint in endpoints::all() {
        let service = Arc::clone(service);
        let filter = match endpoint.method {
            Method::GET => MethodFilter::GET,
            _ => MethodFilter::POST,
        };
        let path = endpoint.path.clone();
        let endpoint = Arc::new(endpoint);
        let handler = move |request: Request| {
            let (service, endpoint) = (Arc::clone(&service), Arc::clone(&endpoint));
            async move { answer(service, endpoint, request).await }
        };
        let methods = paths.remove(&path).unwrap_or_default();
        paths.insert(path, methods.merge(on(filter, handler)));
    }
    for (path, methods) in paths {
        router = router.route(&path, methods);
    }
    router
        .method_not_allowed_fallback(|request: Request| {
            apology(
                request,
                "METHOD_NOT_ALLOWED",
                "the path is not called with this method",
            )
        })
        .fallback(|request: Request| apology(request, "NOT_FOUND", "there is nothing at this path"))
}

/// Answers a call that no endpoint takes.
async fn apology(request: Request, code: &'static str, message: &'static str) -> Response<Body> {
    stamp(request.headers()).failure(&Fault::new(code, message), request.headers())
}

/// What an answer says of itself until more is known.
fn stamp(asked: &HeaderMap) -> Stamp {
    let received = Instant::now();
    let given = repeatable_correlation(asked).map(str::to_owned);
    Stamp {
        correlation: given.unwrap_or_else(|| Uuid::new_v4().to_string()),
        replayed: false,
        position: None,
        time: Time::Now(clock::now(), received),
        zone: None,
    }
}

async fn answer(
    service: Arc<Service>,
    endpoint: Arc<Endpoint>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers().clone();
    let mut stamp = stamp(&headers);
    let answered = match read(&endpoint, request).await {
        Ok(call) => {
            let issuer = call.element("issuerId").to_owned();
            let answered = work(&service, &endpoint, call, &mut stamp).await;
            // Asked after the work, which may have created the issuer.
            stamp.zone = service.zone(&issuer);
            answered.map(|done| done.into_response(&stamp))
        }
        Err(fault) => Err(fault),
    };
    answered.unwrap_or_else(|fault| stamp.failure(&fault, &headers))
}

/// What came of a call.
enum Done {
    /// To be put into the envelope.
    Reply(Reply),
    /// An answer in a shape of its own.
    Whole(Response<Body>),
}

impl Done {
    fn into_response(self, stamp: &Stamp) -> Response<Body> {
        match self {
            Self::Reply(reply) => stamp.success(&reply),
            Self::Whole(response) => stamp.beside(response),
        }
    }
}

async fn work(
    service: &Arc<Service>,
    endpoint: &Endpoint,
    call: Call,
    stamp: &mut Stamp,
) -> Result<Done, Fault> {
    match endpoint.work {
        Work::Command(command) => {
            let reply = commands::carry_out(service, &call, command, stamp).await?;
            Ok(Done::Reply(reply))
        }
        Work::Read(read) | Work::Ask(_, read) => {
            reach(service, &call).await?;
            let service = Arc::clone(service);
            // The log may have to be read.
            let reply: Reply = tokio::task::spawn_blocking(move || read(&service, &call))
                .await
                .map_err(|_| {
                    Fault::new("INTERNAL_ERROR", "the question ended the thread it was on")
                })??;
            stamp.position = Some(reply.position);
            Ok(Done::Reply(reply))
        }
        Work::Whole(whole) => Ok(Done::Whole(whole(Arc::clone(service), call).await?)),
    }
}

/// How long a question waits for the position that it asks to be answered from at least.
const POSITION_WAIT: Duration = Duration::from_secs(5);
/// How often it is looked whether the position is there.
const POSITION_PAUSE: Duration = Duration::from_millis(5);

/// Waits until the log reaches the position that a question asks for.
async fn reach(service: &Service, call: &Call) -> Result<(), Fault> {
    let Some(least) = call.query.number("minPosition", 0, u64::MAX)? else {
        return Ok(());
    };
    let until = Instant::now() + POSITION_WAIT;
    while service.position() < least {
        if Instant::now() >= until {
            let message = format!("the log ends at {}", service.position());
            return Err(Fault::at("minPosition", "POSITION_NOT_REACHED", message));
        }
        tokio::time::sleep(POSITION_PAUSE).await;
    }
    Ok(())
}

/// Takes a request apart.
async fn read(endpoint: &Endpoint, mut request: Request) -> Result<Call, Fault> {
    let received = Instant::now();
    check_headers(request.headers())?;
    let params: Result<RawPathParams, _> = request.extract_parts().await;
    let params = params.map_err(|_| Fault::invalid("path", "must be escaped text in UTF-8"))?;
    let path = params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let query = Query::parse(request.uri().query().unwrap_or_default())?;
    let target = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let most = match endpoint.work {
        Work::Command(_) | Work::Read(_) | Work::Ask(..) => BODY_BYTES_MAX,
        Work::Whole(_) => BULK_BYTES_MAX,
    };
    let (parts, body) = request.into_parts();
    let body = read_body(body, most).await?;
    if !body.is_empty() {
        check_media_type(endpoint, &parts.headers)?;
    }
    Ok(Call {
        received,
        path,
        target,
        query,
        headers: parts.headers,
        body,
    })
}

async fn read_body(body: Body, most: usize) -> Result<Bytes, Fault> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Fault::new(
            "REQUEST_TOO_LARGE",
            format!("the body has at most {most} bytes"),
        )),
        Err(_) => Err(Fault::invalid("", "the body did not arrive whole")),
    }
}

fn check_media_type(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), Fault> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let given = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let given = given.trim().to_ascii_lowercase();
    let taken: &[&str] = match endpoint.work {
        Work::Command(_) | Work::Read(_) | Work::Ask(..) => &["application/json"],
        Work::Whole(_) => &[
            "application/x-ndjson",
            "application/jsonl",
            "application/json",
        ],
    };
    if taken.contains(&given.as_str()) {
        return Ok(());
    }
    let message = format!("the body must be {}", taken[0]);
    Err(Fault::at("Content-Type", "UNSUPPORTED_MEDIA_TYPE", message))
}
