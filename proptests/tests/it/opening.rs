//! Opening a log on a disk at its worst, and its `HEAD` above all: while it is created, and where the only thing
//! that remembers an append is what the kernel shows of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger_store::disk::{Access, Disk};
use ledger_store::disk_log::{DiskLog, Opening};
use ledger_store::event_log::LogHead;
use ledger_store::recovery::recover_with;
use ledger_store::writer::Ticket;
use ledger_store::{
    Block, BlockBuilder, ChainHash, DataDir, EventLog, LogOptions, StoreError, StoreKind,
};
use proptests::sim::disk::{Call, Fault, Lasting, Rates, SimDisk};
use proptests::strategy;

const DIR: &str = "/ledger";
const EPOCH: &str = "/ledger/log/e00000001.redb";
/// Ways in which names that were not synced can be there or not, each with every call that the power can go at.
const DRAWS: u64 = 40;
const SECOND: Duration = Duration::from_secs(1);
/// Calls of an opening that fail in turn; the damage is found within so many.
const FAILED_CALLS: u64 = 60;

fn options() -> LogOptions {
    LogOptions {
        store: Some(StoreKind::Redb),
        background: false,
        ..LogOptions::default()
    }
}

fn dir_on(disk: &SimDisk) -> DataDir {
    DataDir::on(Arc::new(disk.clone()), DIR)
}

fn begin(disk: &SimDisk) -> Result<Opening, StoreError> {
    DiskLog::begin(dir_on(disk), options())
}

fn open(disk: &SimDisk) -> Result<DiskLog, StoreError> {
    begin(disk)?.finish(LogHead::EMPTY, &mut |_| Ok(()))
}

fn losing(lost_ppm: u32) -> Rates {
    Rates {
        lost_ppm,
        ..Rates::default()
    }
}

/// A block with the one record `seq`.
fn block(seq: u64, before: ChainHash) -> Block {
    let mut block = BlockBuilder::new(seq, 0);
    block.push(b"a record").expect("it is small");
    block.seal(before)
}

/// A new log with its first record.
fn with_a_record(disk: &SimDisk) -> DiskLog {
    let mut log = open(disk).expect("a good disk");
    log.append(&[block(1, ChainHash::EMPTY)])
        .expect("a good disk");
    log
}

#[test]
fn wherever_the_power_goes_in_creating_a_log_it_can_be_opened() {
    let calls = {
        let disk = SimDisk::new(0);
        open(&disk).expect("a good disk");
        disk.calls(None)
    };
    for nth in 1..=calls {
        for seed in 0..DRAWS {
            let disk = SimDisk::new(seed);
            disk.set_rates(losing(500_000));
            disk.fail_at(nth, None, Lasting::Once, Fault::Power);
            drop(open(&disk));
            disk.fail_no_more();
            disk.lose_power();
            if let Err(error) = open(&disk) {
                panic!("without power at call {nth} of {calls}, draw {seed}: {error}");
            }
        }
    }
}

/// A sync of `HEAD` that fails may leave on the disk what it said before. The kernel shows what was written
/// until the machine stops, and that was true: the log was synced before. It is not forgotten when an attempt to
/// open the log fails, and once one has looked at it, it is on the disk.
#[test]
fn a_log_that_lost_what_an_unsynced_head_has_is_refused() {
    for nth in 0..FAILED_CALLS {
        let disk = SimDisk::new(1);
        disk.set_rates(losing(1_000_000));
        let mut log = open(&disk).expect("a good disk");
        let first = block(1, ChainHash::EMPTY);
        let second = block(2, first.chain());
        log.append(&[first]).expect("a good disk");
        log.settle().expect("a good disk");
        let older = disk.files().remove(&PathBuf::from(EPOCH));
        log.append(&[second]).expect("a good disk");
        disk.fail_at(1, Some(Call::Sync), Lasting::Once, Fault::Error);
        assert!(matches!(log.settle(), Err(StoreError::Io { .. })));
        disk.kill();
        drop(log);
        disk.take_back(EPOCH.as_ref(), older.expect("the epoch is there"));
        if nth > 0 {
            disk.fail_at(nth, None, Lasting::Once, Fault::Error);
            assert!(open(&disk).is_err());
            disk.fail_no_more();
        }
        for power_cut in [false, true] {
            if power_cut {
                disk.lose_power();
            }
            match open(&disk) {
                Err(StoreError::Damaged { what, .. }) => {
                    assert!(what.contains("record 2"), "{what}");
                }
                other => panic!("call {nth}: record 2 was acknowledged, and is lost: {other:?}"),
            }
        }
    }
}

/// A power cut sets `HEAD` back by a second, and not by more: the first append after that syncs it, and those
/// in between do not.
#[test]
fn head_is_synced_once_a_second() {
    let disk = SimDisk::new(1);
    disk.set_rates(losing(1_000_000));
    let mut log = open(&disk).expect("a good disk");
    let mut append = |seq| {
        let before = disk.calls(Some(Call::Sync));
        let next = block(seq, log.head().chain);
        log.append(&[next]).expect("a good disk");
        disk.calls(Some(Call::Sync)) - before
    };
    let [first, second] = [1, 2].map(&mut append);
    disk.pass(SECOND);
    let [later, last] = [3, 4].map(append);
    assert_eq!([second, later, last], [first, first + 1, first]);
    disk.lose_power();
    drop(log);
    let opening = begin(&disk).expect("a good disk");
    assert_eq!(opening.promised().last_seq, 3);
    let end = opening.end().expect("a good disk");
    assert_eq!(end.last_seq, 4);
}

