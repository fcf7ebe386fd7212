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

/// What readers fold in: the gist of a record and, of a plain posting, what books it.
///
/// It is made while the record is at hand for something else. Whoever folds it in hardly looks at the record of a plain
/// posting any more, which is seven times as long and was last written by another processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief {
    /// The gist.
    pub gist: Gist,
    /// What books it, for a plain posting.
    pub(crate) booked: Option<Booked>,
}

/// What books a plain posting, besides its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Booked {
    pub(crate) kind: OperationKind,
    /// Whether the kind alone does not select the contra account.
    pub(crate) has_detail: bool,
    pub(crate) script: u32,
}

impl Brief {
    /// Of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let gist = Gist::of(record);
        let booked = if let EventBody::OperationPosted { decided, operation } = &record.event.body
            && let Gist::Plain { .. } = gist
        {
            Some(Booked {
                kind: operation.detail.kind(),
                has_detail: operation.detail.contra_detail().is_some(),
                script: decided.script,
            })
        } else {
            None
        };
        Self { gist, booked }
    }

    /// Whether folding it in will read what selects the contra account in the record.
    pub(crate) fn has_detail(&self) -> bool {
        self.booked.is_some_and(|booked| booked.has_detail)
    }

    /// The account that the record is about, if it is about one.
    pub(crate) fn account(&self, record: &Record) -> Option<AccountIndex> {
        match self.gist {
            Gist::Plain { account, .. }
            | Gist::Operation { account, .. }
            | Gist::Refused { account, .. } => Some(account),
            Gist::Other => record.account(),
        }
    }
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
