//! Restoring the folds from what a checkpoint kept, in parts that can be restored side by side: the
//! portfolio from the records needed whole, the histories from the gists, band by band of accounts, and what the
//! other records add up to from both.

use std::collections::HashMap;

use crate::event::{Record, Refusal};
use crate::ids::AccountIndex;
use crate::portfolio::{Portfolio, usize_of};
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

    /// Takes in what all other postings on the accounts of a band add up to.
    ///
    /// # Panics
    /// When they are on accounts that do not exist.
    pub fn restore_plain(&mut self, band: &RestoredBand) {
        for (index, restored) in (band.first.0..).map(AccountIndex).zip(&band.accounts) {
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

/// The histories and refusals of accounts that were opened one after another, while they are restored, and what
/// their plain postings add up to. All of a band is at hand for the processor when there are a few thousand.
#[derive(Debug)]
pub struct RestoredBand {
    first: AccountIndex,
    accounts: Vec<RestoredHistory>,
    /// In the order of their records.
    refused: Vec<(AccountIndex, Refusal)>,
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

impl RestoredBand {
    /// Makes room for so many operations of each account from `first` on, in the order of opening. A byte counts
    /// far enough: room is made for the first run of a history.
    #[must_use]
    pub fn with_room(first: AccountIndex, operations: &[u8]) -> Self {
        let room = |count: &u8| RestoredHistory {
            history: History::with_room(usize::from(*count)),
            ..RestoredHistory::default()
        };
        Self {
            first,
            accounts: operations.iter().map(room).collect(),
            refused: Vec::new(),
        }
    }

    /// Takes in the gist of the next record.
    ///
    /// # Panics
    /// When it is an operation on an account that no room was made for.
    pub fn restore(&mut self, gist: Gist) {
        match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => {
                let restored = self.account(account);
                restored.history.add(entry);
                let sum = if payment {
                    &mut restored.payments_minor
                } else {
                    &mut restored.accepted_minor
                };
                *sum += i128::from(entry.minor);
            }
            Gist::Operation { account, entry } => self.account(account).history.add(entry),
            Gist::Refused { account, refusal } => {
                self.refused.push((account, refusal));
            }
            Gist::Other => {}
        }
    }

    fn account(&mut self, account: AccountIndex) -> &mut RestoredHistory {
        let place = account.0.checked_sub(self.first.0);
        &mut self.accounts[usize_of(place.expect("an account of the band"))]
    }
}

/// The histories of so many accounts, and the refusals.
///
/// # Panics
/// When the bands do not come in the order of opening.
pub(crate) fn joined(
    bands: Vec<RestoredBand>,
    accounts: usize,
) -> (Vec<History>, HashMap<AccountIndex, Vec<Refusal>>) {
    let mut histories = Vec::with_capacity(accounts);
    let mut refused = HashMap::<_, Vec<_>>::new();
    for band in bands {
        let first = usize_of(band.first.0);
        assert!(histories.len() <= first, "bands come in order");
        histories.resize_with(first, History::default);
        let restored = band.accounts.into_iter();
        histories.extend(restored.map(|restored| restored.history));
        for (account, refusal) in band.refused {
            refused.entry(account).or_default().push(refusal);
        }
    }
    histories.resize_with(accounts, History::default);
    (histories, refused)
}
