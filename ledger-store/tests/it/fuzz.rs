//! Hostile bytes in the place of a block and of a record.

use std::sync::LazyLock;

use allocation_counter::measure;
use bolero::TypeGenerator;
use ledger_core::event::Record;
use ledger_store::{Block, BlockBuilder, ChainHash, codec};

use crate::changes::Change;
use crate::golden;

/// What stands in the place of a block.
#[derive(Debug, TypeGenerator)]
enum Input {
    Any(Vec<u8>),
    /// Records sealed into a block that then is changed, and partly put right again so that what is behind
    /// each check is reached.
    Changed {
        first_seq: u32,
        records: Vec<u8>,
        changes: Vec<Change>,
        mended: Mended,
    },
    /// One record that was sealed with the bytes of no event.
    Payload {
        record: u8,
        changes: Vec<Change>,
    },
}

/// Which parts of a block are right again.
#[derive(Debug, TypeGenerator)]
struct Mended {
    mark: bool,
    lengths: bool,
    count: bool,
    records: bool,
    header: bool,
}

/// Bytes that are taken for a block are those that its records are sealed into, and bytes that are taken for
/// an event are those that it is encoded into.
#[test]
fn what_decodes_is_encoded_into_the_same_bytes() {
    bolero::check!()
        .with_type::<Input>()
        .for_each(|input| match input {
            Input::Any(bytes) => block_is_whole(bytes.clone(), 1),
            Input::Changed {
                first_seq,
                records,
                changes,
                mended,
            } => {
                let first_seq = u64::from(*first_seq) + 1;
                let mut bytes = block(first_seq, records);
                changes.iter().for_each(|change| change.apply(&mut bytes));
                mended.put_right(&mut bytes, first_seq);
                block_is_whole(bytes, first_seq);
            }
            Input::Payload { record, changes } => {
                let mut payload = payload(*record).to_vec();
                changes.iter().for_each(|change| change.apply(&mut payload));
                let mut builder = BlockBuilder::new(1, 0);
                if builder.push(&payload).is_ok() {
                    records_are_whole(&builder.seal(ChainHash::EMPTY));
                }
            }
        });
}

static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(golden::payloads);

fn payload(place: u8) -> &'static [u8] {
    &PAYLOADS[usize::from(place) % PAYLOADS.len()]
}

fn block(first_seq: u64, records: &[u8]) -> Vec<u8> {
    let mut builder = BlockBuilder::new(first_seq, 1_700_000_000_000);
    builder.push(payload(0)).unwrap();
    for place in records {
        if builder.push(payload(*place)).is_err() {
            break;
        }
    }
    builder.seal(ChainHash::EMPTY).bytes().to_vec()
}

// The layout of a block, as it is documented.
const HEADER_BYTES: usize = 36;
const RECORD_HEADER_BYTES: usize = 8;
const TRAILER_BYTES: usize = 32;

impl Mended {
    fn put_right(&self, bytes: &mut [u8], first_seq: u64) {
        if bytes.len() < HEADER_BYTES + TRAILER_BYTES {
            return;
        }
        let end = bytes.len() - TRAILER_BYTES;
        let (mut at, mut seq) = (HEADER_BYTES, first_seq);
        while end - at >= RECORD_HEADER_BYTES {
            let payload_at = at + RECORD_HEADER_BYTES;
            let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let length = usize::try_from(length).unwrap().min(end - payload_at);
            if self.lengths {
                bytes[at..at + 4].copy_from_slice(&small(length));
            }
            if self.records {
                let sum = crc32c::crc32c(&seq.to_le_bytes());
                let sum = crc32c::crc32c_append(sum, &bytes[payload_at..payload_at + length]);
                bytes[at + 4..payload_at].copy_from_slice(&sum.to_le_bytes());
            }
            at = payload_at + length;
            seq += 1;
        }
        if self.mark {
            bytes[0..8].copy_from_slice(b"LGBK\x01\x00\x01\x00");
            bytes[8..16].copy_from_slice(&first_seq.to_le_bytes());
        }
        if self.count {
            let count = usize::try_from(seq - first_seq).unwrap();
            bytes[16..20].copy_from_slice(&small(count));
        }
        if self.lengths {
            bytes[28..32].copy_from_slice(&small(end - HEADER_BYTES));
        }
        if self.header {
            let sum = crc32c::crc32c(&bytes[..32]);
            bytes[32..36].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

fn small(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

/// What decoding may allocate besides the bytes it is given: the places of the records, or what the lists of
/// one event may ask for.
const BLOCK_ALLOCATED_MAX: u64 = 16 * 1024;
const RECORD_ALLOCATED_MAX: u64 = 2 << 20;

fn block_is_whole(bytes: Vec<u8>, first_seq: u64) {
    let given = bytes.clone();
    let mut outcome = None;
    let allocated = measure(|| outcome = Some(Block::decode(bytes, first_seq)));
    assert!(allocated.bytes_max <= BLOCK_ALLOCATED_MAX);
    let Some(Ok(block)) = outcome else { return };
    assert_eq!(block.bytes(), given);
    records_are_whole(&block);

    let mut builder = BlockBuilder::new(first_seq, block.recorded_at_ms());
    for (seq, payload) in block.records() {
        assert_eq!(block.record(seq), Some(payload));
        if builder.push(payload).is_err() {
            // It is longer than this version makes them.
            return;
        }
    }
    let sealed = builder.seal(ChainHash::EMPTY);
    let hashed = given.len() - TRAILER_BYTES;
    assert_eq!(sealed.bytes()[..hashed], given[..hashed]);
    let is_sealed_so = block.verify_chain(ChainHash::EMPTY).is_ok();
    assert_eq!(is_sealed_so, sealed.bytes() == given);
}

fn records_are_whole(block: &Block) {
    let mut buffer = Vec::new();
    for (seq, payload) in block.records() {
        let mut outcome = None;
        let allocated = measure(|| outcome = Some(codec::decode(block, seq)));
        assert!(
            allocated.bytes_max <= RECORD_ALLOCATED_MAX,
            "{} bytes for a record of {}",
            allocated.bytes_max,
            payload.len()
        );
        let Some(Ok(decoded)) = outcome else { continue };
        let Record { event, .. } = decoded.expect("the block has the record");
        assert_eq!(codec::encode(&event, &mut buffer), payload, "{event:?}");
    }
}
