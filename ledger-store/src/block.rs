//! The frame of the log on disk: a block is a run of consecutive records, written as one value.
//!
//! The writer fills a [`BlockBuilder`] and seals it onto the block before; every reader goes through
//! [`Block::decode`] and [`Block::verify_chain`]. Between them they promise that no changed, moved,
//! missing or foreign byte is ever taken for a record.

mod builder;
mod chain_hash;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use self::builder::BlockBuilder;
pub use self::chain_hash::ChainHash;

/// Records in one block, at most.
///
/// Measured: blocks of 256 to 1,400 records are appended equally fast, smaller ones more slowly. A record
/// is read back with its block, so of these the smallest.
pub const BLOCK_RECORDS_MAX: usize = 256;

/// Records in one block that was written by an earlier version, at most.
const OLDER_BLOCK_RECORDS_MAX: usize = 1024;

/// Length of one sealed block, at most, in bytes.
///
/// A leaf of sled's tree holds up to 17 values and is written as one message; a message above a
/// quarter of the segment (4 MiB of 16 MiB) would become a blob file that sled never syncs.
/// 17 blocks of this size stay below 1.7 MiB.
pub const BLOCK_BYTES_MAX: usize = 96 * 1024;

/// Length of one record, at most, in bytes; an empty block always has room for it.
pub const RECORD_BYTES_MAX: usize = 32 * 1024;

/// Version of the layout below.
pub const FORMAT_VERSION: u16 = 1;

/// How the records are encoded; so far there is one way, owned by the codec.
pub const CODEC_ID: u8 = 1;

const MAGIC: [u8; 4] = *b"LGBK";
const HEADER_BYTES: usize = 36;
const HEADER_CHECKED_BYTES: usize = 32;
const RECORD_HEADER_BYTES: usize = 8;
/// In memory, in front of a block that is made here: the hash of the block before, which is hashed with it.
const PREVIOUS_BYTES: usize = 32;
const TRAILER_BYTES: usize = 32;

