//! Backups: a second log with the same blocks, taken while the first one goes on.
//!
//! A backup is an ordinary data directory. It is whole when it appears; continued, it is at every moment
//! a log that ends at some block of the first, as after a crash.

use crate::block::Block;
use crate::data_dir::DataDir;
use crate::disk_log::{DiskLog, LogOptions};
use crate::epoch::StoreKind;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, LogReader, end_of};
use crate::manifest::MANIFEST;
use crate::new_log::{Appending, NewLog, ReadBack, Written};
use crate::reader::Reader;

/// What was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// Where the backup ends; its hash covers every byte of every block.
    pub head: LogHead,
    /// Records that were added: all of them, or those that an earlier backup did not have.
    pub records: u64,
    /// Their blocks.
    pub blocks: u64,
    /// The length of those blocks.
    pub bytes: u64,
    /// The store of the backup.
    pub store: StoreKind,
    /// Whether there was a backup already, which was continued.
    pub continued: bool,
}

/// Backs up everything that is durable at this moment, while the writer goes on.
///
/// Where `to` has a backup of this log, only what came after it is read and added. A new backup appears
/// once it is whole and was read back; until then it goes by its name with `.copying` behind it.
/// A new backup is kept in the log's `own_store` unless `options.store` names another. `progress` is told
/// the records backed up so far and how many there will be.
///
/// # Errors
///
/// [`StoreError::OtherLog`] when `to` has another log, or more records than this one;
/// [`StoreError::Io`] when it has anything else or the disk fails; and [`StoreError::Damaged`] when
/// either log is.
pub fn back_up(
    reader: &Reader,
    own_store: StoreKind,
    to: impl Into<DataDir>,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, StoreError> {
    let to = &to.into();
    let head = durable_head(reader)?;
    let options = with_store(options, to, own_store)?;
    write(reader.log(), head, to, options, progress)
}

/// Where the durable log ends at this moment: at least with everything that was acknowledged.
///
/// # Errors
///
/// When the last block cannot be read as it was written.
pub fn durable_head(reader: &Reader) -> Result<LogHead, StoreError> {
    // What is shown to readers may end within a block; that block is durable.
    let last = reader.log().block_with(reader.durable().0)?;
    Ok(last.map_or(LogHead::EMPTY, |block| end_of(&block)))
}

/// Backs up the log in a data directory that no process has open, as [`back_up`] does.
///
/// # Errors
///
/// As [`back_up`], and whatever opening finds.
pub fn back_up_directory(
    from: impl Into<DataDir>,
    to: impl Into<DataDir>,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, StoreError> {
    let to = &to.into();
    let opening = DiskLog::begin(from, LogOptions::default())?;
    // Each block is checked when it is copied; here it is enough to know where the last one is.
    let promised = opening.promised();
    let log = opening.finish(promised, &mut |_| Ok(()))?;
    let options = with_store(options, to, log.store())?;
    let outcome = write(&*log.reader(), log.head(), to, options, progress);
    let closed = Box::new(log).close();
    // What went wrong first says more than what followed from it.
    let backed_up = outcome?;
    closed?;
    Ok(backed_up)
}

/// The store of a backup that exists already is taken as it is.
fn with_store(
    options: LogOptions,
    to: &DataDir,
    own_store: StoreKind,
) -> Result<LogOptions, StoreError> {
    let default = (!to.has(MANIFEST)?).then_some(own_store);
    Ok(LogOptions {
        store: options.store.or(default),
        ..options
    })
}

fn write(
    log: &dyn LogReader,
    head: LogHead,
    to: &DataDir,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, StoreError> {
    if to.has(MANIFEST)? {
        return continue_backup(log, head, to, options, progress);
    }
    let mut backup = NewLog::begin(to, options)?;
    for_each_block(log, LogHead::EMPTY, head, |block| {
        backup.add(block)?;
        progress(backup.appended_seq(), head.last_seq);
        Ok::<_, StoreError>(())
    })?;
    let written = backup.finish(ReadBack::Blocks)?;
    progress(head.last_seq, head.last_seq);
    Ok(BackedUp::of(written, LogHead::EMPTY, false))
}

fn continue_backup(
    log: &dyn LogReader,
    head: LogHead,
    to: &DataDir,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, StoreError> {
    let opening = DiskLog::begin(to, options)?;
    // What it promised to have was read back when it was written.
    let promised = opening.promised();
    let backup = opening.finish(promised, &mut |_| Ok(()))?;
    let before = backup.head();
    if let Some(what) = difference(log, head, before)? {
        // It is left as it was found.
        Box::new(backup).close()?;
        let dir = to.path().to_owned();
        return Err(StoreError::OtherLog { dir, what });
    }
    let mut backup = Appending::to(backup);
    for_each_block(log, before, head, |block| {
        backup.add(block)?;
        progress(backup.appended_seq(), head.last_seq);
        Ok::<_, StoreError>(())
    })?;
    let written = backup.close()?;
    progress(head.last_seq, head.last_seq);
    Ok(BackedUp::of(written, before, true))
}

/// Why a log that ends with `end` is not a beginning of this one, if it is not.
fn difference(
    log: &dyn LogReader,
    head: LogHead,
    end: LogHead,
) -> Result<Option<String>, StoreError> {
    if end == LogHead::EMPTY {
        return Ok(None);
    }
    if end.last_seq > head.last_seq {
        return Ok(Some(format!(
            "has record {}, while the log to be backed up ends with record {}",
            end.last_seq, head.last_seq
        )));
    }
    let here = log.block_with(end.last_seq)?;
    let is_same = here.is_some_and(|block| end_of(&block) == end);
    Ok((!is_same).then(|| {
        format!(
            "has other records up to {} than the log to be backed up",
            end.last_seq
        )
    }))
}

/// Where the log ends before the block that holds a record; the whole of it when there is no such record.
///
/// # Errors
///
/// When a block cannot be read as it was written.
pub fn end_before(log: &dyn LogReader, seq: u64) -> Result<LogHead, StoreError> {
    let first_seq = log.block_with(seq)?.map_or(seq, |block| block.first_seq());
    let before = log.block_with(first_seq.saturating_sub(1))?;
    Ok(before.map_or(LogHead::EMPTY, |block| end_of(&block)))
}

/// Hands out the blocks after one end of the log up to another, each checked to continue the chain.
///
/// # Errors
///
/// When a block is not what was written, and whatever `visit` returns.
pub fn for_each_block<E: From<StoreError>>(
    log: &dyn LogReader,
    after: LogHead,
    up_to: LogHead,
    mut visit: impl FnMut(Block) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = after;
    while at.last_seq < up_to.last_seq {
        let block = log.block_with(at.last_seq + 1)?.ok_or_else(|| {
            let place = format!("record {}", at.last_seq + 1);
            StoreError::damaged(place, "is not in the log any more")
        })?;
        block.verify_chain(at.chain).map_err(StoreError::from)?;
        at = end_of(&block);
        visit(block)?;
    }
    Ok(())
}

impl BackedUp {
    fn of(written: Written, before: LogHead, continued: bool) -> Self {
        let Written {
            head,
            blocks,
            bytes,
            store,
        } = written;
        Self {
            head,
            records: head.last_seq - before.last_seq,
            blocks,
            bytes,
            store,
            continued,
        }
    }
}
