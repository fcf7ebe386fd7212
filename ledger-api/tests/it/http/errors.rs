//! What a call that cannot be carried out is told: status, code and field, in both shapes; and the table of all
//! codes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use expect_test::expect_file;
use ledger_api::http::codes::CODES;
use ledger_api::local_codes::LOCAL_CODES;
use ledger_api::replay::Outcome;
use serde_json::{Value, json};

use super::desk::{Desk, ISSUER, Said, Told, eur, fee, on};

/// Method, target, what is said besides; status, code, field.
type Case = (&'static str, String, Said, u16, &'static str, &'static str);

/// A fee with some field as it must not be.
fn with(field: &str, value: Value) -> Said {
    let mut body = fee("F1", 1_500);
    *body.pointer_mut(field).expect("a field") = value;
    Said::json(&body)
}

/// A fee with a field more.
fn and(field: &str, value: Value) -> Said {
    let mut body = fee("F1", 1_500);
    body[field] = value;
    Said::json(&body)
}

fn raw(body: &[u8]) -> Said {
    Said {
        body: body.to_vec(),
        ..Said::text("application/json", "")
    }
}

/// A list of operations, with this after its period.
fn list(rest: &str) -> String {
    let period = "operations?startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";
    on("A1", &format!("{period}{rest}"))
}

#[rustfmt::skip]
fn commands() -> Vec<Case> {
    let post = |said| ("POST", on("A1", "post-fee-operation"), said);
    let to = |target: &str, said| ("POST", target.to_owned(), said);
    let good = || Said::json(&fee("F1", 1_500));
    let mut nothing_to_pay = fee("F1", 1_500);
    nothing_to_pay.as_object_mut().expect("an object").remove("referenceAmount");
    let too_long = format!("{{\"description\":\"{}\"}}", "x".repeat(256 * 1024));
    let table = [
        // Fields.
        (post(and("tip", json!(1))),                                           400, "INVALID_REQUEST",        "tip"),
        (post(and("description", json!(7))),                                   400, "INVALID_REQUEST",        "description"),
        (post(and("description", json!("a\u{7}b"))),                           400, "INVALID_REQUEST",        "description"),
        (post(and("adjustment", json!("true"))),                               400, "INVALID_REQUEST",        "adjustment"),
        (post(and("specificFields", json!({"a": 1}))),                         400, "INVALID_REQUEST",        "specificFields.a"),
        (post(with("/referenceAmount", json!(1500))),                          400, "INVALID_REQUEST",        "referenceAmount"),
        (post(with("/referenceAmount/value", json!(15.5))),                    400, "INVALID_REQUEST",        "referenceAmount.value"),
        (post(with("/referenceAmount/value", json!(1500.0))),                  400, "INVALID_REQUEST",        "referenceAmount.value"),
        (post(with("/referenceAmount/value", json!("1500"))),                  400, "INVALID_REQUEST",        "referenceAmount.value"),
        (post(with("/referenceAmount/value", json!(u64::MAX))),                400, "INVALID_REQUEST",        "referenceAmount.value"),
        (post(with("/referenceAmount/value", json!(1_000_000_000_000_001_i64))), 400, "AMOUNT_OUT_OF_RANGE",  "referenceAmount"),
        (post(with("/referenceAmount/value", json!(0))),                       400, "AMOUNT_ZERO",            "referenceAmount"),
        (post(with("/referenceAmount/exponent", json!(3))),                    400, "INVALID_EXPONENT",       "referenceAmount"),
        (post(with("/referenceAmount/isoCode", json!("EUX"))),                 400, "INVALID_REQUEST",        "referenceAmount.isoCode"),
        (post(Said::json(&nothing_to_pay)),                                    400, "INVALID_REQUEST",        "referenceAmount"),
        (post(with("/feeType", Value::Null)),                                  400, "INVALID_REQUEST",        "feeType"),
        (post(with("/feeType", json!(""))),                                    400, "INVALID_REQUEST",        "feeType"),
        (post(with("/externalOperationDate", json!("2023-01-02"))),            400, "INVALID_REQUEST",        "externalOperationDate"),
        (post(with("/externalOperationDate", json!("2023-01-02T25:00:00Z"))),  400, "INVALID_REQUEST",        "externalOperationDate"),
        (post(with("/externalOperationDate", json!("2023-01-02T09:00:00"))),   400, "INVALID_REQUEST",        "externalOperationDate"),
        (post(and("valueDate", json!("2023-02-30"))),                          400, "INVALID_REQUEST",        "valueDate"),
        (post(and("valueDate", json!("02/01/2023"))),                          400, "INVALID_REQUEST",        "valueDate"),
        // Bodies.
        (post(raw(b"{\"feeType\":\"A\",\"feeType\":\"B\"}")),                  400, "INVALID_REQUEST",        ""),
        (post(raw(b"{\"feeType\":")),                                          400, "INVALID_REQUEST",        ""),
        (post(raw(b"{} {}")),                                                  400, "INVALID_REQUEST",        ""),
        (post(raw(b"{\"feeType\":\"\xff\"}")),                                 400, "INVALID_REQUEST",        ""),
        (post(raw(b"[]")),                                                     400, "INVALID_REQUEST",        "body"),
        (post(raw(b"null")),                                                   400, "INVALID_REQUEST",        "externalOperationDate"),
        (post(Said::default()),                                                400, "INVALID_REQUEST",        "externalOperationDate"),
        (post(raw(too_long.as_bytes())),                                       413, "REQUEST_TOO_LARGE",      ""),
        (post(Said::text("text/plain", "{}")),                                 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type"),
        (post(Said { headers: Vec::new(), ..good() }),                         415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type"),
        // Headers.
        (post(good().with("WL-Correlation-ID", "a").with("Idempotency-Key", "b")), 400, "INVALID_REQUEST",    "Idempotency-Key"),
        (post(good().with("WL-Correlation-ID", "a").with("WL-Correlation-ID", "a")), 400, "INVALID_CORRELATION_ID", "WL-Correlation-ID"),
        (post(good().with("WL-Correlation-ID", &"x".repeat(129))),             400, "INVALID_CORRELATION_ID", "WL-Correlation-ID"),
        (post(good().with("WL-Correlation-ID", "")),                           400, "INVALID_CORRELATION_ID", "WL-Correlation-ID"),
        (post(good().with("WL-Correlation-ID", "4546172396081630")),           400, "PAN_NOT_ALLOWED",        "WL-Correlation-ID"),
        (post(good().with("WL-Origin", &"x".repeat(300))),                     400, "INVALID_REQUEST",        "origin"),
        (post(good().with("WL-Username", "a").with("WL-Username", "b")),       400, "INVALID_REQUEST",        "WL-Username"),
        // Paths, and what follows them.
        (to(&(on("A1", "post-fee-operation") + "?dryRun=true"), good()),       400, "INVALID_REQUEST",        "dryRun"),
        (to("/api/v2/issuers/none/accounts/external-accounts/A1/post-fee-operation", good()), 404, "ISSUER_NOT_FOUND", "issuerId"),
        (to(&on("NONE", "post-fee-operation"), good()),                        404, "ACCOUNT_NOT_FOUND",      "issuerAccountExternalReference"),
        (to(&format!("{ISSUER}/accounts/10000000000000000009/post-fee-operation"), good()), 404, "ACCOUNT_NOT_FOUND", "accountReference"),
        (to(&format!("{ISSUER}/accounts/A1/post-fee-operation"), good()),      404, "ACCOUNT_NOT_FOUND",      "accountReference"),
        (to(&on(&"x".repeat(200), "post-fee-operation"), good()),              400, "INVALID_REQUEST",        "issuerAccountExternalReference"),
        (to(&on("A%07", "post-fee-operation"), good()),                        400, "INVALID_REQUEST",        "issuerAccountExternalReference"),
        (to(&on("%ff", "post-fee-operation"), good()),                         400, "INVALID_REQUEST",        "path"),
        (to(&on("A1", "post-tip-operation"), good()),                          404, "NOT_FOUND",              ""),
        (to("/", good()),                                                      404, "NOT_FOUND",              ""),
        (("GET", on("A1", "post-fee-operation"), Said::default()),             405, "METHOD_NOT_ALLOWED",     ""),
        (("PATCH", on("A1", "post-fee-operation"), good()),                    405, "METHOD_NOT_ALLOWED",     ""),
        (("DELETE", on("A1", "operations"), Said::default()),                  405, "METHOD_NOT_ALLOWED",     ""),
    ];
    table.into_iter().map(flat).collect()
}

#[rustfmt::skip]
fn questions() -> Vec<Case> {
    let get = |target: String| ("GET", target, Said::default());
    let search = |body: &Value| ("POST", "/api/v2/search-operations".to_owned(), Said::json(body));
    let ask = |fields: Value| {
        let mut body = json!({"postingAccountIdentifier": {"issuerAccountExternalReference": "A1"}});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        search(&body)
    };
    let group2 = json!({"postingDateFrom": "2023-01-01T00:00:00Z", "postingDateTo": "2023-02-01T00:00:00Z"});
    let stream = format!("{ISSUER}/event-stores/stream");
    let table = [
        (get(on("A1", "operations?endTime=2100-01-01T00:00:00Z")),             400, "INVALID_REQUEST",        "startTime"),
        (get(on("A1", "operations?startTime=2023-01-01&endTime=2100-01-01T00:00:00Z")), 400, "INVALID_REQUEST", "startTime"),
        (get(on("A1", "operations?startTime=2100-01-01T00:00:00Z&endTime=2000-01-01T00:00:00Z")), 400, "PERIOD_INVALID", "endTime"),
        (get(list("&color=red")),                                              400, "INVALID_REQUEST",        "color"),
        (get(list("&page=1&page=2")),                                          400, "INVALID_REQUEST",        "page"),
        (get(list("&page=-1")),                                                400, "INVALID_REQUEST",        "page"),
        (get(list("&offset=0")),                                               400, "INVALID_REQUEST",        "offset"),
        (get(list("&offset=1001")),                                            400, "INVALID_REQUEST",        "offset"),
        (get(list("&sort=up")),                                                400, "INVALID_REQUEST",        "sort"),
        (get(list("&allAccountHierarchy=yes")),                                400, "INVALID_REQUEST",        "allAccountHierarchy"),
        (get(list("&asOfPosition=99")),                                        409, "POSITION_NOT_REACHED",   "asOfPosition"),
        (get(list("&asOfPosition=4546172396081630")),                          400, "PAN_NOT_ALLOWED",        "query"),
        (get(on("A1", "operations/1000000000000099")),                         404, "OPERATION_NOT_FOUND",    "operationId"),
        (get(on("A1", "operations/F1")),                                       404, "OPERATION_NOT_FOUND",    "operationId"),
        (get(on("A1", "authorizations/T1")),                                   404, "AUTHORIZATION_NOT_FOUND", "transactionId"),
        (get(on("A1", "authorization-business-cases/C1")),                     404, "BUSINESS_CASE_NOT_FOUND", "businessCaseId"),
        (get(on("NONE", "balance")),                                           404, "ACCOUNT_NOT_FOUND",      "issuerAccountExternalReference"),
        (get("/api/v2/issuers/none".to_owned()),                               404, "ISSUER_NOT_FOUND",       "issuerId"),
        (("GET", stream, Said::default().with("Last-Event-ID", "x")),          400, "INVALID_REQUEST",        "Last-Event-ID"),
        (search(&group2),                                                      400, "SEARCH_GROUP1_REQUIRED", "postingAccountIdentifier"),
        (ask(json!({})),                                                       400, "SEARCH_GROUP2_EXACTLY_ONE", "postingDateFrom"),
        (ask(json!({"postingDateFrom": "2023-01-01T00:00:00Z"})),              400, "SEARCH_RANGE_INCOMPLETE", "postingDateTo"),
        (ask(json!({"color": "red"})),                                         400, "INVALID_REQUEST",        "color"),
    ];
    table.into_iter().map(flat).collect()
}

fn flat(
    ((method, target, said), status, code, field): (
        (&'static str, String, Said),
        u16,
        &'static str,
        &'static str,
    ),
) -> Case {
    (method, target, said, status, code, field)
}

#[test]
fn whoever_is_refused_is_told_which_field_is_wrong() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let before = desk.position();
    let mut wrong = String::new();
    for (method, target, said, status, code, field) in commands().into_iter().chain(questions()) {
        let told = desk.client.call(method, &target, &said);
        let expected = (status, code.to_owned(), field.to_owned());
        let found = told.refusal();
        if found != expected {
            let body = String::from_utf8_lossy(&said.body[..said.body.len().min(200)]);
            writeln!(
                wrong,
                "{method} {target} {body}\n  {found:?}, not {expected:?}"
            )
            .expect("text");
            continue;
        }
        is_an_envelope(&told);
        let said = said.with("Accept", "application/problem+json, application/json;q=0.5");
        is_a_problem(&desk.client.call(method, &target, &said), &told);
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(desk.position(), before, "nothing was recorded");
    assert_eq!(desk.client.balance("A1")["accountBalance"], eur(0));
}

/// The source's shape of a refusal.
fn is_an_envelope(told: &Told) {
    assert_eq!(told.header("Content-Type"), Some("application/json"));
    assert_eq!(told.header("Cache-Control"), Some("no-store"));
    let body = told.json();
    let metadata = &body["responseMetadata"];
    assert_eq!(metadata["statusCode"], json!(told.status));
    assert_eq!(
        metadata["correlationId"].as_str(),
        told.header("WL-Correlation-ID")
    );
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1));
    assert!(
        body["errors"][0]["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(body.get("data").is_none());
}

/// RFC 9457, and the same as the envelope has.
fn is_a_problem(told: &Told, envelope: &Told) {
    assert_eq!(told.status, envelope.status);
    assert_eq!(
        told.header("Content-Type"),
        Some("application/problem+json")
    );
    let (problem, error) = (told.json(), &envelope.json()["errors"][0]);
    assert_eq!(problem["status"], json!(told.status));
    assert_eq!(problem["code"], error["code"]);
    assert_eq!(problem["field"], error["field"]);
    assert_eq!(problem["detail"], error["message"]);
    let code = error["code"].as_str().expect("a code");
    assert_eq!(problem["type"], json!(format!("urn:ledger:error:{code}")));
    assert_eq!(
        problem["correlationId"].as_str(),
        told.header("WL-Correlation-ID")
    );
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let desk = Desk::with_accounts(&[]);
    for (method, target, allowed) in [
        ("GET", on("A1", "post-fee-operation"), "POST"),
        ("POST", on("A1", "balance"), "GET,HEAD"),
        ("DELETE", on("A1", "balance"), "GET,HEAD"),
        ("PUT", "/api/v2/search-operations".to_owned(), "POST"),
    ] {
        let told = desk.client.call(method, &target, &Said::default());
        assert_eq!(told.status, 405);
        assert_eq!(told.header("Allow"), Some(allowed), "{method} {target}");
    }
}

/// A body that nobody reads would end its connection, and the next call on it would fail for no fault of its own.
#[test]
fn a_connection_goes_on_after_a_call_that_was_refused() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let address = desk.client.address();
    let fees = on("A1", "post-fee-operation");
    for (refused, status) in [
        ("POST /nothing".to_owned(), "404"),
        (format!("PUT {fees}"), "405"),
        (format!("POST {fees}?dryRun=true"), "400"),
        (format!("POST {}", on("%ff", "post-fee-operation")), "400"),
    ] {
        let mut stream = TcpStream::connect(address).expect("it is reached");
        let head = format!(
            "{refused} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // Long enough for the call to be refused before its body is there.
        thread::sleep(Duration::from_millis(50));
        let next =
            format!("{{}}GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(next.as_bytes()).expect("sent");
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("answers");
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
        assert!(told.ends_with("alive\n"), "{refused}: {told}");
    }
}

#[test]
fn a_strict_service_wants_a_correlation_id() {
    let desk = Desk::empty(true);
    let target = format!("{ISSUER}/configure-issuer");
    let body = json!({"timeZone": "Europe/Berlin"});
    let told = desk.client.call("POST", &target, &Said::json(&body));
    let expected = (
        400,
        "CORRELATION_ID_REQUIRED".to_owned(),
        "WL-Correlation-ID".to_owned(),
    );
    assert_eq!(told.refusal(), expected);
    let said = Said::json(&body).with("Idempotency-Key", "c1");
    assert_eq!(desk.client.call("POST", &target, &said).status, 200);
}

#[test]
fn codes_are_sorted_and_told_apart() {
    let keys: Vec<_> = CODES.iter().map(|code| (code.status, code.code)).collect();
    assert!(keys.is_sorted(), "by status, then by name");
    let names: BTreeSet<_> = CODES.iter().map(|code| code.code).collect();
    assert_eq!(names.len(), CODES.len(), "none is there twice");
}

/// An unlisted code would be answered as a failure of the service.
#[test]
fn every_code_that_can_be_given_is_listed_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("read");
    let is_code = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    // What the core, the writer and a search name in their tables of codes.
    let mut given = BTreeSet::new();
    for path in [
        "../ledger-core/src/rejection.rs",
        "../ledger-store/src/writer.rs",
        "src/queries/search.rs",
    ] {
        let source = read(path);
        let codes = source
            .lines()
            .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
        given.extend(codes.filter(is_code).map(str::to_owned));
    }
    assert!(
        given.len() > 50,
        "the codes are read off their source: {given:?}"
    );
    // And what the service gives itself.
    let mut sources = Vec::new();
    rust_files(&root.join("src/http"), &mut sources);
    for source in &sources {
        for made in ["Fault::new(", "Fault::at(", "Fault::invalid("] {
            for (at, _) in source.match_indices(made) {
                let call = source[at..].split(';').next().unwrap_or_default();
                let literals = call.split('"').skip(1).step_by(2);
                let code = literals.filter(|text| text.len() > 3).find(is_code);
                given.extend(code.map(str::to_owned));
            }
        }
    }
    // The service's own name for it is REQUEST_TOO_LARGE.
    given.remove("TOO_MANY_REQUESTS");
    given.insert("INVALID_REQUEST".to_owned());
    let listed: BTreeSet<_> = CODES.iter().map(|code| code.code.to_owned()).collect();
    let unlisted: Vec<_> = given.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&given).collect();
    assert!(
        unlisted.is_empty() && unused.is_empty(),
        "{unlisted:?} {unused:?}"
    );
}

/// The other codes are what functions named `code` say, and no word for an outcome.
#[test]
fn every_code_of_the_library_and_the_command_line_is_listed_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for part in ["src", "../ledger-store/src"] {
        rust_files(&root.join(part), &mut sources);
    }
    let mut given = BTreeSet::new();
    for source in &sources {
        for (at, _) in source.match_indices("fn code(&self) -> &") {
            let function = source[at..].split("\n    }\n").next().unwrap_or_default();
            let literals = function.split('"').skip(1).step_by(2);
            given.extend(literals.map(str::to_owned));
        }
    }
    let of_the_service: BTreeSet<_> = CODES.iter().map(|code| code.code).collect();
    let outcomes = [
        Outcome::Applied,
        Outcome::SkippedDuplicate,
        Outcome::Conflict,
        Outcome::Rejected,
        Outcome::Malformed,
    ];
    let outcomes = outcomes.map(Outcome::code);
    // The service's own name for it is REQUEST_TOO_LARGE.
    given.retain(|code| {
        let code = code.as_str();
        !of_the_service.contains(code) && !outcomes.contains(&code) && code != "TOO_MANY_REQUESTS"
    });
    let listed: Vec<_> = LOCAL_CODES.iter().map(|(code, _)| *code).collect();
    assert!(listed.iter().eq(&given), "{listed:?} {given:?}");
}

fn rust_files(dir: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, sources);
        } else {
            sources.push(fs::read_to_string(path).expect("read"));
        }
    }
}

