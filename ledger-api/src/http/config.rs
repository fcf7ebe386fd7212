//! How the service is run: one configuration of a file, the environment and flags, later ones first.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ledger_store::StoreKind;
use serde::{Deserialize, Serialize};

use super::setup::{SetupError, read_text};

/// What names of the environment begin with; sections are parted by two underscores: `LEDGER_SERVE_TLS__KEY`.
pub const ENVIRONMENT: &str = "LEDGER_SERVE_";

/// Everything that can be configured. Names are those of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of the ledger.
    pub data: PathBuf,
    /// Store of the log, `sled` or `redb`; a new ledger is kept in sled, an existing one must agree.
    #[serde(with = "store_name")]
    pub store: Option<StoreKind>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Refuse commands without a correlation id, rather than making one up for them.
    pub strict: bool,
    /// Which statuses refusals have.
    pub error_profile: ErrorProfile,
    /// Where to listen for `/metrics`, `/livez` and `/readyz`, without TLS and tokens. Absent: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Listen beyond this machine without asking for tokens.
    pub insecure_no_auth: bool,
    /// Listen beyond this machine without TLS, for instance behind a proxy that ends it.
    pub insecure_plain_http: bool,
    /// Least level that is logged: `error`, `warn`, `info`, `debug`, `trace`; or by module, `warn,ledger_api=info`.
    pub log: String,
    /// How long calls under way may take once the service was told to stop, in seconds.
    pub stop_wait_s: u64,
    /// Who may call. Absent: everybody who can connect.
    pub auth: Option<AuthConfig>,
    /// Tokens given out by this service. Needs `auth`.
    pub token: Option<TokenConfig>,
    /// TLS. Absent: plain HTTP.
    pub tls: Option<TlsConfig>,
    /// How much, how often, how long.
    pub limits: LimitsConfig,
}

/// Which tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// File of the public keys, in JWKS. May be absent where `token` has a key of its own.
    pub keys: Option<PathBuf>,
    /// What the claim `iss` must be; tokens given out here have it.
    pub issuer: String,
    /// What the claim `aud` must be or hold; tokens given out here have it.
    pub audience: String,
    /// By how much the clocks of others may be wrong, in seconds.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
}

/// How tokens are given out, at `/oauth2/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// File of the private key, as `ledger token-key` makes it.
    pub key: PathBuf,
    /// File of the clients, with entries as `ledger client-secret` makes them.
    pub clients: PathBuf,
    /// How long a token is valid, in seconds.
    #[serde(default = "lifetime_s")]
    pub lifetime_s: NonZeroU64,
}

/// The service's certificate, and its callers'.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// File of the certificate and those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// File of its private key, in PEM.
    pub key: PathBuf,
    /// File of the certificates that vouch for callers, in PEM. Absent: callers are asked for none.
    pub client_ca: Option<PathBuf>,
    /// Whether a caller must have a certificate, where `client_ca` is given.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Which statuses refusals have; their codes are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorProfile {
    /// The status that says most.
    #[default]
    Ledger,
    /// The statuses that the source publishes for its calls, which have no 409 and no 422: these are 400.
    Worldline,
}

/// Whether callers must have certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// A call without one is not taken.
    #[default]
    Required,
    /// One that is shown must be right.
    Optional,
}

/// How much, how often, how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Calls of one client a second, in the long run.
    pub client_calls_per_second: NonZeroU32,
    /// Calls of one client that may come at once.
    pub client_burst: NonZeroU32,
    /// Calls of one client under way.
    pub client_calls_max: NonZeroU32,
    /// Calls under way, of all.
    pub calls_max: NonZeroU32,
    /// Connections that are open.
    pub connections_max: NonZeroU32,
    /// Calls under way on one connection of HTTP/2.
    pub streams_max: NonZeroU32,
    /// Bytes of path and headers of a call, at least 8192.
    pub header_bytes_max: u32,
    /// Headers of a call, over HTTP/1.1.
    pub headers_max: NonZeroU32,
    /// How long path and headers may take to come, and the next call of a connection to begin, in seconds.
    pub header_timeout_s: NonZeroU64,
    /// How long the body of a call may take to come, in seconds.
    pub body_timeout_s: NonZeroU64,
    /// How long a connection may be silent, but for waiting for an answer to begin, or take nothing of one, in seconds.
    pub idle_timeout_s: NonZeroU64,
}

/// What flags say; each overrides file and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConfigFlags {
    /// See [`Config::data`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// See [`Config::store`].
    #[serde(skip_serializing_if = "Option::is_none", with = "store_name")]
    pub store: Option<StoreKind>,
    /// See [`Config::listen`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// See [`Config::strict`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// See [`Config::metrics_listen`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// See [`Config::insecure_no_auth`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_no_auth: Option<bool>,
    /// See [`Config::insecure_plain_http`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_plain_http: Option<bool>,
}

