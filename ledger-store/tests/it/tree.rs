//! The tree over the log: roots and proofs are those of RFC 6962, as another implementation has them, and
//! nothing that was changed is proven.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ledger_core::command::AdvanceBusinessDate;
use ledger_core::event::{Event, EventBody};
use ledger_core::ids::{CorrelationId, IssuerIndex};
use ledger_core::projection::books::Books;
use ledger_core::time::BusinessDate;
use ledger_store::reader::Reader;
use ledger_store::tree::proof::{Part, Proof, ProvenRecord, Refuted};
use ledger_store::tree::proving::{Wanted, prove, tree_at};
use ledger_store::tree::{TreeBuilder, TreeHash};
use ledger_store::{BlockBuilder, EventLog, MemLog, codec};
use sha2::Sha256;

fn payload(seq: u64) -> Vec<u8> {
    let event = Event {
        issuer: IssuerIndex(0),
        correlation: CorrelationId(u128::from(seq).to_le_bytes()),
        body: EventBody::BusinessDateAdvanced(AdvanceBusinessDate {
            business_date: BusinessDate(7),
        }),
        annotations: None,
    };
    codec::encode(&event, &mut Vec::new()).to_vec()
}

fn recorded_at_ms(seq: u64) -> i64 {
    1_767_225_600_000 + i64::try_from(seq / 3).unwrap()
}

/// A log of blocks with three records each.
fn log(records: u64) -> MemLog {
    let mut log = MemLog::new();
    let mut first = 1;
    while first <= records {
        let mut builder = BlockBuilder::new(first, recorded_at_ms(first));
        for seq in first..=records.min(first + 2) {
            builder.push(&payload(seq)).unwrap();
        }
        let block = builder.seal(log.head().chain);
        first = block.last_seq() + 1;
        log.append(&[block]).unwrap();
    }
    log
}

fn reader(records: u64) -> Reader {
    Reader::new(Books::default(), log(records).reader())
}

/// The tree as the other implementation has it, of leaves put together here.
fn reference(records: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for seq in 1..=records {
        let block_first = (seq - 1) / 3 * 3 + 1;
        let mut leaf = vec![1];
        leaf.extend(seq.to_le_bytes());
        leaf.extend(recorded_at_ms(block_first).to_le_bytes());
        leaf.extend(payload(seq));
        tree.push(leaf);
    }
    tree
}

