//! The engine as the writer runs it: recall, decide, append. The laws drive it through this.

use std::mem;
use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::{Answer, Batch, Records, decide_prepared};
use ledger_core::event::Record;
use ledger_core::fingerprint::{FingerprintIndex, KeysByShard};
use ledger_core::ids::AccountIndex;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::CaseFiles;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::restoration::RestoredBand;
use ledger_core::projection::timeline::Timeline;
use ledger_core::state::{LedgerState, Prepared, Recalled, RecordKeys};
use ledger_core::time::Timestamp;

/// A log in memory, the writer's state over it, and a reader's books.
#[derive(Debug, Default)]
pub struct Engine {
    log: Vec<Arc<Record>>,
    state: LedgerState,
    books: Books,
    /// The records of the batch before, over which the next are written.
    earlier: Vec<Record>,
}

impl Engine {
    /// Decides one batch, reading back from the log exactly the records of the recall list.
    pub fn submit(&mut self, mut requests: Vec<Request>, now: Timestamp) -> Vec<Answer> {
        let mut prepared = Prepared::default();
        self.state.prepare(&requests, &mut prepared);
        let recalled = Recalled::new(prepared.recall_list().iter().map(|seq| {
            let place = usize::try_from(seq.0 - 1).expect("a place fits the address space");
            Arc::clone(&self.log[place])
        }));
        let mut batch = Batch {
            records: Records::over(mem::take(&mut self.earlier)),
            ..Batch::default()
        };
        decide_prepared(
            &mut self.state,
            &mut requests,
            &prepared,
            now,
            &recalled,
            &mut batch,
        );
        self.earlier = batch.records.into_vec();
        for record in &self.earlier {
            self.books.apply(record);
            self.log.push(Arc::new(record.clone()));
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

    /// A writer and a reader restored as from a checkpoint of the records before `end`, in bands of so many
    /// accounts, and from the records after that.
    #[must_use]
    pub fn restored(self, band_accounts: usize, end: usize) -> Self {
        let log = self.log;
        let (before, after) = log.split_at(end);
        let mut portfolio = Portfolio::default();
        let mut case_files = CaseFiles::default();
        let mut timeline = Timeline::default();
        let mut folded = Books::default();
        let mut gists = Vec::new();
        for record in before {
            let gist = Gist::of(record);
            if gist.needs_record() {
                portfolio.restore(record);
                case_files.add(&portfolio, record);
                timeline.add(record);
            }
            gists.push(gist);
            folded.apply(record);
        }
        let bands = restored_bands(&gists, band_accounts);
        bands.iter().for_each(|band| portfolio.restore_plain(band));
        // A checkpoint has the totals as they were at its end.
        let totals = folded.general_ledger().totals().to_vec();
        let mut books = before.last().map_or_else(Books::default, |last| {
            Books::restored(portfolio, case_files, timeline, bands, totals, last.seq)
        });
        let keys = before.iter().map(|r| (RecordKeys::of(r), r.seq));
        let correlations = keys.clone().map(|(keys, seq)| (keys.correlation, seq));
        let triplets = keys.filter_map(|(keys, seq)| keys.triplet.map(|key| (key, seq)));
        let mut state = before.last().map_or_else(LedgerState::default, |last| {
            LedgerState::restored(
                books.portfolio().clone(),
                FingerprintIndex::of(&[KeysByShard::of(correlations)]),
                FingerprintIndex::of(&[KeysByShard::of(triplets)]),
                last.seq,
                last.recorded_at,
            )
        });
        for record in after {
            state.apply(record);
            books.apply(record);
        }
        Self {
            log,
            state,
            books,
            earlier: Vec::new(),
        }
    }

    /// A writer and a reader that start from this log.
    #[must_use]
    pub fn from_log(log: Vec<Arc<Record>>) -> Self {
        // Many at a time, as an opening does; whoever posts folds records one by one, and the two are compared.
        let (mut state, mut books) = (LedgerState::default(), Books::default());
        let records: Vec<Record> = log.iter().map(|record| record.as_ref().clone()).collect();
        let keys: Vec<_> = records.iter().map(RecordKeys::of).collect();
        state.apply_all(&records, &keys);
        books.apply_all(&records);
        Self {
            log,
            state,
            books,
            earlier: Vec::new(),
        }
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

/// The bands of what these gists tell; those of which nothing is told are left out.
fn restored_bands(gists: &[Gist], band_accounts: usize) -> Vec<RestoredBand> {
    let last = gists.iter().filter_map(account_of).max();
    let accounts = (0..last.map_or(0, |last| last.0 + 1)).map(AccountIndex);
    let accounts: Vec<_> = accounts.collect();
    let mut bands = Vec::new();
    for band in accounts.chunks(band_accounts) {
        let on = |account: &AccountIndex| {
            let on = gists
                .iter()
                .filter(|gist| account_of(gist) == Some(*account));
            u8::try_from(on.count()).unwrap_or(u8::MAX)
        };
        let mut counts: Vec<u8> = band.iter().map(on).collect();
        while counts.last() == Some(&0) {
            counts.pop();
        }
        if counts.is_empty() {
            continue;
        }
        let mut restored = RestoredBand::with_room(band[0], counts);
        let of_band = |gist: &&Gist| account_of(gist).is_some_and(|on| band.contains(&on));
        let gists = gists.iter().filter(of_band);
        gists.for_each(|gist| restored.restore(*gist));
        bands.push(restored);
    }
    bands
}

fn account_of(gist: &Gist) -> Option<AccountIndex> {
    match gist {
        Gist::Plain { account, .. }
        | Gist::Operation { account, .. }
        | Gist::Refused { account, .. } => Some(*account),
        Gist::Other => None,
    }
}
