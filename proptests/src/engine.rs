//! The engine as the writer runs it: recall, decide, append. The laws drive it through this.

use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Answer, decide};
use ledger_core::event::Record;
use ledger_core::projection::books::Books;
use ledger_core::state::{LedgerState, Recalled};
use ledger_core::time::Timestamp;

/// A log in memory, the writer's state over it, and a reader's books.
#[derive(Debug, Default)]
pub struct Engine {
    log: Vec<Arc<Record>>,
    state: LedgerState,
    books: Books,
}

impl Engine {
    /// Decides one batch, reading back from the log exactly the records of the recall list.
    pub fn submit(&mut self, requests: Vec<Request>, now: Timestamp) -> Vec<Answer> {
        let recalled = Recalled::new(self.state.recall_list(&requests).into_iter().map(|seq| {
            let place = usize::try_from(seq.0 - 1).expect("a place fits the address space");
            Arc::clone(&self.log[place])
        }));
        let batch = decide(&mut self.state, requests, now, &recalled);
        for record in batch.records {
            self.books.apply(&record);
            self.log.push(Arc::new(record));
        }
        batch.answers
    }

    /// Decides a batch of one.
    ///
    /// # Panics
    /// When the engine does not give exactly one answer.
    pub fn submit_one(&mut self, request: Request, now: Timestamp) -> Answer {
        let mut answers = self.submit(vec![request], now);
        assert_eq!(answers.len(), 1, "every request has one answer");
        answers.remove(0)
    }

    /// A writer and a reader that start from this one's log, with nothing else left of it.
    #[must_use]
    pub fn restarted(self) -> Self {
        let log = self.log;
        let mut books = Books::default();
        for record in &log {
            books.apply(record);
        }
        let state = LedgerState::replay(log.iter().map(AsRef::as_ref));
        Self { log, state, books }
    }

    /// Every record so far.
    pub fn log(&self) -> impl Iterator<Item = &Record> {
        self.log.iter().map(AsRef::as_ref)
    }

    /// The writer's state.
    #[must_use]
    pub fn state(&self) -> &LedgerState {
        &self.state
    }

    /// The reader's books.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }
}
