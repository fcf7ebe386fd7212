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
    /// Length of the records of the last batch, on average, and a little more.
    record_bytes: usize,
}

impl Framer {
    /// Goes on behind the block with this hash.
    #[must_use]
    pub fn continuing(chain: ChainHash) -> Self {
        Self {
            chain,
            buffer: Vec::new(),
            record_bytes: 0,
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
        self.frame_each(records, blocks, |_| ())
    }

    /// As [`Self::frame`]; `seen` is shown each record while it is at hand.
    pub(crate) fn frame_each(
        &mut self,
        records: &[Record],
        blocks: &mut Vec<Block>,
        mut seen: impl FnMut(&Record),
    ) -> Result<(), StoreError> {
        let Self {
            chain,
            buffer,
            record_bytes,
        } = self;
        let mut builder: Option<BlockBuilder> = None;
        let mut encoded = 0;
        for (place, record) in records.iter().enumerate() {
            let payload = codec::encode(&record.event, buffer);
            let length = payload.len();
            if let Some(full) = builder.take_if(|builder| !builder.fits(length)) {
                blocks.push(chained(chain, full));
            }
            let empty = || {
                BlockBuilder::new(record.seq.0, record.recorded_at.0)
                    .with_room(records.len() - place, *record_bytes)
            };
            builder.get_or_insert_with(empty).push(payload)?;
            encoded += length;
            seen(record);
        }
        if let Some(mean) = encoded.checked_div(records.len()) {
            *record_bytes = mean + mean / 8;
        }
        if let Some(last) = builder {
            blocks.push(chained(chain, last));
        }
        Ok(())
    }
}

fn chained(chain: &mut ChainHash, builder: BlockBuilder) -> Block {
    let block = builder.seal(*chain);
    *chain = block.chain();
    block
}
