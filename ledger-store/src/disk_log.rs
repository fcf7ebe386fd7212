//! The log on disk: a row of epochs, each in a database of its own, and the files that say what must
//! be in them.
//!
//! # An append
//!
//! 1. The blocks are put into the epoch that is written to, durably (see `sled_log.rs` and
//!    `redb_log.rs`).
//! 2. Write `HEAD`: the file outside the database that says how far the log reaches. It comes after
//!    step 1, so that no power cut can leave it ahead of the log, and before step 3, so that even the
//!    death of the process right after the answer leaves it exact.
//! 3. Publish to readers and return.
//!
//! # Epochs
//!
//! When an epoch has its records, `MANIFEST` is rewritten, durably, to give its end and to list the next
//! one; then that is written to. It was prepared in the background meanwhile. What a crash leaves of an
//! epoch that no manifest lists holds no record and is removed.
//!
//! # The data directory
//!
//! | name | what |
//! |---|---|
//! | `LOCK` | locked while a process has the log open |
//! | `MANIFEST` | the store, the epochs, how the log was left and, when it was closed, checksums |
//! | `HEAD` | where the durable log ends |
//! | `log/e00000001/`, … | an epoch in sled |
//! | `log/e00000001.redb`, … | an epoch in redb |
//!
//! Files that are not named here are ignored. A log of version 0.1 has its first epoch in `log/` itself.

mod epochs;
mod opening;
mod preparation;
mod scan;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use self::opening::Opening;

use self::epochs::Epochs;
use self::preparation::Preparation;
use crate::block::{Block, ChainHash};
use crate::checkpoint::CHUNK_RECORDS;
use crate::data_dir::{DataDir, DirLock};
use crate::epoch::{Epoch, StoreKind, Volume};
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, LogReader, end_of};
use crate::head::{HEAD, HeadFile};
use crate::manifest::{FileSum, Manifest, State, VERSION};

/// Records after which the next epoch begins. It bounds what opening after a crash has to go through:
/// sled reads what was written since its last opening, and redb walks its file.
pub const EPOCH_RECORDS_MAX: u64 = 2_000_000;

/// Records that this process must have appended before it prepares anything ahead of time, so that a
/// small log stays small on disk.
const PREPARE_AFTER_RECORDS: u64 = 65_536;

/// Length of the blocks kept for readers, at most. Some million operations: most of what is reversed or asked for
/// is younger, and reading it back from the store takes a hundred times longer.
const RECENT_BYTES_MAX: usize = 128 << 20;
/// Blocks read back from the store that are kept decoded, at most.
const READ_BLOCKS_MAX: usize = 64;
/// Ends of blocks that are kept, at most: two and a half megabytes, for seventeen million records in full blocks.
const ENDS_MAX: usize = 65_536;

/// How a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// The store it must be kept in. Without one, that of an existing log is taken as it is, and a new
    /// log is kept in sled.
    pub store: Option<StoreKind>,
    /// Records after which the next epoch begins; one append is never divided.
    pub epoch_records_max: u64,
    /// Records after which the checkpoint gets another chunk, where there is a checkpoint.
    pub checkpoint_records: u64,
    /// Whether work that nobody waits for goes on in the background: reading ahead, preparing the next
    /// epoch, closing an old one. Without, the caller does it when its turn comes, so that the disk sees the
    /// same calls in the same order every time.
    pub background: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            store: None,
            epoch_records_max: EPOCH_RECORDS_MAX,
            checkpoint_records: CHUNK_RECORDS,
            background: true,
        }
    }
}

/// A log in a directory of its own.
///
/// Dropping it without [`EventLog::close`] is safe but leaves it as a crash would: the next opening
/// cannot compare the files with a closing.
pub struct DiskLog {
    dir: DataDir,
    options: LogOptions,
    store: StoreKind,
    shared: Arc<Shared>,
    /// The epoch that is written to.
    active: Arc<dyn Epoch>,
    active_first_seq: u64,
    /// Files that never change, from every epoch.
    constant: Vec<FileSum>,
    next: Option<Preparation>,
    appended: Appended,
    head_file: HeadFile,
    head: LogHead,
    poisoned: bool,
    // Last, so that it is released after everything else.
    _lock: DirLock,
}

