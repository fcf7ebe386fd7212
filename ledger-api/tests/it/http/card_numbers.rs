//! Card numbers are refused wherever text can be put, and are found nowhere afterwards.
//!
//! A real process answers, with tokens and a log at its most talkative. What is looked through is every answer with
//! its headers, everything the process wrote, its metrics, the events it tells, every file of its directory, and
//! an export of it. Numbers with a wrong check digit go the same ways, are taken, and must be found.
//!
//! `LEDGER_CARD_NUMBERS` asks for so many numbers in every place, and `LEDGER_SEED` for others.

mod numbers;
mod places;

use std::fs;
use std::path::Path;

use ledger_api::http::{ClientEntry, SigningKey};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use self::numbers::{CardNumber, Finder, generate};
use self::places::{Place, Spot, examples};
use super::desk::{Client, Said, Told};
use super::process::Process;
use crate::command_line::ledger;
use crate::effort;

const NUMBERS: usize = 1_000;
const BULK: &str = "/api/v2/issuers/every/bulk-operations";
/// Most lines of one call.
const BULK_LINES_MAX: usize = 10_000;
/// These are no card numbers, for their check digits are wrong.
const IN_DATA: &str = "4546172396081631";
const IN_LOG: &str = "4546172396081632";

/// A service that wants tokens, one who has one, and the numbers it must not keep.
struct Scene {
    client: Client,
    token: String,
    numbers: Vec<CardNumber>,
    next: usize,
    finder: Finder,
    /// Answers that were not as they should be.
    wrong: Vec<String>,
}

/// Writes what a service with tokens needs, and gives the secret of the one client.
fn configure(dir: &Path, description: &Value) -> String {
    let scopes = &description["components"]["securitySchemes"]["oauth2"]["flows"];
    let scopes = scopes["clientCredentials"]["scopes"]
        .as_object()
        .expect("scopes");
    let made = ClientEntry::with_new_secret(
        "core",
        scopes.keys().cloned().collect(),
        vec!["*".to_owned()],
    );
    let (entry, secret) = made.expect("an entry");
    fs::write(dir.join("clients.toml"), entry.to_toml()).expect("written");
    let key = SigningKey::generate().expect("a key");
    key.write_new(&dir.join("key.pem")).expect("written");
    let path = |name: &str| json!(dir.join(name)).to_string();
    let config = format!(
        "log = \"trace\"\n\
         auth = {{ issuer = \"https://ledger.test\", audience = \"ledger\" }}\n\
         token = {{ key = {}, clients = {}, lifetime_s = 86400 }}\n",
        path("key.pem"),
        path("clients.toml")
    );
    fs::write(dir.join("config.toml"), config).expect("written");
    secret
}

fn form(pairs: &[(&str, &str)]) -> Said {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Said::text("application/x-www-form-urlencoded", &form)
}

impl Scene {
    /// Numbers are taken in turn.
    fn number(&mut self) -> CardNumber {
        self.next += 1;
        self.numbers[self.next % self.numbers.len()].clone()
    }

    /// Calls with the token, and asserts that the answer holds no card number.
    fn call(&self, method: &str, target: &str, said: Said) -> Told {
        let said = said.with("Authorization", &format!("Bearer {}", self.token));
        let told = self.client.call(method, target, &said);
        self.clean(&format!("the answer to {method} {target}"), &told);
        told
    }

    fn clean(&self, what: &str, told: &Told) {
        let headers = format!("{:?}", told.headers);
        let found = self.finder.find(headers.as_bytes());
        let found = found.or_else(|| self.finder.find(&told.body));
        assert_eq!(found, None, "{what} holds it: {headers} {}", told.text());
    }

    fn is_refused(&mut self, place: &Place) {
        let number = self.number();
        let text = match place.is_padded {
            true => format!("{:0>20}", number.digits),
            false => number.written,
        };
        let mut said = place
            .body(&text, self.next)
            .map_or_else(Said::default, |body| Said::json(&body));
        if let Spot::Header(name) = place.spot {
            said = said.with(name, &text);
        }
        let told = self.call(place.method, &place.target(&text), said);
        let error = serde_json::from_slice(&told.body).unwrap_or(Value::Null);
        let error = &error["errors"][0];
        if !(400..500).contains(&told.status) || !is_told(place, &text, error) {
            let status = told.status;
            let problem = format!("{text} in {place:?}: {status} {}", told.text());
            self.wrong.push(problem);
        }
    }

