//! The log in memory, for tests of everything above it; it can be told to fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::block::Block;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, LogReader};

/// A log that lasts as long as its last reader.
#[derive(Debug)]
pub struct MemLog {
    blocks: Arc<MemBlocks>,
    head: LogHead,
    appends_left: Option<u64>,
    poisoned: bool,
}

#[derive(Debug, Default)]
struct MemBlocks(RwLock<Vec<Block>>);

impl MemLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self {
            blocks: Arc::default(),
            head: LogHead::EMPTY,
            appends_left: None,
            poisoned: false,
        }
    }

    /// An empty log that takes `appends` appends and then fails, as a full or broken disk would.
    #[must_use]
    pub fn failing_after(appends: u64) -> Self {
        Self {
            appends_left: Some(appends),
            ..Self::new()
        }
    }

    fn append_or_fail(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        let head = self.head.followed_by(blocks)?;
        if let Some(left) = self.appends_left {
            self.appends_left = Some(left.checked_sub(1).ok_or_else(|| StoreError::Io {
                path: PathBuf::from("memory"),
                source: io::Error::other("the log was told to fail"),
            })?);
        }
        self.blocks.0.write().extend_from_slice(blocks);
        self.head = head;
        Ok(())
    }
}

impl Default for MemLog {
    fn default() -> Self {
        Self::new()
    }
}

impl EventLog for MemLog {
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let outcome = self.append_or_fail(blocks);
        self.poisoned = outcome.is_err();
        outcome
    }

    fn head(&self) -> LogHead {
        self.head
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::clone(&self.blocks) as Arc<dyn LogReader>
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        if self.poisoned {
            Err(StoreError::Poisoned)
        } else {
            Ok(())
        }
    }
}

impl LogReader for MemBlocks {
    fn block_with(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        let blocks = self.0.read();
        let index = blocks.partition_point(|block| block.last_seq() < seq);
        Ok(blocks
            .get(index)
            .filter(|block| block.first_seq() <= seq)
            .cloned())
    }
}
