//! A chunk of the checkpoint as it is gathered and written, and its form in the file; `sealed.rs` reads it.
//!
//! Integers are little endian:
//!
//! | offset | type | what |
//! |---|---|---|
//! | 0 | 4 bytes | magic `LGCP` |
//! | 4 | u16 | version, 4 |
//! | 6 | u16 | zero |
//! | 8 | u64 | sequence number of the first record |
//! | 16 | u32 | number of records |
//! | 20 | u32 | crc32c of the body |
//! | 24 | u64 | length of the body |
//! | 32 | i64 | when the last record was recorded, milliseconds since 1970 |
//! | 40 | 32 bytes | hash of the log's block that ends with the last record |
//! | 72 | 32 bytes | link: blake3 of (link of the chunk before, zeros before the first; bytes 0 to 71) |
//! | 104 | | body: columns with an item a record; the records needed whole; the totals |
//! | | | zeros up to a multiple of 4,096 bytes |
//!
//! A column of hashes has the first 40 bits of each, which is all that an index keeps. A column of numbers
//! (see `column.rs`) has the difference of each from the least. The flags are a byte each.

use ledger_core::event::Record;
use ledger_core::fingerprint::Fingerprint;
use ledger_core::ids::AccountIndex;
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Gist;
use ledger_core::state::RecordKeys;

use super::column;
use crate::codec;
use crate::disk::ALIGNMENT;
use crate::event_log::LogHead;

pub(super) const MAGIC: [u8; 4] = *b"LGCP";
/// A checkpoint of another version is made again from the log.
pub(super) const VERSION: u16 = 4;
pub(super) const LINKED_BYTES: usize = 72;
pub(super) const HEADER_BYTES: usize = LINKED_BYTES + 32;

/// What a chunk is chained to the next by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link(pub(super) [u8; 32]);

/// Records taken in and not written yet. Keeps its memory when cleared.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    first_seq: u64,
    recorded_at: i64,
    columns: Columns,
    /// Records needed whole: when recorded (i64), place in the chunk (u32), length of the event (u32), event.
    whole: Vec<u8>,
    event: Vec<u8>,
    sealed: Vec<u8>,
}

/// One item a record each.
#[derive(Debug, Default)]
struct Columns {
    correlations: Vec<u64>,
    triplets: Vec<u64>,
    minors: Vec<i64>,
    posted_at: Vec<i64>,
    accounts: Vec<i64>,
    value_dates: Vec<i64>,
    flags: Vec<u8>,
}

// What a record's gist is, in its flags.
pub(super) const OTHER: u8 = 0;
pub(super) const PLAIN: u8 = 1;
pub(super) const PAYMENT: u8 = 2;
pub(super) const OPERATION: u8 = 4;
pub(super) const REFUSED: u8 = 8;
/// The record takes a triplet.
pub(super) const TRIPLET: u8 = 16;

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.columns.flags.len()
    }

    pub(super) fn add(&mut self, record: &Record, keys: &RecordKeys) {
        if self.len() == 0 {
            self.first_seq = record.seq.0;
        }
        self.recorded_at = record.recorded_at.0;
        let gist = Gist::of(record);
        if gist.needs_record() {
            let event = codec::encode(&record.event, &mut self.event);
            self.whole
                .extend_from_slice(&record.recorded_at.0.to_le_bytes());
            for number in [self.columns.flags.len(), event.len()] {
                self.whole.extend_from_slice(&small(number).to_le_bytes());
            }
            self.whole.extend_from_slice(event);
        }
        self.columns.add(gist, keys);
    }

    pub(super) fn clear(&mut self) {
        self.columns.clear();
        self.whole.clear();
    }

    /// The chunk as it stands in the file, and its link.
    pub(super) fn seal(
        &mut self,
        head: LogHead,
        totals: &[Total],
        previous: Link,
    ) -> (&[u8], Link) {
        let bytes = &mut self.sealed;
        bytes.clear();
        bytes.resize(HEADER_BYTES, 0);
        self.columns.write(bytes);
        let records = self.columns.flags.len();
        bytes.extend_from_slice(&small(self.whole.len()).to_le_bytes());
        bytes.extend_from_slice(&self.whole);
        codec::encode_totals(totals, &mut self.event);
        bytes.extend_from_slice(&self.event);

        let (header, body) = bytes.split_at_mut(HEADER_BYTES);
        header[0..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&VERSION.to_le_bytes());
        header[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        header[16..20].copy_from_slice(&small(records).to_le_bytes());
        header[20..24].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        header[24..32].copy_from_slice(&large(body.len()).to_le_bytes());
        header[32..40].copy_from_slice(&self.recorded_at.to_le_bytes());
        header[40..72].copy_from_slice(head.chain.as_bytes());
        let link = previous.to(&header[..LINKED_BYTES]);
        header[LINKED_BYTES..].copy_from_slice(&link.0);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        (bytes, link)
    }
}

impl Columns {
    fn add(&mut self, gist: Gist, keys: &RecordKeys) {
        let (account, entry, mut flags) = match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => {
                let flags = if payment { PLAIN | PAYMENT } else { PLAIN };
                (account, Some(entry), flags)
            }
            Gist::Operation { account, entry } => (account, Some(entry), OPERATION),
            Gist::Refused { account, .. } => (account, None, REFUSED),
            Gist::Other => (AccountIndex(0), None, OTHER),
        };
        if keys.triplet.is_some() {
            flags |= TRIPLET;
        }
        self.correlations.push(keys.correlation.to_bits());
        self.triplets
            .push(keys.triplet.map_or(0, Fingerprint::to_bits));
        // What a record does not have is as in the one before, so that it widens no column.
        let given = |value: Option<i64>, column: &[i64]| {
            value.unwrap_or_else(|| column.last().copied().unwrap_or(0))
        };
        let minor = given(entry.map(|e| e.minor), &self.minors);
        let posted_at = match gist {
            Gist::Refused { refusal, .. } => Some(refusal.posted_at),
            Gist::Plain { .. } | Gist::Operation { .. } | Gist::Other => entry.map(|e| e.posted_at),
        };
        let posted_at = given(posted_at.map(|at| at.0), &self.posted_at);
        let value_date = given(entry.map(|e| e.value_date.0.into()), &self.value_dates);
        self.minors.push(minor);
        self.posted_at.push(posted_at);
        self.accounts.push(account.0.into());
        self.value_dates.push(value_date);
        self.flags.push(flags);
    }

    fn clear(&mut self) {
        let Self {
            correlations,
            triplets,
            minors,
            posted_at,
            accounts,
            value_dates,
            flags,
        } = self;
        for hashes in [correlations, triplets] {
            hashes.clear();
        }
        for numbers in [minors, posted_at, accounts, value_dates] {
            numbers.clear();
        }
        flags.clear();
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for hashes in [&self.correlations, &self.triplets] {
            column::write_hashes(hashes, bytes);
        }
        let numbers = [
            &self.minors,
            &self.posted_at,
            &self.accounts,
            &self.value_dates,
        ];
        for numbers in numbers {
            column::write_numbers(numbers, bytes);
        }
        bytes.extend_from_slice(&self.flags);
    }
}

impl Link {
    /// That of the chunk with this header, which follows.
    pub(super) fn to(self, header: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(header);
        Self(*hasher.finalize().as_bytes())
    }
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("a chunk is far shorter than 4 GiB")
}

pub(super) fn large(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits 64 bits")
}
