//! What deciding needs: the portfolio, and where each idempotency key was used.

use std::collections::HashMap;
use std::sync::Arc;

use crate::command::{AccountAction, Command, PostDetail, Request, Triplet};
use crate::event::Record;
use crate::fingerprint::{Fingerprint, FingerprintIndex};
use crate::ids::{AccountIndex, CorrelationId, IssuerIndex, OperationId, Seq};
use crate::portfolio::Portfolio;
use crate::time::Timestamp;

/// The writer's state: a fold of the log and nothing else.
#[derive(Debug, Clone)]
pub struct LedgerState {
    pub(crate) portfolio: Portfolio,
    pub(crate) correlations: FingerprintIndex,
    pub(crate) triplets: FingerprintIndex,
    pub(crate) last_seq: Seq,
    pub(crate) last_recorded_at: Timestamp,
}

/// Records of the log that deciding a batch may look at, read back beforehand so that deciding
/// itself needs no I/O.
#[derive(Debug, Default)]
pub struct Recalled {
    records: HashMap<Seq, Arc<Record>>,
}

impl Default for LedgerState {
    fn default() -> Self {
        Self {
            portfolio: Portfolio::default(),
            correlations: FingerprintIndex::default(),
            triplets: FingerprintIndex::default(),
            last_seq: Seq(0),
            last_recorded_at: Timestamp(i64::MIN),
        }
    }
}

impl LedgerState {
    /// Folds one record in.
    ///
    /// # Panics
    /// When the record is not the next one, or contradicts the records before it.
    pub fn apply(&mut self, record: &Record) {
        assert_eq!(
            record.seq,
            self.last_seq.next(),
            "records are applied in order"
        );
        let event = &record.event;
        let key = Fingerprint::of_correlation(event.issuer, event.correlation);
        self.correlations.insert(key, record.seq);
        if let Some(operation) = record.operation() {
            let key = Fingerprint::of_triplet(event.issuer, operation.triplet);
            self.triplets.insert(key, record.seq);
        }
        self.portfolio.apply(record, &mut |_, _| {});
        self.last_seq = record.seq;
        self.last_recorded_at = record.recorded_at;
    }

    /// The state after all `records`, from nothing.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut state = Self::default();
        for record in records {
            state.apply(record);
        }
        state
    }

    /// Issuers and accounts.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// Place of the last record applied; zero before the first.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// The records that deciding these requests may look at: those whose keys the requests use.
    ///
    /// This first pass over the batch also brings the index entries into the processor's cache, so
    /// that the second pass, which decides, does not wait for memory one request at a time.
    #[must_use]
    pub fn recall_list(&self, requests: &[Request]) -> Vec<Seq> {
        let mut list = Vec::new();
        let mut correlations = Vec::with_capacity(requests.len());
        let mut triplets = Vec::with_capacity(requests.len());
        for request in requests {
            let action = match &request.command {
                Command::OnAccount(on) => Some(&on.action),
                Command::ConfigureIssuer(_)
                | Command::DefineProduct(_)
                | Command::DefineBonusProgram(_)
                | Command::AdvanceBusinessDate(_)
                | Command::OpenAccount(_) => None,
            };
            // An operation id names a record whoever asks, even an issuer that only an earlier
            // request of this batch creates. Keys of such an issuer cannot have been used yet.
            let rewarded = action.and_then(rewarded_id).map(OperationId::seq);
            list.extend(rewarded.filter(|seq| *seq <= self.last_seq));
            let Some(issuer) = self.portfolio.issuer_index(&request.issuer) else {
                continue;
            };
            correlations.push(Fingerprint::of_correlation(issuer, request.correlation));
            let named = action.map(triplets_of).into_iter().flatten().flatten();
            triplets.extend(named.map(|triplet| Fingerprint::of_triplet(issuer, triplet)));
        }
        // Looked up in loops of their own: they are so short that the processor waits for several
        // entries at a time.
        list.extend(
            correlations
                .into_iter()
                .flat_map(|key| self.correlations.candidates(key)),
        );
        list.extend(
            triplets
                .into_iter()
                .flat_map(|key| self.triplets.candidates(key)),
        );
        list.sort_unstable();
        list.dedup();
        list
    }
}

impl Recalled {
    /// Keeps the records read back.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Arc<Record>>) -> Self {
        Self {
            records: records
                .into_iter()
                .map(|record| (record.seq, record))
                .collect(),
        }
    }
}

/// Where records of one batch are looked up: those read back, and those the batch has made so far.
pub(crate) struct Lookup<'a> {
    pub(crate) recalled: &'a Recalled,
    pub(crate) batch: &'a [Record],
}

impl<'a> Lookup<'a> {
    fn record(&self, seq: Seq) -> &'a Record {
        if let Some(first) = self.batch.first()
            && seq >= first.seq
        {
            let place = usize::try_from(seq.0 - first.seq.0).expect("a batch fits in memory");
            return &self.batch[place];
        }
        self.recalled
            .records
            .get(&seq)
            .expect("the recall list named every record needed")
    }

    /// The record of an issuer's correlation id.
    pub(crate) fn by_correlation(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        correlation: CorrelationId,
    ) -> Option<&'a Record> {
        let key = Fingerprint::of_correlation(issuer, correlation);
        state
            .correlations
            .candidates(key)
            .map(|seq| self.record(seq))
            .find(|record| record.event.issuer == issuer && record.event.correlation == correlation)
    }

    /// The record that posted the operation with this triplet.
    pub(crate) fn by_triplet(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        triplet: &Triplet,
    ) -> Option<&'a Record> {
        let key = Fingerprint::of_triplet(issuer, triplet);
        state
            .triplets
            .candidates(key)
            .map(|seq| self.record(seq))
            .find(|record| {
                record.event.issuer == issuer
                    && record
                        .operation()
                        .is_some_and(|operation| operation.triplet == triplet)
            })
    }

    /// The account of the operation with this id, if it is one of the issuer's.
    pub(crate) fn account_of(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        id: OperationId,
    ) -> Option<AccountIndex> {
        if id.seq() > state.last_seq || id.seq() == Seq(0) {
            return None;
        }
        let record = self.record(id.seq());
        let operation = record.operation()?;
        (record.event.issuer == issuer).then_some(operation.decided.account)
    }
}

fn triplets_of(action: &AccountAction) -> [Option<&Triplet>; 2] {
    match action {
        AccountAction::SetCreditLimit(_) | AccountAction::Close => [None, None],
        AccountAction::Post(post) => {
            let rewarded = match &post.detail {
                PostDetail::Bonus(bonus) => bonus.rewarded_triplet.as_ref(),
                PostDetail::Fee(_)
                | PostDetail::Interest(_)
                | PostDetail::Payment(_)
                | PostDetail::BalanceAdjustment { .. }
                | PostDetail::Reimbursement(_)
                | PostDetail::Load(_)
                | PostDetail::Unload
                | PostDetail::Transaction(_) => None,
            };
            [Some(&post.triplet), rewarded]
        }
        AccountAction::Reverse(reverse) => [Some(&reverse.triplet), Some(&reverse.matching)],
    }
}

fn rewarded_id(action: &AccountAction) -> Option<OperationId> {
    let AccountAction::Post(post) = action else {
        return None;
    };
    let PostDetail::Bonus(bonus) = &post.detail else {
        return None;
    };
    bonus.rewarded_operation
}
