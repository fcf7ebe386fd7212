//! A head to keep elsewhere: where a log ended once, and what it added up to. Whoever rewrites the log, with
//! checksums and chain all sound, cannot rewrite a head that is out of reach.

use ledger_core::ids::Seq;
use ledger_core::portfolio::Portfolio;
use ledger_core::state_hash::StateHash;
use ledger_core::time::Timestamp;

use crate::block::{Block, ChainHash};
use crate::codec;
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::reader::Reader;
use crate::tree::proving::tree_at;
use crate::tree::{TreeBuilder, TreeHash, TreeHead};

/// Where a log ended, at the end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptHead {
    /// Place of the last record, and the chain hash there.
    pub log: LogHead,
    /// Hash of the state after it.
    pub state: StateHash,
    /// Root of the tree over all records up to it.
    pub tree_root: TreeHash,
    /// When it was recorded; nothing where there was no record.
    pub recorded_at: Option<Timestamp>,
}

/// Why a log is not one that a kept head is of.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The store refused or stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is shorter than it was.
    #[error("the log ends with record {last}, yet the head is of record {sequence}")]
    EndsBefore {
        /// Place of the head.
        sequence: u64,
        /// Where the log ends.
        last: u64,
    },
    /// The log is another one.
    #[error("the log is not the one of the head: {difference} at record {sequence}")]
    Differs {
        /// Place of the head.
        sequence: u64,
        /// What is different there.
        difference: Difference,
    },
}

/// What a log has otherwise than a kept head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// It was written in other blocks.
    #[error("no block ends")]
    BlockEnd,
    /// The chain hash.
    #[error("another chain hash")]
    Chain,
    /// The root of the tree.
    #[error("another tree root")]
    Tree,
    /// The state hash.
    #[error("another state hash")]
    State,
    /// The time of recording.
    #[error("another time of recording")]
    RecordedAt,
}

impl HeadError {
    /// Stable name of the kind of error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::EndsBefore { .. } => "LOG_ENDS_BEFORE_HEAD",
            Self::Differs { .. } => "LOG_NOT_OF_HEAD",
        }
    }
}

impl KeptHead {
    /// Takes the head of a log as readers see it, at the end of a block. The log may go on growing; every
    /// block up to there is read.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub fn take(reader: &Reader) -> Result<Self, StoreError> {
        let (mut portfolio, last_seq) = {
            let books = reader.books();
            (books.portfolio().clone(), books.last_seq())
        };
        let Some(Seq(last_seq)) = last_seq else {
            return Ok(Self::of_nothing());
        };
        let missing = || StoreError::damaged(format!("record {last_seq}"), "is not in the log");
        let block = reader.log().block_with(last_seq)?.ok_or_else(missing)?;
        // Readers are shown some records at a time, whatever block they are in.
        for record in codec::decode_all(&block) {
            let record = record?;
            if record.seq.0 > last_seq {
                portfolio.apply(&record, &mut |_, _| {});
            }
        }
        let tree = tree_at(reader.log(), block.last_seq())?;
        Ok(Self::of_block(&block, &portfolio, tree))
    }

    /// The head of a log without records.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self {
            log: LogHead::EMPTY,
            state: Portfolio::default().state_hash(Seq(0)),
            tree_root: TreeBuilder::default().root(),
            recorded_at: None,
        }
    }

    pub(crate) fn of_block(block: &Block, portfolio: &Portfolio, tree: TreeHead) -> Self {
        Self {
            log: LogHead {
                last_seq: block.last_seq(),
                chain: block.chain(),
            },
            state: portfolio.state_hash(Seq(block.last_seq())),
            tree_root: tree.root,
            recorded_at: Some(Timestamp(block.recorded_at_ms())),
        }
    }

    /// Size and root of the tree.
    #[must_use]
    pub fn tree(&self) -> TreeHead {
        TreeHead {
            size: self.log.last_seq,
            root: self.tree_root,
        }
    }

    /// Says what a log has otherwise, whose head at this place is `found`.
    pub(crate) fn compare(&self, found: &Self) -> Result<(), HeadError> {
        let difference = if self.log.last_seq != found.log.last_seq {
            Difference::BlockEnd
        } else if self.log.chain != found.log.chain {
            Difference::Chain
        } else if self.tree_root != found.tree_root {
            Difference::Tree
        } else if self.recorded_at != found.recorded_at {
            Difference::RecordedAt
        } else if self.state != found.state {
            Difference::State
        } else {
            return Ok(());
        };
        Err(self.differs(difference))
    }

    /// Checks the block that holds the record of the head, without what was before it.
    pub(crate) fn check_end(&self, block: Option<&Block>) -> Result<(), HeadError> {
        let (last_seq, chain, recorded_at) = match block {
            Some(block) => {
                let recorded_at = Timestamp(block.recorded_at_ms());
                (block.last_seq(), block.chain(), Some(recorded_at))
            }
            None => (0, ChainHash::EMPTY, None),
        };
        self.compare(&Self {
            log: LogHead { last_seq, chain },
            recorded_at,
            ..*self
        })
    }

    pub(crate) fn differs(&self, difference: Difference) -> HeadError {
        HeadError::Differs {
            sequence: self.log.last_seq,
            difference,
        }
    }
}
