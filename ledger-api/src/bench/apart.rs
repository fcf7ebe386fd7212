//! Deciding alone and appending alone: the two halves of the engine, in turns on one thread, on the
//! same operations, each timed by itself.
//!
//! *Deciding* is what the engine's decider does with a batch: look up its keys, read back what it is
//! about, decide, apply. *Appending* is what the appender does with the records that came of it:
//! encode, frame into blocks, append, sync. What is left out of both is the handing over between
//! threads, the readers' books and what the appender notes for them, the checkpoint and the answers.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::ids::Seq;
use ledger_core::state::LedgerState;
use ledger_store::EventLog;
use ledger_store::deciding::Deciding;
use ledger_store::framing::Framer;
use ledger_store::writer::BATCH_REQUESTS_MAX;
use serde::{Deserialize, Serialize};

use super::plan::{Plan, open_log};
use super::totals::Totals;
use super::workload::{Lane, Workload};
use super::{BenchError, ROUND_REQUESTS_MAX, check};
use crate::clock;

/// What the halves took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// Operations accepted.
    pub accepted: u64,
    /// Deciding.
    pub decide_nanos: u64,
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
    let log = open_log(plan.store, dir)?;
    let mut halves = Halves {
        deciding: Deciding::new(LedgerState::default(), log.reader()),
        framer: Framer::continuing(log.head().chain),
        log,
        took: Took::default(),
    };
    for requests in workload.scene() {
        halves.run(requests)?;
    }
    halves.took = Took::default();

    let batch = batch_of(plan);
    let mut lanes = workload.lanes();
    let mut done = 0;
    while done < plan.operations {
        for requests in round(&mut lanes, plan, batch, &mut prediction) {
            done += requests.len() as u64;
            halves.run(requests)?;
        }
        progress(done);
    }

    let took = halves.took;
    let totals = Totals::of(halves.deciding.state().portfolio());
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
    deciding: Deciding,
    framer: Framer,
    log: Box<dyn EventLog>,
    took: Took,
}

#[derive(Default, Clone, Copy)]
struct Took {
    accepted: u64,
    repeated: u64,
    block_bytes: u64,
    decide: Duration,
    frame: Duration,
    append: Duration,
}

impl Halves {
    /// One batch through both halves, each timed by itself.
    fn run(&mut self, requests: Vec<Request>) -> Result<(), BenchError> {
        let now = clock::now();
        let durable = Seq(self.log.head().last_seq);
        let started = Instant::now();
        let mut batch = self.deciding.begin(durable, requests.len());
        self.deciding.decide(requests, now, &mut batch)?;
        let records = self.deciding.end(batch.records);
        self.took.decide += started.elapsed();

        let is_first = |answer: &&Answer| answer.outcome.is_ok() && !answer.replayed;
        self.took.accepted += batch.answers.iter().filter(is_first).count() as u64;
        self.took.repeated += batch.answers.iter().filter(|a| a.replayed).count() as u64;

        let started = Instant::now();
        let mut blocks = Vec::new();
        self.framer.frame(&records, &mut blocks)?;
        self.took.frame += started.elapsed();
        self.took.block_bytes += blocks.iter().map(|b| b.bytes().len() as u64).sum::<u64>();

        let started = Instant::now();
        if !blocks.is_empty() {
            self.log.append(&blocks)?;
        }
        self.took.append += started.elapsed();
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
