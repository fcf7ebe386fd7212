//! Killing the process at any moment loses nothing that was acknowledged.
//!
//! Epochs are small and logs are closed now and then, so that many kills meet a change of epochs, an
//! opening or a closing. `LEDGER_KILL_CYCLES` and `LEDGER_SEED` ask for more, and for other moments.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ledger_store::{DiskLog, EventLog, LogHead, StoreKind};
use tempfile::TempDir;

use crate::effort;
use crate::records::{EPOCH_RECORDS, Random, block, in_epochs, open_and_check};

const CHILD_DIR: &str = "LEDGER_STORE_TEST_CHILD_DIR";
const CHILD_STORE: &str = "LEDGER_STORE_TEST_CHILD_STORE";
/// Groups that are appended before the log is closed, at most.
const GROUPS_MAX: u64 = 30;

/// Not a test of its own: the process that is killed. Opens, appends, prints what was acknowledged,
/// closes, and begins again.
#[test]
fn child_appends_until_killed() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let store = env::var(CHILD_STORE).unwrap().parse().unwrap();
    loop {
        let mut log = DiskLog::open(Path::new(&dir), in_epochs(store)).unwrap();
        let mut random = Random::new(log.head().last_seq);
        for _ in 0..=random.below(GROUPS_MAX) {
            append_group(&mut log, &mut random);
            println!("acknowledged {}", log.head().last_seq);
            std::io::stdout().flush().unwrap();
        }
        Box::new(log).close().unwrap();
    }
}

fn append_group(log: &mut DiskLog, random: &mut Random) {
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

/// Lets a child go on until so many appends were acknowledged and a while has passed, and kills it; gives
/// the last acknowledged record.
pub(crate) fn append_and_kill(
    dir: &Path,
    store: StoreKind,
    appends: usize,
    delay: Duration,
) -> u64 {
    let mut child = spawn_child(dir, store);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines
        .map_while(Result::ok)
        .filter_map(|line| acknowledged(&line));
    let before = told.by_ref().take(appends).last();
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    told.last().or(before).unwrap_or(0)
}

/// A log grows through this many kills, then another is begun.
const KILLS_OF_A_LOG: u64 = 12;

fn survive_being_killed(store: StoreKind) {
    let kills = effort::count("LEDGER_KILL_CYCLES", 15);
    let seed = effort::seed();
    let mut random = Random::new(seed);
    let (mut logs, mut in_all) = (0, 0);
    let mut left = kills;
    while left > 0 {
        let dir = TempDir::new().unwrap();
        let rounds = KILLS_OF_A_LOG.min(left);
        in_all += kill_again_and_again(dir.path(), store, rounds, &mut random);
        left -= rounds;
        logs += 1;
    }
    // They were killed while they prepared epochs and went on in them, too.
    let epochs = in_all / EPOCH_RECORDS;
    println!(
        "kill -9 of a process with small epochs, {store}, seed {seed}: {kills} cycles on {logs} logs of \
         {epochs} epochs; {in_all} records recovered, 0 acknowledged lost"
    );
    assert!(epochs > logs, "no child lived long enough: {in_all}");
}

/// Gives how many records the log has in the end.
fn kill_again_and_again(dir: &Path, store: StoreKind, rounds: u64, random: &mut Random) -> u64 {
    let mut recovered = 0;
    for round in 0..rounds {
        // A third of them while they open, the others wherever they are by then.
        let (appends, delay_us) = match random.below(3) {
            0 => (0, random.below(100_000)),
            _ => (1 + random.below(12), random.below(20_000)),
        };
        let (appends, delay) = (
            usize::try_from(appends).unwrap(),
            Duration::from_micros(delay_us),
        );
        let acknowledged = append_and_kill(dir, store, appends, delay).max(recovered);
        let (log, last_seq) = open_and_check(dir, in_epochs(store)).unwrap();
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
    recovered
}

#[test]
fn acknowledged_records_survive_being_killed_in_sled() {
    survive_being_killed(StoreKind::Sled);
}

#[test]
fn acknowledged_records_survive_being_killed_in_redb() {
    survive_being_killed(StoreKind::Redb);
}