/// What is wrong with the bytes of a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockDamage {
    /// The header, or the length it promises, is wrong.
    #[error("the header of the block at record {first_seq} {what}")]
    Header {
        /// The record the block was expected to begin with.
        first_seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The header is sound, but of a version or codec not known here.
    #[error("the block at record {first_seq} has format version {version}")]
    Version {
        /// The record the block begins with.
        first_seq: u64,
        /// The version found.
        version: u16,
    },
    /// One record is wrong.
    #[error("record {seq} {what}")]
    Record {
        /// Its sequence number.
        seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The block is not the one that followed the block before it.
    #[error("the block of records {first_seq} to {last_seq} does not continue the hash chain")]
    Chain {
        /// First record of the block.
        first_seq: u64,
        /// Last record of the block.
        last_seq: u64,
    },
}

/// A run of consecutive records, whole and checked; cheap to clone.
#[derive(Clone)]
pub struct Block(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    first_seq: u64,
    count: u32,
    recorded_at_ms: i64,
    chain: ChainHash,
    /// Known for blocks sealed in this process, which saves hashing them a second time.
    sealed_onto: Option<ChainHash>,
    bytes: Bytes,
    /// Where each record's frame begins in the block, and last where the frames end.
    offsets: Vec<u32>,
}

impl Block {
    /// Reads the block that was stored under `first_seq`.
    ///
    /// # Errors
    ///
    /// Every byte is checked except the closing hash, which needs the block before this one: see
    /// [`Block::verify_chain`]. The damage names the header or the record at fault.
    pub fn decode(bytes: impl Into<Bytes>, first_seq: u64) -> Result<Self, BlockDamage> {
        let bytes = bytes.into();
        let (count, recorded_at_ms) = check_header(&bytes, first_seq)?;
        let offsets = check_records(&bytes, first_seq, count)?;
        let chain = ChainHash::from_bytes(array(&bytes, bytes.len() - TRAILER_BYTES));
        let sealed_onto = None;
        Ok(Self(Arc::new(Inner {
            first_seq,
            count,
            recorded_at_ms,
            chain,
            sealed_onto,
            bytes,
            offsets,
        })))
    }

    /// The same block with its bytes in other memory, which whoever else needs them has too.
    pub(crate) fn sharing(&self, bytes: Bytes) -> Self {
        debug_assert_eq!(self.bytes(), bytes, "the same bytes");
        let inner = Inner::clone(&self.0);
        Self(Arc::new(Inner { bytes, ..inner }))
    }

    /// Checks that this block was sealed onto the block with the hash `previous`.
    ///
    /// # Errors
    ///
    /// [`BlockDamage::Chain`] when it was not, or when any byte of either has changed since.
    pub fn verify_chain(&self, previous: ChainHash) -> Result<(), BlockDamage> {
        let hashed = &self.bytes()[..self.bytes().len() - TRAILER_BYTES];
        if chain_hash(previous, hashed) == self.0.chain {
            Ok(())
        } else {
            Err(BlockDamage::Chain {
                first_seq: self.first_seq(),
                last_seq: self.last_seq(),
            })
        }
    }

    /// The same question, answered from memory when this process sealed the block itself.
    pub(crate) fn continues(&self, previous: ChainHash) -> bool {
        match self.0.sealed_onto {
            Some(sealed_onto) => sealed_onto == previous,
            None => self.verify_chain(previous).is_ok(),
        }
    }

    /// Sequence number of the first record.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.0.first_seq
    }

    /// Sequence number of the last record.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.0.first_seq + u64::from(self.0.count - 1)
    }

    /// Number of records, at least one.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.count
    }

    /// Time of recording, in milliseconds since 1970.
    #[must_use]
    pub fn recorded_at_ms(&self) -> i64 {
        self.0.recorded_at_ms
    }

    /// Hash of this block and, through it, of the log up to here.
    #[must_use]
    pub fn chain(&self) -> ChainHash {
        self.0.chain
    }

    /// The block as stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The records with their sequence numbers, in order.
    pub fn records(
        &self,
    ) -> impl ExactSizeIterator<Item = (u64, &[u8])> + DoubleEndedIterator + '_ {
        (0..self.0.count).map(|index| (self.0.first_seq + u64::from(index), self.payload(index)))
    }

    /// The record with the sequence number `seq`, when it is in this block.
    #[must_use]
    pub fn record(&self, seq: u64) -> Option<&[u8]> {
        let index = u32::try_from(seq.checked_sub(self.0.first_seq)?).ok()?;
        (index < self.0.count).then(|| self.payload(index))
    }

    fn payload(&self, index: u32) -> &[u8] {
        let index = large(index);
        let begin = large(self.0.offsets[index]) + RECORD_HEADER_BYTES;
        &self.bytes()[begin..large(self.0.offsets[index + 1])]
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Block({}..={}, {})",
            self.first_seq(),
            self.last_seq(),
            self.chain()
        )
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Block {}

/// Checks the header and the total length; gives the number of records and the time.
fn check_header(bytes: &[u8], first_seq: u64) -> Result<(u32, i64), BlockDamage> {
    let damage = |what| Err(BlockDamage::Header { first_seq, what });
    if bytes.len() < HEADER_BYTES + RECORD_HEADER_BYTES + TRAILER_BYTES {
        return damage("is cut short");
    }
    if bytes.len() > BLOCK_BYTES_MAX {
        return damage("is followed by more bytes than a block may have");
    }
    if bytes[0..4] != MAGIC {
        return damage("does not begin with the mark of a block");
    }
    if crc32c::crc32c(&bytes[..HEADER_CHECKED_BYTES])
        != u32::from_le_bytes(array(bytes, HEADER_CHECKED_BYTES))
    {
        return damage("fails its checksum");
    }
    let version = u16::from_le_bytes(array(bytes, 4));
    if version != FORMAT_VERSION {
        return Err(BlockDamage::Version { first_seq, version });
    }
    if bytes[6] != CODEC_ID || bytes[7] != 0 {
        return damage("names a codec that is not known here");
    }
    if first_seq == 0 || u64::from_le_bytes(array(bytes, 8)) != first_seq {
        return damage("names another first record");
    }
    let count = u32::from_le_bytes(array(bytes, 16));
    if count == 0 || large(count) > OLDER_BLOCK_RECORDS_MAX {
        return damage("names an impossible number of records");
    }
    if first_seq.checked_add(u64::from(count)).is_none() {
        return damage("names sequence numbers that do not exist");
    }
    let body_bytes = large(u32::from_le_bytes(array(bytes, 28)));
    if bytes.len() != HEADER_BYTES + body_bytes + TRAILER_BYTES {
        return damage("names another length than the block has");
    }
    Ok((count, i64::from_le_bytes(array(bytes, 20))))
}

