//! The log as text: it comes back as the same log, byte for byte, or is refused by line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ledger_api::import::{ImportError, import};
use ledger_api::{Ledger, line};
use ledger_core::command::{AccountSelector, Command as Asked, OnAccount};
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::AccountReference;
use ledger_store::{LogOptions, StoreKind};
use serde_json::{Value, json};

use crate::command_line::{json_lines, ledger, text};

/// The example of the README, which has every kind of command but one or two.
const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/card-portfolio.jsonl"
);

/// Replays the example in a directory, and exports it.
fn exported(dir: &Path) -> Vec<u8> {
    let replayed = ledger(dir, &["replay", EXAMPLE, "--data", "d"]);
    assert_ne!(
        replayed.status.code(),
        Some(2),
        "{}",
        text(&replayed.stderr)
    );
    let exported = ledger(dir, &["export", "--data", "d"]);
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    exported.stdout
}

fn import_by_process(dir: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir)
        .arg("import")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // One that refuses a line does not read the rest.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("ends")
}

fn refused(dir: &Path, lines: &[u8]) -> (u64, String) {
    let to = dir.join("refused");
    let options = LogOptions {
        store: Some(StoreKind::Redb),
        ..LogOptions::default()
    };
    let outcome = import(lines, &to, options, &mut |_| ());
    let Err(ImportError::Line { line, problem }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        !to.exists() && !dir.join("refused.copying").exists(),
        "something is left"
    );
    (line, problem)
}

#[test]
fn an_import_is_the_same_log_in_either_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines = exported(dir.path());
    for store in StoreKind::ALL {
        let args = ["--data", store.name(), "--store", store.name(), "--json"];
        let imported = import_by_process(dir.path(), &args, &lines);
        assert!(imported.status.success(), "{}", text(&imported.stderr));
        let report = &json_lines(&imported.stdout)[0];
        let again = ledger(dir.path(), &["export", "--data", store.name()]);
        assert!(again.stdout == lines, "another export");
        let [original, imported] = ["d", store.name()].map(|name| {
            let ledger = Ledger::open(dir.path().join(name)).expect("opens");
            let records: Vec<_> = ledger
                .reader()
                .records()
                .map(|r| r.expect("sound"))
                .collect();
            let chain = ledger.verify().expect("sound").chain.to_string();
            ledger.close().expect("closes");
            (records, chain)
        });
        assert!(original == imported);
        assert_eq!(report["chainHash"], original.1);
        // Correlation ids are known there, too.
        let replayed = ledger(
            dir.path(),
            &["replay", EXAMPLE, "--data", store.name(), "--json"],
        );
        assert_eq!(json_lines(&replayed.stdout)[0]["applied"], 0);
    }
}

/// What the engine was told, as far as the event has it.
fn asked(record: &Record) -> Option<Asked> {
    let on_account = |account, posting_date, action| {
        Asked::OnAccount(OnAccount {
            account: AccountSelector::Reference(AccountReference::of(account)),
            posting_date,
            action,
        })
    };
    use ledger_core::command::AccountAction as Action;
    Some(match record.event.body.clone() {
        EventBody::IssuerConfigured { configuration, .. } => Asked::ConfigureIssuer(configuration),
        EventBody::ProductDefined(product) => Asked::DefineProduct(product),
        EventBody::BonusProgramDefined(program) => Asked::DefineBonusProgram(program),
        EventBody::BusinessDateAdvanced(advance) => Asked::AdvanceBusinessDate(advance),
        EventBody::AccountOpened { opening, .. } => Asked::OpenAccount(opening),
        EventBody::CreditLimitSet {
            account,
            posting_date,
            change,
        } => on_account(account, posting_date, Action::SetCreditLimit(change)),
        EventBody::AccountClosed {
            account,
            posting_date,
        } => on_account(account, posting_date, Action::Close),
        EventBody::OperationPosted { decided, operation } => on_account(
            decided.account,
            decided.posting_date,
            Action::Post(operation),
        ),
        EventBody::OperationReversed {
            decided, reversal, ..
        } => on_account(
            decided.account,
            decided.posting_date,
            Action::Reverse(reversal),
        ),
        EventBody::OperationCleared {
            decided, operation, ..
        } => on_account(
            decided.account,
            decided.posting_date,
            Action::Post(*operation),
        ),
        EventBody::AuthorizationRecorded { decided, message } => on_account(
            decided.account,
            decided.posting_date,
            Action::RecordAuthorization(message),
        ),
        EventBody::OfflineReservationCreated {
            account,
            posting_date,
            reservation,
        } => on_account(
            account,
            posting_date,
            Action::CreateOfflineReservation(reservation),
        ),
        EventBody::OfflineReservationCancelled {
            account,
            posting_date,
            cancellation,
            ..
        } => on_account(
            account,
            posting_date,
            Action::CancelOfflineReservation(cancellation),
        ),
        EventBody::OperationRejected {
            account,
            posting_date,
            action,
            ..
        } => on_account(account, posting_date, *action),
    })
}

