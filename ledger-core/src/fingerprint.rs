//! Where in the log a key was used, at 16 bytes a key.
//!
//! The index keeps a 64-bit fingerprint of each key and the place of the record that used it. A
//! fingerprint only *suggests* a record: the caller reads it back and compares the key itself, so
//! two keys with one fingerprint cost a look and never a wrong answer.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::command::Triplet;
use crate::ids::{CorrelationId, IssuerIndex, Seq};

/// Fingerprint of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of an issuer's correlation id.
    #[must_use]
    pub fn of_correlation(issuer: IssuerIndex, correlation: CorrelationId) -> Self {
        let mut hasher = SipHasher13::new_with_keys(0, u64::from(issuer.0));
        hasher.write(&correlation.0);
        Self(hasher.finish())
    }

    /// Of an issuer's external triplet.
    #[must_use]
    pub fn of_triplet(issuer: IssuerIndex, triplet: &Triplet) -> Self {
        let mut hasher = SipHasher13::new_with_keys(1, u64::from(issuer.0));
        hasher.write_i64(triplet.date.0);
        hasher.write(triplet.reference.as_str().as_bytes());
        // Text is printable, so a zero byte cannot be part of either neighbour.
        hasher.write_u8(0);
        hasher.write(triplet.service_poster.as_str().as_bytes());
        Self(hasher.finish())
    }

    fn shard(self) -> usize {
        // The table takes its own bits from both ends of the hash; these lie between.
        usize::from(self.0.to_le_bytes()[4]) % SHARDS
    }
}

/// Keys that were used, and where.
#[derive(Debug, Clone)]
pub struct FingerprintIndex {
    shards: Vec<HashTable<Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    fingerprint: u64,
    seq: Seq,
}

/// A table that doubles moves all its entries at once. Over this many shards a doubling at ten
/// million keys moves forty thousand, not ten million.
const SHARDS: usize = 256;

impl Default for FingerprintIndex {
    fn default() -> Self {
        Self {
            shards: vec![HashTable::new(); SHARDS],
        }
    }
}

impl FingerprintIndex {
    /// Notes that the record at `seq` used the key.
    pub fn insert(&mut self, key: Fingerprint, seq: Seq) {
        let entry = Entry {
            fingerprint: key.0,
            seq,
        };
        self.shards[key.shard()].insert_unique(key.0, entry, |entry| entry.fingerprint);
    }

    /// The records that may have used the key.
    pub fn candidates(&self, key: Fingerprint) -> impl Iterator<Item = Seq> {
        self.shards[key.shard()]
            .iter_hash(key.0)
            .filter(move |entry| entry.fingerprint == key.0)
            .map(|entry| entry.seq)
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    /// Whether no key was used yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_one_fingerprint_are_all_candidates() {
        let mut index = FingerprintIndex::default();
        let key = Fingerprint(0x0123_4567_89ab_cdef);
        let neighbour = Fingerprint(0x0123_4567_89ab_cdee);
        index.insert(key, Seq(3));
        index.insert(neighbour, Seq(4));
        index.insert(key, Seq(9));
        let mut found: Vec<_> = index.candidates(key).collect();
        found.sort();
        assert_eq!(found, [Seq(3), Seq(9)]);
        assert_eq!(index.len(), 3);
    }
}
