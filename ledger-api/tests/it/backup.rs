//! Backups taken while others post, in the same process and from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ledger_api::{Ledger, LedgerOptions};
use ledger_core::event::Record;
use ledger_core::state::LedgerState;
use ledger_store::backup::BackedUp;
use ledger_store::{StoreKind, recovery};

use crate::command_line::{json_lines, ledger, text};

const SCENE: &str = r#"{"issuerId":"wl","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin","businessDate":"2023-01-02"}}
{"issuerId":"wl","correlationId":"s2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}
{"issuerId":"wl","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":1000000,"exponent":2,"isoCode":"EUR"}}}
"#;

const POSTERS: usize = 8;
const BACKUPS: usize = 3;

/// A payment by one of the posters, the so-manieth.
fn payment(poster: usize, number: usize) -> String {
    format!(
        "{{\"issuerId\":\"wl\",\"correlationId\":\"p{poster}-{number}\",\"command\":\"post-payment-operation\",\"account\":{{\"issuerAccountExternalReference\":\"A1\"}},\"body\":{{\"referenceAmount\":{{\"value\":-{},\"exponent\":2,\"isoCode\":\"EUR\"}},\"externalOperationDate\":\"2023-01-02T14:20:34.715Z\",\"externalOperationReference\":\"P{poster}-{number}\",\"externalOperationServicePoster\":\"ISSUER\"}}}}",
        1 + number % 500
    )
}

fn open(dir: &Path, store: StoreKind) -> Ledger {
    let options = LedgerOptions {
        store: Some(store),
        ..LedgerOptions::default()
    };
    Ledger::open_with(dir, options).expect("opens")
}

/// Posts from many threads until the work is done; gives what it gave, and how many were posted.
fn while_posting<T>(ledger: &Ledger, work: impl FnOnce() -> T) -> (T, usize) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut number = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let lines = (number..number + 50).map(|number| payment(poster, number));
                        let requests = lines
                            .map(|line| ledger_api::line::parse(&line).expect("a payment").request);
                        ledger.submit_many(requests.collect()).expect("durable");
                        number += 50;
                    }
                    number
                })
            })
            .collect();
        let outcome = work();
        stop.store(true, Ordering::Relaxed);
        let posted = posters
            .into_iter()
            .map(|poster| poster.join().expect("posts"));
        (outcome, posted.sum())
    })
}

/// The backup is the log up to where it ends, in bytes and in what it adds up to, and goes on.
fn assert_prefix(backup: &Path, at: &BackedUp, records: &[Record]) {
    let end = usize::try_from(at.head.last_seq).expect("few");
    let expected = &records[..end];
    let recovered = recovery::recover(backup).expect("opens");
    let replayed = LedgerState::replay(expected);
    assert!(
        recovered.state.portfolio() == replayed.portfolio(),
        "another state"
    );
    assert_eq!(recovered.state.last_seq(), replayed.last_seq());
    drop(recovered);
    let ledger = Ledger::open(backup).expect("opens");
    let verified = ledger.verify().expect("sound");
    assert_eq!(
        (verified.records, verified.chain),
        (at.head.last_seq, at.head.chain)
    );
    let kept: Vec<_> = ledger
        .reader()
        .records()
        .map(|r| r.expect("sound"))
        .collect();
    assert!(kept == expected, "other records");
    ledger.close().expect("closes");
}

