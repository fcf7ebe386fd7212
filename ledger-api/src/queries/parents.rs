//! The operation that an operation belongs to: the one it reverses, or rewards.

use std::collections::{BTreeMap, HashMap};

use ledger_core::command::{PostDetail, Triplet};
use ledger_core::event::Record;
use ledger_core::ids::{AccountIndex, OperationId, Seq};

use super::full::accounts;
use super::search::SEARCH_RECORDS_MAX;
use crate::error::ApiError;
use crate::ledger::Ledger;

/// How an operation names the one it belongs to.
enum Parent<'a> {
    Id(OperationId),
    /// It is anywhere in the hierarchy of the bonus, which is on this account.
    Rewarded(AccountIndex, &'a Triplet),
}

impl Ledger {
    /// The operations that these records' operations belong to, by the places of these.
    ///
    /// What bonuses name by triplet is looked for among the operations of their hierarchies, for all of them at
    /// once: [`SEARCH_RECORDS_MAX`] records are read, those posted nearest to the dates of the triplets. What is
    /// not found among these is left out.
    pub(super) fn parents(&self, records: &[Record]) -> Result<HashMap<Seq, Record>, ApiError> {
        let mut parents = HashMap::new();
        let mut rewarded: BTreeMap<AccountIndex, Vec<(Seq, &Triplet)>> = BTreeMap::new();
        for record in records {
            match parent_of(record) {
                Some(Parent::Id(id)) => {
                    let parent = self.operation_record(id)?;
                    parents.extend(parent.map(|parent| (record.seq, parent)));
                }
                Some(Parent::Rewarded(account, triplet)) => {
                    let root = self.reader().books().portfolio().account(account).root;
                    let bonuses = rewarded.entry(root).or_default();
                    bonuses.push((record.seq, triplet));
                }
                None => {}
            }
        }
        let mut left = SEARCH_RECORDS_MAX;
        let mut roots = rewarded.len();
        for (root, bonuses) in rewarded {
            let triplets: Vec<_> = bonuses.iter().map(|(_, triplet)| *triplet).collect();
            // One hierarchy must not use up what the others need.
            let share = left / roots;
            let mut of_share = share;
            let found = self.by_triplets(root, &triplets, true, &mut of_share)?;
            (left, roots) = (left - (share - of_share), roots - 1);
            for (bonus, triplet) in bonuses {
                let parent = found.get(triplet).cloned();
                parents.extend(parent.map(|parent| (bonus, parent)));
            }
        }
        Ok(parents)
    }

    /// The records of the operations of an account, or also of those below it, that have one of these triplets.
    /// At most `left` records are read, those posted nearest to the dates of the triplets first, and counted off.
    pub(super) fn by_triplets<'a>(
        &self,
        index: AccountIndex,
        triplets: &[&'a Triplet],
        hierarchy: bool,
        left: &mut usize,
    ) -> Result<HashMap<&'a Triplet, Record>, ApiError> {
        let entries = {
            let books = self.reader().books();
            let mut entries = Vec::new();
            for account in accounts(&books, index, hierarchy) {
                let history = books.history(account);
                let all = history.entries(0..history.len()).into_iter();
                entries.extend(all.map(|entry| (entry.posted_at.0, entry.seq)));
            }
            entries
        };
        let nearest = nearest(entries, triplets, *left);
        let mut wanted = triplets.to_vec();
        let mut found = HashMap::new();
        for seq in nearest {
            if wanted.is_empty() {
                break;
            }
            *left -= 1;
            let Some(record) = self.reader().record(seq)? else {
                continue;
            };
            let own = record.operation().map(|operation| operation.triplet);
            if let Some(triplet) = wanted.iter().copied().find(|of| Some(*of) == own) {
                wanted.retain(|of| *of != triplet);
                found.insert(triplet, record);
            }
        }
        Ok(found)
    }
}

fn parent_of(record: &Record) -> Option<Parent<'_>> {
    let operation = record.operation()?;
    if let Some((original, _)) = operation.original {
        return Some(Parent::Id(original));
    }
    let Some(PostDetail::Bonus(bonus)) = operation.post else {
        return None;
    };
    let by_id = bonus.rewarded_operation.map(Parent::Id);
    let account = operation.decided.account;
    let rewarded = bonus.rewarded_triplet.as_ref();
    by_id.or_else(|| rewarded.map(|triplet| Parent::Rewarded(account, triplet)))
}

/// Of operations, by when they were posted, those nearest to the date of any of the triplets, which is when most are:
/// at most so many, the nearest first.
fn nearest(entries: Vec<(i64, Seq)>, triplets: &[&Triplet], most: usize) -> Vec<Seq> {
    let mut dates: Vec<_> = triplets.iter().map(|triplet| triplet.date.0).collect();
    dates.sort_unstable();
    let distance = |at: i64| {
        let next = dates.partition_point(|date| *date < at);
        let around = dates[next.saturating_sub(1)..].iter().take(2);
        around.map(|date| date.abs_diff(at)).min().unwrap_or(0)
    };
    let places = entries.into_iter().map(|(at, seq)| (distance(at), seq));
    let mut places: Vec<_> = places.collect();
    if places.len() > most {
        places.select_nth_unstable(most);
        places.truncate(most);
    }
    places.sort_unstable();
    places.into_iter().map(|(_, seq)| seq).collect()
}
