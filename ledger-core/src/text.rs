//! Checked text: every string the engine keeps, each kind with its own type and limit.
//!
//! The edge builds these, the core moves them into events, the codec writes them. A value of one of
//! these types is printable, within its limit, and holds no full card number.

use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use compact_str::CompactString;
use thiserror::Error;

/// Why a string was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TextError {
    /// The string has no characters.
    #[error("must not be empty")]
    Empty,
    /// The string is longer than its kind allows.
    #[error("must be at most {max} bytes long")]
    TooLong {
        /// The limit, in bytes of UTF-8.
        max: usize,
    },
    /// The string has a control character.
    #[error("must be printable")]
    Unprintable,
    /// The string holds what looks like a full card number. The value itself is never repeated.
    #[error("must not hold a full card number")]
    CardNumber,
}

macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(CompactString);

        impl $name {
            /// The longest value, in bytes of UTF-8.
            pub const BYTES_MAX: usize = $max;

            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// Empty, too long, unprintable, or holding a full card number.
            pub fn new(text: &str) -> Result<Self, TextError> {
                check(text, $min, Self::BYTES_MAX)?;
                Ok(Self(CompactString::new(text)))
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.as_str().encode(encoder)
            }
        }

        impl<'de, C> BorrowDecode<'de, C> for $name {
            fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, DecodeError> {
                let text = <&'de str>::borrow_decode(decoder)?;
                Ok(Self(CompactString::new(text)))
            }
        }
    )*};
}

text_types! {
    /// The issuer a command belongs to; the tenant. Path element `issuerId` of the issuer API.
    IssuerId, 1..=64;
    /// The issuer's own name for an account, unique per issuer (`issuerAccountExternalReference`).
    ExternalReference, 1..=64;
    /// A product of an issuer (`productReference`).
    ProductReference, 1..=64;
    /// A bonus program of an issuer (`bonusProgramReference`).
    BonusProgramReference, 1..=64;
    /// The unit in which a program counts loyalty points, such as `POINT`.
    LoyaltyUnit, 1..=32;
    /// The type of a fee; the product lists the allowed ones (`feeType`).
    FeeType, 1..=64;
    /// A reason or channel from a list that the issuer keeps.
    ReasonCode, 1..=64;
    /// The part of the external triplet that numbers the operation (`externalOperationReference`).
    OperationReference, 1..=64;
    /// The system that posted an operation (`externalOperationServicePoster`).
    ServicePoster, 1..=32;
    /// A short code or name that is kept and shown, and never decided on.
    Label, 0..=128;
    /// Free text for the cardholder (`description`).
    Description, 0..=512;
    /// The name of a field that means something to the issuer alone (`specificFields`).
    SpecificFieldName, 1..=64;
    /// The value of such a field.
    SpecificFieldValue, 0..=256;
    /// A general-ledger account code, such as `1100` or `4100.MANUAL_FEE`.
    GlCode, 1..=80;
    /// A message of the authorization system, unique per issuer (`transactionId`).
    TransactionId, 1..=18;
    /// The authorization messages that belong together, unique per issuer (`businessCaseId`).
    BusinessCaseId, 1..=36;
    /// An offline reservation, unique per issuer (`offlineReservationReference`).
    ReservationReference, 1..=64;
}

impl Label {
    /// Checks a text as [`Label::new`] does, without keeping it.
    pub(crate) fn check(text: &str) -> Result<(), TextError> {
        check(text, 0, Self::BYTES_MAX)
    }
}

impl GlCode {
    /// A code that the engine itself makes up, of parts that were checked. With `4100.` before it a fee type may
    /// look like a card number, which it is not.
    pub(crate) fn of_the_engine(code: &str) -> Self {
        Self(CompactString::new(code))
    }
}

/// The posters that are services of the platform.
const RESERVED_POSTERS: [&str; 7] = ["ITP", "OPC", "IDM", "CMS", "CAS", "WLP-CAS", "WLP_CAS"];

impl ServicePoster {
    /// Whether the poster is one of the platform's own services, which callers may not claim.
    ///
    /// Source: issuer API, field `externalOperationServicePoster`.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let name = trimmed(self.as_str());
        // Every operation is asked, and most names have another length.
        [3, 7].contains(&name.len())
            && RESERVED_POSTERS
                .iter()
                .any(|reserved| name.eq_ignore_ascii_case(reserved))
    }
}

/// The text without spaces around it. Only where there may be some are characters looked at.
fn trimmed(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    match is_plain(bytes.first()) && is_plain(bytes.last()) {
        true => text,
        false => text.trim(),
    }
}

fn check(text: &str, bytes_min: usize, bytes_max: usize) -> Result<(), TextError> {
    if text.len() < bytes_min {
        return Err(TextError::Empty);
    }
    if text.len() > bytes_max {
        return Err(TextError::TooLong { max: bytes_max });
    }
    if !is_printable(text) {
        return Err(TextError::Unprintable);
    }
    if holds_card_number(text) {
        return Err(TextError::CardNumber);
    }
    Ok(())
}

fn is_printable(text: &str) -> bool {
    // Nearly all text is ASCII, of which whole words are looked at together.
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte);
    text.bytes()
        .fold(true, |plain, byte| plain & is_plain(byte))
        || !text.chars().any(char::is_control)
}

