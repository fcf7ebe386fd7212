//! Tokens for clients that show their secret: `POST /oauth2/token` (RFC 6749, client credentials).

pub(crate) mod clients;
pub(crate) mod signing_key;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::clients::{Clients, KnownClient};
use self::signing_key::SigningKey;
use super::auth::signatures;
use super::endpoint::Scope;
use crate::clock;

/// Where tokens are asked for.
pub(crate) const PATH: &str = "/oauth2/token";
/// Most bytes of a question for a token.
pub(crate) const TOKEN_BODY_BYTES_MAX: usize = 8 * 1024;
/// Secrets that are checked at a time. Each takes a core for tens of milliseconds, and 19 MiB.
const CHECKS_MAX: usize = 2;
/// How long a question waits for its turn.
const CHECK_WAIT: Duration = Duration::from_secs(5);

/// Gives out tokens.
pub(crate) struct TokenIssuer {
    clients: Arc<Clients>,
    key: EncodingKey,
    kid: String,
    issuer: String,
    audience: String,
    lifetime_s: u64,
    checks: Arc<Semaphore>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    issuers: &'a [String],
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
}

#[derive(Serialize)]
struct Granted<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'a str,
}

/// Why there is no token. Source: RFC 6749, 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    InvalidRequest(&'static str),
    /// Whether the caller showed its secret in the header.
    InvalidClient(bool),
    UnsupportedGrantType,
    InvalidScope,
    /// Too many ask at once.
    Unavailable,
    /// This caller asks too often.
    TooOften(u32),
    Internal,
}

/// The name and secret of a caller.
struct Shown {
    id: String,
    secret: String,
    in_header: bool,
}

/// What came of a question.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    /// The client that a token was given to.
    pub(crate) client: Option<String>,
    pub(crate) refused: Option<Refused>,
}

impl TokenIssuer {
    pub(crate) fn new(
        clients: Clients,
        key: &SigningKey,
        issuer: &str,
        audience: &str,
        lifetime_s: u64,
    ) -> Self {
        signatures::install();
        Self {
            clients: Arc::new(clients),
            key: key.signing(),
            kid: key.kid(),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            lifetime_s,
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
        }
    }

    pub(crate) async fn answer(&self, headers: &HeaderMap, body: &Bytes) -> Answered {
        match self.granted(headers, body).await {
            Ok((client, response)) => Answered {
                response,
                client: Some(client),
                refused: None,
            },
            Err(refused) => Answered {
                response: refused.response(),
                client: None,
                refused: Some(refused),
            },
        }
    }

    async fn granted(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(String, Response<Body>), Refused> {
        let form = form(headers, body)?;
        let shown = shown(headers, &form)?;
        let grant = form.get("grant_type");
        match grant.map(String::as_str) {
            Some("client_credentials") => {}
            Some(_) => return Err(Refused::UnsupportedGrantType),
            None => return Err(Refused::InvalidRequest("grant_type is required")),
        }
        let client = self.checked(&shown).await?;
        let scope = granted_scope(&client, form.get("scope").map(String::as_str))?;
        let token = self.sign(&shown.id, &client, &scope)?;
        let body = Granted {
            access_token: token,
            token_type: "Bearer",
            expires_in: self.lifetime_s,
            scope: &scope,
        };
        let bytes = serde_json::to_vec(&body).map_err(|_| Refused::Internal)?;
        Ok((shown.id, json(StatusCode::OK, bytes)))
    }

    async fn checked(&self, shown: &Shown) -> Result<KnownClient, Refused> {
        let turn = Arc::clone(&self.checks).acquire_owned();
        let turn = tokio::time::timeout(CHECK_WAIT, turn).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Refused::Unavailable)?;
        let clients = Arc::clone(&self.clients);
        let (id, secret) = (shown.id.clone(), shown.secret.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let known = clients.verified(&id, &secret).cloned();
            // Here, since whoever asked may be gone while the check goes on.
            drop(turn);
            known
        });
        let client = checked.await.map_err(|_| Refused::Internal)?;
        client.ok_or(Refused::InvalidClient(shown.in_header))
    }

    fn sign(&self, id: &str, client: &KnownClient, scope: &str) -> Result<String, Refused> {
        let now = u64::try_from(clock::now().0 / 1_000).map_err(|_| Refused::Internal)?;
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: id,
            client_id: id,
            scope,
            issuers: &client.issuers,
            iat: now,
            nbf: now,
            exp: now.saturating_add(self.lifetime_s),
            jti: Uuid::new_v4().to_string(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        encode(&header, &claims, &self.key).map_err(|_| Refused::Internal)
    }
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The parameters of the body. Source: RFC 6749, 3.2: none may be given twice; one without a value is not given.
fn form(headers: &HeaderMap, body: &Bytes) -> Result<BTreeMap<String, String>, Refused> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        let problem = "the body must be application/x-www-form-urlencoded";
        return Err(Refused::InvalidRequest(problem));
    }
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if value.is_empty() {
            continue;
        }
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Refused::InvalidRequest("a parameter is given twice"));
        }
    }
    Ok(form)
}

