//! Identities: of records, operations, accounts, issuers, and of a caller's command.

use bincode::{BorrowDecode, Encode};

/// Place of a record in the log, counted from 1 without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Identity of an operation: 16 digits, 1 000 000 000 000 000 plus the place of its record, so that
/// the id alone finds the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct OperationId(u64);

impl OperationId {
    const BASE: u64 = 1_000_000_000_000_000;
    /// Below every id.
    pub(crate) const FIRST: Self = Self(0);
    /// Above every id.
    pub(crate) const LAST: Self = Self(u64::MAX);

    /// The id of the operation that the record at `seq` posts.
    #[must_use]
    pub fn of(seq: Seq) -> Self {
        Self(Self::BASE + seq.0)
    }

    /// The id from its 16 digits, if they are one that this ledger could have given. The first of them is 1, as
    /// that of no card number is.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        (number > Self::BASE && number < 2 * Self::BASE).then_some(Self(number))
    }

    /// Place of the record that posted the operation.
    #[must_use]
    pub fn seq(self) -> Seq {
        Seq(self.0 - Self::BASE)
    }
}

impl std::fmt::Display for OperationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Place of an issuer in the order of their first configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct IssuerIndex(pub u32);

/// Place of a product in the order an issuer first defined them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductIndex(pub u32);

/// Place of an account in the order of opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct AccountIndex(pub u32);

/// Place of a (bonus program, unit) pair in the order an issuer defined them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct CommodityIndex(pub u32);

/// Place of a business case in the order of their first messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct CaseIndex(pub u32);

/// The engine's own name for an account: 20 digits, 10^19 plus the account's place, so that the
/// reference alone finds the account. Field `accountReference` of the issuer API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct AccountReference(u64);

impl AccountReference {
    const BASE: u64 = 10_000_000_000_000_000_001;

    /// The reference of the account at `index`.
    #[must_use]
    pub fn of(index: AccountIndex) -> Self {
        Self(Self::BASE + u64::from(index.0))
    }

    /// The reference from its 20 digits; any number is accepted, one that was never given names no
    /// account.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Place of the account, if the reference is one that this ledger could have given.
    #[must_use]
    pub fn index(self) -> Option<AccountIndex> {
        let index = self.0.checked_sub(Self::BASE)?;
        u32::try_from(index).ok().map(AccountIndex)
    }
}

impl std::fmt::Display for AccountReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The caller's name for one command, a UUID, unique per issuer: the first idempotency key.
///
/// Source: issuer API, header `WL-Correlation-ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct CorrelationId(pub [u8; 16]);
