//! From the list of endpoints to what axum serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::RequestPartsExt as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, Method, Response};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on, post};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use uuid::Uuid;

use super::call::{Call, check_headers, repeatable_correlation};
use super::commands;
use super::config::ErrorProfile;
use super::documents;
use super::endpoint::{Endpoint, Work};
use super::endpoints;
use super::fault::Fault;
use super::field_filter::FieldFilter;
use super::guard::{self, Admitted, Notes};
use super::query::Query;
use super::reads::POSITION_MAX;
use super::reply::{Reply, Stamp, Time, prefers_problem};
use super::service::Service;
use super::{probes, token};
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
    let tokens = Arc::clone(service);
    router
        .merge(documents::router())
        .route(
            token::PATH,
            post(move |request: Request| guard::give_token(tokens, request)),
        )
        .method_not_allowed_fallback(|request: Request| async move {
            let message = "the path is not called with this method";
            let (parts, body) = request.into_parts();
            discard(&parts.headers, body).await;
            apology(&parts.headers, &Fault::new("METHOD_NOT_ALLOWED", message))
        })
        .fallback(|request: Request| async move {
            let message = "there is nothing at this path";
            let (parts, body) = request.into_parts();
            discard(&parts.headers, body).await;
            apology(&parts.headers, &Fault::new("NOT_FOUND", message))
        })
        .layer(from_fn_with_state(Arc::clone(service), guard::watch))
        .merge(probes::router(service, false))
}

/// Answers a call that no endpoint takes.
pub(crate) fn apology(headers: &HeaderMap, fault: &Fault) -> Response<Body> {
    let mut response = stamp(headers).failure(fault);
    let notes = Notes::refused(fault.code);
    response.extensions_mut().insert(notes);
    response
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
        profile: ErrorProfile::default(),
        prefers_problem: prefers_problem(asked),
    }
}

async fn answer(
    service: Arc<Service>,
    endpoint: Arc<Endpoint>,
    request: Request,
) -> Response<Body> {
    let mut stamp = stamp(request.headers());
    stamp.profile = service.error_profile;
    let mut notes = Notes::of(&endpoint);
    let answered = admitted(&service, &endpoint, request, &mut stamp, &mut notes).await;
    let mut response = answered.unwrap_or_else(|fault| {
        notes.code = Some(fault.code);
        stamp.failure(&fault)
    });
    notes.correlation = stamp.correlation;
    response.extensions_mut().insert(notes);
    response
}

/// Finds out who calls, and answers the call if it may be made.
async fn admitted(
    service: &Arc<Service>,
    endpoint: &Endpoint,
    request: Request,
    stamp: &mut Stamp,
    notes: &mut Notes,
) -> Result<Response<Body>, Fault> {
    let known = service.guard.identify(&request).and_then(|client| {
        notes.client.clone_from(&client.id);
        // Its place is taken until the answer is there, and one that is written bit by bit was sent.
        let admitted = service.guard.admit(endpoint, client, &request)?;
        let many = endpoint.brings_many();
        let bringing = many.then(|| service.guard.bring_many()).transpose()?;
        Ok((admitted, bringing))
    });
    let (admitted, _bringing) = match known {
        Ok(admitted) => admitted,
        Err(fault) => {
            let (parts, body) = request.into_parts();
            discard(&parts.headers, body).await;
            return Err(fault);
        }
    };
    match read(service, endpoint, request, &admitted).await {
        Ok(call) => {
            notes.is_posting = matches!(endpoint.work, Work::Command(_));
            let issuer = call.element("issuerId").to_owned();
            let answered = work(service, endpoint, call, stamp).await;
            // Asked after the work, which may have created the issuer.
            stamp.zone = service.zone(&issuer);
            answered.map(|done| guard::held(done.into_response(stamp), admitted.answered()))
        }
        Err(fault) => Err(fault),
    }
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
    // Known before anything is done, so that a command is not carried out and then refused.
    let filter = match endpoint.work {
        Work::Command(_) | Work::Read(_) | Work::Ask(..) => FieldFilter::of(&call.query)?,
        Work::Whole(_) => None,
    };
    match endpoint.work {
        Work::Command(command) => {
            let reply = commands::carry_out(service, &call, command, stamp).await?;
            filtered(filter.as_ref(), reply)
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
            filtered(filter.as_ref(), reply)
        }
        Work::Whole(whole) => Ok(Done::Whole(whole(Arc::clone(service), call).await?)),
    }
}

/// A reply without what the caller does not want.
fn filtered(filter: Option<&FieldFilter>, reply: Reply) -> Result<Done, Fault> {
    let Some(filter) = filter else {
        return Ok(Done::Reply(reply));
    };
    let data = filter
        .apply(&reply.data)
        .map_err(|_| Fault::new("INTERNAL_ERROR", "the answer cannot be written"))?;
    Ok(Done::Reply(Reply { data, ..reply }))
}

/// How long a question waits for the position that it asks to be answered from at least.
const POSITION_WAIT: Duration = Duration::from_millis(250);
/// How often it is looked whether the position is there.
const POSITION_PAUSE: Duration = Duration::from_millis(5);

/// Waits until the log reaches the position that a question asks for.
async fn reach(service: &Service, call: &Call) -> Result<(), Fault> {
    let Some(least) = call.query.number("minPosition", 0, POSITION_MAX)? else {
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
async fn read(
    service: &Service,
    endpoint: &Endpoint,
    request: Request,
    admitted: &Admitted,
) -> Result<Call, Fault> {
    let most = match endpoint.brings_many() {
        true => BULK_BYTES_MAX,
        false => BODY_BYTES_MAX,
    };
    let (mut parts, body) = request.into_parts();
    // Read even where something else is wrong: a connection with an unread body cannot be used again.
    let body = read_body(body, most, service.guard.body_timeout).await;
    check_headers(&parts.headers)?;
    let params: Result<RawPathParams, _> = parts.extract().await;
    let params = params.map_err(|_| Fault::invalid("path", "must be escaped text in UTF-8"))?;
    let path: BTreeMap<String, String> = params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // Before anything else is looked at, so that nothing tells this issuer from one that does not exist.
    if let Some(issuer) = path.get("issuerId") {
        admitted.client.look_at(issuer)?;
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let body = body?;
    if !body.is_empty() {
        check_media_type(endpoint, &parts.headers)?;
    }
    Ok(Call {
        client: admitted.client.clone(),
        under_way: Arc::clone(&admitted.under_way),
        path,
        target,
        query,
        headers: parts.headers,
        body,
    })
}

/// Reads the body of a call that is refused, as far as it comes at once and is no longer than a command: the caller
/// may then go on with the connection. Nothing of it is kept. Who asks before sending it is not told to send it.
async fn discard(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > BODY_BYTES_MAX {
                break;
            }
        }
    };
    // One that takes longer costs its sender the connection.
    let _ = tokio::time::timeout(DISCARD_WAIT, read).await;
}

/// How long the body of a refused call may take.
const DISCARD_WAIT: Duration = Duration::from_secs(5);

pub(crate) async fn read_body(body: Body, most: usize, within: Duration) -> Result<Bytes, Fault> {
    let collected = tokio::time::timeout(within, Limited::new(body, most).collect()).await;
    let collected =
        collected.map_err(|_| Fault::new("REQUEST_TIMEOUT", "the body did not arrive in time"))?;
    match collected {
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