/// What this process appended.
#[derive(Debug, Default)]
struct Appended {
    records: u64,
    volume: Volume,
}

impl Appended {
    fn add(&mut self, blocks: &[Block], records: u64) {
        self.records += records;
        let volume = Volume::of(blocks);
        self.volume.blocks += volume.blocks;
        self.volume.block_bytes += volume.block_bytes;
    }

    /// What so many records like these come to.
    fn volume_of(&self, records: u64) -> Volume {
        let of = |volume: u64| volume.saturating_mul(records) / self.records.max(1);
        Volume {
            blocks: of(self.volume.blocks),
            block_bytes: of(self.volume.block_bytes),
        }
    }
}

/// What the writer shares with its readers.
struct Shared {
    epochs: Arc<Epochs>,
    /// Readers see nothing beyond this record.
    durable_seq: AtomicU64,
    /// The blocks appended last, in order.
    recent: Mutex<Recent>,
    /// The blocks read back last, since what is read together often lies together.
    read: Mutex<VecDeque<Block>>,
    /// Where the blocks end that this process appended last, in order: what the one behind is checked against, and
    /// where that begins.
    ends: Mutex<VecDeque<LogHead>>,
}

/// Consecutive blocks up to the last.
#[derive(Default)]
struct Recent {
    /// Each with its first record, so that a search stays within a few cache lines.
    blocks: VecDeque<(u64, Block)>,
    /// Their length together.
    bytes: usize,
}

impl DiskLog {
    /// Begins to open the log in `dir`, or to create it when there is nothing: everything that can be
    /// checked without reading the log is checked, and the epoch that is written to is opened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when it is already open, [`StoreError::StoreKindMismatch`] when it is
    /// kept in another store than the one asked for, [`StoreError::Damaged`] when anything on disk is
    /// not what was written, [`StoreError::StoreNeedsOs`] when it is to be in sled on another disk than the
    /// operating system's. A log that was closed in order is checked before anything is changed in
    /// it. After a crash that is not possible: the store may already have cut what it took for
    /// unfinished, so copy the directory before trying anything with a damaged one. Where a store
    /// panicked, its memory and its lock on its file are kept until the process ends, since asking it
    /// to clean up could make it panic again, which would end the process at once.
    pub fn begin(dir: impl Into<DataDir>, options: LogOptions) -> Result<Opening, StoreError> {
        opening::begin(dir.into(), options)
    }

    /// Opens the log and checks every record of it.
    ///
    /// # Errors
    ///
    /// As [`DiskLog::begin`] and [`Opening::finish`].
    pub fn open(dir: impl Into<DataDir>, options: LogOptions) -> Result<Self, StoreError> {
        Self::begin(dir, options)?.finish(LogHead::EMPTY, &mut |_| Ok(()))
    }

    /// The store it is kept in.
    #[must_use]
    pub fn store(&self) -> StoreKind {
        self.store
    }

    /// Does what changes the log, unless something before it failed; after a failure nothing does any more.
    fn or_poison(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let outcome = change(self);
        self.poisoned = outcome.is_err();
        outcome
    }

    fn append_or_fail(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        let head = self.head.followed_by(blocks)?;
        let in_epoch = self.head.last_seq + 1 - self.active_first_seq;
        let added = head.last_seq - self.head.last_seq;
        if in_epoch > 0 && in_epoch + added > self.options.epoch_records_max {
            self.begin_next_epoch()?;
        }
        let kept = self.active.put(blocks)?;
        self.head_file.store(head)?;
        self.head = head;
        self.shared.remember(kept);
        self.shared
            .durable_seq
            .store(head.last_seq, Ordering::Release);
        self.appended.add(blocks, added);
        self.prepare_if_due();
        Ok(())
    }

    /// Goes on in the next epoch. What is in the one before is durable already.
    fn begin_next_epoch(&mut self) -> Result<(), StoreError> {
        let prepared = match self.next.take().map(Preparation::finish) {
            Some((files, Ok(epoch))) => Some((files, epoch)),
            // Preparing is a favour; if it failed, as on a full disk, it is tried once more below.
            Some((_, Err(_))) | None => None,
        };
        let (files, epoch) = match prepared {
            Some(prepared) => prepared,
            None => {
                let files = self.shared.epochs.next_files();
                files.remove()?;
                let epoch = files.create()?;
                (files, epoch)
            }
        };
        for name in files.constant_files() {
            self.constant.push(FileSum::take(&self.dir, &name)?);
        }
        self.shared
            .epochs
            .push(files, Arc::clone(&epoch), self.head);
        self.store_manifest(State::Open, self.constant.clone())?;
        self.active = epoch;
        self.active_first_seq = self.head.last_seq + 1;
        Ok(())
    }

