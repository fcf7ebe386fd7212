//! Exchange rates: decimal numbers kept as they were written.

use bincode::{BorrowDecode, Encode};

/// A positive decimal number, such as `0.007087`: its digits, and how many of them stand behind the point.
///
/// It is kept and shown, and no amount is ever derived of it (source: specification, A25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub struct ExchangeRate {
    digits: u64,
    decimals: u8,
}

impl ExchangeRate {
    /// Most digits, leading zeros left out.
    pub const DIGITS_MAX: usize = 18;
    /// Most digits behind the point.
    pub const DECIMALS_MAX: u8 = 18;

    /// Takes a number as it is written: digits, and maybe a point with digits behind it; none for anything
    /// else, for zero, and for more digits than are kept.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let all = || whole.bytes().chain(decimals.bytes());
        if whole.is_empty() || !all().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = all().skip_while(|byte| *byte == b'0');
        if significant.count() > Self::DIGITS_MAX {
            return None;
        }
        let digits = all().fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
        let decimals = u8::try_from(decimals.len()).ok()?;
        (digits > 0 && decimals <= Self::DECIMALS_MAX).then_some(Self { digits, decimals })
    }
}

impl std::fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = usize::from(self.decimals);
        let digits = format!("{:0>width$}", self.digits, width = decimals + 1);
        let (whole, decimals) = digits.split_at(digits.len() - decimals);
        match decimals {
            "" => f.write_str(whole),
            decimals => write!(f, "{whole}.{decimals}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_shown_as_it_was_written() {
        for text in ["0.007087", "1", "25.10", "141.245", "0.000000000000000001"] {
            let rate = ExchangeRate::new(text).map(|rate| rate.to_string());
            assert_eq!(rate.as_deref(), Some(text));
        }
        for wrong in [
            "",
            "0",
            "0.000",
            ".5",
            "5.",
            "1,5",
            "-1",
            "+1",
            "1e3",
            "1.2.3",
            " 1",
            "0.0000000000000000001",
            "1234567890123456789",
        ] {
            assert_eq!(ExchangeRate::new(wrong), None, "{wrong}");
        }
        let padded = ExchangeRate::new("007.5").map(|rate| rate.to_string());
        assert_eq!(padded.as_deref(), Some("7.5"));
    }
}
