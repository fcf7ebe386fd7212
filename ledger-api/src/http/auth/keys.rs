//! The public keys that tokens may be signed with, from a local file in JWKS (RFC 7517).

use std::collections::BTreeMap;
use std::path::Path;

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

use crate::http::setup::{SetupError, read_text};

/// Least bytes of an RSA modulus.
const RSA_BYTES_MIN: usize = 256;
/// Bytes of a point of P-256, uncompressed.
const P256_BYTES: usize = 65;
/// Bytes of a public key of Ed25519.
const ED25519_BYTES: usize = 32;

/// A key, and the one algorithm that it verifies.
#[derive(Clone)]
pub(crate) struct TrustedKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// Keys by their `kid`.
pub(crate) type TrustedKeys = BTreeMap<String, TrustedKey>;

/// Reads the keys of a file. Keys that are not for signatures are passed over.
pub(crate) fn read(path: &Path) -> Result<TrustedKeys, SetupError> {
    let text = read_text(path)?;
    let set: JwkSet = serde_json::from_str(&text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        SetupError::at(path, format!("is no JWKS that can be read, at {place}"))
    })?;
    let mut keys = TrustedKeys::new();
    for (place, jwk) in set.keys.iter().enumerate() {
        if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
            continue;
        }
        let problem = |problem: &str| SetupError::at(path, format!("key {}: {problem}", place + 1));
        let Some(kid) = jwk.common.key_id.clone() else {
            return Err(problem("has no kid"));
        };
        let key = trusted(jwk).map_err(problem)?;
        if keys.insert(kid, key).is_some() {
            return Err(problem("has the kid of another"));
        }
    }
    if keys.is_empty() {
        return Err(SetupError::at(path, "has no key for signatures".to_owned()));
    }
    Ok(keys)
}

const NO_KEY_OF_OURS: &str = "is neither RSA, P-256 nor Ed25519";

fn trusted(jwk: &Jwk) -> Result<TrustedKey, &'static str> {
    let curve = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => None,
        AlgorithmParameters::EllipticCurve(key) => Some(&key.curve),
        AlgorithmParameters::OctetKeyPair(key) => Some(&key.curve),
        AlgorithmParameters::OctetKey(_) => return Err("is a shared secret, not a public key"),
        AlgorithmParameters::Other(_) | _ => return Err(NO_KEY_OF_OURS),
    };
    let (algorithm, named, point_bytes) = match curve {
        None => (Algorithm::RS256, KeyAlgorithm::RS256, 0),
        Some(EllipticCurve::P256) => (Algorithm::ES256, KeyAlgorithm::ES256, P256_BYTES),
        Some(EllipticCurve::Ed25519) => (Algorithm::EdDSA, KeyAlgorithm::EdDSA, ED25519_BYTES),
        Some(_) => return Err(NO_KEY_OF_OURS),
    };
    if jwk.common.key_algorithm.is_some_and(|alg| alg != named) {
        return Err("is for another algorithm than RS256, ES256 or EdDSA");
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "cannot be read")?;
    let is_whole = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len() >= RSA_BYTES_MIN,
        DecodingKeyKind::SecretOrDer(point) => point.len() == point_bytes,
    };
    if is_whole {
        Ok(TrustedKey { algorithm, key })
    } else {
        Err("has not the length of its kind, at least 2048 bits for RSA")
    }
}
