//! Fingerprints of the keys under which things are found again.
//!
//! A fingerprint only *suggests* a record: whoever looks reads it back and compares the key itself, so two keys
//! with one hash cost a look and never a wrong answer. [`FingerprintIndex`] keeps where each was used.

mod index;

pub use index::{FingerprintIndex, KeysByShard};

use siphasher::sip::SipHasher13;

use crate::authorization::SecondKey;
use crate::command::Triplet;
use crate::ids::{CorrelationId, IssuerIndex};
use crate::text::{
    BusinessCaseId, ExternalReference, OperationReference, ServicePoster, TransactionId,
};

/// Fingerprint of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of an issuer's correlation id.
    #[must_use]
    pub fn of_correlation(issuer: IssuerIndex, correlation: CorrelationId) -> Self {
        Self(SipHasher13::new_with_keys(0, u64::from(issuer.0)).hash(&correlation.0))
    }

    /// Of an issuer's external triplet.
    #[must_use]
    pub fn of_triplet(issuer: IssuerIndex, triplet: &Triplet) -> Self {
        let reference = triplet.reference.as_str().as_bytes();
        let poster = triplet.service_poster.as_str().as_bytes();
        let mut bytes = [0; TRIPLET_BYTES_MAX];
        let (date, texts) = bytes.split_at_mut(8);
        date.copy_from_slice(&triplet.date.0.to_le_bytes());
        texts[..reference.len()].copy_from_slice(reference);
        // Text is printable, so the zero byte between the two cannot be part of either.
        let at = reference.len() + 1;
        texts[at..at + poster.len()].copy_from_slice(poster);
        let length = 8 + at + poster.len();
        Self(SipHasher13::new_with_keys(1, u64::from(issuer.0)).hash(&bytes[..length]))
    }

    /// Of an issuer's reference of an account.
    #[must_use]
    pub fn of_external(issuer: IssuerIndex, reference: &ExternalReference) -> Self {
        Self::of_text(2, issuer, reference.as_str())
    }

    /// Of an issuer's message of the authorization system.
    #[must_use]
    pub fn of_transaction(issuer: IssuerIndex, id: &TransactionId) -> Self {
        Self::of_text(3, issuer, id.as_str())
    }

    /// Of an issuer's business case.
    #[must_use]
    pub fn of_case(issuer: IssuerIndex, id: &BusinessCaseId) -> Self {
        Self::of_text(5, issuer, id.as_str())
    }

    /// Of the name outside that a command takes for good. Those of one kind are not those of another.
    #[must_use]
    pub fn of_second_key(issuer: IssuerIndex, key: SecondKey<'_>) -> Self {
        match key {
            SecondKey::Triplet(triplet) => Self::of_triplet(issuer, triplet),
            SecondKey::Transaction(id) => Self::of_transaction(issuer, id),
            SecondKey::Reservation(reference) => Self::of_text(4, issuer, reference.as_str()),
        }
    }

    fn of_text(kind: u64, issuer: IssuerIndex, text: &str) -> Self {
        Self(SipHasher13::new_with_keys(kind, u64::from(issuer.0)).hash(text.as_bytes()))
    }

    /// The fingerprint as a number, for keeping it in a file.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The fingerprint that [`Self::to_bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

const TRIPLET_BYTES_MAX: usize = 8 + OperationReference::BYTES_MAX + 1 + ServicePoster::BYTES_MAX;

#[cfg(test)]
mod tests {
    use crate::time::Timestamp;

    use super::*;

    /// Fingerprints are kept in checkpoints, so a hash can never change.
    #[test]
    fn the_hashes_stay_what_they_are() {
        let correlation = CorrelationId(*b"0123456789abcdef");
        let triplet = |reference: &str, poster: &str| Triplet {
            date: Timestamp(1_672_653_600_000),
            reference: OperationReference::new(reference).unwrap(),
            service_poster: ServicePoster::new(poster).unwrap(),
        };
        let short = triplet("R1", "BANK");
        let longest = triplet(
            &"r".repeat(OperationReference::BYTES_MAX),
            &"p".repeat(ServicePoster::BYTES_MAX),
        );
        let external = ExternalReference::new("ACC-1").unwrap();
        let issuer = IssuerIndex(7);
        let bits = [
            Fingerprint::of_correlation(issuer, correlation),
            Fingerprint::of_triplet(issuer, &short),
            Fingerprint::of_triplet(issuer, &longest),
            Fingerprint::of_external(issuer, &external),
        ]
        .map(Fingerprint::to_bits);
        expect_test::expect![[r#"
            [
                0x94b45af9c5a18566,
                0x73b7fb2cce84c527,
                0xe5a626e2d1a66289,
                0xf881a3005be6d9ec,
            ]"#]]
        .assert_eq(&format!("{bits:#018x?}"));
        for bits in bits {
            assert_eq!(Fingerprint::from_bits(bits).to_bits(), bits);
        }
    }
}
