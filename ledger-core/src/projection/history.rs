//! The history of one account on two time axes: what was worth what by value date V, as known at K.
//!
//! Entries stand in posting order, in runs of 256. Over every run, every 16 runs, every 256 … lies a
//! block: the amounts by value date, as running sums. A question (V, K) takes the entries posted up to
//! K, covers them with the largest blocks, and asks each for its sum up to V: at most 15 blocks a size
//! and 255 single entries, so O(log² n) where a scan would be O(n).
//!
//! There is one history for every account and one entry for every operation, so both are small: most
//! accounts never fill their first run, and have nothing but that, in pieces of the room that all histories share.

mod long;
mod packed;
mod room;

use std::ops::Range;

use self::long::{Block, Long, size_of_level};
use self::packed::{Packed, Posted};
use self::room::Piece;
pub(super) use self::room::Room;
use crate::ids::{AccountIndex, Seq};
use crate::portfolio::usize_of;
use crate::time::{BusinessDate, Timestamp};

/// The histories of all accounts, in the order of opening.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    rows: Vec<Row>,
    room: Room,
}

/// The operations of one account.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    row: &'a Row,
    room: &'a Room,
}

/// What there is of a history beside its entries. Whether an entry follows the last is known without reading that.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Where the last entries are, fewer than a run.
    pieces: [Option<Piece>; room::PIECES],
    /// What comes before them.
    long: Option<Box<Long>>,
    /// When the last entry in order was posted, if there is one.
    last_posted: Posted,
    /// How many entries the pieces have.
    len: u16,
}

/// Every account has one, so it is small: three quarters of a line of the processor's cache.
const _: () = assert!(size_of::<Row>() == 48);

/// Where the next operation of a history goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next(Piece, usize);

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

/// Entries under a block of the lowest level. Below this, adding up is as fast as searching.
const RUN: usize = 256;

impl Histories {
    /// None yet, with room for those of so many accounts.
    pub(super) fn for_accounts(accounts: usize) -> Self {
        Self {
            rows: Vec::with_capacity(accounts),
            room: Room::default(),
        }
    }

    /// Room for the history of the account opened next.
    pub fn open(&mut self) {
        self.rows.push(Row::default());
    }

    /// Adds an operation of an account.
    ///
    /// # Panics
    /// When the account was not opened.
    pub fn add(&mut self, account: AccountIndex, entry: Entry) {
        self.rows[usize_of(account.0)].add(&mut self.room, entry);
    }

    /// The history of an account.
    ///
    /// # Panics
    /// When the account was not opened.
    #[must_use]
    pub fn of(&self, account: AccountIndex) -> History<'_> {
        History {
            row: &self.rows[usize_of(account.0)],
            room: &self.room,
        }
    }

    /// Whether the account was opened.
    pub(super) fn has(&self, account: AccountIndex) -> bool {
        usize_of(account.0) < self.rows.len()
    }

    /// Reads what there is of a history beside its entries. That is on two lines of the cache for every other account.
    pub(super) fn touch(&self, account: AccountIndex) -> u32 {
        let row = &self.rows[usize_of(account.0)];
        row.pieces[0].map_or(0, Piece::number) ^ u32::from(row.len)
    }

    /// Where the next operation of an account goes to, if there is room for it already.
    pub(super) fn next(&self, account: AccountIndex) -> Option<Next> {
        let row = &self.rows[usize_of(account.0)];
        let (which, place) = room::place_of(usize::from(row.len));
        row.pieces[which].map(|piece| Next(piece, place))
    }

    /// Reads where an operation will go to.
    pub(super) fn touch_next(&self, Next(piece, place): Next) -> i64 {
        self.room.get(piece, place).minor
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        let long = self.rows.iter().map(Row::retained_bytes);
        self.rows.capacity() * size_of::<Row>() + self.room.retained_bytes() + long.sum::<usize>()
    }

    /// Takes in the histories of the accounts from `first` on, which lie in a room of their own. Accounts between the
    /// last and those have none.
    ///
    /// # Panics
    /// When there are histories from `first` on.
    pub(super) fn join(
        &mut self,
        first: AccountIndex,
        rows: impl Iterator<Item = Row>,
        room: Room,
    ) {
        let first = usize_of(first.0);
        assert!(self.rows.len() <= first, "they come in order");
        self.rows.resize_with(first, Row::default);
        let moved = self.room.join(room);
        self.rows.extend(rows.map(|mut row| {
            for piece in row.pieces.iter_mut().flatten() {
                *piece = moved.of(*piece);
            }
            row
        }));
    }

    /// Makes them those of so many accounts.
    pub(super) fn extend_to(&mut self, accounts: usize) {
        self.rows.resize_with(accounts, Row::default);
    }
}

