//! What readers need to look back to a position of the log, and what statements leave out. All of it is said
//! by records that a checkpoint keeps whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{EventBody, Record};
use crate::ids::{IssuerIndex, Seq};
use crate::time::BusinessDate;

/// Business dates by position, and operations that are not printed on statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// From which record on an issuer had which business date: one entry a day.
    business_dates: BTreeMap<(IssuerIndex, Seq), BusinessDate>,
    unprinted: BTreeSet<Seq>,
}

impl Timeline {
    /// Takes in the next record.
    pub fn add(&mut self, record: &Record) {
        let date = match &record.event.body {
            EventBody::IssuerConfigured { business_date, .. } => Some(*business_date),
            EventBody::BusinessDateAdvanced(advance) => Some(advance.business_date),
            EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OperationPosted { .. }
            | EventBody::OperationCleared { .. }
            | EventBody::OperationReversed { .. }
            | EventBody::OperationRejected { .. }
            | EventBody::AuthorizationRecorded { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => None,
        };
        if let Some(date) = date {
            self.business_dates
                .insert((record.event.issuer, record.seq), date);
        }
        if is_unprinted(record) {
            self.unprinted.insert(record.seq);
        }
    }

    /// The business date that an issuer had once this record was there; none before it was configured.
    #[must_use]
    pub fn business_date(&self, issuer: IssuerIndex, at: Seq) -> Option<BusinessDate> {
        let until = self.business_dates.range((issuer, Seq(0))..=(issuer, at));
        until.last().map(|(_, date)| *date)
    }

    /// Whether the operation of this record is not printed on statements.
    #[must_use]
    pub fn is_unprinted(&self, seq: Seq) -> bool {
        self.unprinted.contains(&seq)
    }
}

/// Whether a record is an operation of which is said that it is not printed on statements
/// (`printOnStatement`).
pub(crate) fn is_unprinted(record: &Record) -> bool {
    let annotations = record.event.annotations.as_deref();
    annotations.and_then(|of| of.print_on_statement) == Some(false) && record.operation().is_some()
}
