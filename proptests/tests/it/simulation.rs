//! The simulator's seeds, and what it found, by name.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ledger_store::disk_log::DiskLog;
use ledger_store::{Block, BlockBuilder, ChainHash, DataDir, EventLog, LogOptions, StoreKind};
use proptests::sim::disk::{Call, Fault, Lasting, Rates, SimDisk};
use proptests::sim::{Plan, Summary, regressions, run};

/// Seeds that every run of the tests plays, and their operations: as many as a minute has room for.
const SEEDS: u64 = 300;
const OPERATIONS: usize = 300;

#[test]
fn simulated_histories_hold() {
    let again = regressions().into_iter().map(|regression| Plan {
        seed: regression.seed,
        operations: regression.operations,
    });
    let seeds = (0..SEEDS).map(|seed| Plan {
        seed,
        operations: OPERATIONS,
    });
    let (summary, failures) = play(&again.chain(seeds).collect::<Vec<_>>());
    println!("{summary}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // A simulator that injects nothing finds nothing. The last two are what may come of it, and rarely does.
    for (name, count) in summary.counts() {
        assert!(
            count > 0 || matches!(name, "damage_unnoticed" | "ended_by_store"),
            "there were no {name}"
        );
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in [3, 4, 5, 6, 7, 8] {
        let plan = Plan {
            seed,
            operations: OPERATIONS,
        };
        assert_eq!(run(plan), run(plan), "seed {seed}");
    }
}

/// Plays them on every processor; gives what happened, and what did not hold with how to see it again.
fn play(plans: &[Plan]) -> (Summary, Vec<String>) {
    let next = AtomicU64::new(0);
    let player = || {
        let (mut summary, mut failures) = (Summary::default(), Vec::new());
        loop {
            let taken = usize::try_from(next.fetch_add(1, Ordering::Relaxed));
            let Some(plan) = taken.ok().and_then(|taken| plans.get(taken)) else {
                return (summary, failures);
            };
            match run(*plan) {
                Ok(outcome) => summary += &outcome.summary,
                Err(violation) => failures.push(format!("{plan}: {violation}")),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(player)).collect();
        let mut all = (Summary::default(), Vec::new());
        for player in players {
            let (summary, failures) = player.join().expect("a run catches its panics");
            all.0 += &summary;
            all.1.extend(failures);
        }
        all
    })
}

const OPTIONS: LogOptions = LogOptions {
    store: Some(StoreKind::Redb),
    epoch_records_max: 1_000,
    checkpoint_records: 1_000,
    background: false,
};

fn block(seq: u64, before: ChainHash) -> Block {
    let mut block = BlockBuilder::new(seq, 0);
    block.push(b"a record").expect("it is small");
    block.seal(before)
}

/// The process dies when a manifest has its new name and the directory is not synced yet. The next process
/// believes the manifest, goes on, and then the power goes.
#[test]
fn a_manifest_is_durable_before_the_log_goes_on_upon_it() {
    let disk = SimDisk::new(1);
    disk.set_rates(Rates {
        lost_ppm: 1_000_000,
        ..Rates::default()
    });
    let dir = DataDir::on(Arc::new(disk.clone()), Path::new("/ledger"));
    let open = || DiskLog::open(&dir, OPTIONS);
    Box::new(open().expect("it opens"))
        .close()
        .expect("a good disk");
    disk.fail_at(1, Some(Call::SyncDir), Lasting::Once, Fault::Error);
    open().expect_err("the new manifest is not durable");
    disk.kill();
    let mut log = open().expect("it opens");
    log.append(&[block(1, ChainHash::EMPTY)])
        .expect("a good disk");
    disk.lose_power();
    drop(log);
    assert_eq!(open().expect("it opens").head().last_seq, 1);
}

/// A sync fails and loses what it was to write, the process starts again and finds it in the kernel's
/// memory, and then the power goes. What the second process found must still be there.
#[test]
fn what_a_failed_sync_lost_is_not_believed_by_the_next_process() {
    let disk = SimDisk::new(1);
    disk.set_rates(Rates {
        lost_ppm: 1_000_000,
        ..Rates::default()
    });
    let dir = DataDir::on(Arc::new(disk.clone()), Path::new("/ledger"));
    let open = || DiskLog::open(&dir, OPTIONS).expect("it opens");

    let mut log = open();
    let first = block(1, ChainHash::EMPTY);
    log.append(std::slice::from_ref(&first))
        .expect("a good disk");
    disk.fail_at(1, Some(Call::Sync), Lasting::Once, Fault::Error);
    let appended = log.append(&[block(2, first.chain())]);
    appended.expect_err("the sync fails");
    disk.kill();
    drop(log);

    let log = open();
    let believed = log.head();
    drop(log);
    disk.lose_power();
    assert_eq!(open().head(), believed);
    assert_eq!(believed.last_seq, 1);
}
