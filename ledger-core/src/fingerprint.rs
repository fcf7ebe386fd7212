//! Where in the log a key was used, at about ten bytes a key.
//!
//! The index keeps a part of each key's hash and the place of the record that used it. A hash only
//! *suggests* a record: the caller reads it back and compares the key itself, so two keys with one
//! hash cost a look and never a wrong answer.
//!
//! # Layout
//!
//! The top ten bits of a hash choose one of 1 024 shards, the next thirty are kept as the
//! key's tag, beside the record's place, in one word. A shard is a row of words in the order of their
//! tags, with gaps: a tag's proportion of the largest tag gives the word to begin looking at (ordered
//! linear probing). So a look reads one or two cache lines, and a shard grows by half in one pass
//! over it, without hashing anything again. At ten million keys that pass moves ten thousand words, so no
//! growth is ever felt.

use siphasher::sip::SipHasher13;

use crate::authorization::SecondKey;
use crate::command::Triplet;
use crate::ids::{CorrelationId, IssuerIndex, Seq};
use crate::portfolio::usize_of;
use crate::text::{
    BusinessCaseId, ExternalReference, OperationReference, ServicePoster, TransactionId,
};

/// Fingerprint of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of an issuer's correlation id.
    #[must_use]
    pub fn of_correlation(issuer: IssuerIndex, correlation: CorrelationId) -> Self {
        Self(SipHasher13::new_with_keys(0, u64::from(issuer.0)).hash(&correlation.0))
    }

    /// Of an issuer's external triplet.
    #[must_use]
    pub fn of_triplet(issuer: IssuerIndex, triplet: &Triplet) -> Self {
        let reference = triplet.reference.as_str().as_bytes();
        let poster = triplet.service_poster.as_str().as_bytes();
        let mut bytes = [0; TRIPLET_BYTES_MAX];
        let (date, texts) = bytes.split_at_mut(8);
        date.copy_from_slice(&triplet.date.0.to_le_bytes());
        texts[..reference.len()].copy_from_slice(reference);
        // Text is printable, so the zero byte between the two cannot be part of either.
        let at = reference.len() + 1;
        texts[at..at + poster.len()].copy_from_slice(poster);
        let length = 8 + at + poster.len();
        Self(SipHasher13::new_with_keys(1, u64::from(issuer.0)).hash(&bytes[..length]))
    }

    /// Of an issuer's reference of an account.
    #[must_use]
    pub fn of_external(issuer: IssuerIndex, reference: &ExternalReference) -> Self {
        Self::of_text(2, issuer, reference.as_str())
    }

    /// Of an issuer's message of the authorization system.
    #[must_use]
    pub fn of_transaction(issuer: IssuerIndex, id: &TransactionId) -> Self {
        Self::of_text(3, issuer, id.as_str())
    }

    /// Of an issuer's business case.
    #[must_use]
    pub fn of_case(issuer: IssuerIndex, id: &BusinessCaseId) -> Self {
        Self::of_text(5, issuer, id.as_str())
    }

    /// Of the name outside that a command takes for good. Those of one kind are not those of another.
    #[must_use]
    pub fn of_second_key(issuer: IssuerIndex, key: SecondKey<'_>) -> Self {
        match key {
            SecondKey::Triplet(triplet) => Self::of_triplet(issuer, triplet),
            SecondKey::Transaction(id) => Self::of_transaction(issuer, id),
            SecondKey::Reservation(reference) => Self::of_text(4, issuer, reference.as_str()),
        }
    }

    fn of_text(kind: u64, issuer: IssuerIndex, text: &str) -> Self {
        Self(SipHasher13::new_with_keys(kind, u64::from(issuer.0)).hash(text.as_bytes()))
    }

    /// The fingerprint as a number, for keeping it in a file.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The fingerprint that [`Self::to_bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn shard(self) -> usize {
        usize::try_from(self.0 >> (u64::BITS - SHARD_BITS)).expect("a few bits fit")
    }

    /// The word that notes this key at `seq`.
    fn word(self, seq: Seq) -> u64 {
        assert!((1..=Seq::MAX.0).contains(&seq.0), "a log has fewer records");
        self.first_word() | seq.0
    }

    /// Below every word of this key, above those of lower tags.
    fn first_word(self) -> u64 {
        (self.0 << SHARD_BITS) >> (u64::BITS - TAG_BITS) << SEQ_BITS
    }
}

