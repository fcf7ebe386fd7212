//! Where in the log a key was used, at some twelve bytes a key.
//!
//! # Layout
//!
//! The top ten bits of a fingerprint choose one of 1 024 shards, the next 28 are kept as the key's tag,
//! beside the record's place, in one word. A shard is a row of buckets: eight words, a line of the
//! processor's cache. The bucket in which a key belongs is its tag's proportion of the largest tag; one that is full
//! passes words on to the next, and is marked, at one of eight places that the tag says. So a look reads one line,
//! and seldom a second, and compares all tags of it at once, without an outcome for each that the processor
//! could guess wrong. A shard grows by half in one pass over it, without hashing anything again. At ten million keys
//! that pass moves ten thousand words, so no growth is ever felt.

use super::Fingerprint;
use crate::ids::Seq;
use crate::portfolio::usize_of;

const SHARD_BITS: u32 = 10;
/// With the shard, 38 bits of the hash tell keys apart: of ten million lookups of keys never used, at
/// ten million keys, some four hundred look at a record in vain.
const TAG_BITS: u32 = 28;
const SEQ_BITS: u32 = 34;
/// In a word of a bucket, which one the tag says: the bucket has passed such words on.
const PASSED_ON: u64 = 1 << SEQ_BITS;
const TAG_AT: u32 = SEQ_BITS + 1;
/// The bit that is left, the highest, is set in every word, so that zero is none.
const WORD: u64 = 1 << (TAG_AT + TAG_BITS);

impl Seq {
    /// The last place that an index of keys can note: seventeen thousand million records.
    pub const MAX: Self = Self((1 << SEQ_BITS) - 1);
}

impl Fingerprint {
    fn shard(self) -> usize {
        usize::try_from(self.0 >> (u64::BITS - SHARD_BITS)).expect("a few bits fit")
    }

    /// The word that notes this key at `seq`.
    fn word(self, seq: Seq) -> u64 {
        assert!((1..=Seq::MAX.0).contains(&seq.0), "a log has fewer records");
        self.first_word() | seq.0
    }

    /// The words of this key, but for the place.
    fn first_word(self) -> u64 {
        WORD | (self.0 << SHARD_BITS) >> (u64::BITS - TAG_BITS) << TAG_AT
    }
}

/// Keys that were used, and where.
#[derive(Debug, Clone)]
pub struct FingerprintIndex {
    shards: Vec<Shard>,
    len: usize,
    buckets: usize,
}

impl Default for FingerprintIndex {
    fn default() -> Self {
        Self {
            shards: vec![Shard::default(); 1 << SHARD_BITS],
            len: 0,
            buckets: 0,
        }
    }
}

impl FingerprintIndex {
    /// Notes that the record at `seq` used the key.
    pub fn insert(&mut self, key: Fingerprint, seq: Seq) {
        let shard = &mut self.shards[key.shard()];
        if shard.has_enough() {
            self.buckets -= shard.buckets.len();
            shard.grow();
            self.buckets += shard.buckets.len();
        }
        shard.put(key.word(seq));
        self.len += 1;
    }

    /// The records that may have used the key, in no order.
    pub fn candidates(&self, key: Fingerprint) -> impl Iterator<Item = Seq> {
        let (buckets, home) = self.home_of(key);
        Look {
            buckets,
            first: key.first_word(),
            bucket: home,
            looked: 0,
        }
    }

    /// Reads where a look for the key will begin and probably end, so that it is in the processor's cache
    /// when the look comes. Nothing is decided by what is read: a processor that guessed wrong about it
    /// would have to wait for it, instead of going on to the next key.
    pub(crate) fn touch(&self, key: Fingerprint) -> u32 {
        let (buckets, home) = self.home_of(key);
        buckets.get(home).map_or(0, |bucket| bucket.places[0])
    }

    /// The buckets among which a look for the key takes place, and where it begins.
    fn home_of(&self, key: Fingerprint) -> (&[Bucket], usize) {
        let buckets = self.shards[key.shard()].buckets.as_slice();
        (buckets, home(buckets.len(), key.first_word()))
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
        self.buckets * size_of::<Bucket>() + self.shards.len() * size_of::<Shard>()
    }

