//! A ledger that is served elsewhere, asked over HTTP: the queries of [`crate::Ledger`], with the same answers.
//!
//! Every call may be made twice without harm: questions change nothing, and a command brings its correlation id.
//! So where no answer came, or the service has no time, a call is made again, a few times.

mod connection;
mod error;
mod queries;
mod replay;

use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

pub use self::error::ClientError;

/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long the service may take to begin its answer; a head reads the whole log.
const ANSWER_WAIT: Duration = Duration::from_secs(600);

/// Where a service is, and how it is spoken to.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Where it is: `http://…` or `https://…`, perhaps with a path that a proxy puts before its own.
    pub url: String,
    /// A bearer token, if the service asks for one.
    pub token: Option<String>,
    /// Certificates in PEM that are trusted rather than those of the public authorities.
    pub ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is a secret.
        f.debug_struct("ClientOptions")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A service. No connection is made before the first call.
pub struct Client {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
    /// The value of the header that carries the token.
    authorization: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares to call a service.
    ///
    /// # Errors
    /// [`ClientError::Unusable`] when the URL, the token or the certificates are not what they should be.
    pub fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let url = checked_url(&options.url)?;
        let roots = match &options.ca {
            None => RootCerts::WebPki,
            Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        };
        let tls = TlsConfig::builder().root_certs(roots).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the service alone, and so are commands.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("ledger/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_recv_response(Some(ANSWER_WAIT))
            .tls_config(tls)
            .build();
        let token = options.token.as_deref().map(str::trim);
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            let problem = "the token must be printable characters without spaces";
            return Err(ClientError::Unusable(problem.to_owned()));
        }
        Ok(Self {
            agent: config.new_agent(),
            url,
            authorization: token.map(|token| format!("Bearer {token}")),
        })
    }

    /// Where the service is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn checked_url(text: &str) -> Result<String, ClientError> {
    let unusable = |problem: &str| ClientError::Unusable(format!("the URL {problem}"));
    let uri: Uri = text
        .parse()
        .map_err(|_| unusable("cannot be read; it is one such as http://127.0.0.1:8080"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(unusable("must begin with http:// or https://"));
    }
    if uri.query().is_some() {
        return Err(unusable("must have no query"));
    }
    // It would be shown with the URL; a token is the way to say who calls.
    if uri.authority().is_some_and(|of| of.as_str().contains('@')) {
        return Err(unusable("must not hold a user or password"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ClientError> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => {
                let problem = format!("the certificates cannot be read: {error}");
                return Err(ClientError::Unusable(problem));
            }
        }
    }
    if certificates.is_empty() {
        let problem = "the file of certificates has none in PEM";
        return Err(ClientError::Unusable(problem.to_owned()));
    }
    Ok(certificates)
}