fn back_up_under_load(store: StoreKind, backup_store: StoreKind) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(&dir.path().join("ledger"), store);
    for line in SCENE.lines() {
        ledger.execute(line).expect("durable");
    }
    let grown = dir.path().join("grown");
    let (backups, posted) = while_posting(&ledger, || {
        let mut ends = Vec::new();
        for number in 0..BACKUPS {
            let to = dir.path().join(format!("b{number}"));
            let acknowledged = ledger.reader().last_seq().map_or(0, |seq| seq.0);
            let taken = ledger
                .backup(&to, Some(backup_store), &mut |_, _| ())
                .expect("taken");
            assert!(taken.head.last_seq >= acknowledged, "an answer is missing");
            assert_eq!(taken.store, backup_store);
            let added = ledger.backup(&grown, None, &mut |_, _| ()).expect("taken");
            assert_eq!(added.continued, number > 0);
            ends.push((to, taken, added));
        }
        ends
    });
    let records: Vec<_> = ledger
        .reader()
        .records()
        .map(|r| r.expect("sound"))
        .collect();
    assert_eq!(records.len(), 3 + posted);
    for (to, taken, _) in &backups {
        assert_prefix(to, taken, &records);
    }
    let (_, _, last) = backups.last().expect("several");
    assert_prefix(&grown, last, &records);
    let ends: Vec<_> = backups
        .iter()
        .map(|(_, taken, _)| taken.head.last_seq)
        .collect();
    assert!(
        ends.is_sorted_by(|a, b| a < b),
        "nothing was posted meanwhile: {ends:?}"
    );
    ledger.close().expect("closes");
}

#[test]
fn backups_under_load_are_the_log_up_to_that_point_in_sled() {
    back_up_under_load(StoreKind::Sled, StoreKind::Redb);
}

#[test]
fn backups_under_load_are_the_log_up_to_that_point_in_redb() {
    back_up_under_load(StoreKind::Redb, StoreKind::Redb);
}

/// A replay of a made-up history in a process of its own.
fn spawn_replay(dir: &Path, store: &str) -> Child {
    let generated = ledger(
        dir,
        &[
            "generate",
            "--accounts",
            "1000",
            "--operations",
            "400000",
            "--seed",
            "5",
        ],
    );
    std::fs::write(dir.join("in.jsonl"), generated.stdout).expect("written");
    Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir)
        .args(["replay", "in.jsonl", "--data", "d", "--store", store])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs")
}

fn back_up_a_replay_and_kill_it(store: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut replay = spawn_replay(dir.path(), store);
    let socket = dir.path().join("d/CONTROL");
    let begun = Instant::now();
    while !socket.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not listen"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let status = ledger(dir.path(), &["status", "--data", "d", "--json"]);
    assert_eq!(
        json_lines(&status.stdout)[0]["status"],
        "ACCEPTING",
        "{}",
        text(&status.stderr)
    );
    let args = ["backup", "--data", "d", "--to", "b", "--json"];
    let first = ledger(dir.path(), &args);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let second = ledger(dir.path(), &args);
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert!(
        replay.try_wait().expect("asked").is_none(),
        "the replay ended too early"
    );
    replay.kill().expect("killed");
    replay.wait().expect("ended");

    let second = &json_lines(&second.stdout)[0];
    assert_eq!(second["continued"], true);
    assert_eq!(second["store"], store);
    let verified = ledger(dir.path(), &["verify", "--data", "b", "--json"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    let verified = &json_lines(&verified.stdout)[0];
    assert_eq!(verified["records"], second["sequence"]);
    assert_eq!(verified["chain"], second["chainHash"]);
    // The socket of the killed one is in nobody's way, and what it left is continued.
    let third = ledger(dir.path(), &args);
    assert!(third.status.success(), "{}", text(&third.stderr));
    let third = &json_lines(&third.stdout)[0];
    assert!(third["sequence"].as_u64() >= second["sequence"].as_u64());
    let replayed = ledger(dir.path(), &["replay", "in.jsonl", "--data", "d", "--json"]);
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    assert!(!socket.exists(), "the socket is left behind");
}

#[test]
fn a_replay_is_backed_up_from_outside_and_killed_in_sled() {
    back_up_a_replay_and_kill_it("sled");
}

#[test]
fn a_replay_is_backed_up_from_outside_and_killed_in_redb() {
    back_up_a_replay_and_kill_it("redb");
}
