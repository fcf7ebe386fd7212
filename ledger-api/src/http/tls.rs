//! TLS, by rustls: the service's certificate, and those of its callers where they are asked for.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::config::{ClientCertificates, TlsConfig};
use super::setup::{SetupError, read_text};

/// What connections are secured by: TLS 1.2 and 1.3, HTTP/2 preferred.
pub(crate) fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, SetupError> {
    let provider = Arc::new(default_provider());
    let chain = certificates(&config.certificate)?;
    let key = private_key(&config.key)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::value("tls", error.to_string()))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| SetupError::at(path, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match config.client_certificates {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            let verifier = verifier
                .build()
                .map_err(|error| SetupError::at(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| SetupError::at(&config.certificate, error.to_string()))?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let text = read_text(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let certificates = read.unwrap_or_default();
    if certificates.is_empty() {
        let problem = "has no certificate in PEM that can be read";
        return Err(SetupError::at(path, problem.to_owned()));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let text = read_text(path)?;
    // What the parser says of a key is not repeated.
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let problem = "has no private key in PEM that can be read";
        SetupError::at(path, problem.to_owned())
    })
}
