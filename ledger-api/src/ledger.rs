//! The ledger as a library: open it, submit commands, ask, close it.

use std::path::Path;

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::time::Timestamp;
use ledger_store::backup::{self, BackedUp};
use ledger_store::event_log::EventLog;
use ledger_store::reader::Reader;
use ledger_store::recovery;
use ledger_store::verify::{self, Verified};
use ledger_store::writer::{Appended, SUBMISSION_REQUESTS_MAX, Ticket, Writer};
use ledger_store::{LogOptions, MemLog, StoreError, StoreKind};

use crate::clock;
use crate::error::ApiError;
use crate::line;
use crate::status::Status;

/// An open ledger. Share it between threads behind an `Arc`; one process has it open at a time.
#[derive(Debug)]
pub struct Ledger {
    writer: Writer,
    reader: Reader,
    store: Option<StoreKind>,
}

/// Memory that grows with the number of operations, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retained {
    /// For correlation ids.
    pub correlation_bytes: usize,
    /// For triplets.
    pub triplet_bytes: usize,
    /// For account histories.
    pub history_bytes: usize,
}

impl Retained {
    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.correlation_bytes + self.triplet_bytes + self.history_bytes
    }
}

/// How a ledger is opened.
pub struct LedgerOptions {
    /// The store its log must be kept in. Without one, an existing ledger is taken as it is, and a new
    /// one is kept in sled.
    pub store: Option<StoreKind>,
    /// The clock. Replays and tests choose their time.
    pub now: Box<dyn FnMut() -> Timestamp + Send>,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            store: None,
            now: Box::new(clock::now),
        }
    }
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger in a directory, creating it if there is none, from its checkpoint and what the
    /// log has after it.
    ///
    /// # Errors
    /// [`StoreError`]: the directory is in use, cannot be read or written, or is damaged; damage is
    /// named by file or record.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(dir, LedgerOptions::default())
    }

    /// Opens the ledger with another clock, for replays and tests that choose their time.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_clock(
        dir: impl AsRef<Path>,
        now: impl FnMut() -> Timestamp + Send + 'static,
    ) -> Result<Self, StoreError> {
        let options = LedgerOptions {
            now: Box::new(now),
            ..LedgerOptions::default()
        };
        Self::open_with(dir, options)
    }

    /// Opens the ledger in a chosen store, and with a chosen clock.
    ///
    /// # Errors
    /// As [`Self::open`], and [`StoreError::StoreKindMismatch`] when it is kept in another store.
    pub fn open_with(dir: impl AsRef<Path>, options: LedgerOptions) -> Result<Self, StoreError> {
        let log_options = LogOptions {
            store: options.store,
            ..LogOptions::default()
        };
        let recovered = recovery::recover_with(dir.as_ref(), log_options)?;
        let store = Some(recovered.log.store());
        let (writer, reader) = recovered.start(options.now);
        Ok(Self {
            writer,
            reader,
            store,
        })
    }

    /// A ledger that keeps nothing, for tests and for trying things out.
    #[must_use]
    pub fn in_memory(now: impl FnMut() -> Timestamp + Send + 'static) -> Self {
        let log = MemLog::new();
        let reader = Reader::new(Default::default(), log.reader());
        let writer = Writer::start(Box::new(log), Default::default(), reader.clone(), now);
        Self {
            writer,
            reader,
            store: None,
        }
    }

    /// Carries out one command; returns once its answer is durable. Blocks; not for async code.
    ///
    /// A refusal by a business rule is an [`Answer`], not an error.
    ///
    /// # Errors
    /// [`ApiError::Submit`] when there is no answer.
    pub fn submit(&self, request: Request) -> Result<Answer, ApiError> {
        Ok(only(self.ticket(vec![request])?.wait()?))
    }

    /// As [`Self::submit`], for async code.
    ///
    /// # Errors
    /// [`ApiError::Submit`] when there is no answer.
    pub async fn submit_async(&self, request: Request) -> Result<Answer, ApiError> {
        Ok(only(self.ticket(vec![request])?.answers().await?))
    }

    /// Carries out commands in order, as many as there are; waits for room where too many wait.
    /// Blocks; not for async code.
    ///
    /// # Errors
    /// [`ApiError::Submit`] when answers are missing. Commands before the failure may have been
    /// carried out; submitting all again after reopening is safe.
    pub fn submit_many(&self, requests: Vec<Request>) -> Result<Vec<Answer>, ApiError> {
        let mut answers = Vec::with_capacity(requests.len());
        for ticket in self.tickets(requests)? {
            answers.extend(ticket.wait()?);
        }
        Ok(answers)
    }

    /// Carries out at most [`SUBMISSION_REQUESTS_MAX`] commands in order, for async code. Refused as
    /// busy where too many wait.
    ///
    /// # Errors
    /// As [`Self::submit_many`].
    pub async fn submit_many_async(&self, requests: Vec<Request>) -> Result<Vec<Answer>, ApiError> {
        Ok(self.ticket(requests)?.answers().await?)
    }

    /// Carries out one command given as a line of the replay format.
    ///
    /// # Errors
    /// [`ApiError::Rejected`] when the line cannot be read; otherwise as [`Self::submit`].
    pub fn execute(&self, line: &str) -> Result<Answer, ApiError> {
        self.submit(line::parse(line)?.request)
    }

    /// Hands in at most [`SUBMISSION_REQUESTS_MAX`] commands without waiting for their answers.
    ///
    /// # Errors
    /// [`ApiError::Submit`] when they are not taken.
    pub fn ticket(&self, requests: Vec<Request>) -> Result<Ticket, ApiError> {
        Ok(self.writer.submit(requests)?)
    }

    /// As [`Self::ticket`], but waits for room instead of being refused as busy. For batch work.
    ///
    /// # Errors
    /// [`ApiError::Submit`] when they are not taken.
    pub fn ticket_when_free(&self, requests: Vec<Request>) -> Result<Ticket, ApiError> {
        Ok(self.writer.submit_when_free(requests)?)
    }

    /// The books of everything durable, and the records behind them.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The store that the log is kept in; none for a ledger that keeps nothing.
    #[must_use]
    pub fn store(&self) -> Option<StoreKind> {
        self.store
    }

    /// Memory held for every operation there ever was: to know its keys again, and to answer for any
    /// day of its account's history. Goes over all accounts.
    #[must_use]
    pub fn retained(&self) -> Retained {
        let keys = self.writer.retained();
        Retained {
            correlation_bytes: keys.correlations,
            triplet_bytes: keys.triplets,
            history_bytes: self.reader.books().retained_bytes(),
        }
    }

    /// Whether commands are accepted; after a failure of the disk they are not, and queries show what
    /// was durable by then.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.writer.failure() {
            None => Status::Accepting,
            Some((reason, at)) => {
                let ago = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
                let since = Timestamp(clock::now().0.saturating_sub(ago));
                Status::ReadOnly { reason, since }
            }
        }
    }

    /// Backs up everything that is durable at this moment into another directory, while posting and
    /// queries go on. A backup of this ledger that is there already is continued. `store` is that of a
    /// new backup; absent: this ledger's.
    ///
    /// `progress` is told the records backed up so far and how many there will be.
    ///
    /// # Errors
    /// [`StoreError::OtherLog`] when the directory has another ledger, or more than this one;
    /// [`StoreError::Io`] when there is anything else in it or the disk fails.
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        store: Option<StoreKind>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackedUp, StoreError> {
        let options = LogOptions {
            store,
            ..LogOptions::default()
        };
        let own_store = self.store.unwrap_or_default();
        backup::back_up(&self.reader, own_store, to.as_ref(), options, progress)
    }

    /// What became durable since it was opened, how often that took a sync and how long.
    #[must_use]
    pub fn appended(&self) -> Appended {
        self.writer.appended()
    }

    /// How many requests wait to be decided. Where it nears its bound, `QUEUE_REQUESTS_MAX`, submissions are
    /// about to be refused as busy.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Recomputes every checksum, the hash chain, every balance and the trial balance from the log.
    ///
    /// # Errors
    /// [`StoreError`], naming the first thing that is not as it must be.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        verify::verify(&self.reader)
    }

    /// Closes the ledger once everything submitted is answered.
    ///
    /// Dropping a ledger is safe too, but leaves it as a crash would: the next opening takes longer,
    /// and cannot check the files against how they were closed.
    ///
    /// # Errors
    /// The failure that stopped the writer, or what went wrong while closing.
    pub fn close(self) -> Result<(), StoreError> {
        self.writer.close()
    }

    fn tickets(&self, mut requests: Vec<Request>) -> Result<Vec<Ticket>, ApiError> {
        let mut tickets = Vec::new();
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(SUBMISSION_REQUESTS_MAX));
            tickets.push(self.ticket_when_free(requests)?);
            requests = rest;
        }
        Ok(tickets)
    }
}

fn only(answers: Vec<Answer>) -> Answer {
    answers
        .into_iter()
        .next()
        .expect("one request has one answer")
}
