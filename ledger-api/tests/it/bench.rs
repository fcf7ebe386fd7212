//! `ledger bench`, as a user runs it. No duration is asserted, only what the figures say of each other.

use std::path::Path;

use serde_json::Value;

use crate::command_line::{ledger, text};

/// In the build directory, which is on a disk: where temporary files usually go may be in memory, and
/// a benchmark of durability refuses that.
fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).expect("a directory").count()
}

#[test]
fn a_run_says_what_it_measured_and_leaves_nothing() {
    let dir = dir();
    let arguments = "bench --operations 20000 --accounts 500 --json";
    let words: Vec<_> = arguments.split(' ').collect();
    let output = ledger(dir.path(), &words);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");

    for (name, expected) in [
        ("operations", Value::from(20_000)),
        ("accounts", Value::from(500)),
        ("batch", Value::from(8_192)),
        ("clients", Value::from(6)),
        ("reversals", Value::from(0.01)),
        ("duplicates", Value::from(0.01)),
        ("hot", Value::from(0.0)),
        ("store", Value::from("sled")),
        (
            "durability",
            Value::from("fdatasync of the log before each answer"),
        ),
        ("checkpointBytes", Value::from(0)),
        ("command", Value::from(format!("ledger {arguments}"))),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }
    let number = |pointer: &str| {
        let value = report.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("{pointer} in {report}"))
    };
    assert_eq!(number("/accepted") + number("/repeated"), 20_000.0);
    // One in a hundred each; drawn at random, and the same every time.
    assert!((100.0..300.0).contains(&number("/repeated")));
    for positive in [
        "/decideOnlyPerSecond",
        "/appendOnlyPerSecond",
        "/durablePerSecond",
        "/cpuSecondsPerMillion",
        "/recoverySeconds",
        "/retainedBytesPerOperation",
    ] {
        assert!(number(positive) > 0.0, "{positive}");
    }
    // What is on disk holds at least the records once.
    let blocks_per_operation = number("/blockBytes") / number("/accepted");
    assert!(number("/diskBytesPerOperation") >= blocks_per_operation);
    for rising in [
        ["/batchLatencyMicros/p50", "/batchLatencyMicros/p99"],
        ["/batchLatencyMicros/p99", "/batchLatencyMicros/p999"],
        ["/balanceMicros/p50", "/balanceMicros/p99"],
        ["/last50OperationsMicros/p50", "/last50OperationsMicros/p99"],
    ] {
        let [lower, higher] = rising.map(number);
        assert!(0.0 < lower && lower <= higher, "{rising:?}");
    }
    assert_eq!(entries(dir.path()), 0);
}

#[test]
fn the_ledger_stays_where_the_user_wanted_it_and_can_be_used() {
    let dir = dir();
    let words = "bench --operations 2000 --accounts 20 --hot 1 --batch 7 --clients 3 --data kept";
    let output = ledger(dir.path(), &words.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in [words, "fdatasync of the log before each answer", "kept"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    let accounts = ledger(dir.path(), &["accounts", "--json", "--data", "kept"]);
    let operations: Vec<_> = crate::command_line::json_lines(&accounts.stdout)
        .iter()
        .map(|account| account["operations"].as_u64().expect("a number"))
        .collect();
    assert_eq!(operations.len(), 20);
    assert!(operations[0] > 1_900, "all on the hot account");
    assert!(operations[1..].iter().all(|operations| *operations == 0));

    let again = ledger(dir.path(), &words.split(' ').collect::<Vec<_>>());
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("kept: is not empty"));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let dir = dir();
    for words in [
        "bench --reversals 0.6 --duplicates 0.6",
        "bench --hot 1.5",
        "bench --batch 10001",
        "bench --operations 0",
        "bench --store memory",
    ] {
        let output = ledger(dir.path(), &words.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{words}");
    }
    assert_eq!(entries(dir.path()), 0);
}

/// Nothing there survives a power cut, however it is synced.
#[test]
fn a_directory_in_memory_is_refused() {
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        println!("skipped: there is no /dev/shm here");
        return;
    };
    let output = ledger(memory.path(), &["bench", "--data", "new"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("new: tmpfs keeps nothing"));
    assert_eq!(entries(memory.path()), 0);
}
