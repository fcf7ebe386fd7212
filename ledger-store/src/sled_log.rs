//! The log on disk, in sled.
//!
//! # Why `flush` is not enough
//!
//! sled 0.34.7 writes its file with `pwrite` and `sync_file_range`. The latter starts and awaits the
//! writing of file pages, but neither of the file's size and extents nor of the disk's own cache: in
//! simulated power cuts every log that trusted `flush` alone lost acknowledged records. So each
//! append goes through four steps, in this order:
//!
//! 1. `insert` the blocks and `flush`: sled has handed every page to the kernel.
//! 2. `fdatasync` of our own descriptor of `log/db`: the pages, the size and the extents are on disk.
//! 3. Write `HEAD`: the file outside sled that says how far the log reaches. It comes after step 2, so
//!    that no power cut can leave it ahead of the log, and before step 4, so that even the death of
//!    the process right after the answer leaves it exact.
//! 4. Publish to readers and return.
//!
//! Two more rules keep step 2 sufficient. Blocks stay far below the size at which sled would put
//! values into blob files, which it never syncs (see [`crate::block::BLOCK_BYTES_MAX`]); an unexpected
//! blob is an error at opening and at closing. And no key is ever overwritten or deleted, so that sled
//! has hardly any reason to reuse a part of its file that an older state still needs.
//!
//! # The data directory
//!
//! | name | what |
//! |---|---|
//! | `LOCK` | locked while a process has the log open |
//! | `MANIFEST` | how the log was left, and the checksum of every file when it was closed |
//! | `HEAD` | where the durable log ends |
//! | `log/` | sled: one tree, key = first sequence number of a block, big endian; value = the block |
//!
//! Files that are not named here are ignored.

mod opening;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::block::Block;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, LogReader};
use crate::guard;
use crate::head::{HEAD, HeadFile};
use crate::manifest::{FileSum, MANIFEST, Manifest, State};

/// sled's directory, relative to the data directory.
const LOG: &str = "log";
const LOG_DB: &str = "log/db";
const LOG_CONF: &str = "log/conf";
const LOG_BLOBS: &str = "log/blobs";
const LOCK: &str = "LOCK";

/// Blocks kept decoded for readers, at most; 64 of 96 KiB are 6 MiB.
const RECENT_BLOCKS_MAX: usize = 64;

/// How long sled may take to let go of its file once dropped; it takes milliseconds.
const RELEASE_WAIT: Duration = Duration::from_secs(60);

/// A log in a directory of its own.
///
/// Dropping it without [`EventLog::close`] is safe but leaves it as a crash would: the next opening
/// cannot compare the files with a closing.
#[derive(Debug)]
pub struct SledLog {
    dir: PathBuf,
    shared: Arc<Shared>,
    /// Our own descriptor of `log/db`, for syncing.
    db_file: File,
    head_file: HeadFile,
    head: LogHead,
    poisoned: bool,
    // Last, so that it is released after everything else.
    _lock: DirLock,
}

/// What the writer shares with its readers.
struct Shared {
    /// Taken out at closing, when readers may still be around.
    db: RwLock<Option<sled::Db>>,
    /// Readers see nothing beyond this record.
    durable_seq: AtomicU64,
    recent: Mutex<VecDeque<Block>>,
}

