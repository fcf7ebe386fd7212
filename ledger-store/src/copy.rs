//! Copying a log block by block, as from one store into another.

use std::ffi::OsString;
use std::io::{self, ErrorKind};

use crate::block::Block;
use crate::data_dir::{self, DataDir};
use crate::disk_log::{DiskLog, LogOptions};
use crate::epoch::StoreKind;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead};

/// What the directory is called until the copy is whole.
const PARTIAL_SUFFIX: &str = ".copying";

/// Blocks appended with one sync.
const BLOCKS_AT_ONCE: usize = 32;

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
    let (from, to) = (from.into(), to.into());
    refuse_filled(&to)?;
    let partial = partial(&to)?;
    let (disk, partial_path) = (to.disk(), partial.path());
    let found = disk.entry(partial_path);
    if found.map_err(StoreError::io(partial_path))?.is_some() {
        // It may be of a copy that is under way.
        return Err(StoreError::io(partial_path)(
            ErrorKind::AlreadyExists.into(),
        ));
    }
    let outcome = copy_to_new(&from, &partial, options, progress).and_then(|copied| {
        disk.rename(partial_path, to.path())
            .map_err(StoreError::io(to.path()))?;
        data_dir::sync_above(disk, to.path())?;
        Ok(copied)
    });
    if outcome.is_err() {
        // What went wrong first says more than what follows from it.
        let _ = disk.remove_dir_all(partial_path);
    }
    outcome
}

fn copy_to_new(
    from: &DataDir,
    to: &DataDir,
    options: LogOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, StoreError> {
    let opening = DiskLog::begin(from, LogOptions::default())?;
    let total = opening.promised().last_seq;
    let mut destination = DiskLog::open(to, options)?;
    let to_store = destination.store();
    let mut blocks = 0;
    let mut waiting = Vec::with_capacity(BLOCKS_AT_ONCE);
    let mut append = |waiting: &mut Vec<Block>| -> Result<(), StoreError> {
        destination.append(waiting)?;
        blocks += waiting.len() as u64;
        waiting.clear();
        let copied = destination.head().last_seq;
        progress(copied, total.max(copied));
        Ok(())
    };
    let source = opening.finish(LogHead::EMPTY, &mut |block| {
        waiting.push(block.clone());
        if waiting.len() == BLOCKS_AT_ONCE {
            append(&mut waiting)?;
        }
        Ok(())
    })?;
    append(&mut waiting)?;
    let copied = Copied {
        blocks,
        head: source.head(),
        from_store: source.store(),
        to_store,
    };
    Box::new(source).close()?;
    Box::new(destination).close()?;
    let read_back = DiskLog::open(to, options)?;
    if read_back.head() != copied.head {
        let what = "does not end as the log it was copied from";
        return Err(StoreError::damaged(to.path().to_string_lossy(), what));
    }
    Box::new(read_back).close()?;
    Ok(copied)
}

fn refuse_filled(to: &DataDir) -> Result<(), StoreError> {
    if to.names()?.is_empty() {
        return Ok(());
    }
    Err(StoreError::io(to.path())(
        ErrorKind::DirectoryNotEmpty.into(),
    ))
}

/// Beside the destination, so that it can be renamed to it.
fn partial(to: &DataDir) -> Result<DataDir, StoreError> {
    let path = to.path();
    let nameless = || io::Error::new(ErrorKind::InvalidInput, "is no name for a new directory");
    let mut name = OsString::from(
        path.file_name()
            .ok_or_else(nameless)
            .map_err(StoreError::io(path))?,
    );
    name.push(PARTIAL_SUFFIX);
    Ok(to.with_path(path.with_file_name(name)))
}