/// Whether `text` has a full card number in it.
///
/// A group of digits counts when its length and first digits are those of a card scheme and its check
/// digit is right; asking for all three keeps ordinary references, a tenth of which have a right
/// check digit by chance, out of the net. Groups side by side count together when they are grouped as
/// on a card, whatever stands between them and around them.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    // Most text has no thirteen digits, and so no card number, however they are grouped.
    if text.len() < CARD_DIGITS_MIN || digits_in(text) < CARD_DIGITS_MIN {
        return false;
    }
    let groups = digit_groups(text);
    if groups.iter().any(|group| is_card(group.digits)) {
        return true;
    }
    (0..groups.len()).any(|first| {
        CARD_GROUPINGS.iter().any(|grouping| {
            let Some(groups) = groups.get(first..first + grouping.len()) else {
                return false;
            };
            let alike = groups
                .iter()
                .zip(*grouping)
                .all(|(group, len)| group.digits.len() == *len);
            let joined = groups[1..].iter().all(|group| group.is_joined);
            alike && joined && is_card(&groups.iter().map(|group| group.digits).collect::<String>())
        })
    })
}

fn digits_in(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Digits side by side.
struct DigitGroup<'a> {
    digits: &'a str,
    /// Whether only a separator or two stand between this group and the one before.
    is_joined: bool,
}

fn digit_groups(text: &str) -> Vec<DigitGroup<'_>> {
    let mut groups = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (between, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        let is_joined = between.chars().count() <= SEPARATORS_MAX
            && !between.chars().any(char::is_alphanumeric);
        groups.push(DigitGroup { digits, is_joined });
        rest = after;
    }
    groups
}

fn is_card(digits: &str) -> bool {
    if !(CARD_DIGITS_MIN..=CARD_DIGITS_MAX).contains(&digits.len()) {
        return false;
    }
    let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    let two = u32::from(digits[0]) * 10 + u32::from(digits[1]);
    let four = two * 100 + u32::from(digits[2]) * 10 + u32::from(digits[3]);
    let scheme = match (two, digits.len()) {
        (34 | 37, 15) | (40..=49, 13 | 16 | 19) | (51..=55, 16) => true,
        (30 | 36 | 38 | 39, 14..=19) | (35, 16..=19) => true,
        (50 | 56..=69, 13..=19) => true,
        (_, 16) => (2221..=2720).contains(&four),
        _ => false,
    };
    scheme && luhn(&digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let digit = u32::from(digit);
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;
/// How card numbers are grouped in print.
const CARD_GROUPINGS: [&[usize]; 5] = [
    &[4, 4, 4, 4],
    &[4, 4, 4, 4, 3],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 1],
];
/// Separators between two groups of one number.
const SEPARATORS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posters_of_the_platform_are_known_however_they_are_written() {
        let is_reserved = |name| ServicePoster::new(name).unwrap().is_reserved();
        assert!(RESERVED_POSTERS.into_iter().all(is_reserved));
        for name in [
            "ITP",
            "opc",
            " IDM",
            "cms ",
            "\u{a0}CAS\u{2003}",
            "WLP-CAS",
            "wlp_cas",
        ] {
            assert!(is_reserved(name), "{name:?}");
        }
        for name in ["BANK", "IT", "ITPS", "I TP", "É", "WLP.CAS", "WLP-CASH"] {
            assert!(!is_reserved(name), "{name:?}");
        }
    }

    #[test]
    fn card_numbers_are_refused_and_references_are_not() {
        for card in [
            "4546172396081630",
            "paid with 4546 1723 9608 1630 today",
            "4546-1723-9608-1630",
            "4546.1723.9608.1630",
            "4546\u{a0}1723\u{a0}9608\u{a0}1630",
            "card 4546172396081630 12/27",
            "4546 1723 9608 1630 123",
            "ref 7 4546172396081630",
            "3782 822463 10005",
            "378282246310005",
            "5555555555554444",
            "2223003122003222",
        ] {
            assert_eq!(Description::new(card), Err(TextError::CardNumber), "{card}");
        }
        for reference in [
            "1000000000376077",
            "12343571015282598154",
            "454617******1630",
            "4546172396081631",
            "8561d87e285d4fc795778c644579c207",
            "2000000000356059",
            "74929322339221205103725",
            "2023-01-02 4546 1723",
        ] {
            assert!(Label::new(reference).is_ok(), "{reference}");
        }
    }

    #[test]
    fn empty_long_and_unprintable_text_is_refused() {
        assert_eq!(LoyaltyUnit::new(""), Err(TextError::Empty));
        assert_eq!(
            LoyaltyUnit::new(&"x".repeat(33)),
            Err(TextError::TooLong { max: 32 })
        );
        for unprintable in ["a\nb", "a\u{7f}", "\u{85}b", "naïve\u{9f}"] {
            assert_eq!(Label::new(unprintable), Err(TextError::Unprintable));
        }
        for printable in ["", " ~", "naïve", "\u{a0}", "日本"] {
            assert!(Label::new(printable).is_ok(), "{printable}");
        }
    }
}
