//! The writer without its threads: the same steps, in an order the caller chooses.

use std::collections::VecDeque;
use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::state::LedgerState;
use ledger_core::time::Timestamp;

use super::steps::{Appender, Decided, Decider, Job, Publisher};
use super::{Failure, SUBMISSION_REQUESTS_MAX, SubmitError, Ticket};
use crate::checkpoint::Checkpointer;
use crate::error::StoreError;
use crate::event_log::EventLog;
use crate::reader::Reader;

/// Takes the steps of a [`Writer`](super::Writer) one at a time, where its threads would take them side by
/// side: every order that they can come in, can be had here, and had again.
///
/// Submissions and batches go through the steps in order. A step that has nothing to do does nothing.
pub struct Stepper {
    decider: Decider,
    appender: Appender,
    publisher: Publisher,
    failure: Arc<Failure>,
    waiting: VecDeque<Job>,
    decided: VecDeque<Decided>,
    durable: VecDeque<Decided>,
}

impl Stepper {
    pub(crate) fn new(
        log: Box<dyn EventLog>,
        state: LedgerState,
        reader: Reader,
        checkpointer: Option<Checkpointer>,
    ) -> Self {
        let failure = Arc::new(Failure::default());
        Self {
            decider: Decider::new(state, log.as_ref(), reader.clone(), Arc::clone(&failure)),
            appender: Appender::new(log, Arc::clone(&failure)),
            publisher: Publisher::new(reader, checkpointer),
            failure,
            waiting: VecDeque::new(),
            decided: VecDeque::new(),
            durable: VecDeque::new(),
        }
    }

    /// Hands in requests, to be decided in order. The queue has no bound here.
    ///
    /// # Errors
    /// [`SubmitError::TooManyRequests`] or [`SubmitError::Stopped`]; the ticket may give the others.
    pub fn submit(&mut self, requests: Vec<Request>) -> Result<Ticket, SubmitError> {
        if requests.len() > SUBMISSION_REQUESTS_MAX {
            return Err(SubmitError::TooManyRequests);
        }
        self.failure.refuse()?;
        let (job, ticket) = Job::new(requests);
        self.waiting.push_back(job);
        Ok(ticket)
    }

    /// Decides the next submissions as one batch, at most so many of them.
    pub fn decide(&mut self, submissions_max: usize, now: Timestamp) {
        let count = submissions_max.min(self.waiting.len());
        let jobs: Vec<Job> = self.waiting.drain(..count).collect();
        if !jobs.is_empty() {
            self.decided.extend(self.decider.decide(jobs, now));
        }
    }

    /// Appends the next batches with one sync, at most so many of them.
    pub fn append(&mut self, batches_max: usize) {
        let count = batches_max.min(self.decided.len());
        let group: Vec<Decided> = self.decided.drain(..count).collect();
        if !group.is_empty() {
            self.durable.extend(self.appender.append(group));
        }
    }

    /// Shows readers the next batch that is durable, and answers it.
    pub fn publish(&mut self) {
        if let Some(decided) = self.durable.pop_front() {
            self.publisher.publish(decided);
        }
    }

    /// Makes durable what the log put off, as the writer does when nothing comes for a while.
    pub fn settle(&mut self) {
        self.appender.settle();
    }

    /// Submissions that wait to be decided, batches that wait for the disk, and batches that wait to be
    /// published.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize, usize) {
        (self.waiting.len(), self.decided.len(), self.durable.len())
    }

    /// Why nothing is accepted any more, if so.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<StoreError>> {
        self.failure.reason()
    }

    /// Takes every step that is left, then closes the log.
    ///
    /// # Errors
    /// The failure that stopped the writer, or what went wrong while closing.
    pub fn close(mut self, now: Timestamp) -> Result<(), StoreError> {
        self.decide(usize::MAX, now);
        self.append(usize::MAX);
        while !self.durable.is_empty() {
            self.publish();
        }
        self.publisher.end();
        if let Some(reason) = self.failure.reason() {
            return Err(StoreError::Stopped { reason });
        }
        self.appender.into_log().close()
    }
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper")
            .field("waiting", &self.waiting())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
