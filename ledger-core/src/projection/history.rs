//! The history of one account on two time axes: what was worth what by value date V, as known at K.
//!
//! Entries stand in posting order. Over every complete run of 64, 1 024, 16 384 … of them lies a
//! block: their amounts by value date, as running sums. A question (V, K) takes the entries posted
//! up to K, covers them with the largest blocks, and asks each for its sum up to V: at most 15 blocks
//! a size and 63 single entries, so O(log² n) where a scan would be O(n).

use crate::ids::Seq;
use crate::time::{BusinessDate, Timestamp};

/// Operations of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// In order of (posting date, place in the log).
    entries: Vec<Entry>,
    /// Entries that were posted before one already in `entries`: only a replayed history has them.
    late: Vec<Entry>,
    /// Blocks by size, each level in order.
    levels: Vec<Vec<Block>>,
}

/// One operation, as far as a history needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was posted.
    pub posted_at: Timestamp,
    /// Its record.
    pub seq: Seq,
    /// When it counts from.
    pub value_date: BusinessDate,
    /// What it adds to the balance, in minor units; zero for points.
    pub minor: i64,
}

/// Running sums of some entries by value date, one item a day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block(Vec<(BusinessDate, i128)>);

/// Entries under a block of the lowest level. Below this, adding up is faster than searching.
const RUN: usize = 64;
/// Blocks under a block of the next level.
const FAN: usize = 16;

impl History {
    /// Adds an operation.
    pub fn add(&mut self, entry: Entry) {
        match self.entries.last() {
            Some(last) if entry.posted_at < last.posted_at => {
                self.late.push(entry);
                // Merging costs a pass over everything, looking through the late ones costs a pass
                // over them: the square root balances the two.
                if self.late.len() > self.entries.len().isqrt().max(RUN) {
                    self.merge_late();
                }
            }
            Some(_) | None => self.push(entry),
        }
    }

    /// Sum of the operations with a value date of at most `valued`, posted at or before `known`.
    /// Either bound may be absent.
    #[must_use]
    pub fn balance(&self, valued: Option<BusinessDate>, known: Option<Timestamp>) -> i128 {
        let valued = valued.unwrap_or(BusinessDate(i32::MAX));
        let known = known.unwrap_or(Timestamp(i64::MAX));
        let posted = self
            .entries
            .partition_point(|entry| entry.posted_at <= known);
        let mut sum = 0;
        let mut covered = 0;
        for (level, blocks) in self.levels.iter().enumerate().rev() {
            let size = size_of_level(level);
            while covered + size <= posted {
                sum += blocks[covered / size].up_to(valued);
                covered += size;
            }
        }
        let late = self.late.iter().filter(|entry| entry.posted_at <= known);
        self.entries[covered..posted]
            .iter()
            .chain(late)
            .filter(|entry| entry.value_date <= valued)
            .fold(sum, |sum, entry| sum + i128::from(entry.minor))
    }

    /// All operations in order of (posting date, place in the log).
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = [self.entries.as_slice(), &self.late].concat();
        entries.sort_by_key(|entry| (entry.posted_at, entry.seq));
        entries
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        let count = self.entries.len();
        let mut level = 0;
        while count.is_multiple_of(size_of_level(level)) {
            let block = match level {
                0 => Block::of_entries(&self.entries[count - RUN..]),
                _ => {
                    let below = &self.levels[level - 1];
                    Block::of_blocks(&below[below.len() - FAN..])
                }
            };
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(block);
            level += 1;
        }
    }

    fn merge_late(&mut self) {
        let entries = self.entries();
        *self = Self::default();
        for entry in entries {
            self.push(entry);
        }
    }
}

impl Block {
    fn of_entries(entries: &[Entry]) -> Self {
        Self::of_amounts(
            entries
                .iter()
                .map(|e| (e.value_date, i128::from(e.minor)))
                .collect(),
        )
    }

    fn of_blocks(blocks: &[Self]) -> Self {
        Self::of_amounts(blocks.iter().flat_map(Self::amounts).collect())
    }

    fn of_amounts(mut amounts: Vec<(BusinessDate, i128)>) -> Self {
        amounts.sort_by_key(|(day, _)| *day);
        let mut running: Vec<(BusinessDate, i128)> = Vec::with_capacity(amounts.len());
        for (day, amount) in amounts {
            let before = running.last().map_or(0, |(_, sum)| *sum);
            match running.last_mut() {
                Some((last, sum)) if *last == day => *sum += amount,
                Some(_) | None => running.push((day, before + amount)),
            }
        }
        running.shrink_to_fit();
        Self(running)
    }

    fn amounts(&self) -> impl Iterator<Item = (BusinessDate, i128)> {
        let before = std::iter::once(0).chain(self.0.iter().map(|(_, sum)| *sum));
        self.0
            .iter()
            .zip(before)
            .map(|((day, sum), before)| (*day, sum - before))
    }

    fn up_to(&self, valued: BusinessDate) -> i128 {
        let days = self.0.partition_point(|(day, _)| *day <= valued);
        days.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

fn size_of_level(level: usize) -> usize {
    let level = u32::try_from(level).expect("a history has a handful of levels");
    RUN * FAN.pow(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed sequence of numbers without a pattern (Knuth's multiplier).
    fn number(n: u64) -> u64 {
        (n + 1).wrapping_mul(6_364_136_223_846_793_005) >> 33
    }

    #[test]
    fn every_question_has_the_answer_of_a_plain_scan() {
        for disorder in [0, 3, 5_000] {
            let mut history = History::default();
            let mut plain = Vec::new();
            for n in 0..5_000 {
                let entry = Entry {
                    posted_at: Timestamp((n + number(n) % (disorder + 1)).cast_signed()),
                    seq: Seq(n + 1),
                    value_date: BusinessDate(i32::try_from(number(n * 7) % 40).expect("small")),
                    minor: i64::try_from(number(n * 3) % 2_001).expect("small") - 1_000,
                };
                history.add(entry);
                plain.push(entry);
                if n % 97 != 0 {
                    continue;
                }
                for valued in [None, Some(0), Some(17), Some(39)] {
                    let valued = valued.map(BusinessDate);
                    for known in [None, Some(0), Some(n / 2), Some(n)] {
                        let known = known.map(|at| Timestamp(at.cast_signed()));
                        let expected: i128 = plain
                            .iter()
                            .filter(|e| valued.is_none_or(|day| e.value_date <= day))
                            .filter(|e| known.is_none_or(|at| e.posted_at <= at))
                            .map(|e| i128::from(e.minor))
                            .sum();
                        assert_eq!(history.balance(valued, known), expected, "{n} {valued:?}");
                    }
                }
            }
            plain.sort_by_key(|entry| (entry.posted_at, entry.seq));
            assert_eq!(history.entries(), plain);
        }
    }

    /// The promise of the module: work grows with the logarithm, not with the history.
    #[test]
    fn a_long_history_is_covered_by_few_blocks() {
        let mut history = History::default();
        for n in 0..100_000_u32 {
            history.add(Entry {
                posted_at: Timestamp(i64::from(n)),
                seq: Seq(u64::from(n) + 1),
                value_date: BusinessDate(0),
                minor: 1,
            });
        }
        let blocks: Vec<_> = history.levels.iter().map(Vec::len).collect();
        assert_eq!(blocks, [1_562, 97, 6]);
        assert_eq!(history.balance(None, Some(Timestamp(99_998))), 99_999);
    }
}
