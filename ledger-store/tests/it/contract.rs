//! What every log promises, asked of each of them.

use std::path::Path;

use ledger_store::block::{BlockBuilder, ChainHash};
use ledger_store::{DiskLog, EventLog, LogHead, LogOptions, MemLog, StoreError, StoreKind, scan};
use tempfile::TempDir;

use crate::records::{block, check_all, fill, in_epochs, in_one_epoch, open_and_check, record};

/// Runs a claim against an empty log of each kind.
fn for_each_log(claim: fn(&mut dyn EventLog)) {
    claim(&mut MemLog::new());
    for options in every_kind() {
        let dir = TempDir::new().unwrap();
        claim(&mut DiskLog::open(dir.path(), options).unwrap());
    }
}

/// Both stores, in one epoch and in many.
fn every_kind() -> impl Iterator<Item = LogOptions> {
    StoreKind::ALL
        .into_iter()
        .flat_map(|store| [in_one_epoch(store), in_epochs(store)])
}

#[test]
fn an_empty_log_has_no_records() {
    for_each_log(|log| {
        assert_eq!(log.head(), LogHead::EMPTY);
        let reader = log.reader();
        assert!(reader.block_with(0).unwrap().is_none());
        assert!(reader.block_with(1).unwrap().is_none());
        assert!(reader.block_with(u64::MAX).unwrap().is_none());
        assert_eq!(scan(&*reader, 1).count(), 0);
        log.append(&[]).unwrap();
        assert_eq!(log.head(), LogHead::EMPTY);
    });
}

#[test]
fn what_was_appended_is_read_back() {
    for_each_log(|log| {
        let reader = log.reader();
        fill(log, 5_000);
        assert_eq!(log.head().last_seq, 5_000);
        assert_eq!(check_all(scan(&*reader, 1)), 5_000);
        for seq in [1, 2, 8, 9, 777, 4_999, 5_000] {
            let block = reader.block_with(seq).unwrap().unwrap();
            assert_eq!(block.record(seq), Some(&record(seq)[..]));
        }
        assert!(reader.block_with(5_001).unwrap().is_none());
        let tail: Vec<_> = scan(&*reader, 4_990).map(Result::unwrap).collect();
        assert!(tail[0].record(4_990).is_some());
        assert_eq!(tail.last().unwrap().chain(), log.head().chain);
    });
}

#[test]
fn a_gap_is_refused_and_ends_the_log() {
    for_each_log(|log| {
        fill(log, 10);
        let head = log.head();
        let beyond = block(
            LogHead {
                last_seq: 11,
                ..head
            },
            1,
        );
        assert!(matches!(
            log.append(&[beyond]),
            Err(StoreError::NotContiguous {
                expected: 11,
                found: 12
            })
        ));
        assert!(matches!(
            log.append(&[block(head, 1)]),
            Err(StoreError::Poisoned)
        ));
        assert_eq!(log.head(), head);
        assert_eq!(check_all(scan(&*log.reader(), 1)), 10);
    });
}

#[test]
fn a_block_of_another_log_is_refused() {
    for_each_log(|log| {
        fill(log, 10);
        let foreign = LogHead {
            last_seq: 10,
            chain: ChainHash::from_bytes([9; 32]),
        };
        assert!(matches!(
            log.append(&[block(foreign, 1)]),
            Err(StoreError::NotChained { first_seq: 11 })
        ));
    });
}

#[test]
fn a_failed_append_ends_the_log() {
    let mut log = MemLog::failing_after(2);
    log.append(&[block(log.head(), 3)]).unwrap();
    log.append(&[block(log.head(), 3)]).unwrap();
    let failed = log.append(&[block(log.head(), 3)]).unwrap_err();
    assert_eq!(failed.code(), "STORE_IO");
    assert!(matches!(
        log.append(&[block(log.head(), 3)]),
        Err(StoreError::Poisoned)
    ));
    assert_eq!(check_all(scan(&*log.reader(), 1)), 6);
    assert!(matches!(Box::new(log).close(), Err(StoreError::Poisoned)));
}

fn reopen(orderly: bool) {
    for options in every_kind() {
        reopen_in(TempDir::new().unwrap().path(), options, orderly);
    }
}

