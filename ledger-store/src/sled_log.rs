//! An epoch of the log in sled.
//!
//! # Why `flush` is not enough
//!
//! sled 0.34.7 writes its file with `pwrite` and `sync_file_range`. The latter starts and awaits the
//! writing of file pages, but neither of the file's size and extents nor of the disk's own cache: in
//! simulated power cuts every log that trusted `flush` alone lost acknowledged records. So blocks are
//! put in two steps:
//!
//! 1. `insert` the blocks and `flush`: sled has handed every page to the kernel.
//! 2. `fdatasync` of our own descriptor of `db`: the pages, the size and the extents are on disk.
//!
//! Between two syncs less than a segment of `db` is written ([`UNSYNCED_BYTES_MAX`]). sled takes for stable what it
//! has flushed, looks for torn writes behind that alone, and lets a segment be written again once what is newer is
//! stable; both by whole segments. So nothing that it relies on is ever without a sync.
//!
//! Two more rules keep step 2 sufficient. Blocks stay far below the size at which sled would put
//! values into blob files, which it never syncs (see [`crate::block::BLOCK_BYTES_MAX`]); an unexpected
//! blob is an error at opening and at closing. And no key is ever overwritten or deleted, so that sled
//! has hardly any reason to reuse a part of its file that an older state still needs.
//!
//! # The files
//!
//! One tree: the key is the first sequence number of a block, big endian, the value is the block. Between
//! them are keys without a block, which spare sled writing blocks again, see [`spacers`]. sled keeps the
//! tree in `db`; beside it are `conf`, which never changes, `snap.*`, which shorten its opening, and
//! `blobs/`, which must stay empty. While the epoch is open, `db` may end with zeros that make room for
//! what comes; they are cut off when it is let go, and before it is opened after a crash.

#![expect(
    clippy::disallowed_methods,
    reason = "sled opens its files by itself, so there is one disk they can be on"
)]

mod spacers;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use sled::IVec;

use crate::block::Block;
use crate::data_dir::{self, DataDir};
use crate::disk::OsDisk;
use crate::epoch::{Epoch, Volume};
use crate::error::StoreError;
use crate::guard::{self, Engine};
use crate::sled_log::spacers::Spacers;
use crate::zero_tail;

/// The largest that sled takes. Larger segments let larger values stay out of blob files.
const SEGMENT_BYTES: usize = 16 << 20;

/// Nearly everything is read once, at opening; recent blocks are kept decoded elsewhere.
const CACHE_BYTES: u64 = 64 << 20;

/// How often, and how far apart, a lock on `db` is tried. Our own lock is already held, so the other
/// holder is a child being forked at this moment, or a log of this process that sled left unusable.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How long sled may take to let go of its file once dropped; it takes milliseconds.
const RELEASE_WAIT: Duration = Duration::from_secs(60);

/// Bytes of blocks that sled is given between two syncs at most. Where spacers do not spare it that, it writes
/// four times as many.
const UNSYNCED_BYTES_MAX: usize = 3 << 20;

/// What sled uses of its file for a block, besides the bytes it has: 450 where it has 1 KiB and more, 900 where it
/// has less.
const ROOM_BYTES_A_BLOCK: u64 = 1 << 10;

/// Room that is made at most.
const ROOM_BYTES_MAX: u64 = 1 << 30;

/// An open epoch.
pub(crate) struct SledEpoch {
    dir: PathBuf,
    name: String,
    engine: Engine<sled::Db>,
    spacers: Mutex<Spacers>,
    /// Our own descriptor of `db`, for syncing.
    db_file: File,
}

impl SledEpoch {
    /// Creates the epoch in a directory of its own.
    pub(crate) fn create(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        fs::create_dir_all(&path).map_err(StoreError::io(&path))?;
        let epoch = Self::start(dir, name)?;
        let conf = dir.join(conf_of(name));
        File::open(&conf)
            .and_then(|conf| conf.sync_all())
            .map_err(StoreError::io(&conf))?;
        DataDir::from(&path).sync()?;
        data_dir::sync_above(&OsDisk, &path)?;
        DataDir::from(dir).sync()?;
        Ok(epoch)
    }

    /// Opens the epoch, left in order or by a crash.
    pub(crate) fn open(dir: &Path, name: &str) -> Result<Self, StoreError> {
        check_present(dir, name)?;
        discard_unfinished_snapshots(dir, name)?;
        zero_tail::trim(&dir.join(db_of(name)), SEGMENT_BYTES as u64)?;
        let epoch = Self::start(dir, name)?;
        refuse_blobs(dir, name)?;
        Ok(epoch)
    }

