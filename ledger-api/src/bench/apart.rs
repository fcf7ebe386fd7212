//! Deciding alone and appending alone: the two halves of the engine, one after the other on one
//! thread, on the same operations.
//!
//! *Deciding* is what the decider does with a batch: find what it may have to look at, decide, apply;
//! in memory, without a log and without the readers' books. Reading records back, for reversals and
//! repetitions, is timed apart from it. *Appending* is what the appender does with the records that
//! came of it: encode, frame into blocks, append, sync. What is left out of both is the handing over
//! between threads, the readers' books and the answers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_core::command::Request;
use ledger_core::decide::{Answer, decide};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::state::{LedgerState, Recalled};
use ledger_store::writer::BATCH_REQUESTS_MAX;
use ledger_store::{EventLog, Framer, LogReader, StoreError, codec};
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::totals::Totals;
use super::workload::{Lane, Workload};
use super::{BenchError, ROUND_REQUESTS_MAX, check};
use crate::clock;

/// Batches that the engine appends with one sync, when as many clients as by default keep it busy; 1.07 were
/// counted.
const GROUP_BATCHES: usize = 1;

/// What the halves took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// Operations accepted.
    pub accepted: u64,
    /// Deciding, without reading records back.
    pub decide_nanos: u64,
    /// Records read back.
    pub recalled: u64,
    /// Reading them back.
    pub recall_nanos: u64,
    /// Encoding and framing.
    pub frame_nanos: u64,
    /// Appending and syncing.
    pub append_nanos: u64,
    /// Length of all blocks.
    pub block_bytes: u64,
    /// What the books come to.
    pub totals: Totals,
}

/// Runs the halves in an empty directory; `progress` is told how many operations are done.
///
/// # Errors
/// [`BenchError`], also when the result is not what the workload predicts.
pub fn run(plan: Plan, dir: &Path, progress: &dyn Fn(u64)) -> Result<Apart, BenchError> {
    let workload = Workload::new(plan);
    let mut prediction = workload.prediction();
    let log = plan.store.open_log(dir)?;
    let mut halves = Halves {
        state: LedgerState::default(),
        reader: log.reader(),
        framer: Framer::continuing(log.head().chain),
        log,
        round: Vec::new(),
        took: Took::default(),
    };
    for requests in workload.scene() {
        halves.decide(requests)?;
        halves.append()?;
    }
    halves.took = Took::default();

    let batch = batch_of(plan);
    let mut lanes = workload.lanes();
    let mut done = 0;
    while done < plan.operations {
        for requests in round(&mut lanes, plan, batch, &mut prediction) {
            done += requests.len() as u64;
            halves.decide(requests)?;
        }
        halves.append()?;
        progress(done);
    }

    let took = halves.took;
    let totals = Totals::of(halves.state.portfolio());
    halves.log.close()?;
    check(
        "the number of operations accepted",
        took.accepted,
        prediction.accepted,
    )?;
    check(
        "the number of operations answered again",
        took.repeated,
        prediction.repeated,
    )?;
    check(
        "the state after deciding",
        totals,
        Totals::predicted(&prediction),
    )?;
    Ok(Apart {
        accepted: took.accepted,
        decide_nanos: nanos(took.decide),
        recalled: took.recalled,
        recall_nanos: nanos(took.recall),
        frame_nanos: nanos(took.frame),
        append_nanos: nanos(took.append),
        block_bytes: took.block_bytes,
        totals,
    })
}

/// Operations that the engine decides at a time: whatever the clients have handed in, up to its limit.
fn batch_of(plan: Plan) -> usize {
    let clients = usize::try_from(plan.clients).unwrap_or(usize::MAX);
    let submissions = BATCH_REQUESTS_MAX.div_ceil(plan.batch);
    plan.batch * submissions.min(clients)
}

/// Batches of one round, lane after lane, as clients that take turns would hand them in.
fn round(
    lanes: &mut [Lane],
    plan: Plan,
    batch: usize,
    prediction: &mut super::workload::Prediction,
) -> Vec<Vec<Request>> {
    let mut batches = Vec::new();
    let mut requests = Vec::with_capacity(batch);
    let mut made = 0;
    while made < ROUND_REQUESTS_MAX && lanes.iter().any(|lane| lane.left() > 0) {
        for lane in &mut *lanes {
            let submission = lane.next(plan.batch, prediction);
            made += submission.len() as u64;
            requests.extend(submission);
            if requests.len() >= batch {
                batches.push(std::mem::replace(&mut requests, Vec::with_capacity(batch)));
            }
        }
    }
    if !requests.is_empty() {
        batches.push(requests);
    }
    batches
}

struct Halves {
    state: LedgerState,
    reader: Arc<dyn LogReader>,
    log: Box<dyn EventLog>,
    framer: Framer,
    /// Batches that are decided and not appended yet, in order.
    round: Vec<Vec<Record>>,
    took: Took,
}

#[derive(Default, Clone, Copy)]
struct Took {
    accepted: u64,
    repeated: u64,
    recalled: u64,
    block_bytes: u64,
    decide: Duration,
    recall: Duration,
    frame: Duration,
    append: Duration,
}

impl Halves {
    fn decide(&mut self, requests: Vec<Request>) -> Result<(), BenchError> {
        let started = Instant::now();
        let list = self.state.recall_list(&requests);
        self.took.decide += started.elapsed();

        let started = Instant::now();
        self.took.recalled += list.len() as u64;
        let recalled: Result<Vec<_>, _> = list.into_iter().map(|seq| self.record(seq)).collect();
        let recalled = Recalled::new(recalled?);
        self.took.recall += started.elapsed();

        let now = clock::now();
        let started = Instant::now();
        let batch = decide(&mut self.state, requests, now, &recalled);
        self.took.decide += started.elapsed();

        let is_first = |answer: &&Answer| answer.outcome.is_ok() && !answer.replayed;
        self.took.accepted += batch.answers.iter().filter(is_first).count() as u64;
        self.took.repeated += batch.answers.iter().filter(|a| a.replayed).count() as u64;
        // Without an empty one among them, the batches can be searched by their first record.
        if !batch.records.is_empty() {
            self.round.push(batch.records);
        }
        Ok(())
    }

    fn record(&self, seq: Seq) -> Result<Arc<Record>, StoreError> {
        let after = self.round.partition_point(|batch| batch[0].seq <= seq);
        let decided = after
            .checked_sub(1)
            .and_then(|batch| self.round[batch].iter().find(|record| record.seq == seq));
        if let Some(record) = decided {
            return Ok(Arc::new(record.clone()));
        }
        let missing = || StoreError::Damaged {
            place: format!("record {}", seq.0),
            what: "is not in the log".to_owned(),
        };
        let block = self.reader.block_with(seq.0)?.ok_or_else(missing)?;
        codec::decode(&block, seq.0)?
            .map(Arc::new)
            .ok_or_else(missing)
    }

    fn append(&mut self) -> Result<(), BenchError> {
        let round = std::mem::take(&mut self.round);
        for group in round.chunks(GROUP_BATCHES) {
            let started = Instant::now();
            let mut blocks = Vec::new();
            for records in group {
                self.framer.frame(records, &mut blocks)?;
            }
            self.took.frame += started.elapsed();
            self.took.block_bytes += blocks.iter().map(|b| b.bytes().len() as u64).sum::<u64>();

            let started = Instant::now();
            if !blocks.is_empty() {
                self.log.append(&blocks)?;
            }
            self.took.append += started.elapsed();
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
