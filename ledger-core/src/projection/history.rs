//! The history of one account on two time axes: what was worth what by value date V, as known at K.
//!
//! Entries stand in posting order, in runs of 256. Over every run, every 16 runs, every 256 … lies a
//! block: the amounts by value date, as running sums. A question (V, K) takes the entries posted up to
//! K, covers them with the largest blocks, and asks each for its sum up to V: at most 15 blocks a size
//! and 255 single entries, so O(log² n) where a scan would be O(n).
//!
//! There is one history for every account and one entry for every operation, so both are small: most
//! accounts never fill their first run, and have nothing but that.

use std::ops::Range;

use crate::ids::Seq;
use crate::time::{BusinessDate, Timestamp};

/// Operations of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The last entries, fewer than a run.
    tail: Vec<Packed>,
    /// What comes before them.
    long: Option<Box<Long>>,
}

/// The part of a history that only long or disordered ones have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Long {
    /// Entries in order of (posting date, place in the log), a run at a time.
    runs: Vec<Box<[Packed]>>,
    /// Entries that were posted before one already in order: only a replayed history has them.
    late: Vec<Packed>,
    /// Blocks by size, each level in order.
    levels: Vec<Vec<Block>>,
}

/// One operation, as far as a history needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was posted, within 4 000 years of 1970.
    pub posted_at: Timestamp,
    /// Its record.
    pub seq: Seq,
    /// When it counts from.
    pub value_date: BusinessDate,
    /// What it adds to the balance, in minor units; zero for points.
    pub minor: i64,
}

/// An entry in 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed {
    minor: i64,
    value_date: BusinessDate,
    posted_at: [u8; 6],
    seq: [u8; 5],
}

/// Running sums of some entries by value date, one item a day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block(Vec<(BusinessDate, i128)>);

/// Entries under a block of the lowest level. Below this, adding up is as fast as searching.
const RUN: usize = 256;
/// Blocks under a block of the next level.
const FAN: usize = 16;
/// Entries that a short history makes room for at a time, at least.
const ROOM_MIN: usize = 4;

impl History {
    /// An empty history with room for so many operations.
    pub(crate) fn with_room(operations: usize) -> Self {
        let room = operations.min(RUN).next_multiple_of(ROOM_MIN);
        Self {
            tail: Vec::with_capacity(room),
            long: None,
        }
    }

    /// Adds an operation.
    pub fn add(&mut self, entry: Entry) {
        let packed = Packed::of(entry);
        match self.last_in_order() {
            Some(last) if packed.posted_at() < last.posted_at() => {
                let count = self.count_in_order();
                let long = self.long.get_or_insert_default();
                long.late.push(packed);
                // Merging costs a pass over everything, looking through the late ones costs a pass
                // over them: the square root balances the two.
                if long.late.len() > count.isqrt().max(RUN) {
                    self.merge_late();
                }
            }
            Some(_) | None => self.push(packed),
        }
    }

    /// Sum of the operations with a value date of at most `valued`, posted at or before `known`.
    /// Either bound may be absent.
    #[must_use]
    pub fn balance(&self, valued: Option<BusinessDate>, known: Option<Timestamp>) -> i128 {
        let valued = valued.unwrap_or(BusinessDate(i32::MAX));
        let known = known.unwrap_or(Timestamp(i64::MAX));
        let posted = self.first_in_order(|entry| entry.posted_at() > known);
        let mut sum = 0;
        let mut covered = 0;
        for (level, blocks) in self.levels().iter().enumerate().rev() {
            let size = size_of_level(level);
            while covered + size <= posted {
                sum += blocks[covered / size].up_to(valued);
                covered += size;
            }
        }
        let late = self.late().iter();
        self.in_order(covered..posted)
            .chain(late.filter(|entry| entry.posted_at() <= known))
            .filter(|entry| entry.value_date <= valued)
            .fold(sum, |sum, entry| sum + i128::from(entry.minor))
    }

    /// As [`Self::balance`], of the operations up to the record at `position` alone. Operations stand in posting
    /// order, which need not be the log's, so all of them are looked through.
    #[must_use]
    pub fn balance_at(
        &self,
        position: Seq,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> i128 {
        let all = self.in_order(0..self.count_in_order());
        all.chain(self.late())
            .filter(|entry| entry.seq() <= position)
            .filter(|entry| valued.is_none_or(|day| entry.value_date <= day))
            .filter(|entry| known.is_none_or(|at| entry.posted_at() <= at))
            .map(|entry| i128::from(entry.minor))
            .sum()
    }

    /// Whether there is more of it than most have.
    pub(crate) fn is_long(&self) -> bool {
        self.long.is_some()
    }

    /// Reads what adding an operation will read: the last entry in order, which may lie on two lines.
    pub(crate) fn touch(&self) -> i64 {
        let last = self.last_in_order();
        last.map_or(0, |entry| entry.minor ^ entry.posted_at().0)
    }

    /// Number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count_in_order() + self.late().len()
    }

