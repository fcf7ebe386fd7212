//! A disk that fails takes nothing that was acknowledged, and does not keep anybody from asking.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ledger_api::{Ledger, LedgerOptions, Status};
use ledger_store::StoreKind;

use crate::command_line::{json_lines, ledger, text};

const CHILD_DIR: &str = "LEDGER_API_TEST_FAILED_DISK_DIR";
/// Files may have this many blocks of 512 bytes: enough for a segment of sled, and soon full.
const FILE_BLOCKS: u32 = 34_000;
const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/card-portfolio.jsonl"
);

/// Runs a program whose files cannot grow beyond a limit, and which is told so instead of killed.
fn limited(program: &Path, args: &[&str], dir: &Path) -> Output {
    Command::new("sh")
        .current_dir(dir)
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {FILE_BLOCKS}; exec \"$0\" \"$@\""
        ))
        .arg(program)
        .args(args)
        .env(CHILD_DIR, dir)
        .stdin(Stdio::null())
        .output()
        .expect("a shell runs")
}

/// Not a test of its own: the process whose disk fails.
#[test]
fn child_posts_until_its_disk_fails() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    for store in StoreKind::ALL {
        let options = LedgerOptions {
            store: Some(store),
            ..LedgerOptions::default()
        };
        let ledger = Ledger::open_with(Path::new(&dir).join(store.name()), options).expect("opens");
        let lines = fs::read_to_string(Path::new(&dir).join("in.jsonl")).expect("lines");
        assert!(matches!(ledger.status(), Status::Accepting));
        let requests = lines
            .lines()
            .map(|line| ledger_api::line::parse(line).expect("a line"));
        let requests: Vec<_> = requests.map(|line| line.request).collect();
        let error = ledger
            .submit_many(requests.clone())
            .map(|answers| answers.len())
            .expect_err("the disk is full");
        assert!(error.to_string().contains("log/e00000001"), "{error}");
        let Status::ReadOnly { reason, since } = ledger.status() else {
            panic!("it goes on");
        };
        assert_eq!(reason.code(), "STORE_IO");
        assert!(since <= ledger_api::clock::now());
        let refused = ledger
            .submit(requests[0].clone())
            .expect_err("nothing is accepted");
        assert_eq!(refused.code(), "SERVICE_UNAVAILABLE");
        assert!(
            refused.to_string().contains(&reason.to_string()),
            "{refused}"
        );
        // What was durable is there, and adds up.
        let shown = ledger.verify().expect("sound").records;
        assert_eq!(ledger.accounts().is_empty(), shown < 100);
        assert!(ledger.close().is_err());
        println!("durable {shown}");
    }
}

#[test]
fn after_a_failed_append_queries_are_answered_and_commands_are_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        "generate",
        "--accounts",
        "100",
        "--operations",
        "180000",
        "--seed",
        "2",
    ];
    fs::write(
        dir.path().join("in.jsonl"),
        ledger(dir.path(), &args).stdout,
    )
    .expect("written");
    let child = limited(
        &env::current_exe().expect("a name"),
        &[
            "--exact",
            "failed_disk::child_posts_until_its_disk_fails",
            "--nocapture",
        ],
        dir.path(),
    );
    let told = text(&child.stdout);
    assert!(child.status.success(), "{told}{}", text(&child.stderr));
    let shown: Vec<u64> = told
        .lines()
        .filter_map(|line| line.split_once("durable ")?.1.trim().parse().ok())
        .collect();
    for (store, shown) in StoreKind::ALL.into_iter().zip(shown) {
        // Opened again, it has at least what was shown, and goes on.
        let verified = ledger(dir.path(), &["verify", "--data", store.name(), "--json"]);
        let records = json_lines(&verified.stdout)[0]["records"].as_u64();
        assert!(records >= Some(shown), "{records:?} of {shown}");
        let replayed = ledger(
            dir.path(),
            &["replay", "in.jsonl", "--data", store.name(), "--json"],
        );
        assert!(json_lines(&replayed.stdout)[0]["applied"].as_u64() > Some(0));
    }
}

#[test]
fn a_replay_that_meets_a_full_disk_ends_with_2_and_names_the_file() {
    for store in StoreKind::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let args = [
            "generate",
            "--accounts",
            "100",
            "--operations",
            "180000",
            "--seed",
            "2",
        ];
        fs::write(
            dir.path().join("in.jsonl"),
            ledger(dir.path(), &args).stdout,
        )
        .expect("written");
        let args = ["replay", "in.jsonl", "--data", "d", "--store", store.name()];
        let replayed = limited(Path::new(env!("CARGO_BIN_EXE_ledger")), &args, dir.path());
        let told = text(&replayed.stderr);
        assert_eq!(replayed.status.code(), Some(2), "{told}");
        assert!(
            told.contains("d/log/e00000001") && told.contains("File too large"),
            "{told}"
        );
    }
}

#[test]
fn queries_are_answered_where_nothing_can_be_written() {
    for store in StoreKind::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let args = ["replay", EXAMPLE, "--data", "d", "--store", store.name()];
        ledger(dir.path(), &args);
        let before = ledger(dir.path(), &["accounts", "--data", "d", "--json"]);
        // What opening writes first goes where there is never room.
        symlink("/dev/full", dir.path().join("d/MANIFEST.new")).expect("linked");
        let manifest = fs::read(dir.path().join("d/MANIFEST")).expect("read");
        let after = ledger(dir.path(), &["accounts", "--data", "d", "--json"]);
        assert!(after.status.success(), "{}", text(&after.stderr));
        assert_eq!(after.stdout, before.stdout);
        assert!(
            text(&after.stderr).contains("answering from a copy"),
            "{}",
            text(&after.stderr)
        );
        let verified = ledger(dir.path(), &["verify", "--data", "d"]);
        assert!(verified.status.success(), "{}", text(&verified.stderr));
        let status = ledger(dir.path(), &["status", "--data", "d", "--json"]);
        assert_eq!(status.status.code(), Some(1));
        let status = &json_lines(&status.stdout)[0];
        assert_eq!(
            (&status["status"], &status["code"]),
            (&"CLOSED".into(), &"STORE_IO".into())
        );
        // A command that writes is refused, and nothing was changed.
        let replayed = ledger(dir.path(), &["replay", EXAMPLE, "--data", "d"]);
        assert_eq!(replayed.status.code(), Some(2));
        assert_eq!(
            fs::read(dir.path().join("d/MANIFEST")).expect("read"),
            manifest
        );
    }
}
