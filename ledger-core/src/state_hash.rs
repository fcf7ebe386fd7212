//! The state hash: 256 bits that say everything the state is after one record. Kept elsewhere, it tells
//! years later whether a log still adds up to what it added up to then.
//!
//! It covers what decisions are made of: issuers with all they configured, accounts with their sums and
//! limits, what waits, what was reversed and cancelled, points, and how far the log was folded. Not the
//! indexes, which only find what is there; nor the histories and totals of readers, which are other folds
//! of the same records. So the writer, every reader, a restored copy and another store have one hash.
//!
//! # The canonical encoding, version 1
//!
//! blake3 of the sixteen bytes `ledger state 1` and two zeros, and then, each in bincode 2 as in the log
//! (`config::standard()`: little endian, variable-length integers, lists and texts with their length first):
//!
//! | what | how |
//! |---|---|
//! | place of the last record | `u64` |
//! | issuers, in the order of their first configuration | number; each: id, business date, configurations, products, bonus programs by name, (program, unit) pairs, pending operations |
//! | pending operations of an issuer | number of days; each, in order: day, number; each by (original, operation): the two ids, account, quantity, contra key, script |
//! | accounts, in the order of opening | number; each: the fields of [`Account`] in their order up to `no_otb_check`, but for `programs`, the reference and `opened_at`; then the issuer's reference. The status is 0 for active, 1 for closed |
//! | bonus programs of accounts, points of hierarchies, waiting payouts, reversed amounts, cancelled operations | for each of these: number, and the entries in the order of their keys |
//! | only where there are accounts that their root pays for | `u8` 1; their number, and they in the order of opening; the number of such roots, and each in order with the sum of the balances it pays for |
//! | only where there is a business case or an offline reservation | `u8` 2; the business cases in the order of their first messages: number; each: id, account, reserve (as in the log), what waits with its clearings |
//! | then the waiting clearings | number; each, in the order of their operations: the operation, place of the case, amount |
//! | then the amounts reserved on accounts | number; each, in the order of the accounts: the account, by its own cases, by those and the ones below, offline |
//! | then the offline reservations | number; each, in the order of (issuer, reference): the two, account, amount, whether it is active |
//!
//! Parts that few ledgers have stand at the end behind a number of their own, and are left out where there are none. So the
//! hash of a ledger without them is what it was before the engine knew them.

use std::fmt;

use bincode::Encode;

use crate::ids::{AccountIndex, Seq};
use crate::portfolio::{Account, AccountStatus, Issuer, Pending, Portfolio, WaitingPayouts};
use crate::projection::books::Books;
use crate::reserves::{BusinessCase, Reservation, Reserved, Reserves, WaitingClearing};
use crate::state::LedgerState;

/// Names the encoding; to be changed with it.
const DOMAIN: &[u8; 16] = b"ledger state 1\0\0";

/// Begins the part about accounts that their root pays for.
const ACCOUNTS_PAID: u8 = 1;
/// Number of the part about what authorizations and reservations hold.
const AMOUNTS_RESERVED: u8 = 2;

/// Bytes that are collected before they are hashed: large pieces let the hash function work on several
/// parts side by side.
const COLLECTED_BYTES: usize = 64 << 10;

/// Hash of everything the state is after one record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash([u8; 32]);

impl StateHash {
    /// Takes the bytes of a hash that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

impl LedgerState {
    /// Hash of the state, the same as that of every fold of the same records.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.portfolio.state_hash(self.last_seq)
    }
}

impl Books {
    /// Hash of the state that these books show, the same as the writer's after the same record.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.portfolio()
            .state_hash(self.last_seq().unwrap_or(Seq(0)))
    }
}

impl Portfolio {
    /// Hash of the state of which this is the portfolio, after the record at `last_seq`.
    #[must_use]
    pub fn state_hash(&self, last_seq: Seq) -> StateHash {
        // Every field is named, so that a new one must be given its place here.
        let Self {
            issuers,
            issuer_by_id: _,
            accounts,
            by_external: _,
            // Told by the accounts, each with its own.
            program_lists: _,
            points,
            paid_minor,
            waiting_payouts,
            reversed,
            cancelled,
            reserves,
        } = self;
        let mut canonical = Canonical::new();
        canonical.put(last_seq);
        canonical.put_all(issuers, Canonical::put_issuer);
        canonical.put_all(accounts, Canonical::put_account);
        let programs = places_of(accounts, |account| account.programs.is_some());
        canonical.put_all(programs, |canonical, account| {
            canonical.put((account, self.bonus_programs(account)));
        });
        canonical.put_all(points, |canonical, ((root, commodity), points)| {
            canonical.put((root, commodity, points));
        });
        let waiting = waiting_payouts.iter().map(|(account, waiting)| {
            let WaitingPayouts {
                own_minor,
                below_minor,
            } = waiting;
            (account, own_minor, below_minor)
        });
        canonical.put_all(sorted(waiting), Canonical::put);
        canonical.put_all(sorted(reversed), Canonical::put);
        canonical.put_all(sorted(cancelled), Canonical::put);
        if !paid_minor.is_empty() {
            canonical.put(ACCOUNTS_PAID);
            let paid = places_of(accounts, |account| account.root_pays);
            canonical.put_all(paid, Canonical::put);
            canonical.put_all(paid_minor, Canonical::put);
        }
        if !reserves.is_empty() {
            canonical.put(AMOUNTS_RESERVED);
            canonical.put_reserves(reserves);
        }
        canonical.hash()
    }
}

