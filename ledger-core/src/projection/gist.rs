//! The gist of a record: the little that the folds keep of it. Restoring books from gists is many times
//! faster than folding the records again.
//!
//! Nearly every record posts money that counts at once. Of such a *plain* posting the portfolio keeps
//! nothing but a sum, and sums may be taken in any order; so its gist is enough, and only the few other
//! records are applied whole (among them postings that statements leave out, for the timeline). Checkpoints keep gists.

use crate::command::OperationKind;
use crate::event::{EventBody, Record, Refusal};
use crate::ids::AccountIndex;
use crate::money::Unit;
use crate::projection::history::Entry;
use crate::projection::timeline::is_unprinted;

/// What the folds keep of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gist {
    /// A posting of money that counts at once.
    Plain {
        /// The account.
        account: AccountIndex,
        /// Its place in the history of the account.
        entry: Entry,
        /// Whether it is a payment, which open-to-buy counts apart.
        payment: bool,
    },
    /// Any other operation: to be applied whole, besides its place in the history.
    Operation {
        /// The account.
        account: AccountIndex,
        /// Its place in the history of the account.
        entry: Entry,
    },
    /// A remembered refusal of an operation.
    Refused {
        /// The account.
        account: AccountIndex,
        /// What lists know of it.
        refusal: Refusal,
    },
    /// To be applied whole.
    Other,
}

impl Gist {
    /// The gist of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        match &record.event.body {
            EventBody::OperationPosted { decided, operation } => {
                let entry = entry_of(record);
                let account = decided.account;
                if decided.pending || decided.quantity.unit != Unit::Money || is_unprinted(record) {
                    return Self::Operation { account, entry };
                }
                let payment = operation.detail.kind() == OperationKind::Payment;
                Self::Plain {
                    account,
                    entry,
                    payment,
                }
            }
            // What a clearing gives free is not in its gist.
            EventBody::OperationReversed { decided, .. }
            | EventBody::OperationCleared { decided, .. } => Self::Operation {
                account: decided.account,
                entry: entry_of(record),
            },
            EventBody::OperationRejected { .. } => {
                let refusal = record.refusal();
                refusal.map_or(Self::Other, |(account, refusal)| Self::Refused {
                    account,
                    refusal,
                })
            }
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::AuthorizationRecorded { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => Self::Other,
        }
    }

    /// Whether the record itself is needed besides its gist.
    #[must_use]
    pub fn needs_record(&self) -> bool {
        match self {
            Self::Operation { .. } | Self::Other => true,
            Self::Plain { .. } | Self::Refused { .. } => false,
        }
    }
}

/// An operation as its account's history keeps it.
pub(crate) fn entry_of(record: &Record) -> Entry {
    let operation = record
        .operation()
        .expect("the record posts or reverses an operation");
    Entry {
        posted_at: operation.posting_date,
        seq: record.seq,
        value_date: operation.decided.value_date,
        minor: match operation.decided.quantity.unit {
            Unit::Money => operation.decided.quantity.value,
            Unit::Points(_) => 0,
        },
    }
}
