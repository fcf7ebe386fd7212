//! The disk below the store: which stores need which, and what an epoch's file must be.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger_store::disk::{Access, Disk, DiskFile, Entry, OsDisk};
use ledger_store::{DataDir, DiskLog, EventLog, StoreError, StoreKind};
use tempfile::TempDir;

use crate::records::{in_one_epoch, open_and_check};

/// The operating system's files, under another name.
#[derive(Debug)]
struct Elsewhere;

impl Disk for Elsewhere {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        OsDisk.open(path, access)
    }

    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        OsDisk.entry(path)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsDisk.names(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        OsDisk.create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        OsDisk.remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OsDisk.sync_dir(dir)
    }

    fn elapsed(&self) -> Duration {
        OsDisk.elapsed()
    }
}

/// sled would open files of the operating system whatever the disk is.
#[test]
fn only_redb_is_kept_on_another_disk() {
    let dir = TempDir::new().unwrap();
    let elsewhere = DataDir::on(Arc::new(Elsewhere), dir.path());
    let refused = |error: StoreError| {
        let is_refused = matches!(
            error,
            StoreError::StoreNeedsOs {
                store: StoreKind::Sled
            }
        );
        assert!(is_refused, "{error}");
    };
    refused(DiskLog::open(&elsewhere, in_one_epoch(StoreKind::Sled)).unwrap_err());
    let log = DiskLog::open(&elsewhere, in_one_epoch(StoreKind::Redb)).unwrap();
    Box::new(log).close().unwrap();

    let dir = TempDir::new().unwrap();
    let log = DiskLog::open(dir.path(), in_one_epoch(StoreKind::Sled)).unwrap();
    Box::new(log).close().unwrap();
    let elsewhere = DataDir::on(Arc::new(Elsewhere), dir.path());
    refused(DiskLog::open(&elsewhere, in_one_epoch(StoreKind::Sled)).unwrap_err());
    open_and_check(dir.path(), in_one_epoch(StoreKind::Sled)).unwrap();
}

/// redb begins anew in a file without a byte, which would be a log without its records.
#[test]
fn an_epoch_that_was_emptied_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let options = in_one_epoch(StoreKind::Redb);
    // Left as by a crash, so that no checksum speaks of the file.
    drop(DiskLog::open(dir.path(), options).unwrap());
    let path = dir.path().join("log/e00000001.redb");
    fs::write(&path, []).unwrap();
    let error = DiskLog::open(dir.path(), options).unwrap_err();
    assert_eq!(error.to_string(), "log/e00000001.redb is empty");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    fs::remove_file(&path).unwrap();
    let error = DiskLog::open(dir.path(), options).unwrap_err();
    assert_eq!(error.to_string(), "log/e00000001.redb is missing");
    assert!(!path.exists());
}
