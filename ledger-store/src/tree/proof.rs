//! A proof, and checking it: needs no log. Checking is not the code that made the proof, but
//! `ct-merkle`'s, so that a mistake in one of them is no way round both.

use std::fmt;

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::time::Timestamp;
use sha2::Sha256;

use super::{TreeBuilder, TreeHash, TreeHead, write_leaf};
use crate::block::RECORD_BYTES_MAX;
use crate::codec;

/// Hashes in a path, at most; a log has fewer than 2^34 records.
pub const PATH_HASHES_MAX: usize = 64;

/// That a record is in the log, that the log continues an older one, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The tree of the log.
    pub tree: TreeHead,
    /// The record that is in it.
    pub record: Option<ProvenRecord>,
    /// The older log that it continues.
    pub since: Option<Since>,
}

/// A record, and the way from it to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRecord {
    /// Place of the record in the log.
    pub seq: u64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_at_ms: i64,
    /// The record as it is in the log.
    pub payload: Vec<u8>,
    /// Hashes of the subtrees beside the way to the root, from below.
    pub path: Vec<TreeHash>,
}

/// An older tree, and what shows that its leaves are the first ones of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The older tree.
    pub head: TreeHead,
    /// Hashes of the subtrees that give both roots, from below.
    pub path: Vec<TreeHash>,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refuted {
    /// It speaks of no record and of no older log.
    #[error("the proof has neither a record nor an older head")]
    Empty,
    /// It is longer than any proof is, or of a tree that cannot be.
    #[error("the {0} is beyond every log")]
    OutOfBounds(Part),
    /// The hashes do not lead from the record to the root.
    #[error("record {seq} is not in the tree of {size} records with this root")]
    NotIncluded {
        /// Place that the record claims.
        seq: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The tree is not one that came of the older one.
    #[error(
        "the tree of {size} records does not continue the one of {before} records with its root"
    )]
    NotContinued {
        /// Size of the older tree.
        before: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The payload is in the tree, and yet no event of this version.
    #[error("the payload of record {seq} is not an event of this version")]
    NotAnEvent {
        /// Place of the record.
        seq: u64,
    },
}

/// A part of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The number of records in a tree.
    TreeSize,
    /// The place of the record.
    RecordPlace,
    /// The length of the payload.
    Payload,
    /// The number of hashes in a path.
    Path,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TreeSize => "size of a tree",
            Self::RecordPlace => "place of the record",
            Self::Payload => "length of the payload",
            Self::Path => "number of hashes",
        })
    }
}

impl Proof {
    /// Checks the proof in itself, and gives the record that it proves. It says nothing about whether the
    /// root is that of the right log: whoever asks compares the heads with one that was kept.
    ///
    /// # Errors
    /// What is wrong with it. Nothing in a proof can make this panic or take much memory.
    pub fn check(&self) -> Result<Option<Record>, Refuted> {
        if self.record.is_none() && self.since.is_none() {
            return Err(Refuted::Empty);
        }
        check_size(self.tree)?;
        if let Some(since) = &self.since {
            since.check(self.tree)?;
        }
        let record = self.record.as_ref();
        record.map(|record| record.check(self.tree)).transpose()
    }
}

impl ProvenRecord {
    fn check(&self, tree: TreeHead) -> Result<Record, Refuted> {
        if self.payload.len() > RECORD_BYTES_MAX {
            return Err(Refuted::OutOfBounds(Part::Payload));
        }
        let Some(place) = self.seq.checked_sub(1) else {
            return Err(Refuted::OutOfBounds(Part::RecordPlace));
        };
        let mut leaf = Vec::new();
        write_leaf(&mut leaf, self.seq, self.recorded_at_ms, &self.payload);
        let path = InclusionProof::<Sha256>::try_from_bytes(bytes_of(&self.path)?);
        let included = path.and_then(|path| root_of(tree).verify_inclusion(&leaf, place, &path));
        included.map_err(|_| Refuted::NotIncluded {
            seq: self.seq,
            size: tree.size,
        })?;
        let event = codec::decode_event(&self.payload);
        let event = event.ok_or(Refuted::NotAnEvent { seq: self.seq })?;
        Ok(Record {
            seq: Seq(self.seq),
            recorded_at: Timestamp(self.recorded_at_ms),
            event,
        })
    }
}

impl Since {
    fn check(&self, tree: TreeHead) -> Result<(), Refuted> {
        check_size(self.head)?;
        let not_continued = Refuted::NotContinued {
            before: self.head.size,
            size: tree.size,
        };
        if self.head.size == 0 {
            // Every log continues the empty one, which the crate does not want to hear of.
            let is_empty = self.path.is_empty() && self.head == TreeBuilder::default().head();
            return if is_empty { Ok(()) } else { Err(not_continued) };
        }
        let path = ConsistencyProof::<Sha256>::try_from_bytes(bytes_of(&self.path)?);
        let continued =
            path.and_then(|path| root_of(tree).verify_consistency(&root_of(self.head), &path));
        continued.map_err(|_| not_continued)
    }
}

fn check_size(head: TreeHead) -> Result<(), Refuted> {
    if head.size > Seq::MAX.0 {
        return Err(Refuted::OutOfBounds(Part::TreeSize));
    }
    Ok(())
}

fn root_of(head: TreeHead) -> RootHash<Sha256> {
    RootHash::new((*head.root.as_bytes()).into(), head.size)
}

fn bytes_of(path: &[TreeHash]) -> Result<Vec<u8>, Refuted> {
    if path.len() > PATH_HASHES_MAX {
        return Err(Refuted::OutOfBounds(Part::Path));
    }
    Ok(path.iter().flat_map(|hash| *hash.as_bytes()).collect())
}
