//! Where the messages of the authorization system lie in the log: by account and time, by business
//! case, and by transaction id. Readers alone need to know.

use std::collections::BTreeMap;

use crate::command::PostDetail;
use crate::event::{EventBody, Record};
use crate::fingerprint::{Fingerprint, FingerprintIndex};
use crate::ids::{AccountIndex, CaseIndex, IssuerIndex, Seq};
use crate::portfolio::{Portfolio, usize_of};
use crate::text::TransactionId;
use crate::time::Timestamp;

/// Where messages lie.
#[derive(Debug, Clone, Default)]
pub struct CaseFiles {
    /// The case of each message, by account, time and record. Times are the sender's, in any order.
    messages: BTreeMap<(AccountIndex, Timestamp, Seq), CaseIndex>,
    /// Records of each case, in the order of the log: its messages, and the operations that clear it.
    records: Vec<Vec<Seq>>,
    by_transaction: FingerprintIndex,
}

/// The messages say what the index has, so it need not be compared.
impl PartialEq for CaseFiles {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            messages,
            records,
            by_transaction: _,
        } = self;
        *messages == other.messages && *records == other.records
    }
}

impl Eq for CaseFiles {}

/// Where one message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its record.
    pub seq: Seq,
    /// Its business case.
    pub case: CaseIndex,
}

impl CaseFiles {
    /// Takes in a record that the portfolio has.
    ///
    /// # Panics
    /// When the portfolio does not know its business case.
    pub fn add(&mut self, portfolio: &Portfolio, record: &Record) {
        let issuer = record.event.issuer;
        let case_of = |id| {
            portfolio
                .case_by_id(issuer, id)
                .expect("the portfolio has the case of every message")
        };
        match &record.event.body {
            EventBody::AuthorizationRecorded { decided, message } => {
                let case = case_of(&message.business_case);
                self.note(case, record.seq);
                let key = Fingerprint::of_transaction(issuer, &message.transaction_id);
                self.by_transaction.insert(key, record.seq);
                let place = (decided.account, message.transaction_date, record.seq);
                self.messages.insert(place, case);
            }
            EventBody::OperationCleared { operation, .. } => {
                if let PostDetail::Clearing(clearing) = &operation.detail {
                    self.note(case_of(&clearing.business_case), record.seq);
                }
            }
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OperationPosted { .. }
            | EventBody::OperationReversed { .. }
            | EventBody::OperationRejected { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => {}
        }
    }

    fn note(&mut self, case: CaseIndex, seq: Seq) {
        let place = usize_of(case.0);
        if place >= self.records.len() {
            self.records.resize_with(place + 1, Vec::new);
        }
        self.records[place].push(seq);
    }

    /// Messages of an account sent from `start` on and before `end`, in the order of (time, record).
    /// Either bound may be absent.
    pub fn messages(
        &self,
        account: AccountIndex,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> impl Iterator<Item = Message> {
        let start = start.unwrap_or(Timestamp(i64::MIN));
        let first = (account, start, Seq(0));
        // No record has the last place, so it comes after every message.
        let last = match end {
            Some(end) => (account, end.max(start), Seq(0)),
            None => (account, Timestamp(i64::MAX), Seq(u64::MAX)),
        };
        let found = self.messages.range(first..last);
        found.map(|((_, _, seq), case)| Message {
            seq: *seq,
            case: *case,
        })
    }

    /// Records of a case: its messages, and the operations that clear it.
    #[must_use]
    pub fn records(&self, case: CaseIndex) -> &[Seq] {
        self.records
            .get(usize_of(case.0))
            .map_or(&[], Vec::as_slice)
    }

    /// Records that may have the message with this transaction id; which of them has, they say.
    pub fn candidates(&self, issuer: IssuerIndex, id: &TransactionId) -> impl Iterator<Item = Seq> {
        self.by_transaction
            .candidates(Fingerprint::of_transaction(issuer, id))
    }
}
