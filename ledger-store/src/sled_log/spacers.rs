//! Keys without blocks, which spare sled writing blocks again.
//!
//! A leaf of sled's tree takes 16 keys. At the 17th it becomes two, of nine and eight, and both are written
//! anew with every value in them. In a tree that only grows at its end each value so comes to the disk
//! four times: when it is put in, when its leaf is divided before and behind it, and when the leaf has had
//! ten additions.
//!
//! So leaves are divided before blocks come. Ahead of the last block there are always spacers, keys with
//! empty values, as far apart as leaves of nine of them have room for the blocks of about the present size:
//! seven, which takes fewer additions than ten. Where blocks become smaller, or have one record each, more
//! of them come to a leaf, and it is divided as without spacers; the smallest blocks get none.

use std::iter;

use crate::block::Block;
use crate::epoch::Volume;

/// The number of the record that the spacer stands behind, and a zero. A block's key is the number alone.
pub(super) type SpacerKey = [u8; 9];

/// A leaf with spacers alone is divided for certain when it has this many.
const AHEAD: u64 = 18;

/// Spacers among so many blocks: nine spacers to seven blocks are a full leaf. It is less by a tenth since a
/// leaf may also end anywhere between two spacers.
const SPACERS: u64 = 10;
const BLOCKS: u64 = 7;

/// Among blocks shorter than this, on average, spacers take as much of the file as they spare.
const BLOCK_BYTES_MIN: u64 = 512;

/// The spacers of one tree.
#[derive(Debug, Default)]
pub(super) struct Spacers {
    /// The last one.
    last: Option<u64>,
}

impl Spacers {
    /// Those of a tree that ends with this key and value.
    pub(super) fn in_tree(key: &[u8], value: &[u8]) -> Self {
        Self {
            last: number_of(key, value),
        }
    }

    /// Those to be put in before the blocks, in order.
    pub(super) fn ahead_of(&mut self, blocks: &[Block]) -> impl Iterator<Item = SpacerKey> {
        let distance = distance(blocks);
        iter::from_fn(move || {
            let (distance, (first, last)) = distance.zip(ends(blocks))?;
            let next = match self.last {
                Some(spacer) => first.max(spacer.checked_add(distance)?),
                None => first,
            };
            if next > last.checked_add(AHEAD.checked_mul(distance)?)? {
                return None;
            }
            self.last = Some(next);
            Some(key_behind(next))
        })
    }
}

/// The number of a spacer, if it is one; what else has no key of a block is damage.
pub(super) fn number_of(key: &[u8], value: &[u8]) -> Option<u64> {
    let [seq @ .., 0] = SpacerKey::try_from(key).ok()? else {
        return None;
    };
    value.is_empty().then(|| u64::from_be_bytes(seq))
}

/// The first numbers of the first and the last block.
fn ends(blocks: &[Block]) -> Option<(u64, u64)> {
    Some((blocks.first()?.first_seq(), blocks.last()?.first_seq()))
}

/// How many records apart spacers are to be among blocks like these, if any.
fn distance(blocks: &[Block]) -> Option<u64> {
    let volume = Volume::of(blocks);
    if volume.block_bytes < BLOCK_BYTES_MIN * volume.blocks {
        return None;
    }
    let records: u64 = blocks.iter().map(|block| u64::from(block.count())).sum();
    let mean = records.checked_div(volume.blocks)?;
    Some((mean * BLOCKS / SPACERS).max(1))
}

fn key_behind(seq: u64) -> SpacerKey {
    let mut key = SpacerKey::default();
    key[..size_of::<u64>()].copy_from_slice(&seq.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{BlockBuilder, ChainHash};

    fn block(first_seq: u64, records: u64) -> Block {
        let mut builder = BlockBuilder::new(first_seq, 0);
        for _ in 0..records {
            builder.push(&[7; 100]).expect("it fits");
        }
        builder.seal(ChainHash::EMPTY)
    }

    fn numbers(spacers: &mut Spacers, blocks: &[Block]) -> Vec<u64> {
        let keys = spacers.ahead_of(blocks);
        keys.map(|key| number_of(&key, &[]).expect("a spacer"))
            .collect()
    }

    #[test]
    fn two_leaves_of_spacers_are_ahead_of_the_last_block() {
        let mut spacers = Spacers::default();
        let first = numbers(&mut spacers, &[block(1, 100), block(101, 100)]);
        let expected: Vec<u64> = (0..)
            .map(|n| 1 + n * 70)
            .take_while(|seq| *seq <= 101 + 18 * 70)
            .collect();
        assert_eq!(first, expected);
        // More of them as blocks come, from where they end in the tree.
        let last = key_behind(*first.last().unwrap());
        let next = [block(201, 100)];
        let more = numbers(&mut Spacers::in_tree(&last, &[]), &next);
        assert_eq!(more, [first.last().unwrap() + 70]);
        assert_eq!(numbers(&mut spacers, &next), more);
        assert_eq!(numbers(&mut spacers, &next), []);
    }

    #[test]
    fn what_has_no_spacers_gets_them_from_the_next_block_on() {
        let first = numbers(&mut Spacers::default(), &[block(501, 100)]);
        let mut spacers = Spacers::in_tree(&1_u64.to_be_bytes(), &[7]);
        assert_eq!(numbers(&mut spacers, &[block(501, 100)]), first);
        assert_eq!(first[0], 501);
        // Beyond those of an earlier process, should these have ended before.
        let mut spacers = Spacers::in_tree(&key_behind(7), &[]);
        assert_eq!(numbers(&mut spacers, &[block(501, 100)]), first);
    }

    #[test]
    fn what_only_looks_like_a_spacer_is_none() {
        let key = key_behind(7);
        assert_eq!(number_of(&key, &[]), Some(7));
        assert_eq!(number_of(&key, &[7]), None, "it has a value");
        assert_eq!(number_of(&key[..8], &[]), None, "it is the key of a block");
        let mut other = key;
        other[8] = 1;
        assert_eq!(number_of(&other, &[]), None, "no program wrote it");
    }

    #[test]
    fn small_blocks_and_the_last_numbers_get_none() {
        let small: Vec<_> = (1..100).map(|seq| block(seq, 1)).collect();
        assert_eq!(numbers(&mut Spacers::default(), &small), []);
        assert_eq!(numbers(&mut Spacers::default(), &[]), []);
        assert_eq!(
            numbers(&mut Spacers::default(), &[block(u64::MAX - 10, 10)]),
            []
        );
    }
}