    /// Starts sled, and makes durable what that alone may have written.
    fn start(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let db = start_sled(dir, name)?;
        let engine = Engine::new(db_of(name), db);
        let path = dir.join(db_of(name));
        let db_file = File::open(&path).map_err(StoreError::io(&path))?;
        db_file.sync_all().map_err(StoreError::io(&path))?;
        let epoch = Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            engine,
            spacers: Mutex::default(),
            db_file,
        };
        // Not before there is an epoch, which lets go of sled in good order if that fails.
        *epoch.spacers.lock() = epoch.spacers_there()?;
        Ok(epoch)
    }

    fn spacers_there(&self) -> Result<Spacers, StoreError> {
        let last = self
            .engine
            .with(|db| db.last().map_err(|error| self.failed(error)))?;
        let last = last.as_ref();
        Ok(last
            .map(|(key, value)| Spacers::in_tree(key, value))
            .unwrap_or_default())
    }

    fn put_and_sync(&self, blocks: &[Block], kept: &mut Vec<Block>) -> Result<(), StoreError> {
        self.engine.with(|db| {
            let put = |key: &[u8], value: IVec| {
                let before = db.insert(key, value).map_err(|error| self.failed(error))?;
                assert!(before.is_none(), "no key of the log is ever written twice");
                Ok::<(), StoreError>(())
            };
            let mut spacers = self.spacers.lock();
            spacers
                .ahead_of(blocks)
                .try_for_each(|spacer| put(&spacer, IVec::default()))?;
            for block in blocks {
                let value = IVec::from(block.bytes());
                kept.push(block.sharing(Bytes::from_owner(value.clone())));
                put(&block.first_seq().to_be_bytes(), value)?;
            }
            db.flush().map_err(|error| self.failed(error))?;
            Ok(())
        })?;
        self.db_file
            .sync_data()
            .map_err(StoreError::io(&self.dir.join(db_of(&self.name))))
    }

    fn failed(&self, error: sled::Error) -> StoreError {
        from_sled(&self.dir, &self.name, error)
    }

    /// The blocks among the entries.
    fn blocks(
        &self,
        entries: impl Iterator<Item = sled::Result<(IVec, IVec)>>,
    ) -> impl Iterator<Item = Result<Block, StoreError>> {
        entries.filter_map(|entry| match entry {
            Ok((key, value)) if spacers::number_of(&key, &value).is_some() => None,
            Ok((key, value)) => Some(self.decode(&key, value)),
            Err(error) => Some(Err(self.failed(error))),
        })
    }

    fn decode(&self, key: &[u8], value: IVec) -> Result<Block, StoreError> {
        let first_seq = key.try_into().map_err(|_| {
            let what = format!("has a key of {} bytes instead of 8", key.len());
            StoreError::damaged(db_of(&self.name), what)
        })?;
        let first_seq = u64::from_be_bytes(first_seq);
        Ok(Block::decode(Bytes::from_owner(value), first_seq)?)
    }
}

impl Epoch for SledEpoch {
    fn put(&self, blocks: &[Block]) -> Result<Vec<Block>, StoreError> {
        let mut kept = Vec::with_capacity(blocks.len());
        parts(blocks).try_for_each(|part| self.put_and_sync(part, &mut kept))?;
        Ok(kept)
    }

    fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        self.engine.with(|db| {
            // Below the next number is the greatest key that is not beyond this one.
            let entries = match seq.checked_add(1) {
                Some(next_seq) => db.range(..next_seq.to_be_bytes()),
                None => db.iter(),
            };
            self.blocks(entries.rev()).next().transpose()
        })
    }

    fn each_from(
        &self,
        seq: u64,
        visit: &mut dyn FnMut(Block) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.engine.with(|db| {
            for block in self.blocks(db.range(seq.to_be_bytes()..)) {
                if visit(block?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn end(&self) -> Result<(), StoreError> {
        let Some(db) = self.engine.take()? else {
            return Ok(());
        };
        // Dropping flushes and joins; on a thread, because sled can hang when a thread of it died.
        let place = db_of(&self.name);
        let thread_place = place.clone();
        let dropping = thread::Builder::new()
            .name("ledger-store-close".to_owned())
            .spawn(move || {
                guard::quietly(&thread_place, || {
                    drop(db);
                    Ok(())
                })
            })
            .map_err(StoreError::io(&self.dir))?;
        let deadline = Instant::now() + RELEASE_WAIT;
        // It has let go of the file, and nothing writes to it any more, when we can lock it.
        while !dropping.is_finished() || self.db_file.try_lock().is_err() {
            if Instant::now() > deadline {
                let what = "is still held by the storage engine";
                return Err(StoreError::damaged(place, what));
            }
            thread::sleep(Duration::from_micros(200));
        }
        let path = self.dir.join(place);
        let trimmed = zero_tail::trim(&path, SEGMENT_BYTES as u64);
        self.db_file.unlock().map_err(StoreError::io(&path))?;
        trimmed?;
        self.db_file.sync_data().map_err(StoreError::io(&path))?;
        dropping.join().unwrap_or(Ok(()))?;
        // Of the snapshots that sled replaced: one that came back would not be what the manifest says.
        DataDir::from(&self.dir.join(&self.name)).sync()?;
        refuse_blobs(&self.dir, &self.name)
    }
}

impl Drop for SledEpoch {
    fn drop(&mut self) {
        // There is nobody to tell. The next opening checks the epoch as one left by a crash.
        let _ = self.end();
    }
}

/// The blocks in order, as many together as may go without a sync.
fn parts(blocks: &[Block]) -> impl Iterator<Item = &[Block]> {
    let mut rest = blocks;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let count = rest.iter().take_while(|block| {
            bytes += block.bytes().len();
            bytes <= UNSYNCED_BYTES_MAX
        });
        let (part, after) = rest.split_at(count.count());
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

// So a block is never left over.
const _: () = assert!(crate::block::BLOCK_BYTES_MAX <= UNSYNCED_BYTES_MAX);

/// The file with everything in it, below the data directory.
pub(crate) fn db_of(name: &str) -> String {
    format!("{name}/db")
}

/// The file with the settings, which never changes.
pub(crate) fn conf_of(name: &str) -> String {
    format!("{name}/conf")
}

/// The files that change while the epoch is open.
pub(crate) fn changing_files(dir: &Path, name: &str) -> Result<Vec<String>, StoreError> {
    let mut files = vec![db_of(name)];
    files.extend(snapshots(dir, name)?);
    Ok(files)
}

/// Checks that nothing is missing that sled would quietly create.
pub(crate) fn check_present(dir: &Path, name: &str) -> Result<(), StoreError> {
    for part in [name.to_owned(), db_of(name), conf_of(name)] {
        if !dir.join(&part).exists() {
            return Err(StoreError::damaged(part, "is missing"));
        }
    }
    refuse_blobs(dir, name)
}

/// Whether a file may be missing without harm: a snapshot only shortens sled's opening.
pub(crate) fn is_snapshot(file: &str) -> bool {
    file.rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with("snap."))
}

/// Extends `db` by the room that so much will need.
pub(crate) fn make_room(
    dir: &Path,
    name: &str,
    volume: Volume,
    stop: &AtomicBool,
) -> Result<(), StoreError> {
    let beside = volume.blocks.saturating_mul(ROOM_BYTES_A_BLOCK);
    let room = volume.block_bytes.saturating_add(beside);
    let path = dir.join(db_of(name));
    zero_tail::extend(&path, room.min(ROOM_BYTES_MAX), stop)
}

fn start_sled(dir: &Path, name: &str) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(dir.join(name))
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None)
        .use_compression(false);
    for _ in 1..LOCK_ATTEMPTS {
        match config.open() {
            Err(error) if is_lock(&error) => thread::sleep(LOCK_PAUSE),
            other => return other.map_err(|error| from_sled(dir, name, error)),
        }
    }
    config.open().map_err(|error| {
        if is_lock(&error) {
            StoreError::Locked {
                dir: PathBuf::from(dir),
            }
        } else {
            from_sled(dir, name, error)
        }
    })
}

/// sled has no kind of error for this, only a text; the version is pinned.
fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(_)) && one_line(error).contains("could not acquire lock")
}

/// sled writes a snapshot under another name first, but when killed in between it takes that half of a
/// file for the newest snapshot and refuses to open.
fn discard_unfinished_snapshots(dir: &Path, name: &str) -> Result<(), StoreError> {
    for snapshot in snapshots(dir, name)? {
        if snapshot.ends_with(".generating") {
            let path = dir.join(snapshot);
            fs::remove_file(&path).map_err(StoreError::io(&path))?;
        }
    }
    Ok(())
}