    /// An index of many keys at once, shard by shard, so that filling it stays within the processor's cache.
    #[must_use]
    pub fn of(keys: &[KeysByShard]) -> Self {
        let mut index = Self::default();
        for (place, shard) in index.shards.iter_mut().enumerate() {
            let of_shard = || keys.iter().map(|keys| keys.of_shard(place));
            let len: usize = of_shard().map(<[u64]>::len).sum();
            // Two thirds full, so that there is room for some more.
            let buckets = (len * 3).div_ceil(2 * Bucket::WORDS);
            *shard = Shard::of(buckets, of_shard().flatten().copied());
            index.len += usize_of(shard.len);
            index.buckets += shard.buckets.len();
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

/// A part of the words, in buckets in the order of their tags.
#[derive(Debug, Clone, Default)]
struct Shard {
    buckets: Vec<Bucket>,
    len: u32,
}

/// Words from the front, zeros behind them. In halves, since a processor compares twice as many of those at once.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    /// The upper halves: all that is not the place, and the two highest bits of the place.
    tags: [u32; Bucket::WORDS],
    /// The lower halves: the other bits of the place.
    places: [u32; Bucket::WORDS],
}

impl Shard {
    /// A shard of so many buckets and these words, for which there is more than enough room.
    fn of(buckets: usize, words: impl Iterator<Item = u64>) -> Self {
        let mut shard = Self {
            buckets: vec![Bucket::EMPTY; buckets],
            len: 0,
        };
        // How many words each bucket has, side by side: counting them again each time would cost as much as all else.
        let mut counts = vec![0_u8; buckets];
        words.for_each(|word| {
            let mut place = home(buckets, word);
            while usize::from(counts[place]) == Bucket::WORDS {
                shard.buckets[place].pass_on(word);
                place = after(buckets, place);
            }
            shard.buckets[place].set(usize::from(counts[place]), word);
            counts[place] += 1;
            shard.len += 1;
        });
        shard
    }

    /// Whether it is so full, by 25 words in 32, that more than a quarter of the buckets have passed words on, and of the
    /// looks for a key that is not there every twelfth reads a second one. It soon gets worse from there.
    fn has_enough(&self) -> bool {
        usize_of(self.len) * 4 >= self.buckets.len() * 25
    }

    fn grow(&mut self) {
        let words = self.buckets.iter().flat_map(Bucket::words);
        *self = Self::of(self.buckets.len() * 3 / 2 + 1, words);
    }

    /// Adds a word, for which there is room.
    fn put(&mut self, word: u64) {
        let mut place = home(self.buckets.len(), word);
        while self.buckets[place].is_full() {
            self.buckets[place].pass_on(word);
            place = after(self.buckets.len(), place);
        }
        let bucket = &mut self.buckets[place];
        bucket.set(bucket.len(), word);
        self.len += 1;
    }
}

impl Bucket {
    const WORDS: usize = 8;
    const EMPTY: Self = Self {
        tags: [0; Self::WORDS],
        places: [0; Self::WORDS],
    };

    fn is_full(&self) -> bool {
        self.tags[Self::WORDS - 1] != 0
    }

    fn len(&self) -> usize {
        usize_of(self.tags.iter().map(|tag| tag >> (u32::BITS - 1)).sum())
    }

    /// Whether words with such a tag may be farther on.
    fn has_passed_on(&self, word: u64) -> bool {
        self.tags[mark_of(word)] & halves(PASSED_ON).0 != 0
    }

    /// Marks that a word with such a tag is farther on. The bucket is full, so no word is set here any more.
    fn pass_on(&mut self, word: u64) {
        self.tags[mark_of(word)] |= halves(PASSED_ON).0;
    }

    fn word(&self, place: usize) -> u64 {
        (u64::from(self.tags[place]) << u32::BITS | u64::from(self.places[place])) & !PASSED_ON
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        (0..self.len()).map(|place| self.word(place))
    }

    fn set(&mut self, place: usize, word: u64) {
        (self.tags[place], self.places[place]) = halves(word);
    }

    /// Whether a tag is there. All are compared, at once, since there is nothing to be won by fewer.
    fn has(&self, first: u32) -> bool {
        self.tags
            .iter()
            .fold(false, |found, tag| found | (tag & TAG_MASK == first))
    }
}

/// Of the upper half of a word, the tag and what every word has.
const TAG_MASK: u32 = u32::MAX << (TAG_AT - u32::BITS);

/// The upper and the lower half of a word.
fn halves(word: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits).expect("half a word");
    (half(word >> u32::BITS), half(word & u64::from(u32::MAX)))
}

/// Among so many buckets the one where a word belongs.
fn home(buckets: usize, word: u64) -> usize {
    let buckets = u64::try_from(buckets).expect("a place in memory");
    let tag = (word & !WORD) >> TAG_AT;
    usize::try_from((tag * buckets) >> TAG_BITS).expect("a place in memory")
}

/// Which word of a bucket is marked when one with such a tag is passed on. The bits that say so are the last to
/// decide where it belongs, so those of one bucket differ in them.
fn mark_of(word: u64) -> usize {
    let bits = (word >> TAG_AT) % u64::try_from(Bucket::WORDS).expect("a few");
    usize::try_from(bits).expect("a few bits fit")
}

/// Where a word goes that finds a bucket full: the next, and behind the last the first.
fn after(buckets: usize, place: usize) -> usize {
    if place + 1 == buckets { 0 } else { place + 1 }
}

/// A look for the words of a key.
struct Look<'a> {
    buckets: &'a [Bucket],
    first: u64,
    /// The bucket looked at, and how many of its words have been.
    bucket: usize,
    looked: usize,
}

