//! Restoring the folds from what a checkpoint kept, in parts that can be restored side by side: the
//! portfolio from the records needed whole and the sums of the others, the histories from the gists.

use std::collections::HashMap;
use std::hint::black_box;

use crate::event::Record;
use crate::ids::{AccountIndex, Seq};
use crate::portfolio::{Portfolio, usize_of};
use crate::projection::books::TOUCHED_RECORDS_MAX;
use crate::projection::gist::Gist;
use crate::projection::history::History;

/// What plain postings add up to, by account. They are added up on their own first: that touches a fraction of
/// the memory of whole accounts.
#[derive(Debug, Default)]
pub struct PlainSums(Vec<PlainSum>);

#[derive(Debug, Clone, Copy, Default)]
struct PlainSum {
    /// Of all but payments.
    accepted_minor: i128,
    /// Of payments.
    payments_minor: i128,
    operations: u64,
}

impl PlainSums {
    /// Takes in the gists of the next records.
    pub fn add(&mut self, gists: &[Gist]) {
        for gists in gists.chunks(TOUCHED_RECORDS_MAX) {
            touch(gists, |place| {
                self.0.get(place).map_or(0, |sum| sum.operations)
            });
            for gist in gists {
                let Gist::Plain {
                    account,
                    entry,
                    payment,
                } = *gist
                else {
                    continue;
                };
                let place = usize_of(account.0);
                if place >= self.0.len() {
                    self.0.resize(place + 1, PlainSum::default());
                }
                let sum = &mut self.0[place];
                sum.operations += 1;
                if payment {
                    sum.payments_minor += i128::from(entry.minor);
                } else {
                    sum.accepted_minor += i128::from(entry.minor);
                }
            }
        }
    }
}

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
    pub fn restore_sums(&mut self, sums: &PlainSums) {
        for (index, sum) in (0_u32..).map(AccountIndex).zip(&sums.0) {
            if sum.operations > 0 {
                self.restore_plain(
                    index,
                    sum.operations,
                    sum.accepted_minor,
                    sum.payments_minor,
                );
            }
        }
    }
}

/// The histories and refusals of all accounts, while they are restored.
#[derive(Debug, Default)]
pub struct RestoredHistories {
    pub(crate) histories: Vec<History>,
    pub(crate) refused: HashMap<AccountIndex, Vec<Seq>>,
}

impl RestoredHistories {
    /// Makes room for so many operations of each account, in the order of opening. A byte counts far enough:
    /// room is made for the first run of a history.
    #[must_use]
    pub fn with_room(operations: &[u8]) -> Self {
        let room = |count: &u8| History::with_room(usize::from(*count));
        Self {
            histories: operations.iter().map(room).collect(),
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
                let history = self.histories.get(place);
                history.map_or(0, History::last_minor).cast_unsigned()
            });
            for gist in gists {
                match *gist {
                    Gist::Plain { account, entry, .. } | Gist::Operation { account, entry } => {
                        self.histories[usize_of(account.0)].add(entry);
                    }
                    Gist::Refused { account, seq } => {
                        self.refused.entry(account).or_default().push(seq);
                    }
                    Gist::Other => {}
                }
            }
        }
    }
}

/// Reads something of each account that is about to change, so that it is in the processor's cache.
fn touch(gists: &[Gist], read: impl Fn(usize) -> u64) {
    let accounts = gists.iter().filter_map(Gist::account);
    let touched = accounts.fold(0, |touched, account| touched ^ read(usize_of(account.0)));
    black_box(touched);
}
