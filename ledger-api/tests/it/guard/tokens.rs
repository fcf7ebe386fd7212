//! Tokens: the one that is right, and every way to be wrong.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ledger_api::http::Config;
use ledger_api::http::config::AuthConfig;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use ring::{hmac, signature};
use serde_json::{Value, json};

use super::service::{Service, Told};

const ISSUER: &str = "https://tokens.test";
const AUDIENCE: &str = "ledger";
const OPERATIONS: &str = "/api/v2/issuers/mine/accounts/external-accounts/A1/operations?startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";

/// Keys of each kind, and the JWKS of their public halves.
pub(super) struct Keys {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
    rsa: RsaKeyPair,
    /// In no JWKS.
    stranger: Ed25519KeyPair,
}

impl Keys {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let ed25519 = || {
            let key = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
            Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key")
        };
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let p256 = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("a key");
        let rsa = include_str!("../../data/rsa-key-for-tests.txt").replace('\n', "");
        let rsa = STANDARD.decode(rsa).expect("base64");
        Self {
            ed25519: ed25519(),
            p256: EcdsaKeyPair::from_pkcs8(curve, p256.as_ref(), &random).expect("a key"),
            rsa: RsaKeyPair::from_der(&rsa).expect("a key"),
            stranger: ed25519(),
        }
    }

    fn jwks(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.p256.public_key().as_ref();
        let rsa = signature::RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "use": "sig", "x": text(self.ed25519.public_key().as_ref())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "RSA", "kid": "rsa", "alg": "RS256", "n": text(&rsa.n), "e": text(&rsa.e)},
            {"kty": "RSA", "kid": "rsa-enc", "use": "enc", "alg": "RSA-OAEP", "n": text(&rsa.n), "e": text(&rsa.e)},
        ]})
    }

    /// Signs by what the header says, or rather by what the forger wants.
    fn sign(&self, by: By, message: &[u8]) -> Vec<u8> {
        match by {
            By::Ed25519 => self.ed25519.sign(message).as_ref().to_vec(),
            By::Stranger => self.stranger.sign(message).as_ref().to_vec(),
            By::P256 => {
                let signed = self.p256.sign(&SystemRandom::new(), message);
                signed.expect("signed").as_ref().to_vec()
            }
            By::Rsa => {
                let mut signed = vec![0; self.rsa.public().modulus_len()];
                let random = SystemRandom::new();
                let done = self
                    .rsa
                    .sign(&RSA_PKCS1_SHA256, &random, message, &mut signed);
                done.expect("signed");
                signed
            }
            By::HmacOfPublicKey => {
                let public = self.ed25519.public_key().as_ref();
                let key = hmac::Key::new(hmac::HMAC_SHA256, public);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            By::HmacOfModulus => {
                let rsa = signature::RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
                let key = hmac::Key::new(hmac::HMAC_SHA256, &rsa.n);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            By::Nobody => Vec::new(),
        }
    }

    fn token(&self, header: &Value, claims: &Value, by: By) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(by, message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token that is right but for what is changed of its claims.
    pub(super) fn right(&self, changed: &Value) -> String {
        self.token(
            &json!({"alg": "EdDSA", "kid": "ed"}),
            &claims(changed),
            By::Ed25519,
        )
    }

    pub(super) fn auth(&self, dir: &Path) -> AuthConfig {
        let path = dir.join("keys.json");
        fs::write(&path, self.jwks().to_string()).expect("written");
        AuthConfig {
            keys: Some(path),
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway_s: 30,
        }
    }
}

#[derive(Clone, Copy)]
enum By {
    Ed25519,
    P256,
    Rsa,
    Stranger,
    HmacOfPublicKey,
    HmacOfModulus,
    Nobody,
}

fn seconds_from_now(seconds: i64) -> i64 {
    ledger_api::clock::now().0 / 1_000 + seconds
}

/// Claims that are right, but for what is changed; null takes one out.
fn claims(changed: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "client_id": "core", "exp": seconds_from_now(300),
        "scope": "operations:read accounts:read something:else", "issuers": ["mine"],
    });
    for (name, value) in changed.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

struct Scene {
    keys: Keys,
    service: Service,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::new();
        let config = Config {
            auth: Some(keys.auth(dir.path())),
            ..Config::default()
        };
        let service = Service::start(config);
        service.furnish("mine");
        service.furnish("other");
        Self {
            keys,
            service,
            _dir: dir,
        }
    }

    fn ask(&self, path: &str, token: &str) -> Told {
        let authorization = format!("Bearer {token}");
        self.service.get(path, &[("authorization", &authorization)])
    }
}

