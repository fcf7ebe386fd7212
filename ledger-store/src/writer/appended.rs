//! What was appended, counted for those who run the ledger.

use std::time::Duration;

use crate::block::Block;
use crate::epoch::Volume;

/// What became durable since the ledger was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// How often the log was appended to, each time with a sync.
    pub appends: u64,
    /// The records of all of them; divided by `appends`, the size of a batch.
    pub records: u64,
    /// The bytes of their blocks, as the store was given them.
    pub bytes: u64,
    /// How long all of them took, with their syncs.
    pub took: Duration,
}

impl Appended {
    /// Counts one append.
    pub(super) fn count(&mut self, blocks: &[Block], took: Duration) {
        self.appends += 1;
        self.records += blocks.iter().map(|b| u64::from(b.count())).sum::<u64>();
        self.bytes += Volume::of(blocks).block_bytes;
        self.took += took;
    }
}
