//! A chunk of the checkpoint, in memory and in the file.
//!
//! Integers are little endian:
//!
//! | offset | type | what |
//! |---|---|---|
//! | 0 | 4 bytes | magic `LGCP` |
//! | 4 | u16 | version, 1 |
//! | 6 | u16 | zero |
//! | 8 | u64 | sequence number of the first record |
//! | 16 | u32 | number of records |
//! | 20 | u32 | crc32c of the body |
//! | 24 | u64 | length of the body |
//! | 32 | i64 | when the last record was recorded, milliseconds since 1970 |
//! | 40 | 32 bytes | hash of the log's block that ends with the last record |
//! | 72 | 32 bytes | link: blake3 of (link of the chunk before, zeros before the first; bytes 0 to 71) |
//! | 104 | | body: columns with an item a record; the records needed whole; the totals |

use ledger_core::event::Record;
use ledger_core::fingerprint::Fingerprint;
use ledger_core::ids::{AccountIndex, Seq};
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::history::Entry;
use ledger_core::state::RecordKeys;
use ledger_core::time::{BusinessDate, Timestamp};

use crate::block::ChainHash;
use crate::codec;
use crate::event_log::LogHead;

const MAGIC: [u8; 4] = *b"LGCP";
const VERSION: u16 = 1;
const LINKED_BYTES: usize = 72;
pub(super) const HEADER_BYTES: usize = LINKED_BYTES + 32;

/// What a chunk is chained to the next by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link([u8; 32]);

/// Records taken in and not written yet. Keeps its memory when cleared.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    first_seq: u64,
    recorded_at: i64,
    columns: Columns<Vec<u8>>,
    /// Records needed whole: place in the chunk (u32), length (u32), event.
    whole: Vec<u8>,
    event: Vec<u8>,
    sealed: Vec<u8>,
}

/// One item a record each.
#[derive(Debug, Default, Clone, Copy)]
struct Columns<Bytes> {
    correlations: Bytes,
    triplets: Bytes,
    minors: Bytes,
    posted_at: Bytes,
    accounts: Bytes,
    value_dates: Bytes,
    flags: Bytes,
}

/// Bytes of a record in all columns.
const ROW_BYTES: usize = 8 + 8 + 8 + 8 + 4 + 4 + 1;

// What a record's gist is, in its flags; none of these: other.
const PLAIN: u8 = 1;
const PAYMENT: u8 = 2;
const OPERATION: u8 = 4;
const REFUSED: u8 = 8;
/// The record takes a triplet.
const TRIPLET: u8 = 16;

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
            codec::encode(&record.event, &mut self.event);
            for number in [self.len(), self.event.len()] {
                self.whole.extend_from_slice(&small(number).to_le_bytes());
            }
            self.whole.extend_from_slice(&self.event);
        }
        self.columns.add(gist, keys);
    }

    pub(super) fn clear(&mut self) {
        self.columns.each_mut().into_iter().for_each(Vec::clear);
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
        for column in self.columns.each_mut() {
            bytes.extend_from_slice(column);
        }
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
        (bytes, link)
    }
}

impl Columns<Vec<u8>> {
    fn add(&mut self, gist: Gist, keys: &RecordKeys) {
        let nothing = Entry {
            posted_at: Timestamp(0),
            seq: Seq(0),
            value_date: BusinessDate(0),
            minor: 0,
        };
        let (account, entry, mut flags) = match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => (
                account,
                entry,
                if payment { PLAIN | PAYMENT } else { PLAIN },
            ),
            Gist::Operation { account, entry } => (account, entry, OPERATION),
            Gist::Refused { account, .. } => (account, nothing, REFUSED),
            Gist::Other => (AccountIndex(0), nothing, 0),
        };
        if keys.triplet.is_some() {
            flags |= TRIPLET;
        }
        let triplet = keys.triplet.map_or(0, Fingerprint::to_bits);
        let correlation = keys.correlation.to_bits();
        self.correlations
            .extend_from_slice(&correlation.to_le_bytes());
        self.triplets.extend_from_slice(&triplet.to_le_bytes());
        self.minors.extend_from_slice(&entry.minor.to_le_bytes());
        self.posted_at
            .extend_from_slice(&entry.posted_at.0.to_le_bytes());
        self.accounts.extend_from_slice(&account.0.to_le_bytes());
        self.value_dates
            .extend_from_slice(&entry.value_date.0.to_le_bytes());
        self.flags.push(flags);
    }

    /// The columns in the order of the file.
    fn each_mut(&mut self) -> [&mut Vec<u8>; 7] {
        let Self {
            correlations,
            triplets,
            minors,
            posted_at,
            accounts,
            value_dates,
            flags,
        } = self;
        [
            correlations,
            triplets,
            minors,
            posted_at,
            accounts,
            value_dates,
            flags,
        ]
    }
}

impl Link {
    fn to(self, header: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(header);
        Self(*hasher.finalize().as_bytes())
    }
}

/// A chunk read from the file, sound in itself.
pub(super) struct Sealed {
    pub(super) link: Link,
    pub(super) head: LogHead,
    pub(super) recorded_at: Timestamp,
    first_seq: u64,
    records: usize,
    body: Vec<u8>,
}

/// The header of a chunk that continues the one before.
pub(super) struct Header {
    pub(super) body_bytes: u64,
    body_checksum: u32,
    link: Link,
    head: LogHead,
    recorded_at: Timestamp,
    first_seq: u64,
    records: usize,
}

