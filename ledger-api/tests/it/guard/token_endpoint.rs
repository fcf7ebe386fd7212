//! Tokens for clients that show their secret.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger_api::http::config::{AuthConfig, TokenConfig};
use ledger_api::http::{ClientEntry, Config, SigningKey};

use super::service::{Service, Told};

type Headers<'a> = [(&'a str, &'a str)];

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Scene {
    service: Service,
    secret: String,
    _dir: tempfile::TempDir,
}

/// A configuration with tokens of its own for the client `core`, and that client's secret.
pub(super) fn with_tokens(dir: &Path) -> (Config, String) {
    let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    let scopes = text(&["operations:read", "operations:write"]);
    let made = ClientEntry::with_new_secret("core", scopes, text(&["mine"]));
    let (entry, secret) = made.expect("an entry");
    fs::write(dir.join("clients.toml"), entry.to_toml()).expect("written");
    let key = SigningKey::generate().expect("a key");
    key.write_new(&dir.join("key.pem")).expect("written");
    let config = Config {
        auth: Some(AuthConfig {
            keys: None,
            issuer: "https://ledger.test".to_owned(),
            audience: "ledger".to_owned(),
            leeway_s: 30,
        }),
        token: Some(TokenConfig {
            key: dir.join("key.pem"),
            clients: dir.join("clients.toml"),
            lifetime_s: 60.try_into().expect("not zero"),
        }),
        ..Config::default()
    };
    (config, secret)
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (config, secret) = with_tokens(dir.path());
        let service = Service::start(config);
        service.furnish("mine");
        Self {
            service,
            secret,
            _dir: dir,
        }
    }

    fn ask(&self, headers: &[(&str, &str)], body: &str) -> Told {
        self.service.post("/oauth2/token", headers, body)
    }

    fn basic(&self, id: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{}", self.secret)))
    }
}

#[test]
fn a_client_with_its_secret_gets_a_token_that_opens_what_it_may_have() {
    let scene = Scene::new();
    let secret = &scene.secret;
    let in_header = ("authorization", &*scene.basic("core"));
    let grant = "grant_type=client_credentials";
    for (what, told) in [
        ("in the header", scene.ask(&[FORM, in_header], grant)),
        (
            "in the body",
            scene.ask(
                &[FORM],
                &format!("{grant}&client_id=core&client_secret={secret}"),
            ),
        ),
    ] {
        assert_eq!(told.status, 200, "{what}: {}", told.text);
        assert_eq!(told.header("cache-control"), "no-store");
        let granted = told.json();
        assert_eq!(granted["token_type"], "Bearer");
        assert_eq!(granted["expires_in"], 60);
        assert_eq!(granted["scope"], "operations:read operations:write");
        let token = granted["access_token"].as_str().expect("a token");
        let bearer = format!("Bearer {token}");
        let path = "/api/v2/issuers/mine/accounts/external-accounts/A1";
        let told = scene.service.get(path, &[("authorization", &bearer)]);
        assert_eq!(told.code(), "INSUFFICIENT_SCOPE");
        let query = "startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";
        let path = format!("{path}/operations?{query}");
        let told = scene.service.get(&path, &[("authorization", &bearer)]);
        assert_eq!(told.status, 200, "{}", told.text);
        let path = path.replace("mine", "other");
        let told = scene.service.get(&path, &[("authorization", &bearer)]);
        assert_eq!(told.code(), "ISSUER_NOT_FOUND");
    }
    let part = scene.ask(
        &[FORM, in_header],
        &format!("{grant}&scope=operations:read"),
    );
    assert_eq!(part.json()["scope"], "operations:read");
}

