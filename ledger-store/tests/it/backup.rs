//! A backup is the log up to some point, or it is not there; only its own log continues it.

use std::fs;
use std::path::Path;

use ledger_store::backup::{BackedUp, back_up_directory};
use ledger_store::copy::restore;
use ledger_store::{
    Block, ChainHash, DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind, scan,
};
use tempfile::TempDir;

use crate::records::{block, fill, in_epochs, in_one_epoch, open_and_check};

const RECORDS: u64 = 4_000;

fn fill_to(dir: &Path, options: LogOptions, last_seq: u64) -> LogHead {
    let mut log = DiskLog::open(dir, options).unwrap();
    fill(&mut log, last_seq);
    let head = log.head();
    Box::new(log).close().unwrap();
    head
}

fn backed_up(from: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    back_up_directory(from, to, LogOptions::default(), &mut |_, _| ())
}

fn blocks(dir: &Path) -> Vec<Block> {
    let log = DiskLog::open(dir, LogOptions::default()).unwrap();
    let blocks = scan(&*log.reader(), 1).map(Result::unwrap).collect();
    Box::new(log).close().unwrap();
    blocks
}

#[test]
fn a_backup_is_continued_with_what_is_new() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        let first = fill_to(&from, in_epochs(store), RECORDS);
        let new = backed_up(&from, &to).unwrap();
        assert_eq!((new.head, new.records, new.store), (first, RECORDS, store));
        assert!(!new.continued);
        let unchanged = backed_up(&from, &to).unwrap();
        assert_eq!((unchanged.head, unchanged.records), (first, 0));
        let second = fill_to(&from, in_epochs(store), RECORDS + 1_000);
        let continued = backed_up(&from, &to).unwrap();
        assert_eq!((continued.head, continued.records), (second, 1_000));
        assert!(continued.continued);
        assert!(blocks(&from) == blocks(&to));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_backup_left_by_a_crash_is_continued() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        fill_to(&from, in_epochs(store), RECORDS);
        fs::create_dir(&to).unwrap();
        let mut partly = DiskLog::open(&to, in_epochs(store)).unwrap();
        for block in blocks(&from).into_iter().take(9) {
            partly.append(&[block]).unwrap();
        }
        drop(partly);
        backed_up(&from, &to).unwrap();
        assert!(blocks(&from) == blocks(&to));
    }
}

#[test]
fn the_backup_of_another_log_is_not_continued() {
    let dir = TempDir::new().unwrap();
    let [from, other, ahead] = ["from", "other", "ahead"].map(|name| dir.path().join(name));
    fill_to(&from, in_one_epoch(StoreKind::Redb), 500);
    fill_to(&ahead, in_one_epoch(StoreKind::Redb), 501);
    let mut log = DiskLog::open(&other, in_one_epoch(StoreKind::Redb)).unwrap();
    // The same records, cut into other blocks.
    log.append(&[block(LogHead::EMPTY, 100)]).unwrap();
    Box::new(log).close().unwrap();
    for (to, says) in [
        (&other, "other records up to 100"),
        (&ahead, "has record 501"),
    ] {
        let before = fs::read(to.join("HEAD")).unwrap();
        let error = backed_up(&from, to).unwrap_err();
        assert_eq!(error.code(), "STORE_OTHER_LOG");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(
            open_and_check(to, LogOptions::default()).unwrap().1 == 501,
            to == &ahead
        );
        assert!(before.len() == fs::read(to.join("HEAD")).unwrap().len());
    }
}

#[test]
fn a_backup_in_the_place_of_something_else_is_refused() {
    let dir = TempDir::new().unwrap();
    let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
    fill_to(&from, in_one_epoch(StoreKind::Redb), 100);
    fs::create_dir(&to).unwrap();
    fs::write(to.join("somebodys"), "file").unwrap();
    let error = backed_up(&from, &to).unwrap_err();
    assert_eq!(error.code(), "STORE_IO");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
}

/// One flipped bit of a log that no process has open never reaches a backup.
#[test]
fn a_damaged_log_is_not_backed_up() {
    for (store, name) in [
        (StoreKind::Sled, "log/e00000001/db"),
        (StoreKind::Redb, "log/e00000001.redb"),
    ] {
        let dir = TempDir::new().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        let mut log = DiskLog::open(&from, in_one_epoch(store)).unwrap();
        fill(&mut log, RECORDS);
        let wanted = scan(&*log.reader(), 1).nth(5).unwrap().unwrap();
        // Left as by a crash, so that no file is compared with its closing.
        drop(log);
        let path = from.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let payload = wanted.record(wanted.last_seq()).unwrap();
        let at = bytes
            .windows(payload.len())
            .position(|window| window == payload)
            .unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = backed_up(&from, &to).unwrap_err();
        assert_eq!(error.code(), "STORE_DAMAGED", "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn only_a_backup_that_has_the_kept_head_is_restored() {
    let dir = TempDir::new().unwrap();
    let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
    let first = fill_to(&from, in_one_epoch(StoreKind::Redb), 700);
    let last = fill_to(&from, in_one_epoch(StoreKind::Redb), 900);
    let beyond = LogHead {
        last_seq: 1_000,
        ..last
    };
    let other = LogHead {
        chain: ChainHash::from_bytes([7; 32]),
        ..first
    };
    let within = LogHead {
        last_seq: 699,
        ..first
    };
    for (kept, says) in [
        (beyond, "ends with record 900, 100 records before"),
        (other, "other records up to 700"),
        (within, "other records up to 699"),
    ] {
        let outcome = restore(
            &from,
            &to,
            LogOptions::default(),
            Some(kept),
            &mut |_, _| (),
        );
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), "STORE_OTHER_LOG");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
    // These records are no events, so a backup of them is refused even so, before it is in its place.
    let outcome = restore(
        &from,
        &to,
        LogOptions::default(),
        Some(first),
        &mut |_, _| (),
    );
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("record 1 is not an event")
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
