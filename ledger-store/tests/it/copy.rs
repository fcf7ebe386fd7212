//! A copy of a log is the same log, whatever it is kept in, or it is not there.

use std::fs;
use std::path::Path;

use ledger_store::copy::{Copied, copy};
use ledger_store::{Block, DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind, scan};
use tempfile::TempDir;

use crate::records::{fill, in_epochs, in_one_epoch, open_and_check};

const RECORDS: u64 = 9_000;

fn filled(dir: &Path, options: LogOptions) -> LogHead {
    let mut log = DiskLog::open(dir, options).unwrap();
    fill(&mut log, RECORDS);
    let head = log.head();
    Box::new(log).close().unwrap();
    head
}

fn copied(from: &Path, to: &Path, options: LogOptions) -> Result<Copied, StoreError> {
    copy(from, to, options, &mut |_, _| ())
}

fn blocks(dir: &Path) -> Vec<Block> {
    let log = DiskLog::open(dir, LogOptions::default()).unwrap();
    let blocks = scan(&*log.reader(), 1).map(Result::unwrap).collect();
    Box::new(log).close().unwrap();
    blocks
}

#[test]
fn a_copy_of_a_copy_in_another_store_is_the_same_log() {
    let dir = TempDir::new().unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|name| dir.path().join(name));
    let head = filled(&first, in_epochs(StoreKind::Sled));
    let mut seen = Vec::new();
    let to_redb = copy(
        &first,
        &second,
        in_one_epoch(StoreKind::Redb),
        &mut |at, of| {
            seen.push((at, of));
        },
    );
    let to_sled = copied(&second, &third, in_epochs(StoreKind::Sled)).unwrap();
    let expected = Copied {
        blocks: blocks(&first).len() as u64,
        head,
        from_store: StoreKind::Sled,
        to_store: StoreKind::Redb,
    };
    assert_eq!(to_redb.unwrap(), expected);
    let expected = Copied {
        from_store: StoreKind::Redb,
        to_store: StoreKind::Sled,
        ..expected
    };
    assert_eq!(to_sled, expected);
    assert_eq!(seen.last(), Some(&(RECORDS, RECORDS)));
    assert!(seen.len() > 1 && seen.is_sorted());
    assert!(blocks(&first) == blocks(&second) && blocks(&first) == blocks(&third));
    assert_eq!(
        open_and_check(&third, in_epochs(StoreKind::Sled))
            .unwrap()
            .1,
        RECORDS
    );
    // Nothing else was made.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn an_empty_log_is_copied() {
    let dir = TempDir::new().unwrap();
    let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
    drop(DiskLog::open(&from, in_one_epoch(StoreKind::Redb)).unwrap());
    fs::create_dir(&to).unwrap();
    let copied = copied(&from, &to, LogOptions::default()).unwrap();
    assert_eq!((copied.blocks, copied.head), (0, LogHead::EMPTY));
    assert_eq!(
        open_and_check(&to, in_one_epoch(StoreKind::Sled))
            .unwrap()
            .1,
        0
    );
}

#[test]
fn a_damaged_log_is_not_copied() {
    for (store, name) in [
        (StoreKind::Sled, "log/e00000001/db"),
        (StoreKind::Redb, "log/e00000001.redb"),
    ] {
        let dir = TempDir::new().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        filled(&from, in_one_epoch(store));
        let path = from.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = copied(&from, &to, LogOptions::default()).unwrap_err();
        assert_eq!(error.code(), "STORE_DAMAGED", "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn what_is_there_is_not_replaced() {
    let dir = TempDir::new().unwrap();
    let [from, to, partial] = ["from", "to", "to.copying"].map(|name| dir.path().join(name));
    filled(&from, in_one_epoch(StoreKind::Sled));
    fs::create_dir(&to).unwrap();
    fs::write(to.join("somebodys"), "file").unwrap();
    for refused in [&to, &from] {
        let error = copied(&from, refused, LogOptions::default()).unwrap_err();
        assert_eq!(error.code(), "STORE_IO");
        let text = error.to_string();
        assert!(text.contains("not empty"), "{text}");
    }
    assert_eq!(fs::read(to.join("somebodys")).unwrap(), b"file");
    fs::remove_file(to.join("somebodys")).unwrap();
    // A copy of that name that is still under way.
    let under_way = DiskLog::open(&partial, LogOptions::default()).unwrap();
    let error = copied(&from, &to, LogOptions::default()).unwrap_err();
    assert_eq!(error.code(), "STORE_LOCKED");
    assert!(error.to_string().contains("to.copying"), "{error}");
    drop(under_way);
    // What a killed one left is replaced.
    let replaced = copied(&from, &to, LogOptions::default()).unwrap();
    assert_eq!(replaced.head.last_seq, RECORDS);
    // What is no log is not.
    fs::remove_dir_all(&to).unwrap();
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("somebodys"), "file").unwrap();
    let error = copied(&from, &to, LogOptions::default()).unwrap_err();
    assert!(error.to_string().contains("to.copying"), "{error}");
    assert_eq!(fs::read(partial.join("somebodys")).unwrap(), b"file");
}