/// The least that [`LimitsConfig::header_bytes_max`] may be.
pub const HEADER_BYTES_LEAST: u32 = 8 * 1024;

impl Config {
    /// Reads the configuration: the file if one is given, over it the environment, over it the flags.
    ///
    /// # Errors
    /// [`SetupError::Configuration`] for a key that is not known, or a value that cannot be; names it and where it
    /// stands. [`SetupError::Value`] for values that contradict each other.
    pub fn load(file: Option<&Path>, flags: &ConfigFlags) -> Result<Self, SetupError> {
        let mut figment = Figment::new();
        if let Some(path) = file {
            // Read here, since a file that is not there would be passed over.
            read_text(path)?;
            figment = figment.merge(Toml::file_exact(path));
        }
        let config: Self = figment
            .merge(Env::prefixed(ENVIRONMENT).split("__"))
            .merge(Serialized::defaults(flags))
            .extract_lossy()
            .map_err(|error| SetupError::Configuration(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// The configuration in JSON. What is named by keys that lead to secrets is not shown, since somebody may
    /// have put the secret itself there.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut shown = self.clone();
        if let Some(token) = &mut shown.token {
            token.key = MASK.into();
            token.clients = MASK.into();
        }
        if let Some(tls) = &mut shown.tls {
            tls.key = MASK.into();
        }
        serde_json::to_string(&shown).unwrap_or_default()
    }

    /// Refuses what no service can be run with, and what would be open to everybody by mistake.
    ///
    /// # Errors
    /// [`SetupError::Value`], naming the key.
    pub fn check(&self) -> Result<(), SetupError> {
        let is_beyond = !self.listen.ip().is_loopback();
        if is_beyond && self.auth.is_none() && !self.insecure_no_auth {
            let problem = "without `auth`, only an address of this machine is served, such as 127.0.0.1 \
                (or set insecure_no_auth)";
            return Err(SetupError::value("listen", problem));
        }
        if is_beyond && self.tls.is_none() && !self.insecure_plain_http {
            let problem = "without `tls`, only an address of this machine is served, such as 127.0.0.1 \
                (or set insecure_plain_http)";
            return Err(SetupError::value("listen", problem));
        }
        match (&self.auth, &self.token) {
            (None, Some(_)) => {
                return Err(SetupError::value("token", "needs `auth`"));
            }
            (Some(auth), None) if auth.keys.is_none() => {
                return Err(SetupError::value(
                    "auth.keys",
                    "is required without `token`",
                ));
            }
            _ => {}
        }
        if self.limits.header_bytes_max < HEADER_BYTES_LEAST {
            let problem = format!("must be at least {HEADER_BYTES_LEAST}");
            return Err(SetupError::value("limits.header_bytes_max", problem));
        }
        Ok(())
    }
}

/// Stands for what is not shown.
const MASK: &str = "***";

fn leeway_s() -> u64 {
    30
}

fn lifetime_s() -> NonZeroU64 {
    const { NonZeroU64::new(600).expect("not zero") }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "ledger-data".into(),
            store: None,
            listen: ([127, 0, 0, 1], 8080).into(),
            strict: false,
            error_profile: ErrorProfile::default(),
            metrics_listen: None,
            insecure_no_auth: false,
            insecure_plain_http: false,
            log: "info".to_owned(),
            stop_wait_s: 30,
            auth: None,
            token: None,
            tls: None,
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        const fn some(number: u32) -> NonZeroU32 {
            NonZeroU32::new(number).expect("not zero")
        }
        const fn seconds(number: u64) -> NonZeroU64 {
            NonZeroU64::new(number).expect("not zero")
        }
        Self {
            client_calls_per_second: const { some(10_000) },
            client_burst: const { some(20_000) },
            client_calls_max: const { some(1_024) },
            calls_max: const { some(8_192) },
            connections_max: const { some(4_096) },
            streams_max: const { some(256) },
            header_bytes_max: 32 * 1024,
            headers_max: const { some(64) },
            header_timeout_s: const { seconds(30) },
            body_timeout_s: const { seconds(60) },
            idle_timeout_s: const { seconds(120) },
        }
    }
}

/// A store by its name.
mod store_name {
    use ledger_store::StoreKind;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        store: &Option<StoreKind>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        store.map(|store| store.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<StoreKind>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let store = name.map(|name| name.parse());
        store.transpose().map_err(serde::de::Error::custom)
    }
}
