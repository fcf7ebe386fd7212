//! What was promised, and whether it was kept: the oracles.
//!
//! A reference decides every request once more, one by one and in memory, with no store below. What the
//! writer answers must be its answer, and what an opening finds must be its log: all that was ever
//! acknowledged or shown, and at most what was decided after that, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::{AccountIndex, IssuerIndex};
use ledger_core::money::Unit;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use ledger_core::time::{BusinessDate, Timestamp};

use crate::engine::Engine;
use crate::model::{Model, agreement};

/// An oracle that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken.
    pub oracle: &'static str,
    /// What was found instead.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.what)
    }
}

pub(super) const DURABLE: &str = "O1 durable";
pub(super) const PREFIX: &str = "O2 prefix";
pub(super) const ONCE: &str = "O3 once";
pub(super) const MONEY: &str = "O4 money";
pub(super) const CHAIN: &str = "O5 chain";
pub(super) const SAME: &str = "O6 determinism";
pub(super) const ALIVE: &str = "O8 alive";
pub(super) const LOUD: &str = "O9 loud";

pub(super) fn broken(oracle: &'static str, what: impl Into<String>) -> Violation {
    Violation {
        oracle,
        what: what.into(),
    }
}

/// What the engine owes.
#[derive(Debug)]
pub(super) struct Promise {
    reference: Engine,
    /// The naive model, where the run is short enough for it.
    model: Option<Model>,
    /// Records acknowledged or shown to readers.
    shown: usize,
}

impl Promise {
    pub(super) fn new(with_model: bool) -> Self {
        Self {
            reference: Engine::default(),
            model: with_model.then(Model::default),
            shown: 0,
        }
    }

