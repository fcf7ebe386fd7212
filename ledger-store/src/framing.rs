//! From records to blocks: what the appender does with a batch before the log gets it.

use ledger_core::event::Record;

use crate::block::{Block, BlockBuilder, ChainHash};
use crate::codec;
use crate::error::StoreError;

/// Frames the records of one log, in order.
#[derive(Debug)]
pub struct Framer {
    chain: ChainHash,
    buffer: Vec<u8>,
}

impl Framer {
    /// Goes on behind the block with this hash.
    #[must_use]
    pub fn continuing(chain: ChainHash) -> Self {
        Self {
            chain,
            buffer: Vec::new(),
        }
    }

    /// Hash of the last block.
    #[must_use]
    pub fn chain(&self) -> ChainHash {
        self.chain
    }

    /// Frames one batch and adds its blocks. A batch is recorded at one time, and so are the records of
    /// a block.
    ///
    /// # Errors
    /// [`StoreError::RecordTooLarge`] when no block could hold one of them.
    pub fn frame(&mut self, records: &[Record], blocks: &mut Vec<Block>) -> Result<(), StoreError> {
        let mut builder: Option<BlockBuilder> = None;
        for record in records {
            codec::encode(&record.event, &mut self.buffer);
            let length = self.buffer.len();
            if let Some(full) = builder.take_if(|builder| !builder.fits(length)) {
                blocks.push(self.chained(full));
            }
            builder
                .get_or_insert_with(|| BlockBuilder::new(record.seq.0, record.recorded_at.0))
                .push(&self.buffer)?;
        }
        if let Some(last) = builder {
            blocks.push(self.chained(last));
        }
        Ok(())
    }

    fn chained(&mut self, builder: BlockBuilder) -> Block {
        let block = builder.seal(self.chain);
        self.chain = block.chain();
        block
    }
}
