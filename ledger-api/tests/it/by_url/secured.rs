//! A service with TLS that asks for tokens.

use std::path::Path;
use std::process::Stdio;

use ledger_api::http::{ClientEntry, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::served::{Said, Served, command, furnished, say};

const CONFIG: &str = r#"
data = "d"
listen = "127.0.0.1:0"

[auth]
issuer = "https://ledger.test"
audience = "ledger"

[token]
key = "token.pem"
clients = "clients.toml"

[tls]
certificate = "server.pem"
key = "server.key"
"#;

/// Writes what the service is set up from; gives the secrets of a client that may do everything with the
/// issuer `mine`, and of one that may only post.
fn configure(dir: &Path) -> [String; 2] {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let key = || KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key()).expect("signed");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    params
        .extended_key_usages
        .push(ExtendedKeyUsagePurpose::ServerAuth);
    let own = key();
    let certificate = params.signed_by(&own, &authority).expect("signed");
    let token_key = SigningKey::generate().expect("a key");
    token_key
        .write_new(&dir.join("token.pem"))
        .expect("written");
    let entry = |name: &str, scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let made = ClientEntry::with_new_secret(name, scopes, vec!["mine".to_owned()]);
        made.expect("an entry")
    };
    let writes = ["operations:write", "accounts:write", "issuers:write"];
    let reads = [
        "operations:read",
        "accounts:read",
        "issuers:read",
        "events:read",
    ];
    let (full, secret) = entry("full", &[&writes[..], &reads].concat());
    let (poster, of_poster) = entry("poster", &writes);
    for (name, text) in [
        ("serve.toml", CONFIG.to_owned()),
        ("ca.pem", authority.pem()),
        ("server.pem", certificate.pem()),
        ("server.key", own.serialize_pem()),
        ("clients.toml", full.to_toml() + &poster.to_toml()),
        ("in", furnished("mine")),
    ] {
        std::fs::write(dir.join(name), text).expect("written");
    }
    [secret, of_poster]
}

fn token(dir: &Path, url: &str, client: &str, secret: &str) -> String {
    let pem = std::fs::read(dir.join("ca.pem")).expect("read");
    let root = Certificate::from_pem(&pem).expect("a certificate");
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root]));
    let agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .build()
        .new_agent();
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    let granted = agent
        .post(format!("{url}/oauth2/token"))
        .content_type("application/x-www-form-urlencoded")
        .send(form)
        .expect("granted")
        .into_body()
        .read_to_string()
        .expect("text");
    let granted: Value = serde_json::from_str(&granted).expect("JSON");
    granted["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[test]
fn a_secured_service_is_asked_with_a_token_and_the_certificate_of_its_authority() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let [secret, of_poster] = configure(dir);
    let served = Served::with(dir, &["--config", "serve.toml"]);
    assert!(served.url.starts_with("https://"));
    let full = token(dir, &served.url, "full", &secret);
    let poster = token(dir, &served.url, "poster", &of_poster);
    let place = ["--url", &served.url, "--ca", "ca.pem"];
    let with_token = |args: &[&str], token: &str| -> Said {
        let mut command = command(dir, &[args, &place].concat());
        let output = command.env("LEDGER_TOKEN", token).stdin(Stdio::null());
        output.output().expect("the binary runs").into()
    };

    // Who may post and not ask is told how it went, and why there is no table of accounts.
    let posted = with_token(&["replay", "in"], &poster);
    assert_eq!(posted.code, Some(0), "{posted:?}");
    assert!(posted.out.contains("4 applied"), "{posted:?}");
    assert!(
        posted.err.starts_with("note: the accounts are not shown: "),
        "{posted:?}"
    );

    for query in [
        &["accounts"][..],
        &["balance", "--external", "A1"],
        &["operations", "--external", "A1"],
        &["trial-balance"],
        &["head"],
        &["status"],
        &["post", "in"],
    ] {
        let by_environment = with_token(query, &full);
        assert_eq!(
            by_environment.code,
            Some(0),
            "{query:?}: {by_environment:?}"
        );
        let by_flag = say(dir, &[query, &place, &["--token", &full]].concat());
        assert_eq!(by_flag, by_environment);
        let without = say(dir, &[query, &place].concat());
        assert_eq!(
            (without.code, without.error()),
            (Some(2), "UNAUTHORIZED"),
            "{without:?}"
        );
    }
    // Also where the service does not read all that is sent before it says no.
    let line = std::fs::read_to_string(dir.join("in")).expect("read");
    let line = line.lines().last().expect("a line").to_owned() + &" ".repeat(1_000) + "\n";
    std::fs::write(dir.join("much"), line.repeat(9_000)).expect("written");
    let refused = say(dir, &[&["replay", "much"], &place[..]].concat());
    assert_eq!(
        (refused.code, refused.error()),
        (Some(2), "UNAUTHORIZED"),
        "{refused:?}"
    );
    let beyond = with_token(
        &["authorizations", "--external", "A1", "--issuer", "mine"],
        &full,
    );
    assert_eq!(
        (beyond.code, beyond.error()),
        (Some(2), "INSUFFICIENT_SCOPE"),
        "{beyond:?}"
    );

    let untrusted = say(dir, &["accounts", "--url", &served.url, "--token", &full]);
    assert_eq!(
        (untrusted.code, untrusted.error()),
        (Some(2), "SERVICE_UNREACHABLE")
    );
    assert!(untrusted.err.contains("certificate"), "{untrusted:?}");
    let elsewhere = say(dir, &["accounts", "--data", "d"]);
    assert!(
        elsewhere
            .err
            .contains(&format!("use --url {} ", served.url)),
        "{elsewhere:?}"
    );
    served.stop();
}
