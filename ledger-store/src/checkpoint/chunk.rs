//! A chunk of the checkpoint as it is gathered and written, and its form in the file; `sealed.rs` reads it.
//!
//! Integers are little endian:
//!
//! | offset | type | what |
//! |---|---|---|
//! | 0 | 4 bytes | magic `LGCP` |
//! | 4 | u16 | version, 6 |
//! | 6 | u16 | zero |
//! | 8 | u64 | sequence number of the first record |
//! | 16 | u32 | number of records |
//! | 20 | u32 | crc32c of the body |
//! | 24 | u64 | length of the body |
//! | 32 | i64 | when the last record was recorded, milliseconds since 1970 |
//! | 40 | 32 bytes | hash of the log's block that ends with the last record |
//! | 72 | 32 bytes | link: blake3 of (link of the chunk before, zeros before the first; bytes 0 to 71) |
//! | 104 | | body: keys; gists; the records needed whole; the totals |
//! | | | zeros up to a multiple of 4,096 bytes |
//!
//! The keys are columns with an item a record: the hashes of correlation ids, those of triplets, and a bit, the lowest
//! of a byte first, which is set where there is a triplet. The gists lie in the order of bands of 4,096 accounts, and in
//! a band as recorded, so that each band can be restored by itself. They are how many there are (u32); how many bands
//! (u32), and of each its number (u32) and where its gists end (u32); and columns with an item for each operation and
//! refusal: the place of its record in the chunk, amount, posting date, place of the account in the band, value date,
//! and a byte of flags.
//!
//! A column of hashes has the first 40 bits of each, which is more than an index keeps. A column of numbers
//! (see `column.rs`) has the difference of each from the least.

use std::iter;

use ledger_core::event::Record;
use ledger_core::fingerprint::Fingerprint;
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::{Brief, Gist};
use ledger_core::projection::history::Entry;
use ledger_core::state::RecordKeys;
use ledger_core::time::BusinessDate;

use super::column::{self, Span};
use crate::codec;
use crate::disk::ALIGNMENT;
use crate::event_log::LogHead;

pub(super) const MAGIC: [u8; 4] = *b"LGCP";
/// A checkpoint of another version is made again from the log.
pub(super) const VERSION: u16 = 6;
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
    keys: Keys,
    gists: Gists,
    /// Records needed whole: when recorded (i64), place in the chunk (u32), length of the event (u32), event.
    whole: Vec<u8>,
    event: Vec<u8>,
    sealed: Vec<u8>,
}

/// Accounts of a band. What restoring their histories touches fits the processor's second cache, when each has some
/// ten operations. So few where bytes are tried that a few accounts are several bands.
pub(super) const BAND_ACCOUNTS: u32 = if cfg!(test) { 2 } else { 4_096 };

/// One item a record each.
#[derive(Debug, Default)]
struct Keys {
    correlations: Vec<u64>,
    triplets: Vec<u64>,
    /// 1 where there is a triplet, else 0.
    has_triplet: Vec<u8>,
}

/// One item each operation and refusal.
#[derive(Debug, Default)]
struct Gists {
    /// Place of the record in the chunk.
    records: Vec<u32>,
    minors: Vec<i64>,
    posted_at: Vec<i64>,
    accounts: Vec<u32>,
    value_dates: Vec<i32>,
    flags: Vec<u8>,
    by_band: ByBand,
}

/// The places of gists, those of one band together.
#[derive(Debug, Default)]
struct ByBand {
    places: Vec<u32>,
    /// Where those of each band end.
    ends: Vec<u32>,
}