#[test]
fn a_token_is_believed_when_a_known_key_signed_it_by_its_own_algorithm() {
    let scene = Scene::new();
    let right = claims(&json!({}));
    for (what, header, by) in [
        ("EdDSA", json!({"alg": "EdDSA", "kid": "ed"}), By::Ed25519),
        (
            "EdDSA, RFC 9068",
            json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}),
            By::Ed25519,
        ),
        ("ES256", json!({"alg": "ES256", "kid": "ec"}), By::P256),
        ("RS256", json!({"alg": "RS256", "kid": "rsa"}), By::Rsa),
    ] {
        let told = scene.ask(OPERATIONS, &scene.keys.token(&header, &right, by));
        assert_eq!(told.status, 200, "{what}: {}", told.text);
    }
    for (what, header, by) in [
        ("alg none", json!({"alg": "none", "kid": "ed"}), By::Nobody),
        ("alg None", json!({"alg": "None", "kid": "ed"}), By::Nobody),
        (
            "no signature",
            json!({"alg": "EdDSA", "kid": "ed"}),
            By::Nobody,
        ),
        (
            "HS256 with the public key",
            json!({"alg": "HS256", "kid": "ed"}),
            By::HmacOfPublicKey,
        ),
        (
            "HS256 with the modulus",
            json!({"alg": "HS256", "kid": "rsa"}),
            By::HmacOfModulus,
        ),
        (
            "the algorithm of another key",
            json!({"alg": "RS256", "kid": "ed"}),
            By::Rsa,
        ),
        (
            "RS512 with a key for RS256",
            json!({"alg": "RS512", "kid": "rsa"}),
            By::Rsa,
        ),
        (
            "PS256 with a key for RS256",
            json!({"alg": "PS256", "kid": "rsa"}),
            By::Rsa,
        ),
        (
            "the kid of another key",
            json!({"alg": "EdDSA", "kid": "ed"}),
            By::Stranger,
        ),
        (
            "a key for encryption",
            json!({"alg": "RS256", "kid": "rsa-enc"}),
            By::Rsa,
        ),
        (
            "an unknown kid",
            json!({"alg": "EdDSA", "kid": "who"}),
            By::Ed25519,
        ),
        ("no kid", json!({"alg": "EdDSA"}), By::Ed25519),
        (
            "a key of its own",
            json!({"alg": "EdDSA", "jwk": scene.keys.jwks()["keys"][0]}),
            By::Ed25519,
        ),
        (
            "what must be understood",
            json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]}),
            By::Ed25519,
        ),
    ] {
        let told = scene.ask(OPERATIONS, &scene.keys.token(&header, &right, by));
        assert_eq!(
            (told.status, told.code().as_str()),
            (401, "UNAUTHORIZED"),
            "{what}"
        );
        let challenge = told.header("www-authenticate");
        assert_eq!(
            challenge, r#"Bearer realm="ledger", error="invalid_token""#,
            "{what}"
        );
    }
}

