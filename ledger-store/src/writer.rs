//! The one writer: takes commands in order, decides them in batches, makes the records durable, shows
//! them to readers, and only then answers.
//!
//! Three threads share the work. The *decider* owns the state; it takes everything that waits, up to a
//! batch, and decides it. The *appender* owns the log; it takes every batch that waits and appends
//! them with one sync. The *publisher* shows readers what became durable, and answers. So the next
//! batch is decided while the disk is busy with one and readers are shown another, and since batches
//! pass from thread to thread in order, no answer overtakes the records it rests on, not even a refusal
//! or a replay.
//!
//! What each thread does with one batch is a step of its own (`steps.rs`); the threads only loop over them.
//! A [`Stepper`] takes the same steps without threads, in an order the caller chooses.
//!
//! In steady state nothing is allocated and nothing locked for a single request: requests move as
//! whole submissions, records lie in vectors that are used again, and a batch is decided in goes
//! small enough for the processor's cache.
//!
//! After a failed append what is on disk is unknown. Everyone waiting is told so, and nothing is
//! accepted any more until the log is opened again.

mod appended;
mod gate;
#[cfg(all(test, feature = "schedules"))]
mod schedules;
mod stepper;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::state::{LedgerState, RetainedKeys};
use ledger_core::time::Timestamp;
use thiserror::Error;

pub use self::appended::Appended;
use self::gate::Gate;
use self::steps::{Appender, Decided, Decider, Job, Publisher};
use crate::checkpoint::Checkpointer;
use crate::error::StoreError;
use crate::event_log::EventLog;
use crate::reader::Reader;
use crate::sync::{
    JoinHandle, Mutex, Receiver, RecvTimeoutError, Sender, bounded, oneshot, spawn, unbounded,
};

pub use self::stepper::Stepper;

/// Most requests in one submission.
pub const SUBMISSION_REQUESTS_MAX: usize = 10_000;
/// Most requests that wait to be decided; beyond it submissions are refused as busy, or wait.
pub const QUEUE_REQUESTS_MAX: usize = if EXPLORED { 4 } else { 65_536 };
/// Requests after which a batch takes no further submission.
pub const BATCH_REQUESTS_MAX: usize = if EXPLORED { 2 } else { 8_192 };
/// So few clients as a schedule has can fill what is this small.
const EXPLORED: bool = cfg!(feature = "schedules");
/// Decided batches that wait for the disk, and durable ones that wait to be shown. Two keep the
/// threads busy; more only add latency.
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
    retained: Arc<Mutex<RetainedKeys>>,
    appended: Arc<Mutex<Appended>>,
    threads: Option<Threads>,
}

/// The promise of the answers to one submission.
#[derive(Debug)]
pub struct Ticket {
    answers: oneshot::Receiver<Result<Vec<Answer>, SubmitError>>,
}

#[derive(Debug)]
struct Threads {
    decider: JoinHandle<()>,
    appender: JoinHandle<Box<dyn EventLog>>,
    publisher: JoinHandle<()>,
}

impl Writer {
    /// Starts the threads on a log and the state that is the fold of it. `now` is asked for the time
    /// once a batch; `reader` is shown what became durable.
    #[must_use]
    pub fn start(
        log: Box<dyn EventLog>,
        state: LedgerState,
        reader: Reader,
        now: impl FnMut() -> Timestamp + Send + 'static,
    ) -> Self {
        Self::start_with(log, state, reader, None, now)
    }

    /// Starts the threads with a checkpoint, which stands where the state does and takes in what becomes
    /// durable.
    pub(crate) fn start_with(
        log: Box<dyn EventLog>,
        state: LedgerState,
        reader: Reader,
        checkpointer: Option<Checkpointer>,
        now: impl FnMut() -> Timestamp + Send + 'static,
    ) -> Self {
        let (jobs, waiting) = unbounded();
        let (decided, to_append) = bounded(BATCHES_WAITING_MAX);
        let (durable, to_publish) = bounded(BATCHES_WAITING_MAX);
        let gate = Arc::new(Gate::default());
        let failure = Arc::new(Failure::default());
        let retained = Arc::new(Mutex::new(state.retained_bytes()));
        let decider = Decider::new(state, log.as_ref(), reader.clone(), Arc::clone(&failure));
        let appender = Appender::new(log, Arc::clone(&failure));
        let appended = appender.appended();
        let publisher = Publisher::new(reader, checkpointer);
        let deciding = DeciderThread {
            decider,
            gate: Arc::clone(&gate),
            retained: Arc::clone(&retained),
        };
        let witnesses = [Arc::clone(&failure), Arc::clone(&failure)].map(Witness);
        let [appending, publishing] = witnesses;
        let threads = Threads {
            decider: spawn("ledger-decider", move || {
                deciding.run(now, &waiting, &decided);
            }),
            appender: spawn("ledger-appender", move || {
                let _witness = appending;
                append(appender, &to_append, &durable)
            }),
            publisher: spawn("ledger-publisher", move || {
                let _witness = publishing;
                publish(publisher, &to_publish);
            }),
        };
        Self {
            jobs: Some(jobs),
            gate,
            failure,
            retained,
            appended,
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

    /// Why the writer accepts nothing any more, and since when, if that is so.
    #[must_use]
    pub fn failure(&self) -> Option<(Arc<StoreError>, Instant)> {
        self.failure.0.lock().clone()
    }

    /// Memory held for correlation ids and triplets, as of the last batch decided.
    #[must_use]
    pub fn retained(&self) -> RetainedKeys {
        *self.retained.lock()
    }

    /// What became durable since it was opened.
    #[must_use]
    pub fn appended(&self) -> Appended {
        *self.appended.lock()
    }

    /// How many requests wait to be decided, [`QUEUE_REQUESTS_MAX`] at most.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    fn check(&self, requests: &[Request]) -> Result<(), SubmitError> {
        if requests.len() > SUBMISSION_REQUESTS_MAX {
            return Err(SubmitError::TooManyRequests);
        }
        self.failure.refuse()
    }

    fn send(&self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        let (job, ticket) = Job::new(requests);
        if job.requests.is_empty() {
            // Nothing to wait for, and nothing that would count in the queue.
            job.answer(Ok(Vec::new()));
            return Ok(ticket);
        }
        let stopped = || SubmitError::Stopped {
            reason: self.failure.reason(),
        };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).map_err(|_| stopped())?;
        Ok(ticket)
    }