const TRIPLET_BYTES_MAX: usize = 8 + OperationReference::BYTES_MAX + 1 + ServicePoster::BYTES_MAX;

const SHARD_BITS: u32 = 10;
/// With the shard, 40 bits of the hash tell keys apart: of ten million lookups of keys never used, at
/// ten million keys, about a hundred look at a record in vain.
const TAG_BITS: u32 = 30;
const SEQ_BITS: u32 = 34;

impl Seq {
    /// The last place that an index of keys can note: seventeen thousand million records.
    pub const MAX: Self = Self((1 << SEQ_BITS) - 1);
}

/// Keys that were used, and where.
#[derive(Debug, Clone)]
pub struct FingerprintIndex {
    shards: Vec<Shard>,
    len: usize,
    words: usize,
}

/// Words in the order of their tags; zero is a gap.
#[derive(Debug, Clone, Default)]
struct Shard {
    words: Vec<u64>,
    len: u32,
    /// Words that tags are spread over; those behind take what the last of them push on.
    homes: u32,
}

impl Default for FingerprintIndex {
    fn default() -> Self {
        Self {
            shards: vec![Shard::default(); 1 << SHARD_BITS],
            len: 0,
            words: 0,
        }
    }
}

impl FingerprintIndex {
    /// Notes that the record at `seq` used the key.
    pub fn insert(&mut self, key: Fingerprint, seq: Seq) {
        let shard = &mut self.shards[key.shard()];
        let before = shard.words.len();
        shard.insert(key.word(seq));
        self.len += 1;
        // A shard that spilled may come out of growing with less behind its end.
        self.words = self.words - before + shard.words.len();
    }

    /// The records that may have used the key, oldest first.
    pub fn candidates(&self, key: Fingerprint) -> impl Iterator<Item = Seq> {
        let (first, shard) = (key.first_word(), &self.shards[key.shard()]);
        let last = first | Seq::MAX.0;
        shard.words[shard.home(first)..]
            .iter()
            .take_while(move |word| **word != 0 && **word <= last)
            .filter(move |word| **word > first)
            .map(|word| Seq(word & Seq::MAX.0))
    }

    /// Reads where a look for the key will begin and probably end, so that it is in the processor's cache
    /// when the look comes. Nothing is decided by what is read: a processor that guessed wrong about it
    /// would have to wait for it, instead of going on to the next key.
    pub(crate) fn touch(&self, key: Fingerprint) -> u64 {
        let shard = &self.shards[key.shard()];
        let home = shard.home(key.first_word());
        let word = |place: usize| shard.words.get(place).copied().unwrap_or(0);
        word(home) ^ word(home + Shard::TOUCHED)
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key was used yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory held for the keys, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        self.words * size_of::<u64>() + self.shards.len() * size_of::<Shard>()
    }

    /// An index of many keys at once, shard by shard, so that filling it stays within the processor's cache.
    #[must_use]
    pub fn of(keys: &[KeysByShard]) -> Self {
        let mut index = Self::default();
        let mut words = Vec::new();
        for (place, shard) in index.shards.iter_mut().enumerate() {
            words.clear();
            for keys in keys {
                words.extend_from_slice(keys.of_shard(place));
            }
            // Sorting them costs less than looking for the place of each.
            words.sort_unstable();
            *shard = Shard::of(&words, words.len(), words.len());
            index.len += words.len();
            index.words += shard.words.len();
        }
        index
    }
}

/// Keys and the records that used them, on their way into an index of many.
#[derive(Debug)]
pub struct KeysByShard {
    /// As shards have them, those of one shard together.
    words: Vec<u64>,
    /// Where those of each shard end.
    ends: Vec<u32>,
}

impl KeysByShard {
    /// Brings some keys together by shard. That stays within the processor's second cache when there are up to some
    /// hundred thousand.
    ///
    /// # Panics
    /// When they are more than four thousand million.
    #[must_use]
    pub fn of(keys: impl Iterator<Item = (Fingerprint, Seq)> + Clone) -> Self {
        let mut ends = vec![0_u32; 1 << SHARD_BITS];
        // Nested iterators run from inside several times as fast as they are asked for one item after another.
        keys.clone().for_each(|(key, _)| ends[key.shard()] += 1);
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let mut words = vec![0; usize_of(total)];
        keys.for_each(|(key, seq)| {
            let place = &mut ends[key.shard()];
            words[usize_of(*place)] = key.word(seq);
            *place += 1;
        });
        Self { words, ends }
    }