/// The places of the accounts of which something holds.
fn places_of(accounts: &[Account], holds: impl Fn(&Account) -> bool) -> Vec<AccountIndex> {
    let places = (0_u32..).map(AccountIndex).zip(accounts);
    let held = places.filter(|(_, account)| holds(account));
    held.map(|(place, _)| place).collect()
}

/// The entries of an unordered collection, in the order of their keys.
fn sorted<T: Ord>(entries: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_unstable();
    entries
}

/// Takes the state in its canonical encoding.
struct Canonical {
    hasher: blake3::Hasher,
    collected: Vec<u8>,
}

impl Canonical {
    fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(DOMAIN);
        Self {
            hasher,
            collected: Vec::with_capacity(2 * COLLECTED_BYTES),
        }
    }

    fn put(&mut self, value: impl Encode) {
        bincode::encode_into_std_write(value, &mut self.collected, bincode::config::standard())
            .expect("writing to memory does not fail and every part of the state is encodable");
        if self.collected.len() >= COLLECTED_BYTES {
            self.hasher.update(&self.collected);
            self.collected.clear();
        }
    }

    fn put_all<T>(
        &mut self,
        all: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut put: impl FnMut(&mut Self, T),
    ) {
        let all = all.into_iter();
        self.put(all.len());
        all.for_each(|one| put(self, one));
    }

    fn put_issuer(&mut self, issuer: &Issuer) {
        let Issuer {
            id,
            business_date,
            configurations,
            products,
            product_by_reference: _,
            programs,
            commodities,
            pending,
        } = issuer;
        self.put((id, business_date, configurations, products));
        self.put_all(programs.values(), Self::put);
        self.put(commodities);
        self.put_all(pending, |canonical, (day, operations)| {
            canonical.put(day);
            canonical.put_all(operations, |canonical, (key, pending)| {
                let Pending {
                    account,
                    quantity,
                    contra,
                    script,
                } = pending;
                canonical.put((key, account, quantity, contra, script));
            });
        });
    }

    fn put_account(&mut self, account: &Account) {
        let Account {
            balance_minor,
            accepted_minor,
            payments_minor,
            credit_limit_minor,
            operations,
            issuer,
            product,
            parent,
            root,
            // Put by themselves, by name.
            programs: _,
            external_reference,
            // Nothing is decided by it, and the hash is older than it is.
            opened_at: _,
            currency,
            depth,
            working_mode,
            status,
            no_parent_notification,
            no_otb_check,
            // In a part of its own, which few ledgers have.
            root_pays: _,
        } = account;
        let status: u8 = match status {
            AccountStatus::Active => 0,
            AccountStatus::Closed => 1,
        };
        self.put((balance_minor, accepted_minor, payments_minor));
        self.put((credit_limit_minor, operations, issuer, product.0, parent));
        self.put((root, currency, depth, working_mode, status));
        self.put((no_parent_notification, no_otb_check));
        self.put(external_reference);
    }

    fn put_reserves(&mut self, reserves: &Reserves) {
        let Reserves {
            cases,
            by_id: _,
            expiring: _,
            waiting,
            reserved,
            reservations,
        } = reserves;
        self.put_all(cases, |canonical, case| {
            let BusinessCase {
                id,
                account,
                reserve,
                waiting_minor,
            } = case;
            canonical.put((id, account, reserve, waiting_minor));
        });
        let waiting = waiting.iter().map(|(operation, waiting)| {
            let WaitingClearing { case, minor } = waiting;
            (operation, case, minor)
        });
        self.put_all(sorted(waiting), Self::put);
        let reserved = reserved.iter().map(|(account, reserved)| {
            let Reserved {
                own_minor,
                below_minor,
                offline_minor,
            } = reserved;
            (account, own_minor, below_minor, offline_minor)
        });
        self.put_all(sorted(reserved), Self::put);
        self.put_all(reservations, |canonical, (key, reservation)| {
            let Reservation {
                account,
                minor,
                active,
            } = reservation;
            canonical.put((key, account, minor, active));
        });
    }

    fn hash(mut self) -> StateHash {
        self.hasher.update(&self.collected);
        StateHash(*self.hasher.finalize().as_bytes())
    }
}