    /// Whether there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places of the operations posted from `start` on and before `end`, counted from 0 in order of
    /// (posting date, place in the log). Either bound may be absent.
    #[must_use]
    pub fn posted_between(&self, start: Option<Timestamp>, end: Option<Timestamp>) -> Range<usize> {
        let before = |bound: Timestamp| {
            let late = self.late().iter();
            self.first_in_order(|entry| entry.posted_at() >= bound)
                + late.filter(|entry| entry.posted_at() < bound).count()
        };
        let end = end.map_or(self.len(), before);
        start.map_or(0, before).min(end)..end
    }

    /// The operations at these places, counted as in [`Self::posted_between`].
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn entries(&self, places: Range<usize>) -> Vec<Entry> {
        if self.late().is_empty() {
            return self.in_order(places).map(Packed::unpack).collect();
        }
        let mut late = self.late().to_vec();
        late.sort_unstable_by_key(Packed::order);
        // Of the operations before the first place, `skip_in_order` are in order and the others late.
        let late_before = |entry: &Packed| late.partition_point(|l| l.order() < entry.order());
        let skip_in_order = partition_point(self.count_in_order(), |place| {
            place + late_before(self.place_in_order(place)) < places.start
        });
        let mut in_order = self
            .in_order(skip_in_order..self.count_in_order())
            .peekable();
        let mut late = late[places.start - skip_in_order..].iter().peekable();
        let mut entries = Vec::with_capacity(places.len());
        while entries.len() < places.len() {
            let next = match (in_order.peek(), late.peek()) {
                (Some(first), Some(second)) if first.order() <= second.order() => in_order.next(),
                (_, Some(_)) => late.next(),
                (_, None) => in_order.next(),
            };
            entries.push(next.expect("there are as many operations").unpack());
        }
        entries
    }

    /// Memory held beside the history itself, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        let entry = size_of::<Packed>();
        let long = self.long.as_ref().map_or(0, |long| {
            let blocks = long.levels.iter().flatten();
            size_of::<Long>()
                + long.runs.capacity() * size_of::<Box<[Packed]>>()
                + (long.runs.len() * RUN + long.late.capacity()) * entry
                + blocks.map(Block::retained_bytes).sum::<usize>()
        });
        self.tail.capacity() * entry + long
    }

    fn push(&mut self, entry: Packed) {
        if self.tail.len() == self.tail.capacity() {
            self.make_room();
        }
        self.tail.push(entry);
        if self.tail.len() == RUN {
            let run = std::mem::take(&mut self.tail).into_boxed_slice();
            self.long.get_or_insert_default().add_run(run);
        }
    }

    /// Grows by half: one history in many accounts would waste as much as it holds by doubling.
    fn make_room(&mut self) {
        let held = self.tail.len();
        let more = match &self.long {
            Some(_) => RUN,
            None => (held / 2).next_multiple_of(ROOM_MIN).max(ROOM_MIN),
        };
        self.tail.reserve_exact(more.min(RUN - held));
    }

    fn merge_late(&mut self) {
        let entries = self.entries(0..self.len());
        *self = Self::default();
        for entry in entries {
            self.push(Packed::of(entry));
        }
    }

    fn late(&self) -> &[Packed] {
        self.long.as_ref().map_or(&[], |long| &long.late)
    }

    fn levels(&self) -> &[Vec<Block>] {
        self.long.as_ref().map_or(&[], |long| &long.levels)
    }

    fn runs(&self) -> &[Box<[Packed]>] {
        self.long.as_ref().map_or(&[], |long| &long.runs)
    }

    fn count_in_order(&self) -> usize {
        self.runs().len() * RUN + self.tail.len()
    }

    fn last_in_order(&self) -> Option<&Packed> {
        let before = || self.runs().last().and_then(|run| run.last());
        self.tail.last().or_else(before)
    }

    fn place_in_order(&self, place: usize) -> &Packed {
        let runs = self.runs();
        runs.get(place / RUN).map_or_else(
            || &self.tail[place - runs.len() * RUN],
            |run| &run[place % RUN],
        )
    }

    fn in_order(&self, places: Range<usize>) -> impl Iterator<Item = &Packed> {
        let runs = self.runs();
        let first = (places.start / RUN).min(runs.len());
        runs[first..]
            .iter()
            .map(|run| &run[..])
            .chain(std::iter::once(self.tail.as_slice()))
            .flatten()
            .skip(places.start - first * RUN)
            .take(places.len())
    }

    /// The place of the first entry in order for which this is so, as for all after it.
    fn first_in_order(&self, is_so: impl Fn(&Packed) -> bool) -> usize {
        partition_point(self.count_in_order(), |place| {
            !is_so(self.place_in_order(place))
        })
    }
}

