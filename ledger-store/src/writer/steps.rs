//! The three steps of the writer, each for one batch: decide, append, publish.
//!
//! A step knows neither threads nor queues. Whoever takes the steps sees to it that the batches go
//! through each of them in order.

use std::sync::Arc;
use std::time::Instant;

use ledger_core::command::Request;
use ledger_core::decide::{Answer, Batch};
use ledger_core::event::Record;
use ledger_core::projection::gist::Brief;
use ledger_core::state::{LedgerState, RecordKeys, RetainedKeys};
use ledger_core::time::Timestamp;

use super::{Appended, Failure, SubmitError, Ticket};
use crate::checkpoint::Checkpointer;
use crate::deciding::Deciding;
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead};
use crate::framing::Framer;
use crate::reader::Reader;
use crate::sync::{Mutex, oneshot};

/// Records shown to readers at a time: readers wait no longer than this takes.
const PUBLISH_RECORDS_MAX: usize = 1_024;

/// A submission that waits to be decided.
pub(super) struct Job {
    pub(super) requests: Vec<Request>,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Vec<Answer>, SubmitError>>;

impl Job {
    /// The submission, and the promise of its answers.
    pub(super) fn new(requests: Vec<Request>) -> (Self, Ticket) {
        let (reply, answers) = oneshot::channel();
        (Self { requests, reply }, Ticket { answers })
    }

    /// Answers it.
    pub(super) fn answer(self, answers: Result<Vec<Answer>, SubmitError>) {
        // Whoever stopped listening does not need the answer.
        let _ = self.reply.send(answers);
    }
}

/// A decided batch on its way to the disk and to readers.
pub(super) struct Decided {
    records: Arc<Vec<Record>>,
    keys: Vec<RecordKeys>,
    /// Of each record, once it is framed.
    briefs: Vec<Brief>,
    replies: Vec<(Reply, Vec<Answer>)>,
    /// Where the log ends with it, once it is framed.
    head: LogHead,
}

/// Decides batches, one upon the other, whether or not they are durable yet.
pub(super) struct Decider {
    deciding: Deciding,
    reader: Reader,
    failure: Arc<Failure>,
}

impl Decider {
    pub(super) fn new(
        state: LedgerState,
        log: &dyn EventLog,
        reader: Reader,
        failure: Arc<Failure>,
    ) -> Self {
        Self {
            deciding: Deciding::new(state, log.reader()),
            reader,
            failure,
        }
    }

    pub(super) fn failure(&self) -> &Arc<Failure> {
        &self.failure
    }

    /// Memory held for correlation ids and triplets.
    pub(super) fn retained_bytes(&self) -> RetainedKeys {
        self.deciding.retained_bytes()
    }

    /// Decides some submissions as one batch. Where that is not possible they are answered so, and
    /// there is none.
    pub(super) fn decide(&mut self, mut jobs: Vec<Job>, now: Timestamp) -> Option<Decided> {
        match self.decide_all(&mut jobs, now) {
            Ok((batch, answers)) => Some(Decided {
                records: self.deciding.end(batch.records),
                keys: batch.keys,
                briefs: Vec::new(),
                replies: jobs.into_iter().map(|job| job.reply).zip(answers).collect(),
                head: LogHead::EMPTY,
            }),
            Err(error) => {
                for job in jobs {
                    job.answer(Err(error.clone()));
                }
                None
            }
        }
    }

