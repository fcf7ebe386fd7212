//! The one writer: takes commands in order, decides them in batches, makes the records durable, shows
//! them to readers, and only then answers.
//!
//! Two threads share the work. The *decider* owns the state; it takes everything that waits, up to a
//! batch, and decides it. The *appender* owns the log; it takes every batch that waits, appends them
//! with one sync, publishes, and answers. So the next batch is decided while the disk is busy, and
//! since batches pass from one to the other in order, no answer overtakes the records it rests on,
//! not even a refusal or a replay.
//!
//! After a failed append what is on disk is unknown. Everyone waiting is told so, and nothing is
//! accepted any more until the log is opened again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use ledger_core::command::Request;
use ledger_core::decide::{self, Answer};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::state::{LedgerState, Recalled};
use ledger_core::time::Timestamp;
use parking_lot::{Condvar, Mutex};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::codec;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogReader};
use crate::framing::Framer;
use crate::reader::Reader;

/// Most requests in one submission.
pub const SUBMISSION_REQUESTS_MAX: usize = 8_192;
/// Most requests that wait to be decided; beyond it submissions are refused as busy, or wait.
pub const QUEUE_REQUESTS_MAX: usize = 65_536;
/// Requests after which a batch takes no further submission.
pub const BATCH_REQUESTS_MAX: usize = 8_192;
/// Decided batches that wait for the disk. Two keep both threads busy; more only add latency.
const BATCHES_WAITING_MAX: usize = 2;
/// How long nothing must have come before the log is given time to settle.
const IDLE: Duration = Duration::from_secs(1);

/// Why a submission has no answer from the books.
#[derive(Debug, Clone, Error)]
pub enum SubmitError {
    /// Too many requests wait already. Nothing happened; try again later.
    #[error("more than {QUEUE_REQUESTS_MAX} requests are waiting")]
    Busy,
    /// The submission is too long. Nothing happened.
    #[error("a submission has at most {SUBMISSION_REQUESTS_MAX} requests")]
    TooManyRequests,
    /// The writer has stopped, because of an earlier failure or because it was closed. Nothing
    /// happened.
    #[error("the ledger accepts nothing since {}", reason.as_ref().map_or("it was closed".to_owned(), ToString::to_string))]
    Stopped {
        /// The failure, if it was one.
        reason: Option<Arc<StoreError>>,
    },
    /// The append failed, so whether the requests were recorded is unknown until the log is opened
    /// again. Sending them again then, under the same correlation ids, is safe.
    #[error("the outcome is unknown until the ledger is opened again: {}", reason.as_ref().map_or("the writer stopped".to_owned(), ToString::to_string))]
    OutcomeUnknown {
        /// The failure, if it was reported.
        reason: Option<Arc<StoreError>>,
    },
}

impl SubmitError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "BUSY",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::Stopped { .. } => "SERVICE_UNAVAILABLE",
            Self::OutcomeUnknown { .. } => "OUTCOME_UNKNOWN",
        }
    }
}

/// Hands commands to the writer's threads.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    gate: Arc<Gate>,
    failure: Arc<Failure>,
    threads: Option<Threads>,
}

/// The promise of the answers to one submission.
#[derive(Debug)]
pub struct Ticket {
    answers: oneshot::Receiver<Result<Vec<Answer>, SubmitError>>,
}

