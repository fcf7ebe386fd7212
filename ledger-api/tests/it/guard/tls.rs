//! TLS, with and without certificates of callers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ledger_api::http::Config;
use ledger_api::http::config::{ClientCertificates, TlsConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts};

use super::service::{Service, agent, get, try_get};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

/// A certificate and its key, in PEM.
fn signed(by: &Authority, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params.extended_key_usages.push(usage);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("signed");
    (certificate.pem(), key.serialize_pem())
}

fn caller(roots: &Authority, own: Option<&(String, String)>) -> ureq::Agent {
    let root = Certificate::from_pem(roots.pem().as_bytes()).expect("a certificate");
    let own = own.map(|(certificate, key)| {
        let certificate = Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
        let key = PrivateKey::from_pem(key.as_bytes()).expect("a key");
        ClientCert::new_with_certs(&[certificate], key)
    });
    let config = ureq::tls::TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[root]))
        .client_cert(own)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    agent(config.build())
}

fn secured(dir: &Path, server: &Authority, clients: Option<&Authority>) -> TlsConfig {
    let (certificate, key) = signed(server, ExtendedKeyUsagePurpose::ServerAuth);
    fs::write(dir.join("server.pem"), certificate).expect("written");
    fs::write(dir.join("server.key"), key).expect("written");
    let client_ca = clients.map(|clients| {
        let path = dir.join("clients.pem");
        fs::write(&path, clients.pem()).expect("written");
        path
    });
    TlsConfig {
        certificate: dir.join("server.pem"),
        key: dir.join("server.key"),
        client_ca,
        client_certificates: ClientCertificates::Required,
    }
}

#[test]
fn callers_come_by_tls_and_show_a_certificate_where_one_is_asked_for() {
    let (server, clients, strangers) = (authority(), authority(), authority());
    let own = signed(&clients, ExtendedKeyUsagePurpose::ClientAuth);
    let strange = signed(&strangers, ExtendedKeyUsagePurpose::ClientAuth);
    let required = Some(ClientCertificates::Required);
    let optional = Some(ClientCertificates::Optional);
    for (what, asked, shown, is_taken) in [
        ("none asked, none shown", None, None, true),
        ("required and shown", required, Some(&own), true),
        ("required and not shown", required, None, false),
        (
            "required, and a strange one",
            required,
            Some(&strange),
            false,
        ),
        ("optional and not shown", optional, None, true),
        (
            "optional, and a strange one",
            optional,
            Some(&strange),
            false,
        ),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut tls = secured(dir.path(), &server, asked.map(|_| &clients));
        tls.client_certificates = asked.unwrap_or_default();
        let service = Service::start(Config {
            tls: Some(tls),
            ..Config::default()
        });
        let url = format!("https://{}/livez", service.address);
        let told = try_get(&caller(&server, shown), &url, &[]);
        assert_eq!(told.is_ok(), is_taken, "{what}: {told:?}");
        // A caller who does not know the service's certificate does not speak to it.
        assert!(try_get(&caller(&strangers, Some(&own)), &url, &[]).is_err());
    }
}

#[test]
fn a_service_with_tls_does_not_speak_without_it() {
    let server = authority();
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(Config {
        tls: Some(secured(dir.path(), &server, None)),
        ..Config::default()
    });
    assert!(try_get(&super::service::plain(), &service.url("/livez"), &[]).is_err());
    let url = format!("https://{}/readyz", service.address);
    assert_eq!(
        get(&caller(&server, None), &url, &[]).text,
        r#"{"status":"READY"}"#
    );
}

#[test]
fn certificates_that_cannot_be_used_are_refused_by_name() {
    let server = authority();
    let dir = tempfile::tempdir().expect("a directory");
    let good = secured(dir.path(), &server, None);
    let (_, other_key) = signed(&server, ExtendedKeyUsagePurpose::ServerAuth);
    fs::write(dir.path().join("other.key"), other_key).expect("written");
    for (file, tls) in [
        (
            "nowhere.pem",
            TlsConfig {
                certificate: dir.path().join("nowhere.pem"),
                ..good.clone()
            },
        ),
        (
            "server.key",
            TlsConfig {
                certificate: dir.path().join("server.key"),
                ..good.clone()
            },
        ),
        (
            "server.pem",
            TlsConfig {
                key: dir.path().join("server.pem"),
                ..good.clone()
            },
        ),
        (
            "server.pem",
            TlsConfig {
                key: dir.path().join("other.key"),
                ..good.clone()
            },
        ),
        (
            "server.key",
            TlsConfig {
                client_ca: Some(dir.path().join("server.key")),
                ..good
            },
        ),
    ] {
        let config = Config {
            tls: Some(tls),
            ..Config::default()
        };
        let ledger = ledger_api::Ledger::in_memory(ledger_api::clock::now);
        let error = ledger_api::http::Server::configured(ledger.into(), &config);
        let error = error.expect_err("refused").to_string();
        assert!(error.contains(file), "{file}: {error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
