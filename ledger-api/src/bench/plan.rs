//! What to run: how many operations of which mix, handed in how, kept where.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use ledger_store::{DiskLog, EventLog, LogOptions, StoreError, StoreKind};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::ledger::{Ledger, LedgerOptions};

/// What to run.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Operations handed in, reversals and repetitions included.
    pub operations: u64,
    /// Accounts, all opened before the first operation; at least one.
    pub accounts: u32,
    /// Operations in a submission, 1 to [`ledger_store::writer::SUBMISSION_REQUESTS_MAX`].
    pub batch: usize,
    /// Threads that hand in, each waiting for its answers before it goes on; at least one.
    pub clients: u32,
    /// How many reverse an earlier operation.
    pub reversals: Share,
    /// How many send an earlier operation again.
    pub duplicates: Share,
    /// How many are on one and the same account; the others are spread evenly.
    pub hot: Share,
    /// The same seed gives the same operations.
    pub seed: u64,
    /// What keeps the log.
    #[serde(serialize_with = "by_name")]
    pub store: StoreKind,
}

/// A part of the whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    millionths: u32,
}

/// Why a text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a number from 0 to 1, with at most six decimals")]
pub struct ShareError;

impl Share {
    /// Nothing.
    pub const NONE: Self = Self { millionths: 0 };
    /// All.
    pub const ALL: Self = Self {
        millionths: 1_000_000,
    };

    /// The share of so many millionths, if it is at most [`Self::ALL`].
    #[must_use]
    pub fn from_millionths(millionths: u32) -> Option<Self> {
        (millionths <= Self::ALL.millionths).then_some(Self { millionths })
    }

    /// Millionths of the whole.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.millionths
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let share = Decimal::from_str(text).map_err(|_| ShareError)?;
        let millionths = share
            .checked_mul(Decimal::from(Self::ALL.millionths))
            .filter(Decimal::is_integer)
            .and_then(|millionths| millionths.to_u32());
        millionths.and_then(Self::from_millionths).ok_or(ShareError)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Decimal::new(self.millionths.into(), 6).normalize())
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let share = Decimal::new(self.millionths.into(), 6);
        serializer.serialize_f64(share.to_f64().expect("millionths have a nearest number"))
    }
}

/// What an answer waits for. There is no way to run without it.
pub const DURABILITY: &str = "fdatasync of the log before each answer";

/// Opens a log alone.
pub(super) fn open_log(store: StoreKind, dir: &Path) -> Result<Box<dyn EventLog>, StoreError> {
    let options = LogOptions {
        store: Some(store),
        ..LogOptions::default()
    };
    Ok(Box::new(DiskLog::open(dir, options)?))
}

/// Opens a whole ledger.
pub(super) fn open_ledger(store: StoreKind, dir: &Path) -> Result<Ledger, StoreError> {
    let options = LedgerOptions {
        store: Some(store),
        ..LedgerOptions::default()
    };
    Ledger::open_with(dir, options)
}

fn by_name<S: Serializer>(store: &StoreKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_from_nothing_to_all() {
        for (text, millionths) in [("0", 0), ("0.01", 10_000), ("1.0", 1_000_000)] {
            let share: Share = text.parse().expect("a share");
            assert_eq!(share.millionths(), millionths, "{text}");
        }
        for text in ["-0.1", "1.01", "0.0000001", "half", ""] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text}");
        }
        assert_eq!(
            Share::from_millionths(25_000).expect("a share").to_string(),
            "0.025"
        );
    }
}
