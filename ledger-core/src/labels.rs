//! The labels of a scheme transaction: short texts that are kept and shown, and never decided on.
//!
//! Most operations of a card are transactions, and each has several of the nine. They lie in one piece, so that a
//! transaction with no more than the usual ones needs no memory of its own for them, is short to move, and is read and
//! written at once.

use std::fmt;

use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use smallvec::SmallVec;

use crate::text::{Label, TextError};

/// What a label of a transaction says. The order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionLabel {
    /// Merchant category code, four digits.
    MerchantCategoryCode,
    /// Acceptor's name.
    CardAcceptorName,
    /// Acceptor's city.
    CardAcceptorCity,
    /// Acceptor's country.
    CardAcceptorCountry,
    /// Acceptor's code at its acquirer.
    CardAcceptorIdCode,
    /// Code of the approved authorization.
    ApprovalCode,
    /// The acquirer's reference.
    AcquirerReferenceData,
    /// Opaque reference of the card.
    CardReference,
    /// Card number with its middle digits hidden.
    MaskedPan,
}

const COUNT: usize = 9;

impl TransactionLabel {
    /// All of them, in order.
    pub const ALL: [Self; COUNT] = [
        Self::MerchantCategoryCode,
        Self::CardAcceptorName,
        Self::CardAcceptorCity,
        Self::CardAcceptorCountry,
        Self::CardAcceptorIdCode,
        Self::ApprovalCode,
        Self::AcquirerReferenceData,
        Self::CardReference,
        Self::MaskedPan,
    ];

    /// The label in a field of the issuer API, if it is one.
    #[must_use]
    #[inline]
    pub fn of_field(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.field() == name)
    }

    /// The field of the issuer API that it stands in.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::MerchantCategoryCode => "merchantCategoryCode",
            Self::CardAcceptorName => "cardAcceptorName",
            Self::CardAcceptorCity => "cardAcceptorCity",
            Self::CardAcceptorCountry => "cardAcceptorCountry",
            Self::CardAcceptorIdCode => "cardAcceptorIdCode",
            Self::ApprovalCode => "approvalCode",
            Self::AcquirerReferenceData => "acquirerReferenceData",
            Self::CardReference => "cardReference",
            Self::MaskedPan => "maskedPan",
        }
    }
}

/// The labels that a transaction has, each a [`Label`].
#[derive(Clone, PartialEq, Eq)]
pub struct TransactionLabels {
    /// Bytes of each, in order; [`ABSENT`] for one that is not there.
    lengths: [u8; COUNT],
    /// The texts of all, one after another.
    text: SmallVec<[u8; INLINE_BYTES]>,
}

/// Longer than any label.
const ABSENT: u8 = u8::MAX;
const _: () = assert!(Label::BYTES_MAX < ABSENT as usize);
/// So much text needs no memory elsewhere: what most transactions have, a line of the processor's cache.
const INLINE_BYTES: usize = 63;

impl TransactionLabels {
    /// No labels.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lengths: [ABSENT; COUNT],
            text: SmallVec::new(),
        }
    }

    /// A label, if it is there.
    #[must_use]
    pub fn get(&self, label: TransactionLabel) -> Option<&str> {
        let text = self.bytes(label)?;
        Some(std::str::from_utf8(text).expect("a label is text"))
    }

    /// Checks a text and makes it a label, in place of the one that is there. Set in order, they are only appended.
    ///
    /// # Errors
    /// As [`Label::new`]; then nothing changes.
    pub fn set(&mut self, label: TransactionLabel, text: &str) -> Result<(), TextError> {
        Label::check(text)?;
        self.put(label, text);
        Ok(())
    }

    /// These labels and one more.
    #[must_use]
    pub fn with(mut self, label: TransactionLabel, text: &Label) -> Self {
        self.put(label, text.as_str());
        self
    }

    fn put(&mut self, label: TransactionLabel, text: &str) {
        let start = self.start(label);
        let length = &mut self.lengths[label as usize];
        if *length != ABSENT {
            self.text.drain(start..start + usize::from(*length));
        }
        *length = u8::try_from(text.len()).expect("a label is short");
        self.text.insert_from_slice(start, text.as_bytes());
    }

    /// Where a label begins in the text.
    fn start(&self, label: TransactionLabel) -> usize {
        let before = self.lengths[..label as usize].iter();
        before
            .filter(|length| **length != ABSENT)
            .map(|length| usize::from(*length))
            .sum()
    }

    fn bytes(&self, label: TransactionLabel) -> Option<&[u8]> {
        let length = self.lengths[label as usize];
        let start = self.start(label);
        (length != ABSENT).then(|| &self.text[start..start + usize::from(length)])
    }
}

