//! The deciding half of the writer: the state, and the records deciding may have to look back at.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Batch, Records, decide_prepared};
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
/// of which follow soon after what they are about: to read one back takes four microseconds, and much of the
/// processor's cache. Some fifteen megabytes of plain postings; a dozen times that where all have long annotations.
const RECENT_RECORDS: usize = 32_768;

/// Rooms for the records of a batch are made for a multiple of so many.
const ROOM_RECORDS: usize = 1_024;

/// Rooms that are kept for the next batches, at most.
const ROOMS_MAX: usize = 4;

/// How many times the room that its records take a kept batch may have.
const SPARE_ROOM_MAX: usize = 4;

/// Decides batches on a state, reading records back where a command looks at earlier ones.
///
/// In steady state nothing is allocated for a single request: what a batch needs is used again for a
/// later one.
pub struct Deciding {
    state: LedgerState,
    prepared: Prepared,
    recent: Recent,
    log: Arc<dyn LogReader>,
}

impl Deciding {
    /// Goes on from a state that is the fold of the log.
    #[must_use]
    pub fn new(state: LedgerState, log: Arc<dyn LogReader>) -> Self {
        Self {
            state,
            prepared: Prepared::default(),
            recent: Recent::keeping(RECENT_RECORDS),
            log,
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

    /// An empty batch with room for what so many requests become. Records up to `durable` are in the log, so
    /// the memory of those may be used again.
    pub fn begin(&mut self, durable: Seq, requests: usize) -> Batch {
        // At once: memory that grows is memory taken from the system, and cleared by it, again and again.
        let mut records = self.recent.room(durable);
        if records.capacity() < requests {
            // Batches differ in length, so the next can do with it too.
            records = Vec::with_capacity(requests.next_multiple_of(ROOM_RECORDS));
        }
        Batch {
            records: Records::over(records),
            keys: Vec::with_capacity(requests),
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
        batch.answers.reserve_exact(requests.len());
        let mut requests = requests.into_iter();
        while requests.len() > 0 {
            let go = requests.len().min(GO_REQUESTS_MAX);
            let decided = &mut requests.as_mut_slice()[..go];
            self.state.prepare(decided, &mut self.prepared);
            let recalled = self.recall(&batch.records)?;
            decide_prepared(
                &mut self.state,
                decided,
                &self.prepared,
                now,
                &recalled,
                batch,
            );
            // What is left of them goes while it is in the cache.
            drop(requests.nth(go - 1));
        }
        Ok(())
    }

    /// Ends a batch: shares its records, and keeps them until the log has them and longer.
    pub fn end(&mut self, records: Records) -> Arc<Vec<Record>> {
        self.recent.keep(records.into_vec())
    }

    /// Reads back what the prepared requests may need of the records before this batch.
    fn recall(&self, batch: &[Record]) -> Result<Recalled, StoreError> {
        let list = self.prepared.recall_list();
        let before = batch.first().map_or(list.len(), |first| {
            list.partition_point(|seq| *seq < first.seq)
        });
        let mut block = None;
        let records = list[..before].iter().map(|seq| {
            let recent = self.recent.record(*seq).cloned();
            recent
                .map_or_else(|| self.read(*seq, &mut block), Ok)
                .map(Arc::new)
        });
        Ok(Recalled::new(records.collect::<Result<Vec<_>, _>>()?))
    }

    /// Reads a record from the log. Records are asked for in order, so the last block may do again.
    fn read(&self, seq: Seq, last: &mut Option<Block>) -> Result<Record, StoreError> {
        let missing = || StoreError::Damaged {
            place: format!("record {}", seq.0),
            what: "is not in the log any more".to_owned(),
        };
        let block = match last.take() {
            Some(block) if block.record(seq.0).is_some() => block,
            Some(_) | None => self.log.block_with(seq.0)?.ok_or_else(missing)?,
        };
        codec::decode(last.insert(block), seq.0)?.ok_or_else(missing)
    }
}

/// The batches decided last, oldest first: all that may not be durable yet, since the log does not have
/// them, and some more, to spare reading the log.
#[derive(Debug)]
struct Recent {
    /// How many records are kept, at least.
    records_min: usize,
    batches: VecDeque<Arc<Vec<Record>>>,
    records: usize,
    /// Those of batches that were let go of, records included, which later ones change places with, or were too sparse
    /// to keep theirs; the largest last.
    rooms: Vec<Vec<Record>>,
}

impl Recent {
    fn keeping(records_min: usize) -> Self {
        Self {
            records_min,
            batches: VecDeque::new(),
            records: 0,
            rooms: Vec::new(),
        }
    }

    /// The largest room there is, once the batches that nobody needs any more are let go of.
    fn room(&mut self, durable: Seq) -> Vec<Record> {
        while let Some(oldest) = self.batches.front()
            && oldest.last().is_none_or(|record| record.seq <= durable)
            && self.records - oldest.len() >= self.records_min
        {
            self.records -= oldest.len();
            // Another thread may just be letting go of it; then it is freed there.
            if let Some(records) = self.batches.pop_front().and_then(Arc::into_inner) {
                self.keep_room(records);
            }
        }
        self.rooms.pop().unwrap_or_default()
    }

    fn keep_room(&mut self, records: Vec<Record>) {
        self.rooms.push(records);
        self.rooms.sort_by_key(Vec::capacity);
        let surplus = self.rooms.len().saturating_sub(ROOMS_MAX);
        self.rooms.drain(..surplus);
    }

    fn keep(&mut self, mut records: Vec<Record>) -> Arc<Vec<Record>> {
        // Of a batch whose commands mostly come again, few records are kept, and not the room for all.
        if records.capacity() > SPARE_ROOM_MAX * records.len() {
            let mut few = Vec::with_capacity(records.len());
            few.append(&mut records);
            self.keep_room(mem::replace(&mut records, few));
        }
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
    use ledger_core::command::AdvanceBusinessDate;
    use ledger_core::event::{Event, EventBody};
    use ledger_core::ids::{CorrelationId, IssuerIndex};
    use ledger_core::time::BusinessDate;

    use super::*;

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
        const KEPT: usize = 4_096;
        let mut recent = Recent::keeping(KEPT);
        let mut next = 1_u64;
        for (batches, records) in [(8_000, 1), (40, 4_096), (8_000, 1)] {
            for _ in 0..batches {
                // All but the last batch are durable, and each has room for many.
                let mut room = recent.room(Seq(next.saturating_sub(records + 1)));
                room.clear();
                room.reserve(8_192);
                room.extend(batch(next, records));
                drop(recent.keep(room));
                next += records;
                assert!(recent.rooms.len() <= ROOMS_MAX);
                let kept: usize = recent.batches.iter().map(|batch| batch.len()).sum();
                assert_eq!(kept, recent.records);
                let room: usize = recent.batches.iter().map(|batch| batch.capacity()).sum();
                assert!(room <= SPARE_ROOM_MAX * kept, "{room} for {kept} records");
                assert!(kept <= KEPT + 3 * 4_096, "{kept} records are kept");
                assert_eq!(
                    recent.record(Seq(next - 1)).map(|r| r.seq),
                    Some(Seq(next - 1))
                );
            }
        }
        let oldest = Seq(next - KEPT as u64);
        assert_eq!(recent.record(oldest).map(|record| record.seq), Some(oldest));
        assert_eq!(recent.record(Seq(next)), None);
    }
}
