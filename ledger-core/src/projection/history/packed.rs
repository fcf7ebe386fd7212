//! An operation as a history keeps it: an entry, in 24 bytes.

use super::Entry;
use crate::ids::Seq;
use crate::time::{BusinessDate, Timestamp};

/// An entry in 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) minor: i64,
    pub(super) value_date: BusinessDate,
    posted_at: Posted,
    seq: [u8; 5],
}

/// When an entry was posted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Posted([u8; 6]);

impl Packed {
    /// What is where no entry is yet.
    pub(super) const EMPTY: Self = Self {
        minor: 0,
        value_date: BusinessDate(0),
        posted_at: Posted([0; 6]),
        seq: [0; 5],
    };

    pub(super) fn of(entry: Entry) -> Self {
        let Entry {
            posted_at,
            seq,
            value_date,
            minor,
        } = entry;
        let posted_at = posted_at.0.clamp(-(1 << 47), (1 << 47) - 1).to_le_bytes();
        let seq = seq.0.to_le_bytes();
        Self {
            minor,
            value_date,
            posted_at: Posted(std::array::from_fn(|byte| posted_at[byte])),
            seq: std::array::from_fn(|byte| seq[byte]),
        }
    }

    pub(super) fn unpack(&self) -> Entry {
        Entry {
            posted_at: self.posted_at(),
            seq: self.seq(),
            value_date: self.value_date,
            minor: self.minor,
        }
    }

    pub(super) fn posted(&self) -> Posted {
        self.posted_at
    }

    pub(super) fn posted_at(&self) -> Timestamp {
        self.posted_at.at()
    }

    pub(super) fn seq(&self) -> Seq {
        let [a, b, c, d, e] = self.seq;
        Seq(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
    }

    pub(super) fn order(&self) -> (Timestamp, Seq) {
        (self.posted_at(), self.seq())
    }
}

impl Posted {
    pub(super) fn at(self) -> Timestamp {
        let [a, b, c, d, e, f] = self.0;
        // Moved to the top and back, so that the sign is spread.
        Timestamp(i64::from_le_bytes([0, 0, a, b, c, d, e, f]) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_packed_without_loss() {
        for (at, seq, day) in [
            (-2_208_988_800_000, 1, -25_567),
            (-1, 0xff_ffff_ffff, 84_005),
            (7_258_118_399_999, 12_345_678_901, i32::MAX),
        ] {
            let entry = Entry {
                posted_at: Timestamp(at),
                seq: Seq(seq),
                value_date: BusinessDate(day),
                minor: i64::MIN,
            };
            assert_eq!(Packed::of(entry).unpack(), entry);
        }
        assert_eq!(size_of::<Packed>(), 24);
    }
}
