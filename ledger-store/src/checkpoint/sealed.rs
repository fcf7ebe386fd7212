//! A chunk of the checkpoint as it is read; `chunk.rs` describes its form.
//!
//! What is read of a large ledger is hundreds of megabytes, and memory that a process uses for the first time
//! costs more than reading does. So the bytes are kept as they are, and taken apart a few records at a time.

use std::ops::Range;

use ledger_core::event::{Record, Refusal};
use ledger_core::fingerprint::{Fingerprint, KeysByShard};
use ledger_core::ids::{AccountIndex, Seq};
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::history::Entry;
use ledger_core::time::{BusinessDate, Timestamp};

use super::chunk::{
    BAND_ACCOUNTS, HEADER_BYTES, LINKED_BYTES, Link, MAGIC, OPERATION, PAYMENT, REFUSED, VERSION,
    large,
};
use super::column::{self, HASH_BYTES, Numbers, ROW, Rest};
use crate::block::ChainHash;
use crate::codec;
use crate::disk::ALIGNMENT;
use crate::event_log::LogHead;

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

    /// Length of the chunk in the file.
    fn bytes(&self) -> u64 {
        (large(HEADER_BYTES) + self.body_bytes).next_multiple_of(large(ALIGNMENT))
    }

    /// Length of the keys, which the body begins with.
    pub(super) fn keys_bytes(&self) -> u64 {
        large(self.records * Keys::BYTES)
    }

    /// The chunk with this body, in two parts, if it is the one the header is of, and its keys.
    pub(super) fn with(self, keys: &[u8], body: Vec<u8>) -> Option<(Sealed, Keys)> {
        let checksum = crc32c::crc32c_append(crc32c::crc32c(keys), &body);
        if checksum != self.body_checksum {
            return None;
        }
        let keys = Keys::of(keys, &self)?;
        let mut rest = Rest::of(&body);
        let gists = Gists::find(&mut rest, &body, &self)?;
        let length = u32::from_le_bytes(rest.array()?);
        let whole = rest.take(usize::try_from(length).ok()?)?;
        let totals = codec::decode_totals(rest.left())?;
        let sealed = Sealed {
            link: self.link,
            head: self.head,
            recorded_at: self.recorded_at,
            bytes: self.bytes(),
            first_seq: self.first_seq,
            totals,
            gists,
            whole,
            body,
        };
        Some((sealed, keys))
    }
}

/// A chunk read from the file, sound in itself, without its keys.
pub(super) struct Sealed {
    pub(super) link: Link,
    pub(super) head: LogHead,
    pub(super) recorded_at: Timestamp,
    /// Its length in the file.
    pub(super) bytes: u64,
    /// Totals of double entry at its end.
    pub(super) totals: Vec<Total>,
    first_seq: u64,
    gists: Gists,
    /// Where the records needed whole are.
    whole: Range<usize>,
    /// Without the keys.
    body: Vec<u8>,
}

/// The keys of all records of a chunk.
pub(super) struct Keys {
    pub(super) correlations: KeysByShard,
    pub(super) triplets: KeysByShard,
}

impl Keys {
    /// Bytes a record: two hashes, and whether there is the second.
    const BYTES: usize = 2 * HASH_BYTES + 1;

    fn of(bytes: &[u8], header: &Header) -> Option<Self> {
        let mut rest = Rest::of(bytes);
        let correlations = column::hashes(rest.slice(header.records * HASH_BYTES)?);
        let triplets = column::hashes(rest.slice(header.records * HASH_BYTES)?);
        let seqs = || (header.first_seq..).map(Seq);
        let correlations = correlations.map(Fingerprint::from_bits).zip(seqs());
        let triplets = triplets.map(Fingerprint::from_bits).zip(seqs());
        let triplets = triplets
            .zip(rest.left())
            .filter(|(_, has_triplet)| **has_triplet != 0)
            .map(|(key, _)| key);
        Some(Self {
            correlations: KeysByShard::of(correlations),
            triplets: KeysByShard::of(triplets),
        })
    }
}

/// Where in the body each column with an item for each operation and refusal is.
struct Gists {
    records: Numbers,
    minors: Numbers,
    posted_at: Numbers,
    accounts: Numbers,
    value_dates: Numbers,
    flags: Range<usize>,
    /// Each band that has any, and where its items end. They are in order.
    bands: Vec<(u32, usize)>,
}

impl Gists {
    /// Finds the columns, if what they say can be.
    fn find(rest: &mut Rest<'_>, body: &[u8], header: &Header) -> Option<Self> {
        let count = usize::try_from(u32::from_le_bytes(rest.array()?)).ok()?;
        let mut found = Self {
            records: Numbers::find(rest, count)?,
            minors: Numbers::find(rest, count)?,
            posted_at: Numbers::find(rest, count)?,
            accounts: Numbers::find(rest, count)?,
            value_dates: Numbers::find(rest, count)?,
            flags: rest.take(count)?,
            bands: Vec::new(),
        };
        let are_records = found.records.all(body, |record| {
            usize::try_from(record).is_ok_and(|record| record < header.records)
        });
        let are_days = found
            .value_dates
            .all(body, |day| i32::try_from(day).is_ok());
        let bands = &mut found.bands;
        let mut end = 0;
        // An account has an opening of its own, so there are fewer than records: no history is made room for
        // that cannot be.
        let are_in_order = found.accounts.all(body, |account| {
            let known = u32::try_from(account)
                .ok()
                .filter(|account| u64::from(*account) < header.head.last_seq);
            let Some(account) = known else { return false };
            end += 1;
            let band = account / BAND_ACCOUNTS;
            match bands.last_mut() {
                Some((last, until)) if *last == band => *until = end,
                Some((last, _)) if *last > band => return false,
                Some(_) | None => bands.push((band, end)),
            }
            true
        });
        (are_records && are_days && are_in_order).then_some(found)
    }

