//! Killing the process at any moment loses nothing that was acknowledged.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ledger_store::{DiskLog, EventLog, LogHead, StoreKind};
use tempfile::TempDir;

use crate::records::{EPOCH_RECORDS, Random, block, in_epochs, open_and_check};

const CHILD_DIR: &str = "LEDGER_STORE_TEST_CHILD_DIR";
const CHILD_STORE: &str = "LEDGER_STORE_TEST_CHILD_STORE";
const KILLS: u64 = 15;

/// Not a test of its own: the process that is killed. Appends and prints what was acknowledged.
#[test]
fn child_appends_until_killed() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let store = env::var(CHILD_STORE).unwrap().parse().unwrap();
    let mut log = DiskLog::open(Path::new(&dir), in_epochs(store)).unwrap();
    let mut random = Random::new(log.head().last_seq);
    loop {
        let mut head = log.head();
        let mut group = Vec::new();
        for _ in 0..=random.below(4) {
            let block = block(head, 1 + random.below(256));
            head = LogHead {
                last_seq: block.last_seq(),
                chain: block.chain(),
            };
            group.push(block);
        }
        log.append(&group).unwrap();
        println!("acknowledged {}", head.last_seq);
        std::io::stdout().flush().unwrap();
    }
}

fn spawn_child(dir: &Path, store: StoreKind) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::child_appends_until_killed",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .env(CHILD_STORE, store.name())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The number in the child's line, nothing when it is the harness that speaks.
fn acknowledged(line: &str) -> Option<u64> {
    line.split_once("acknowledged ")?.1.trim().parse().ok()
}

/// Lets a child append to the log until it is killed; gives the last acknowledged record.
///
/// Without a delay the child is killed after its first acknowledgement.
pub(crate) fn append_and_kill(dir: &Path, store: StoreKind, delay: Option<Duration>) -> u64 {
    let mut child = spawn_child(dir, store);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = match delay {
        Some(delay) => {
            thread::sleep(delay);
            None
        }
        None => lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| acknowledged(&line)),
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let rest = lines
        .map_while(Result::ok)
        .filter_map(|line| acknowledged(&line));
    rest.last().or(first).unwrap_or(0)
}

fn survive_being_killed(store: StoreKind) {
    let dir = TempDir::new().unwrap();
    let mut random = Random::new(15);
    let mut recovered = 0;
    for round in 0..KILLS {
        let delay = Duration::from_millis(random.below(220));
        let acknowledged = append_and_kill(dir.path(), store, Some(delay)).max(recovered);
        let (log, last_seq) = open_and_check(dir.path(), in_epochs(store)).unwrap();
        assert!(
            last_seq >= acknowledged,
            "{acknowledged} acknowledged, {last_seq} recovered"
        );
        recovered = last_seq;
        // Every other time the next child finds an orderly closing instead of a crash.
        if round % 2 == 0 {
            Box::new(log).close().unwrap();
        }
    }
    // They were killed while they prepared epochs and went on in them, too.
    assert!(
        recovered > 5 * EPOCH_RECORDS,
        "no child lived long enough: {recovered} records"
    );
}

#[test]
fn acknowledged_records_survive_being_killed_in_sled() {
    survive_being_killed(StoreKind::Sled);
}

#[test]
fn acknowledged_records_survive_being_killed_in_redb() {
    survive_being_killed(StoreKind::Redb);
}