struct Job {
    requests: Vec<Request>,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Vec<Answer>, SubmitError>>;

/// A decided batch on its way to the disk.
struct Decided {
    records: Arc<Vec<Record>>,
    replies: Vec<(Reply, Vec<Answer>)>,
}

#[derive(Debug)]
struct Threads {
    decider: JoinHandle<()>,
    appender: JoinHandle<Box<dyn EventLog>>,
}

impl Writer {
    /// Starts the two threads on a log and the state that is the fold of it. `now` is asked for the
    /// time once a batch; `reader` is shown what became durable.
    #[must_use]
    pub fn start(
        log: Box<dyn EventLog>,
        state: LedgerState,
        reader: Reader,
        now: impl FnMut() -> Timestamp + Send + 'static,
    ) -> Self {
        let (jobs, waiting) = crossbeam_channel::unbounded();
        let (decided, to_append) = crossbeam_channel::bounded(BATCHES_WAITING_MAX);
        let gate = Arc::new(Gate::default());
        let failure = Arc::new(Failure::default());
        let decider = Decider {
            state,
            log: log.reader(),
            in_flight: VecDeque::new(),
            reader: reader.clone(),
            gate: Arc::clone(&gate),
            failure: Arc::clone(&failure),
        };
        let appender = Appender {
            framer: Framer::continuing(log.head().chain),
            log,
            reader,
            failure: Arc::clone(&failure),
        };
        let threads = Threads {
            decider: spawn("ledger-decider", move || {
                decider.run(now, &waiting, &decided)
            }),
            appender: spawn("ledger-appender", move || appender.run(&to_append)),
        };
        Self {
            jobs: Some(jobs),
            gate,
            failure,
            threads: Some(threads),
        }
    }

    /// Hands in requests, to be decided in order. Refused as busy when too many wait.
    ///
    /// # Errors
    /// [`SubmitError::Busy`], [`SubmitError::TooManyRequests`] or [`SubmitError::Stopped`]; the
    /// ticket may give the others.
    pub fn submit(&self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        self.check(&requests)?;
        if !self.gate.try_enter(requests.len()) {
            return Err(SubmitError::Busy);
        }
        self.send(requests)
    }

    /// Hands in requests, to be decided in order; blocks while too many wait. For batch work.
    ///
    /// # Errors
    /// As [`Self::submit`], but never [`SubmitError::Busy`].
    pub fn submit_when_free(&self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        self.check(&requests)?;
        self.gate.enter(requests.len());
        self.send(requests)
    }

    /// Ends the writer: everything submitted is decided and answered, then the log is closed.
    ///
    /// # Errors
    /// The failure that stopped the writer, or what went wrong while closing.
    pub fn close(mut self) -> Result<(), StoreError> {
        let log = self.stop();
        if let Some(reason) = self.failure.reason() {
            return Err(StoreError::Stopped { reason });
        }
        log.map_or(Ok(()), |log| log.close())
    }

    fn check(&self, requests: &[Request]) -> Result<(), SubmitError> {
        if requests.len() > SUBMISSION_REQUESTS_MAX {
            return Err(SubmitError::TooManyRequests);
        }
        match self.failure.reason() {
            Some(reason) => Err(SubmitError::Stopped {
                reason: Some(reason),
            }),
            None => Ok(()),
        }
    }

    fn send(&self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        let (reply, answers) = oneshot::channel();
        let stopped = || SubmitError::Stopped {
            reason: self.failure.reason(),
        };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job { requests, reply }).map_err(|_| stopped())?;
        Ok(Ticket { answers })
    }

    fn stop(&mut self) -> Option<Box<dyn EventLog>> {
        self.jobs = None;
        let threads = self.threads.take()?;
        let decided = threads.decider.join();
        let appended = threads.appender.join();
        if decided.is_err() || appended.is_err() {
            self.failure.set(StoreError::WriterDied);
        }
        appended.ok()
    }
}

impl Drop for Writer {
    /// Ends the threads; the log is left as after a crash, which recovery knows.
    fn drop(&mut self) {
        drop(self.stop());
    }
}

impl Ticket {
    /// Blocks until the answers are durable. Not for async code.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`] or [`SubmitError::OutcomeUnknown`].
    pub fn wait(self) -> Result<Vec<Answer>, SubmitError> {
        self.answers
            .blocking_recv()
            .unwrap_or(Err(SubmitError::OutcomeUnknown { reason: None }))
    }