/// Walks the record frames and checks each; gives where they begin, and last where they end.
fn check_records(bytes: &[u8], first_seq: u64, count: u32) -> Result<Vec<u32>, BlockDamage> {
    let end = bytes.len() - TRAILER_BYTES;
    let mut offsets = Vec::with_capacity(large(count) + 1);
    let mut at = HEADER_BYTES;
    for seq in first_seq..first_seq + u64::from(count) {
        let damage = |what| Err(BlockDamage::Record { seq, what });
        if end - at < RECORD_HEADER_BYTES {
            return damage("is cut short");
        }
        let length = large(u32::from_le_bytes(array(bytes, at)));
        let checksum = u32::from_le_bytes(array(bytes, at + 4));
        let payload_at = at + RECORD_HEADER_BYTES;
        if length > RECORD_BYTES_MAX || length > end - payload_at {
            return damage("has an impossible length");
        }
        if record_checksum(seq, &bytes[payload_at..payload_at + length]) != checksum {
            return damage("fails its checksum");
        }
        offsets.push(small(at));
        at = payload_at + length;
    }
    if at != end {
        let seq = first_seq + u64::from(count - 1);
        return Err(BlockDamage::Record {
            seq,
            what: "is followed by bytes of no record",
        });
    }
    offsets.push(small(at));
    Ok(offsets)
}

/// As [`BlockBuilder::push`] makes it where the two lie together.
fn record_checksum(seq: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&seq.to_le_bytes()), payload)
}

fn chain_hash(previous: ChainHash, bytes: &[u8]) -> ChainHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.as_bytes());
    hasher.update(bytes);
    ChainHash::from_bytes(*hasher.finalize().as_bytes())
}

/// The `N` bytes from `at`; callers have checked that they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slice of N bytes makes an array of N bytes")
}

/// A length inside a block as stored.
fn small(length: usize) -> u32 {
    u32::try_from(length).expect("a block is at most 96 KiB long")
}

/// A stored length or count as an index.
fn large(length: u32) -> usize {
    usize::try_from(length).expect("addresses have at least 32 bits")
}