    fn prepare_if_due(&mut self) {
        let max = self.options.epoch_records_max;
        let in_epoch = self.head.last_seq + 1 - self.active_first_seq;
        if self.next.is_some()
            || in_epoch < max / 2
            || self.appended.records < PREPARE_AFTER_RECORDS.min(max / 4)
        {
            return;
        }
        let volume = self.appended.volume_of(max);
        // If not even a thread can be had, the epoch is created when it is needed.
        let files = self.shared.epochs.next_files();
        self.next = Preparation::begin(files, volume, self.options.background).ok();
    }

    fn close_or_fail(&mut self) -> Result<(), StoreError> {
        if let Some(next) = self.next.take() {
            next.discard()?;
        }
        self.shared.end()?;
        self.head_file.sync()?;
        let mut files = vec![FileSum::take(&self.dir, HEAD)?];
        files.extend(self.constant.iter().cloned());
        for name in self.shared.epochs.active().files.changing_files()? {
            files.push(FileSum::take(&self.dir, &name)?);
        }
        self.store_manifest(State::Closed, files)
    }

    fn store_manifest(&self, state: State, files: Vec<FileSum>) -> Result<(), StoreError> {
        Manifest {
            version: VERSION,
            state,
            store: self.store,
            epochs: self.shared.epochs.entries(),
            files,
        }
        .store(&self.dir)
    }
}

impl EventLog for DiskLog {
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        self.or_poison(|log| log.append_or_fail(blocks))
    }

    /// `HEAD` is synced only now and then while records come in.
    fn settle(&mut self) -> Result<(), StoreError> {
        self.or_poison(|log| log.head_file.sync())
    }

    fn settle_when_due(&mut self) -> Result<(), StoreError> {
        self.or_poison(|log| log.head_file.sync_when_due())
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

impl Drop for DiskLog {
    fn drop(&mut self) {
        // There is nobody to tell; the manifest still says that the log is open, so the next opening
        // takes it for crashed and checks it as such.
        if let Some(next) = self.next.take() {
            let _ = next.discard();
        }
        let _ = self.shared.end();
    }
}

impl std::fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A store would print every page it holds.
        f.debug_struct("DiskLog")
            .field("dir", &self.dir.path())
            .field("store", &self.store)
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Lets go of the epochs; readers get no block any more, not even one that is in memory.
    fn end(&self) -> Result<(), StoreError> {
        *self.recent.lock() = Recent::default();
        self.read.lock().clear();
        *self.ends.lock() = VecDeque::new();
        self.epochs.end()
    }

    fn remember(&self, blocks: Vec<Block>) {
        let mut ends = self.ends.lock();
        ends.extend(blocks.iter().map(end_of));
        let surplus = ends.len().saturating_sub(ENDS_MAX);
        ends.drain(..surplus);
        drop(ends);
        let mut recent = self.recent.lock();
        for block in blocks {
            recent.bytes += block.bytes().len();
            recent.blocks.push_back((block.first_seq(), block));
        }
        while recent.bytes > RECENT_BYTES_MAX
            && let Some((_, oldest)) = recent.blocks.pop_front()
        {
            recent.bytes -= oldest.bytes().len();
        }
    }

    /// The block with this record, if it is in memory.
    fn kept(&self, seq: u64) -> Option<Block> {
        self.recall(seq).or_else(|| self.recall_read(seq))
    }

    /// The block with this record, from the store; found soonest with its first record for `near`, else with `seq`.
    fn stored(&self, seq: u64, near: u64) -> Result<Block, StoreError> {
        let found = self.epochs.block_at(near)?;
        found
            .filter(|block| block.record(seq).is_some())
            .ok_or_else(|| StoreError::damaged(format!("record {seq}"), "is missing from the log"))
    }

    /// The end before the block with this record, if this process appended both blocks.
    fn end_before(&self, seq: u64) -> Option<LogHead> {
        let ends = self.ends.lock();
        let place = ends.partition_point(|end| end.last_seq < seq);
        ends.get(place.checked_sub(1)?).copied()
    }

    fn recall(&self, seq: u64) -> Option<Block> {
        let blocks = &self.recent.lock().blocks;
        let after = blocks.partition_point(|(first_seq, _)| *first_seq <= seq);
        let (_, block) = blocks.get(after.checked_sub(1)?)?;
        block.record(seq).map(|_| block.clone())
    }

    /// Hash of the block that ends with this record.
    fn chain_at(&self, last_seq: u64) -> Result<ChainHash, StoreError> {
        if last_seq == 0 {
            return Ok(ChainHash::EMPTY);
        }
        Ok(match self.kept(last_seq) {
            Some(block) => block.chain(),
            None => self.stored(last_seq, last_seq)?.chain(),
        })
    }

    fn recall_read(&self, seq: u64) -> Option<Block> {
        let read = self.read.lock();
        let mut latest_first = read.iter().rev();
        latest_first
            .find(|block| block.record(seq).is_some())
            .cloned()
    }
}

