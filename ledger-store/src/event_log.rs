//! The narrow door between the writer and the disk.
//!
//! One writer owns an [`EventLog`] and appends; any number of readers share its [`LogReader`].

use std::sync::Arc;

use crate::block::{Block, ChainHash};
use crate::error::StoreError;

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// Sequence number of the last record, zero when there is none.
    pub last_seq: u64,
    /// Hash of the last block, which covers everything before it.
    pub chain: ChainHash,
}

impl LogHead {
    /// The end of a log without records.
    pub const EMPTY: Self = Self {
        last_seq: 0,
        chain: ChainHash::EMPTY,
    };

    /// Where the log would end after these blocks.
    pub(crate) fn followed_by(self, blocks: &[Block]) -> Result<Self, StoreError> {
        blocks.iter().try_fold(self, |head, block| {
            let expected = head.last_seq + 1;
            if block.first_seq() != expected {
                return Err(StoreError::NotContiguous {
                    expected,
                    found: block.first_seq(),
                });
            }
            if !block.continues(head.chain) {
                return Err(StoreError::NotChained {
                    first_seq: block.first_seq(),
                });
            }
            Ok(Self {
                last_seq: block.last_seq(),
                chain: block.chain(),
            })
        })
    }
}

/// Where the log ends after this block.
pub(crate) fn end_of(block: &Block) -> LogHead {
    LogHead {
        last_seq: block.last_seq(),
        chain: block.chain(),
    }
}

/// An append-only log of records in blocks, with one writer.
pub trait EventLog: Send {
    /// Appends the blocks and returns once they are durable.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotContiguous`] or [`StoreError::NotChained`] when the blocks do not follow the
    /// log, anything else when the machine failed. After any error the log is poisoned: what is on
    /// disk is unknown to the writer, and every later append gives [`StoreError::Poisoned`].
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError>;

    /// Makes durable what appending put off because no answer depends on it. Called when there is
    /// nothing to append.
    ///
    /// # Errors
    ///
    /// What went wrong with the machine; the log is poisoned then.
    fn settle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// As [`Self::settle`], where it was put off for long. Called when batches come that have nothing to
    /// append.
    ///
    /// # Errors
    ///
    /// As [`Self::settle`].
    fn settle_when_due(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Where the durable log ends.
    fn head(&self) -> LogHead;

    /// A reader of everything durable, now and later.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// Ends the log in an orderly way, so that the next opening can check it against its closing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Poisoned`] when an append had failed; otherwise what went wrong. The durable
    /// records are safe either way: the next opening recovers them as after a crash.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// Reads durable blocks while the writer goes on.
pub trait LogReader: Send + Sync {
    /// The block that holds the record `seq`, or nothing when that record is not durable (yet).
    ///
    /// # Errors
    ///
    /// When the block is there but cannot be read as it was written.
    fn block_with(&self, seq: u64) -> Result<Option<Block>, StoreError>;
}

/// Reads the blocks from the one that holds `from_seq` to the end of the log.
///
/// From the second block on, and from the first when it begins the log, each block is checked to
/// continue the hash chain. After an error the iterator ends.
pub fn scan(reader: &dyn LogReader, from_seq: u64) -> Scan<'_> {
    let next_seq = from_seq.max(1);
    let previous = (next_seq == 1).then_some(ChainHash::EMPTY);
    Scan {
        reader,
        next_seq: Some(next_seq),
        previous,
    }
}

/// Iterator over consecutive blocks; see [`scan`].
pub struct Scan<'a> {
    reader: &'a dyn LogReader,
    /// Nothing after the end or an error.
    next_seq: Option<u64>,
    previous: Option<ChainHash>,
}

impl Iterator for Scan<'_> {
    type Item = Result<Block, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = match self.reader.block_with(self.next_seq.take()?) {
            Ok(found) => found?,
            Err(error) => return Some(Err(error)),
        };
        if let Some(previous) = self.previous
            && let Err(damage) = block.verify_chain(previous)
        {
            return Some(Err(damage.into()));
        }
        self.previous = Some(block.chain());
        self.next_seq = Some(block.last_seq() + 1);
        Some(Ok(block))
    }
}
