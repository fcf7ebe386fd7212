//! International bank account numbers, checked.
//!
//! Source: ISO 13616; issuer API, field `destinationIban`.

use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use compact_str::CompactString;

/// An IBAN in its electronic form: country, two check digits, account; no blanks, capitals.
///
/// Its check digits are right, so it is no card number, and is not searched for one: the digits of an
/// account look like one too often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Iban(CompactString);

impl Iban {
    /// The longest IBAN, in characters.
    pub const CHARS_MAX: usize = 34;
    /// The shortest IBAN of any country (Norway), in characters.
    pub const CHARS_MIN: usize = 15;

    /// Takes an IBAN, as it is printed (with blanks) or in its electronic form; none when its shape or
    /// its check digits are wrong.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let electronic: CompactString = text.chars().filter(|c| *c != ' ').collect();
        let bytes = electronic.as_bytes();
        let [c1, c2, d1, d2, account @ ..] = bytes else {
            return None;
        };
        let shape = (Self::CHARS_MIN..=Self::CHARS_MAX).contains(&bytes.len())
            && c1.is_ascii_uppercase()
            && c2.is_ascii_uppercase()
            && d1.is_ascii_digit()
            && d2.is_ascii_digit()
            && account
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let is_right = shape && remainder_97(account.iter().chain([c1, c2, d1, d2])) == 1;
        is_right.then_some(Self(electronic))
    }

    /// The electronic form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The number that these digits and letters (A is 10, Z is 35) write, modulo 97.
fn remainder_97<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    bytes.fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter.wrapping_sub(b'A')) + 10) % 97,
    })
}

impl std::fmt::Display for Iban {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Encode for Iban {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.as_str().encode(encoder)
    }
}

impl<'de, C> BorrowDecode<'de, C> for Iban {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let text = <&'de str>::borrow_decode(decoder)?;
        Ok(Self(CompactString::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_and_shape_are_checked() {
        for (text, electronic) in [
            ("DE89370400440532013000", "DE89370400440532013000"),
            ("GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"),
            ("NO9386011117947", "NO9386011117947"),
            (
                "MT84MALT011000012345MTLCAST001S",
                "MT84MALT011000012345MTLCAST001S",
            ),
            ("CZ65 0800 0000 1920 0014 5399", "CZ6508000000192000145399"),
        ] {
            assert_eq!(Iban::new(text).as_ref().map(Iban::as_str), Some(electronic));
        }
        for wrong in [
            "",
            "DE",
            "DE88370400440532013000",
            "DE89370400440532013001",
            "de89370400440532013000",
            "DE89-3704-0044-0532-0130-00",
            "D389370400440532013000",
            "NO938601111794",
            "4546172396081630",
            "DE8937040044053201300\u{fc}",
        ] {
            assert_eq!(Iban::new(wrong), None, "{wrong}");
        }
    }
}
