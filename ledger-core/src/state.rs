//! What deciding needs: the portfolio, and where each idempotency key was used.

use std::collections::HashMap;
use std::hint::black_box;
use std::iter;
use std::sync::Arc;

use crate::authorization::SecondKey;
use crate::command::{
    AccountAction, AccountSelector, Command, OnAccount, PostDetail, Request, Triplet,
};
use crate::event::Record;
use crate::fingerprint::{Fingerprint, FingerprintIndex};
use crate::ids::{AccountIndex, CorrelationId, IssuerIndex, OperationId, Seq};
use crate::portfolio::{Portfolio, TOUCHED_RECORDS_MAX};
use crate::text::IssuerId;
use crate::time::{DayMemory, Timestamp};

/// The writer's state: a fold of the log and nothing else.
#[derive(Debug, Clone)]
pub struct LedgerState {
    pub(crate) portfolio: Portfolio,
    pub(crate) correlations: FingerprintIndex,
    pub(crate) triplets: FingerprintIndex,
    pub(crate) last_seq: Seq,
    pub(crate) last_recorded_at: Timestamp,
}

/// What a first pass over some requests finds out, so that the pass that decides them computes no hash
/// twice and waits for no memory. Keep one and use it again; it keeps its memory.
#[derive(Debug, Default)]
pub struct Prepared {
    pub(crate) keys: Vec<RequestKeys>,
    /// Fingerprints of the issuers' own references of accounts.
    externals: Vec<Option<Fingerprint>>,
    list: Vec<Seq>,
    pub(crate) days: DayMemory,
}

/// What a request names, as far as it was known before the requests in front of it were decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestKeys {
    pub(crate) issuer: Option<IssuerIndex>,
    pub(crate) account: Option<AccountIndex>,
    /// Whether the records under these keys were put on the recall list.
    looked_up: bool,
    correlation: Fingerprint,
    /// The triplet, or other name outside, that it would take.
    triplet: Option<Fingerprint>,
    /// The triplet it refers to.
    matching: Option<Fingerprint>,
}