    fn of_shard(&self, shard: usize) -> &[u64] {
        let begin = shard.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.words[usize_of(begin)..usize_of(self.ends[shard])]
    }
}

impl Shard {
    /// Homes of the smallest shard that has any.
    const HOMES_MIN: usize = 8;
    /// Words behind the homes, for keys pushed on from the last of them; more are added when needed.
    const SPILL: usize = 4;
    /// Words that most looks and insertions stay within.
    const TOUCHED: usize = 6;

    /// A shard three fifths full once it has so many keys.
    fn with_room(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let homes = (len + len * 2 / 3).max(Self::HOMES_MIN);
        Self {
            words: vec![0; homes + Self::SPILL],
            len: 0,
            homes: u32::try_from(homes).expect("the keys of a shard are fewer than the places"),
        }
    }

    /// Where to begin looking for the tag of a word.
    fn home(&self, word: u64) -> usize {
        let place = ((word >> SEQ_BITS) * u64::from(self.homes)) >> TAG_BITS;
        usize::try_from(place).expect("a place in memory")
    }

    fn insert(&mut self, word: u64) {
        // Seven eighths full, a look still reads three or four words.
        if u64::from(self.len) * 8 >= u64::from(self.homes) * 7 {
            self.grow();
        }
        let home = self.home(word);
        let lower = self.words[home..].iter();
        let place = home + lower.take_while(|taken| (1..word).contains(taken)).count();
        // What is there, and behind it up to the next gap, moves on by one.
        let mut carried = word;
        for word in &mut self.words[place..] {
            carried = std::mem::replace(word, carried);
            if carried == 0 {
                break;
            }
        }
        if carried != 0 {
            let end = self.words.len();
            self.spill();
            self.words[end] = carried;
        }
        self.len += 1;
    }

    /// Adds room at the end, no more than is asked for: a vector left to itself would double.
    fn spill(&mut self) {
        self.words.reserve_exact(Self::SPILL);
        self.words.resize(self.words.len() + Self::SPILL, 0);
    }

    fn grow(&mut self) {
        let room = usize_of(self.len + 1).max(Self::HOMES_MIN);
        *self = Self::of(&self.words, usize_of(self.len), room);
    }

    /// A shard of so many words with room for more. There may be gaps between the words, which are in order.
    fn of(words: &[u64], len: usize, room: usize) -> Self {
        let mut shard = Self::with_room(room);
        let mut next = 0;
        for word in words {
            // A gap writes a gap, where the next word then goes: there is no outcome to guess wrong.
            let place = shard.home(*word).max(next);
            if place == shard.words.len() {
                shard.spill();
            }
            shard.words[place] = *word;
            next = place + usize::from(*word != 0);
        }
        shard.len = u32::try_from(len).expect("fewer than the places");
        shard
    }
}

#[cfg(test)]
mod tests {
    use crate::time::Timestamp;

    use super::*;