    /// Sends lines that each have a number in them, all at once.
    fn are_refused(&mut self, places: &[Place]) {
        let written: Vec<_> = places
            .iter()
            .map(|place| {
                let number = self.number();
                match place.is_padded {
                    true => format!("{:0>20}", number.digits),
                    false => number.written,
                }
            })
            .collect();
        let lines: Vec<_> = places
            .iter()
            .zip(&written)
            .zip(self.next..)
            .map(|((place, text), count)| place.body(text, count).expect("a line").to_string())
            .collect();
        let said = Said::text("application/x-ndjson", &lines.join("\n"));
        let told = self.call("POST", BULK, said);
        assert_eq!(told.status, 200, "{}", told.text());
        let results = told.text();
        assert_eq!(results.lines().count(), places.len());
        for (result, (place, text)) in results.lines().zip(places.iter().zip(&written)) {
            let result: Value = serde_json::from_str(result).expect("JSON");
            if !is_told(place, text, &result) {
                self.wrong.push(format!("{text} in {place:?}: {result}"));
            }
        }
    }
}

/// Whether an error, or the result of a line, is the right one for a card number in some place.
fn is_told(place: &Place, text: &str, error: &Value) -> bool {
    let code = error["code"].as_str().unwrap_or_default();
    match place.longest {
        Some(longest) if text.len() <= longest => code == "PAN_NOT_ALLOWED",
        // Too long, or not of the few that are possible.
        Some(_) | None => !code.is_empty(),
    }
}

/// What is beside the described calls: paths and methods that are none, bodies that cannot be read, headers that
/// nobody asked for, and those that ask for tokens.
fn beside(scene: &mut Scene, secret: &str) {
    let body = |text: &str| Said::text("application/json", text);
    let fees = "/api/v2/issuers/every/accounts/external-accounts/G1/post-fee-operation";
    let account = "/api/v2/issuers/every/accounts/external-accounts/G1";
    // As one word of 32 digits, as those of a trace are.
    let trace = |digits: &str| format!("00-{digits:a<32}-00f067aa0ba902b7-01");
    let zeros = |digits: &str| format!("00-{digits:0>32}-00f067aa0ba902b7-01");
    for _ in 0..20 {
        let CardNumber { digits, written } = scene.number();
        let query = written.replace(' ', "+");
        let none = Said::default;
        for (method, target, said, status) in [
            ("GET", format!("/{digits}"), none(), 404),
            ("GET", format!("{account}/{digits}"), none(), 404),
            ("GET", format!("/nothing?{query}"), none(), 404),
            (
                "GET",
                fees.to_owned(),
                none().with("WL-Origin", &written),
                405,
            ),
            (
                "DELETE",
                format!("{account}/{digits}"),
                none().with("WL-Correlation-ID", &written),
                404,
            ),
            (
                "GET",
                "/nothing".to_owned(),
                none().with("WL-Correlation-ID", &written),
                404,
            ),
            (
                "POST",
                fees.to_owned(),
                body(&format!("{{\"description\":\"{written}")),
                400,
            ),
            (
                "POST",
                fees.to_owned(),
                body(&format!("\"{written}\"")),
                400,
            ),
            (
                "POST",
                fees.to_owned(),
                body(&format!("{{\"{written}\":1,\"{written}\":2}}")),
                400,
            ),
            (
                "POST",
                fees.to_owned(),
                Said::text(&format!("text/{digits}"), "{}"),
                415,
            ),
            (
                "POST",
                fees.to_owned(),
                body("{}")
                    .with("Accept", "application/problem+json")
                    .with("WL-Username", &written),
                400,
            ),
            (
                "POST",
                BULK.to_owned(),
                Said::text("application/x-ndjson", &written),
                200,
            ),
            (
                "GET",
                account.to_owned(),
                none().with("traceparent", &trace(&digits)),
                200,
            ),
            (
                "GET",
                account.to_owned(),
                none().with("traceparent", &zeros(&digits)),
                200,
            ),
            (
                "GET",
                account.to_owned(),
                none()
                    .with("tracestate", &digits)
                    .with("User-Agent", &written),
                200,
            ),
            (
                "GET",
                format!("/livez?{query}"),
                none().with("WL-Correlation-ID", &written),
                200,
            ),
        ] {
            let told = scene.call(method, &target, said);
            assert_eq!(told.status, status, "{method} {target}: {}", told.text());
        }
        let told = scene.client.call(
            "GET",
            account,
            &none().with("Authorization", &format!("Bearer {digits}")),
        );
        assert_eq!(told.status, 401);
        scene.clean("the refusal of a token", &told);
    }
    let right = [
        ("grant_type", "client_credentials"),
        ("client_id", "core"),
        ("client_secret", secret),
        ("scope", "operations:read"),
    ];
    for place in 0..right.len() {
        let CardNumber { written, .. } = scene.number();
        let mut asked = right;
        asked[place].1 = &written;
        let told = scene.client.call("POST", "/oauth2/token", &form(&asked));
        assert!((400..500).contains(&told.status), "{}", told.text());
        scene.clean("the refusal of a token", &told);
    }
}

