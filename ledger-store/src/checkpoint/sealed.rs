//! A chunk of the checkpoint as it is read; `chunk.rs` describes its form.
//!
//! What is read of a large ledger is hundreds of megabytes, and memory that a process uses for the first time
//! costs more than reading does. So the bytes are kept as they are, and taken apart a few records at a time.

use std::ops::Range;

use ledger_core::event::{Record, Refusal};
use ledger_core::fingerprint::Fingerprint;
use ledger_core::ids::{AccountIndex, Seq};
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Gist;
use ledger_core::projection::history::Entry;
use ledger_core::time::{BusinessDate, Timestamp};

use super::chunk::{
    HEADER_BYTES, LINKED_BYTES, Link, MAGIC, OPERATION, OTHER, PAYMENT, REFUSED, TRIPLET, VERSION,
    large,
};
use super::column::{Hashes, Numbers, ROW, Rest};
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

    /// The chunk with this body, if it is the one the header is of.
    pub(super) fn with(self, body: Vec<u8>) -> Option<Sealed> {
        if crc32c::crc32c(&body) != self.body_checksum {
            return None;
        }
        let mut rest = Rest::of(&body);
        let columns = Columns::find(&mut rest, self.records)?;
        // An account has an opening of its own, so there are fewer than records: no sum or history is made
        // room for that cannot be.
        let accounts_known = columns.accounts.all(&body, |place| {
            u32::try_from(place).is_ok_and(|place| u64::from(place) < self.head.last_seq)
        });
        let are_days = columns
            .value_dates
            .all(&body, |day| i32::try_from(day).is_ok());
        if !accounts_known || !are_days {
            return None;
        }
        let length = u32::from_le_bytes(rest.array()?);
        let whole = rest.take(usize::try_from(length).ok()?)?;
        let totals = codec::decode_totals(rest.left())?;
        Some(Sealed {
            link: self.link,
            head: self.head,
            recorded_at: self.recorded_at,
            bytes: large((HEADER_BYTES + body.len()).next_multiple_of(ALIGNMENT)),
            first_seq: self.first_seq,
            totals,
            columns,
            whole,
            body,
        })
    }
}

/// A chunk read from the file, sound in itself.
pub(super) struct Sealed {
    pub(super) link: Link,
    pub(super) head: LogHead,
    pub(super) recorded_at: Timestamp,
    /// Its length in the file.
    pub(super) bytes: u64,
    /// Totals of double entry at its end.
    pub(super) totals: Vec<Total>,
    first_seq: u64,
    columns: Columns,
    /// Where the records needed whole are.
    whole: Range<usize>,
    body: Vec<u8>,
}

/// Where in the body each column is.
struct Columns {
    correlations: Hashes,
    triplets: Hashes,
    minors: Numbers,
    posted_at: Numbers,
    accounts: Numbers,
    value_dates: Numbers,
    flags: Range<usize>,
}

impl Columns {
    /// Finds the columns of so many records.
    fn find(rest: &mut Rest<'_>, records: usize) -> Option<Self> {
        Some(Self {
            correlations: Hashes::find(rest, records)?,
            triplets: Hashes::find(rest, records)?,
            minors: Numbers::find(rest, records)?,
            posted_at: Numbers::find(rest, records)?,
            accounts: Numbers::find(rest, records)?,
            value_dates: Numbers::find(rest, records)?,
            flags: rest.take(records)?,
        })
    }
}

impl Sealed {
    fn seqs(&self) -> impl Iterator<Item = Seq> + Clone + use<> {
        (self.first_seq..).map(Seq)
    }

    fn flags(&self) -> &[u8] {
        &self.body[self.columns.flags.clone()]
    }

    /// The keys of correlation ids, with the places of their records.
    pub(super) fn correlations(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let bits = self.columns.correlations.iter(&self.body);
        bits.map(Fingerprint::from_bits).zip(self.seqs())
    }

    /// The keys of triplets, with the places of their records.
    pub(super) fn triplets(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + Clone {
        let bits = self.columns.triplets.iter(&self.body);
        bits.map(Fingerprint::from_bits)
            .zip(self.seqs())
            .zip(self.flags())
            .filter(|(_, flags)| **flags & TRIPLET != 0)
            .map(|(key, _)| key)
    }

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

    /// Counts the operations of each account, up to 255.
    pub(super) fn count(&self, counts: &mut Vec<u8>) {
        let mut accounts = [0; ROW];
        let mut from = 0;
        for flags in self.flags().chunks(ROW) {
            let accounts = &mut accounts[..flags.len()];
            self.columns.accounts.read(&self.body, from, accounts);
            from += flags.len();
            for (account, flags) in accounts.iter().zip(flags) {
                if matches!(flags & !TRIPLET, OTHER | REFUSED) {
                    continue;
                }
                let place = usize::try_from(*account).expect("a place in memory");
                if place >= counts.len() {
                    counts.resize(place + 1, 0);
                }
                counts[place] = counts[place].saturating_add(1);
            }
        }
    }

    /// Hands on the gists of its records in order, some at a time.
    pub(super) fn each_gists(&self, mut take: impl FnMut(&[Gist])) {
        let mut rows = [[0; ROW]; 4];
        let mut gists = Vec::with_capacity(ROW);
        let mut seqs = self.seqs();
        let mut from = 0;
        for flags in self.flags().chunks(ROW) {
            let columns = [
                &self.columns.minors,
                &self.columns.posted_at,
                &self.columns.accounts,
                &self.columns.value_dates,
            ];
            for (row, column) in rows.iter_mut().zip(columns) {
                column.read(&self.body, from, &mut row[..flags.len()]);
            }
            let [minors, posted_at, accounts, value_dates] = &rows;
            let numbers = minors.iter().zip(posted_at).zip(accounts).zip(value_dates);
            gists.clear();
            gists.extend(numbers.zip(flags).zip(&mut seqs).map(
                |(((((minor, posted_at), account), value_date), flags), seq)| {
                    let account = u32::try_from(*account).expect("an account's place");
                    let entry = Entry {
                        posted_at: Timestamp(*posted_at),
                        seq,
                        value_date: BusinessDate(i32::try_from(*value_date).expect("a day")),
                        minor: *minor,
                    };
                    gist_of(*flags, AccountIndex(account), entry)
                },
            ));
            take(&gists);
            from += flags.len();
        }
    }
}

fn gist_of(flags: u8, account: AccountIndex, entry: Entry) -> Gist {
    match flags & !TRIPLET {
        OTHER => Gist::Other,
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
