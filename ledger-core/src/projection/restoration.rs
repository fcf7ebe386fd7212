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

impl Portfolio {
    /// Takes in the next records, of which some are needed whole and the gists are there of all.
    ///
    /// # Panics
    /// When the records or the gists contradict those before them.
    pub fn restore<'a>(
        &mut self,
        whole: impl Iterator<Item = &'a Record>,
        gists: impl Iterator<Item = Gist>,
    ) {
        for record in whole {
            self.apply(record, &mut |_, _| {});
        }
        let plain = gists.filter_map(|gist| match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => Some((account, entry.minor, payment)),
            Gist::Operation { .. } | Gist::Refused { .. } | Gist::Other => None,
        });
        in_goes(plain, |postings| {
            let mut touched = 0;
            for (account, ..) in postings {
                let account = self.account(*account);
                touched ^= account.balance_minor ^ i128::from(account.root.0);
            }
            black_box(touched);
            for (account, minor, payment) in postings {
                self.restore_plain(*account, *minor, *payment);
            }
        });
    }
}

/// The histories and refusals of all accounts, while they are restored.
#[derive(Debug, Default)]
pub struct RestoredHistories {
    pub(crate) histories: Vec<History>,
    pub(crate) refused: HashMap<AccountIndex, Vec<Seq>>,
}

impl RestoredHistories {
    /// Makes room for so many operations of each account, in the order of opening.
    #[must_use]
    pub fn with_room(operations: &[u32]) -> Self {
        let room = |count: &u32| History::with_room(usize_of(*count));
        Self {
            histories: operations.iter().map(room).collect(),
            refused: HashMap::new(),
        }
    }

    /// Takes in the gists of the next records.
    ///
    /// # Panics
    /// When an operation is on an account that no room was made for.
    pub fn restore(&mut self, gists: impl Iterator<Item = Gist>) {
        in_goes(gists, |gists| {
            let mut touched = 0;
            for account in gists.iter().filter_map(Gist::account) {
                let history = self.histories.get(usize_of(account.0));
                touched ^= history.map_or(0, History::last_minor);
            }
            black_box(touched);
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
        });
    }
}

/// Hands on some items at a time, so that what all of them change can be touched before any does.
fn in_goes<T>(mut items: impl Iterator<Item = T>, mut work: impl FnMut(&[T])) {
    let mut go = Vec::with_capacity(TOUCHED_RECORDS_MAX);
    loop {
        go.clear();
        go.extend(items.by_ref().take(TOUCHED_RECORDS_MAX));
        if go.is_empty() {
            return;
        }
        work(&go);
    }
}
