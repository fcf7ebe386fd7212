//! A Merkle tree over the log, as in RFC 6962 (section 2.1) with SHA-256. Its root commits to every record up
//! to one, as the hash chain does; but it lets a single record be proven with some twenty hashes, and one
//! root be shown to continue another, without the log.
//!
//! | what | is |
//! |---|---|
//! | a leaf | one record; the first leaf is record 1, so a tree of size n is the log up to record n |
//! | what of it is hashed | codec of the payload, 1 (one byte); sequence number (`u64`); when it was recorded, milliseconds since 1970 (`i64`); the payload. Integers little endian |
//! | hash of a leaf | SHA-256 of a zero byte and that |
//! | hash of a node | SHA-256 of a byte 1, its left hash and its right hash |
//! | root of no leaf | SHA-256 of nothing |
//!
//! How records are cut into blocks and epochs, and what store they lie in, has no part in it.
//!
//! Nothing of the tree is kept. Roots and proofs come of one pass over the log ([`proving`]) that holds some
//! forty hashes; [`proof`] checks what came of it.

mod path;
pub mod proof;
pub mod proving;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::block::{Block, CODEC_ID};

/// A hash of the tree: of a record, or of all records under a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// Takes the bytes of a hash that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of_leaf(leaf: &[u8]) -> Self {
        let hasher = Sha256::new().chain_update([0]).chain_update(leaf);
        Self(hasher.finalize().into())
    }

    fn of_node(left: Self, right: Self) -> Self {
        let mut bytes = [1; 65];
        bytes[1..33].copy_from_slice(&left.0);
        bytes[33..].copy_from_slice(&right.0);
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// How many records a tree has, and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of records, which is the sequence number of the last.
    pub size: u64,
    /// Root over all of them.
    pub root: TreeHash,
}

/// Writes what is hashed of a record into `leaf`, which is emptied first.
fn write_leaf(leaf: &mut Vec<u8>, seq: u64, recorded_at_ms: i64, payload: &[u8]) {
    leaf.clear();
    leaf.push(CODEC_ID);
    leaf.extend_from_slice(&seq.to_le_bytes());
    leaf.extend_from_slice(&recorded_at_ms.to_le_bytes());
    leaf.extend_from_slice(payload);
}

/// Grows a tree leaf by leaf. Keeps one hash for each whole subtree that no larger one has taken in yet.
#[derive(Debug, Clone, Default)]
pub struct TreeBuilder {
    size: u64,
    peaks: Vec<TreeHash>,
    leaf: Vec<u8>,
}

impl TreeBuilder {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the records of a block.
    ///
    /// # Panics
    /// When they are not the next of the log.
    pub fn push_block(&mut self, block: &Block) {
        for (seq, payload) in block.records() {
            self.push_record(seq, block.recorded_at_ms(), payload);
        }
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return TreeHash(Sha256::digest([]).into());
        };
        peaks.fold(*last, |right, left| TreeHash::of_node(*left, right))
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root(),
        }
    }

    fn push_record(&mut self, seq: u64, recorded_at_ms: i64, payload: &[u8]) -> TreeHash {
        assert_eq!(seq, self.size + 1, "records are leaves in their order");
        write_leaf(&mut self.leaf, seq, recorded_at_ms, payload);
        let hash = TreeHash::of_leaf(&self.leaf);
        self.push(hash);
        hash
    }

    fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        // As many whole subtrees end here as the number of leaves so far ends in ones.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop();
            let left = left.expect("there is a peak for each one in the number of leaves");
            hash = TreeHash::of_node(left, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}
