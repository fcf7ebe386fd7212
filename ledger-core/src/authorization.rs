//! Messages of the authorization system: what a front office asks or tells, and what is decided.
//!
//! A message belongs to a business case, which reserves an amount on its account until that is
//! cleared, taken back, or expires. Source: issuer API, "Authorization"; specification 1.1.8 and 2k.

use bincode::{BorrowDecode, Encode};

use crate::command::Triplet;
use crate::ids::AccountIndex;
use crate::money::Amount;
use crate::text::{BusinessCaseId, Label, ReservationReference, TransactionId};
use crate::time::{BusinessDate, Timestamp};

/// Days after the business date that a reserve lasts unless its message says otherwise: as long as
/// the schemes allow a purchase in a shop to be cleared under its authorization.
pub const RESERVE_DAYS: u32 = 7;

/// Body of `record-authorization`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct RecordAuthorization {
    /// Name of the message, unique per issuer.
    pub transaction_id: TransactionId,
    /// The business case; an authorization may be its first message, every other belongs to one
    /// that exists.
    pub business_case: BusinessCaseId,
    /// What the message is.
    pub transaction_type: TransactionType,
    /// Whether it asks or tells.
    pub sub_type: TransactionSubType,
    /// What the cardholder does, such as `Purchase` (`financialType`); kept and shown.
    pub financial_type: Option<Label>,
    /// Amount in the account's currency (`totalBillingAmount`). Of an authorization: what is added to
    /// the reserve, debit positive, credit negative. Of a reserve update and a confirmation: what
    /// the reserve shall be. Of a reversal, a rollback and an expiry: what is given free; absent:
    /// all. Only an authorization's may be negative.
    pub billing_amount: Option<Amount>,
    /// Amount at the acceptor, in any currency (`totalAmount`).
    pub transaction_amount: Option<Amount>,
    /// When the message was sent.
    pub transaction_date: Timestamp,
    /// The front office's own decision; given with an advice, and only then.
    pub result_type: Option<ResultType>,
    /// The front office's own code for it.
    pub result_code: Option<Label>,
    /// Code of the approval.
    pub approval_code: Option<Label>,
    /// Last day on which the reserve counts; absent: [`RESERVE_DAYS`] after the business date for an
    /// authorization, as before for the others.
    pub reserve_expiry_date: Option<BusinessDate>,
    /// Merchant category code, four digits.
    pub merchant_category_code: Option<Label>,
    /// Acceptor's name.
    pub card_acceptor_name: Option<Label>,
    /// Acceptor's city.
    pub card_acceptor_city: Option<Label>,
    /// Acceptor's country.
    pub card_acceptor_country: Option<Label>,
    /// Acceptor's code at its acquirer.
    pub card_acceptor_id_code: Option<Label>,
    /// Opaque reference of the card.
    pub card_reference: Option<Label>,
    /// Card number with its middle digits hidden.
    pub masked_pan: Option<Label>,
}

/// What a message is. Variant order is the disk format.
///
/// Source: issuer API, field `transactionType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum TransactionType {
    /// Reserves an amount, or more of it.
    Authorization,
    /// Takes back an authorization, or a part of it.
    Reversal,
    /// Tells the amount that will be cleared.
    Confirmation,
    /// Takes back what could not be brought to its end.
    Rollback,
    /// Sets the reserve.
    ReserveUpdate,
    /// Tells that the reserve has expired.
    ReserveExpiry,
}

impl TransactionType {
    /// Every type, with its code.
    pub const CODES: [(&'static str, Self); 6] = [
        ("Authorization", Self::Authorization),
        ("Reversal", Self::Reversal),
        ("Confirmation", Self::Confirmation),
        ("Rollback", Self::Rollback),
        ("ReserveUpdate", Self::ReserveUpdate),
        ("ReserveExpiry", Self::ReserveExpiry),
    ];

    /// The code of the field `transactionType`.
    #[must_use]
    pub fn code(self) -> &'static str {
        code_of(&Self::CODES, self)
    }
}

/// Whether a message asks or tells. Variant order is the disk format.
///
/// Source: issuer API, field `transactionSubType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum TransactionSubType {
    /// It is ours to decide.
    Request,
    /// The front office has decided, and tells how.
    Advice,
}

impl TransactionSubType {
    /// Every sub-type, with its code.
    pub const CODES: [(&'static str, Self); 2] =
        [("Request", Self::Request), ("Advice", Self::Advice)];

    /// The code of the field `transactionSubType`.
    #[must_use]
    pub fn code(self) -> &'static str {
        code_of(&Self::CODES, self)
    }
}

/// How a message was decided. Variant order is the disk format.
///
/// Source: issuer API, field `resultType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum ResultType {
    /// It does what it says.
    Approval,
    /// It reserves nothing.
    Decline,
    /// The front office asks by telephone; it reserves nothing.
    Referral,
    /// The card is kept; it reserves nothing.
    PickUp,
    /// Anything else; it reserves nothing.
    Other,
}