impl Header {
    /// Reads a header; nothing unless it is sound and follows the chunk with that link, which ends
    /// with that record.
    pub(super) fn decode(
        bytes: &[u8; HEADER_BYTES],
        previous: Link,
        last_seq: u64,
    ) -> Option<Self> {
        let link = previous.to(&bytes[..LINKED_BYTES]);
        let first_seq = u64::from_le_bytes(array(bytes, 8));
        let records = u32::from_le_bytes(array(bytes, 16));
        let sound = bytes[0..4] == MAGIC
            && u16::from_le_bytes(array(bytes, 4)) == VERSION
            && bytes[LINKED_BYTES..] == link.0
            && first_seq == last_seq + 1
            && records > 0;
        sound.then(|| Self {
            body_bytes: u64::from_le_bytes(array(bytes, 24)),
            body_checksum: u32::from_le_bytes(array(bytes, 20)),
            link,
            head: LogHead {
                last_seq: last_seq + u64::from(records),
                chain: ChainHash::from_bytes(array(bytes, 40)),
            },
            recorded_at: Timestamp(i64::from_le_bytes(array(bytes, 32))),
            first_seq,
            records: usize::try_from(records).unwrap_or(usize::MAX),
        })
    }

    /// The chunk with this body, if it is the one the header is of.
    pub(super) fn with(self, body: Vec<u8>) -> Option<Sealed> {
        let sound = crc32c::crc32c(&body) == self.body_checksum
            && self.records.checked_mul(ROW_BYTES)? <= body.len();
        sound.then_some(Sealed {
            link: self.link,
            head: self.head,
            recorded_at: self.recorded_at,
            first_seq: self.first_seq,
            records: self.records,
            body,
        })
    }
}

impl Sealed {
    /// Its length in the file, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        large(HEADER_BYTES + self.body.len())
    }

    fn columns(&self) -> Columns<&[u8]> {
        let mut rest = &self.body[..];
        let mut column = |width: usize| {
            let (column, behind) = rest.split_at(width * self.records);
            rest = behind;
            column
        };
        Columns {
            correlations: column(8),
            triplets: column(8),
            minors: column(8),
            posted_at: column(8),
            accounts: column(4),
            value_dates: column(4),
            flags: column(1),
        }
    }

    fn seqs(&self) -> impl Iterator<Item = Seq> + Clone + use<> {
        (self.first_seq..).map(Seq)
    }

    /// The keys of correlation ids, with the places of their records.
    pub(super) fn correlations(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let bits = numbers(self.columns().correlations).map(u64::from_le_bytes);
        bits.map(Fingerprint::from_bits).zip(self.seqs())
    }

    /// The keys of triplets, with the places of their records.
    pub(super) fn triplets(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let Columns {
            triplets, flags, ..
        } = self.columns();
        let bits = numbers(triplets).map(u64::from_le_bytes);
        bits.map(Fingerprint::from_bits)
            .zip(self.seqs())
            .zip(flags)
            .filter(|(_, flags)| **flags & TRIPLET != 0)
            .map(|(key, _)| key)
    }

    /// The gists of its records.
    pub(super) fn gists(&self) -> Vec<Gist> {
        let columns = self.columns();
        let minors = numbers(columns.minors).map(i64::from_le_bytes);
        let posted_at = numbers(columns.posted_at).map(i64::from_le_bytes);
        let accounts = numbers(columns.accounts).map(u32::from_le_bytes);
        let value_dates = numbers(columns.value_dates).map(i32::from_le_bytes);
        let rows = minors.zip(posted_at).zip(accounts).zip(value_dates);
        rows.zip(columns.flags)
            .zip(self.seqs())
            .map(
                |(((((minor, posted_at), account), value_date), flags), seq)| {
                    let account = AccountIndex(account);
                    let entry = Entry {
                        posted_at: Timestamp(posted_at),
                        seq,
                        value_date: BusinessDate(value_date),
                        minor,
                    };
                    match flags & !TRIPLET {
                        0 => Gist::Other,
                        OPERATION => Gist::Operation { account, entry },
                        REFUSED => Gist::Refused { account, seq },
                        plain => Gist::Plain {
                            account,
                            entry,
                            payment: plain & PAYMENT != 0,
                        },
                    }
                },
            )
            .collect()
    }

    /// The records needed whole, and the totals; nothing when they cannot be read.
    pub(super) fn whole_and_totals(&self) -> Option<(Vec<Record>, Vec<Total>)> {
        let rest = self.body.get(self.records * ROW_BYTES..)?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (mut whole, totals) = rest.split_at_checked(length)?;
        let mut records = Vec::new();
        while !whole.is_empty() {
            let (place, rest) = whole.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (event, rest) = rest.split_at_checked(length)?;
            records.push(Record {
                seq: Seq(self.first_seq + u64::from(u32::from_le_bytes(*place))),
                // Nothing that is kept of a whole record depends on when it was recorded.
                recorded_at: self.recorded_at,
                event: codec::decode_event(event)?,
            });
            whole = rest;
        }
        Some((records, codec::decode_totals(totals)?))
    }
}

fn numbers<const WIDTH: usize>(column: &[u8]) -> impl Iterator<Item = [u8; WIDTH]> + Clone {
    let (numbers, _) = column.as_chunks::<WIDTH>();
    numbers.iter().copied()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..]
        .first_chunk()
        .expect("the header is long enough")
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("a chunk is far shorter than 4 GiB")
}

fn large(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits 64 bits")
}
