//! The binary, as a user runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn ledger(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir)
        .args(args)
        .env_remove("LEDGER_URL")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub(crate) fn json_lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("a summary")
}

const SCENE: &str = r#"{"issuerId":"wl","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin","businessDate":"2023-01-02"}}
{"issuerId":"wl","correlationId":"s2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}
{"issuerId":"wl","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":1000000,"exponent":2,"isoCode":"EUR"}}}
"#;

fn fee(correlation: &str, reference: &str, cents: i64, expect: &str) -> String {
    format!(
        "{{\"issuerId\":\"wl\",\"correlationId\":\"{correlation}\",\"command\":\"post-fee-operation\",\"account\":{{\"issuerAccountExternalReference\":\"A1\"}},\"postingDate\":\"2023-01-02T14:20:34Z\",\"body\":{{\"feeType\":\"MANUAL_FEE\",\"referenceAmount\":{{\"value\":{cents},\"exponent\":2,\"isoCode\":\"EUR\"}},\"externalOperationDate\":\"2023-01-02T14:20:34.715Z\",\"externalOperationReference\":\"{reference}\",\"externalOperationServicePoster\":\"ISSUER\"}}{expect}}}\n"
    )
}

fn expecting(field: &str, cents: i64) -> String {
    format!(r#","expect":{{"{field}":{{"value":{cents},"exponent":2,"isoCode":"EUR"}}}}"#)
}

#[test]
fn every_line_has_its_outcome_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut input = SCENE.to_owned();
    input += &fee("c1", "F1", 1_500, &expecting("accountBalance", 1_500));
    input += "not JSON\n";
    input += &fee("c1", "F1", 1_500, "");
    input += &fee("c1", "F1", 1_600, "");
    input += "\n";
    input += &fee("c2", "F1", 1_500, "");
    input += &fee("c3", "F1", 1_600, "");
    input += &fee("c4", "F4", 0, "");
    input += &fee("c5", "F5", 100, &expecting("openToBuy", 998_400));
    input += &fee("c6", "F6", 100, "").replace("MANUAL_FEE", "CARD_FEE");
    input += &fee("c7", "F7", 100, "").replace("A1", "A9");
    std::fs::write(dir.path().join("in.jsonl"), &input).expect("written");

    let args = [
        "replay",
        "in.jsonl",
        "--data",
        "d",
        "--results",
        "out.jsonl",
        "--json",
    ];
    let output = ledger(dir.path(), &args);
    let results = json_lines(&std::fs::read(dir.path().join("out.jsonl")).expect("results"));
    let shown: Vec<String> = results
        .iter()
        .map(|r| {
            let word = |name: &str| r[name].as_str().unwrap_or("-").to_owned();
            let words = ["outcome", "code", "field", "operationId"].map(word);
            format!("{} {}", r["line"], words.join(" "))
        })
        .collect();
    expect_test::expect![[r#"
        1 APPLIED - - -
        2 APPLIED - - -
        3 APPLIED - - -
        4 APPLIED - - 1000000000000004
        5 MALFORMED INVALID_REQUEST - -
        6 SKIPPED_DUPLICATE - - 1000000000000004
        7 CONFLICT IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount -
        9 SKIPPED_DUPLICATE DUPLICATE_EXTERNAL_TRIPLET externalOperationReference 1000000000000004
        10 CONFLICT DUPLICATE_EXTERNAL_TRIPLET externalOperationReference 1000000000000004
        11 MALFORMED AMOUNT_ZERO referenceAmount -
        12 APPLIED - - 1000000000000007
        13 REJECTED FEE_TYPE_NOT_ALLOWED feeType -
        14 REJECTED ACCOUNT_NOT_FOUND issuerAccountExternalReference -"#]]
    .assert_eq(&shown.join("\n"));
    let totals = summary(&output);
    for (name, value) in [
        ("lines", 13),
        ("applied", 5),
        ("skippedDuplicate", 2),
        ("conflict", 2),
        ("rejected", 2),
        ("malformed", 2),
        ("expectationsChecked", 2),
        ("expectationsFailed", 0),
    ] {
        assert_eq!(totals[name], value, "{name}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_expectation_that_fails_shows_both_values() {
    let dir = tempfile::tempdir().expect("a directory");
    let input = SCENE.to_owned() + &fee("c1", "F1", 1_500, &expecting("accountBalance", -1_500));
    std::fs::write(dir.path().join("in.jsonl"), input).expect("written");
    let args = [
        "replay",
        "in.jsonl",
        "--data",
        "d",
        "--results",
        "out.jsonl",
        "--json",
    ];
    let output = ledger(dir.path(), &args);
    assert_eq!(output.status.code(), Some(1));
    let totals = summary(&output);
    assert_eq!(totals["applied"], 4);
    assert_eq!(
        (
            &totals["expectationsChecked"],
            &totals["expectationsFailed"]
        ),
        (&1.into(), &1.into())
    );
    assert_eq!(
        text(&output.stderr),
        "in.jsonl:4: accountBalance is 1500 EUR, expected -1500 EUR\n"
    );
    let results = json_lines(&std::fs::read(dir.path().join("out.jsonl")).expect("results"));
    assert_eq!(results[3]["outcome"], "APPLIED");
    assert_eq!(results[3]["expectationsFailed"][0]["actual"], "1500 EUR");
}

#[test]
fn the_exit_status_says_how_it_went() {
    let dir = tempfile::tempdir().expect("a directory");
    let file =
        |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    let scene_and_fee = SCENE.to_owned() + &fee("c1", "F1", 1_500, "");
    file("good", &scene_and_fee);
    file(
        "refused",
        &(SCENE.to_owned() + &fee("c2", "F2", 1, "").replace("MANUAL_FEE", "CARD_FEE")),
    );
    file("malformed", "{}\n");
    file(
        "conflict",
        &(scene_and_fee.clone() + &fee("c1", "F1", 1, "")),
    );
    let table: [(&[&str], i32); 12] = [
        (&["replay", "good", "--data", "a"], 0),
        (&["replay", "good", "good", "--data", "a"], 0),
        (&["replay", "refused", "--data", "b"], 0),
        (&["replay", "refused", "--data", "c", "--strict"], 1),
        // It was refused before, and is told again.
        (&["replay", "refused", "--data", "c", "--strict"], 1),
        (&["replay", "refused", "--data", "c"], 0),
        (&["replay", "good", "good", "--data", "a", "--strict"], 0),
        (&["replay", "malformed", "--data", "d"], 1),
        (&["replay", "conflict", "--data", "e"], 1),
        (&["replay", "missing", "--data", "f"], 2),
        (&["accounts", "--data", "nowhere"], 2),
        (&["replay"], 2),
    ];
    for (args, code) in table {
        let output = ledger(dir.path(), args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            text(&output.stderr)
        );
        assert!(code != 2 || !output.stderr.is_empty(), "{args:?} says why");
    }
    assert!(
        !dir.path().join("nowhere").exists(),
        "asking creates nothing"
    );
    assert!(
        !dir.path().join("f").exists(),
        "a replay that cannot run creates nothing"
    );
}

#[test]
fn a_page_or_a_period_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("scene"), SCENE).expect("written");
    ledger(dir.path(), &["replay", "scene", "--data", "d"]);
    let table: [(&[&str], &str); 6] = [
        (&["--page-size", "1"], ""),
        (&["--page-size", "1000"], ""),
        (&["--page-size", "0"], "must be 1 to 1000"),
        (&["--page-size", "1001"], "must be 1 to 1000"),
        (
            &[
                "--start",
                "2023-01-02T00:00:00Z",
                "--end",
                "2023-01-02T00:00:00Z",
            ],
            "",
        ),
        (
            &[
                "--start",
                "2023-01-02T00:00:00Z",
                "--end",
                "2023-01-01T00:00:00Z",
            ],
            "--end is before --start",
        ),
    ];
    for (asked, problem) in table {
        let args = [&["operations", "--external", "A1", "--data", "d"], asked].concat();
        let output = ledger(dir.path(), &args);
        let told = text(&output.stderr);
        let expected = if problem.is_empty() { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(expected), "{asked:?} {told}");
        assert!(told.contains(problem), "{asked:?} {told}");
    }
}

#[test]
fn a_replay_can_be_stopped_and_started_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let history = ledger(
        dir.path(),
        &["generate", "--accounts", "20", "--operations", "2000"],
    )
    .stdout;
    let whole = text(&history);
    let half: String = whole.split_inclusive('\n').take(1_000).collect();
    std::fs::write(dir.path().join("half"), &half).expect("written");
    std::fs::write(dir.path().join("whole"), &whole).expect("written");
    for (name, data) in [
        ("half", "a"),
        ("whole", "a"),
        ("whole", "a"),
        ("whole", "b"),
    ] {
        let output = ledger(dir.path(), &["replay", name, "--data", data, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let applied = summary(&output)["applied"].as_u64().expect("a number");
        assert!(data == "b" || name == "half" || applied < 2_000);
    }
    let again = ledger(dir.path(), &["replay", "whole", "--data", "a"]);
    assert!(text(&again.stdout).starts_with("applied nothing"));
    for command in ["accounts", "trial-balance", "journal"] {
        let of =
            |data: &str| text(&ledger(dir.path(), &[command, "--data", data, "--json"]).stdout);
        assert_eq!(
            of("a"),
            of("b"),
            "{command} of a replay in two parts and of one"
        );
    }
}

#[test]
fn lines_on_standard_input_are_answered_before_the_next_one_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir.path())
        .args([
            "replay",
            "-",
            "--data",
            "d",
            "--results",
            "/dev/stdout",
            "--json",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = child.stdin.take().expect("a pipe");
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(
        child.stdout.take().expect("a pipe"),
    ));
    for line in SCENE.lines() {
        writeln!(input, "{line}").expect("sent");
        let answer: Value =
            serde_json::from_str(&answers.next().expect("an answer").expect("text")).expect("JSON");
        assert_eq!(answer["outcome"], "APPLIED");
    }
    drop(input);
    let last = answers.next().expect("a summary").expect("text");
    assert_eq!(
        serde_json::from_str::<Value>(&last).expect("JSON")["applied"],
        3
    );
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_history_is_the_same_bytes_for_the_same_seed() {
    let dir = tempfile::tempdir().expect("a directory");
    let make = |seed: &str| {
        let args = [
            "generate",
            "--accounts",
            "30",
            "--operations",
            "3000",
            "--seed",
            seed,
        ];
        ledger(dir.path(), &args).stdout
    };
    assert_eq!(make("5"), make("5"));
    assert_ne!(make("5"), make("6"));
    std::fs::write(dir.path().join("h"), make("5")).expect("written");
    let output = ledger(dir.path(), &["replay", "h", "--data", "d", "--json"]);
    let totals = summary(&output);
    assert_eq!(output.status.code(), Some(0), "{totals}");
    for name in ["skippedDuplicate", "rejected", "expectationsChecked"] {
        assert!(totals[name].as_u64() > Some(10), "{name} in {totals}");
    }
    assert_eq!(totals["expectationsFailed"], 0);
}

#[test]
fn balances_operations_and_journal_tell_one_story() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut input = SCENE.to_owned() + &fee("c1", "F1", 1_500, "");
    input +=
        &fee("c2", "F2", 700, "").replace(r#""feeType""#, r#""valueDate":"2023-01-10","feeType""#);
    input += &fee("c3", "F3", 100, "").replace("MANUAL_FEE", "CARD_FEE");
    std::fs::write(dir.path().join("in"), input).expect("written");
    ledger(dir.path(), &["replay", "in", "--data", "d"]);
    let show = |args: &[&str]| {
        let args = [args, &["--data", "d", "--json"]].concat();
        let output = ledger(dir.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        json_lines(&output.stdout)
    };
    let account = &show(&["accounts"])[0];
    expect_test::expect![[r#"{"issuerId":"wl","accountReference":"10000000000000000001","issuerAccountExternalReference":"A1","accountBalance":{"value":1500,"exponent":2,"isoCode":"EUR"},"openToBuy":{"value":998500,"exponent":2,"isoCode":"EUR"},"operations":2}"#]]
        .assert_eq(text(&ledger(dir.path(), &["accounts", "--data", "d", "--json"]).stdout).trim());
    let reference = account["accountReference"].as_str().expect("text");

    let at = [
        "balance",
        "--account",
        reference,
        "--value-date",
        "2023-01-10",
    ];
    assert_eq!(show(&at)[0]["asOf"]["accountBalance"]["value"], 2_200);
    let known = [
        "balance",
        "--external",
        "A1",
        "--known-at",
        "2023-01-02T14:20:33Z",
    ];
    assert_eq!(show(&known)[0]["asOf"]["accountBalance"]["value"], 0);

    let operations = show(&["operations", "--external", "A1", "--refused"]);
    let statuses: Vec<_> = operations.iter().map(|o| o["status"].as_str()).collect();
    assert_eq!(
        statuses,
        [Some("PROCESSED"), Some("CAS_PENDING"), Some("REJECTED")]
    );
    assert_eq!(operations[1]["valueDate"], "2023-01-09T23:00:00.000+00:00");
    let page = show(&[
        "operations",
        "--external",
        "A1",
        "--page",
        "1",
        "--page-size",
        "1",
    ]);
    assert_eq!(page, [operations[1].clone()]);

    let legs = show(&["journal"]);
    let legs: Vec<_> = legs
        .iter()
        .map(|leg| (leg["glAccount"].as_str(), &leg["debit"], &leg["credit"]))
        .collect();
    let (zero, fifteen) = (Value::from(0), Value::from(1_500));
    assert_eq!(
        legs,
        [
            (Some("1100"), &fifteen, &zero),
            (Some("4100.MANUAL_FEE"), &zero, &fifteen)
        ]
    );
    assert_eq!(show(&["trial-balance"]).len(), 2);
    assert_eq!(show(&["verify"])[0]["records"], 6);
}

#[test]
fn tables_are_for_people() {
    let dir = tempfile::tempdir().expect("a directory");
    let input = SCENE.to_owned() + &fee("c1", "F1", 1_500, "");
    std::fs::write(dir.path().join("in"), input).expect("written");
    ledger(dir.path(), &["replay", "in", "--data", "d"]);
    let output = ledger(dir.path(), &["accounts", "--data", "d"]);
    let shown: Vec<_> = text(&output.stdout)
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    expect_test::expect![[r#"
         Issuer  Account               External reference       Balance  Open to buy  Operations
         wl      10000000000000000001  A1                  15.00 EUR DR  9985.00 EUR           1"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn a_results_file_overwrites_neither_input_nor_ledger_nor_earlier_results() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("in"), SCENE).expect("written");
    let replay = |results: &str| {
        ledger(
            dir.path(),
            &["replay", "in", "--data", "d", "--results", results],
        )
        .status
        .code()
    };
    assert_eq!(replay("out"), Some(0));
    for results in ["in", "./in", "d/HEAD", "d/new", "-"] {
        assert_eq!(replay(results), Some(2), "{results}");
    }
    assert_eq!(
        std::fs::read_to_string(dir.path().join("in")).expect("read"),
        SCENE
    );
    let open =
        ledger_api::Ledger::open(dir.path().join("d")).expect("nothing in it was overwritten");
    assert_eq!(replay("out"), Some(2), "the ledger is in use");
    let results = std::fs::read(dir.path().join("out")).expect("read");
    assert_eq!(
        json_lines(&results).len(),
        3,
        "the acknowledgements of before are still there"
    );
    open.close().expect("it closes");
}

#[test]
fn nothing_but_a_ledger_is_shown_as_a_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("foreign")).expect("created");
    std::fs::write(dir.path().join("foreign/notes.txt"), "hi").expect("written");
    std::fs::write(dir.path().join("in"), SCENE).expect("written");
    for args in [
        ["accounts", "--data", "foreign"].as_slice(),
        &["replay", "in", "--data", "foreign"],
    ] {
        assert_eq!(ledger(dir.path(), args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(
        std::fs::read_dir(dir.path().join("foreign"))
            .expect("read")
            .count(),
        1
    );
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does() {
    let dir = tempfile::tempdir().expect("a directory");
    let input = format!("\u{feff}{}", SCENE.replace('\n', "\r\n"));
    std::fs::write(dir.path().join("in"), input).expect("written");
    let output = ledger(dir.path(), &["replay", "in", "--data", "d", "--json"]);
    assert_eq!(summary(&output)["applied"], 3);
}

#[test]
fn any_line_may_carry_its_posting_date() {
    let dir = tempfile::tempdir().expect("a directory");
    let dated = r#""postingDate":"2020-01-01T00:00:00Z","body""#;
    std::fs::write(dir.path().join("in"), SCENE.replace(r#""body""#, dated)).expect("written");
    let output = ledger(dir.path(), &["replay", "in", "--data", "d", "--json"]);
    assert_eq!(summary(&output)["applied"], 3);
}

#[test]
fn the_journal_of_one_issuer_is_that_of_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let one = SCENE.to_owned() + &fee("c1", "F1", 1_500, "");
    let input = one.clone() + &one.replace("\"wl\"", "\"two\"");
    std::fs::write(dir.path().join("in"), input).expect("written");
    ledger(dir.path(), &["replay", "in", "--data", "d"]);
    let journal = |issuer: &str| {
        let args = ["journal", "--issuer", issuer, "--data", "d", "--json"];
        ledger(dir.path(), &args)
    };
    let legs = json_lines(&journal("two").stdout);
    assert_eq!(legs.len(), 2);
    assert!(legs.iter().all(|leg| leg["issuerId"] == "two"), "{legs:?}");
    assert_eq!(journal("nobody").status.code(), Some(2));
    let balance = |args: &[&str]| {
        ledger(dir.path(), &[args, &["--data", "d"]].concat())
            .status
            .code()
    };
    assert_eq!(balance(&["balance", "--external", "A1"]), Some(2));
    assert_eq!(
        balance(&["balance", "--account", "10000000000000000002"]),
        Some(0)
    );
}

#[test]
fn findings_are_not_lost_with_a_closed_pipe() {
    let dir = tempfile::tempdir().expect("a directory");
    let input = SCENE.to_owned() + &fee("c1", "F1", 1_500, &expecting("accountBalance", 1));
    std::fs::write(dir.path().join("in"), input).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir.path())
        .args(["replay", "in", "--data", "d", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_ledger_is_kept_in_the_store_it_was_created_in_and_copied_to_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::write(
        dir.join("in"),
        SCENE.to_owned() + &fee("c1", "F1", 1_500, ""),
    )
    .expect("written");
    let replayed = ledger(dir, &["replay", "in", "--data", "a", "--store", "redb"]);
    assert_eq!(
        replayed.status.code(),
        Some(0),
        "{}",
        text(&replayed.stderr)
    );
    assert!(dir.join("a/log/e00000001.redb").exists());
    let refused = ledger(dir, &["accounts", "--data", "a", "--store", "sled"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(
        said.contains("in redb, not in sled [STORE_KIND_MISMATCH]"),
        "{said}"
    );
    let unknown = ledger(dir, &["accounts", "--data", "a", "--store", "paper"]);
    assert!(text(&unknown.stderr).contains("there are sled and redb"));

    let copied = ledger(dir, &["copy", "--from", "a", "--to", "b", "--json"]);
    assert_eq!(copied.status.code(), Some(0), "{}", text(&copied.stderr));
    let report = summary(&copied);
    assert_eq!(report["records"], 4);
    assert_eq!(
        (&report["fromStore"], &report["toStore"]),
        (&"redb".into(), &"sled".into())
    );
    let verify = |data: &str| summary(&ledger(dir, &["verify", "--data", data, "--json"]));
    assert_eq!(verify("a"), verify("b"));
    assert_eq!(verify("b")["chain"], report["chain"]);
    let again = ledger(dir, &["copy", "--from", "a", "--to", "b"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("not empty"),
        "{}",
        text(&again.stderr)
    );
    let nowhere = ledger(dir, &["copy", "--from", "c", "--to", "d"]);
    assert!(text(&nowhere.stderr).contains("[LEDGER_NOT_FOUND]"));
}
