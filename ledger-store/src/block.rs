//! The frame of the log on disk: a block is a run of consecutive records, written as one value.
//!
//! The writer fills a [`BlockBuilder`] and seals it onto the block before; every reader goes through
//! [`Block::decode`] and [`Block::verify_chain`]. Between them they promise that no changed, moved,
//! missing or foreign byte is ever taken for a record.

use std::fmt;
use std::sync::Arc;

use crate::error::StoreError;

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

/// Hash over a block and, through the block before it, over the whole log up to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The chain before the first block.
    pub const EMPTY: Self = Self([0; 32]);

    /// Takes the bytes of a stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what displaying a hash writes.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Bytes of the hash, as stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

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

/// Collects records into a block.
#[derive(Debug)]
pub struct BlockBuilder {
    first_seq: u64,
    recorded_at_ms: i64,
    records_max: usize,
    /// Room for the hash of the block before and for the header, then the framed records.
    bytes: Vec<u8>,
    /// Where each record's frame begins in the block.
    offsets: Vec<u32>,
}

impl BlockBuilder {
    /// Begins a block whose first record will have the sequence number `first_seq`.
    ///
    /// `recorded_at_ms` is the time the writer gave to all records of the block, in milliseconds
    /// since 1970.
    ///
    /// # Panics
    ///
    /// When `first_seq` is zero: sequence numbers start at 1.
    #[must_use]
    pub fn new(first_seq: u64, recorded_at_ms: i64) -> Self {
        assert!(first_seq > 0, "sequence numbers start at 1");
        let bytes = vec![0; PREVIOUS_BYTES + HEADER_BYTES];
        Self {
            first_seq,
            recorded_at_ms,
            records_max: BLOCK_RECORDS_MAX,
            bytes,
            offsets: Vec::new(),
        }
    }

    /// With memory for so many records more, of this length on average; no more than a block can take.
    #[must_use]
    pub(crate) fn with_room(mut self, records: usize, record_bytes: usize) -> Self {
        let records = records.min(self.records_max);
        let bytes = records * (RECORD_HEADER_BYTES + record_bytes) + TRAILER_BYTES;
        let room = PREVIOUS_BYTES + BLOCK_BYTES_MAX - self.bytes.len();
        self.bytes.reserve_exact(bytes.min(room));
        self.offsets.reserve_exact(records + 1);
        self
    }

    /// As [`Self::new`], for making a block again that may be of an earlier version, and longer.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    #[must_use]
    pub fn again(first_seq: u64, recorded_at_ms: i64) -> Self {
        Self {
            records_max: OLDER_BLOCK_RECORDS_MAX,
            ..Self::new(first_seq, recorded_at_ms)
        }
    }