fn reopen_in(dir: &Path, options: LogOptions, orderly: bool) {
    for last_seq in [0, 3, 3, 2_000, 9_000] {
        let (mut log, _) = open_and_check(dir, options).unwrap();
        fill(&mut log, last_seq);
        let head = log.head();
        if orderly {
            Box::new(log).close().unwrap();
        } else {
            drop(log);
        }
        let (log, recovered) = open_and_check(dir, options).unwrap();
        assert_eq!((recovered, log.head()), (last_seq, head));
        if orderly {
            Box::new(log).close().unwrap();
        }
    }
}

#[test]
fn a_closed_log_opens_where_it_ended() {
    reopen(true);
}

#[test]
fn a_dropped_log_opens_where_it_ended() {
    reopen(false);
}

#[test]
fn a_directory_is_opened_once_at_a_time() {
    for options in every_kind() {
        let dir = TempDir::new().unwrap();
        let log = DiskLog::open(dir.path(), options).unwrap();
        let second = DiskLog::open(dir.path(), options).unwrap_err();
        assert_eq!(second.code(), "STORE_LOCKED");
        assert!(second.to_string().contains(dir.path().to_str().unwrap()));
        Box::new(log).close().unwrap();
        DiskLog::open(dir.path(), options).unwrap();
    }
}

#[test]
fn what_left_the_memory_is_read_back_and_checked_against_the_block_before() {
    /// Together more than is kept in memory.
    const BLOCKS: u64 = 1_200;
    let payload = |first_seq: u64| vec![first_seq.to_le_bytes()[0]; 30_000];
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_one_epoch(store)).unwrap();
        for _ in 0..BLOCKS {
            let LogHead { last_seq, chain } = log.head();
            let mut builder = BlockBuilder::new(last_seq + 1, 0);
            for _ in 0..2 {
                builder.push(&payload(last_seq + 1)).unwrap();
            }
            log.append(&[builder.seal(chain)]).unwrap();
        }
        let reader = log.reader();
        for first_seq in [1, 2 * 40 + 1, 2 * BLOCKS - 1] {
            let block = reader.block_with(first_seq + 1).unwrap().unwrap();
            assert_eq!(block.first_seq(), first_seq);
            assert_eq!(block.record(first_seq), Some(&payload(first_seq)[..]));
        }
    }
}

#[test]
fn a_reader_outlives_the_log_but_reads_no_more() {
    for options in every_kind() {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), options).unwrap();
        // More blocks than are kept in memory.
        for _ in 0..100 {
            let next = block(log.head(), 2);
            log.append(&[next]).unwrap();
        }
        let reader = log.reader();
        Box::new(log).close().unwrap();
        assert!(matches!(reader.block_with(1), Err(StoreError::Closed)));
        // The files are free although the reader is still here.
        assert_eq!(open_and_check(dir.path(), options).unwrap().1, 200);
    }
}

#[test]
fn a_failing_visitor_ends_the_opening_and_frees_the_log() {
    for options in every_kind() {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), options).unwrap();
        fill(&mut log, 3_000);
        Box::new(log).close().unwrap();
        let opening = DiskLog::begin(dir.path(), options).unwrap();
        let outcome = opening.finish(LogHead::EMPTY, &mut |block| {
            if block.first_seq() > 1 {
                Err(StoreError::Closed)
            } else {
                Ok(())
            }
        });
        assert!(matches!(outcome, Err(StoreError::Closed)));
        assert_eq!(open_and_check(dir.path(), options).unwrap().1, 3_000);
    }
}

#[test]
fn a_log_is_opened_in_the_store_it_was_created_in() {
    for [store, other] in [StoreKind::ALL, [StoreKind::Redb, StoreKind::Sled]] {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_one_epoch(store)).unwrap();
        fill(&mut log, 10);
        Box::new(log).close().unwrap();
        let error = DiskLog::open(dir.path(), in_one_epoch(other)).unwrap_err();
        assert_eq!(error.code(), "STORE_KIND_MISMATCH");
        let text = format!("keeps its log in {store}, not in {other}");
        assert!(error.to_string().ends_with(&text), "{error}");
        let log = DiskLog::open(dir.path(), LogOptions::default()).unwrap();
        assert_eq!((log.store(), log.head().last_seq), (store, 10));
    }
    let dir = TempDir::new().unwrap();
    let log = DiskLog::open(dir.path(), LogOptions::default()).unwrap();
    assert_eq!(log.store(), StoreKind::Sled);
}