/// Whoever replays the readable fields of a record asks for what its command asked for.
#[test]
fn readable_fields_are_the_command_in_the_replay_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(dir.path().join("d")).expect("opens");
    for file in [
        EXAMPLE,
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/every-field.jsonl"),
    ] {
        for line in std::fs::read_to_string(file).expect("read").lines() {
            ledger.execute(line).expect("answered");
        }
    }
    let mut lines = Vec::new();
    ledger_api::export::export(&ledger, 1, &mut lines).expect("exported");
    let lines = json_lines(&lines);
    let shown = lines.iter().filter(|line| line.get("sequence").is_some());
    let mut commands = std::collections::BTreeSet::new();
    for (shown, record) in shown.zip(ledger.reader().records()) {
        let record = record.expect("sound");
        let mut replayed = json!({});
        for name in [
            "command",
            "issuerId",
            "correlationId",
            "account",
            "postingDate",
            "body",
        ] {
            if let Some(value) = shown.get(name) {
                replayed[name] = value.clone();
            }
        }
        let request = line::parse(&replayed.to_string())
            .expect("a command")
            .request;
        assert_eq!(request.correlation, record.event.correlation);
        assert_eq!(Some(request.command), asked(&record), "{replayed}");
        commands.insert(shown["command"].as_str().map(str::to_owned));
    }
    // 9 kinds of operation are posted, all but one reversed, and there are 10 other commands.
    assert!(commands.len() >= 23, "{commands:?}");
}

#[test]
fn a_changed_digit_anywhere_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = exported(dir.path());
    let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
    // Every byte of some lines of each sort; changing any of them breaks the line or what it says.
    let last = lines.len() - 1;
    for place in [0, 1, 2, 5, 40, last] {
        let before: usize = lines[..place].iter().map(|line| line.len()).sum();
        let step = (lines[place].len() / 9).max(1);
        for at in (0..lines[place].len() - 1).step_by(step) {
            let mut changed = all.clone();
            let byte = &mut changed[before + at];
            *byte = match *byte {
                b'9' => b'8',
                digit @ b'0'..=b'8' => digit + 1,
                other => other ^ 1,
            };
            let (line, problem) = refused(dir.path(), &changed);
            assert!(
                line > u64::try_from(place).expect("few"),
                "{line} {problem}"
            );
        }
    }
}

#[test]
fn a_line_that_is_missing_twice_or_too_long_is_refused_by_its_number() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = exported(dir.path());
    let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
    let joined = |places: &mut dyn Iterator<Item = usize>| -> Vec<u8> {
        places.flat_map(|place| lines[place].to_vec()).collect()
    };
    for place in [0, 1, 2, 17, lines.len() - 1] {
        let number = u64::try_from(place).expect("few") + 1;
        let missing = joined(&mut (0..lines.len()).filter(|at| *at != place));
        assert_eq!(refused(dir.path(), &missing).0, number);
        let cut = joined(&mut (0..place));
        assert_eq!(refused(dir.path(), &cut).0, number);
        let mut torn = cut.clone();
        torn.extend(&lines[place][..lines[place].len() / 2]);
        assert_eq!(refused(dir.path(), &torn).0, number);
        let twice = joined(&mut (0..=place).chain(place..lines.len()));
        assert_eq!(refused(dir.path(), &twice).0, number + 1);
    }
    let mut long = lines[0].to_vec();
    long.resize(3 << 20, b'x');
    let (line, problem) = refused(dir.path(), &long);
    assert_eq!(
        (line, problem.as_str()),
        (2, "is too long, or is cut short")
    );
}

#[test]
fn a_readable_field_that_contradicts_the_payload_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = text(&exported(dir.path()));
    let line = all
        .lines()
        .find(|line| line.contains("post-fee-operation"))
        .expect("a fee");
    let fee: Value = serde_json::from_str(line).expect("JSON");
    let minor = fee["body"]["referenceAmount"]["value"]
        .as_i64()
        .expect("an amount");
    let changed = line.replacen(
        &format!("\"value\":{minor}}}"),
        &format!("\"value\":{}}}", minor + 1),
        1,
    );
    assert_ne!(changed, line);
    let (_, problem) = refused(dir.path(), all.replace(line, &changed).as_bytes());
    assert_eq!(problem, "contradicts its payload in body");
}

#[test]
fn other_versions_and_parts_of_a_log_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = text(&exported(dir.path()));
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"blockVersion\":1", "\"blockVersion\":2"),
        ("\"codec\":1", "\"codec\":2"),
    ] {
        let (line, problem) = refused(dir.path(), all.replacen(from, to, 1).as_bytes());
        assert_eq!(line, 1);
        assert!(problem.contains("does not know"), "{problem}");
    }
    let part = ledger(
        dir.path(),
        &["export", "--data", "d", "--from-sequence", "300"],
    );
    let header = &json_lines(&part.stdout)[0];
    let first = header["firstSequence"].as_u64().expect("a number");
    assert!(first > 1 && first <= 300, "{first}");
    let (line, problem) = refused(dir.path(), &part.stdout);
    assert_eq!(line, 1);
    assert!(
        problem.contains(&format!("begins with record {first}")),
        "{problem}"
    );
    // What is in the part is in the whole.
    let body = text(&part.stdout);
    let (_, records) = body.split_once('\n').expect("lines");
    let (records, _) = records.trim_end().rsplit_once('\n').expect("lines");
    assert!(all.contains(records));
    // Nothing is exported from beyond the end.
    let none = ledger(
        dir.path(),
        &["export", "--data", "d", "--from-sequence", "999999"],
    );
    assert_eq!(json_lines(&none.stdout).len(), 2);
}