/// Blocks in a row, with so many bytes of records each, for tests.
#[cfg(test)]
pub(crate) fn blocks_in_a_row(record_bytes: impl Iterator<Item = usize>) -> Vec<Block> {
    let mut chain = ChainHash::EMPTY;
    let mut first_seq = 1;
    record_bytes
        .map(|bytes| {
            let mut builder = BlockBuilder::new(first_seq, 0);
            for record in vec![7; bytes].chunks(bytes.div_ceil(BLOCK_RECORDS_MAX).max(100)) {
                builder.push(record).expect("it fits");
            }
            first_seq = builder.next_seq();
            let block = builder.seal(chain);
            chain = block.chain();
            block
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StoreError;

    fn three_records() -> Block {
        let mut builder = BlockBuilder::new(7, 1_700_000_000_123);
        for record in [&b"open"[..], b"", b"fee 15.00"] {
            builder.push(record).unwrap();
        }
        builder.seal(ChainHash::from_bytes([0x11; 32]))
    }

    #[test]
    fn decoding_gives_back_what_was_sealed() {
        let sealed = three_records();
        let decoded = Block::decode(sealed.bytes().to_vec(), 7).unwrap();
        decoded
            .verify_chain(ChainHash::from_bytes([0x11; 32]))
            .unwrap();
        assert_eq!(
            (decoded.first_seq(), decoded.last_seq(), decoded.count()),
            (7, 9, 3)
        );
        assert_eq!(decoded.recorded_at_ms(), 1_700_000_000_123);
        assert_eq!(decoded.chain(), sealed.chain());
        let records: Vec<_> = decoded.records().collect();
        assert_eq!(records, [(7, &b"open"[..]), (8, b""), (9, b"fee 15.00")]);
        assert_eq!(decoded.record(9), Some(&b"fee 15.00"[..]));
        assert_eq!((decoded.record(6), decoded.record(10)), (None, None));
    }

    /// The layout on disk; if this fails, stored logs have become unreadable.
    #[test]
    fn golden_bytes() {
        let hex: String = three_records()
            .bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let expected = [
            "4c47424b",                                                         // magic
            "0100",                                                             // version
            "01",                                                               // codec
            "00",                                                               // reserved
            "0700000000000000",                   // first sequence number
            "03000000",                           // number of records
            "7b68e5cf8b010000",                   // time
            "25000000",                           // length of the records
            "dcdf846a",                           // checksum of the header
            "0400000022ff7b686f70656e",           // record 7
            "0000000050b613ce",                   // record 8
            "090000005eb112456665652031352e3030", // record 9
            "7e5ccd726c7a6c0acb83d051e12ff478a736e495ca8cef0f0804fa0ec5ea82c9", // hash
        ];
        assert_eq!(hex, expected.concat());
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let sealed = three_records();
        for bit in 0..sealed.bytes().len() * 8 {
            let mut bytes = sealed.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let outcome = Block::decode(bytes, 7)
                .and_then(|block| block.verify_chain(ChainHash::from_bytes([0x11; 32])));
            assert!(outcome.is_err(), "bit {bit} was flipped and nobody noticed");
        }
    }

    #[test]
    fn every_cut_and_every_extension_is_detected() {
        let sealed = three_records();
        for length in 0..sealed.bytes().len() {
            assert!(Block::decode(sealed.bytes()[..length].to_vec(), 7).is_err());
        }
        let mut longer = sealed.bytes().to_vec();
        longer.push(0);
        assert!(Block::decode(longer, 7).is_err());
    }

    #[test]
    fn damage_names_the_record_or_the_header() {
        let sealed = three_records();
        for (at, name) in [
            (
                1,
                "the header of the block at record 7 does not begin with the mark of a block",
            ),
            (9, "the header of the block at record 7 fails its checksum"),
            (46, "record 7 fails its checksum"),
            (49, "record 8 has an impossible length"),
            (sealed.bytes().len() - 33, "record 9 fails its checksum"),
        ] {
            let mut bytes = sealed.bytes().to_vec();
            bytes[at] ^= 0x80;
            assert_eq!(Block::decode(bytes, 7).unwrap_err().to_string(), name);
        }
        let elsewhere = Block::decode(sealed.bytes().to_vec(), 8).unwrap_err();
        assert_eq!(
            elsewhere.to_string(),
            "the header of the block at record 8 names another first record"
        );
        assert_eq!(
            sealed.verify_chain(ChainHash::EMPTY),
            Err(BlockDamage::Chain {
                first_seq: 7,
                last_seq: 9
            })
        );
    }

    #[test]
    fn a_block_takes_no_more_than_its_limits() {
        let mut builder = BlockBuilder::new(1, 0);
        assert!(matches!(
            builder.push(&vec![0; RECORD_BYTES_MAX + 1]),
            Err(StoreError::RecordTooLarge { .. })
        ));
        while builder.push(&[1; RECORD_BYTES_MAX]).is_ok() {}
        assert_eq!(builder.len(), 2);
        while builder.push(&[2; 100]).is_ok() {}
        assert!(builder.bytes() <= BLOCK_BYTES_MAX);
        let mut builder = BlockBuilder::new(1, 0);
        while builder.push(b"").is_ok() {}
        assert_eq!(builder.len(), BLOCK_RECORDS_MAX);
        let sealed = builder.seal(ChainHash::EMPTY);
        Block::decode(sealed.bytes().to_vec(), 1).unwrap();
    }
}
