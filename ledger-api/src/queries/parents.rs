//! The operation that an operation belongs to: the one it reverses, or rewards.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use ledger_core::command::{PostDetail, Triplet};
use ledger_core::event::Record;
use ledger_core::ids::{AccountIndex, OperationId, Seq};
use ledger_core::projection::history::History;

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
                for window in windows(history, triplets, *left) {
                    let around = history.entries(window).into_iter();
                    entries.extend(around.map(|entry| (entry.posted_at.0, entry.seq)));
                }
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

/// Places in a history of all that can be among the so many posted nearest to the date of any of the triplets; none
/// twice.
fn windows(history: History<'_>, triplets: &[&Triplet], most: usize) -> Vec<Range<usize>> {
    let around = |triplet: &&Triplet| {
        let before = history.posted_between(None, Some(triplet.date)).end;
        before.saturating_sub(most)..before.saturating_add(most).min(history.len())
    };
    let mut windows: Vec<_> = triplets.iter().map(around).collect();
    windows.sort_unstable_by_key(|window| window.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for window in windows {
        match apart.last_mut() {
            Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
            Some(_) | None => apart.push(window),
        }
    }
    apart
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

#[cfg(test)]
mod tests {
    use ledger_core::projection::history::{Entry, Histories};
    use ledger_core::text::{OperationReference, ServicePoster};
    use ledger_core::time::{BusinessDate, Timestamp};

    use super::*;

    #[test]
    fn the_nearest_are_among_those_looked_at() {
        let mut histories = Histories::default();
        histories.open();
        for n in 0..500_u32 {
            let entry = Entry {
                posted_at: Timestamp(i64::from(n * n / 100)),
                seq: Seq(u64::from(n) + 1),
                value_date: BusinessDate(0),
                minor: 1,
            };
            histories.add(AccountIndex(0), entry);
        }
        let history = histories.of(AccountIndex(0));
        let triplet = |date| Triplet {
            date: Timestamp(date),
            reference: OperationReference::new("R").unwrap(),
            service_poster: ServicePoster::new("CORE").unwrap(),
        };
        for dates in [
            vec![-5],
            vec![0, 0],
            vec![900, 40, 901],
            vec![10_000, 1_200, 2_400],
        ] {
            let triplets: Vec<_> = dates.iter().map(|date| triplet(*date)).collect();
            let triplets: Vec<_> = triplets.iter().collect();
            for most in [0, 1, 20, 499, usize::MAX] {
                let places = |window| {
                    let entries = history.entries(window).into_iter();
                    entries.map(|entry| (entry.posted_at.0, entry.seq))
                };
                let windows = windows(history, &triplets, most);
                let looked_at: Vec<_> = windows.into_iter().flat_map(places).collect();
                assert!(looked_at.len() <= most.saturating_mul(2 * dates.len()));
                let all = places(0..history.len()).collect();
                // Of two at one distance either will do.
                let distances = |found: Vec<Seq>| -> Vec<u64> {
                    let at = |seq: &Seq| ((seq.0 - 1) * (seq.0 - 1) / 100).cast_signed();
                    let to = |at: i64| dates.iter().map(move |date| date.abs_diff(at)).min();
                    found.iter().filter_map(|seq| to(at(seq))).collect()
                };
                assert_eq!(
                    distances(nearest(looked_at, &triplets, most)),
                    distances(nearest(all, &triplets, most)),
                    "the {most} nearest to {dates:?}"
                );
            }
        }
    }
}
