//! What stands before every call: who calls, whether there is room, and what is kept of it for those who run the
//! service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, Response};
use axum::middleware::Next;
use http_body_util::BodyExt as _;
use ledger_core::text::holds_card_number;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::auth::{Authenticator, Client};
use super::config::Config;
use super::connection::{Answering, Calls, Door};
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::limits::{Caller, Limits, UnderWay, busy, too_often};
use super::metrics::{Counted, Metrics};
use super::router::apology;
use super::service::Service;
use super::setup::SetupError;
use super::token::clients::Clients;
use super::token::signing_key::SigningKey;
use super::token::{self, Refused, TokenIssuer};
use super::trace_context::{TRACEPARENT, TraceContext};
use super::{auth, fault};
use crate::ledger::Ledger;

/// Calls that read the whole log at a time, each with a thread and books of its own.
pub(crate) const LOG_READS_MAX: usize = 8;
/// Calls with many commands at a time; with 16 MiB each, what their bodies take is bounded.
pub(crate) const BULK_CALLS_MAX: usize = 64;
/// Longest correlation id that is logged, in bytes.
const CORRELATION_BYTES_MAX: usize = 128;

/// Everything that calls pass.
#[derive(Debug)]
pub(crate) struct Guard {
    auth: Option<Authenticator>,
    pub(crate) token: Option<TokenIssuer>,
    limits: Arc<Limits>,
    pub(crate) metrics: Metrics,
    pub(crate) door: Door,
    pub(crate) body_timeout: Duration,
    log_reads: Arc<Semaphore>,
    /// Calls with many commands, whose bodies may be long.
    bulk_calls: Semaphore,
    stopping: AtomicBool,
}

/// A call that was let in, until dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) client: Client,
    /// Shared by whatever goes on for the call, also once whoever made it is gone.
    pub(crate) under_way: Arc<UnderWay>,
    /// Its connection is not silent until the answer begins.
    answering: Option<Answering>,
}

impl Admitted {
    /// The answer begins. How fast it is taken is the caller's affair from now on.
    pub(crate) fn answered(mut self) -> Self {
        self.answering = None;
        self
    }
}

/// What is kept of a call beside its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    /// Name of the endpoint; empty where there is none.
    pub(crate) endpoint: String,
    /// Whether it was a command, and got as far as to be carried out or refused as one.
    pub(crate) is_posting: bool,
    pub(crate) client: Option<Arc<str>>,
    pub(crate) code: Option<&'static str>,
    pub(crate) correlation: String,
}

impl Notes {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.name.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn refused(code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..Self::default()
        }
    }
}

impl Guard {
    pub(crate) fn new(ledger: &Arc<Ledger>, config: &Config, authority: Authority) -> Self {
        let Authority { auth, token } = authority;
        let limits = Arc::new(Limits::new(&config.limits));
        let idle = Duration::from_secs(config.limits.idle_timeout_s.get());
        let door = Door::new(config.limits.connections_max.get(), idle);
        Self {
            auth,
            token,
            metrics: Metrics::new(ledger, &limits, &door),
            limits,
            door,
            body_timeout: Duration::from_secs(config.limits.body_timeout_s.get()),
            log_reads: Arc::new(Semaphore::new(LOG_READS_MAX)),
            bulk_calls: Semaphore::new(BULK_CALLS_MAX),
            stopping: AtomicBool::new(false),
        }
    }

    /// Lets a call read the whole log until the permit is dropped, or refuses it where others do.
    pub(crate) fn read_log(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let permit = Arc::clone(&self.log_reads).try_acquire_owned();
        permit.map_err(|_| busy("too many calls read the whole log; nothing happened"))
    }

    /// Lets a call bring many commands until the permit is dropped, or refuses it where enough others do.
    pub(crate) fn bring_many(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let permit = self.bulk_calls.try_acquire();
        permit.map_err(|_| busy("too many calls bring many commands; nothing happened"))
    }

    /// From now on the service is not ready, though it answers what it has taken.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Who calls: whoever brings a token that is right, or anybody where none is asked for.
    pub(crate) fn identify(&self, request: &Request) -> Result<Client, Fault> {
        let Some(auth) = &self.auth else {
            return Ok(Client::anyone());
        };
        auth.client(request.headers()).map_err(|refused| {
            let attempt = self.limits.attempt(address(request));
            attempt.err().map_or(refused, too_often)
        })
    }

    /// Lets a call of a client in, if it may be made, and now.
    pub(crate) fn admit(
        &self,
        endpoint: &Endpoint,
        client: Client,
        request: &Request,
    ) -> Result<Admitted, Fault> {
        let caller = match &client.id {
            Some(id) => Caller::Client(Arc::clone(id)),
            None => Caller::of_address(address(request)),
        };
        let under_way = self.limits.admit(&caller)?;
        client.must_have(endpoint.scope)?;
        Ok(Admitted {
            client,
            under_way: Arc::new(under_way),
            answering: request.extensions().get().map(Calls::begin),
        })
    }
}

