//! Restoring the folds from what a checkpoint kept, in parts that can be restored side by side: the
//! portfolio from the records needed whole, the histories from the gists, and what the other records add up to from
//! both.

use std::collections::HashMap;
use std::hint::black_box;

use crate::event::{Record, Refusal};
use crate::ids::AccountIndex;
use crate::portfolio::{Portfolio, usize_of};
use crate::projection::books::TOUCHED_RECORDS_MAX;
use crate::projection::gist::Gist;
use crate::projection::history::History;

impl Portfolio {
    /// Takes in the next of the records that are needed whole.
    ///
    /// # Panics
    /// When it contradicts those before it.
    pub fn restore(&mut self, record: &Record) {
        self.apply(record, &mut |_, _| {});
    }

    /// Takes in what all other postings add up to.
    ///
    /// # Panics
    /// When they are on accounts that do not exist.
    pub fn restore_plain(&mut self, histories: &RestoredHistories) {
        for (index, restored) in (0_u32..).map(AccountIndex).zip(&histories.accounts) {
            if !restored.history.is_empty() {
                self.restore_operations(
                    index,
                    restored.history.len(),
                    restored.accepted_minor,
                    restored.payments_minor,
                );
            }
        }
    }
}

/// The histories and refusals of all accounts, while they are restored, and what their plain postings add up to.
#[derive(Debug, Default)]
pub struct RestoredHistories {
    accounts: Vec<RestoredHistory>,
    refused: HashMap<AccountIndex, Vec<Refusal>>,
}

/// The history of an account, and its sums beside it: what an operation touches is one line of the processor's
/// cache, and that of the last entry.
#[derive(Debug, Default)]
#[repr(align(64))]
struct RestoredHistory {
    history: History,
    /// Sum of all plain postings but payments.
    accepted_minor: i128,
    /// Sum of the plain payments.
    payments_minor: i128,
}

impl RestoredHistories {
    /// Makes room for so many operations of each account, in the order of opening. A byte counts far enough:
    /// room is made for the first run of a history.
    #[must_use]
    pub fn with_room(operations: &[u8]) -> Self {
        let room = |count: &u8| RestoredHistory {
            history: History::with_room(usize::from(*count)),
            ..RestoredHistory::default()
        };
        Self {
            accounts: operations.iter().map(room).collect(),
            refused: HashMap::new(),
        }
    }

    /// Takes in the gists of the next records.
    ///
    /// # Panics
    /// When an operation is on an account that no room was made for.
    pub fn restore(&mut self, gists: &[Gist]) {
        for gists in gists.chunks(TOUCHED_RECORDS_MAX) {
            touch(gists, |place| {
                let restored = self.accounts.get(place);
                restored.map_or(0, |restored| restored.history.last_minor())
            });
            for gist in gists {
                match *gist {
                    Gist::Plain {
                        account,
                        entry,
                        payment,
                    } => {
                        let restored = &mut self.accounts[usize_of(account.0)];
                        restored.history.add(entry);
                        let sum = if payment {
                            &mut restored.payments_minor
                        } else {
                            &mut restored.accepted_minor
                        };
                        *sum += i128::from(entry.minor);
                    }
                    Gist::Operation { account, entry } => {
                        self.accounts[usize_of(account.0)].history.add(entry);
                    }
                    Gist::Refused { account, refusal } => {
                        self.refused.entry(account).or_default().push(refusal);
                    }
                    Gist::Other => {}
                }
            }
        }
    }

    /// The histories of so many accounts, and the refusals.
    pub(crate) fn into_parts(
        self,
        accounts: usize,
    ) -> (Vec<History>, HashMap<AccountIndex, Vec<Refusal>>) {
        let mut histories = Vec::with_capacity(accounts);
        histories.extend(self.accounts.into_iter().map(|restored| restored.history));
        histories.resize_with(accounts, History::default);
        (histories, self.refused)
    }
}

/// Reads something of each account that is about to change, so that it is in the processor's cache.
fn touch(gists: &[Gist], read: impl Fn(usize) -> i64) {
    let accounts = gists.iter().filter_map(Gist::account);
    let touched = accounts.fold(0, |touched, account| touched ^ read(usize_of(account.0)));
    black_box(touched);
}