impl Default for TransactionLabels {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TransactionLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = TransactionLabel::ALL.into_iter();
        let there = all.filter_map(|label| self.get(label).map(|text| (label, text)));
        f.debug_map().entries(there).finish()
    }
}

/// Each as an optional text, in order.
impl Encode for TransactionLabels {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mut rest = self.text.as_slice();
        for length in self.lengths {
            if length == ABSENT {
                None::<&[u8]>.encode(encoder)?;
            } else {
                let (text, behind) = rest.split_at(usize::from(length));
                Some(text).encode(encoder)?;
                rest = behind;
            }
        }
        Ok(())
    }
}

impl<'de, C> BorrowDecode<'de, C> for TransactionLabels {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let mut labels = Self::new();
        for label in TransactionLabel::ALL {
            if let Some(text) = Option::<&'de str>::borrow_decode(decoder)? {
                if text.len() > Label::BYTES_MAX {
                    return Err(DecodeError::Other("a label that is too long"));
                }
                labels.put(label, text);
            }
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }

    /// What is there of some labels, as whoever kept each by itself would have it.
    fn held(labels: &TransactionLabels) -> [Option<String>; COUNT] {
        TransactionLabel::ALL.map(|of| labels.get(of).map(str::to_owned))
    }

    #[test]
    fn labels_are_where_they_were_put_in_whatever_order() {
        let texts = ["5411", "", "Brno", "čaj", &"x".repeat(128)];
        let mut labels = TransactionLabels::new();
        let mut expected: [Option<String>; COUNT] = Default::default();
        assert_eq!(held(&labels), expected);
        // Every label comes after every other one, is replaced, and has each of the texts.
        for round in 0..45 {
            let place = round * 7 % COUNT;
            let text = texts[round * 3 % texts.len()];
            labels.set(TransactionLabel::ALL[place], text).unwrap();
            expected[place] = Some(text.to_owned());
            assert_eq!(held(&labels), expected, "{round}");
        }
    }

    #[test]
    fn labels_are_encoded_as_nine_optional_texts() {
        let config = bincode::config::standard();
        let labels = TransactionLabels::new()
            .with(TransactionLabel::MaskedPan, &label("454617******1630"))
            .with(TransactionLabel::CardAcceptorName, &label(""))
            .with(TransactionLabel::CardAcceptorCity, &label(&"x".repeat(128)));
        let bytes = bincode::encode_to_vec(&labels, config).unwrap();
        assert_eq!(
            bytes,
            bincode::encode_to_vec(held(&labels), config).unwrap()
        );
        let decoded = bincode::borrow_decode_from_slice(&bytes, config).unwrap();
        assert_eq!(decoded, (labels, bytes.len()));

        let long: [Option<String>; COUNT] = std::array::from_fn(|_| Some("x".repeat(129)));
        let bytes = bincode::encode_to_vec(long, config).unwrap();
        let decoded = bincode::borrow_decode_from_slice::<TransactionLabels, _>(&bytes, config);
        assert!(decoded.is_err());
    }

    #[test]
    fn a_text_that_is_no_label_changes_nothing() {
        let kept = TransactionLabels::new()
            .with(TransactionLabel::ApprovalCode, &label("123456"))
            .with(TransactionLabel::MaskedPan, &label("454617******1630"));
        let mut labels = kept.clone();
        for text in ["a\nb", "4546172396081630", &"x".repeat(129)] {
            let refused = labels.set(TransactionLabel::ApprovalCode, text);
            assert_eq!(refused.unwrap_err(), Label::new(text).unwrap_err());
            assert_eq!(labels, kept);
        }
    }
}
