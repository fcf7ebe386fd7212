//! The deciding half of the writer: the state, and the records deciding may have to look back at.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Batch, decide_prepared};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::state::{LedgerState, Prepared, Recalled, RetainedKeys};
use ledger_core::time::Timestamp;

use crate::block::Block;
use crate::codec;
use crate::error::StoreError;
use crate::event_log::LogReader;

/// Requests decided in one go: what they touch fits the second-level cache of a processor.
pub const GO_REQUESTS_MAX: usize = 256;

/// Records kept as they were decided, at least, for commands that come again and for reversals, most
/// of which follow soon after what they are about.
const RECENT_RECORDS: usize = 16_384;

/// Blocks kept as they were read back. At 96 KiB a block at most, six megabytes; usually two.
const BLOCKS_KEPT: usize = 64;

/// Decides batches on a state, reading records back where a command looks at earlier ones.
///
/// In steady state nothing is allocated for a single request: what a batch needs is used again for a
/// later one.
pub struct Deciding {
    state: LedgerState,
    prepared: Prepared,
    recent: Recent,
    earlier: Earlier,
}

impl Deciding {
    /// Goes on from a state that is the fold of the log.
    #[must_use]
    pub fn new(state: LedgerState, log: Arc<dyn LogReader>) -> Self {
        Self {
            state,
            prepared: Prepared::default(),
            recent: Recent::default(),
            earlier: Earlier::of(log),
        }
    }

    /// The state after everything decided.
    #[must_use]
    pub fn state(&self) -> &LedgerState {
        &self.state
    }

    /// Memory held for correlation ids and triplets.
    #[must_use]
    pub fn retained_bytes(&self) -> RetainedKeys {
        self.state.retained_bytes()
    }

    /// An empty batch. Records up to `durable` are in the log, so the memory of those may be used again.
    pub fn begin(&mut self, durable: Seq) -> Batch {
        Batch {
            records: self.recent.spare_room(durable),
            ..Batch::default()
        }
    }

    /// Decides requests in order and adds their records and answers to the batch.
    ///
    /// # Errors
    /// When the log cannot be read back. The state is then ahead of the batch, so nothing may be
    /// decided or appended any more.
    pub fn decide(
        &mut self,
        requests: Vec<Request>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        // At once: memory that grows is memory taken from the system, and cleared by it, again and again.
        batch.answers.reserve_exact(requests.len());
        batch.keys.reserve(requests.len());
        batch.records.reserve(requests.len());
        let mut requests = requests.into_iter();
        while requests.len() > 0 {
            let go = requests.len().min(GO_REQUESTS_MAX);
            self.state
                .prepare(&requests.as_slice()[..go], &mut self.prepared);
            let recalled = self.recall(&batch.records)?;
            decide_prepared(
                &mut self.state,
                &mut requests,
                &self.prepared,
                now,
                &recalled,
                batch,
            );
        }
        Ok(())
    }

    /// Ends a batch: shares its records, and keeps them until the log has them and longer.
    pub fn end(&mut self, records: Vec<Record>) -> Arc<Vec<Record>> {
        self.recent.keep(records)
    }

    /// Reads back what the prepared requests may need of the records before this batch.
    fn recall(&mut self, batch: &[Record]) -> Result<Recalled, StoreError> {
        let Self {
            prepared,
            recent,
            earlier,
            ..
        } = self;
        let list = prepared.recall_list();
        let before = batch.first().map_or(list.len(), |first| {
            list.partition_point(|seq| *seq < first.seq)
        });
        let records = list[..before].iter().map(|seq| {
            let recent = recent.record(*seq).cloned();
            recent
                .map_or_else(|| earlier.record(*seq), Ok)
                .map(Arc::new)
        });
        Ok(Recalled::new(records.collect::<Result<Vec<_>, _>>()?))
    }
}

/// The log, and the blocks read from it last: what is sent again or reversed, all is of about the same time.
struct Earlier {
    log: Arc<dyn LogReader>,
    /// In the order they were read, each beside the places of its first record and its last, so that looking for
    /// one touches none of the others.
    blocks: VecDeque<(RangeInclusive<u64>, Block)>,
}

impl Earlier {
    fn of(log: Arc<dyn LogReader>) -> Self {
        Self {
            log,
            blocks: VecDeque::with_capacity(BLOCKS_KEPT),
        }
    }

    fn record(&mut self, seq: Seq) -> Result<Record, StoreError> {
        let missing = || StoreError::Damaged {
            place: format!("record {}", seq.0),
            what: "is not in the log any more".to_owned(),
        };
        let kept = self.blocks.iter().find(|(seqs, _)| seqs.contains(&seq.0));
        let block = match kept {
            Some((_, block)) => block.clone(),
            None => self.read(seq)?.ok_or_else(missing)?,
        };
        codec::decode(&block, seq.0)?.ok_or_else(missing)
    }

    fn read(&mut self, seq: Seq) -> Result<Option<Block>, StoreError> {
        let read = self.log.block_with(seq.0)?;
        if let Some(block) = &read {
            if self.blocks.len() == BLOCKS_KEPT {
                self.blocks.pop_front();
            }
            let seqs = block.first_seq()..=block.last_seq();
            self.blocks.push_back((seqs, block.clone()));
        }
        Ok(read)
    }
}