    /// Adds the next record.
    ///
    /// # Errors
    ///
    /// [`StoreError::RecordTooLarge`] when no block could hold it, [`StoreError::BlockFull`] when
    /// this one cannot; the block is unchanged in both cases.
    pub fn push(&mut self, record: &[u8]) -> Result<(), StoreError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(StoreError::RecordTooLarge {
                bytes: record.len(),
                bytes_max: RECORD_BYTES_MAX,
            });
        }
        if !self.fits(record.len()) {
            return Err(StoreError::BlockFull {
                bytes: record.len(),
            });
        }
        // Record frame, integers little endian:
        //   +0  u32  length of the payload
        //   +4  u32  crc32c of the sequence number (u64) followed by the payload
        //   +8       payload
        // The sequence number is not stored, only checked: a record moved to another place fails.
        let seq = self.next_seq();
        let at = self.bytes.len();
        self.offsets.push(small(at - PREVIOUS_BYTES));
        // The number lies where length and checksum will, so that what is checked lies together.
        self.bytes.extend_from_slice(&seq.to_le_bytes());
        self.bytes.extend_from_slice(record);
        let checksum = crc32c::crc32c(&self.bytes[at..]);
        let header = &mut self.bytes[at..at + RECORD_HEADER_BYTES];
        header[..4].copy_from_slice(&small(record.len()).to_le_bytes());
        header[4..].copy_from_slice(&checksum.to_le_bytes());
        Ok(())
    }

    /// Whether one more record of this length has room.
    #[must_use]
    pub fn fits(&self, record_bytes: usize) -> bool {
        self.len() < self.records_max
            && self.bytes() + RECORD_HEADER_BYTES + record_bytes <= BLOCK_BYTES_MAX
    }

    /// Number of records so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is nothing to seal yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Length the block would have if it were sealed now, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() - PREVIOUS_BYTES + TRAILER_BYTES
    }

    /// Sequence number the next record will get.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.first_seq + u64::from(small(self.offsets.len()))
    }

    /// Finishes the block as the one that follows the block with the hash `previous`.
    ///
    /// # Panics
    ///
    /// When no record was pushed: an empty block would have no place in the sequence.
    #[must_use]
    pub fn seal(self, previous: ChainHash) -> Block {
        assert!(
            !self.offsets.is_empty(),
            "a block holds at least one record"
        );
        let Self {
            first_seq,
            recorded_at_ms,
            mut bytes,
            mut offsets,
            records_max: _,
        } = self;
        let count = small(offsets.len());
        let body_end = small(bytes.len() - PREVIOUS_BYTES);
        // Block, integers little endian:
        //    +0  [u8; 4]   magic "LGBK"
        //    +4  u16       format version; magic, version and header checksum keep their place in
        //                  every version, so that an unknown version can be told from damage
        //    +6  u8        codec of the payloads
        //    +7  u8        reserved, zero
        //    +8  u64       sequence number of the first record
        //   +16  u32       number of records, at least 1
        //   +20  i64       time of recording, milliseconds since 1970
        //   +28  u32       length of all record frames together
        //   +32  u32       crc32c of the 32 bytes before it
        //   +36            record frames, see `push`
        //   end  [u8; 32]  blake3 of the previous block's hash (zeros before the first block)
        //                  followed by every byte of this block up to here
        bytes[..PREVIOUS_BYTES].copy_from_slice(previous.as_bytes());
        let header = &mut bytes[PREVIOUS_BYTES..PREVIOUS_BYTES + HEADER_BYTES];
        header[0..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[6] = CODEC_ID;
        header[7] = 0;
        header[8..16].copy_from_slice(&first_seq.to_le_bytes());
        header[16..20].copy_from_slice(&count.to_le_bytes());
        header[20..28].copy_from_slice(&recorded_at_ms.to_le_bytes());
        header[28..32].copy_from_slice(&(body_end - small(HEADER_BYTES)).to_le_bytes());
        let checksum = crc32c::crc32c(&header[..HEADER_CHECKED_BYTES]);
        header[32..36].copy_from_slice(&checksum.to_le_bytes());

        // In one piece: begun with the few bytes of the hash before, it would take twice as long.
        let chain = ChainHash(*blake3::hash(&bytes).as_bytes());
        bytes.extend_from_slice(chain.as_bytes());
        offsets.push(body_end);
        let sealed_onto = Some(previous);
        Block(Arc::new(Inner {
            first_seq,
            count,
            recorded_at_ms,
            chain,
            sealed_onto,
            bytes,
            begin: PREVIOUS_BYTES,
            offsets,
        }))
    }
}

/// A run of consecutive records, whole and checked; cheap to clone.
#[derive(Clone)]
pub struct Block(Arc<Inner>);

struct Inner {
    first_seq: u64,
    count: u32,
    recorded_at_ms: i64,
    chain: ChainHash,
    /// Known for blocks sealed in this process, which saves hashing them a second time.
    sealed_onto: Option<ChainHash>,
    bytes: Vec<u8>,
    /// Where the block begins in them.
    begin: usize,
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
    pub fn decode(bytes: Vec<u8>, first_seq: u64) -> Result<Self, BlockDamage> {
        let (count, recorded_at_ms) = check_header(&bytes, first_seq)?;
        let offsets = check_records(&bytes, first_seq, count)?;
        let chain = ChainHash(array(&bytes, bytes.len() - TRAILER_BYTES));
        let sealed_onto = None;
        Ok(Self(Arc::new(Inner {
            first_seq,
            count,
            recorded_at_ms,
            chain,
            sealed_onto,
            bytes,
            begin: 0,
            offsets,
        })))
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
        &self.0.bytes[self.0.begin..]
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
    hasher.update(&previous.0);
    hasher.update(bytes);
    ChainHash(*hasher.finalize().as_bytes())
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

    fn three_records() -> Block {
        let mut builder = BlockBuilder::new(7, 1_700_000_000_123);
        for record in [&b"open"[..], b"", b"fee 15.00"] {
            builder.push(record).unwrap();
        }
        builder.seal(ChainHash([0x11; 32]))
    }

    #[test]
    fn decoding_gives_back_what_was_sealed() {
        let sealed = three_records();
        let decoded = Block::decode(sealed.bytes().to_vec(), 7).unwrap();
        decoded.verify_chain(ChainHash([0x11; 32])).unwrap();
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
            let outcome =
                Block::decode(bytes, 7).and_then(|block| block.verify_chain(ChainHash([0x11; 32])));
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