impl LogReader for Shared {
    fn block_with(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        if seq == 0 || seq > self.durable_seq.load(Ordering::Acquire) {
            return Ok(None);
        }
        if let Some(block) = self.kept(seq) {
            return Ok(Some(block));
        }
        let before = self.end_before(seq);
        let block = self.stored(seq, before.map_or(seq, |end| end.last_seq + 1))?;
        // Opening reads nothing that the checkpoint covers. So a block that is whole, but of another log,
        // shows here only: it does not follow the one before it.
        let previous = match before {
            Some(end) => end.chain,
            None => self.chain_at(block.first_seq() - 1)?,
        };
        block.verify_chain(previous)?;
        let mut read = self.read.lock();
        read.push_back(block.clone());
        let surplus = read.len().saturating_sub(READ_BLOCKS_MAX);
        read.drain(..surplus);
        Ok(Some(block))
    }
}

#[cfg(test)]
mod tests {
    use crate::block::blocks_in_a_row;

    use super::*;

    const RECORDS: u64 = 3;
    const BLOCKS: u64 = 20;

    fn blocks() -> Vec<Block> {
        let blocks = blocks_in_a_row((0..BLOCKS).map(|_| 300));
        assert!(blocks.iter().all(|b| u64::from(b.count()) == RECORDS));
        blocks
    }

    /// Every record, from the store and not from memory.
    fn all_are_read_back(log: &DiskLog, blocks: &[Block]) {
        for seq in 1..=BLOCKS * RECORDS {
            *log.shared.recent.lock() = Recent::default();
            log.shared.read.lock().clear();
            let place = usize::try_from((seq - 1) / RECORDS).unwrap();
            let block = log.shared.block_with(seq).unwrap();
            assert_eq!(block.as_ref(), Some(&blocks[place]), "record {seq}");
        }
    }

    #[test]
    fn blocks_are_read_back_whether_or_not_it_is_known_where_they_begin() {
        for store in [StoreKind::Sled, StoreKind::Redb] {
            let dir = tempfile::tempdir().unwrap();
            let options = LogOptions {
                store: Some(store),
                epoch_records_max: 4 * RECORDS,
                ..LogOptions::default()
            };
            let mut log = DiskLog::open(dir.path(), options).unwrap();
            let blocks = blocks();
            for block in &blocks {
                log.append(std::slice::from_ref(block)).unwrap();
            }
            // Of the first it is not known: what is before it this process has not appended.
            for seq in 1..=BLOCKS * RECORDS {
                let place = usize::try_from((seq - 1) / RECORDS).unwrap();
                let known = place.checked_sub(1).map(|before| end_of(&blocks[before]));
                assert_eq!(log.shared.end_before(seq), known, "record {seq}");
            }
            all_are_read_back(&log, &blocks);
            Box::new(log).close().unwrap();

            let log = DiskLog::open(dir.path(), options).unwrap();
            assert_eq!(log.shared.end_before(BLOCKS * RECORDS), None);
            all_are_read_back(&log, &blocks);
        }
    }
}