impl SledLog {
    /// Opens the log in `dir`, or creates it when there is nothing.
    ///
    /// Every file is checked against the state it was closed in, if it was, and then every record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when it is already open, [`StoreError::Damaged`] when anything on disk is
    /// not what was written. A log that was closed in order is checked before anything is changed in
    /// it. After a crash that is not possible: sled may already have cut what it took for unfinished,
    /// so copy the directory before trying anything with a damaged one. Where sled panicked, its memory
    /// and its lock on `log/db` are kept until the process ends, since asking it to clean up could
    /// make it panic again, which would end the process at once.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_scanning(dir, &mut |_| Ok(()))
    }

    /// Opens the log and hands every block to `visit`, in order, during the one scan that checks it.
    ///
    /// # Errors
    ///
    /// As [`SledLog::open`], and whatever `visit` returns. What was visited counts only when the
    /// opening succeeds: damage may be found after blocks were handed out.
    pub fn open_scanning(
        dir: &Path,
        visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        opening::open(dir, visit)
    }

    fn append_or_fail(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        let head = self.head.followed_by(blocks)?;
        guard::quietly(|| {
            let db = self.shared.db.read();
            let db = db.as_ref().ok_or(StoreError::Closed)?;
            for block in blocks {
                let before = db
                    .insert(block.first_seq().to_be_bytes(), block.bytes())
                    .map_err(|error| from_sled(&self.dir, error))?;
                assert!(before.is_none(), "no key of the log is ever written twice");
            }
            db.flush().map_err(|error| from_sled(&self.dir, error))?;
            Ok(())
        })?;
        self.db_file
            .sync_data()
            .map_err(StoreError::io(&self.dir.join(LOG_DB)))?;
        self.head_file.store(head)?;
        self.head = head;
        self.shared.remember(blocks);
        self.shared
            .durable_seq
            .store(head.last_seq, Ordering::Release);
        Ok(())
    }

    fn close_or_fail(&mut self) -> Result<(), StoreError> {
        self.stop_sled()?;
        refuse_blobs(&self.dir)?;
        self.head_file.sync()?;
        let mut names = vec![HEAD.to_owned(), LOG_CONF.to_owned(), LOG_DB.to_owned()];
        names.extend(snapshots(&self.dir)?);
        let files = names.iter().map(|name| FileSum::take(&self.dir, name));
        let files = files.collect::<Result<_, _>>()?;
        Manifest {
            state: State::Closed,
            files,
        }
        .store(&self.dir)
    }

    /// Drops sled and returns when it has let go of its file, so that nothing writes to it any more.
    fn stop_sled(&mut self) -> Result<(), StoreError> {
        let Some(db) = self.shared.db.write().take() else {
            return Ok(());
        };
        // Dropping flushes and joins; on a thread, because sled can hang when a thread of it died.
        let dropping = thread::Builder::new()
            .name("ledger-store-close".to_owned())
            .spawn(move || {
                guard::quietly(|| {
                    drop(db);
                    Ok(())
                })
            })
            .map_err(StoreError::io(&self.dir))?;
        let deadline = Instant::now() + RELEASE_WAIT;
        while !dropping.is_finished() || self.db_file.try_lock().is_err() {
            if Instant::now() > deadline {
                return Err(StoreError::damaged(
                    LOG_DB,
                    "is still held by the storage engine",
                ));
            }
            thread::sleep(Duration::from_micros(200));
        }
        let path = self.dir.join(LOG_DB);
        self.db_file.unlock().map_err(StoreError::io(&path))?;
        self.db_file.sync_data().map_err(StoreError::io(&path))?;
        dropping.join().unwrap_or(Ok(()))
    }
}

impl EventLog for SledLog {
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let outcome = self.append_or_fail(blocks);
        self.poisoned = outcome.is_err();
        outcome
    }

    /// `HEAD` is synced only now and then while records come in.
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let outcome = self.head_file.sync();
        self.poisoned = outcome.is_err();
        outcome
    }

    fn head(&self) -> LogHead {
        self.head
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::clone(&self.shared) as Arc<dyn LogReader>
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.close_or_fail()
    }
}

impl Drop for SledLog {
    fn drop(&mut self) {
        // There is nobody to tell; the manifest still says that the log is open, so the next opening
        // takes it for crashed and checks it as such.
        let _ = self.stop_sled();
    }
}

impl Shared {
    fn new(db: sled::Db, durable_seq: u64) -> Self {
        let db = RwLock::new(Some(db));
        Self {
            db,
            durable_seq: AtomicU64::new(durable_seq),
            recent: Mutex::default(),
        }
    }