/// The batches decided last, oldest first: all that may not be durable yet, since the log does not have
/// them, and some more, to spare reading the log.
#[derive(Debug, Default)]
struct Recent {
    batches: VecDeque<Arc<Vec<Record>>>,
    records: usize,
}

impl Recent {
    /// An empty vector. Lets go of the batches that are not needed any more, and uses the room of the
    /// largest again.
    fn spare_room(&mut self, durable: Seq) -> Vec<Record> {
        let mut spare = Vec::new();
        while let Some(oldest) = self.batches.front()
            && oldest.last().is_none_or(|record| record.seq <= durable)
            && self.records - oldest.len() >= RECENT_RECORDS
        {
            self.records -= oldest.len();
            // Another thread may just be letting go of it; then it is freed there.
            let records = self.batches.pop_front().and_then(Arc::into_inner);
            let records = records.unwrap_or_default();
            if records.capacity() > spare.capacity() {
                spare = records;
            }
        }
        spare.clear();
        spare
    }

    fn keep(&mut self, records: Vec<Record>) -> Arc<Vec<Record>> {
        let records = Arc::new(records);
        if !records.is_empty() {
            self.records += records.len();
            self.batches.push_back(Arc::clone(&records));
        }
        records
    }

    fn record(&self, seq: Seq) -> Option<&Record> {
        let after = self.batches.partition_point(|batch| batch[0].seq <= seq);
        let batch = self.batches.get(after.checked_sub(1)?)?;
        batch.get(usize::try_from(seq.0 - batch[0].seq.0).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ledger_core::command::AdvanceBusinessDate;
    use ledger_core::event::{Event, EventBody};
    use ledger_core::ids::{CorrelationId, IssuerIndex};
    use ledger_core::time::BusinessDate;

    use super::*;
    use crate::block::{BLOCK_RECORDS_MAX, ChainHash};
    use crate::framing::Framer;

    fn batch(first: u64, count: u64) -> Vec<Record> {
        let record = |seq| Record {
            seq: Seq(seq),
            recorded_at: Timestamp(0),
            event: Event {
                issuer: IssuerIndex(0),
                correlation: CorrelationId([0; 16]),
                body: EventBody::BusinessDateAdvanced(AdvanceBusinessDate {
                    business_date: BusinessDate(0),
                }),
                annotations: None,
            },
        };
        (first..first + count).map(record).collect()
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_the_batches() {
        let mut recent = Recent::default();
        let mut next = 1_u64;
        for (batches, records) in [(20_000, 1), (40, 4_096), (2_000, 1)] {
            for _ in 0..batches {
                // All but the last batch are durable.
                drop(recent.spare_room(Seq(next.saturating_sub(records + 1))));
                drop(recent.keep(batch(next, records)));
                next += records;
                let kept: usize = recent.batches.iter().map(|batch| batch.len()).sum();
                assert_eq!(kept, recent.records);
                assert!(
                    kept <= RECENT_RECORDS + 3 * 4_096,
                    "{kept} records are kept"
                );
                assert_eq!(
                    recent.record(Seq(next - 1)).map(|r| r.seq),
                    Some(Seq(next - 1))
                );
            }
        }
        let oldest = Seq(next - RECENT_RECORDS as u64);
        assert_eq!(recent.record(oldest).map(|record| record.seq), Some(oldest));
        assert_eq!(recent.record(Seq(next)), None);
    }

    /// A log that counts how often it is asked.
    struct Counted {
        blocks: Vec<Block>,
        asked: AtomicUsize,
    }

    impl LogReader for Counted {
        fn block_with(&self, seq: u64) -> Result<Option<Block>, StoreError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let mut blocks = self.blocks.iter();
            Ok(blocks.find(|block| block.record(seq).is_some()).cloned())
        }
    }

    #[test]
    fn a_block_is_read_once_while_it_is_kept_and_few_are_kept() {
        const BLOCKS: usize = 3 * BLOCKS_KEPT;
        let mut blocks = Vec::new();
        let records = (BLOCKS * BLOCK_RECORDS_MAX) as u64;
        let mut framer = Framer::continuing(ChainHash::EMPTY);
        framer.frame(&batch(1, records), &mut blocks).unwrap();
        assert_eq!(blocks.len(), BLOCKS);
        let asked = AtomicUsize::new(0);
        let log = Arc::new(Counted { blocks, asked });
        let mut earlier = Earlier::of(Arc::clone(&log) as Arc<dyn LogReader>);
        let of_block = |block: usize| (1 + block * BLOCK_RECORDS_MAX) as u64;

        // From the last block to the first, in each the last record and then the first.
        for block in (0..BLOCKS).rev() {
            for seq in [of_block(block + 1) - 1, of_block(block)] {
                assert_eq!(earlier.record(Seq(seq)).unwrap().seq, Seq(seq));
            }
            assert!(earlier.blocks.len() <= BLOCKS_KEPT);
        }
        assert_eq!(log.asked.load(Ordering::Relaxed), BLOCKS);
        // The last block was let go of, and is read again.
        earlier.record(Seq(records)).unwrap();
        assert_eq!(log.asked.load(Ordering::Relaxed), BLOCKS + 1);
        let missing = earlier.record(Seq(records + 1));
        assert_eq!(missing.unwrap_err().code(), "STORE_DAMAGED");
    }
}