impl Iterator for Look<'_> {
    type Item = Seq;

    #[inline]
    fn next(&mut self) -> Option<Seq> {
        let (first, _) = halves(self.first);
        loop {
            // A shard without words has no bucket. In any other one is not full, and has passed none on.
            let bucket = self.buckets.get(self.bucket)?;
            if bucket.has(first) {
                while self.looked < Bucket::WORDS {
                    let place = self.looked;
                    self.looked += 1;
                    if bucket.tags[place] & TAG_MASK == first {
                        return Some(Seq(bucket.word(place) & Seq::MAX.0));
                    }
                }
            }
            if !bucket.has_passed_on(self.first) {
                return None;
            }
            self.bucket = after(self.buckets.len(), self.bucket);
            self.looked = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CorrelationId, IssuerIndex};

    /// A fixed sequence of numbers without a pattern (Knuth's multiplier).
    fn scattered(n: u64) -> u64 {
        (n + 1)
            .wrapping_mul(6_364_136_223_846_793_005)
            .rotate_left(32)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn found(index: &FingerprintIndex, key: u64) -> Vec<u64> {
        let candidates = index.candidates(Fingerprint(key));
        let mut places: Vec<_> = candidates.map(|seq| seq.0).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn keys_with_one_fingerprint_are_all_candidates() {
        let mut index = FingerprintIndex::default();
        let key = 0x0123_4567_89ab_cdef;
        let neighbour = key + (1 << 26);
        for (key, seq) in [(key, 9), (neighbour, 4), (key, 3)] {
            index.insert(Fingerprint(key), Seq(seq));
        }
        assert_eq!(found(&index, key), [3, 9]);
        assert_eq!(found(&index, neighbour), [4]);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn every_key_is_found_and_no_other_however_crowded() {
        // All of one shard: tags spread out, the highest ones (so that keys are passed on past the end),
        // and the lowest.
        let spreads: [fn(u64) -> u64; 3] = [
            |n| scattered(n) >> SHARD_BITS,
            |n| (u64::MAX >> SHARD_BITS) - (n << 26),
            |n| n << 26,
        ];
        // The highest places share a half of the word with the tag.
        let places: [fn(u64) -> u64; 2] = [|n| n + 1, |n| Seq::MAX.0 - n];
        for (key, at) in spreads
            .into_iter()
            .flat_map(|key| places.map(|at| (key, at)))
        {
            let mut index = FingerprintIndex::default();
            for n in 0..3_000 {
                assert!(found(&index, key(n)).is_empty(), "{n} is not there yet");
                index.insert(Fingerprint(key(n)), Seq(at(n)));
                assert_eq!(found(&index, key(n)), [at(n)]);
            }
            for n in 0..3_000 {
                assert_eq!(found(&index, key(n)), [at(n)]);
            }
            let chunks = [0..1_000, 1_000..1_000, 1_000..3_000]
                .map(|places| KeysByShard::of(places.map(|n| (Fingerprint(key(n)), Seq(at(n))))));
            let at_once = FingerprintIndex::of(&chunks);
            assert_eq!(at_once.len(), 3_000);
            for n in 0..3_000 {
                assert_eq!(found(&at_once, key(n)), [at(n)]);
            }
        }
    }

    #[test]
    fn a_key_takes_ten_to_sixteen_bytes() {
        let empty = FingerprintIndex::default();
        assert!(empty.is_empty());
        let fixed = empty.retained_bytes();
        assert_eq!(fixed, 1_024 * size_of::<Shard>());
        let mut index = FingerprintIndex::default();
        for n in 0..400_000 {
            index.insert(Fingerprint(scattered(n)), Seq(n + 1));
        }
        let each = (index.retained_bytes() - fixed) / index.len();
        assert!((10..=16).contains(&each), "{each} bytes a key");
        let keys = (0..400_000).map(|n| (Fingerprint(scattered(n)), Seq(n + 1)));
        let at_once = FingerprintIndex::of(&[KeysByShard::of(keys)]);
        assert!(!at_once.is_empty());
        let each = (at_once.retained_bytes() - fixed) / at_once.len();
        assert_eq!(each, 12, "bytes a key");
    }

    #[test]
    fn keys_are_spread_over_the_shards_and_over_the_buckets_of_each() {
        let mut index = FingerprintIndex::default();
        for n in 0..400_000 {
            index.insert(Fingerprint(scattered(n)), Seq(n + 1));
        }
        for shard in &index.shards {
            assert!((300..500).contains(&shard.len), "{} keys", shard.len);
            let buckets = shard.buckets.len();
            assert!(
                usize_of(shard.len) * 4 <= buckets * 25 + 4,
                "{buckets} buckets"
            );
            for eighth in 0..8 {
                let lowest = eighth << (TAG_AT + TAG_BITS - 3);
                assert_eq!(
                    home(buckets, lowest),
                    buckets * usize::try_from(eighth).unwrap() / 8
                );
            }
            let passed_on = (0..)
                .zip(&shard.buckets)
                .flat_map(|(place, bucket)| {
                    (0..bucket.len()).map(move |at| (place, bucket.word(at)))
                })
                .filter(|(place, word)| home(buckets, *word) != *place);
            let few = usize_of(shard.len) / 5;
            assert!(passed_on.count() <= few, "of {} keys", shard.len);
        }
    }

    /// Only speed would tell if all looks went on wherever one word was passed on.
    #[test]
    fn few_looks_for_a_key_that_is_not_there_go_on() {
        const BUCKETS: usize = 1_500;
        // As uneven as chance has it; `scattered` is more even.
        let words = (0..BUCKETS * 25 / 4).map(|n| {
            let id = CorrelationId((n as u128).to_le_bytes());
            Fingerprint::of_correlation(IssuerIndex(0), id).word(Seq(1))
        });
        let shard = Shard::of(BUCKETS, words);
        assert!(shard.has_enough());
        let mark = halves(PASSED_ON).0;
        let marks = |bucket: &Bucket| bucket.tags.iter().filter(|tag| *tag & mark != 0).count();
        let looks: usize = shard.buckets.iter().map(marks).sum();
        let of = BUCKETS * Bucket::WORDS;
        assert!((of / 20..of / 8).contains(&looks), "{looks} of {of} go on");
    }
}