/// The name and secret that the caller shows, in one way alone. Source: RFC 6749, 2.3.1.
fn shown(headers: &HeaderMap, form: &BTreeMap<String, String>) -> Result<Shown, Refused> {
    let (id, secret) = (form.get("client_id"), form.get("client_secret"));
    let Some(header) = headers.get(AUTHORIZATION) else {
        return match (id, secret) {
            (Some(id), Some(secret)) => Ok(Shown {
                id: id.clone(),
                secret: secret.clone(),
                in_header: false,
            }),
            _ => Err(Refused::InvalidClient(false)),
        };
    };
    if secret.is_some() {
        let problem = "the client shows its secret in two ways";
        return Err(Refused::InvalidRequest(problem));
    }
    let (shown_id, secret) = header
        .to_str()
        .ok()
        .and_then(basic)
        .ok_or(Refused::InvalidClient(true))?;
    if id.is_some_and(|id| *id != shown_id) {
        return Err(Refused::InvalidRequest(
            "client_id is not that of the header",
        ));
    }
    Ok(Shown {
        id: shown_id,
        secret,
        in_header: true,
    })
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim_matches(' ')).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

/// Both are escaped as in a form before they are put into the header.
fn decoded(text: &str) -> String {
    // A form of one nameless value; an ampersand or equals sign in it is escaped.
    let form = format!("v={text}");
    let value = form_urlencoded::parse(form.as_bytes()).next();
    value.map_or_else(String::new, |(_, value)| value.into_owned())
}

/// What is granted: everything the client may have, or the part that it asks for.
fn granted_scope(client: &KnownClient, asked: Option<&str>) -> Result<String, Refused> {
    let names: Vec<&str> = client
        .scopes
        .iter()
        .map(|scope| Scope::name(*scope))
        .collect();
    let Some(asked) = asked else {
        return Ok(names.join(" "));
    };
    let mut granted = Vec::new();
    for name in asked.split(' ').filter(|name| !name.is_empty()) {
        let known = names.iter().find(|known| **known == name);
        let known = known.ok_or(Refused::InvalidScope)?;
        if !granted.contains(known) {
            granted.push(*known);
        }
    }
    Ok(granted.join(" "))
}

impl Refused {
    /// As RFC 6749 names it; the last three are beyond it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::Unavailable | Self::TooOften(_) => "temporarily_unavailable",
            Self::Internal => "server_error",
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let (status, description) = match self {
            Self::InvalidRequest(problem) => (StatusCode::BAD_REQUEST, problem),
            Self::InvalidClient(_) => (
                StatusCode::UNAUTHORIZED,
                "there is no such client, or the secret is not its own",
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "tokens are given for client_credentials only",
            ),
            Self::InvalidScope => (
                StatusCode::BAD_REQUEST,
                "the client may not have one of the scopes",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many ask for tokens at once",
            ),
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "the caller asks too often"),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the token could not be made",
            ),
        };
        let body = serde_json::json!({"error": self.code(), "error_description": description});
        let mut response = json(status, body.to_string().into_bytes());
        let headers = response.headers_mut();
        match self {
            Self::InvalidClient(true) => {
                let challenge =
                    HeaderValue::from_static(r#"Basic realm="ledger", charset="UTF-8""#);
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::TooOften(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from(1));
            }
            Self::InvalidRequest(_)
            | Self::InvalidClient(false)
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::Internal => {}
        }
        response
    }
}

fn json(status: StatusCode, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