impl PartialEq for Histories {
    fn eq(&self, other: &Self) -> bool {
        let accounts = || (0..).take(self.rows.len()).map(AccountIndex);
        self.rows.len() == other.rows.len()
            && accounts().all(|account| self.of(account) == other.of(account))
    }
}

impl Eq for Histories {}

impl History<'_> {
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

    /// Number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row.len()
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

    fn late(&self) -> &[Packed] {
        self.row.long.as_ref().map_or(&[], |long| &long.late)
    }

    fn levels(&self) -> &[Vec<Block>] {
        self.row.long.as_ref().map_or(&[], |long| &long.levels)
    }

    fn runs(&self) -> &[Box<[Packed]>] {
        self.row.long.as_ref().map_or(&[], |long| &long.runs)
    }

    fn count_in_order(&self) -> usize {
        self.row.count_in_order()
    }

    fn place_in_order(&self, place: usize) -> &Packed {
        let runs = self.runs();
        runs.get(place / RUN).map_or_else(
            || self.row.get(self.room, place - runs.len() * RUN),
            |run| &run[place % RUN],
        )
    }

    fn in_order(&self, places: Range<usize>) -> impl Iterator<Item = &Packed> {
        let runs = self.runs();
        let first = (places.start / RUN).min(runs.len());
        runs[first..]
            .iter()
            .map(|run| &run[..])
            .chain(self.row.entries(self.room))
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

/// Equal when the entries are, wherever in memory they lie.
impl PartialEq for History<'_> {
    fn eq(&self, other: &Self) -> bool {
        let rest = self.row.entries(self.room).flatten();
        let other_rest = other.row.entries(other.room).flatten();
        self.row.long == other.row.long && rest.eq(other_rest)
    }
}

impl Eq for History<'_> {}

impl Row {
    /// An empty history with room for so many operations side by side, or for a run.
    pub(super) fn with_room(operations: usize, room: &mut Room) -> Self {
        Self {
            pieces: room.take_together(operations.min(RUN)),
            ..Self::default()
        }
    }

    /// Adds the next operation of a history that was made with room for so many. As long as they come in order they lie
    /// side by side, and no piece is looked for.
    #[inline]
    pub(super) fn restore(&mut self, operations: usize, room: &mut Room, entry: Entry) {
        let packed = Packed::of(entry);
        match self.pieces[0] {
            Some(first)
                if usize::from(self.len) < operations.min(RUN - 1)
                    && self.last_posted.at() <= packed.posted_at()
                    && self.long.is_none() =>
            {
                room.set(first, self.len.into(), packed);
                self.last_posted = packed.posted();
                self.len += 1;
            }
            _ => self.add(room, entry),
        }
    }

    /// Adds an operation.
    pub(super) fn add(&mut self, room: &mut Room, entry: Entry) {
        let packed = Packed::of(entry);
        let is_first = self.len == 0 && self.long.is_none();
        if is_first || self.last_posted.at() <= packed.posted_at() {
            self.push(room, packed);
        } else {
            self.add_late(room, packed);
        }
    }

    fn push(&mut self, room: &mut Room, entry: Packed) {
        let (which, place) = room::place_of(usize::from(self.len));
        let piece = *self.pieces[which].get_or_insert_with(|| room.take(which));
        room.set(piece, place, entry);
        self.last_posted = entry.posted();
        self.len += 1;
        if usize::from(self.len) == RUN {
            self.end_run(room);
        }
    }

