//! The whole engine: clients hand in batches, and each waits for answers that are durable.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use serde::{Deserialize, Serialize};

use super::latency::{Latencies, Quantiles};
use super::plan::{Plan, open_ledger};
use super::totals::Totals;
use super::workload::{Lane, Prediction, Workload};
use super::{BenchError, ROUND_REQUESTS_MAX, check, cpu_time, footprint, thread_cpu_time};
use crate::error::ApiError;
use crate::ledger::Ledger;

/// What posting took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// Operations accepted.
    pub accepted: u64,
    /// Operations answered again, since they were sent again.
    pub repeated: u64,
    /// From the first submission of each round to its last answer.
    pub nanos: u64,
    /// Processor time of the whole process, clients included, less that of making the requests.
    pub cpu_nanos: u64,
    /// From the submission of a batch to its answers.
    pub latency: Quantiles,
    /// Set aside on disk for the whole data directory, accounts included.
    pub disk_bytes: u64,
    /// What the books come to.
    pub totals: Totals,
}

/// Posts the plan's operations into a new ledger in an empty directory, and gives the ledger with what
/// that took: whoever wants to see it recover from a crash ends the process without dropping it.
/// `progress` is told how many operations are done.
///
/// # Errors
/// [`BenchError`], also when the result is not what the workload predicts.
pub fn run(
    plan: Plan,
    dir: &Path,
    progress: &dyn Fn(u64),
) -> Result<(Ledger, Together), BenchError> {
    let workload = Workload::new(plan);
    let mut prediction = workload.prediction();
    let ledger = open_ledger(plan.store, dir)?;
    for requests in workload.scene() {
        let answers = ledger.submit_many(requests)?;
        let opened = answers.iter().all(|answer| answer.outcome.is_ok());
        check("that every account was opened", opened, true)?;
    }

    let mut lanes = workload.lanes();
    let mut took = Took::default();
    let mut done = 0;
    let started = cpu_time();
    let mut making = Duration::ZERO;
    while done < plan.operations {
        let before = thread_cpu_time();
        let rounds = round(&mut lanes, plan, &mut prediction);
        making += thread_cpu_time().saturating_sub(before);
        done += requests_in(&rounds);
        took.post(&ledger, rounds)?;
        progress(done);
    }
    // What other threads do while requests are made counts too: an engine that puts work off until then
    // does not have it for nothing.
    let cpu = cpu_time().saturating_sub(started).saturating_sub(making);

    let totals = Totals::of(ledger.reader().books().portfolio());
    let Tally {
        accepted,
        repeated,
        latencies,
    } = took.tally;
    check(
        "the number of operations accepted",
        accepted,
        prediction.accepted,
    )?;
    check(
        "the number of operations answered again",
        repeated,
        prediction.repeated,
    )?;
    check(
        "what readers see after posting",
        totals,
        Totals::predicted(&prediction),
    )?;
    let together = Together {
        accepted,
        repeated,
        nanos: nanos(took.wall),
        cpu_nanos: nanos(cpu),
        latency: latencies.quantiles(),
        disk_bytes: footprint::disk_bytes(dir)?,
        totals,
    };
    Ok((ledger, together))
}

/// What each client will hand in during a round.
fn round(lanes: &mut [Lane], plan: Plan, prediction: &mut Prediction) -> Vec<Vec<Vec<Request>>> {
    let batch = plan.batch as u64;
    let batches = (ROUND_REQUESTS_MAX / lanes.len() as u64 / batch).max(1);
    lanes
        .iter_mut()
        .map(|lane| {
            let batches = batches.min(lane.left().div_ceil(batch));
            (0..batches)
                .map(|_| lane.next(plan.batch, prediction))
                .collect()
        })
        .collect()
}

fn requests_in(rounds: &[Vec<Vec<Request>>]) -> u64 {
    rounds
        .iter()
        .flatten()
        .map(|batch| batch.len() as u64)
        .sum()
}

#[derive(Default)]
struct Took {
    wall: Duration,
    tally: Tally,
}

/// What one client saw.
#[derive(Default)]
struct Tally {
    accepted: u64,
    repeated: u64,
    latencies: Latencies,
}

impl Took {
    /// One round: every client on a thread of its own.
    fn post(&mut self, ledger: &Ledger, rounds: Vec<Vec<Vec<Request>>>) -> Result<(), BenchError> {
        let wall = Instant::now();
        let tallies: Vec<Result<Tally, ApiError>> = std::thread::scope(|scope| {
            let clients: Vec<_> = rounds
                .into_iter()
                .map(|batches| scope.spawn(|| Tally::of(ledger, batches)))
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("a client does not panic"))
                .collect()
        });
        self.wall += wall.elapsed();
        for tally in tallies {
            let tally = tally?;
            self.tally.accepted += tally.accepted;
            self.tally.repeated += tally.repeated;
            self.tally.latencies.add_all(&tally.latencies);
        }
        Ok(())
    }
}

impl Tally {
    fn of(ledger: &Ledger, batches: Vec<Vec<Request>>) -> Result<Self, ApiError> {
        let mut tally = Self::default();
        for requests in batches {
            let handed_in = Instant::now();
            let answers = ledger.ticket_when_free(requests)?.wait()?;
            tally.latencies.add(handed_in.elapsed());
            answers.iter().for_each(|answer| tally.count(answer));
        }
        Ok(tally)
    }

    fn count(&mut self, answer: &Answer) {
        match answer {
            Answer { replayed: true, .. } => self.repeated += 1,
            Answer {
                outcome: Ok(accepted),
                ..
            } => self.accepted += u64::from(accepted.operation.is_some()),
            // Counted nowhere, so that the sum is missing it.
            Answer {
                outcome: Err(_), ..
            } => {}
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
