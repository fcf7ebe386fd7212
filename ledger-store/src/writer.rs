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

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use ledger_core::command::Request;
use ledger_core::decide::{Answer, Batch, decide_prepared};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::state::{LedgerState, Prepared, Recalled, RecordKeys, RetainedKeys};
use ledger_core::time::Timestamp;
use parking_lot::{Condvar, Mutex};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::block::{Block, BlockBuilder, ChainHash};
use crate::checkpoint::Checkpointer;
use crate::codec;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead, LogReader};
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
/// Requests decided in one go: what they touch fits the second-level cache of a processor.
const GO_REQUESTS_MAX: usize = 256;
/// Records shown to readers at a time: readers wait no longer than this takes.
const PUBLISH_RECORDS_MAX: usize = 1_024;
/// Records kept as they were decided, at least, for commands that come again and for reversals, most
/// of which follow soon after what they are about.
const RECENT_RECORDS: usize = 32_768;
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
    /// once a batch; `reader` is shown what became durable, and `checkpointer`, which stands where the
    /// state does, takes it in.
    #[must_use]
    pub fn start(
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
            state,
            log: log.reader(),
            prepared: Prepared::default(),
            recent: Recent::default(),
            reader: reader.clone(),
            gate: Arc::clone(&gate),
            failure: Arc::clone(&failure),
            retained: Arc::clone(&retained),
        };
        let appender = Appender {
            chain: log.head().chain,
            log,
            failure: Arc::clone(&failure),
            buffer: Vec::new(),
        };
        let threads = Threads {
            decider: spawn("ledger-decider", move || {
                decider.run(now, &waiting, &decided)
            }),
            appender: spawn("ledger-appender", move || {
                appender.run(&to_append, &durable)
            }),
            publisher: spawn("ledger-publisher", move || {
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
    state: LedgerState,
    log: Arc<dyn LogReader>,
    prepared: Prepared,
    recent: Recent,
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
            let mut batch = Batch {
                records: self.recent.spare_room(self.reader.durable()),
                ..Batch::default()
            };
            match self.decide(&mut jobs, now(), &mut batch) {
                Ok(answers) => {
                    let records = self.recent.keep(batch.records);
                    *self.retained.lock() = self.state.retained_bytes();
                    let replies = jobs.into_iter().map(|job| job.reply).zip(answers).collect();
                    let keys = batch.keys;
                    let passed_on = decided.send(Decided {
                        records,
                        keys,
                        replies,
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
        batch: &mut Batch,
    ) -> Result<Vec<Vec<Answer>>, SubmitError> {
        if let Some(reason) = self.failure.reason() {
            return Err(SubmitError::Stopped {
                reason: Some(reason),
            });
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mut requests = std::mem::take(&mut job.requests).into_iter();
            batch.answers.reserve_exact(requests.len());
            while requests.len() > 0 {
                let go = requests.len().min(GO_REQUESTS_MAX);
                self.state
                    .prepare(&requests.as_slice()[..go], &mut self.prepared);
                // What earlier goes decided is in the state, and lost if this fails; but then nothing
                // is ever appended again, so nothing of it has happened.
                let recalled = self.recall(&batch.records).map_err(|error| {
                    // A log that cannot be read back must not be written on.
                    let reason = Some(self.failure.set(error));
                    SubmitError::Stopped { reason }
                })?;
                decide_prepared(
                    &mut self.state,
                    requests.by_ref().take(go),
                    &self.prepared,
                    now,
                    &recalled,
                    batch,
                );
            }
            answers.push(std::mem::take(&mut batch.answers));
        }
        Ok(answers)
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
#[derive(Default)]
struct Recent {
    batches: VecDeque<Arc<Vec<Record>>>,
    records: usize,
}

impl Recent {
    /// An empty vector, with the room of a batch that is not needed any more if there is one.
    fn spare_room(&mut self, durable: Seq) -> Vec<Record> {
        let oldest = self
            .batches
            .front()
            .and_then(|batch| Some((batch.len(), batch.last()?.seq)));
        let Some((count, _)) = oldest
            .filter(|(count, last)| *last <= durable && self.records - count >= RECENT_RECORDS)
        else {
            return Vec::new();
        };
        self.records -= count;
        // Another thread may just be letting go of it; then it is freed there.
        let mut records = self
            .batches
            .pop_front()
            .and_then(Arc::into_inner)
            .unwrap_or_default();
        records.clear();
        records
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
    chain: ChainHash,
    failure: Arc<Failure>,
    buffer: Vec<u8>,
}

impl Appender {
    fn run(
        mut self,
        to_append: &Receiver<Decided>,
        durable: &Sender<Decided>,
    ) -> Box<dyn EventLog> {
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
            self.seal(&decided.records, &mut blocks)?;
            if let Some(last) = decided.records.last() {
                decided.head = LogHead {
                    last_seq: last.seq.0,
                    chain: self.chain,
                };
            }
        }
        if blocks.is_empty() {
            return Ok(());
        }
        self.log.append(&blocks)
    }

    /// Frames one batch. A batch is recorded at one time, and so are the records of a block.
    fn seal(&mut self, records: &[Record], blocks: &mut Vec<Block>) -> Result<(), StoreError> {
        let mut builder: Option<BlockBuilder> = None;
        for record in records {
            codec::encode(&record.event, &mut self.buffer);
            let fits = builder
                .as_ref()
                .is_some_and(|builder| builder.fits(self.buffer.len()));
            if !fits && let Some(full) = builder.take() {
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

/// Shows readers what became durable, and only then answers; after that the checkpoint takes it in.
fn publish(reader: &Reader, mut checkpointer: Option<Checkpointer>, durable: &Receiver<Decided>) {
    let mut head = LogHead::EMPTY;
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
            head = decided.head;
            checkpointer.add(&decided.records, &decided.keys);
            if checkpointer.is_due() {
                checkpointer.write(head, reader.books().general_ledger().totals());
            }
        }
    }
    if let Some(checkpointer) = &mut checkpointer {
        checkpointer.write(head, reader.books().general_ledger().totals());
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

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .expect("a process that opens a ledger may start a few threads")
}