fn bytes(path: &[TreeHash]) -> Vec<u8> {
    path.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn proof(reader: &Reader, size: u64, record: u64, since: u64) -> Proof {
    let wanted = Wanted {
        size,
        record: Some(record),
        since: Some(since),
    };
    prove(reader, wanted).unwrap()
}

fn same_as_the_reference(reader: &Reader, size: u64, record: u64, since: u64) {
    let tree = reference(size);
    let proof = proof(reader, size, record, since);
    assert_eq!(proof.tree.root.as_bytes()[..], tree.root().as_bytes()[..]);
    let included = tree.prove_inclusion(usize_of(record - 1));
    let found = proof.record.as_ref().unwrap();
    assert_eq!(
        bytes(&found.path),
        included.as_bytes(),
        "{record} in {size}"
    );
    let continued = tree.prove_consistency(usize_of(size - since));
    let older = proof.since.as_ref().unwrap();
    assert_eq!(
        bytes(&older.path),
        continued.as_bytes(),
        "{since} to {size}"
    );
    let root = reference(since).root();
    assert_eq!(older.head.root.as_bytes()[..], root.as_bytes()[..]);
    let shown = proof.check().unwrap().unwrap();
    assert_eq!(shown.seq.0, record);
    assert_eq!(shown.event.correlation.0, u128::from(record).to_le_bytes());
}

#[test]
fn every_proof_of_every_small_tree_is_that_of_another_implementation() {
    let reader = reader(48);
    for size in 1..=48 {
        for place in 1..=size {
            same_as_the_reference(&reader, size, place, place);
        }
    }
}

#[test]
fn proofs_of_larger_trees_are_too() {
    let reader = reader(3_000);
    let mut number: u64 = 1;
    let mut below = |limit: u64| {
        // Knuth's multiplier: places without a pattern.
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (number >> 33) % limit + 1
    };
    for _ in 0..60 {
        let size = below(3_000);
        same_as_the_reference(&reader, size, below(size), below(size));
    }
}

#[test]
fn a_tree_grown_by_blocks_and_one_of_a_pass_over_the_log_are_one() {
    let log = log(100);
    let mut grown = TreeBuilder::default();
    let mut next = 1;
    while let Some(block) = log.reader().block_with(next).unwrap() {
        grown.push_block(&block);
        next = block.last_seq() + 1;
        let size = grown.size();
        assert_eq!(grown.head(), tree_at(&*log.reader(), size).unwrap());
    }
    assert_eq!(grown.size(), 100);
}

/// From here on the tree of a log is fixed for ever.
#[test]
fn golden_roots() {
    let log = log(7);
    let root = |size| tree_at(&*log.reader(), size).unwrap().root.to_string();
    expect_test::expect!["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
        .assert_eq(&root(0));
    expect_test::expect!["a121620280bfc9bd6ef092a3668d298befaaa2575c2df9d1f20b6c0904aae4d1"]
        .assert_eq(&root(1));
    expect_test::expect!["140c2a76d57539cf3c8ee0267e55832bb4dd2769a63b31e7432b1ef7bf7e1763"]
        .assert_eq(&root(7));
}

#[test]
fn every_log_continues_the_empty_one() {
    let wanted = Wanted {
        size: 5,
        record: None,
        since: Some(0),
    };
    let mut proof = prove(&reader(5), wanted).unwrap();
    assert_eq!(proof.check(), Ok(None));
    let older = proof.since.as_mut().unwrap();
    older.head.root = TreeHash::from_bytes([0; 32]);
    assert!(matches!(proof.check(), Err(Refuted::NotContinued { .. })));
}

#[test]
fn a_log_that_is_too_short_has_no_tree_of_that_size() {
    let error = tree_at(&*log(5).reader(), 6).unwrap_err();
    assert_eq!(error.to_string(), "record 6 is not in the log any more");
}

fn flipped(hash: TreeHash, bit: usize) -> TreeHash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    TreeHash::from_bytes(bytes)
}

#[test]
fn no_hash_time_place_or_byte_of_a_record_can_be_another() {
    let proof = proof(&reader(11), 11, 6, 7);
    proof.check().unwrap();
    let refuted = |change: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        assert_ne!(changed, proof);
        assert!(changed.check().is_err(), "{changed:?}");
    };
    let record = |proof: &mut Proof, change: &dyn Fn(&mut ProvenRecord)| {
        change(proof.record.as_mut().unwrap());
    };
    let (paths, older) = (
        proof.record.as_ref().unwrap().path.len(),
        proof.since.as_ref().unwrap().path.len(),
    );
    for bit in 0..256 {
        refuted(&|proof| proof.tree.root = flipped(proof.tree.root, bit));
        refuted(&|proof| {
            let head = &mut proof.since.as_mut().unwrap().head;
            head.root = flipped(head.root, bit);
        });
        for at in 0..paths {
            refuted(&|proof| record(proof, &|r| r.path[at] = flipped(r.path[at], bit)));
        }
        for at in 0..older {
            refuted(&|proof| {
                let path = &mut proof.since.as_mut().unwrap().path;
                path[at] = flipped(path[at], bit);
            });
        }
    }
    for bit in 0..64 {
        refuted(&|proof| record(proof, &|r| r.seq ^= 1 << bit));
        refuted(&|proof| record(proof, &|r| r.recorded_at_ms ^= 1 << bit));
    }
    for bit in 0..payload(6).len() * 8 {
        refuted(&|proof| record(proof, &|r| r.payload[bit / 8] ^= 1 << (bit % 8)));
    }
    refuted(&|proof| record(proof, &|r| r.payload.push(0)));
    refuted(&|proof| record(proof, &|r| r.path.truncate(1)));
    refuted(&|proof| {
        (proof.record, proof.since) = (None, None);
    });
}

#[test]
fn hostile_sizes_are_refused_before_anything_is_computed() {
    let proof = proof(&reader(11), 11, 6, 7);
    let refused = |part, change: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        assert_eq!(changed.check(), Err(Refuted::OutOfBounds(part)));
    };
    refused(Part::TreeSize, &|proof| proof.tree.size = u64::MAX);
    refused(Part::TreeSize, &|proof| proof.tree.size = 1 << 34);
    refused(Part::TreeSize, &|proof| {
        proof.since.as_mut().unwrap().head.size = u64::MAX;
    });
    refused(Part::RecordPlace, &|proof| {
        proof.record.as_mut().unwrap().seq = 0;
    });
    refused(Part::Path, &|proof| {
        proof.record.as_mut().unwrap().path = vec![proof.tree.root; 65];
    });
    refused(Part::Payload, &|proof| {
        proof.record.as_mut().unwrap().payload = vec![0; 32 * 1024 + 1];
    });
    // These are within bounds, and still of no tree.
    for seq in [12, u64::MAX] {
        let mut changed = proof.clone();
        changed.record.as_mut().unwrap().seq = seq;
        assert!(matches!(changed.check(), Err(Refuted::NotIncluded { .. })));
    }
}

/// Someone may build a tree over whatever they like.
#[test]
fn what_is_in_a_tree_and_is_no_event_is_no_record() {
    let mut log = MemLog::new();
    let garbage: [&[u8]; 5] = [
        b"",
        b"no event",
        &[0xff; 600],
        // A list that claims to be longer than all memory.
        &[
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 253, 255, 255, 255, 255, 255,
            255, 255, 127,
        ],
        // A currency that does not exist, in a limit.
        &[
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 2, 251, 1, 0,
        ],
    ];
    let mut builder = BlockBuilder::new(1, 0);
    for payload in garbage {
        builder.push(payload).unwrap();
    }
    log.append(&[builder.seal(log.head().chain)]).unwrap();
    let reader = Reader::new(Books::default(), log.reader());
    for seq in 1..=5 {
        let checked = proof(&reader, 5, seq, 5).check();
        assert_eq!(checked, Err(Refuted::NotAnEvent { seq }));
    }
}