/// Everything in the files below a directory.
fn search(dir: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, look);
        } else if path.is_file() {
            look(&path, &fs::read(&path).expect("read"));
        }
    }
}

#[test]
fn card_numbers_are_refused_everywhere_and_found_nowhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let description = ledger_api::http::description();
    let secret = configure(dir.path(), &description);
    let config = dir.path().join("config.toml");
    let data = dir.path().join("d");
    let mut process = Process::start_with(&data, &["--config", config.to_str().expect("text")]);
    let numbers = generate(NUMBERS, &mut ChaCha8Rng::seed_from_u64(effort::seed()));
    let asked = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", "core"),
        ("client_secret", &secret),
    ]);
    let token = process.client.call("POST", "/oauth2/token", &asked).json();
    let mut scene = Scene {
        client: process.client.clone(),
        token: token["access_token"].as_str().expect("a token").to_owned(),
        finder: Finder::new(numbers.iter().map(|number| &*number.digits)),
        numbers,
        next: 0,
        wrong: Vec::new(),
    };

    // Everything that the places are in is there, and what is no card number is taken.
    let control = examples().replace("\"card-1\"", &format!("\"{IN_DATA}\""));
    let said = Said::text("application/x-ndjson", &control);
    let told = scene.call("POST", BULK, said.with("WL-Correlation-ID", IN_LOG));
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.header("WL-Correlation-ID"), Some(IN_LOG));
    assert!(!told.text().contains("MALFORMED"), "{}", told.text());

    let (places, lines) = (places::all(&description), places::of_lines(&description));
    let rounds = effort::count("LEDGER_CARD_NUMBERS", 1);
    for _ in 0..rounds {
        for place in &places {
            scene.is_refused(place);
        }
        for lines in lines.chunks(BULK_LINES_MAX) {
            scene.are_refused(lines);
        }
    }
    assert_eq!(scene.wrong, [""; 0]);
    beside(&mut scene, &secret);
    assert!(scene.next >= NUMBERS, "every number was somewhere");

    let controls = Finder::new([IN_DATA, IN_LOG].into_iter());
    let finds = |text: &[u8]| {
        assert_eq!(scene.finder.find(text), None);
        controls.find(text).map(|number| number.to_string())
    };
    let events = "/api/v2/issuers/every/event-stores?limit=1000";
    let events = scene.call("GET", events, Said::default());
    assert_eq!(finds(&events.body).as_deref(), Some(IN_DATA));
    let metrics = process.operator.get("/metrics");
    assert!(metrics.text().contains("PAN_NOT_ALLOWED"));
    finds(&metrics.body);
    process.terminate();
    let (status, written) = process.end();
    assert_eq!(status.code(), Some(0), "{written}");
    assert_eq!(finds(written.as_bytes()).as_deref(), Some(IN_LOG));
    let mut in_data = Vec::new();
    search(&data, &mut |path, bytes| {
        let found = finds(bytes).filter(|found| found == IN_DATA);
        in_data.extend(found.map(|_| path.to_owned()));
    });
    assert!(!in_data.is_empty());
    let export = ledger(dir.path(), &["export", "--data", "d"]);
    assert_eq!(finds(&export.stdout).as_deref(), Some(IN_DATA));
    println!(
        "{} places of calls and {} of lines, {NUMBERS} numbers, {} times one of them: all refused, none found",
        places.len(),
        lines.len(),
        scene.next
    );
}