    /// Decides the requests of some submissions; gives the answers to each.
    fn decide_all(
        &mut self,
        jobs: &mut [Job],
        now: Timestamp,
    ) -> Result<(Batch, Vec<Vec<Answer>>), SubmitError> {
        self.failure.refuse()?;
        let requests = jobs.iter().map(|job| job.requests.len()).sum();
        let mut batch = self.deciding.begin(self.reader.durable(), requests);
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

/// Makes batches durable.
pub(super) struct Appender {
    log: Box<dyn EventLog>,
    framer: Framer,
    failure: Arc<Failure>,
    appended: Arc<Mutex<Appended>>,
}

impl Appender {
    pub(super) fn new(log: Box<dyn EventLog>, failure: Arc<Failure>) -> Self {
        Self {
            framer: Framer::continuing(log.head().chain),
            log,
            failure,
            appended: Arc::default(),
        }
    }

    /// Where it is counted what is appended.
    pub(super) fn appended(&self) -> Arc<Mutex<Appended>> {
        Arc::clone(&self.appended)
    }

    pub(super) fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Appends some batches with one sync and gives them back. If that fails, they are answered so, and
    /// none comes back.
    pub(super) fn append(&mut self, mut group: Vec<Decided>) -> Vec<Decided> {
        let outcome = match self.failure.reason() {
            Some(reason) => Err(reason),
            None => self
                .write(&mut group)
                .map_err(|error| self.failure.set(error)),
        };
        let Err(reason) = outcome else { return group };
        let reason = Some(reason);
        let error = SubmitError::OutcomeUnknown { reason };
        for (reply, _) in group.into_iter().flat_map(|decided| decided.replies) {
            let _ = reply.send(Err(error.clone()));
        }
        Vec::new()
    }

    fn write(&mut self, group: &mut [Decided]) -> Result<(), StoreError> {
        let mut blocks = Vec::new();
        for decided in group {
            let briefs = &mut decided.briefs;
            briefs.reserve_exact(decided.records.len());
            self.framer
                .frame_each(&decided.records, &mut blocks, |record| {
                    briefs.push(Brief::of(record));
                })?;
            if let Some(last) = decided.records.last() {
                decided.head = LogHead {
                    last_seq: last.seq.0,
                    chain: self.framer.chain(),
                };
            }
        }
        if blocks.is_empty() {
            // Replays and refusals alone: the log is never idle, and yet has nothing to append.
            return self.log.settle_when_due();
        }
        let begun = Instant::now();
        self.log.append(&blocks)?;
        self.appended.lock().count(&blocks, begun.elapsed());
        Ok(())
    }

    /// Makes durable what the log put off.
    pub(super) fn settle(&mut self) {
        if self.failure.reason().is_none()
            && let Err(error) = self.log.settle()
        {
            self.failure.set(error);
        }
    }

    /// The log, with everything appended so far.
    pub(super) fn into_log(self) -> Box<dyn EventLog> {
        self.log
    }
}

/// Shows readers what became durable, and only then answers; after that the checkpoint is written if it is time.
pub(super) struct Publisher {
    reader: Reader,
    checkpointer: Option<Checkpointer>,
}

impl Publisher {
    pub(super) fn new(reader: Reader, checkpointer: Option<Checkpointer>) -> Self {
        Self {
            reader,
            checkpointer,
        }
    }

    /// Publishes a batch that is durable.
    pub(super) fn publish(&mut self, decided: Decided) {
        assert_eq!(
            decided.records.len(),
            decided.keys.len(),
            "each record has its keys"
        );
        assert_eq!(
            decided.records.len(),
            decided.briefs.len(),
            "each record has its brief"
        );
        let keys = decided.keys.chunks(PUBLISH_RECORDS_MAX);
        let briefs = decided.briefs.chunks(PUBLISH_RECORDS_MAX);
        let records = decided.records.chunks(PUBLISH_RECORDS_MAX);
        for ((records, briefs), keys) in records.zip(briefs).zip(keys) {
            self.reader.publish(records, briefs);
            // Now, while they are in the processor's cache.
            if let Some(checkpointer) = &mut self.checkpointer {
                checkpointer.add(records, briefs, keys, decided.head);
            }
        }
        for (reply, answers) in decided.replies {
            // Whoever stopped listening does not need the answer.
            let _ = reply.send(Ok(answers));
        }
        if let Some(checkpointer) = &mut self.checkpointer
            && checkpointer.is_due()
        {
            checkpointer.write(self.reader.books().general_ledger().totals());
        }
    }

    /// Writes what the checkpoint does not have yet.
    pub(super) fn end(mut self) {
        if let Some(checkpointer) = &mut self.checkpointer {
            checkpointer.write(self.reader.books().general_ledger().totals());
        }
    }
}
