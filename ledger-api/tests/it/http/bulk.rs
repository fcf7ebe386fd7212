//! Many commands in one call.

use serde_json::{Value, json};

use super::desk::{Desk, ISSUER, Said, Told, eur, fee};

fn line(correlation: &str, account: &str, body: &Value) -> String {
    json!({
        "issuerId": "1234", "correlationId": correlation, "command": "post-fee-operation",
        "account": {"issuerAccountExternalReference": account}, "body": body,
    })
    .to_string()
}

fn send(desk: &Desk, lines: &str) -> Told {
    let said = Said::text("application/x-ndjson", lines).with("WL-Correlation-ID", "the call");
    desk.client
        .call("POST", &format!("{ISSUER}/bulk-operations"), &said)
}

/// Line, outcome, code, field, and whether an operation is named.
type Result = (u64, String, String, String, bool);

fn results(told: &Told) -> Vec<Result> {
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.header("Content-Type"), Some("application/x-ndjson"));
    let lines = told.text();
    let results = lines.lines().map(|line| {
        let result: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
        // Whoever is refused is told why.
        assert_eq!(result["code"].is_null(), result["message"].is_null());
        let line = result["line"].as_u64().expect("a number");
        let names = result["operationId"].is_string();
        (line, text("outcome"), text("code"), text("field"), names)
    });
    results.collect()
}

#[test]
fn every_line_has_its_own_result() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let mut unknown = fee("F5", 1);
    unknown["tip"] = json!(1);
    let mut typeless = fee("F6", 1);
    typeless["feeType"] = json!("NO_SUCH_FEE");
    let other = line("c8", "A1", &fee("F8", 1)).replace("1234", "4321");
    #[rustfmt::skip]
    let table = [
        // line                               outcome              code                            field                         operation
        (line("c1", "A1", &fee("F1", 100)),   "APPLIED",           "",                             "",                           true),
        (line("c2", "A1", &fee("F2", 200)),   "APPLIED",           "",                             "",                           true),
        (line("c1", "A1", &fee("F1", 100)),   "SKIPPED_DUPLICATE", "",                             "",                           true),
        (line("c1", "A1", &fee("F1", 101)),   "CONFLICT",          "IDEMPOTENCY_PAYLOAD_MISMATCH", "referenceAmount",            false),
        (line("c5", "A1", &unknown),          "MALFORMED",         "INVALID_REQUEST",              "tip",                        false),
        (line("c6", "A1", &typeless),         "REJECTED",          "FEE_TYPE_NOT_ALLOWED",         "feeType",                    false),
        (line("c7", "NONE", &fee("F7", 1)),   "REJECTED",          "ACCOUNT_NOT_FOUND",            "issuerAccountExternalReference", false),
        (other,                               "MALFORMED",         "INVALID_REQUEST",              "issuerId",                   false),
        ("not JSON".to_owned(),               "MALFORMED",         "INVALID_REQUEST",              "",                           false),
        // Blank lines are counted and not told.
        (String::new(),                       "",                  "",                             "",                           false),
        (" \r".to_owned(),                    "",                  "",                             "",                           false),
        (line("c9", "A1", &fee("F2", 200)),   "SKIPPED_DUPLICATE", "DUPLICATE_EXTERNAL_TRIPLET",   "externalOperationReference", true),
        (line("c10", "A1", &fee("F2", 201)),  "CONFLICT",          "DUPLICATE_EXTERNAL_TRIPLET",   "externalOperationReference", true),
        (line("c11", "A1", &fee("F3", 300)),  "APPLIED",           "",                             "",                           true),
    ];
    let lines: Vec<_> = table.iter().map(|(line, ..)| line.as_str()).collect();
    let told = send(&desk, &format!("\u{feff}{}", lines.join("\n")));
    assert_eq!(told.header("WL-Correlation-ID"), Some("the call"));
    let expected: Vec<Result> = (1..)
        .zip(&table)
        .filter(|(_, (_, outcome, ..))| !outcome.is_empty())
        .map(|(place, (_, outcome, code, field, names))| {
            let [outcome, code, field] = [outcome, code, field].map(|text| (*text).to_owned());
            (place, outcome, code, field, *names)
        })
        .collect();
    assert_eq!(results(&told), expected);
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(600));
}

#[test]
fn a_call_sent_again_changes_nothing() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let lines: Vec<_> = (0..9_000)
        .map(|place| line(&format!("c{place}"), "A1", &fee(&format!("F{place}"), 1)))
        .collect();
    let lines = lines.join("\n");
    let first = send(&desk, &lines);
    let position = desk.position();
    let again = send(&desk, &lines);
    assert_eq!(desk.position(), position);
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(9_000));
    let said = |told: &Told| -> Vec<Value> {
        let lines = told.text();
        let results = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        results.collect()
    };
    let (first, mut again) = (said(&first), said(&again));
    assert!(first.iter().all(|result| result["outcome"] == "APPLIED"));
    for result in &mut again {
        assert_eq!(result["outcome"], "SKIPPED_DUPLICATE");
        assert_eq!(result["replayed"], true);
        result["outcome"] = json!("APPLIED");
        result
            .as_object_mut()
            .expect("an object")
            .remove("replayed");
    }
    assert_eq!(again, first);
}

#[test]
fn a_call_with_too_many_lines_is_refused_whole() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let before = desk.position();
    let mut lines: Vec<_> = (0..10_001)
        .map(|place| line(&format!("c{place}"), "A1", &fee(&format!("F{place}"), 1)))
        .collect();
    let told = send(&desk, &lines.join("\n"));
    let (status, code, _) = told.refusal();
    assert_eq!((status, code.as_str()), (413, "REQUEST_TOO_LARGE"));
    assert_eq!(desk.position(), before);
    // Without the one too many, it is taken; the end of the last line is no line.
    lines.truncate(10_000);
    assert_eq!(
        results(&send(&desk, &(lines.join("\n") + "\n"))).len(),
        10_000
    );
    assert_eq!(desk.position(), before + 10_000);
}
