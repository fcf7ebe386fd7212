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
//! In steady state nothing is allocated and nothing locked for a single request: requests move as
//! whole submissions, records lie in vectors that are used again, and a batch is decided in goes
//! small enough for the processor's cache.
//!
//! After a failed append what is on disk is unknown. Everyone waiting is told so, and nothing is
//! accepted any more until the log is opened again.

mod gate;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use ledger_core::command::Request;
use ledger_core::decide::{Answer, Batch};
use ledger_core::event::Record;
use ledger_core::state::{LedgerState, RecordKeys, RetainedKeys};
use ledger_core::time::Timestamp;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::oneshot;

use self::gate::Gate;
use crate::checkpoint::Checkpointer;
use crate::deciding::Deciding;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead};
use crate::framing::Framer;
use crate::reader::Reader;

/// Most requests in one submission.
pub const SUBMISSION_REQUESTS_MAX: usize = 8_192;
/// Most requests that wait to be decided; beyond it submissions are refused as busy, or wait.
pub const QUEUE_REQUESTS_MAX: usize = 65_536;
/// Requests after which a batch takes no further submission.
pub const BATCH_REQUESTS_MAX: usize = 8_192;
/// Decided batches that wait for the disk, and durable ones that wait to be shown. Two keep the
/// threads busy; more only add latency.
const BATCHES_WAITING_MAX: usize = 2;
/// Records shown to readers at a time: readers wait no longer than this takes.
const PUBLISH_RECORDS_MAX: usize = 1_024;
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