    /// A fixed sequence of numbers without a pattern (Knuth's multiplier).
    fn scattered(n: u64) -> u64 {
        (n + 1)
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(32)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn found(index: &FingerprintIndex, key: u64) -> Vec<u64> {
        index
            .candidates(Fingerprint(key))
            .map(|seq| seq.0)
            .collect()
    }

    #[test]
    fn keys_with_one_fingerprint_are_all_candidates() {
        let mut index = FingerprintIndex::default();
        let key = 0x0123_4567_89ab_cdef;
        let neighbour = key + (1 << 24);
        for (key, seq) in [(key, 9), (neighbour, 4), (key, 3)] {
            index.insert(Fingerprint(key), Seq(seq));
        }
        assert_eq!(found(&index, key), [3, 9]);
        assert_eq!(found(&index, neighbour), [4]);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn every_key_is_found_and_no_other_however_crowded() {
        // All of one shard: tags spread out, the highest ones (so that keys are pushed past the end),
        // and the lowest.
        let spreads: [fn(u64) -> u64; 3] = [
            |n| scattered(n) >> SHARD_BITS,
            |n| (u64::MAX >> SHARD_BITS) - (n << 24),
            |n| n << 24,
        ];
        for key in spreads {
            let mut index = FingerprintIndex::default();
            for n in 0..3_000 {
                assert!(found(&index, key(n)).is_empty(), "{n} is not there yet");
                index.insert(Fingerprint(key(n)), Seq(n + 1));
                assert_eq!(found(&index, key(n)), [n + 1]);
            }
            for n in 0..3_000 {
                assert_eq!(found(&index, key(n)), [n + 1]);
            }
            let chunks = [0..1_000, 1_000..1_000, 1_000..3_000]
                .map(|places| KeysByShard::of(places.map(|n| (Fingerprint(key(n)), Seq(n + 1)))));
            let at_once = FingerprintIndex::of(&chunks);
            assert_eq!(at_once.len(), 3_000);
            for n in 0..3_000 {
                assert_eq!(found(&at_once, key(n)), [n + 1]);
            }
        }
    }

    #[test]
    fn a_key_takes_about_ten_bytes() {
        let empty = FingerprintIndex::default();
        assert!(empty.is_empty());
        let fixed = empty.retained_bytes();
        assert_eq!(fixed, 1_024 * size_of::<Shard>());
        let mut index = FingerprintIndex::default();
        for n in 0..400_000 {
            index.insert(Fingerprint(scattered(n)), Seq(n + 1));
        }
        let each = (index.retained_bytes() - fixed) / index.len();
        assert!((8..=12).contains(&each), "{each} bytes a key");
        // Those that come at once leave room for as many again by a half.
        let keys = (0..400_000).map(|n| (Fingerprint(scattered(n)), Seq(n + 1)));
        let at_once = FingerprintIndex::of(&[KeysByShard::of(keys)]);
        assert!(!at_once.is_empty());
        let each = (at_once.retained_bytes() - fixed) / at_once.len();
        assert_eq!(each, 13, "bytes a key");
    }

    #[test]
    fn keys_are_spread_over_the_shards_and_over_the_words_of_each() {
        let mut index = FingerprintIndex::default();
        for n in 0..400_000 {
            index.insert(Fingerprint(scattered(n)), Seq(n + 1));
        }
        for shard in &index.shards {
            assert!((300..500).contains(&shard.len), "{} keys", shard.len);
            let homes = usize_of(shard.homes);
            assert!(homes * 7 / 8 >= usize_of(shard.len) - 1, "{homes} homes");
            for eighth in 0..8 {
                let lowest = eighth << (u64::BITS - 3);
                assert_eq!(
                    shard.home(lowest),
                    homes * usize::try_from(eighth).unwrap() / 8
                );
            }
        }
    }

    /// Fingerprints are kept in checkpoints, so a hash can never change.
    #[test]
    fn the_hashes_stay_what_they_are() {
        let correlation = CorrelationId(*b"0123456789abcdef");
        let triplet = |reference: &str, poster: &str| Triplet {
            date: Timestamp(1_672_653_600_000),
            reference: OperationReference::new(reference).unwrap(),
            service_poster: ServicePoster::new(poster).unwrap(),
        };
        let short = triplet("R1", "BANK");
        let longest = triplet(
            &"r".repeat(OperationReference::BYTES_MAX),
            &"p".repeat(ServicePoster::BYTES_MAX),
        );
        let external = ExternalReference::new("ACC-1").unwrap();
        let issuer = IssuerIndex(7);
        let bits = [
            Fingerprint::of_correlation(issuer, correlation),
            Fingerprint::of_triplet(issuer, &short),
            Fingerprint::of_triplet(issuer, &longest),
            Fingerprint::of_external(issuer, &external),
        ]
        .map(Fingerprint::to_bits);
        expect_test::expect![[r#"
            [
                0x94b45af9c5a18566,
                0x73b7fb2cce84c527,
                0xe5a626e2d1a66289,
                0xf881a3005be6d9ec,
            ]"#]]
        .assert_eq(&format!("{bits:#018x?}"));
        for bits in bits {
            assert_eq!(Fingerprint::from_bits(bits).to_bits(), bits);
        }
    }
}
