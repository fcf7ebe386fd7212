//! What is reserved on accounts: business cases with their reserves, and offline reservations.
//!
//! Kept beside the accounts, since few postings look at it. All here is a fold of the log; that a
//! change is allowed was decided before, and is asserted here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::authorization::{Reserve, ReserveStatus};
use crate::command::CreateOfflineReservation;
use crate::decide::index_of;
use crate::fingerprint::{Fingerprint, FingerprintIndex};
use crate::ids::{AccountIndex, CaseIndex, IssuerIndex, OperationId, Seq};
use crate::portfolio::usize_of;
use crate::text::{BusinessCaseId, ReservationReference};
use crate::time::BusinessDate;

/// Business cases and offline reservations of all issuers.
#[derive(Debug, Clone, Default)]
pub struct Reserves {
    /// In the order of their first messages.
    pub(crate) cases: Vec<BusinessCase>,
    /// Cases by their ids.
    pub(crate) by_id: FingerprintIndex,
    /// Active cases by the last day on which they count, so that a day finds what ends with it.
    pub(crate) expiring: BTreeMap<(IssuerIndex, BusinessDate), BTreeSet<CaseIndex>>,
    /// What stays reserved for clearings that wait for their value date.
    pub(crate) waiting: HashMap<OperationId, WaitingClearing>,
    /// What is reserved on each account; only accounts that have or had any.
    pub(crate) reserved: HashMap<AccountIndex, Reserved>,
    /// Every offline reservation there ever was.
    pub(crate) reservations: BTreeMap<(IssuerIndex, ReservationReference), Reservation>,
}

/// The cases say what the indexes have, so these need not be compared.
impl PartialEq for Reserves {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            cases,
            by_id: _,
            expiring,
            waiting,
            reserved,
            reservations,
        } = self;
        *cases == other.cases
            && *expiring == other.expiring
            && *waiting == other.waiting
            && *reserved == other.reserved
            && *reservations == other.reservations
    }
}

impl Eq for Reserves {}

/// Authorization messages that belong together, and what they reserve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessCase {
    /// Its id, unique per issuer.
    pub id: BusinessCaseId,
    /// The account of all its messages.
    pub account: AccountIndex,
    /// What it reserves, leaving out what was cleared.
    pub reserve: Reserve,
    /// What stays reserved for its clearings that wait for their value date, in minor units.
    pub waiting_minor: i128,
}

impl BusinessCase {
    /// What still counts in open-to-buy (`accountReserveBillingAmount`), in minor units.
    #[must_use]
    pub fn account_reserve_minor(&self) -> i128 {
        i128::from(self.reserve.minor) + self.waiting_minor
    }

    /// What became of the reserve (`accountReserveStatus`): active as long as anything of it counts.
    #[must_use]
    pub fn account_reserve_status(&self) -> ReserveStatus {
        if self.waiting_minor > 0 {
            ReserveStatus::Active
        } else {
            self.reserve.status
        }
    }
}

/// What a clearing that waits for its value date keeps reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitingClearing {
    pub(crate) case: CaseIndex,
    pub(crate) minor: i64,
}

/// What is reserved on an account, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reserved {
    /// By business cases of the account.
    pub own_minor: i128,
    /// By business cases of the account or below, as far as operations propagate
    /// (`externalReservedAmount`).
    pub below_minor: i128,
    /// By offline reservations on the account (`reservedAmount`).
    pub offline_minor: i128,
}

/// An offline reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The account.
    pub account: AccountIndex,
    /// What it reserves, or reserved, in minor units.
    pub minor: i64,
    /// Whether it was not cancelled.
    pub active: bool,
}

/// An amount that is reserved on an account from here on; negative: no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) account: AccountIndex,
    pub(crate) minor: i128,
}

