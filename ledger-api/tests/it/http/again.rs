//! Every command, said twice, is carried out once and answered with the same bytes.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::desk::{Desk, Said, Told};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/every-field.jsonl");

/// The command of a line, its path for an account that is named in some way, and what is said besides.
fn call(line: &Value, account: Option<&str>) -> (String, Said) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let command = text(&line["command"]).expect("a name");
    let target = match account {
        Some(account) => format!("/api/v2/issuers/every/accounts/{account}/{command}"),
        None => format!("/api/v2/issuers/every/{command}"),
    };
    let correlation = text(&line["correlationId"]).expect("an id");
    let mut said = Said::command(&correlation, &line["body"]);
    for (header, field) in [("WL-Origin", "origin"), ("WL-Username", "username")] {
        if let Some(value) = text(&line[field]) {
            said = said.with(header, &value);
        }
    }
    (target, said)
}

/// All that is told but for the headers of the connection.
fn told(told: &Told) -> (u16, String, [Option<&str>; 3]) {
    let headers = ["Content-Type", "WL-Correlation-ID", "X-Ledger-Position"];
    (
        told.status,
        told.text(),
        headers.map(|name| told.header(name)),
    )
}

#[test]
fn every_command_is_answered_again_byte_for_byte() {
    let desk = Desk::empty(false);
    desk.at("2024-03-01T12:00:00Z");
    let mut commands = BTreeSet::new();
    let mut outcomes = BTreeSet::new();
    let examples = fs::read_to_string(EXAMPLES).expect("read");
    let mut said = Vec::new();
    for line in examples.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let external = line["account"]["issuerAccountExternalReference"].as_str();
        let by_external = external.map(|name| format!("external-accounts/{name}"));
        let (target, first) = call(&line, by_external.as_deref());
        let before = desk.position();
        let answer = desk.client.call("POST", &target, &first);
        assert!(
            matches!(answer.status, 200 | 400 | 404 | 409),
            "{line}: {}",
            answer.text()
        );
        assert_eq!(desk.position(), before + 1, "{line}: {}", answer.text());
        assert!(!answer.is_replayed(), "{line}");
        commands.extend(line["command"].as_str().map(str::to_owned));
        outcomes.insert(answer.status);
        said.push((line, target, first, answer));
    }
    // Later, and by the account's other name.
    desk.at("2024-05-01T12:00:00Z");
    let end = desk.position();
    for (line, target, first, answer) in said {
        let mut ways = vec![(target, first)];
        if let Some(name) = line["account"]["issuerAccountExternalReference"].as_str() {
            let found = format!("/api/v2/issuers/every/accounts/external-accounts/{name}");
            let found = desk.client.get(&found).data();
            let reference = found["accountReference"].as_str().expect("a reference");
            ways.push(call(&line, Some(reference)));
        }
        for (target, first) in ways {
            let again = desk.client.call("POST", &target, &first);
            assert_eq!(told(&again), told(&answer), "{target}: {line}");
            assert!(again.is_replayed(), "{target}: {line}");
        }
    }
    assert_eq!(desk.position(), end);
    assert_eq!(outcomes, BTreeSet::from([200, 400, 404, 409]));
    assert_eq!(commands, described());
}

/// The commands that can be called.
fn described() -> BTreeSet<String> {
    let description = ledger_api::http::description();
    let paths = description["paths"].as_object().expect("paths").iter();
    let commands = paths.filter(|(_, methods)| {
        let answer = &methods["post"]["responses"]["200"]["content"]["application/json"];
        let answer = &answer["schema"]["properties"]["data"]["$ref"];
        answer
            .as_str()
            .is_some_and(|answer| answer.ends_with("Done"))
    });
    commands
        .filter_map(|(path, _)| path.rsplit('/').next().map(str::to_owned))
        .collect()
}