// What a record's gist is, in its flags.
pub(super) const PLAIN: u8 = 1;
pub(super) const PAYMENT: u8 = 2;
pub(super) const OPERATION: u8 = 4;
pub(super) const REFUSED: u8 = 8;

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.keys.correlations.len()
    }

    /// Length of the events that are kept whole, in bytes.
    pub(super) fn whole_bytes(&self) -> usize {
        self.whole.len()
    }

    pub(super) fn add(&mut self, records: &[Record], briefs: &[Brief], keys: &[RecordKeys]) {
        let each = [briefs.len(), keys.len()];
        assert_eq!(
            each,
            [records.len(); 2],
            "each record has its brief and keys"
        );
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return;
        };
        if self.len() == 0 {
            self.first_seq = first.seq.0;
        }
        self.recorded_at = last.recorded_at.0;
        for ((record, brief), place) in records.iter().zip(briefs).zip(small(self.len())..) {
            self.add_gist(record, brief.gist, place);
        }
        self.keys.add(keys);
    }

    fn add_gist(&mut self, record: &Record, gist: Gist, place: u32) {
        if gist.needs_record() {
            let event = codec::encode(&record.event, &mut self.event);
            self.whole
                .extend_from_slice(&record.recorded_at.0.to_le_bytes());
            for number in [place, small(event.len())] {
                self.whole.extend_from_slice(&number.to_le_bytes());
            }
            self.whole.extend_from_slice(event);
        }
        self.gists.add(gist, place);
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.gists.clear();
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
        self.keys.write(bytes);
        self.gists.write(bytes);
        let records = self.keys.correlations.len();
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

impl Keys {
    fn add(&mut self, keys: &[RecordKeys]) {
        let correlations = keys.iter().map(|keys| keys.correlation.to_bits());
        self.correlations.extend(correlations);
        let triplets = keys.iter().map(|keys| keys.triplet);
        self.triplets.extend(
            triplets
                .clone()
                .map(|key| key.map_or(0, Fingerprint::to_bits)),
        );
        self.has_triplet
            .extend(triplets.map(|key| u8::from(key.is_some())));
    }

    fn clear(&mut self) {
        self.correlations.clear();
        self.triplets.clear();
        self.has_triplet.clear();
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        column::write_hashes(&self.correlations, bytes);
        column::write_hashes(&self.triplets, bytes);
        let bits = |eight: &[u8]| eight.iter().rev().fold(0, |bits, bit| bits << 1 | bit);
        bytes.extend(self.has_triplet.chunks(8).map(bits));
    }
}

impl Gists {
    fn add(&mut self, gist: Gist, record: u32) {
        let (account, entry, flags) = match gist {
            Gist::Plain {
                account,
                entry,
                payment,
            } => {
                let flags = if payment { PLAIN | PAYMENT } else { PLAIN };
                (account, entry, flags)
            }
            Gist::Operation { account, entry } => (account, entry, OPERATION),
            Gist::Refused { account, refusal } => {
                // What a refusal does not have is as in the one before, so that it hardly ever widens a column.
                let entry = Entry {
                    posted_at: refusal.posted_at,
                    seq: refusal.seq,
                    value_date: BusinessDate(self.value_dates.last().copied().unwrap_or(0)),
                    minor: self.minors.last().copied().unwrap_or(0),
                };
                (account, entry, REFUSED)
            }
            Gist::Other => return,
        };
        self.records.push(record);
        self.minors.push(entry.minor);
        self.posted_at.push(entry.posted_at.0);
        self.accounts.push(account.0);
        self.value_dates.push(entry.value_date.0);
        self.flags.push(flags);
    }

    fn clear(&mut self) {
        let Self {
            records,
            minors,
            posted_at,
            accounts,
            value_dates,
            flags,
            by_band: _,
        } = self;
        for column in [records, accounts] {
            column.clear();
        }
        for column in [minors, posted_at] {
            column.clear();
        }
        value_dates.clear();
        flags.clear();
    }

    /// Writes them, band by band.
    fn write(&mut self, bytes: &mut Vec<u8>) {
        let by_band = &mut self.by_band;
        by_band.arrange(&self.accounts);
        bytes.extend_from_slice(&small(self.accounts.len()).to_le_bytes());
        by_band.write_bands(bytes);
        by_band.write(&self.records, i64::from, bytes);
        by_band.write(&self.minors, i64::from, bytes);
        by_band.write(&self.posted_at, i64::from, bytes);
        by_band.write(
            &self.accounts,
            |account| (account % BAND_ACCOUNTS).into(),
            bytes,
        );
        by_band.write(&self.value_dates, i64::from, bytes);
        let flags = |place: &u32| self.flags[usize_of(*place)];
        bytes.extend(by_band.places.iter().map(flags));
    }
}

impl ByBand {
    /// Finds the places of gists on these accounts: in each band as they came.
    fn arrange(&mut self, accounts: &[u32]) {
        let band = |account: &u32| usize_of(account / BAND_ACCOUNTS);
        let last = accounts.iter().map(band).max();
        self.ends.clear();
        self.ends.resize(last.map_or(0, |last| last + 1), 0);
        for account in accounts {
            self.ends[band(account)] += 1;
        }
        let mut total = 0;
        for end in &mut self.ends {
            total += std::mem::replace(end, total);
        }
        self.places.clear();
        self.places.resize(accounts.len(), 0);
        for (place, account) in (0..).zip(accounts) {
            let end = &mut self.ends[band(account)];
            self.places[usize_of(*end)] = place;
            *end += 1;
        }
    }

    /// Writes the bands that have any gist, and where those end.
    fn write_bands(&self, bytes: &mut Vec<u8>) {
        let begins = iter::once(&0).chain(&self.ends);
        let bands = (0_u32..).zip(begins.zip(&self.ends));
        let bands = bands.filter(|(_, (begin, end))| begin < end);
        bytes.extend_from_slice(&small(bands.clone().count()).to_le_bytes());
        for (band, (_, end)) in bands {
            bytes.extend_from_slice(&band.to_le_bytes());
            bytes.extend_from_slice(&end.to_le_bytes());
        }
    }

    /// Writes a column of numbers in that order.
    fn write<T: Copy>(&self, column: &[T], number: impl Fn(T) -> i64, bytes: &mut Vec<u8>) {
        let span = Span::of(column.iter().map(|item| number(*item)));
        let places = self.places.iter();
        let numbers = places.map(|place| number(column[usize_of(*place)]));
        column::write_numbers(span, numbers, bytes);
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

fn usize_of(place: u32) -> usize {
    usize::try_from(place).expect("a place in memory")
}

pub(super) fn large(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits 64 bits")
}
