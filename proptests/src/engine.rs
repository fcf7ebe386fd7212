//! The engine as the writer runs it: recall, decide, append. The laws drive it through this.

use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Answer, decide};
use ledger_core::event::Record;
use ledger_core::fingerprint::FingerprintIndex;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::CaseFiles;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::restoration::RestoredHistories;
use ledger_core::projection::timeline::Timeline;
use ledger_core::state::{LedgerState, Recalled, RecordKeys};
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
        Self::from_log(self.log)
    }

    /// A writer and a reader restored from the gists of the records before `end`, taken in chunks of
    /// `chunk` records as a checkpoint would, and from the records after that.
    #[must_use]
    pub fn restored(self, chunk: usize, end: usize) -> Self {
        let log = self.log;
        let (before, after) = log.split_at(end);
        let mut portfolio = Portfolio::default();
        let mut case_files = CaseFiles::default();
        let mut timeline = Timeline::default();
        let mut counts = Vec::new();
        for account in before.iter().filter_map(|record| record.account()) {
            let place = usize::try_from(account.0).expect("a place fits the address space");
            counts.resize(counts.len().max(place + 1), 0);
            counts[place] = u8::saturating_add(counts[place], 1);
        }
        let mut histories = RestoredHistories::with_room(&counts);
        let mut folded = Books::default();
        for records in before.chunks(chunk) {
            let gists: Vec<_> = records.iter().map(|record| Gist::of(record)).collect();
            let whole = records.iter().map(AsRef::as_ref).zip(&gists);
            let whole = whole.filter(|(_, gist)| gist.needs_record());
            for (record, _) in whole {
                portfolio.restore(record);
                case_files.add(&portfolio, record);
                timeline.add(record);
            }
            histories.restore(&gists);
            records.iter().for_each(|record| folded.apply(record));
        }
        portfolio.restore_plain(&histories);
        // A checkpoint has the totals as they were at its end.
        let totals = folded.general_ledger().totals().to_vec();
        let mut books = before.last().map_or_else(Books::default, |last| {
            Books::restored(portfolio, case_files, timeline, histories, totals, last.seq)
        });
        let keys = before.iter().map(|r| (RecordKeys::of(r), r.seq));
        let triplets = keys.clone();
        let mut room = Vec::new();
        let mut state = before.last().map_or_else(LedgerState::default, |last| {
            LedgerState::restored(
                books.portfolio().clone(),
                FingerprintIndex::of(keys.map(|(keys, seq)| (keys.correlation, seq)), &mut room),
                FingerprintIndex::of(
                    triplets.filter_map(|(keys, seq)| keys.triplet.map(|key| (key, seq))),
                    &mut room,
                ),
                last.seq,
                last.recorded_at,
            )
        });
        for record in after {
            state.apply(record);
            books.apply(record);
        }
        Self { log, state, books }
    }

    /// A writer and a reader that start from this log.
    #[must_use]
    pub fn from_log(log: Vec<Arc<Record>>) -> Self {
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

    /// Every record so far, by place.
    #[must_use]
    pub fn records(&self) -> &[Arc<Record>] {
        &self.log
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