impl ResultType {
    /// Every result, with its code.
    pub const CODES: [(&'static str, Self); 5] = [
        ("Approval", Self::Approval),
        ("Decline", Self::Decline),
        ("Referral", Self::Referral),
        ("PickUp", Self::PickUp),
        ("Other", Self::Other),
    ];

    /// The code of the field `resultType`.
    #[must_use]
    pub fn code(self) -> &'static str {
        code_of(&Self::CODES, self)
    }
}

/// Why the engine declined. Variant order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum DeclineReason {
    /// More than may be spent.
    InsufficientOpenToBuy,
    /// The account is closed.
    AccountClosed,
}

impl DeclineReason {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InsufficientOpenToBuy => "INSUFFICIENT_OPEN_TO_BUY",
            Self::AccountClosed => "ACCOUNT_CLOSED",
        }
    }

    /// The response code of ISO 8583, data element 39.
    #[must_use]
    pub fn result_code(self) -> &'static str {
        match self {
            // Insufficient funds.
            Self::InsufficientOpenToBuy => "51",
            // Restricted card; the code for a closed account is not the same with every scheme.
            Self::AccountClosed => "62",
        }
    }
}

/// Response code of ISO 8583, data element 39, of what is approved.
pub const APPROVED: &str = "00";

/// How a message was decided, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorizationResult {
    /// The result.
    pub result_type: ResultType,
    /// Why it was declined, where the engine declined it.
    pub reason: Option<DeclineReason>,
}

/// What was decided about a message of the authorization system.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct DecidedAuthorization {
    /// The account.
    pub account: AccountIndex,
    /// The posting date the command carried; absent: when it was recorded.
    pub posting_date: Option<Timestamp>,
    /// The result, decided here or told by an advice.
    pub result_type: ResultType,
    /// Why it was declined, where the engine declined it, whatever an advice said.
    pub reason: Option<DeclineReason>,
    /// The reserve of the business case from here on.
    pub reserve: Reserve,
    /// Open-to-buy of the account after it, in minor units; none where the working mode has none.
    pub open_to_buy_minor: Option<i128>,
}

/// What a business case reserves on its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct Reserve {
    /// What its messages say is reserved, whatever was cleared or has expired since; negative for a
    /// refund. In minor units (`reserveBillingAmount`).
    pub billing_minor: i64,
    /// What of it is reserved, in minor units; zero or more, and zero unless active. A negative
    /// reserve reserves nothing and frees nothing.
    pub minor: i64,
    /// Last day on which it counts.
    pub expiry: BusinessDate,
    /// What became of it.
    pub status: ReserveStatus,
}

/// What became of a reserve. Variant order is the disk format.
///
/// Source: issuer API, field `accountReserveStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum ReserveStatus {
    /// Nothing was ever reserved.
    None,
    /// An amount is reserved.
    Active,
    /// It ended with its last day, or a message said so.
    Expired,
    /// It was cleared or taken back.
    Cancelled,
}

impl ReserveStatus {
    /// The code of the field `accountReserveStatus`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Active => "Active",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl DecidedAuthorization {
    /// How it was decided, in short.
    #[must_use]
    pub fn result(&self) -> AuthorizationResult {
        AuthorizationResult {
            result_type: self.result_type,
            reason: self.reason,
        }
    }

    /// The code of the result: of the engine's own decision that of ISO 8583, of an advice the one it
    /// brought.
    #[must_use]
    pub fn result_code<'a>(&self, message: &'a RecordAuthorization) -> Option<&'a str> {
        match (self.reason, message.sub_type) {
            (Some(reason), _) => Some(reason.result_code()),
            (None, TransactionSubType::Request) => Some(APPROVED),
            (None, TransactionSubType::Advice) => message.result_code.as_ref().map(Label::as_str),
        }
    }
}

/// The name outside that a command takes for good, unique per issuer: the second idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondKey<'a> {
    /// Of an operation.
    Triplet(&'a Triplet),
    /// Of a message of the authorization system.
    Transaction(&'a TransactionId),
    /// Of an offline reservation.
    Reservation(&'a ReservationReference),
}

fn code_of<T: Copy + PartialEq>(codes: &[(&'static str, T)], value: T) -> &'static str {
    let (code, _) = codes
        .iter()
        .find(|(_, known)| *known == value)
        .expect("every variant has its code");
    code
}
