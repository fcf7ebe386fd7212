//! The memory in which the last entries of all histories lie.
//!
//! A history has up to eight pieces of it, each where there is room when the one before is full: so nothing is moved when
//! a history grows up to a run, and what many histories get at a time lies side by side. Pieces of a full run are used
//! again.

use std::num::NonZeroU32;

use super::RUN;
use super::packed::Packed;

/// Pieces of a run.
pub(super) const PIECES: usize = 8;
/// Entries of each piece, together a run. Most histories are short, and have no piece longer than half of what is before
/// it; of the others there are few, so that they may waste more.
const LENGTHS: [usize; PIECES] = [4, 4, 4, 8, 12, 32, 64, 128];
/// Entries before each piece.
const BEFORE: [usize; PIECES] = before();
/// Lengths of pieces, and their places in a slab, are multiples of this.
const STEP: usize = 4;
/// Which piece has an entry, by steps.
const PIECE_AT: [u8; RUN / STEP] = piece_at();
/// A slab has so many steps at most, to a power of two.
const SLAB_BITS: u32 = 10;
const SLAB_STEPS_MAX: usize = 1 << SLAB_BITS;
/// About a hundred kilobytes.
const SLAB_ENTRIES_MAX: usize = SLAB_STEPS_MAX * STEP;
/// Entries that the first slab has room for, at least.
const FIRST_SLAB_ENTRIES: usize = 16;

/// Slabs of entries. Each is made with room for as many as there are in all before it, up to a limit, and never grows; only
/// the last is added to.
#[derive(Debug, Clone, Default)]
pub(in crate::projection) struct Room {
    slabs: Vec<Vec<Packed>>,
    /// Entries that were made room for.
    len: usize,
    /// Pieces that no history has any more, by their place in a history.
    spare: [Vec<Piece>; PIECES],
}

/// Where a piece begins: the slab, and in it the step; and one more, so that zero is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece(NonZeroU32);

/// By how much pieces move when one room is joined to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved(u32);

/// The place of an entry of a run: in which piece, and where in that.
pub(super) fn place_of(entry: usize) -> (usize, usize) {
    let which = usize::from(PIECE_AT[entry / STEP]);
    (which, entry - BEFORE[which])
}

impl Room {
    /// Makes room for a piece that comes in this place of a history.
    pub(super) fn take(&mut self, which: usize) -> Piece {
        if let Some(piece) = self.spare[which].pop() {
            return piece;
        }
        self.add(LENGTHS[which])
    }

    /// Makes room for the pieces that a history with so many entries has, one behind the other.
    pub(super) fn take_together(&mut self, entries: usize) -> [Option<Piece>; PIECES] {
        let mut pieces = [None; PIECES];
        let Some(last) = entries.checked_sub(1) else {
            return pieces;
        };
        let (last, _) = place_of(last);
        let first = self.add(BEFORE[last] + LENGTHS[last]);
        for (piece, before) in pieces.iter_mut().zip(BEFORE).take(last + 1) {
            *piece = Some(first.behind(before));
        }
        pieces
    }

    /// Makes room for so many entries that lie together.
    fn add(&mut self, length: usize) -> Piece {
        let has_room = |slab: &Vec<Packed>| {
            let room = slab.capacity().min(SLAB_ENTRIES_MAX);
            slab.len() + length <= room
        };
        if !self.slabs.last().is_some_and(has_room) {
            let room = self.len.clamp(FIRST_SLAB_ENTRIES, SLAB_ENTRIES_MAX);
            self.slabs.push(Vec::with_capacity(room.max(length)));
        }
        let last = self.slabs.len() - 1;
        let slab = &mut self.slabs[last];
        let piece = Piece::at(last, slab.len() / STEP);
        slab.resize(slab.len() + length, Packed::EMPTY);
        self.len += length;
        piece
    }

    /// Takes pieces back that a history has no more.
    pub(super) fn give_back(&mut self, pieces: [Option<Piece>; PIECES]) {
        for (spare, piece) in self.spare.iter_mut().zip(pieces) {
            spare.extend(piece);
        }
    }

    pub(super) fn set(&mut self, piece: Piece, place: usize, entry: Packed) {
        let (slab, first) = piece.place();
        self.slabs[slab][first + place] = entry;
    }

    pub(super) fn get(&self, piece: Piece, place: usize) -> &Packed {
        let (slab, first) = piece.place();
        &self.slabs[slab][first + place]
    }