/// The keys that a record takes in the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordKeys {
    /// Of its correlation id.
    pub correlation: Fingerprint,
    /// Of its triplet, if it posts an operation; of its transaction id or its reference, if it is a
    /// message of the authorization system or an offline reservation.
    pub triplet: Option<Fingerprint>,
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
        self.apply_keyed(record, RecordKeys::of(record));
    }

    /// Folds one record in whose keys are at hand.
    ///
    /// # Panics
    /// As [`Self::apply`].
    pub fn apply_keyed(&mut self, record: &Record, keys: RecordKeys) {
        assert_eq!(
            record.seq,
            self.last_seq.next(),
            "records are applied in order"
        );
        self.correlations.insert(keys.correlation, record.seq);
        if let Some(triplet) = keys.triplet {
            self.triplets.insert(triplet, record.seq);
        }
        self.portfolio.apply(record, &mut |_, _| {});
        self.last_seq = record.seq;
        self.last_recorded_at = record.recorded_at;
    }

    /// Folds records in, in order, whose keys are at hand. Of many at a time it is read first what is about to change.
    ///
    /// # Panics
    /// As [`Self::apply`], or when there are not as many keys. [`Self::last_seq`] is then the record before.
    pub fn apply_all(&mut self, records: &[Record], keys: &[RecordKeys]) {
        assert_eq!(records.len(), keys.len(), "each record has its keys");
        let keys = keys.chunks(TOUCHED_RECORDS_MAX);
        for (records, keys) in records.chunks(TOUCHED_RECORDS_MAX).zip(keys) {
            let accounts = records.iter().filter_map(Record::account);
            self.touch_all(
                keys.iter().map(|keys| keys.correlation),
                keys.iter().filter_map(|keys| keys.triplet),
                accounts.filter(|account| self.portfolio.has(*account)),
            );
            for (record, keys) in records.iter().zip(keys) {
                self.apply_keyed(record, *keys);
            }
        }
    }

    /// The state after all `records`, from nothing.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut state = Self::default();
        for record in records {
            state.apply(record);
        }
        state
    }

    /// The state of which these are the parts, as of the record at `last_seq`.
    #[must_use]
    pub fn restored(
        portfolio: Portfolio,
        correlations: FingerprintIndex,
        triplets: FingerprintIndex,
        last_seq: Seq,
        last_recorded_at: Timestamp,
    ) -> Self {
        Self {
            portfolio,
            correlations,
            triplets,
            last_seq,
            last_recorded_at,
        }
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

    /// Memory held to know every correlation id and every triplet again, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> RetainedKeys {
        RetainedKeys {
            correlations: self.correlations.retained_bytes(),
            triplets: self.triplets.retained_bytes(),
        }
    }

    /// The records that deciding these requests may look at: those whose keys the requests use.
    #[must_use]
    pub fn recall_list(&self, requests: &[Request]) -> Vec<Seq> {
        let mut prepared = Prepared::default();
        self.prepare(requests, &mut prepared);
        prepared.list
    }

    /// The first pass over some requests: hashes their keys, finds the records that deciding them may
    /// look at, and brings what deciding will read into the processor's cache.
    ///
    /// Each of the loops below does one thing for all requests. They are so short that the processor
    /// runs ahead in them, and waits for many places in memory at a time instead of for one.
    pub fn prepare(&self, requests: &[Request], prepared: &mut Prepared) {
        let Prepared {
            keys,
            externals,
            list,
            ..
        } = prepared;
        keys.clear();
        externals.clear();
        list.clear();
        let mut last: Option<(&IssuerId, Option<IssuerIndex>)> = None;
        for request in requests {
            let issuer = match last {
                // Requests of one issuer tend to come together.
                Some((id, issuer)) if *id == request.issuer => issuer,
                Some(_) | None => self.portfolio.issuer_index(&request.issuer),
            };
            last = Some((&request.issuer, issuer));
            // Made in their place: moved there, they would be read before they are wholly written.
            keys.extend(iter::once_with(|| RequestKeys::of(request, issuer)));
            externals.push(
                issuer.and_then(|issuer| match selector_of(&request.command)? {
                    AccountSelector::External(reference) => {
                        Some(Fingerprint::of_external(issuer, reference))
                    }
                    AccountSelector::Reference(_) => None,
                }),
            );
            // An operation id names a record whoever asks, even an issuer that only an earlier
            // request of this batch creates. Keys of such an issuer cannot have been used yet.
            let rewarded = action_of(&request.command).and_then(rewarded_id);
            list.extend(
                rewarded
                    .map(OperationId::seq)
                    .filter(|seq| *seq <= self.last_seq),
            );
        }
        let mut touched = 0;
        for external in externals.iter().flatten() {
            touched ^= i128::from(self.portfolio.by_external.touch(*external));
        }
        for external in externals.iter().flatten() {
            let mut accounts = self.portfolio.with_external(*external);
            // What its reference will be compared with.
            touched ^= accounts
                .next()
                .map_or(0, |account| self.portfolio.touch(account));
        }
        for ((keys, external), request) in keys.iter_mut().zip(externals).zip(requests) {
            keys.account = keys
                .issuer
                .and_then(|issuer| self.account_named(issuer, &request.command, *external));
        }
        black_box(touched);
        self.touch_all(
            keys.iter().map(|keys| keys.correlation),
            keys.iter().filter_map(|keys| keys.triplet),
            keys.iter().filter_map(|keys| keys.account),
        );
        for keys in keys.iter().filter(|keys| keys.issuer.is_some()) {
            for seq in self.correlations.candidates(keys.correlation) {
                list.push(seq);
            }
            for key in [keys.triplet, keys.matching].into_iter().flatten() {
                for seq in self.triplets.candidates(key) {
                    list.push(seq);
                }
            }
        }
        list.sort_unstable();
        list.dedup();
    }

    /// Brings what these keys lead to, and these accounts, into the processor's cache.
    fn touch_all(
        &self,
        correlations: impl Iterator<Item = Fingerprint>,
        triplets: impl Iterator<Item = Fingerprint>,
        accounts: impl Iterator<Item = AccountIndex>,
    ) {
        let mut touched = 0;
        for key in correlations {
            touched ^= i128::from(self.correlations.touch(key));
        }
        for key in triplets {
            touched ^= i128::from(self.triplets.touch(key));
        }
        for account in accounts {
            touched ^= self.portfolio.touch(account);
        }
        black_box(touched);
    }

    /// Reads the places of the keys and the account of a request once more, shortly before it is decided:
    /// [`Self::prepare`] has read them, but a busy neighbour may have pushed them out of the nearest cache since.
    pub(crate) fn touch(&self, keys: &RequestKeys) {
        self.touch_all(
            iter::once(keys.correlation),
            keys.triplet.into_iter(),
            keys.account.into_iter(),
        );
    }

    /// The account that a command names, if it names one that exists. The fingerprint is that of the issuer's
    /// own reference, where it is at hand.
    fn account_named(
        &self,
        issuer: IssuerIndex,
        command: &Command,
        external: Option<Fingerprint>,
    ) -> Option<AccountIndex> {
        match selector_of(command)? {
            AccountSelector::Reference(reference) => {
                self.portfolio.by_reference(issuer, *reference)
            }
            AccountSelector::External(reference) => {
                let fingerprint =
                    external.unwrap_or_else(|| Fingerprint::of_external(issuer, reference));
                let portfolio = &self.portfolio;
                portfolio.by_hashed_external(issuer, reference, fingerprint)
            }
        }
    }
}

