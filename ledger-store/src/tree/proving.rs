//! Roots and proofs from the log, in one pass over its blocks.

use super::path::{self, Subtrees};
use super::proof::{Proof, ProvenRecord, Since};
use super::{TreeBuilder, TreeHash, TreeHead};
use crate::error::StoreError;
use crate::event_log::{LogReader, scan};
use crate::reader::Reader;

/// What to prove, about the log up to its record `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Size of the tree.
    pub size: u64,
    /// Place of the record to prove, from 1 to `size`.
    pub record: Option<u64>,
    /// Size of the older tree to continue, at most `size`.
    pub since: Option<u64>,
}

/// The tree over the first `size` records of a log. Every block up to there is read, and its chain checked.
///
/// # Errors
/// When the log is damaged, or ends before.
pub fn tree_at(log: &dyn LogReader, size: u64) -> Result<TreeHead, StoreError> {
    let mut tree = TreeBuilder::default();
    each_leaf(log, &mut tree, size, &mut |_, _| {})?;
    Ok(tree.head())
}

/// Proves what is wanted. Every block up to there is read, and its chain checked.
///
/// # Errors
/// When the log is damaged, or ends before.
///
/// # Panics
/// When a record or an older tree is wanted that is not within the tree.
pub fn prove(reader: &Reader, wanted: Wanted) -> Result<Proof, StoreError> {
    let log = reader.log();
    let Wanted {
        size,
        record,
        since,
    } = wanted;
    assert!(
        record.is_none_or(|seq| (1..=size).contains(&seq)) && since.is_none_or(|old| old <= size),
        "only what is in a tree can be proven of it"
    );
    let beside = record.map_or_else(Vec::new, |seq| path::of_inclusion(seq - 1, size));
    let needed = since.map_or_else(Vec::new, |before| path::of_consistency(before, size));
    let (mut beside, mut needed) = (Subtrees::new(beside), Subtrees::new(needed));
    let mut tree = TreeBuilder::default();
    let mut older = tree.head();
    each_leaf(log, &mut tree, size, &mut |tree, hash| {
        beside.push(tree.size() - 1, hash);
        needed.push(tree.size() - 1, hash);
        if since == Some(tree.size()) {
            older = tree.head();
        }
    })?;
    let whole = "every leaf of the tree went by";
    Ok(Proof {
        tree: tree.head(),
        record: match record {
            Some(seq) => Some(proven(log, seq, beside.hashes().expect(whole))?),
            None => None,
        },
        since: since.map(|_| Since {
            head: older,
            path: needed.hashes().expect(whole),
        }),
    })
}

/// Grows the tree to this size, and shows it with each leaf.
fn each_leaf(
    log: &dyn LogReader,
    tree: &mut TreeBuilder,
    size: u64,
    visit: &mut dyn FnMut(&TreeBuilder, TreeHash),
) -> Result<(), StoreError> {
    let mut blocks = scan(log, 1);
    while tree.size() < size {
        let block = blocks
            .next()
            .unwrap_or_else(|| Err(missing(tree.size() + 1)))?;
        let recorded_at_ms = block.recorded_at_ms();
        for (seq, payload) in block.records().take_while(|(seq, _)| *seq <= size) {
            let hash = tree.push_record(seq, recorded_at_ms, payload);
            visit(tree, hash);
        }
    }
    Ok(())
}

fn proven(log: &dyn LogReader, seq: u64, path: Vec<TreeHash>) -> Result<ProvenRecord, StoreError> {
    let block = log.block_with(seq)?.ok_or_else(|| missing(seq))?;
    let payload = block.record(seq).ok_or_else(|| missing(seq))?;
    Ok(ProvenRecord {
        seq,
        recorded_at_ms: block.recorded_at_ms(),
        payload: payload.to_vec(),
        path,
    })
}

fn missing(seq: u64) -> StoreError {
    StoreError::damaged(format!("record {seq}"), "is not in the log any more")
}