/// Where only repeated commands come, nothing is appended, and the writer is never idle.
#[test]
fn head_is_synced_when_only_repeated_commands_come() {
    let disk = SimDisk::new(1);
    let recovered = recover_with(dir_on(&disk), options()).expect("a good disk");
    let (mut stepper, _reader) = recovered.into_steps();
    let first = strategy::history_of(1, 1).swap_remove(0);
    let mut send = || {
        let before = disk.calls(Some(Call::Sync));
        let ticket = stepper.submit(vec![first.request.clone()]);
        stepper.decide(1, first.now);
        stepper.append(1);
        stepper.publish();
        let answers = ticket.and_then(Ticket::wait).expect("a good disk");
        (answers[0].replayed, disk.calls(Some(Call::Sync)) - before)
    };
    assert!(!send().0);
    let soon = send();
    disk.pass(SECOND);
    let [due, again] = [send(), send()];
    disk.pass(SECOND);
    let none_written = [soon, due, again, send()];
    assert_eq!(none_written, [(true, 0), (true, 1), (true, 0), (true, 0)]);
}

#[test]
fn what_is_covered_is_not_read_again() {
    let disk = SimDisk::new(1);
    let mut log = with_a_record(&disk);
    let covered = log.head();
    log.append(&[block(2, covered.chain)]).expect("a good disk");
    drop(log);
    disk.kill();
    let mut read = Vec::new();
    let opened = begin(&disk)
        .expect("a good disk")
        .finish(covered, &mut |block| {
            read.push(block.first_seq());
            Ok(())
        });
    assert_eq!(opened.expect("it is sound").head().last_seq, 2);
    assert_eq!(read, [2]);
}

/// The process before may have been stopped right after a sync that failed. What the kernel shows since is not on
/// the disk, and would be gone with the power, after others had built on it.
#[test]
fn what_the_kernel_only_believes_to_have_written_is_not_taken_for_durable() {
    let disk = SimDisk::new(1);
    disk.set_rates(losing(1_000_000));
    let mut log = with_a_record(&disk);
    let durable = disk.files();
    let second = block(2, log.head().chain);
    log.append(&[second]).expect("a good disk");
    let written = disk.files().remove(&PathBuf::from(EPOCH));
    disk.kill();
    drop(log);

    disk.restore(&durable);
    let file = disk.open(EPOCH.as_ref(), Access::Write).expect("it exists");
    file.write_all_at(&written.expect("it exists"), 0)
        .expect("a good disk");
    disk.fail_at(1, Some(Call::Sync), Lasting::Once, Fault::Error);
    file.sync().expect_err("the sync fails");
    disk.kill();
    let as_shown = SimDisk::new(1);
    as_shown.restore(&disk.files());
    assert_eq!(open(&as_shown).expect("it is sound").head().last_seq, 2);

    let believed = open(&disk).expect("it is sound").head();
    assert_eq!(believed.last_seq, 1);
    disk.lose_power();
    assert_eq!(open(&disk).expect("it is sound").head(), believed);
}

/// The process dies when a manifest has its new name and the directory is not synced yet. The next process
/// believes the manifest, goes on, and then the power goes.
#[test]
fn a_manifest_is_durable_before_the_log_goes_on_upon_it() {
    let disk = SimDisk::new(1);
    disk.set_rates(losing(1_000_000));
    let log = open(&disk).expect("a good disk");
    Box::new(log).close().expect("a good disk");
    disk.fail_at(1, Some(Call::SyncDir), Lasting::Once, Fault::Error);
    open(&disk).expect_err("the new manifest is not durable");
    disk.kill();
    let mut log = open(&disk).expect("it is sound");
    log.append(&[block(1, ChainHash::EMPTY)])
        .expect("a good disk");
    disk.lose_power();
    drop(log);
    assert_eq!(open(&disk).expect("it is sound").head().last_seq, 1);
}

/// A sync fails and loses what it was to write, the process starts again and finds it in the kernel's
/// memory, and then the power goes. What the second process found must still be there.
#[test]
fn what_a_failed_sync_lost_is_not_believed_by_the_next_process() {
    let disk = SimDisk::new(1);
    disk.set_rates(losing(1_000_000));
    let mut log = with_a_record(&disk);
    disk.fail_at(1, Some(Call::Sync), Lasting::Once, Fault::Error);
    let second = block(2, log.head().chain);
    let appended = log.append(&[second]);
    appended.expect_err("the sync fails");
    disk.kill();
    drop(log);

    let log = open(&disk).expect("it is sound");
    let believed = log.head();
    drop(log);
    disk.lose_power();
    assert_eq!(open(&disk).expect("it is sound").head(), believed);
    assert_eq!(believed.last_seq, 1);
}