/// A decided batch on its way to the disk and to readers.
struct Decided {
    records: Arc<Vec<Record>>,
    keys: Vec<RecordKeys>,
    replies: Vec<(Reply, Vec<Answer>)>,
    /// Where the log ends with it, once it is framed.
    head: LogHead,
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
        let (jobs, waiting) = crossbeam_channel::unbounded();
        let (decided, to_append) = crossbeam_channel::bounded(BATCHES_WAITING_MAX);
        let (durable, to_publish) = crossbeam_channel::bounded(BATCHES_WAITING_MAX);
        let gate = Arc::new(Gate::default());
        let failure = Arc::new(Failure::default());
        let retained = Arc::new(Mutex::new(state.retained_bytes()));
        let decider = Decider {
            deciding: Deciding::new(state, log.reader()),
            reader: reader.clone(),
            gate: Arc::clone(&gate),
            failure: Arc::clone(&failure),
            retained: Arc::clone(&retained),
        };
        let appender = Appender {
            framer: Framer::continuing(log.head().chain),
            log,
            failure: Arc::clone(&failure),
        };
        let witnessed = Arc::clone(&failure);
        let threads = Threads {
            decider: spawn("ledger-decider", move || {
                decider.run(now, &waiting, &decided)
            }),
            appender: spawn("ledger-appender", move || {
                appender.run(&to_append, &durable)
            }),
            publisher: spawn("ledger-publisher", move || {
                let _witness = Witness(witnessed);
                publish(&reader, checkpointer, &to_publish);
            }),
        };
        Self {
            jobs: Some(jobs),
            gate,
            failure,
            retained,
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

    /// Memory held for correlation ids and triplets, as of the last batch decided.
    #[must_use]
    pub fn retained(&self) -> RetainedKeys {
        *self.retained.lock()
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
        match self.failure.reason() {
            Some(reason) => Err(SubmitError::Stopped {
                reason: Some(reason),
            }),
            None => Ok(()),
        }
    }

    fn send(&self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        let (reply, answers) = oneshot::channel();
        if requests.is_empty() {
            // Nothing to wait for, and nothing that would count in the queue.
            let _ = reply.send(Ok(Vec::new()));
            return Ok(Ticket { answers });
        }
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
    deciding: Deciding,
    reader: Reader,
    gate: Arc<Gate>,
    failure: Arc<Failure>,
    retained: Arc<Mutex<RetainedKeys>>,
}

impl Decider {
    fn run(
        mut self,
        mut now: impl FnMut() -> Timestamp,
        waiting: &Receiver<Job>,
        decided: &Sender<Decided>,
    ) {
        let _witness = Witness(Arc::clone(&self.failure));
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
            match self.decide(&mut jobs, now()) {
                Ok((batch, answers)) => {
                    *self.retained.lock() = self.deciding.retained_bytes();
                    let passed_on = decided.send(Decided {
                        records: self.deciding.end(batch.records),
                        keys: batch.keys,
                        replies: jobs.into_iter().map(|job| job.reply).zip(answers).collect(),
                        head: LogHead::EMPTY,
                    });
                    if passed_on.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    for job in jobs {
                        // Whoever stopped listening does not need the answer.
                        let _ = job.reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Decides the requests of some submissions; gives the answers to each.
    fn decide(
        &mut self,
        jobs: &mut [Job],
        now: Timestamp,
    ) -> Result<(Batch, Vec<Vec<Answer>>), SubmitError> {
        if let Some(reason) = self.failure.reason() {
            return Err(SubmitError::Stopped {
                reason: Some(reason),
            });
        }
        let mut batch = self.deciding.begin(self.reader.durable());
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let requests = std::mem::take(&mut job.requests);
            // A log that cannot be read back must not be written on. What was decided of this batch is
            // lost with it: nothing is ever appended again, so nothing of it has happened.
            self.deciding
                .decide(requests, now, &mut batch)
                .map_err(|error| SubmitError::Stopped {
                    reason: Some(self.failure.set(error)),
                })?;
            answers.push(std::mem::take(&mut batch.answers));
        }
        Ok((batch, answers))
    }
}

impl Drop for Decider {
    /// However the thread ends, even by a panic, nobody is left waiting for room.
    fn drop(&mut self) {
        self.gate.close();
    }
}

struct Appender {
    log: Box<dyn EventLog>,
    framer: Framer,
    failure: Arc<Failure>,
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

impl Appender {
    fn run(
        mut self,
        to_append: &Receiver<Decided>,
        durable: &Sender<Decided>,
    ) -> Box<dyn EventLog> {
        let _witness = Witness(Arc::clone(&self.failure));
        while let Some(first) = self.next(to_append) {
            let mut group = vec![first];
            group.extend(to_append.try_iter().take(BATCHES_WAITING_MAX));
            let outcome = self.append(&mut group);
            for decided in group {
                match &outcome {
                    Ok(()) => {
                        if durable.send(decided).is_err() {
                            // The publisher died; what waits for it is told so by its silence.
                            self.failure.set(StoreError::WriterDied);
                        }
                    }
                    Err(reason) => {
                        let reason = Some(Arc::clone(reason));
                        let error = SubmitError::OutcomeUnknown { reason };
                        for (reply, _) in decided.replies {
                            let _ = reply.send(Err(error.clone()));
                        }
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

    fn append(&mut self, group: &mut [Decided]) -> Result<(), Arc<StoreError>> {
        if let Some(reason) = self.failure.reason() {
            return Err(reason);
        }
        self.write(group).map_err(|error| self.failure.set(error))
    }

    fn write(&mut self, group: &mut [Decided]) -> Result<(), StoreError> {
        let mut blocks = Vec::new();
        for decided in group {
            self.framer.frame(&decided.records, &mut blocks)?;
            if let Some(last) = decided.records.last() {
                decided.head = LogHead {
                    last_seq: last.seq.0,
                    chain: self.framer.chain(),
                };
            }
        }
        if blocks.is_empty() {
            return Ok(());
        }
        self.log.append(&blocks)
    }
}

/// Shows readers what became durable, and only then answers; after that the checkpoint takes it in.
fn publish(reader: &Reader, mut checkpointer: Option<Checkpointer>, durable: &Receiver<Decided>) {
    for decided in durable {
        for records in decided.records.chunks(PUBLISH_RECORDS_MAX) {
            reader.publish(records);
        }
        for (reply, answers) in decided.replies {
            // Whoever stopped listening does not need the answer.
            let _ = reply.send(Ok(answers));
        }
        if let Some(checkpointer) = &mut checkpointer
            && !decided.records.is_empty()
        {
            checkpointer.add(&decided.records, &decided.keys, decided.head);
            if checkpointer.is_due() {
                checkpointer.write(reader.books().general_ledger().totals());
            }
        }
    }
    if let Some(checkpointer) = &mut checkpointer {
        checkpointer.write(reader.books().general_ledger().totals());
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

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .expect("a process that opens a ledger may start a few threads")
}