    fn stop(&mut self) -> Option<Box<dyn EventLog>> {
        self.jobs = None;
        let threads = self.threads.take()?;
        let decided = threads.decider.join();
        let appended = threads.appender.join();
        let published = threads.publisher.join();
        if decided.is_err() || appended.is_err() || published.is_err() {
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

    /// The answers, if they are durable by now. They are given once.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn answered(&mut self) -> Option<Result<Vec<Answer>, SubmitError>> {
        match self.answers.try_recv() {
            Ok(answers) => Some(answers),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => {
                Some(Err(SubmitError::OutcomeUnknown { reason: None }))
            }
        }
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

/// The decider, and what it tells the threads that hand in.
struct DeciderThread {
    decider: Decider,
    gate: Arc<Gate>,
    retained: Arc<Mutex<RetainedKeys>>,
}

impl DeciderThread {
    fn run(
        mut self,
        mut now: impl FnMut() -> Timestamp,
        waiting: &Receiver<Job>,
        decided: &Sender<Decided>,
    ) {
        let _witness = Witness(Arc::clone(self.decider.failure()));
        while let Ok(first) = waiting.recv() {
            let mut count = first.requests.len();
            let mut jobs = vec![first];
            while count < BATCH_REQUESTS_MAX
                && let Ok(job) = waiting.try_recv()
            {
                count += job.requests.len();
                jobs.push(job);
            }
            self.gate.leave(count);
            if let Some(batch) = self.decider.decide(jobs, now()) {
                *self.retained.lock() = self.decider.retained_bytes();
                if decided.send(batch).is_err() {
                    return;
                }
            }
        }
    }
}

impl Drop for DeciderThread {
    /// However the thread ends, even by a panic, nobody is left waiting for room.
    fn drop(&mut self) {
        self.gate.close();
    }
}

/// Says so when the thread that holds it ends by a panic.
struct Witness(Arc<Failure>);

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(StoreError::WriterDied);
        }
    }
}

fn append(
    mut appender: Appender,
    to_append: &Receiver<Decided>,
    durable: &Sender<Decided>,
) -> Box<dyn EventLog> {
    while let Some(first) = next(&mut appender, to_append) {
        let mut group = vec![first];
        group.extend(to_append.try_iter().take(BATCHES_WAITING_MAX));
        for decided in appender.append(group) {
            if durable.send(decided).is_err() {
                // The publisher died; what waits for it is told so by its silence.
                appender.failure().set(StoreError::WriterDied);
            }
        }
    }
    appender.into_log()
}

/// The next batch. While none comes, what the log put off is made durable too.
fn next(appender: &mut Appender, to_append: &Receiver<Decided>) -> Option<Decided> {
    match to_append.recv_timeout(IDLE) {
        Ok(decided) => return Some(decided),
        Err(RecvTimeoutError::Disconnected) => return None,
        Err(RecvTimeoutError::Timeout) => {}
    }
    appender.settle();
    to_append.recv().ok()
}

fn publish(mut publisher: Publisher, durable: &Receiver<Decided>) {
    for decided in durable {
        publisher.publish(decided);
    }
    publisher.end();
}

/// The first failure, and when it happened; once set, the writer accepts nothing.
#[derive(Debug, Default)]
struct Failure(Mutex<Option<(Arc<StoreError>, Instant)>>);

impl Failure {
    fn set(&self, error: StoreError) -> Arc<StoreError> {
        let mut failure = self.0.lock();
        let (reason, _) = failure.get_or_insert_with(|| (Arc::new(error), Instant::now()));
        Arc::clone(reason)
    }

    fn reason(&self) -> Option<Arc<StoreError>> {
        self.0.lock().as_ref().map(|(reason, _)| Arc::clone(reason))
    }

    /// What whoever comes after it is told.
    fn refuse(&self) -> Result<(), SubmitError> {
        self.reason().map_or(Ok(()), |reason| {
            Err(SubmitError::Stopped {
                reason: Some(reason),
            })
        })
    }
}