    /// Waits until the answers are durable.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub async fn answers(self) -> Result<Vec<Answer>, SubmitError> {
        self.answers
            .await
            .unwrap_or(Err(SubmitError::OutcomeUnknown { reason: None }))
    }
}

struct Decider {
    state: LedgerState,
    log: Arc<dyn LogReader>,
    /// Batches that may not be durable yet, oldest first; the log does not have them.
    in_flight: VecDeque<Arc<Vec<Record>>>,
    reader: Reader,
    gate: Arc<Gate>,
    failure: Arc<Failure>,
}

impl Decider {
    fn run(
        mut self,
        mut now: impl FnMut() -> Timestamp,
        waiting: &Receiver<Job>,
        decided: &Sender<Decided>,
    ) {
        while let Ok(first) = waiting.recv() {
            let mut replies = vec![(first.reply, first.requests.len())];
            let mut requests = first.requests;
            while requests.len() < BATCH_REQUESTS_MAX
                && let Ok(job) = waiting.try_recv()
            {
                replies.push((job.reply, job.requests.len()));
                requests.extend(job.requests);
            }
            self.gate.leave(requests.len());
            match self.decide(requests, now()) {
                Ok((records, answers)) => {
                    let replies = split(answers, replies);
                    if decided.send(Decided { records, replies }).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    for (reply, _) in replies {
                        // Whoever stopped listening does not need the answer.
                        let _ = reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    fn decide(
        &mut self,
        requests: Vec<Request>,
        now: Timestamp,
    ) -> Result<(Arc<Vec<Record>>, Vec<Answer>), SubmitError> {
        if let Some(reason) = self.failure.reason() {
            return Err(SubmitError::Stopped {
                reason: Some(reason),
            });
        }
        let recalled = self.recall(&requests).map_err(|error| {
            // A log that cannot be read back must not be written on.
            let reason = Some(self.failure.set(error));
            SubmitError::Stopped { reason }
        })?;
        let batch = decide::decide(&mut self.state, requests, now, &recalled);
        let records = Arc::new(batch.records);
        if !records.is_empty() {
            self.in_flight.push_back(Arc::clone(&records));
        }
        Ok((records, batch.answers))
    }

    fn recall(&mut self, requests: &[Request]) -> Result<Recalled, StoreError> {
        let durable = self.reader.durable();
        while let Some(oldest) = self.in_flight.front()
            && oldest.last().is_none_or(|record| record.seq <= durable)
        {
            self.in_flight.pop_front();
        }
        let list = self.state.recall_list(requests);
        let records: Result<Vec<_>, _> = list.into_iter().map(|seq| self.record(seq)).collect();
        Ok(Recalled::new(records?))
    }

    fn record(&self, seq: Seq) -> Result<Arc<Record>, StoreError> {
        for batch in &self.in_flight {
            if let Some(record) = place_in(batch, seq).and_then(|place| batch.get(place)) {
                return Ok(Arc::new(record.clone()));
            }
        }
        let missing = || StoreError::Damaged {
            place: format!("record {}", seq.0),
            what: "is not in the log any more".to_owned(),
        };
        let block = self.log.block_with(seq.0)?.ok_or_else(missing)?;
        codec::decode(&block, seq.0)?
            .map(Arc::new)
            .ok_or_else(missing)
    }
}

impl Drop for Decider {
    /// However the thread ends, even by a panic, nobody is left waiting for room.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failure.set(StoreError::WriterDied);
        }
        self.gate.close();
    }
}

struct Appender {
    log: Box<dyn EventLog>,
    framer: Framer,
    reader: Reader,
    failure: Arc<Failure>,
}

impl Appender {
    fn run(mut self, to_append: &Receiver<Decided>) -> Box<dyn EventLog> {
        while let Some(first) = self.next(to_append) {
            let mut group = vec![first];
            group.extend(to_append.try_iter().take(BATCHES_WAITING_MAX));
            match self.append(&group) {
                Ok(()) => {
                    self.reader
                        .publish(group.iter().flat_map(|decided| decided.records.iter()));
                    for (reply, answers) in group.into_iter().flat_map(|decided| decided.replies) {
                        let _ = reply.send(Ok(answers));
                    }
                }
                Err(reason) => {
                    let error = SubmitError::OutcomeUnknown {
                        reason: Some(reason),
                    };
                    for (reply, _) in group.into_iter().flat_map(|decided| decided.replies) {
                        let _ = reply.send(Err(error.clone()));
                    }
                }
            }
        }
        self.log
    }

    /// The next batch. While none comes, what the log put off is made durable too.
    fn next(&mut self, to_append: &Receiver<Decided>) -> Option<Decided> {
        match to_append.recv_timeout(IDLE) {
            Ok(decided) => return Some(decided),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if self.failure.reason().is_none()
            && let Err(error) = self.log.settle()
        {
            self.failure.set(error);
        }
        to_append.recv().ok()
    }

    fn append(&mut self, group: &[Decided]) -> Result<(), Arc<StoreError>> {
        if let Some(reason) = self.failure.reason() {
            return Err(reason);
        }
        self.write(group).map_err(|error| self.failure.set(error))
    }

    fn write(&mut self, group: &[Decided]) -> Result<(), StoreError> {
        let mut blocks = Vec::new();
        for decided in group {
            self.framer.frame(&decided.records, &mut blocks)?;
        }
        if blocks.is_empty() {
            return Ok(());
        }
        self.log.append(&blocks)
    }
}

/// Counts the requests that wait, so that the queue is bounded in requests, not in submissions.
#[derive(Debug, Default)]
struct Gate {
    waiting: Mutex<Waiting>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    /// Nobody takes requests any more, so nobody may wait for room.
    closed: bool,
}

impl Gate {
    fn try_enter(&self, requests: usize) -> bool {
        let mut waiting = self.waiting.lock();
        let free = waiting.has_room(requests);
        if free {
            waiting.requests += requests;
        }
        free
    }

    fn enter(&self, requests: usize) {
        let mut waiting = self.waiting.lock();
        self.left
            .wait_while(&mut waiting, |waiting| !waiting.has_room(requests));
        waiting.requests += requests;
    }

    fn leave(&self, requests: usize) {
        self.waiting.lock().requests -= requests;
        self.left.notify_all();
    }

    fn close(&self) {
        self.waiting.lock().closed = true;
        self.left.notify_all();
    }
}

impl Waiting {
    fn has_room(&self, requests: usize) -> bool {
        self.closed || self.requests + requests <= QUEUE_REQUESTS_MAX
    }
}

/// The first failure; once set, the writer accepts nothing.
#[derive(Debug, Default)]
struct Failure(Mutex<Option<Arc<StoreError>>>);

impl Failure {
    fn set(&self, error: StoreError) -> Arc<StoreError> {
        Arc::clone(self.0.lock().get_or_insert_with(|| Arc::new(error)))
    }

    fn reason(&self) -> Option<Arc<StoreError>> {
        self.0.lock().clone()
    }
}

/// Gives each submission its own answers.
fn split(mut answers: Vec<Answer>, jobs: Vec<(Reply, usize)>) -> Vec<(Reply, Vec<Answer>)> {
    if jobs.len() == 1 {
        return jobs
            .into_iter()
            .map(|(reply, _)| (reply, std::mem::take(&mut answers)))
            .collect();
    }
    let mut answers = answers.into_iter();
    jobs.into_iter()
        .map(|(reply, count)| (reply, answers.by_ref().take(count).collect()))
        .collect()
}

fn place_in(batch: &[Record], seq: Seq) -> Option<usize> {
    let first = batch.first()?;
    usize::try_from(seq.0.checked_sub(first.seq.0)?).ok()
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .expect("a process that opens a ledger may start two threads")
}