impl Reserves {
    /// Whether nothing was ever reserved, or asked to be.
    pub(crate) fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.reservations.is_empty()
    }

    /// The case at this place.
    #[must_use]
    pub fn case(&self, index: CaseIndex) -> &BusinessCase {
        &self.cases[usize_of(index.0)]
    }

    /// The case of an issuer with this id. `issuer_of` tells the issuer of an account.
    pub(crate) fn find(
        &self,
        issuer: IssuerIndex,
        id: &BusinessCaseId,
        issuer_of: impl Fn(AccountIndex) -> IssuerIndex,
    ) -> Option<CaseIndex> {
        self.by_id
            .candidates(Fingerprint::of_case(issuer, id))
            .filter_map(|place| u32::try_from(place.0 - 1).ok().map(CaseIndex))
            .find(|index| {
                let case = self.case(*index);
                case.id == *id && issuer_of(case.account) == issuer
            })
    }

    /// An offline reservation of an issuer.
    #[must_use]
    pub fn reservation(
        &self,
        issuer: IssuerIndex,
        reference: &ReservationReference,
    ) -> Option<Reservation> {
        let key = (issuer, reference.clone());
        self.reservations.get(&key).copied()
    }

    /// Begins a case that reserves nothing yet.
    pub(crate) fn begin(
        &mut self,
        issuer: IssuerIndex,
        account: AccountIndex,
        id: &BusinessCaseId,
    ) -> CaseIndex {
        let index = CaseIndex(index_of(self.cases.len()));
        // Places in an index of keys count from 1.
        let place = Seq(u64::from(index.0) + 1);
        self.by_id.insert(Fingerprint::of_case(issuer, id), place);
        self.cases.push(BusinessCase {
            id: id.clone(),
            account,
            reserve: Reserve {
                billing_minor: 0,
                minor: 0,
                expiry: BusinessDate(0),
                status: ReserveStatus::None,
            },
            waiting_minor: 0,
        });
        index
    }

    /// Sets what a case reserves.
    pub(crate) fn set(&mut self, issuer: IssuerIndex, index: CaseIndex, to: Reserve) -> Change {
        assert!(
            to.minor >= 0 && (to.minor > 0) == (to.status == ReserveStatus::Active),
            "an active reserve is more than zero, and any other is zero"
        );
        let case = &mut self.cases[usize_of(index.0)];
        let from = std::mem::replace(&mut case.reserve, to);
        let change = Change {
            account: case.account,
            minor: i128::from(to.minor) - i128::from(from.minor),
        };
        if from.minor > 0 {
            let day = (issuer, from.expiry);
            let cases = self.expiring.get_mut(&day);
            let cases = cases.expect("an active case stands under its last day");
            cases.remove(&index);
            if cases.is_empty() {
                self.expiring.remove(&day);
            }
        }
        if to.minor > 0 {
            let day = (issuer, to.expiry);
            self.expiring.entry(day).or_default().insert(index);
        }
        change
    }

    /// Takes from a case what a clearing consumes.
    pub(crate) fn clear(&mut self, issuer: IssuerIndex, index: CaseIndex, minor: i64) -> Change {
        let before = self.case(index).reserve;
        assert!(
            (0..=before.minor).contains(&minor),
            "no more is released than is reserved"
        );
        if minor == 0 {
            let account = self.case(index).account;
            return Change { account, minor: 0 };
        }
        let left = before.minor - minor;
        let status = match left {
            0 => ReserveStatus::Cancelled,
            _ => before.status,
        };
        let after = Reserve {
            minor: left,
            status,
            ..before
        };
        self.set(issuer, index, after)
    }

    /// Keeps reserved what a clearing has taken, until that takes effect or is cancelled.
    pub(crate) fn keep(&mut self, operation: OperationId, case: CaseIndex, minor: i64) {
        if minor > 0 {
            self.cases[usize_of(case.0)].waiting_minor += i128::from(minor);
            self.waiting
                .insert(operation, WaitingClearing { case, minor });
        }
    }

    /// Lets go what was kept for an operation that waits no longer.
    pub(crate) fn let_go(&mut self, operation: OperationId) -> Option<Change> {
        let WaitingClearing { case, minor } = self.waiting.remove(&operation)?;
        let case = &mut self.cases[usize_of(case.0)];
        case.waiting_minor -= i128::from(minor);
        Some(Change {
            account: case.account,
            minor: -i128::from(minor),
        })
    }

    /// Ends the reserves whose last day lies before a business date.
    pub(crate) fn expire(&mut self, issuer: IssuerIndex, today: BusinessDate) -> Vec<Change> {
        let before = (issuer, BusinessDate(i32::MIN))..(issuer, today);
        let over = self.expiring.range(before);
        let over: Vec<CaseIndex> = over.flat_map(|(_, cases)| cases).copied().collect();
        over.into_iter()
            .map(|index| {
                let expired = Reserve {
                    minor: 0,
                    status: ReserveStatus::Expired,
                    ..self.case(index).reserve
                };
                self.set(issuer, index, expired)
            })
            .collect()
    }

    /// Makes an offline reservation.
    pub(crate) fn reserve(
        &mut self,
        issuer: IssuerIndex,
        account: AccountIndex,
        reservation: &CreateOfflineReservation,
    ) {
        let minor = reservation.amount.minor;
        let known = self.reservations.insert(
            (issuer, reservation.reference.clone()),
            Reservation {
                account,
                minor,
                active: true,
            },
        );
        assert!(
            known.is_none(),
            "the reference of a reservation is used once"
        );
        self.reserved.entry(account).or_default().offline_minor += i128::from(minor);
    }

    /// Ends an offline reservation.
    pub(crate) fn cancel(&mut self, issuer: IssuerIndex, reference: &ReservationReference) {
        let key = (issuer, reference.clone());
        let reservation = self.reservations.get_mut(&key);
        let reservation = reservation.filter(|reservation| reservation.active);
        let reservation = reservation.expect("an active reservation is cancelled");
        reservation.active = false;
        let reserved = self.reserved.entry(reservation.account).or_default();
        reserved.offline_minor -= i128::from(reservation.minor);
    }
}