/// How a command names the account that it is on.
fn selector_of(command: &Command) -> Option<&AccountSelector> {
    let Command::OnAccount(OnAccount { account, .. }) = command else {
        return None;
    };
    Some(account)
}

/// Memory held for idempotency, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetainedKeys {
    /// For correlation ids.
    pub correlations: usize,
    /// For triplets.
    pub triplets: usize,
}

impl Prepared {
    /// The records that deciding may look at, in order.
    #[must_use]
    pub fn recall_list(&self) -> &[Seq] {
        &self.list
    }
}

impl RequestKeys {
    /// The keys of a request of an issuer; of one that does not exist yet they mean nothing.
    #[inline]
    pub(crate) fn of(request: &Request, issuer: Option<IssuerIndex>) -> Self {
        let index = issuer.unwrap_or(IssuerIndex(u32::MAX));
        let action = action_of(&request.command);
        let own = action.and_then(AccountAction::second_key);
        let matching = action.and_then(matching_triplet);
        let fingerprint = |triplet| Fingerprint::of_triplet(index, triplet);
        Self {
            issuer,
            account: None,
            looked_up: issuer.is_some(),
            correlation: Fingerprint::of_correlation(index, request.correlation),
            triplet: own.map(|key| Fingerprint::of_second_key(index, key)),
            matching: matching.filter(|_| issuer.is_some()).map(fingerprint),
        }
    }

    /// These keys, with what the requests decided meanwhile may have brought into being; nothing where all was
    /// there.
    pub(crate) fn known_now(&self, state: &LedgerState, request: &Request) -> Option<Self> {
        if self.issuer.is_some() && self.account.is_some() {
            return None;
        }
        let mut keys = *self;
        if keys.issuer.is_none() {
            keys = Self {
                looked_up: false,
                ..Self::of(request, state.portfolio.issuer_index(&request.issuer))
            };
        }
        if keys.account.is_none() {
            let issuer = keys.issuer;
            keys.account =
                issuer.and_then(|issuer| state.account_named(issuer, &request.command, None));
        }
        Some(keys)
    }

    /// The keys that the record of this request takes.
    pub(crate) fn of_record(&self, record: &Record) -> RecordKeys {
        if self.issuer != Some(record.event.issuer) {
            // The record itself brings the issuer into being.
            return RecordKeys::of(record);
        }
        RecordKeys {
            correlation: self.correlation,
            triplet: self.triplet.filter(|_| record.second_key().is_some()),
        }
    }
}

impl RecordKeys {
    /// The keys of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let event = &record.event;
        let second = record.second_key();
        Self {
            correlation: Fingerprint::of_correlation(event.issuer, event.correlation),
            triplet: second.map(|key| Fingerprint::of_second_key(event.issuer, key)),
        }
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

/// Where records are looked up for one request: those read back, and those the batch has made so far.
pub(crate) struct Lookup<'a> {
    pub(crate) keys: &'a RequestKeys,
    pub(crate) recalled: &'a Recalled,
    pub(crate) batch: &'a [Record],
}

impl<'a> Lookup<'a> {
    /// A record that a key suggests. Nothing when it lies before the batch and the key's issuer came into
    /// being in this go: then it is another issuer's, whose key only has the same hash.
    fn record(&self, seq: Seq) -> Option<&'a Record> {
        if let Some(first) = self.batch.first()
            && seq >= first.seq
        {
            let place = usize::try_from(seq.0 - first.seq.0).expect("a batch fits in memory");
            return Some(&self.batch[place]);
        }
        let recalled = self.recalled.records.get(&seq).map(AsRef::as_ref);
        assert!(
            recalled.is_some() || !self.keys.looked_up,
            "the recall list named every record needed"
        );
        recalled
    }

    /// The record of an issuer's correlation id.
    pub(crate) fn by_correlation(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        correlation: CorrelationId,
    ) -> Option<&'a Record> {
        state
            .correlations
            .candidates(self.keys.correlation)
            .filter_map(|seq| self.record(seq))
            .find(|record| record.event.issuer == issuer && record.event.correlation == correlation)
    }

    /// The record that has taken the name outside that the request would take.
    pub(crate) fn by_own_key(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        key: SecondKey<'_>,
    ) -> Option<&'a Record> {
        self.by_second_key(state, issuer, key, self.keys.triplet?)
    }

    /// The record that posted the operation with the triplet that the request refers to.
    pub(crate) fn by_matching_triplet(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        triplet: &Triplet,
    ) -> Option<&'a Record> {
        let key = SecondKey::Triplet(triplet);
        self.by_second_key(state, issuer, key, self.keys.matching?)
    }

    fn by_second_key(
        &self,
        state: &LedgerState,
        issuer: IssuerIndex,
        key: SecondKey<'_>,
        fingerprint: Fingerprint,
    ) -> Option<&'a Record> {
        state
            .triplets
            .candidates(fingerprint)
            .filter_map(|seq| self.record(seq))
            .find(|record| record.event.issuer == issuer && record.second_key() == Some(key))
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
        let record = self.record(id.seq())?;
        let operation = record.operation()?;
        (record.event.issuer == issuer).then_some(operation.decided.account)
    }
}

