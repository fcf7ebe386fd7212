//! Errors of the kernel, injected into the real process by `strace`: it says so by name and stops, and
//! what it had acknowledged is there when the ledger is opened again.
//!
//! `LEDGER_SYSTEM_ERRORS` asks for more: each call fails at its first, second, … time, up to that many,
//! until a run is left alone. The counting is that of each thread.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::command_line::text;
use crate::effort;
use crate::history::{History, results};

const OPERATIONS: u64 = 3_000;

/// Calls that change files or make them durable.
const CALLS: [&str; 7] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "sync_file_range",
    "ftruncate",
    "rename",
    "mkdir",
];
/// What they fail with: once, or from then on.
const FAILURES: [(&str, &str); 3] = [("EIO", ""), ("ENOSPC", "+"), ("EIO", "+")];

#[derive(Debug, Default)]
struct Count {
    injected: u64,
    stopped: u64,
    acknowledged: usize,
}

/// Replays the history under `strace`; nothing where there is none.
fn replay(dir: &Path, store: &str, data: &str, call: &str, inject: &str) -> Option<Output> {
    let output = Command::new("timeout")
        .args(["--signal=KILL", "300", "strace", "-f", "-qq", "-o", "notes"])
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:{inject}")])
        .arg(env!("CARGO_BIN_EXE_ledger"))
        .args(["replay", "-", "--json", "--results", "told"])
        .args(["--data", data, "--store", store])
        .current_dir(dir)
        // As a stream, so that there are many batches, each answered before the next is read.
        .stdin(Stdio::from(
            File::open(dir.join("history")).expect("opened"),
        ))
        .output()
        .expect("timeout is part of every system");
    if !dir.join("notes").exists() {
        eprintln!("skipped: strace is not here, or may not trace");
        return None;
    }
    Some(output)
}

/// Asserts that the process ended in order or named what stopped it; tells whether it stopped.
fn has_stopped(output: &Output, why: &str) -> bool {
    let errors = text(&output.stderr);
    assert!(!errors.contains("panicked"), "{why}: {errors}");
    match output.status.code() {
        Some(0 | 1) => false,
        Some(2) => {
            let last = errors.lines().last().unwrap_or_default();
            let error: Value = serde_json::from_str(last).expect("JSON");
            let code = error["error"]["code"].as_str().expect("a code");
            let message = error["error"]["message"].as_str().expect("a message");
            let codes = ["STORE_", "OUTCOME_UNKNOWN", "SERVICE_UNAVAILABLE"];
            assert!(
                codes.iter().any(|name| code.starts_with(name)),
                "{why}: {last}"
            );
            // The ledger, or the directory that it is in, which is where the process stands.
            let is_named = message.contains("ledger-") || message.starts_with(".: ");
            assert!(is_named, "{why}: names no file: {last}");
            true
        }
        code => panic!("{why}: ended with {code:?}: {errors}"),
    }
}

/// Lets a call fail; gives nothing when it was never made that often.
fn fail(
    history: &History,
    dir: &Path,
    store: &str,
    call: &str,
    inject: &str,
    count: &mut Count,
) -> Option<()> {
    let why = format!("{store}, {call}:{inject}");
    let data = "ledger-under-test";
    let output = replay(dir, store, data, call, inject)?;
    let notes = fs::read_to_string(dir.join("notes")).expect("read");
    let was_injected = notes.contains("(INJECTED)");
    let is_stopped = has_stopped(&output, &why);
    let told = results(&fs::read(dir.join("told")).unwrap_or_default());
    assert!(
        is_stopped || told.len() == history.lines.len(),
        "{why}: stopped without a word"
    );
    assert!(was_injected || !is_stopped, "{why}: stopped for nothing");
    // Nothing that was told is lost, and everything goes on.
    history.complete(dir, data, told.len());
    fs::remove_dir_all(dir.join(data)).expect("removed");
    fs::remove_file(dir.join("notes")).expect("removed");
    drop(fs::remove_file(dir.join("told")));
    count.injected += u64::from(was_injected);
    count.stopped += u64::from(is_stopped);
    count.acknowledged += told.len();
    was_injected.then_some(())
}

fn fail_each_call(store: &str) {
    let most = effort::count("LEDGER_SYSTEM_ERRORS", 0);
    let temporary = tempfile::tempdir().expect("a directory");
    let history = History::generate(temporary.path(), OPERATIONS, effort::seed());
    let mut count = Count::default();
    for call in CALLS {
        for (error, on) in FAILURES {
            // A handful every day: an early one and a late one.
            let times: Vec<u64> = match most {
                0 if error == "ENOSPC" => vec![3, 9],
                0 => vec![2],
                most => (1..=most).collect(),
            };
            for time in times {
                let inject = format!("error={error}:when={time}{on}");
                let dir = temporary.path();
                if fail(&history, dir, store, call, &inject, &mut count).is_none() {
                    break;
                }
            }
        }
    }
    let Count {
        injected,
        stopped,
        acknowledged,
    } = count;
    println!(
        "errors of system calls, {store}: {injected} runs with an error, {stopped} stopped by name, \
         the others went on; {acknowledged} lines acknowledged, 0 lost"
    );
}

#[test]
fn an_error_of_the_kernel_is_named_and_loses_nothing_on_sled() {
    fail_each_call("sled");
}

#[test]
fn an_error_of_the_kernel_is_named_and_loses_nothing_on_redb() {
    fail_each_call("redb");
}

#[test]
fn slow_syncs_change_no_answer() {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let history = History::generate(dir, OPERATIONS, effort::seed());
    for store in ["sled", "redb"] {
        let Some(output) = replay(dir, store, store, "fdatasync", "delay_exit=30000") else {
            return;
        };
        assert!(!has_stopped(&output, store));
        let told = results(&fs::read(dir.join("told")).expect("read"));
        assert_eq!(told.len(), history.lines.len());
        history.complete(dir, store, told.len());
    }
}
