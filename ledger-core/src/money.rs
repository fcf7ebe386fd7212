//! Money: integer minor units of an ISO 4217 currency, on one signed axis.
//!
//! Debit is positive (the holder owes more), credit is negative. One amount is an `i64`; sums are
//! `i128`, which no number of amounts within [`Amount::MINOR_MAX`] can overflow.

use std::sync::LazyLock;

use bincode::de::BorrowDecoder;
use bincode::error::DecodeError;
use bincode::{BorrowDecode, Encode};

/// An ISO 4217 currency that has minor units, kept as its numeric code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct Currency(u16);

/// The currencies by their codes, in order: a replayed history asks for one with every amount.
static BY_CODE: LazyLock<Vec<(u32, Currency)>> = LazyLock::new(|| {
    let all = (0..1_000).filter_map(iso_currency::Currency::from_numeric);
    let kept = all.filter(|currency| currency.exponent().is_some());
    let mut by_code: Vec<_> = kept
        .filter_map(|currency| Some((key_of(currency.code())?, Currency(currency.numeric()))))
        .collect();
    by_code.sort_unstable();
    by_code
});

/// A code of three letters as a number.
fn key_of(code: &str) -> Option<u32> {
    let [first, second, third] = code.as_bytes().try_into().ok()?;
    Some(u32::from_be_bytes([0, first, second, third]))
}

impl<'de, C> BorrowDecode<'de, C> for Currency {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let numeric = u16::borrow_decode(decoder)?;
        // Every other method relies on the code being one of the table.
        iso_currency::Currency::from_numeric(numeric)
            .filter(|currency| currency.exponent().is_some())
            .map(|_| Self(numeric))
            .ok_or(DecodeError::Other("a currency that does not exist"))
    }
}

impl Currency {
    /// The currency with this three-letter code; none for unknown codes and for those without
    /// minor units, such as gold.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let key = key_of(code)?;
        let found = BY_CODE.binary_search_by_key(&key, |(known, _)| *known);
        found.ok().map(|place| BY_CODE[place].1)
    }

    /// Three-letter code, such as `EUR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso().code()
    }

    /// Number of digits after the decimal point: 0 for JPY, 2 for EUR, 3 for TND.
    #[must_use]
    pub fn exponent(self) -> u32 {
        u32::from(
            self.iso()
                .exponent()
                .expect("from_code took only currencies with an exponent"),
        )
    }

    fn iso(self) -> iso_currency::Currency {
        iso_currency::Currency::from_numeric(self.0).expect("the code came from this table")
    }
}

/// A signed amount in minor units: debit positive, credit negative.
///
/// Source: issuer API, type `Amount {value, exponent, isoCode}`; the exponent is the currency's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub struct Amount {
    /// Minor units of `currency`.
    pub minor: i64,
    /// The currency, which also fixes the exponent.
    pub currency: Currency,
}

impl Amount {
    /// Largest magnitude of one amount, in minor units; beyond it a command is refused.
    pub const MINOR_MAX: i64 = 1_000_000_000_000_000;
}

/// Loyalty points of one program and unit, on the same axis as money: a credit to the customer is
/// negative. Points have no fractions and never enter a balance in money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub enum Unit {
    /// Minor units of the account's currency.
    Money,
    /// Points of one (program, unit) pair of the issuer.
    Points(crate::ids::CommodityIndex),
}

/// What an operation moves: a signed number of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub struct Quantity {
    /// Debit positive, credit negative.
    pub value: i64,
    /// Money of the account, or points.
    pub unit: Unit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_of_iso_4217() {
        for (code, exponent) in [("JPY", 0), ("EUR", 2), ("CZK", 2), ("TND", 3)] {
            let currency = Currency::from_code(code).expect("a real currency");
            assert_eq!((currency.code(), currency.exponent()), (code, exponent));
        }
        assert_eq!(Currency::from_code("XAU"), None);
        assert_eq!(Currency::from_code("EURO"), None);
        assert_eq!(Currency::from_code("eur"), None);
    }

    #[test]
    fn every_code_means_what_iso_4217_says() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|a| {
            letters().flat_map(move |b| letters().map(move |c| String::from_iter([a, b, c])))
        });
        for code in codes {
            let iso = iso_currency::Currency::from_code(&code);
            let iso = iso.filter(|currency| currency.exponent().is_some());
            let found = Currency::from_code(&code).map(Currency::iso);
            assert_eq!(found, iso, "{code}");
        }
    }

    #[test]
    fn only_currencies_that_exist_are_read_back() {
        let config = bincode::config::standard();
        let mut read = 0;
        for numeric in 0..=u16::MAX {
            let bytes = bincode::encode_to_vec(numeric, config).expect("a number");
            let decoded: Result<(Currency, usize), _> =
                bincode::borrow_decode_from_slice(&bytes, config);
            if let Ok((currency, _)) = decoded {
                assert_eq!(Currency::from_code(currency.code()), Some(currency));
                read += 1;
            }
        }
        assert!((150..250).contains(&read), "{read} currencies");
    }
}