#[test]
fn claims_must_be_those_of_a_token_for_this_service_now() {
    let scene = Scene::new();
    let now = seconds_from_now;
    for (what, changed, status) in [
        ("as it is", json!({}), 200),
        (
            "one of several audiences",
            json!({"aud": ["else", AUDIENCE]}),
            200,
        ),
        (
            "named by sub",
            json!({"client_id": null, "sub": "core"}),
            200,
        ),
        ("expired within the leeway", json!({"exp": now(-10)}), 200),
        ("expired", json!({"exp": now(-60)}), 401),
        ("without end", json!({"exp": null}), 401),
        ("an end that is no number", json!({"exp": "tomorrow"}), 401),
        ("not yet", json!({"nbf": now(120)}), 401),
        ("a begin that is no number", json!({"nbf": "now"}), 401),
        ("from elsewhere", json!({"iss": "https://else.test"}), 401),
        ("from nowhere", json!({"iss": null}), 401),
        ("for others", json!({"aud": "else"}), 401),
        (
            "for several others",
            json!({"aud": ["else", "ledger2"]}),
            401,
        ),
        ("for nobody", json!({"aud": null}), 401),
        ("of nobody", json!({"client_id": null}), 401),
        ("a client without a name", json!({"client_id": ""}), 401),
        (
            "scopes that are no text",
            json!({"scope": ["operations:read"]}),
            401,
        ),
        ("no scope", json!({"scope": null}), 403),
        (
            "another scope",
            json!({"scope": "operations:write accounts:read"}),
            403,
        ),
        (
            "a scope that begins alike",
            json!({"scope": "operations:read2"}),
            403,
        ),
        ("in capitals", json!({"scope": "OPERATIONS:READ"}), 403),
        ("all issuers", json!({"issuers": "*"}), 200),
        ("all issuers, in a list", json!({"issuers": ["*"]}), 200),
        ("one issuer", json!({"issuers": "mine"}), 200),
        ("no issuers", json!({"issuers": null}), 404),
        ("an empty list", json!({"issuers": []}), 404),
        ("another issuer", json!({"issuers": ["other"]}), 404),
    ] {
        let told = scene.ask(OPERATIONS, &scene.keys.right(&changed));
        assert_eq!(told.status, status, "{what}: {}", told.text);
    }
    let told = scene.ask(OPERATIONS, &scene.keys.right(&json!({"scope": "x"})));
    assert_eq!(told.code(), "INSUFFICIENT_SCOPE");
    let challenge = told.header("www-authenticate");
    assert!(
        challenge.contains(r#"scope="operations:read""#),
        "{challenge}"
    );
}

/// The answer is read to its end, which it has for no other reason.
#[test]
fn a_stream_ends_with_the_token_of_who_follows() {
    let scene = Scene::new();
    let path = "/api/v2/issuers/mine/event-stores/stream";
    for part in ["", ".4"] {
        let exp = format!("{}{part}", seconds_from_now(-28));
        let exp: Value = serde_json::from_str(&exp).expect("a number");
        let token = scene
            .keys
            .right(&json!({"scope": "events:read", "exp": exp}));
        let told = scene.ask(path, &token);
        assert_eq!(told.status, 200, "{}", told.text);
        assert!(told.text.contains("event: open-account"), "{}", told.text);
        assert_eq!(scene.ask(path, &token).code(), "UNAUTHORIZED");
    }
}

#[test]
fn a_call_without_a_token_is_told_how_to_bring_one() {
    let scene = Scene::new();
    let told = scene.service.get(OPERATIONS, &[]);
    assert_eq!((told.status, told.code().as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(told.header("www-authenticate"), r#"Bearer realm="ledger""#);
    let right = scene.keys.right(&json!({}));
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {right}"),
        right.clone(),
        format!("Bearer {right}x"),
        format!("Bearer {right} {right}"),
        "Bearer a.b.c".to_owned(),
        "Bearer ..".to_owned(),
    ] {
        let told = scene.service.get(OPERATIONS, &[("authorization", &wrong)]);
        assert_eq!(
            (told.status, told.code().as_str()),
            (401, "UNAUTHORIZED"),
            "{wrong}"
        );
        assert!(
            !told.text.contains("eyJ"),
            "the token is not repeated: {}",
            told.text
        );
    }
    let scheme = format!("bEARER {right}");
    let told = scene.service.get(OPERATIONS, &[("authorization", &scheme)]);
    assert_eq!(told.status, 200, "the name of the scheme is in any case");
}

/// What differs between any two answers.
fn without_ids_and_times(told: &Told) -> (u16, Value, Vec<String>) {
    let mut body = told.json();
    let metadata = &mut body["responseMetadata"];
    let time = metadata["responseDateTime"].as_str().expect("a time");
    let zone = time[time.len() - 5..].to_owned();
    metadata["responseDateTime"] = zone.into();
    metadata["correlationId"] = Value::Null;
    metadata["timeTakenMs"] = Value::Null;
    let ids = ["wl-correlation-id", "traceparent", "date"];
    let headers = told.headers.iter().map(|(name, value)| {
        let is_id = ids.contains(&name.as_str());
        let value = if is_id {
            ""
        } else {
            value.to_str().expect("text")
        };
        format!("{name}: {value}")
    });
    (told.status, body, headers.collect())
}

#[test]
fn what_belongs_to_another_issuer_looks_as_if_it_did_not_exist() {
    let scene = Scene::new();
    let scopes = "operations:read operations:write accounts:read accounts:write issuers:write";
    let every_scope = |issuers: Value| {
        let changed = json!({"scope": scopes, "issuers": issuers});
        format!("Bearer {}", scene.keys.right(&changed))
    };
    // Whoever may see everything sees what is not there; whoever may see one issuer must see the same of others.
    let all = every_scope(json!("*"));
    let one = every_scope(json!(["mine"]));
    let reads = [
        "/api/v2/issuers/ISSUER/accounts/external-accounts/A1",
        "/api/v2/issuers/ISSUER/accounts/external-accounts/A1/balance",
        "/api/v2/issuers/ISSUER/accounts/external-accounts/nobody/balance",
        "/api/v2/issuers/ISSUER/accounts/00000000000000000001/balance",
        "/api/v2/issuers/ISSUER/accounts/external-accounts/A1/operations?startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z",
    ];
    for path in reads {
        let absent = path.replace("ISSUER", "absent");
        let absent = scene.service.get(&absent, &[("authorization", &all)]);
        assert_eq!(absent.code(), "ISSUER_NOT_FOUND", "{path}");
        let hidden = path.replace("ISSUER", "other");
        let hidden = scene.service.get(&hidden, &[("authorization", &one)]);
        assert_eq!(
            without_ids_and_times(&hidden),
            without_ids_and_times(&absent),
            "{path}"
        );
    }
    let fee = r#"{"feeType":"ANNUAL","referenceAmount":{"value":1,"exponent":2,"isoCode":"EUR"},"externalOperationDate":"2026-01-01T00:00:00Z","externalOperationReference":"r1","externalOperationServicePoster":"CORE"}"#;
    let commands = [
        ("accounts/external-accounts/A1/post-fee-operation", fee),
        (
            "define-product",
            r#"{"productReference":"CARD","currency":"EUR","workingMode":"PAY_LATER"}"#,
        ),
    ];
    for (path, body) in commands {
        let absent = format!("/api/v2/issuers/absent/{path}");
        let absent = scene
            .service
            .post(&absent, &[("authorization", &all)], body);
        assert_eq!(absent.code(), "ISSUER_NOT_FOUND", "{path}");
        let hidden = format!("/api/v2/issuers/other/{path}");
        let hidden = scene
            .service
            .post(&hidden, &[("authorization", &one)], body);
        assert_eq!(
            without_ids_and_times(&hidden),
            without_ids_and_times(&absent),
            "{path}"
        );
    }
    // An issuer that one may not see cannot be made either, nor reached in a row of lines.
    let told = scene.service.post(
        "/api/v2/issuers/third/configure-issuer",
        &[("authorization", &one)],
        r#"{"timeZone":"UTC"}"#,
    );
    assert_eq!(
        (told.status, told.code().as_str()),
        (404, "ISSUER_NOT_FOUND")
    );
    let line = r#"{"issuerId":"other","correlationId":"b1","command":"advance-business-date","body":{"businessDate":"2100-01-01"}}"#;
    let bulk = "/api/v2/issuers/mine/bulk-operations";
    let told = scene.service.post(bulk, &[("authorization", &one)], line);
    assert!(told.text.contains("INVALID_REQUEST"), "{}", told.text);
}

#[test]
fn a_line_of_many_needs_the_scope_of_its_command() {
    let scene = Scene::new();
    let fee = r#"{"issuerId":"mine","correlationId":"s1","command":"post-fee-operation","account":{"issuerAccountExternalReference":"A1"},"body":{"feeType":"NO_SUCH_FEE","referenceAmount":{"value":1,"exponent":2,"isoCode":"EUR"},"externalOperationDate":"2026-01-01T00:00:00Z","externalOperationReference":"s1","externalOperationServicePoster":"CORE"}}"#;
    let limit = r#"{"issuerId":"mine","correlationId":"s2","command":"set-credit-limit","account":{"issuerAccountExternalReference":"A1"},"body":{"creditLimitAmount":{"value":1,"exponent":2,"isoCode":"EUR"}}}"#;
    let send = |scopes: &str, lines: &[&str]| {
        let changed = json!({"scope": scopes, "issuers": ["mine"]});
        let token = format!("Bearer {}", scene.keys.right(&changed));
        let path = "/api/v2/issuers/mine/bulk-operations";
        let told = scene
            .service
            .post(path, &[("authorization", &token)], &lines.join("\n"));
        (told.status, told.text)
    };
    let (status, text) = send("operations:write", &[fee, limit]);
    assert_eq!(status, 403, "{text}");
    assert!(
        text.contains("INSUFFICIENT_SCOPE") && text.contains("accounts:write"),
        "{text}"
    );
    // What is expected and not found is told, so it needs what a question needs.
    let expecting = limit.replace(
        r#""body""#,
        r#""expect":{"accountBalance":{"value":1,"exponent":2,"isoCode":"EUR"}},"body""#,
    );
    let (status, text) = send("operations:write accounts:write", &[&expecting]);
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("accounts:read"), "{text}");
    let (status, text) = send("accounts:write", &[limit]);
    assert_eq!(status, 403, "{text}");
    // The fee is refused now, and for the first time: nothing was done before.
    let (status, text) = send("operations:write accounts:write", &[fee, limit]);
    assert_eq!(status, 200, "{text}");
    let outcomes: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["outcome"].clone())
        .collect();
    assert_eq!(outcomes, [json!("REJECTED"), json!("APPLIED")]);
}

#[test]
fn keys_that_cannot_be_trusted_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = Keys::new();
    let auth = keys.auth(dir.path());
    let path = auth.keys.clone().expect("a file");
    let good = keys.jwks()["keys"].clone();
    let mut nameless = good[0].clone();
    nameless["kid"].take();
    let mut short = good[2].clone();
    short["n"] = URL_SAFE_NO_PAD.encode([0xff; 128]).into();
    for (set, problem) in [
        (json!({"keys": []}), "has no key for signatures"),
        (json!({"keys": [nameless]}), "key 1: has no kid"),
        (
            json!({"keys": [good[0], good[0]]}),
            "key 2: has the kid of another",
        ),
        (
            json!({"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}),
            "key 1: is a shared secret",
        ),
        (json!({"keys": [short]}), "at least 2048 bits for RSA"),
        (
            json!({"keys": [{"kty": "EC", "crv": "P-384", "kid": "x", "x": "", "y": ""}]}),
            "is neither RSA",
        ),
        (json!({"key": []}), "is no JWKS"),
    ] {
        fs::write(&path, set.to_string()).expect("written");
        let config = Config {
            auth: Some(auth.clone()),
            ..Config::default()
        };
        let ledger = ledger_api::Ledger::in_memory(ledger_api::clock::now);
        let error = ledger_api::http::Server::configured(ledger.into(), &config);
        let error = error.expect_err("refused").to_string();
        assert!(error.contains(problem), "{problem}: {error}");
        assert!(error.contains("keys.json"), "{error}");
    }
}
