//! Copying a log block by block: into another store, or from a backup to where a log was lost.

use crate::data_dir::DataDir;
use crate::disk_log::{DiskLog, LogOptions};
use crate::epoch::StoreKind;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, end_of};
use crate::new_log::{NewLog, ReadBack, Written};

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Blocks, each of them byte for byte.
    pub blocks: u64,
    /// Where both logs end; its hash covers every byte of every block.
    pub head: LogHead,
    /// The store of the log that was read.
    pub from_store: StoreKind,
    /// The store of the copy.
    pub to_store: StoreKind,
}

/// Copies the log in one data directory to a new one, every block unchanged and checked on the way, and
/// checks the copy as a whole by opening it.
///
/// `progress` is told the records copied so far and, as far as is known, how many there are. The
/// destination appears once it is whole; until then it goes by its name with `.copying` behind it.
///
/// # Errors
///
/// Whatever opening the source finds, [`StoreError::Io`] when the destination exists and is not empty
/// or when the disk fails, and [`StoreError::Damaged`] when the copy does not end as the source does.
pub fn copy(
    from: impl Into<DataDir>,
    to: impl Into<DataDir>,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    copy_and_read_back(
        &from.into(),
        &to.into(),
        options,
        None,
        ReadBack::Blocks,
        progress,
    )
}

/// Puts a backup where a log was lost: as [`copy`], and its records are folded, so that it is known to
/// open, before it is put in its place.
///
/// `kept` is a head of the log that was kept elsewhere: the backup must contain it.
///
/// # Errors
///
/// As [`copy`]; whatever recovering finds; and [`StoreError::OtherLog`] when the backup ends before the
/// kept head, or has other records there.
pub fn restore(
    from: impl Into<DataDir>,
    to: impl Into<DataDir>,
    options: LogOptions,
    kept: Option<LogHead>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    copy_and_read_back(
        &from.into(),
        &to.into(),
        options,
        kept,
        ReadBack::Folds,
        progress,
    )
}

fn copy_and_read_back(
    from: &DataDir,
    to: &DataDir,
    options: LogOptions,
    kept: Option<LogHead>,
    read_back: ReadBack,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    let mut destination = NewLog::begin(to, options)?;
    let opening = DiskLog::begin(from, LogOptions::default())?;
    let total = opening.promised().last_seq;
    let mut met = kept.is_none_or(|kept| kept == LogHead::EMPTY);
    let source = opening.finish(LogHead::EMPTY, &mut |block| {
        met |= Some(end_of(block)) == kept;
        destination.add(block.clone())?;
        let copied = destination.appended_seq();
        progress(copied, total.max(copied));
        Ok(())
    })?;
    let (head, from_store) = (source.head(), source.store());
    // Before anything is refused, so that the backup is left as it was found.
    Box::new(source).close()?;
    if let Some(kept) = kept.filter(|_| !met) {
        return Err(not_met(from, head, kept));
    }
    let Written { blocks, store, .. } = destination.finish(read_back)?;
    progress(head.last_seq, head.last_seq);
    Ok(Copied {
        blocks,
        head,
        from_store,
        to_store: store,
    })
}

fn not_met(dir: &DataDir, head: LogHead, kept: LogHead) -> StoreError {
    let what = match kept.last_seq.checked_sub(head.last_seq) {
        Some(missing @ 1..) => format!(
            "ends with record {}, {missing} records before the head that was kept",
            head.last_seq
        ),
        Some(0) | None => format!(
            "has other records up to {} than the head that was kept",
            kept.last_seq
        ),
    };
    StoreError::OtherLog {
        dir: dir.path().to_owned(),
        what,
    }
}