    fn remember(&self, blocks: &[Block]) {
        let mut recent = self.recent.lock();
        recent.extend(blocks.iter().cloned());
        let surplus = recent.len().saturating_sub(RECENT_BLOCKS_MAX);
        recent.drain(..surplus);
    }

    fn recall(&self, seq: u64) -> Option<Block> {
        let recent = self.recent.lock();
        recent
            .iter()
            .rev()
            .find(|block| block.record(seq).is_some())
            .cloned()
    }
}

impl LogReader for Shared {
    fn block_with(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        if seq == 0 || seq > self.durable_seq.load(Ordering::Acquire) {
            return Ok(None);
        }
        if let Some(block) = self.recall(seq) {
            return Ok(Some(block));
        }
        let block = guard::quietly(|| {
            let db = self.db.read();
            let db = db.as_ref().ok_or(StoreError::Closed)?;
            // Below the next number is the greatest key that is not beyond this one.
            let found = match seq.checked_add(1) {
                Some(next_seq) => db.get_lt(next_seq.to_be_bytes()),
                None => db.last(),
            };
            let (key, value) = found
                .map_err(|error| from_sled(Path::new(""), error))?
                .ok_or_else(|| missing(seq))?;
            Ok(Block::decode(value.to_vec(), sequence_of(&key)?)?)
        })?;
        if block.record(seq).is_none() {
            return Err(missing(seq));
        }
        self.remember(std::slice::from_ref(&block));
        Ok(Some(block))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // sled would print every page it holds.
        f.debug_struct("Shared")
            .field("durable_seq", &self.durable_seq)
            .finish_non_exhaustive()
    }
}

/// The lock on a data directory, held until dropped.
#[derive(Debug)]
struct DirLock(File);

impl DirLock {
    fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked {
                dir: dir.to_owned(),
            }),
            Err(fs::TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
        }
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // Closing the file is not enough when a process is just being forked, since the child holds
        // a copy of the descriptor for a moment.
        let _ = self.0.unlock();
    }
}

fn missing(seq: u64) -> StoreError {
    StoreError::damaged(format!("record {seq}"), "is missing from log/db")
}

/// The sequence number that a key stands for.
fn sequence_of(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| {
        StoreError::damaged(
            LOG_DB,
            format!("has a key of {} bytes instead of 8", key.len()),
        )
    })?;
    Ok(u64::from_be_bytes(bytes))
}

/// Values in blob files would not be durable, see the top of this file.
fn refuse_blobs(dir: &Path) -> Result<(), StoreError> {
    match names_in(&dir.join(LOG_BLOBS))?.first() {
        None => Ok(()),
        Some(name) => Err(StoreError::damaged(
            format!("{LOG_BLOBS}/{name}"),
            "should not exist, because values in files of their own are not durable",
        )),
    }
}

/// sled's snapshots of its page table, as paths below the data directory.
fn snapshots(dir: &Path) -> Result<Vec<String>, StoreError> {
    let names = names_in(&dir.join(LOG))?;
    let names = names.iter().filter(|name| name.starts_with("snap."));
    Ok(names.map(|name| format!("{LOG}/{name}")).collect())
}

/// The names in a directory, in order; none when it does not exist.
fn names_in(dir: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(dir)(error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<_> = names
        .collect::<std::io::Result<_>>()
        .map_err(StoreError::io(dir))?;
    names.sort_unstable();
    Ok(names)
}

/// sled's own errors: the disk's fault is passed on, all else means that the file is not sound.
fn from_sled(dir: &Path, error: sled::Error) -> StoreError {
    let text = one_line(&error);
    match error {
        sled::Error::Io(source)
            if !matches!(
                source.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData
            ) =>
        {
            StoreError::Io {
                path: dir.join(LOG_DB),
                source,
            }
        }
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => {
            StoreError::damaged(LOG_DB, format!("cannot be read: {text}"))
        }
    }
}

/// sled's texts contain line breaks and indents.
fn one_line(error: &sled::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