    /// The answer that this request must get, and the reference goes on from it.
    pub(super) fn expect(
        &mut self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Answer, Violation> {
        let answer = self.reference.submit_one(request.clone(), now);
        if let Some(model) = &mut self.model {
            let expected = model.submit(request, now);
            agreement(&answer, &expected)
                .map_err(|what| broken(MONEY, format!("{what} in answer to {request:?}")))?;
        }
        Ok(answer)
    }

    /// Readers see so many records, and may tell anybody.
    pub(super) fn show(&mut self, records: usize) {
        self.shown = self.shown.max(records);
    }

    pub(super) fn shown(&self) -> usize {
        self.shown
    }

    /// Whether readers that see everything decided see the books of the reference.
    pub(super) fn check_books(&self, books: &Books) -> Result<(), Violation> {
        let seen = books.last_seq().map_or(0, |seq| seq.0);
        if seen == self.reference.records().len() as u64 && books != self.reference.books() {
            return Err(broken(MONEY, "readers see other books than the reference"));
        }
        Ok(())
    }

    /// Whether this is the record at its place, as far as it was shown.
    pub(super) fn check_record(&self, record: &Record) -> Result<(), Violation> {
        let place = usize::try_from(record.seq.0 - 1).ok();
        match place.and_then(|place| self.reference.records().get(place)) {
            Some(expected) if **expected == *record => Ok(()),
            expected => Err(broken(
                "O7 honest reads",
                format!("read {record:?} instead of {expected:?}"),
            )),
        }
    }

    /// Holds what an opening found against everything promised, and takes it for the truth from here on. All
    /// but the first `certain` of the records shown may be missing: that many are those of all times but the
    /// last on a disk that lies, else all.
    pub(super) fn check_recovered(
        &mut self,
        certain: usize,
        records: Vec<Record>,
        state: &LedgerState,
        books: &Books,
    ) -> Result<(), Violation> {
        let expected = self.reference.records();
        for (found, expected) in records.iter().zip(expected) {
            if *found != **expected {
                let oracle = if found.seq.0 <= self.shown as u64 {
                    DURABLE
                } else {
                    PREFIX
                };
                return Err(broken(
                    oracle,
                    format!("found {found:?} instead of {expected:?}"),
                ));
            }
        }
        if records.len() < self.shown.min(certain) {
            let what = format!(
                "{} records are left of {} that were acknowledged or shown",
                records.len(),
                self.shown
            );
            return Err(broken(DURABLE, what));
        }
        if records.len() > expected.len() {
            let extra = &records[expected.len()];
            return Err(broken(PREFIX, format!("nobody sent {extra:?}")));
        }
        check_once(&records)?;
        self.go_on_from(records);
        let replayed = self.reference.state();
        if replayed.portfolio() != state.portfolio() || replayed.last_seq() != state.last_seq() {
            return Err(broken(
                SAME,
                "the writer's state is not the fold of the log",
            ));
        }
        if self.reference.books() != books {
            return Err(broken(
                SAME,
                "the readers' books are not the fold of the log",
            ));
        }
        check_sums(self.reference.records(), books)
    }

    /// Begins anew with these records, all of them promised.
    pub(super) fn go_on_from(&mut self, records: Vec<Record>) {
        self.shown = records.len();
        if let Some(model) = &mut self.model {
            model.truncate(records.len());
        }
        self.reference = Engine::from_log(records.into_iter().map(Arc::new).collect());
    }

    /// The first records.
    pub(super) fn first(&self, records: usize) -> Vec<Record> {
        let first = &self.reference.records()[..records];
        first.iter().map(|record| (**record).clone()).collect()
    }
}

/// No correlation id and no triplet is in the log of an issuer twice.
fn check_once(records: &[Record]) -> Result<(), Violation> {
    let mut correlations = BTreeSet::new();
    let mut triplets = BTreeSet::new();
    for record in records {
        let issuer = record.event.issuer.0;
        if !correlations.insert((issuer, record.event.correlation.0)) {
            return Err(broken(
                ONCE,
                format!("the correlation id was used before: {record:?}"),
            ));
        }
        if let Some(operation) = record.operation() {
            let triplet = operation.triplet;
            let poster = triplet.service_poster.as_str();
            let key = (issuer, triplet.date.0, triplet.reference.as_str(), poster);
            if !triplets.insert(key) {
                return Err(broken(
                    ONCE,
                    format!("the triplet was used before: {record:?}"),
                ));
            }
        }
    }
    Ok(())
}

/// The balance of an account is the sum of its operations whose value date has come, added up here without
/// any code of the engine.
fn check_sums(log: &[Arc<Record>], books: &Books) -> Result<(), Violation> {
    let mut days: BTreeMap<IssuerIndex, BusinessDate> = BTreeMap::new();
    for record in log {
        match &record.event.body {
            EventBody::IssuerConfigured { business_date, .. } => {
                days.insert(record.event.issuer, *business_date);
            }
            EventBody::BusinessDateAdvanced(advance) => {
                days.insert(record.event.issuer, advance.business_date);
            }
            EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OperationPosted { .. }
            | EventBody::OperationReversed { .. }
            | EventBody::OperationRejected { .. }
            | EventBody::AuthorizationRecorded { .. }
            | EventBody::OperationCleared { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => {}
        }
    }
    let mut sums: BTreeMap<AccountIndex, i128> = BTreeMap::new();
    for record in log {
        if let Some(operation) = record.operation()
            && operation.decided.value_date <= days[&record.event.issuer]
            && let Unit::Money = operation.decided.quantity.unit
        {
            let minor = i128::from(operation.decided.quantity.value);
            *sums.entry(operation.decided.account).or_default() += minor;
        }
    }
    for (index, account) in books.portfolio().accounts() {
        let sum = sums.get(&index).copied().unwrap_or(0);
        if account.balance_minor != sum {
            let what = format!(
                "{index:?} has {} where its operations add up to {sum}",
                account.balance_minor
            );
            return Err(broken(MONEY, what));
        }
    }
    Ok(())
}
