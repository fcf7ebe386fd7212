//! Chance that depends on nothing but a seed and what it is asked about.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// A million parts: what a rate in parts per million is out of.
const MILLION: u64 = 1_000_000;

/// Draws a number for a question, the same one whenever it is asked.
///
/// Several threads may use a disk at a time, each its own files. So what happens to a call is decided by
/// the file and how often that file was called, never by the order in which threads come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oracle {
    pub(super) seed: u64,
    /// Every start of the machine is a new question.
    pub(super) start: u64,
}

impl Oracle {
    pub(super) fn draw(self, question: impl Hash) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.seed, self.start);
        question.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether something happens that does so at this rate.
    pub(super) fn strikes(self, rate_ppm: u32, question: impl Hash) -> bool {
        rate_ppm > 0 && self.draw(question) % MILLION < u64::from(rate_ppm)
    }

    /// A row of numbers for a question that needs many.
    pub(super) fn luck(self, question: impl Hash) -> Luck {
        Luck(self.draw(question))
    }
}

/// A row of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Luck(u64);

impl Luck {
    /// The row that belongs to a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// A place in a list of that length, which is not zero.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("a place fits the address space")
    }

    /// Whether something happens that does so at this rate.
    pub fn strikes(&mut self, rate_ppm: u32) -> bool {
        self.below(MILLION) < u64::from(rate_ppm)
    }
}