/// Where a call comes from.
pub(crate) fn address(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())
}

/// Whose tokens are believed, and what gives them out.
#[derive(Debug, Default)]
pub(crate) struct Authority {
    auth: Option<Authenticator>,
    token: Option<TokenIssuer>,
}

impl Authority {
    /// Reads the keys and clients that are configured.
    pub(crate) fn read(config: &Config) -> Result<Self, SetupError> {
        let Some(settings) = &config.auth else {
            return Ok(Self::default());
        };
        let (issuer, audience) = (&settings.issuer, &settings.audience);
        let mut keys = match &settings.keys {
            Some(path) => auth::keys::read(path)?,
            None => auth::keys::TrustedKeys::new(),
        };
        let mut own = None;
        if let Some(token) = &config.token {
            let key = SigningKey::read(&token.key)?;
            let clients = Clients::read(&token.clients)?;
            keys.insert(key.kid(), key.trusted());
            let lifetime_s = token.lifetime_s.get();
            own = Some(TokenIssuer::new(
                clients, &key, issuer, audience, lifetime_s,
            ));
        }
        let auth = Authenticator::new(keys, issuer, audience, settings.leeway_s);
        Ok(Self {
            auth: Some(auth),
            token: own,
        })
    }
}

/// Stands around every call: bounds how many there are, and keeps what is to be known of it.
pub(crate) async fn watch(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let started = Instant::now();
    let guard = &service.guard;
    let trace = TraceContext::of(request.headers());
    let method = method_name(request.method());
    let mut response = match guard.limits.enter() {
        Ok(under_way) => held(next.run(request).await, under_way),
        Err(fault) => apology(request.headers(), &fault),
    };
    let notes = response.extensions_mut().remove().unwrap_or_default();
    if let Some(header) = trace.header() {
        response.headers_mut().insert(TRACEPARENT, header);
    }
    keep(guard, &response, &notes, method, &trace, started.elapsed());
    response
}

/// Holds something until the answer was sent, where that is written bit by bit.
pub(crate) fn held<T: Send + 'static>(response: Response<Body>, held: T) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &held;
            frame
        }))
    })
}

fn keep(
    guard: &Guard,
    response: &Response<Body>,
    notes: &Notes,
    method: &'static str,
    trace: &TraceContext,
    took: Duration,
) {
    let status = response.status().as_u16();
    guard.metrics.count(Counted {
        endpoint: &notes.endpoint,
        status,
        code: notes.code,
        is_posting: notes.is_posting,
        took,
    });
    let client = notes.client.as_deref().filter(|id| is_loggable(id));
    let correlation = Some(notes.correlation.as_str()).filter(|text| is_loggable(text));
    tracing::info!(
        method,
        endpoint = notes.endpoint,
        status,
        code = notes.code,
        correlation,
        client,
        trace = trace.trace,
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "call"
    );
}

/// Whether what a caller sent may be logged.
fn is_loggable(text: &str) -> bool {
    let is_plain = |c: char| !c.is_control();
    !text.is_empty()
        && text.len() <= CORRELATION_BYTES_MAX
        && text.chars().all(is_plain)
        && !holds_card_number(text)
}

/// The method, unless it is one that a caller made up.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Answers a question for a token.
pub(crate) async fn give_token(service: Arc<Service>, request: Request) -> Response<Body> {
    let Some(issuer) = &service.guard.token else {
        let fault = fault::Fault::new("NOT_FOUND", "there is nothing at this path");
        return apology(request.headers(), &fault);
    };
    let attempt = service.guard.limits.attempt(address(&request));
    let (parts, body) = request.into_parts();
    let body = super::router::read_body(
        body,
        token::TOKEN_BODY_BYTES_MAX,
        service.guard.body_timeout,
    );
    let (mut response, client, refused) = match (attempt, body.await) {
        (Err(seconds), _) => {
            let refused = Refused::TooOften(seconds);
            (refused.response(), None, Some(refused))
        }
        (Ok(()), Err(_)) => {
            let refused = Refused::InvalidRequest("the body is too long, or did not arrive whole");
            (refused.response(), None, Some(refused))
        }
        (Ok(()), Ok(body)) => {
            let answered = issuer.answer(&parts.headers, &body).await;
            (answered.response, answered.client, answered.refused)
        }
    };
    if refused.is_none() {
        service.guard.metrics.count_token();
    }
    response.extensions_mut().insert(Notes {
        endpoint: "token".to_owned(),
        client: client.map(Into::into),
        code: refused.map(Refused::code),
        ..Notes::default()
    });
    response
}
