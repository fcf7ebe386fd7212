//! Which subtrees a proof consists of: runs of leaves, as RFC 6962 defines them (sections 2.1.1 and 2.1.2).

use std::cmp::Reverse;
use std::ops::Range;

use super::{TreeBuilder, TreeHash};

/// The subtrees beside the way from a leaf to the root of a tree, from below.
pub(super) fn of_inclusion(leaf: u64, size: u64) -> Vec<Range<u64>> {
    let mut beside = Vec::new();
    let mut within = 0..size;
    while within.end - within.start > 1 {
        let split = split(&within);
        if leaf < split {
            beside.push(split..within.end);
            within.end = split;
        } else {
            beside.push(within.start..split);
            within.start = split;
        }
    }
    beside.reverse();
    beside
}

/// The subtrees that give both the root over the first `before` leaves and that over all `size`, from below.
pub(super) fn of_consistency(before: u64, size: u64) -> Vec<Range<u64>> {
    if before == 0 || before == size {
        return Vec::new();
    }
    let mut needed = Vec::new();
    let mut within = 0..size;
    while within.end > before {
        let split = split(&within);
        if before <= split {
            needed.push(split..within.end);
            within.end = split;
        } else {
            needed.push(within.start..split);
            within.start = split;
        }
    }
    // Whoever checks has the old root; where the old tree is this very subtree, it is not told again.
    if within.start > 0 {
        needed.push(within);
    }
    needed.reverse();
    needed
}

/// Where the right subtree begins: the left one has the largest power of two of leaves that leaves some.
fn split(within: &Range<u64>) -> u64 {
    let leaves = within.end - within.start;
    within.start + (1 << (leaves - 1).ilog2())
}

/// Finds the hashes of some subtrees as the leaves go by.
#[derive(Debug)]
pub(super) struct Subtrees {
    /// The subtrees that are not complete, the next one last.
    open: Vec<(Range<u64>, usize)>,
    builder: TreeBuilder,
    hashes: Vec<Option<TreeHash>>,
}

impl Subtrees {
    /// Subtrees that have no leaf in common.
    pub(super) fn new(subtrees: Vec<Range<u64>>) -> Self {
        let hashes = vec![None; subtrees.len()];
        let mut open: Vec<_> = subtrees.into_iter().zip(0..).collect();
        open.sort_unstable_by_key(|(subtree, _)| Reverse(subtree.start));
        Self {
            open,
            builder: TreeBuilder::default(),
            hashes,
        }
    }

    /// Takes the next leaf, the one at this place.
    pub(super) fn push(&mut self, leaf: u64, hash: TreeHash) {
        let Some((subtree, place)) = self.open.last() else {
            return;
        };
        if !subtree.contains(&leaf) {
            return;
        }
        self.builder.push(hash);
        if leaf + 1 == subtree.end {
            self.hashes[*place] = Some(self.builder.root());
            self.builder = TreeBuilder::default();
            self.open.pop();
        }
    }

    /// The hashes in the order the subtrees were given, if all leaves went by.
    pub(super) fn hashes(self) -> Option<Vec<TreeHash>> {
        self.hashes.into_iter().collect()
    }
}