    /// The first `len` entries of a run in these pieces, as they lie together.
    pub(super) fn entries(
        &self,
        pieces: &[Option<Piece>; PIECES],
        len: usize,
    ) -> impl Iterator<Item = &[Packed]> {
        let pieces = pieces.iter().flatten().zip(LENGTHS).zip(BEFORE);
        pieces.map_while(move |((piece, length), before)| {
            let there = len.checked_sub(before).filter(|there| *there > 0)?;
            let (slab, first) = piece.place();
            Some(&self.slabs[slab][first..first + there.min(length)])
        })
    }

    /// Takes in another room. Its pieces are then where [`Moved::of`] says.
    pub(super) fn join(&mut self, mut other: Self) -> Moved {
        let moved = Piece::at(self.slabs.len(), 0).0.get() - 1;
        // Nothing is added there any more.
        if let Some(last) = other.slabs.last_mut() {
            last.shrink_to_fit();
        }
        self.slabs.append(&mut other.slabs);
        self.len += other.len;
        let moved = Moved(moved);
        for (spare, others) in self.spare.iter_mut().zip(other.spare) {
            spare.extend(others.into_iter().map(|piece| moved.of(piece)));
        }
        moved
    }

    /// Entries that were made room for.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Memory held, in bytes.
    pub(super) fn retained_bytes(&self) -> usize {
        let entries: usize = self.slabs.iter().map(Vec::capacity).sum();
        let spare: usize = self.spare.iter().map(Vec::capacity).sum();
        entries * size_of::<Packed>()
            + self.slabs.capacity() * size_of::<Vec<Packed>>()
            + spare * size_of::<Piece>()
    }
}

impl Piece {
    /// Which of all places where pieces may begin it is.
    pub(super) fn number(self) -> u32 {
        self.0.get()
    }

    fn at(slab: usize, step: usize) -> Self {
        let place = u32::try_from((slab << SLAB_BITS | step) + 1);
        // Full ones would take four hundred gigabytes; a band of accounts that is restored brings a few small ones.
        let place = place.expect("fewer than 2^22 slabs");
        Self(NonZeroU32::new(place).expect("it is one more than a place"))
    }

    /// The piece that begins so many entries farther on in the same slab.
    fn behind(self, entries: usize) -> Self {
        let (slab, first) = self.place();
        Self::at(slab, (first + entries) / STEP)
    }

    /// The slab, and the first of its entries there.
    fn place(self) -> (usize, usize) {
        let place = usize::try_from(self.0.get() - 1).expect("a place in memory");
        (place >> SLAB_BITS, place % SLAB_STEPS_MAX * STEP)
    }
}

impl Moved {
    /// Where a piece of the joined room is now.
    pub(super) fn of(self, piece: Piece) -> Piece {
        Piece(piece.0.checked_add(self.0).expect("fewer than 2^22 slabs"))
    }
}

const fn before() -> [usize; PIECES] {
    let mut before = [0; PIECES];
    let mut which = 1;
    while which < PIECES {
        before[which] = before[which - 1] + LENGTHS[which - 1];
        which += 1;
    }
    assert!(before[PIECES - 1] + LENGTHS[PIECES - 1] == RUN);
    before
}

const fn piece_at() -> [u8; RUN / STEP] {
    let mut found = [0; RUN / STEP];
    let mut step = 0;
    let mut which = 0_u8;
    while step < found.len() {
        if step * STEP >= BEFORE[which as usize] + LENGTHS[which as usize] {
            which += 1;
        }
        found[step] = which;
        step += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever there is, the room made for more is at most as much again, and a slab stays where it is.
    #[test]
    fn slabs_are_made_as_large_as_what_is_there_and_never_grow() {
        let mut room = Room::default();
        let mut made: Vec<usize> = Vec::new();
        for n in 0..20_000 {
            room.take(n % PIECES);
            let capacities: Vec<_> = room.slabs.iter().map(Vec::capacity).collect();
            assert_eq!(capacities[..made.len()], made);
            made = capacities;
            let room_for: usize = made.iter().sum();
            assert!(
                room_for <= FIRST_SLAB_ENTRIES + room.len * 2,
                "{room_for} for {}",
                room.len
            );
        }
        assert!(made.len() > 100 && made.iter().all(|slab| *slab <= SLAB_ENTRIES_MAX));
    }
}
