//! What the operations of a lane are: drawn from the place in the lane, and from nothing else.

use ledger_core::ids::AccountIndex;

use crate::bench::plan::Share;

/// How a lane draws.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    pub(super) key: u64,
    pub(super) accounts: u32,
    pub(super) reversals: Share,
    pub(super) duplicates: Share,
    pub(super) hot: Share,
}

/// What an operation is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Posting,
    Reversal,
    Repetition,
}

/// What is posted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub(super) account: AccountIndex,
    pub(super) kind: Kind,
    pub(super) minor: i64,
}

/// What kind of operation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Purchase,
    Payment,
    Fee,
}

impl Mix {
    /// What the operation of a place is to be.
    pub(super) fn class(&self, place: u64) -> Class {
        let part = below(self.draw(place, 0), u64::from(Share::ALL.millionths()));
        let reversals = u64::from(self.reversals.millionths());
        match part {
            part if part < reversals => Class::Reversal,
            part if part < reversals + u64::from(self.duplicates.millionths()) => Class::Repetition,
            _ => Class::Posting,
        }
    }

    /// What is posted in a place, if something is.
    pub(super) fn posting(&self, place: u64) -> Posting {
        let draw = scatter(self.draw(place, 0));
        let all = u64::from(Share::ALL.millionths());
        let account = if below(draw, all) < u64::from(self.hot.millionths()) {
            0
        } else {
            below(scatter(draw), u64::from(self.accounts))
        };
        let cents = i64::try_from(draw % 20_000).unwrap_or(0) + 100;
        let (kind, minor) = match draw / 20_000 % 4 {
            0 | 1 => (Kind::Purchase, cents),
            2 => (Kind::Payment, -2 * cents),
            _ => (Kind::Fee, 150),
        };
        Posting {
            account: AccountIndex(u32::try_from(account).unwrap_or(0)),
            kind,
            minor,
        }
    }

    /// The random number number `draw` of a place.
    pub(super) fn draw(&self, place: u64, draw: u64) -> u64 {
        scatter(self.key ^ (draw << 56) ^ place)
    }
}

/// A number below `bound` from a random one, as often as any other.
pub(super) fn below(random: u64, bound: u64) -> u64 {
    let scaled = (u128::from(random) * u128::from(bound)) >> 64;
    u64::try_from(scaled).unwrap_or(0)
}

/// A number without pattern for each number (the finalizer of `SplitMix64`).
pub(super) fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