fn action_of(command: &Command) -> Option<&AccountAction> {
    match command {
        Command::OnAccount(on) => Some(&on.action),
        Command::ConfigureIssuer(_)
        | Command::DefineProduct(_)
        | Command::DefineBonusProgram(_)
        | Command::AdvanceBusinessDate(_)
        | Command::OpenAccount(_) => None,
    }
}

/// The triplet that an action refers to.
fn matching_triplet(action: &AccountAction) -> Option<&Triplet> {
    match action {
        AccountAction::SetCreditLimit(_)
        | AccountAction::Close
        | AccountAction::RecordAuthorization(_)
        | AccountAction::CreateOfflineReservation(_)
        | AccountAction::CancelOfflineReservation(_) => None,
        AccountAction::Post(post) => match &post.detail {
            PostDetail::Bonus(bonus) => bonus.rewarded_triplet.as_ref(),
            PostDetail::Fee(_)
            | PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::BalanceAdjustment { .. }
            | PostDetail::Reimbursement(_)
            | PostDetail::Load(_)
            | PostDetail::Unload
            | PostDetail::Transaction(_)
            | PostDetail::ResetBalance
            | PostDetail::Clearing(_) => None,
        },
        AccountAction::Reverse(reverse) => Some(&reverse.matching),
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

#[cfg(test)]
mod tests {
    use crate::command::{ConfigureIssuer, DefineBonusProgram, ReversalValueDating};
    use crate::decide::decide;
    use crate::text::BonusProgramReference;
    use crate::time::TimeZone;

    use super::*;

    fn configure(issuer: &str, correlation: u64) -> Request {
        let configuration = ConfigureIssuer {
            time_zone: TimeZone::from_name("Europe/Berlin").expect("a zone"),
            business_date: None,
            reversal_value_dating: ReversalValueDating::BusinessDate,
            accounting_script: Vec::new(),
            balance_adjustment_reasons: Vec::new(),
            value_date_ahead_days_max: None,
            value_date_back_days_max: None,
        };
        request(issuer, correlation, Command::ConfigureIssuer(configuration))
    }

    fn program(issuer: &str, correlation: u64) -> Request {
        let program = DefineBonusProgram {
            reference: BonusProgramReference::new("BP").expect("a name"),
            monetary: true,
            loyalty_units: Vec::new(),
        };
        request(issuer, correlation, Command::DefineBonusProgram(program))
    }

    fn request(issuer: &str, correlation: u64, command: Command) -> Request {
        Request {
            issuer: IssuerId::new(issuer).expect("a name"),
            correlation: CorrelationId((u128::from(correlation)).to_le_bytes()),
            command,
            annotations: None,
        }
    }

    /// The two ids, of the first issuer and of the second, agree in all bits that an index keeps.
    #[test]
    fn a_hash_of_another_issuer_is_no_key_of_one_that_just_came_into_being() {
        const OF_FIRST: u64 = 430_563;
        const OF_SECOND: u64 = 65_030;
        let mut state = LedgerState::default();
        let nothing = Recalled::default();
        let first = vec![configure("first", 1), program("first", OF_FIRST)];
        decide(&mut state, first, Timestamp(0), &nothing);
        let second = vec![configure("second", 1), program("second", OF_SECOND)];
        assert_eq!(state.recall_list(&second), []);
        let batch = decide(&mut state, second, Timestamp(0), &nothing);
        assert!(batch.answers.iter().all(|answer| answer.outcome.is_ok()));
        // And once it exists, the record is named, to be looked at in vain.
        let again = [program("second", OF_SECOND)];
        assert_eq!(state.recall_list(&again), [Seq(2), Seq(4)]);
    }
}