#[test]
fn whoever_gets_no_token_is_told_why_in_the_words_of_the_standard() {
    let scene = Scene::new();
    let (own, stranger) = (scene.basic("core"), scene.basic("stranger"));
    let own = ("authorization", own.as_str());
    let stranger = ("authorization", stranger.as_str());
    let broken = ("authorization", "Basic !");
    let bearer = ("authorization", "Bearer abc");
    let json = ("content-type", "application/json");
    let grant = "grant_type=client_credentials";
    let cases: [(&Headers, &str, u16, &str); 14] = [
        (&[FORM, own], "", 400, "invalid_request"),
        (&[FORM, own], "grant_type=", 400, "invalid_request"),
        (
            &[FORM, own],
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        (
            &[FORM, own],
            &format!("{grant}&{grant}"),
            400,
            "invalid_request",
        ),
        (&[json, own], "{}", 400, "invalid_request"),
        (
            &[FORM, own],
            &format!("{grant}&scope=issuers:write"),
            400,
            "invalid_scope",
        ),
        (
            &[FORM, own],
            &format!("{grant}&scope=operations:read%20admin"),
            400,
            "invalid_scope",
        ),
        (
            &[FORM, own],
            &format!("{grant}&client_id=core&client_secret=x"),
            400,
            "invalid_request",
        ),
        (
            &[FORM, own],
            &format!("{grant}&client_id=other"),
            400,
            "invalid_request",
        ),
        (&[FORM], grant, 401, "invalid_client"),
        (&[FORM, stranger], grant, 401, "invalid_client"),
        (&[FORM, broken], grant, 401, "invalid_client"),
        (&[FORM, bearer], grant, 401, "invalid_client"),
        (
            &[FORM],
            &format!("{grant}&client_id=core&client_secret=wrong"),
            401,
            "invalid_client",
        ),
    ];
    for (headers, body, status, error) in cases {
        let told = scene.ask(headers, body);
        let given = told.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (told.status, given.as_str()),
            (status, error),
            "{body}: {}",
            told.text
        );
        assert!(!told.text.contains(&scene.secret));
        let has_challenge = told.headers.contains_key("www-authenticate");
        let in_header = headers.iter().any(|(name, _)| *name == "authorization");
        assert_eq!(has_challenge, status == 401 && in_header, "{body}");
    }
    let unknown = scene.ask(&[FORM, stranger], grant);
    let wrong = STANDARD.encode("core:wrong");
    let wrong = scene.ask(&[FORM, ("authorization", &format!("Basic {wrong}"))], grant);
    assert_eq!(unknown.text, wrong.text, "nothing tells who is known");
}

#[test]
fn guessing_is_slowed_down() {
    let scene = Scene::new();
    let body = "grant_type=password&client_id=core&client_secret=x";
    let slowed = (0..200).find_map(|_| {
        let told = scene.ask(&[FORM], body);
        (told.status == 429).then_some(told)
    });
    let told = slowed.expect("slowed down");
    assert!(
        told.header("retry-after")
            .parse::<u32>()
            .is_ok_and(|seconds| seconds >= 1)
    );
    // Tokens that are wrong count as well.
    let told = scene
        .service
        .get("/api/v2/issuers/mine/accounts/1/balance", &[]);
    assert_eq!((told.status, told.code().as_str()), (429, "RATE_LIMITED"));
    assert!(!told.header("retry-after").is_empty());
}

#[test]
fn a_file_of_clients_is_refused_by_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, _) = with_tokens(dir.path());
    let path = dir.path().join("clients.toml");
    let good = fs::read_to_string(&path).expect("read");
    for (text, problem) in [
        (format!("{good}{good}"), "client \"core\" is there twice"),
        (
            good.replace("operations:read", "everything"),
            "\"everything\" is no scope",
        ),
        (
            good.replace("t=2", "t=1"),
            "secret_hash is not one that `ledger client-secret` makes",
        ),
        (
            good.replace("$argon2id", "argon2"),
            "secret_hash is no hash",
        ),
        (good.replace("issuers", "issuer"), "issuer"),
        (good.replace("\"core\"", "\"\""), "the id must be"),
    ] {
        fs::write(&path, &text).expect("written");
        let ledger = ledger_api::Ledger::in_memory(ledger_api::clock::now);
        let error = ledger_api::http::Server::configured(ledger.into(), &config);
        let error = error.expect_err("refused").to_string();
        assert!(error.contains(problem), "{problem}: {error}");
        assert!(error.contains("clients.toml"), "{error}");
    }
}