/// After a change that is meant: `UPDATE_EXPECT=1 cargo test -p ledger-api --test it errors`.
#[test]
fn the_documented_table_is_that_of_the_code() {
    let mut text = String::from(ABOUT);
    for code in CODES {
        writeln!(
            text,
            "| {} | `{}` | {} |",
            code.status, code.code, code.meaning
        )
        .expect("text");
    }
    text += LOCAL;
    for (code, meaning) in LOCAL_CODES {
        writeln!(text, "| `{code}` | {meaning} |").expect("text");
    }
    expect_file!["../../../../docs/ERRORS.md"].assert_eq(&text);
}

const ABOUT: &str = "\
# Errors

## Of the HTTP service

<!-- Made of `ledger-api/src/{http/codes,local_codes}.rs`: UPDATE_EXPECT=1 cargo test -p ledger-api --test it errors -->

A call that is not carried out is answered with the source's envelope. `code` is stable and for programs, `message`
is for people and may change; `field` is the field, parameter or header at fault, where it is one:

```json
{\"responseMetadata\": {\"correlationId\": \"…\", \"statusMessage\": \"Bad Request\", \"statusCode\": 400, \"responseDateTime\": \"…\", \"timeTakenMs\": 0},
 \"errors\": [{\"code\": \"AMOUNT_ZERO\", \"field\": \"referenceAmount\", \"message\": \"…\"}]}
```

Whoever sends `Accept: application/problem+json` gets the same as RFC 9457 has it, with `type` `urn:ledger:error:` and
the code. `DUPLICATE_EXTERNAL_TRIPLET` also has `operationIdentifier`, the operation that the triplet names, and
`samePayload`, whether that is what was asked for. Answers of status 429 say in `Retry-After` after how many seconds
to try again; what may be asked of a token endpoint is answered in the words of RFC 6749 instead.

A refusal by the books of an existing account is remembered: the same correlation id gets it again, byte for byte.
All others may be sent again, corrected, under the same correlation id.

| status | code | given when |
|---|---|---|
";

const LOCAL: &str = "
## Of the library and the command line

They give the codes above as well. The command line tells an error on standard error, with its code behind it, or as one
JSON object with `--json`.

| code | given when |
|---|---|
";
