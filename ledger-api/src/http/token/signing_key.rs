//! The key that tokens of this service are signed with: Ed25519, in a file of its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::http::auth::keys::TrustedKey;
use crate::http::setup::{SetupError, read_text};

/// A line of a PEM file.
const PEM_LINE: usize = 64;

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SetupError::Randomness`].
    pub fn generate() -> Result<Self, SetupError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| SetupError::Randomness)?;
        Self::of(document.as_ref().to_vec()).ok_or(SetupError::Randomness)
    }

    /// Reads the key of a file in PEM (PKCS#8).
    ///
    /// # Errors
    /// [`SetupError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, SetupError> {
        let text = read_text(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let key = der
            .ok()
            .and_then(|der| Self::of(der.secret_pkcs8_der().to_vec()));
        key.ok_or_else(|| {
            let problem = "is no Ed25519 key in PEM that `ledger token-key` makes";
            SetupError::at(path, problem.to_owned())
        })
    }

    /// Writes the key to a new file that its owner alone may read.
    ///
    /// # Errors
    /// [`SetupError::Unreadable`] when there is a file, or it cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), SetupError> {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(path);
        let written = opened.and_then(|mut file| {
            file.write_all(self.pem().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| SetupError::Unreadable {
            path: path.to_owned(),
            source,
        })
    }

    /// The public key as a JWKS (RFC 7517), for whoever checks the tokens.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": self.kid(), "x": URL_SAFE_NO_PAD.encode(&self.public),
        }]})
    }

    /// Name of the key: its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(&self.public);
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }

    pub(crate) fn signing(&self) -> EncodingKey {
        EncodingKey::from_ed_der(&self.pkcs8)
    }

    pub(crate) fn trusted(&self) -> TrustedKey {
        TrustedKey {
            algorithm: Algorithm::EdDSA,
            // What `ring` calls DER is the bare key.
            key: DecodingKey::from_ed_der(&self.public),
        }
    }

    fn of(pkcs8: Vec<u8>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        Some(Self { pkcs8, public })
    }

    fn pem(&self) -> String {
        let text = STANDARD.encode(&self.pkcs8);
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for line in text.as_bytes().chunks(PEM_LINE) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        pem
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}
