//! A log that appears in its place once it is whole.
//!
//! Whoever writes a whole log at once (a copy, a backup, an import) writes it beside its place, under the
//! same name with `.copying` behind it. When everything is there, was read back and is durable, one
//! renaming puts it in its place. What a killed process left is locked by nobody, and the next one to
//! write a log of that name begins anew.

use std::ffi::OsString;
use std::io::{self, ErrorKind};

use crate::block::Block;
use crate::data_dir::{self, DataDir, DirLock};
use crate::disk_log::{DiskLog, LogOptions};
use crate::epoch::StoreKind;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead};
use crate::manifest::MANIFEST;
use crate::recovery;

/// What the directory is called until the log is whole.
const PARTIAL_SUFFIX: &str = ".copying";

/// Blocks appended with one sync.
const BLOCKS_AT_ONCE: usize = 32;

/// How a new log is read back before it is put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// Every block is checked, as are the sequence and the chain.
    Blocks,
    /// Its records are also folded, so that it is known to open, and a checkpoint is left with it.
    Folds,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Where the log ends.
    pub head: LogHead,
    /// Blocks that were added.
    pub blocks: u64,
    /// Their length together.
    pub bytes: u64,
    /// The store it is kept in.
    pub store: StoreKind,
}

/// A log under way. Dropping it before [`NewLog::finish`] removes what there is of it.
#[derive(Debug)]
pub struct NewLog {
    to: DataDir,
    partial: DataDir,
    options: LogOptions,
    /// Nothing once it is in its place, or when it could not be opened.
    log: Option<Appending>,
}

/// A log that blocks are added to in groups.
#[derive(Debug)]
pub(crate) struct Appending {
    log: DiskLog,
    waiting: Vec<Block>,
    blocks: u64,
    bytes: u64,
}

impl NewLog {
    /// Begins a log that will be in `to`, which must not exist or be empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when there is something, or the disk fails, and [`StoreError::Locked`] when
    /// another process is writing a log of that name.
    pub fn begin(to: impl Into<DataDir>, options: LogOptions) -> Result<Self, StoreError> {
        let to = to.into();
        refuse_filled(&to)?;
        let partial = partial(&to)?;
        remove_leftover(&partial)?;
        let log = Appending::to(DiskLog::open(&partial, options)?);
        Ok(Self {
            to,
            partial,
            options,
            log: Some(log),
        })
    }

    /// Adds the block that comes next.
    ///
    /// # Errors
    ///
    /// As [`EventLog::append`]; a block may be refused only when later ones are added.
    pub fn add(&mut self, block: Block) -> Result<(), StoreError> {
        match &mut self.log {
            Some(log) => log.add(block),
            None => Err(StoreError::Closed),
        }
    }

    /// Sequence number of the last record that was appended.
    #[must_use]
    pub fn appended_seq(&self) -> u64 {
        self.log.as_ref().map_or(0, Appending::appended_seq)
    }

    /// Closes the log, reads it back and puts it in its place. When this returns it survives a power cut.
    ///
    /// # Errors
    ///
    /// What went wrong with the disk, and [`StoreError::Damaged`] when what is read back is not what was
    /// added; then nothing is in its place. Where only the last sync fails it is there, and may not survive a
    /// power cut.
    pub fn finish(mut self, read_back: ReadBack) -> Result<Written, StoreError> {
        let written = self.log.take().ok_or(StoreError::Closed)?.close()?;
        let head = match read_back {
            ReadBack::Blocks => {
                let log = DiskLog::open(&self.partial, self.options)?;
                let head = log.head();
                Box::new(log).close()?;
                head
            }
            ReadBack::Folds => {
                let mut recovered = recovery::recover_with(&self.partial, self.options)?;
                let head = recovered.log.head();
                recovered.store_checkpoint();
                Box::new(recovered.log).close()?;
                head
            }
        };
        if head != written.head {
            let what = "does not end as the log that was written";
            return Err(StoreError::damaged(
                self.partial.path().to_string_lossy(),
                what,
            ));
        }
        let (disk, to) = (self.to.disk(), self.to.path());
        disk.rename(self.partial.path(), to)
            .map_err(StoreError::io(to))?;
        self.to.sync_path()?;
        Ok(written)
    }
}

impl Drop for NewLog {
    fn drop(&mut self) {
        // It holds the directory's lock, and may still write.
        self.log = None;
        // What went wrong first says more than what follows from it; and in its place it is not here.
        let _ = self.partial.disk().remove_dir_all(self.partial.path());
    }
}

impl Appending {
    pub(crate) fn to(log: DiskLog) -> Self {
        Self {
            log,
            waiting: Vec::with_capacity(BLOCKS_AT_ONCE),
            blocks: 0,
            bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, block: Block) -> Result<(), StoreError> {
        self.blocks += 1;
        self.bytes += block.bytes().len() as u64;
        self.waiting.push(block);
        if self.waiting.len() == BLOCKS_AT_ONCE {
            self.append()?;
        }
        Ok(())
    }

    pub(crate) fn appended_seq(&self) -> u64 {
        self.log.head().last_seq
    }

    pub(crate) fn close(mut self) -> Result<Written, StoreError> {
        self.append()?;
        let written = Written {
            head: self.log.head(),
            blocks: self.blocks,
            bytes: self.bytes,
            store: self.log.store(),
        };
        Box::new(self.log).close()?;
        Ok(written)
    }

    fn append(&mut self) -> Result<(), StoreError> {
        self.log.append(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
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

/// Removes what a killed process left of a log; refuses what is still written, or is not of a log.
fn remove_leftover(partial: &DataDir) -> Result<(), StoreError> {
    let (disk, path) = (partial.disk(), partial.path());
    if disk.entry(path).map_err(StoreError::io(path))?.is_none() {
        return Ok(());
    }
    let names = partial.names()?;
    let is_of_a_log = |name: &String| name == MANIFEST || name == data_dir::LOCK;
    if !names.is_empty() && !names.iter().any(is_of_a_log) {
        return Err(StoreError::io(path)(ErrorKind::AlreadyExists.into()));
    }
    let lock = DirLock::take(partial)?;
    disk.remove_dir_all(path).map_err(StoreError::io(path))?;
    drop(lock);
    data_dir::sync_above(disk, path)
}
