//! Making blocks: records are framed as they come, and sealed onto the block before.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, Block, CODEC_ID, ChainHash, FORMAT_VERSION, HEADER_BYTES,
    HEADER_CHECKED_BYTES, Inner, MAGIC, OLDER_BLOCK_RECORDS_MAX, PREVIOUS_BYTES, RECORD_BYTES_MAX,
    RECORD_HEADER_BYTES, TRAILER_BYTES, small,
};
use crate::error::StoreError;

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
        let chain = ChainHash::from_bytes(*blake3::hash(&bytes).as_bytes());
        bytes.extend_from_slice(chain.as_bytes());
        offsets.push(body_end);
        let sealed_onto = Some(previous);
        Block(Arc::new(Inner {
            first_seq,
            count,
            recorded_at_ms,
            chain,
            sealed_onto,
            bytes: Bytes::from(bytes).slice(PREVIOUS_BYTES..),
            offsets,
        }))
    }
}
