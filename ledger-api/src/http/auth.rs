//! Bearer tokens (RFC 6750): who calls, by a JWT that one of the trusted keys has signed.
//!
//! The key says which algorithm it is for; what a token says of that is only compared. A token names its key by
//! `kid`, and must come from the issuer and be meant for the audience of the configuration.

mod client;
pub(crate) mod keys;
pub(crate) mod signatures;
mod verified;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::client::{Client, Issuers};
use self::keys::TrustedKeys;
use self::verified::{Hash, Verified};
use super::endpoint::Scope;
use super::fault::Fault;
use crate::clock;

/// Longest name of a client, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// Checks tokens.
pub(crate) struct Authenticator {
    keys: TrustedKeys,
    issuer: String,
    audience: String,
    leeway_s: u64,
    verified: Verified,
}

/// What is read of a token beside what is validated.
#[derive(Deserialize)]
struct Claims {
    client_id: Option<String>,
    azp: Option<String>,
    sub: Option<String>,
    #[serde(default)]
    scope: String,
    issuers: Option<IssuersClaim>,
    exp: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IssuersClaim {
    One(String),
    Many(Vec<String>),
}

impl Authenticator {
    pub(crate) fn new(keys: TrustedKeys, issuer: &str, audience: &str, leeway_s: u64) -> Self {
        signatures::install();
        Self {
            keys,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            leeway_s,
            verified: Verified::default(),
        }
    }

    /// The client whose token a call brings.
    pub(crate) fn client(&self, headers: &HeaderMap) -> Result<Client, Fault> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Err(unauthorized("a bearer token is required", None));
        };
        let token = value.to_str().ok().and_then(bearer);
        let (Some(token), None) = (token, values.next()) else {
            let problem = "the Authorization header holds no bearer token";
            return Err(unauthorized(problem, Some("invalid_request")));
        };
        // Which of its properties is wrong helps only whoever tries them out.
        let hash = Hash::of(token);
        let now_s = clock::now().0.div_euclid(1_000);
        let known = self.verified.client(hash, now_s);
        known.or_else(|| self.verify(hash, token)).ok_or_else(|| {
            let problem = "the token is not valid, not yet, or no longer";
            unauthorized(problem, Some("invalid_token"))
        })
    }

    fn verify(&self, hash: Hash, token: &str) -> Option<Client> {
        let header = decode_header(token).ok()?;
        // An extension that must be understood is not.
        if header.crit.is_some() {
            return None;
        }
        let key = self.keys.get(&header.kid?)?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.leeway_s;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Claims>(token, &key.key, &validation).ok()?.claims;
        let id = claims.client_id.or(claims.azp).or(claims.sub)?;
        if id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX {
            return None;
        }
        let granted = Scope::ALL.into_iter().filter(|scope| {
            let mut names = claims.scope.split_ascii_whitespace();
            names.any(|name| name == scope.name())
        });
        let end_s = claims.exp.as_i64();
        let last_s = end_s.or_else(|| claims.exp.as_f64().map(whole_second))?;
        let until_s = last_s.saturating_add_unsigned(self.leeway_s);
        let client = Client {
            id: Some(id.into()),
            scopes: granted.collect(),
            issuers: issuers(claims.issuers),
            until_s: Some(until_s),
        };
        // One that ends at a part of a second is verified each time.
        if end_s.is_some() {
            self.verified.remember(hash, client.clone(), until_s);
        }
        Some(client)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a second that is no number of 64 bits is the last there is"
)]
fn whole_second(seconds: f64) -> i64 {
    // As it is compared when the token is verified.
    seconds.round() as i64
}

/// The token of a header's value; the name of the scheme is in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Without the claim, no issuer may be seen.
fn issuers(claim: Option<IssuersClaim>) -> Issuers {
    let named = match claim {
        None => Vec::new(),
        Some(IssuersClaim::One(one)) => vec![one],
        Some(IssuersClaim::Many(many)) => many,
    };
    if named.iter().any(|issuer| issuer == "*") {
        Issuers::All
    } else {
        Issuers::These(Arc::new(named.into_iter().collect()))
    }
}

fn unauthorized(problem: &str, error: Option<&str>) -> Fault {
    let challenge = match error {
        None => r#"Bearer realm="ledger""#.to_owned(),
        Some(error) => format!(r#"Bearer realm="ledger", error="{error}""#),
    };
    Fault {
        challenge: Some(challenge),
        ..Fault::new("UNAUTHORIZED", problem)
    }
}
