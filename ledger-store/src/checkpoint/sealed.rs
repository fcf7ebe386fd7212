//! A chunk of the checkpoint as it is read; `chunk.rs` describes its form.
//!
//! What is read of a large ledger is hundreds of megabytes, and memory that a process uses for the first time
//! costs more than reading does. So all but the keys is kept as it is, and taken apart a few records at a time.

use std::ops::Range;

use ledger_core::event::{Record, Refusal};
use ledger_core::fingerprint::Fingerprint;
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
    /// Length of the chunk in the file.
    pub(super) bytes: u64,
    body_checksum: u32,
    link: Link,
    head: LogHead,
    recorded_at: Timestamp,
    first_seq: u64,
    records: u32,
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
        let body_bytes = u64::from_le_bytes(array(bytes, 24));
        let length = body_bytes
            .checked_add(large(HEADER_BYTES))?
            .checked_next_multiple_of(large(ALIGNMENT))?;
        sound.then(|| Self {
            body_bytes,
            bytes: length,
            body_checksum: u32::from_le_bytes(array(bytes, 20)),
            link,
            head: LogHead {
                last_seq: last_seq + u64::from(records),
                chain: ChainHash::from_bytes(array(bytes, 40)),
            },
            recorded_at: Timestamp(i64::from_le_bytes(array(bytes, 32))),
            first_seq,
            records,
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

    /// Length of the keys, which the body begins with.
    pub(super) fn keys_bytes(&self) -> u64 {
        let records = u64::from(self.records);
        records * Keys::HASHES_BYTES + records.div_ceil(8)
    }

    /// Length of what follows the body.
    pub(super) fn padding_bytes(&self) -> u64 {
        self.bytes - self.body_bytes - large(HEADER_BYTES)
    }

    /// The chunk with this body, in two parts, if it is the one the header is of, and its keys.
    pub(super) fn with<'a>(self, keys: &'a [u8], body: Vec<u8>) -> Option<(Sealed, Keys<'a>)> {
        let checksum = crc32c::crc32c_append(crc32c::crc32c(keys), &body);
        if checksum != self.body_checksum {
            return None;
        }
        let keys = Keys::find(keys, &self)?;
        let mut rest = Rest::of(&body);
        let gists = Gists::find(&mut rest, &body, &self)?;
        let length = u32::from_le_bytes(rest.array()?);
        let whole = rest.take(usize::try_from(length).ok()?)?;
        let totals = codec::decode_totals(rest.left())?;
        let sealed = Sealed {
            link: self.link,
            head: self.head,
            recorded_at: self.recorded_at,
            bytes: self.bytes,
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
pub(super) struct Keys<'a> {
    first_seq: u64,
    correlations: &'a [u8],
    triplets: &'a [u8],
    has_triplet: &'a [u8],
}

impl<'a> Keys<'a> {
    /// Bytes of the two hashes of a record.
    const HASHES_BYTES: u64 = 10;

    fn find(bytes: &'a [u8], header: &Header) -> Option<Self> {
        let mut rest = Rest::of(bytes);
        let hashes = usize::try_from(header.records).ok()? * HASH_BYTES;
        Some(Self {
            first_seq: header.first_seq,
            correlations: rest.slice(hashes)?,
            triplets: rest.slice(hashes)?,
            has_triplet: rest.left(),
        })
    }

    /// Those of correlation ids, with the places of their records.
    pub(super) fn correlations(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + use<'a> {
        let keys = column::hashes(self.correlations).map(Fingerprint::from_bits);
        keys.zip((self.first_seq..).map(Seq))
    }

    /// Those of triplets, with the places of their records.
    pub(super) fn triplets(&self) -> impl Iterator<Item = (Fingerprint, Seq)> + use<'a> {
        let keys = column::hashes(self.triplets).map(Fingerprint::from_bits);
        keys.zip((self.first_seq..).map(Seq))
            .zip(column::bits(self.has_triplet))
            .filter(|(_, has_triplet)| *has_triplet)
            .map(|(key, _)| key)
    }
}

/// Where in the body each column with an item for each operation and refusal is.
struct Gists {
    records: Numbers,
    minors: Numbers,
    posted_at: Numbers,
    /// Places of accounts in their band.
    accounts: Numbers,
    value_dates: Numbers,
    flags: Range<usize>,
    /// The first account of each band that has any, and where its items end. They are in order.
    bands: Vec<(u32, usize)>,
}

impl Gists {
    /// Finds the columns, if what they say can be.
    fn find(rest: &mut Rest<'_>, body: &[u8], header: &Header) -> Option<Self> {
        let count = u32::from_le_bytes(rest.array()?);
        if count > header.records {
            return None;
        }
        let count = usize::try_from(count).ok()?;
        let bands = read_bands(rest, count)?;
        let found = Self {
            records: Numbers::find(rest, count)?,
            minors: Numbers::find(rest, count)?,
            posted_at: Numbers::find(rest, count)?,
            accounts: Numbers::find(rest, count)?,
            value_dates: Numbers::find(rest, count)?,
            flags: rest.take(count)?,
            bands,
        };
        let are_days = found
            .value_dates
            .all(body, |day| i32::try_from(day).is_ok());
        let are_in_order = found.are_opened(body, header) && found.are_as_recorded(body, header);
        (are_days && are_in_order).then_some(found)
    }

    /// Whether the accounts can be. An account has an opening of its own, so there are fewer than records: no history
    /// is made room for that cannot be.
    fn are_opened(&self, body: &[u8], header: &Header) -> bool {
        let mut opened = 0;
        self.all(&self.accounts, body, |begun, account| {
            if let Some(first) = begun {
                let records = header.head.last_seq.saturating_sub(first.into());
                opened = i64::try_from(records.min(BAND_ACCOUNTS.into())).unwrap_or(0);
            }
            (0..opened).contains(&account)
        })
    }

    /// Whether the records of each band are of the chunk, and in order.
    fn are_as_recorded(&self, body: &[u8], header: &Header) -> bool {
        let mut least = 0;
        self.all(&self.records, body, |begun, record| {
            if begun.is_some() {
                least = 0;
            }
            let follows = (least..i64::from(header.records)).contains(&record);
            least = record.saturating_add(1);
            follows
        })
    }

    /// Whether all numbers of a column are as they must be, asked in order; with the first of a band, its first account.
    fn all(
        &self,
        column: &Numbers,
        body: &[u8],
        mut is_right: impl FnMut(Option<u32>, i64) -> bool,
    ) -> bool {
        let mut bands = self.bands.iter();
        let (mut place, mut end) = (0, 0);
        column.all(body, |number| {
            let begun = if place == end { bands.next() } else { None };
            if let Some((_, until)) = begun {
                end = *until;
            }
            place += 1;
            is_right(begun.map(|(first, _)| *first), number)
        })
    }
}

/// Reads the first account of each band, and where its items end, of so many; nothing when they are not in order.
fn read_bands(rest: &mut Rest<'_>, count: usize) -> Option<Vec<(u32, usize)>> {
    let bands = usize::try_from(u32::from_le_bytes(rest.array()?)).ok()?;
    let mut found = Vec::new();
    for _ in 0..bands {
        let band = u32::from_le_bytes(rest.array()?);
        let end = usize::try_from(u32::from_le_bytes(rest.array()?)).ok()?;
        found.push((band.checked_mul(BAND_ACCOUNTS)?, end));
    }
    let are_in_order =
        found.is_sorted_by(|(first, end), (next, until)| first < next && end < until);
    let (first, last) = (found.first(), found.last());
    let are_all = first.is_none_or(|(_, end)| *end > 0) && last.map_or(0, |(_, end)| *end) == count;
    (are_in_order && are_all).then_some(found)
}

impl Sealed {
    /// Hands on the records needed whole; nothing when this program did not write one of them, which ends it.
    pub(super) fn each_whole(&self, mut take: impl FnMut(&Record)) -> Option<()> {
        let mut rest = Rest::of(&self.body[self.whole.clone()]);
        while !rest.left().is_empty() {
            let recorded_at = i64::from_le_bytes(rest.array()?);
            let place = u32::from_le_bytes(rest.array()?);
            let length = u32::from_le_bytes(rest.array()?);
            let event = rest.slice(usize::try_from(length).ok()?)?;
            take(&Record {
                seq: Seq(self.first_seq + u64::from(place)),
                recorded_at: Timestamp(recorded_at),
                event: codec::decode_event(event)?,
            });
        }
        Some(())
    }

    /// The first account of each band that has a gist, and the places of its gists, in order.
    pub(super) fn bands(&self) -> impl Iterator<Item = (AccountIndex, Range<usize>)> {
        let mut begin = 0;
        self.gists.bands.iter().map(move |(first, end)| {
            let places = std::mem::replace(&mut begin, *end)..*end;
            (AccountIndex(*first), places)
        })
    }

    /// Counts the operations of each account of a band among the gists at these places, up to 255.
    pub(super) fn count(&self, places: Range<usize>, counts: &mut Vec<u8>) {
        let mut accounts = [0; ROW];
        for places in rows_of(places) {
            let accounts = &mut accounts[..places.len()];
            self.gists.accounts.read(&self.body, places.start, accounts);
            for (account, flags) in accounts.iter().zip(self.flags(places)) {
                if *flags == REFUSED {
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

    /// Hands on the gists at these places, in order. They are of the band that begins with `first`.
    pub(super) fn each_gist(
        &self,
        places: Range<usize>,
        first: AccountIndex,
        mut take: impl FnMut(Gist),
    ) {
        let mut numbers = [[0; ROW]; 5];
        for places in rows_of(places) {
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
                let account = first.0 + u32::try_from(account).expect("an account's place");
                take(gist_of(*flags, AccountIndex(account), entry));
            }
        }
    }

    fn flags(&self, places: Range<usize>) -> &[u8] {
        &self.body[self.gists.flags.clone()][places]
    }
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

#[cfg(test)]
mod tests {
    use super::super::chunk::PLAIN;
    use super::super::column::Span;
    use super::*;

    /// Finds the gists of a chunk of three records, the last of nine of the log. Of a band there is its number and where
    /// its gists end, of a gist its record and the account's place in the band.
    fn found(bands: &[(u32, u32)], gists: &[(i64, i64)]) -> Option<Vec<(u32, usize)>> {
        let header = Header {
            body_bytes: 0,
            bytes: 0,
            body_checksum: 0,
            link: Link::default(),
            head: LogHead {
                last_seq: 9,
                ..LogHead::EMPTY
            },
            recorded_at: Timestamp(0),
            first_seq: 7,
            records: 3,
        };
        let mut body = u32::try_from(gists.len()).unwrap().to_le_bytes().to_vec();
        body.extend(u32::try_from(bands.len()).unwrap().to_le_bytes());
        let numbers = bands.iter().flat_map(|(band, end)| [band, end]);
        body.extend(numbers.flat_map(|number| number.to_le_bytes()));
        let (records, accounts): (Vec<_>, Vec<_>) = gists.iter().copied().unzip();
        let zeros = vec![0; gists.len()];
        for column in [&records, &zeros, &zeros, &accounts, &zeros] {
            let numbers = column.iter().copied();
            column::write_numbers(Span::of(numbers.clone()), numbers, &mut body);
        }
        body.extend(gists.iter().map(|_| PLAIN));
        let found = Gists::find(&mut Rest::of(&body), &body, &header);
        found.map(|gists| gists.bands)
    }

    #[test]
    fn gists_that_cannot_be_are_none() {
        assert_eq!(found(&[], &[]), Some(vec![]));
        assert_eq!(
            found(&[(0, 2), (4, 3)], &[(1, 0), (2, 1), (0, 0)]),
            Some(vec![(0, 2), (4 * BAND_ACCOUNTS, 3)])
        );
        let one = [(1, 0)];
        let two = [(0, 0), (1, 0)];
        let four = [(0, 0), (1, 0), (2, 0), (2, 1)];
        for (bands, gists, why) in [
            (&[(1, 1), (0, 2)][..], &two[..], "bands out of order"),
            (&[(1, 1), (1, 2)], &two, "a band twice"),
            (&[(0, 0), (1, 2)], &two, "a first band without gists"),
            (&[(0, 1), (1, 1), (2, 2)], &two, "a band without gists"),
            (&[(0, 1)], &two, "gists of no band"),
            (&[(0, 3)], &two, "a band of more gists than there are"),
            (&[], &one, "no band"),
            (&[(u32::MAX, 1)], &one, "no such band"),
            (
                &[(0, 2)],
                &[(1, 0), (0, 1)],
                "records of a band out of order",
            ),
            (&[(0, 2)], &[(1, 0), (1, 0)], "a record twice"),
            (&[(0, 1)], &[(3, 0)], "a record of no chunk"),
            (&[(0, 1)], &[(-1, 0)], "a record before the chunk"),
            (&[(5, 1)], &one, "a band that cannot have been opened"),
            (
                &[(4, 1)],
                &[(1, 1)],
                "an account that cannot have been opened",
            ),
            (&[(0, 1)], &[(1, 2)], "an account of the next band"),
            (&[(0, 1)], &[(1, -1)], "no account"),
            (&[(0, 4)], &four, "more than records"),
        ] {
            assert_eq!(found(bands, gists), None, "{why}");
        }
    }
}
