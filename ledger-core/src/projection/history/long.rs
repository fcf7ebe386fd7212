//! The part of a history that only long or disordered ones have: full runs, blocks of sums over them, and what came late.

use super::RUN;
use super::packed::Packed;
use crate::time::BusinessDate;

/// Full runs, the blocks over them, and what came late.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Long {
    /// Entries in order of (posting date, place in the log), a run at a time.
    pub(super) runs: Vec<Box<[Packed]>>,
    /// Entries that were posted before one already in order: only a replayed history has them.
    pub(super) late: Vec<Packed>,
    /// Blocks by size, each level in order.
    pub(super) levels: Vec<Vec<Block>>,
}

/// Running sums of some entries by value date, one item a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block(Vec<(BusinessDate, i128)>);

/// Blocks under a block of the next level.
const FAN: usize = 16;

/// Entries under a block of this level.
pub(super) fn size_of_level(level: usize) -> usize {
    let level = u32::try_from(level).expect("a history has a handful of levels");
    RUN * FAN.pow(level)
}

impl Long {
    pub(super) fn add_run(&mut self, run: Box<[Packed]>) {
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

    /// Memory held, in bytes.
    pub(super) fn retained_bytes(&self) -> usize {
        let blocks = self.levels.iter().flatten();
        size_of::<Self>()
            + self.runs.capacity() * size_of::<Box<[Packed]>>()
            + (self.runs.len() * RUN + self.late.capacity()) * size_of::<Packed>()
            + blocks.map(Block::retained_bytes).sum::<usize>()
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

    /// Sum of the amounts up to this day.
    pub(super) fn up_to(&self, valued: BusinessDate) -> i128 {
        let days = self.0.partition_point(|(day, _)| *day <= valued);
        days.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}
