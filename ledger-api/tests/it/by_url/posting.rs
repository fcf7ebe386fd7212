//! Commands, carried out by a service and in a directory.

use std::path::Path;

use serde_json::Value;

use super::served::{Said, Served, fee, furnished, message, say, say_to, scene};
use crate::command_line::json_lines;

/// A summary without what differs from run to run.
fn totals(said: &Said) -> Value {
    let mut totals: Value = serde_json::from_str(&said.out).expect("a summary");
    for name in ["seconds", "operationsPerSecond"] {
        totals[name].take();
    }
    totals
}

/// The outcome of a line, as programs are told it.
fn outcomes(said: &Said) -> Vec<Value> {
    json_lines(said.out.as_bytes())
        .iter()
        .map(|line| line["outcome"].clone())
        .collect()
}

#[test]
fn a_history_replayed_into_a_service_leaves_what_it_leaves_in_a_directory() {
    let portfolio = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/card-portfolio.jsonl"
    );
    let portfolio = std::fs::read_to_string(portfolio).expect("read");
    // The second file has lines of several issuers, and wrong ones.
    for (files, code) in [
        (vec![("one", portfolio.clone())], 0),
        (vec![("one", portfolio), ("two", scene())], 1),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path();
        for (name, lines) in &files {
            std::fs::write(dir.join(name), lines).expect("written");
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let served = Served::start(dir);
        let replay = |place: &[&str], results: &str| {
            let results = ["--results", results, "--json"];
            say(dir, &[&["replay"], &*names, place, &results].concat())
        };
        let url = ["--url", &served.url];
        let here = ["--data", "here"];
        for attempt in ["first", "again"] {
            let there = replay(&url, "there.results");
            let here = replay(&here, "here.results");
            assert_eq!(there.code, Some(code), "{}", there.err);
            assert_eq!(totals(&there), totals(&here), "{attempt}");
            assert_eq!((there.code, there.err), (here.code, here.err));
            let results = |name| std::fs::read_to_string(dir.join(name)).expect("read");
            assert_eq!(
                results("there.results"),
                results("here.results"),
                "{attempt}"
            );
        }
        for query in ["accounts", "trial-balance"] {
            let ask = |place: &[&str]| say(dir, &[&[query], place, &["--json"]].concat());
            assert_eq!(ask(&url), ask(&here));
        }
        // People are shown the accounts too.
        let shown = say(dir, &[&["replay", "one"][..], &url].concat());
        assert!(shown.out.contains("ACC-000001"), "{shown:?}");
        served.stop();
        let verified = say(dir, &["verify", "--data", "d"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
    }
}

/// What `post` shows of lines that are posted twice, then of one that has a rule against it.
fn posted(dir: &Path, place: &[&str]) -> Vec<Said> {
    let post =
        |input: &str, more: &[&str]| say_to(dir, &[&["post", "-"], place, more].concat(), input);
    let well = furnished("wl") + &fee("wl", "c1", "A1", 1_500) + &message("T1", "SHOP", 1, 200_000);
    let mut expecting = fee("wl", "c2", "A1", 100);
    let expect = r#","expect":{"accountBalance":{"value":1,"exponent":2,"isoCode":"EUR"}}}"#;
    expecting.replace_range(expecting.len() - 2.., expect);
    let refused = fee("wl", "c3", "A9", 1_500) + "{\n" + &fee("wl", "c1", "A1", 1_600);
    vec![
        post(&well, &["--json"]),
        post(&well, &["--json"]),
        post(&well, &[]),
        post(&expecting, &[]),
        post(&refused, &[]),
        // The refusal of a rule is remembered, and told again.
        post(
            &fee("wl", "c4", "A1", 1_500).replace("MANUAL_FEE", "CARD_FEE"),
            &[],
        ),
        post(
            &fee("wl", "c4", "A1", 1_500).replace("MANUAL_FEE", "CARD_FEE"),
            &[],
        ),
        post("\n", &[]),
    ]
}

#[test]
fn a_command_is_posted_and_its_result_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let served = Served::start(dir);
    let there = posted(dir, &["--url", &served.url]);
    assert_eq!(there, posted(dir, &["--data", "here"]));
    assert_eq!(outcomes(&there[0]), ["APPLIED"; 6], "{there:?}");
    assert_eq!(outcomes(&there[1]), ["SKIPPED_DUPLICATE"; 6]);
    let codes: Vec<_> = there.iter().filter_map(|said| said.code).collect();
    assert_eq!(codes, [0, 0, 0, 1, 1, 1, 1, 2]);
    let shown: Vec<_> = there[2..].iter().map(|said| said.out.as_str()).collect();
    expect_test::expect![[r#"
        1: SKIPPED_DUPLICATE
        2: SKIPPED_DUPLICATE
        3: SKIPPED_DUPLICATE, account 10000000000000000001
        4: SKIPPED_DUPLICATE, account 10000000000000000002
        5: SKIPPED_DUPLICATE, operation 1000000000000005
        6: SKIPPED_DUPLICATE, account 10000000000000000001, Decline INSUFFICIENT_OPEN_TO_BUY
        1: APPLIED, operation 1000000000000007
        1: accountBalance is 1600 EUR, expected 1 EUR
        1: REJECTED, issuerAccountExternalReference: the account does not exist [ACCOUNT_NOT_FOUND]
        2: MALFORMED, is not JSON that can be read, at column 0 [INVALID_REQUEST]
        3: CONFLICT, referenceAmount: the correlation id was used before with another referenceAmount [IDEMPOTENCY_PAYLOAD_MISMATCH]
        1: REJECTED, feeType: the product does not allow this fee type [FEE_TYPE_NOT_ALLOWED]
        1: SKIPPED_DUPLICATE, feeType: the product does not allow this fee type [FEE_TYPE_NOT_ALLOWED]
    "#]].assert_eq(&shown.concat());

    std::fs::write(dir.join("file"), fee("wl", "c9", "A1", 1_500)).expect("written");
    let of_file = say(dir, &["post", "file", "--url", &served.url]);
    assert_eq!(of_file.code, Some(0), "{of_file:?}");
    served.stop();
}

#[test]
fn more_lines_than_a_call_may_have_go_in_several_calls() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let mut lines = furnished("wl");
    for number in 0..20_500 {
        lines += &fee("wl", &format!("c{number}"), "A1", 1);
    }
    std::fs::write(dir.join("in"), lines).expect("written");
    let served = Served::start(dir);
    let url = ["--url", &*served.url];
    let replayed = say(dir, &[&["replay", "in", "--json"][..], &url].concat());
    assert_eq!(totals(&replayed)["applied"], 20_504, "{replayed:?}");
    let balance = say(
        dir,
        &[&["balance", "--external", "A1", "--json"][..], &url].concat(),
    );
    let balance: Value = serde_json::from_str(&balance.out).expect("a balance");
    assert_eq!(balance["accountBalance"]["value"], 20_500);
    served.stop();
}