    /// Takes the full run out of the room.
    fn end_run(&mut self, room: &mut Room) {
        let mut run = Vec::with_capacity(RUN);
        for piece in self.entries(room) {
            run.extend_from_slice(piece);
        }
        self.long
            .get_or_insert_default()
            .add_run(run.into_boxed_slice());
        room.give_back(std::mem::take(&mut self.pieces));
        self.len = 0;
    }

    fn add_late(&mut self, room: &mut Room, entry: Packed) {
        let count = self.count_in_order();
        let long = self.long.get_or_insert_default();
        long.late.push(entry);
        // Merging costs a pass over everything, looking through the late ones costs a pass
        // over them: the square root balances the two.
        if long.late.len() > count.isqrt().max(RUN) {
            let all = History { row: self, room };
            let entries = all.entries(0..all.len());
            room.give_back(std::mem::take(self).pieces);
            for entry in entries {
                self.push(room, Packed::of(entry));
            }
        }
    }

    fn count_in_order(&self) -> usize {
        let runs = self.long.as_ref().map_or(0, |long| long.runs.len());
        runs * RUN + usize::from(self.len)
    }

    /// The entry at this place behind the runs.
    fn get<'a>(&self, room: &'a Room, place: usize) -> &'a Packed {
        let (which, place) = room::place_of(place);
        let piece = self.pieces[which].expect("there are as many operations");
        room.get(piece, place)
    }

    /// The entries behind the runs, as they lie together.
    fn entries<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = &'a [Packed]> {
        room.entries(&self.pieces, usize::from(self.len))
    }

    /// Number of operations.
    pub(super) fn len(&self) -> usize {
        let late = self.long.as_ref().map_or(0, |long| long.late.len());
        self.count_in_order() + late
    }

    fn retained_bytes(&self) -> usize {
        self.long.as_ref().map_or(0, |long| long.retained_bytes())
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

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: AccountIndex = AccountIndex(0);

    /// A fixed sequence of numbers without a pattern (Knuth's multiplier).
    fn number(n: u64) -> u64 {
        (n + 1).wrapping_mul(6_364_136_223_846_793_005) >> 33
    }

    #[test]
    fn every_question_has_the_answer_of_a_plain_scan() {
        for disorder in [0, 3, 5_000] {
            let mut histories = Histories::default();
            histories.open();
            let mut plain = Vec::new();
            for n in 0..5_000 {
                let entry = Entry {
                    posted_at: Timestamp((n + number(n) % (disorder + 1)).cast_signed()),
                    seq: Seq(n + 1),
                    value_date: BusinessDate(i32::try_from(number(n * 7) % 40).expect("small")),
                    minor: i64::try_from(number(n * 3) % 2_001).expect("small") - 1_000,
                };
                histories.add(FIRST, entry);
                plain.push(entry);
                if n % 97 != 0 {
                    continue;
                }
                let history = histories.of(FIRST);
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
            let history = histories.of(FIRST);
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

    /// An operation of an account, the n-th of all.
    fn entry(n: u64) -> Entry {
        Entry {
            posted_at: Timestamp(n.cast_signed()),
            seq: Seq(n + 1),
            value_date: BusinessDate(0),
            minor: n.cast_signed(),
        }
    }

    /// However many accounts share the room, and however often pieces of full runs were used again.
    #[test]
    fn histories_side_by_side_do_not_mix() {
        const ACCOUNTS: u64 = 7;
        let mut histories = Histories::default();
        (0..ACCOUNTS).for_each(|_| histories.open());
        let mut expected = vec![Vec::new(); usize::try_from(ACCOUNTS).expect("a few")];
        for n in 0..6_000 {
            // The first has half of all, the others less and less.
            let account = (0..ACCOUNTS - 1)
                .find(|account| number(n + account * 7_919).is_multiple_of(2))
                .unwrap_or(ACCOUNTS - 1);
            let index = AccountIndex(u32::try_from(account).expect("a few"));
            // In the second half some are late, so that histories are put in order anew.
            let late = if n < 3_000 { 0 } else { number(n * 5) % 2_000 };
            let entry = Entry {
                posted_at: Timestamp((n - late).cast_signed()),
                ..entry(n)
            };
            histories.add(index, entry);
            expected[usize_of(index.0)].push(entry);
        }
        for (account, expected) in (0..).map(AccountIndex).zip(&mut expected) {
            expected.sort_by_key(|entry| (entry.posted_at, entry.seq));
            let history = histories.of(account);
            assert_eq!(history.entries(0..history.len()), *expected, "{account:?}");
        }
    }

    /// Books are restored a band of accounts at a time, and then go on. Room is made for as many operations as a byte
    /// counts, and may be more or less than it turns out to need.
    #[test]
    fn histories_that_were_joined_go_on_as_others_do() {
        let room_for: [fn(usize) -> usize; 4] = [
            |count| count.min(255),
            |count| count + 2,
            |count| count / 2,
            |_| 0,
        ];
        for (room_for, late_every) in room_for.iter().flat_map(|f| [(f, 2), (f, 37), (f, 9_999)]) {
            let posted = |n: u64| Entry {
                posted_at: Timestamp(
                    if n.is_multiple_of(late_every) { 0 } else { n }.cast_signed(),
                ),
                ..entry(n)
            };
            joined_go_on_as_others_do(room_for, posted);
        }
    }

    fn joined_go_on_as_others_do(room_for: impl Fn(usize) -> usize, posted: impl Fn(u64) -> Entry) {
        let counts = [0, 1, 3, 4, 5, 20, 0, 255, 256, 700, 0];
        let mut whole = Histories::default();
        let mut joined = Histories::for_accounts(counts.len());
        let mut next = 0;
        // Accounts in the order of opening, three to a band.
        for (band, counts) in counts.chunks(3).enumerate() {
            let first = AccountIndex(u32::try_from(band * 3).expect("a few"));
            let mut room = Room::default();
            let mut rows = Vec::new();
            for (account, count) in (first.0..).map(AccountIndex).zip(counts) {
                whole.open();
                let operations = room_for(usize::try_from(*count).expect("few"));
                let mut row = Row::with_room(operations, &mut room);
                for n in next..next + count {
                    whole.add(account, posted(n));
                    row.restore(operations, &mut room, posted(n));
                }
                next += count;
                rows.push(row);
            }
            joined.join(first, rows.into_iter(), room);
        }
        joined.extend_to(counts.len());
        let mut joined = joined.clone();
        assert!(joined == whole);
        for n in 0..5_000 {
            let account =
                AccountIndex(u32::try_from(number(n) % counts.len() as u64).expect("a few"));
            whole.add(account, entry(next + n));
            joined.add(account, entry(next + n));
        }
        assert!(joined == whole);
        joined.add(AccountIndex(0), entry(next + 5_000));
        assert!(joined != whole);
    }

    /// What few operations take is told by the size of their pieces.
    #[test]
    fn room_is_made_a_few_entries_at_a_time_and_used_again() {
        let mut histories = Histories::default();
        histories.open();
        let held = |histories: &Histories| histories.room.len();
        let mut seen = Vec::new();
        for n in 0..1_000 {
            histories.add(FIRST, entry(n));
            seen.push(held(&histories));
        }
        seen.dedup();
        assert_eq!(seen, [4, 8, 12, 20, 32, 64, 128, 256]);
    }

    /// The promise of the module: work grows with the logarithm, not with the history.
    #[test]
    fn a_long_history_is_covered_by_few_blocks() {
        let mut histories = Histories::default();
        histories.open();
        for n in 0..100_000_u32 {
            let entry = Entry {
                posted_at: Timestamp(i64::from(n)),
                seq: Seq(u64::from(n) + 1),
                value_date: BusinessDate(0),
                minor: 1,
            };
            histories.add(FIRST, entry);
        }
        let history = histories.of(FIRST);
        let blocks: Vec<_> = history.levels().iter().map(Vec::len).collect();
        assert_eq!(blocks, [390, 24, 1]);
        assert_eq!(history.balance(None, Some(Timestamp(99_998))), 99_999);
    }
}
