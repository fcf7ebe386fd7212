//! What can go wrong with the machine below the log; an operator acts on it, never a customer.

use std::io;
use std::path::{Path, PathBuf};

use crate::block::BlockDamage;
use crate::epoch::StoreKind;

/// Why the store refused or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something on disk is not what was written there.
    ///
    /// The text reads as a sentence: `place` is a file relative to the data directory, a record or a
    /// block, and `what` says what is wrong with it.
    #[error("{place} {what}")]
    Damaged {
        /// The file, record or block at fault.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another process, or another log in this one, holds the data directory.
    #[error("the data directory {} is already open", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The operating system refused an operation on a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// An earlier append failed, so what is on disk is unknown until the log is opened anew.
    #[error("an earlier append failed, so the log takes no more records until it is opened again")]
    Poisoned,
    /// The writer had stopped before it was closed.
    #[error("the writer had stopped: {reason}")]
    Stopped {
        /// Why it stopped.
        #[source]
        reason: std::sync::Arc<StoreError>,
    },
    /// A thread of the writer ended by a defect of this program.
    #[error("a thread of the writer ended unexpectedly")]
    WriterDied,
    /// The log was closed while a reader was still in use.
    #[error("the log is closed")]
    Closed,
    /// Blocks were appended that do not begin where the log ends.
    #[error("the next record of the log is {expected}, but the block begins at {found}")]
    NotContiguous {
        /// The sequence number that had to come next.
        expected: u64,
        /// The first sequence number of the block.
        found: u64,
    },
    /// A block was sealed onto another block than the last one of the log.
    #[error("the block at record {first_seq} was not sealed onto the block before it")]
    NotChained {
        /// The first sequence number of the block.
        first_seq: u64,
    },
    /// A record is longer than a block may hold.
    #[error("a record of {bytes} bytes is longer than the {bytes_max} allowed")]
    RecordTooLarge {
        /// Length of the record, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The block has no room for the record; seal it and begin another.
    #[error("the block has no room for another {bytes} bytes")]
    BlockFull {
        /// Length of the record that did not fit, in bytes.
        bytes: usize,
    },
    /// Written by a version of this program that this one does not know.
    #[error("{place} has format version {version}, which this program cannot read")]
    UnsupportedVersion {
        /// The file or block.
        place: String,
        /// The version found.
        version: u16,
    },
    /// The log is kept by another storage engine than the one asked for.
    #[error("{} keeps its log in {found}, not in {asked}", dir.display())]
    StoreKindMismatch {
        /// The data directory.
        dir: PathBuf,
        /// The storage engine it was created with.
        found: StoreKind,
        /// The storage engine that was asked for.
        asked: StoreKind,
    },
    /// The storage engine opens its files by itself, and cannot do so on the disk it was to be on.
    #[error(
        "{store} opens its files by itself, which only the disk of the operating system allows"
    )]
    StoreNeedsOs {
        /// The storage engine.
        store: StoreKind,
    },
    /// A directory has another log than the one it should be a part of.
    #[error("{} {what}", dir.display())]
    OtherLog {
        /// The data directory.
        dir: PathBuf,
        /// How that shows.
        what: String,
    },
    /// Opening made no progress for so long that it was given up.
    #[error("{place} did not open: nothing happened for {silence_s} seconds")]
    OpenTimedOut {
        /// The file, relative to the data directory.
        place: String,
        /// How long the wait was, in seconds.
        silence_s: u64,
    },
}

impl StoreError {
    /// Stable name of the kind of error, for logs, alerts and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "STORE_DAMAGED",
            Self::Locked { .. } => "STORE_LOCKED",
            Self::Io { .. } => "STORE_IO",
            Self::Poisoned => "STORE_POISONED",
            Self::Stopped { reason } => reason.code(),
            Self::WriterDied => "STORE_WRITER_DIED",
            Self::Closed => "STORE_CLOSED",
            Self::NotContiguous { .. } => "STORE_NOT_CONTIGUOUS",
            Self::NotChained { .. } => "STORE_NOT_CHAINED",
            Self::RecordTooLarge { .. } => "STORE_RECORD_TOO_LARGE",
            Self::BlockFull { .. } => "STORE_BLOCK_FULL",
            Self::UnsupportedVersion { .. } => "STORE_UNSUPPORTED_VERSION",
            Self::StoreKindMismatch { .. } => "STORE_KIND_MISMATCH",
            Self::StoreNeedsOs { .. } => "STORE_NEEDS_OS",
            Self::OtherLog { .. } => "STORE_OTHER_LOG",
            Self::OpenTimedOut { .. } => "STORE_OPEN_TIMED_OUT",
        }
    }

    /// Names the damaged place.
    pub(crate) fn damaged(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.into(),
            what: what.into(),
        }
    }

    /// Adapter for `map_err` that remembers the path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<BlockDamage> for StoreError {
    fn from(damage: BlockDamage) -> Self {
        match damage {
            BlockDamage::Header { first_seq, what } => Self::damaged(
                format!("the header of the block at record {first_seq}"),
                what,
            ),
            BlockDamage::Version { first_seq, version } => Self::UnsupportedVersion {
                place: format!("the block at record {first_seq}"),
                version,
            },
            BlockDamage::Record { seq, what } => Self::damaged(format!("record {seq}"), what),
            BlockDamage::Chain {
                first_seq,
                last_seq,
            } => Self::damaged(
                format!("the block of records {first_seq} to {last_seq}"),
                "does not continue the hash chain of the records before it",
            ),
        }
    }
}
