//! Restoring the folds from what a checkpoint kept, in parts that can be restored side by side: the
//! portfolio from the records needed whole, the histories from the gists, band by band of accounts, and what the
//! other records add up to from both.

use std::collections::HashMap;

use crate::event::{Record, Refusal};
use crate::ids::AccountIndex;
use crate::portfolio::{Portfolio, usize_of};
use crate::projection::gist::Gist;
use crate::projection::history::{Entry, Histories, Room, Row};

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
            let operations = restored.history.len();
            if operations > 0 {
                self.restore_operations(
                    index,
                    operations,
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
    /// For how many operations of each account there is room.
    operations: Vec<u8>,
    /// Where the entries of the histories lie.
    room: Room,
    /// In the order of their records.
    refused: Vec<(AccountIndex, Refusal)>,
}

/// The history of an account, and its sums beside it, at hand together for the processor.
#[derive(Debug, Default)]
struct RestoredHistory {
    history: Row,
    /// Sum of all plain postings but payments.
    accepted_minor: i128,
    /// Sum of the plain payments.
    payments_minor: i128,
}

impl RestoredBand {
    /// Makes room for so many operations of each account from `first` on, in the order of opening. A byte counts
    /// far enough: room is made for the first run of a history.
    #[must_use]
    pub fn with_room(first: AccountIndex, operations: Vec<u8>) -> Self {
        let mut room = Room::default();
        let with_room = |count: &u8| RestoredHistory {
            history: Row::with_room(usize::from(*count), &mut room),
            ..RestoredHistory::default()
        };
        Self {
            first,
            accounts: operations.iter().map(with_room).collect(),
            operations,
            room,
            refused: Vec::new(),
        }
    }

    /// Takes in the gist of the next record.
    ///
    /// # Panics
    /// When it is an operation on an account that no room was made for.
    #[inline]
    pub fn restore(&mut self, gist: Gist) {
        match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => {
                let restored = self.add(account, entry);
                let sum = if payment {
                    &mut restored.payments_minor
                } else {
                    &mut restored.accepted_minor
                };
                *sum += i128::from(entry.minor);
            }
            Gist::Operation { account, entry } => {
                self.add(account, entry);
            }
            Gist::Refused { account, refusal } => {
                self.refused.push((account, refusal));
            }
            Gist::Other => {}
        }
    }

    /// Adds an operation to the history of an account.
    #[inline]
    fn add(&mut self, account: AccountIndex, entry: Entry) -> &mut RestoredHistory {
        let place = account.0.checked_sub(self.first.0);
        let place = usize_of(place.expect("an account of the band"));
        let restored = &mut self.accounts[place];
        let operations = usize::from(self.operations[place]);
        restored.history.restore(operations, &mut self.room, entry);
        restored
    }
}

/// The histories of so many accounts, and the refusals.
///
/// # Panics
/// When the bands do not come in the order of opening.
pub(crate) fn joined(
    bands: Vec<RestoredBand>,
    accounts: usize,
) -> (Histories, HashMap<AccountIndex, Vec<Refusal>>) {
    let mut histories = Histories::for_accounts(accounts);
    let mut refused = HashMap::<_, Vec<_>>::new();
    for band in bands {
        let restored = band.accounts.into_iter();
        let rows = restored.map(|restored| restored.history);
        histories.join(band.first, rows, band.room);
        for (account, refusal) in band.refused {
            refused.entry(account).or_default().push(refusal);
        }
    }
    histories.extend_to(accounts);
    (histories, refused)
}
