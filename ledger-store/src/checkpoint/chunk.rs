//! A chunk of the checkpoint, in memory and in the file.
//!
//! Integers are little endian:
//!
//! | offset | type | what |
//! |---|---|---|
//! | 0 | 4 bytes | magic `LGCP` |
//! | 4 | u16 | version, 3 |
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
use ledger_core::ids::{AccountIndex, Seq};
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::history::Entry;
use ledger_core::state::RecordKeys;
use ledger_core::time::{BusinessDate, Timestamp};

use super::column;
use crate::block::ChainHash;
use crate::codec;
use crate::disk::ALIGNMENT;
use crate::event_log::LogHead;

const MAGIC: [u8; 4] = *b"LGCP";
/// A checkpoint of another version is made again from the log.
const VERSION: u16 = 3;
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
            Gist::Other => (AccountIndex(0), None, 0),
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
        let posted_at = given(entry.map(|e| e.posted_at.0), &self.posted_at);
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

    /// Reads the columns of so many records, and gives what is behind them.
    fn read(bytes: &[u8], records: usize) -> Option<(Self, &[u8])> {
        let (correlations, rest) = column::read_hashes(bytes, records)?;
        let (triplets, rest) = column::read_hashes(rest, records)?;
        let (minors, rest) = column::read_numbers(rest, records)?;
        let (posted_at, rest) = column::read_numbers(rest, records)?;
        let (accounts, rest) = column::read_numbers(rest, records)?;
        let (value_dates, rest) = column::read_numbers(rest, records)?;
        let (flags, rest) = rest.split_at_checked(records)?;
        let columns = Self {
            correlations,
            triplets,
            minors,
            posted_at,
            accounts,
            value_dates,
            flags: flags.to_vec(),
        };
        Some((columns, rest))
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
    /// Its length in the file.
    pub(super) bytes: u64,
    first_seq: u64,
    columns: Columns,
    /// Records needed whole.
    pub(super) whole: Vec<Record>,
    /// Totals of double entry at its end.
    pub(super) totals: Vec<Total>,
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

    /// Makes length, checksum and link of a chunk right, for tests of what is behind those checks.
    #[cfg(test)]
    pub(super) fn mend(header: &mut [u8], body: &[u8], previous: Link) -> Link {
        header[20..24].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        header[24..32].copy_from_slice(&large(body.len()).to_le_bytes());
        let link = previous.to(&header[..LINKED_BYTES]);
        header[LINKED_BYTES..].copy_from_slice(&link.0);
        link
    }

    /// The chunk with this body, if it is the one the header is of.
    pub(super) fn with(self, body: &[u8]) -> Option<Sealed> {
        if crc32c::crc32c(body) != self.body_checksum {
            return None;
        }
        let (columns, rest) = Columns::read(body, self.records)?;
        // An account has an opening of its own, so there are fewer than records: no sum or history is made
        // room for that cannot be.
        let accounts_known = columns.accounts.iter().all(|place| {
            u32::try_from(*place).is_ok_and(|place| u64::from(place) < self.head.last_seq)
        });
        let are_days = |day: &i64| i32::try_from(*day).is_ok();
        if !accounts_known || !columns.value_dates.iter().all(are_days) {
            return None;
        }
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (whole, totals) = rest.split_at_checked(length)?;
        Some(Sealed {
            link: self.link,
            head: self.head,
            recorded_at: self.recorded_at,
            bytes: large((HEADER_BYTES + body.len()).next_multiple_of(ALIGNMENT)),
            first_seq: self.first_seq,
            columns,
            whole: self.records_in(whole)?,
            totals: codec::decode_totals(totals)?,
        })
    }

    fn records_in(&self, mut bytes: &[u8]) -> Option<Vec<Record>> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let (recorded_at, rest) = bytes.split_first_chunk()?;
            let (place, rest) = rest.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (event, rest) = rest.split_at_checked(length)?;
            records.push(Record {
                seq: Seq(self.first_seq + u64::from(u32::from_le_bytes(*place))),
                recorded_at: Timestamp(i64::from_le_bytes(*recorded_at)),
                event: codec::decode_event(event)?,
            });
            bytes = rest;
        }
        Some(records)
    }
}

impl Sealed {
    fn seqs(&self) -> impl Iterator<Item = Seq> + Clone + use<> {
        (self.first_seq..).map(Seq)
    }

    /// The keys of correlation ids, with the places of their records.
    pub(super) fn correlations(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let bits = self.columns.correlations.iter();
        bits.map(|bits| Fingerprint::from_bits(*bits))
            .zip(self.seqs())
    }

    /// The keys of triplets, with the places of their records.
    pub(super) fn triplets(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let bits = self.columns.triplets.iter();
        bits.map(|bits| Fingerprint::from_bits(*bits))
            .zip(self.seqs())
            .zip(&self.columns.flags)
            .filter(|(_, flags)| **flags & TRIPLET != 0)
            .map(|(key, _)| key)
    }

    /// Counts the operations of each account.
    pub(super) fn count(&self, counts: &mut Vec<u32>) {
        for gist in self.gists() {
            let (Gist::Plain { account, .. } | Gist::Operation { account, .. }) = gist else {
                continue;
            };
            let place = usize::try_from(account.0).expect("a place in memory");
            if place >= counts.len() {
                counts.resize(place + 1, 0);
            }
            counts[place] += 1;
        }
    }

    /// The gists of its records.
    pub(super) fn gists(&self) -> impl Iterator<Item = Gist> {
        let Columns {
            minors,
            posted_at,
            accounts,
            value_dates,
            flags,
            ..
        } = &self.columns;
        let numbers = minors.iter().zip(posted_at).zip(accounts).zip(value_dates);
        let rows = numbers.zip(flags).zip(self.seqs());
        rows.map(
            |(((((minor, posted_at), account), value_date), flags), seq)| {
                let account = u32::try_from(*account).expect("an account's place");
                let account = AccountIndex(account);
                let entry = Entry {
                    posted_at: Timestamp(*posted_at),
                    seq,
                    value_date: BusinessDate(i32::try_from(*value_date).expect("a day")),
                    minor: *minor,
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
    }
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