/// The first of so many places that `is_before` does not hold for.
fn partition_point(places: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, places);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl Long {
    fn add_run(&mut self, run: Box<[Packed]>) {
        let mut block = Block::of_entries(&run);
        self.runs.push(run);
        let mut level = 0;
        loop {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let blocks = &mut self.levels[level];
            blocks.push(block);
            if !blocks.len().is_multiple_of(FAN) {
                return;
            }
            block = Block::of_blocks(&blocks[blocks.len() - FAN..]);
            level += 1;
        }
    }
}

impl Packed {
    fn of(entry: Entry) -> Self {
        let Entry {
            posted_at,
            seq,
            value_date,
            minor,
        } = entry;
        let posted_at = posted_at.0.clamp(-(1 << 47), (1 << 47) - 1).to_le_bytes();
        let seq = seq.0.to_le_bytes();
        Self {
            minor,
            value_date,
            posted_at: std::array::from_fn(|byte| posted_at[byte]),
            seq: std::array::from_fn(|byte| seq[byte]),
        }
    }

    fn unpack(&self) -> Entry {
        Entry {
            posted_at: self.posted_at(),
            seq: self.seq(),
            value_date: self.value_date,
            minor: self.minor,
        }
    }

    fn posted_at(&self) -> Timestamp {
        let [a, b, c, d, e, f] = self.posted_at;
        // Moved to the top and back, so that the sign is spread.
        Timestamp(i64::from_le_bytes([0, 0, a, b, c, d, e, f]) >> 16)
    }

    fn seq(&self) -> Seq {
        let [a, b, c, d, e] = self.seq;
        Seq(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
    }

    fn order(&self) -> (Timestamp, Seq) {
        (self.posted_at(), self.seq())
    }
}

impl Block {
    fn of_entries(entries: &[Packed]) -> Self {
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

    fn retained_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(BusinessDate, i128)>() + size_of::<Self>()
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
                        let last = Seq(n + 1);
                        assert_eq!(history.balance_at(last, valued, known), expected, "{n}");
                        let position = Seq(number(n) % (n + 1));
                        let until = plain.iter().filter(|e| e.seq <= position);
                        let until: i128 = until
                            .filter(|e| valued.is_none_or(|day| e.value_date <= day))
                            .filter(|e| known.is_none_or(|at| e.posted_at <= at))
                            .map(|e| i128::from(e.minor))
                            .sum();
                        assert_eq!(history.balance_at(position, valued, known), until, "{n}");
                    }
                }
            }
            plain.sort_by_key(|entry| (entry.posted_at, entry.seq));
            assert_eq!(history.entries(0..history.len()), plain);
            for (start, end) in [(0, 1), (0, 300), (255, 258), (1_700, 1_750), (4_990, 5_000)] {
                assert_eq!(history.entries(start..end), plain[start..end], "{start}");
            }
            for (start, end) in [(None, Some(700)), (Some(2_000), None), (Some(9), Some(4))] {
                let (start, end) = (start.map(Timestamp), end.map(Timestamp));
                let places = history.posted_between(start, end);
                let expected: Vec<_> = plain
                    .iter()
                    .filter(|e| start.is_none_or(|at| e.posted_at >= at))
                    .filter(|e| end.is_none_or(|at| e.posted_at < at))
                    .copied()
                    .collect();
                assert_eq!(history.entries(places), expected, "{start:?} {end:?}");
            }
        }
    }

    #[test]
    fn an_entry_is_packed_without_loss() {
        for (at, seq, day) in [
            (-2_208_988_800_000, 1, -25_567),
            (-1, 0xff_ffff_ffff, 84_005),
            (7_258_118_399_999, 12_345_678_901, i32::MAX),
        ] {
            let entry = Entry {
                posted_at: Timestamp(at),
                seq: Seq(seq),
                value_date: BusinessDate(day),
                minor: i64::MIN,
            };
            assert_eq!(Packed::of(entry).unpack(), entry);
        }
        assert_eq!(size_of::<Packed>(), 24);
        assert_eq!(size_of::<History>(), 32);
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
        let blocks: Vec<_> = history.levels().iter().map(Vec::len).collect();
        assert_eq!(blocks, [390, 24, 1]);
        assert_eq!(history.balance(None, Some(Timestamp(99_998))), 99_999);
    }
}
