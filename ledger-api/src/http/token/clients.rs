//! The clients that may ask for tokens, and their secrets.
//!
//! A secret is kept as a hash (Argon2id, one cost for all). An unknown client costs as much as a known one,
//! so that the time of an answer does not tell who is known.

use std::collections::BTreeMap;
use std::path::Path;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use figment::Figment;
use figment::providers::{Format, Toml};
use ledger_core::text::IssuerId;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::http::endpoint::Scope;
use crate::http::setup::{SetupError, read_text};

/// Bytes of a secret, before they are written as text.
const SECRET_BYTES: usize = 32;

/// What `ledger client-secret` makes hashes with; `clients` takes no others, so that all cost the same.
fn hasher() -> Argon2<'static> {
    Argon2::default()
}

/// A client as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// Name of the client, 1 to 128 bytes.
    pub id: String,
    /// Hash of its secret in the PHC format: `$argon2id$v=19$…`.
    pub secret_hash: String,
    /// Scopes that it may ask for.
    pub scopes: Vec<String>,
    /// Issuers that it may see; `*` for all.
    pub issuers: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clients: Vec<ClientEntry>,
}

/// A client that may ask for tokens.
#[derive(Debug, Clone)]
pub(crate) struct KnownClient {
    pub(crate) scopes: Vec<Scope>,
    pub(crate) issuers: Vec<String>,
    hash: PasswordHash,
}

/// Everybody who may ask for tokens.
#[derive(Debug)]
pub(crate) struct Clients {
    known: BTreeMap<String, KnownClient>,
    /// Of a secret that nobody has.
    unknown: PasswordHash,
}

impl Clients {
    pub(crate) fn read(path: &Path) -> Result<Self, SetupError> {
        let text = read_text(path)?;
        let file: File = Figment::from(Toml::string(&text))
            .extract()
            .map_err(|error| SetupError::at(path, format!("cannot be read: {error}")))?;
        let mut known = BTreeMap::new();
        for entry in file.clients {
            let id = entry.id.clone();
            let client = entry.known().map_err(|problem| {
                SetupError::at(path, format!("client {:?}: {problem}", short(&id)))
            })?;
            if known.insert(id.clone(), client).is_some() {
                let problem = format!("client {:?} is there twice", short(&id));
                return Err(SetupError::at(path, problem));
            }
        }
        let (_, unknown) = secret()?;
        Ok(Self { known, unknown })
    }

    /// The client, if the secret is its own. Takes tens of milliseconds; not for async threads.
    pub(crate) fn verified(&self, id: &str, secret: &str) -> Option<&KnownClient> {
        let client = self.known.get(id);
        let hash = client.map_or(&self.unknown, |client| &client.hash);
        let is_right = hasher().verify_password(secret.as_bytes(), hash).is_ok();
        client.filter(|_| is_right)
    }
}

impl ClientEntry {
    /// A client with a new secret, which is given beside.
    ///
    /// # Errors
    /// [`SetupError`] when the entry is one that the service would refuse, or there is no randomness.
    pub fn with_new_secret(
        id: &str,
        scopes: Vec<String>,
        issuers: Vec<String>,
    ) -> Result<(Self, String), SetupError> {
        let (secret, hash) = secret()?;
        let entry = Self {
            id: id.to_owned(),
            secret_hash: hash.to_string(),
            scopes,
            issuers,
        };
        let checked = entry.clone().known();
        checked.map_err(|problem| SetupError::value("client", problem))?;
        Ok((entry, secret))
    }

    /// The entry as the clients' file has it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let quoted = |list: &[String]| {
            let quoted: Vec<_> = list.iter().map(|text| format!("{text:?}")).collect();
            quoted.join(", ")
        };
        // Names and hashes hold nothing that TOML writes otherwise than Rust: they are checked to be plain.
        format!(
            "[[clients]]\nid = {:?}\nsecret_hash = {:?}\nscopes = [{}]\nissuers = [{}]\n",
            self.id,
            self.secret_hash,
            quoted(&self.scopes),
            quoted(&self.issuers)
        )
    }

    fn known(self) -> Result<KnownClient, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:@".contains(c);
        if self.id.is_empty() || self.id.len() > 128 || !self.id.chars().all(is_plain) {
            return Err("the id must be 1 to 128 letters, digits and -._:@".to_owned());
        }
        let hash = PasswordHash::new(&self.secret_hash)
            .map_err(|_| "secret_hash is no hash in the PHC format".to_owned())?;
        let own = hasher();
        let params = argon2::Params::try_from(&hash).ok();
        let has_cost = params.is_some_and(|params| {
            let own = own.params();
            (params.m_cost(), params.t_cost(), params.p_cost())
                == (own.m_cost(), own.t_cost(), own.p_cost())
        });
        let is_whole = hash.salt.is_some() && hash.hash.is_some();
        if hash.algorithm.as_str() != "argon2id" || !has_cost || !is_whole {
            return Err("secret_hash is not one that `ledger client-secret` makes".to_owned());
        }
        let mut scopes = Vec::new();
        for name in &self.scopes {
            let scope = Scope::ALL.into_iter().find(|scope| scope.name() == name);
            scopes.push(scope.ok_or_else(|| {
                let known = Scope::ALL.map(Scope::name).join(", ");
                format!("{:?} is no scope; there are {known}", short(name))
            })?);
        }
        for issuer in &self.issuers {
            if issuer != "*" && IssuerId::new(issuer).is_err() {
                return Err(format!("{:?} cannot be an issuer", short(issuer)));
            }
        }
        Ok(KnownClient {
            scopes,
            issuers: self.issuers,
            hash,
        })
    }
}

/// A new secret and its hash.
fn secret() -> Result<(String, PasswordHash), SetupError> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SetupError::Randomness)?;
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hasher()
        .hash_password(secret.as_bytes())
        .map_err(|_| SetupError::Randomness)?;
    Ok((secret, hash))
}

/// As much of a text as an error repeats.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