/// Values in blob files would not be durable, see the top of this file.
fn refuse_blobs(dir: &Path, name: &str) -> Result<(), StoreError> {
    let blobs = format!("{name}/blobs");
    match DataDir::from(&dir.join(&blobs)).names()?.first() {
        None => Ok(()),
        Some(blob) => Err(StoreError::damaged(
            format!("{blobs}/{blob}"),
            "should not exist, because values in files of their own are not durable",
        )),
    }
}

/// sled's snapshots of its page table, as paths below the data directory.
fn snapshots(dir: &Path, name: &str) -> Result<Vec<String>, StoreError> {
    let mut names = DataDir::from(&dir.join(name)).names()?;
    names.retain(|file| is_snapshot(file));
    Ok(names.iter().map(|file| format!("{name}/{file}")).collect())
}

/// sled's own errors: the disk's fault is passed on, all else means that the file is not sound.
fn from_sled(dir: &Path, name: &str, error: sled::Error) -> StoreError {
    let text = one_line(&error);
    match error {
        sled::Error::Io(source)
            if !matches!(
                source.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData
            ) =>
        {
            StoreError::Io {
                path: dir.join(db_of(name)),
                source,
            }
        }
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => {
            StoreError::damaged(db_of(name), format!("cannot be read: {text}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::blocks_in_a_row;

    /// Without spacers the file comes to twice what the blocks have, and sled writes four times as much.
    #[test]
    fn blocks_are_written_once() {
        let many = [
            (
                blocks_in_a_row(std::iter::repeat_n(25_000, 4_000)),
                "full ones",
            ),
            (
                blocks_in_a_row(std::iter::repeat_n(9_000, 8_000)),
                "short ones",
            ),
            (
                blocks_in_a_row((0..5_000).map(|n| 5_000 + n % 3 * 10_000)),
                "short and full ones",
            ),
            (
                blocks_in_a_row((0..6_000).map(|n| 1_000 + n / 1_500 * 8_000)),
                "ever longer ones",
            ),
            (
                blocks_in_a_row((0..6_000).map(|n| 25_000 - n / 1_500 * 8_000)),
                "ever shorter ones",
            ),
            (
                blocks_in_a_row(std::iter::repeat_n(90, 3_000)),
                "blocks of one record",
            ),
        ];
        for (blocks, what) in many {
            let dir = tempfile::tempdir().unwrap();
            let mut epoch = SledEpoch::create(dir.path(), "some").unwrap();
            for (place, part) in blocks.chunks(90).enumerate() {
                if place % 20 == 19 {
                    epoch.end().unwrap();
                    epoch = SledEpoch::open(dir.path(), "some").unwrap();
                }
                epoch.put(part).unwrap();
            }
            let mut found = Vec::new();
            let take = &mut |block| {
                found.push(block);
                ControlFlow::Continue(())
            };
            epoch.each_from(0, take).unwrap();
            assert!(found == blocks, "{what} are read back");
            for block in blocks.iter().step_by(7) {
                for seq in [block.first_seq(), block.last_seq()] {
                    assert!(
                        epoch.block_at(seq).unwrap().as_ref() == Some(block),
                        "{what}: {seq}"
                    );
                }
            }
            assert!(
                epoch.block_at(u64::MAX).unwrap().as_ref() == blocks.last(),
                "{what}"
            );
            epoch.end().unwrap();
            let db = dir.path().join(db_of("some"));
            let file_bytes = fs::metadata(db).unwrap().len();
            let most = Volume::of(&blocks).block_bytes + blocks.len() as u64 * ROOM_BYTES_A_BLOCK;
            assert!(
                file_bytes <= most + SEGMENT_BYTES as u64,
                "{what} take {file_bytes} bytes, at most {most} and a segment were expected"
            );
        }
    }

    #[test]
    fn little_is_put_between_two_syncs() {
        let blocks = blocks_in_a_row((1..=300).map(|n| n % 7 * 5_000 + 1));
        let sizes: Vec<u64> = parts(&blocks)
            .map(|part| Volume::of(part).block_bytes)
            .collect();
        assert_eq!(parts(&blocks).flatten().count(), blocks.len());
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|size| *size <= UNSYNCED_BYTES_MAX as u64));
        assert_eq!(parts(&[]).count(), 0);
    }
}