    /// The places of the items of a band.
    fn of_band(&self, band: u32) -> Range<usize> {
        let end_of = |place: usize| self.bands[place].1;
        match self.bands.binary_search_by_key(&band, |(band, _)| *band) {
            Ok(place) => place.checked_sub(1).map_or(0, end_of)..end_of(place),
            Err(_) => 0..0,
        }
    }
}

impl Sealed {
    /// The records needed whole; nothing in place of one that this program did not write, and then no more.
    pub(super) fn whole(&self) -> impl Iterator<Item = Option<Record>> {
        let mut rest = Rest::of(&self.body[self.whole.clone()]);
        std::iter::from_fn(move || {
            if rest.left().is_empty() {
                return None;
            }
            let record = self.record(&mut rest);
            if record.is_none() {
                rest = Rest::of(&[]);
            }
            Some(record)
        })
    }

    fn record(&self, rest: &mut Rest<'_>) -> Option<Record> {
        let recorded_at = i64::from_le_bytes(rest.array()?);
        let place = u32::from_le_bytes(rest.array()?);
        let length = u32::from_le_bytes(rest.array()?);
        let event = rest.slice(usize::try_from(length).ok()?)?;
        Some(Record {
            seq: Seq(self.first_seq + u64::from(place)),
            recorded_at: Timestamp(recorded_at),
            event: codec::decode_event(event)?,
        })
    }

    /// The last band that has an operation or a refusal.
    pub(super) fn last_band(&self) -> Option<u32> {
        self.gists.bands.last().map(|(band, _)| *band)
    }

    /// Counts the operations of each account of a band, up to 255.
    pub(super) fn count(&self, band: u32, counts: &mut Vec<u8>) {
        let first = i64::from(first_account(band).0);
        let mut accounts = [0; ROW];
        for places in rows_of(self.gists.of_band(band)) {
            let accounts = &mut accounts[..places.len()];
            self.gists.accounts.read(&self.body, places.start, accounts);
            for (account, flags) in accounts.iter().zip(self.flags(places)) {
                if *flags == REFUSED {
                    continue;
                }
                let place = usize::try_from(account - first).expect("a place in memory");
                if place >= counts.len() {
                    counts.resize(place + 1, 0);
                }
                counts[place] = counts[place].saturating_add(1);
            }
        }
    }

    /// Hands on the gists of a band, in the order of their records.
    pub(super) fn each_gist(&self, band: u32, mut take: impl FnMut(Gist)) {
        let mut numbers = [[0; ROW]; 5];
        for places in rows_of(self.gists.of_band(band)) {
            let columns = [
                &self.gists.records,
                &self.gists.minors,
                &self.gists.posted_at,
                &self.gists.accounts,
                &self.gists.value_dates,
            ];
            for (row, column) in numbers.iter_mut().zip(columns) {
                column.read(&self.body, places.start, &mut row[..places.len()]);
            }
            for (place, flags) in self.flags(places).iter().enumerate() {
                let [record, minor, posted_at, account, value_date] =
                    numbers.each_ref().map(|row| row[place]);
                let entry = Entry {
                    posted_at: Timestamp(posted_at),
                    seq: Seq(self.first_seq + record.cast_unsigned()),
                    value_date: BusinessDate(i32::try_from(value_date).expect("a day")),
                    minor,
                };
                let account = u32::try_from(account).expect("an account's place");
                take(gist_of(*flags, AccountIndex(account), entry));
            }
        }
    }

    fn flags(&self, places: Range<usize>) -> &[u8] {
        &self.body[self.gists.flags.clone()][places]
    }
}

/// The account that a band begins with.
pub(super) fn first_account(band: u32) -> AccountIndex {
    AccountIndex(band * BAND_ACCOUNTS)
}

/// Places, as many at a time as are read at a time.
fn rows_of(places: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = places.end;
    places
        .step_by(ROW)
        .map(move |from| from..end.min(from + ROW))
}

fn gist_of(flags: u8, account: AccountIndex, entry: Entry) -> Gist {
    match flags {
        OPERATION => Gist::Operation { account, entry },
        REFUSED => Gist::Refused {
            account,
            refusal: Refusal {
                posted_at: entry.posted_at,
                seq: entry.seq,
            },
        },
        plain => Gist::Plain {
            account,
            entry,
            payment: plain & PAYMENT != 0,
        },
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..]
        .first_chunk()
        .expect("the header is long enough")
}
