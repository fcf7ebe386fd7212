//! Refusals: every way a command can be told no, with its stable code and the field at fault.
//!
//! Codes are those of the specification's catalogue; the few it lacks are marked. Variant order is
//! the disk format, since refusals are remembered in the log.

use bincode::{BorrowDecode, Encode};
use thiserror::Error;

use crate::command::OperationKind;
use crate::ids::OperationId;
use crate::money::Currency;
use crate::time::BusinessDate;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error, Encode, BorrowDecode)]
pub enum Rejection {
    /// A field is missing, unknown, of the wrong type or out of its limits.
    #[error("{problem}")]
    InvalidRequest {
        /// The field at fault.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text field holds a full card number. (Addition to the catalogue.)
    #[error("{field} must not hold a full card number")]
    CardNumberNotAllowed {
        /// The field at fault; its value is never repeated.
        field: String,
    },
    /// The command has no correlation id.
    #[error("a correlation id is required")]
    CorrelationIdRequired,
    /// The correlation id is too long or unprintable.
    #[error("the correlation id must be printable and at most 128 characters long")]
    InvalidCorrelationId,
    /// The correlation id was used before for a different command.
    #[error("the correlation id was used before with another {field}")]
    IdempotencyPayloadMismatch {
        /// The first field that differs.
        field: String,
    },
    /// No such issuer.
    #[error("the issuer does not exist")]
    IssuerNotFound,
    /// No such account of this issuer.
    #[error("the account does not exist")]
    AccountNotFound {
        /// The field that named it.
        field: String,
    },
    /// The account is closed.
    #[error("the account is closed")]
    AccountClosed,
    /// The triplet already names an operation of this issuer.
    #[error("the external triplet already names operation {existing}")]
    DuplicateExternalTriplet {
        /// That operation.
        existing: OperationId,
        /// Whether the command asks for exactly what that operation was.
        same_payload: bool,
    },
    /// The service poster is one of the platform's own.
    #[error("the service poster is reserved for internal operations")]
    ServicePosterReserved,
    /// The external operation date lies too far ahead.
    #[error("the external operation date lies too far in the future")]
    ExternalDateInFuture,
    /// The amount is not in the account's currency.
    #[error("the currency is {given}, the account's is {expected}")]
    CurrencyMismatch {
        /// The field at fault.
        field: String,
        /// The account's currency.
        expected: String,
        /// The amount's currency.
        given: String,
    },
    /// The exponent is not the currency's.
    #[error("the exponent of {currency} is {expected}, not {given}")]
    InvalidExponent {
        /// The field at fault.
        field: String,
        /// The amount's currency.
        currency: String,
        /// The exponent of ISO 4217.
        expected: u32,
        /// The exponent given.
        given: i64,
    },
    /// The amount is zero.
    #[error("the amount must not be zero")]
    AmountZero {
        /// The field at fault.
        field: String,
    },
    /// The amount is too large.
    #[error("the amount must be within ±10^15 minor units")]
    AmountOutOfRange {
        /// The field at fault.
        field: String,
    },
    /// The amount has the wrong sign.
    #[error("the amount must be {expected}")]
    AmountSignInvalid {
        /// The field at fault.
        field: String,
        /// The sign it must have.
        expected: Sign,
    },
    /// The product does not allow the fee type.
    #[error("the product does not allow this fee type")]
    FeeTypeNotAllowed,
    /// An adjustment has no reason.
    #[error("an adjustment needs its reason")]
    AdjustmentReasonRequired,
    /// The issuer does not allow the adjustment reason.
    #[error("the issuer does not allow this balance adjustment reason")]
    AdjustmentReasonNotAllowed,
    /// The value date lies beyond the issuer's horizon.
    #[error("the value date must not lie after {limit}")]
    ValueDateTooFar {
        /// The last day allowed.
        limit: BusinessDate,
    },
    /// The value date lies before the issuer's limit.
    #[error("the value date must not lie before {limit}")]
    ValueDateBeforeLimit {
        /// The first day allowed.
        limit: BusinessDate,
    },
    /// The reversal reason is not one that callers may give.
    #[error("the reversal reason must be REVERSAL_ON_DEMAND")]
    InvalidReversalReason,
    /// The matching triplet names no operation of this account.
    #[error("the original operation does not exist on this account")]
    OriginalOperationNotFound,
    /// The original is of another kind, or of another fee type.
    #[error("the original operation is of kind {}", kind.code())]
    OriginalKindMismatch {
        /// The original's kind.
        kind: OperationKind,
        /// The field that said otherwise.
        field: String,
    },
    /// The original is itself a reversal.
    #[error("a reversal cannot be reversed")]
    ReversalNotReversible,
    /// Nothing of the original remains to be reversed.
    #[error("operation {original} was already reversed")]
    OperationAlreadyReversed {
        /// The original.
        original: OperationId,
    },
    /// The part to reverse is more than remains.
    #[error("only {remaining_minor} minor units remain to be reversed")]
    ReversalExceedsRemaining {
        /// What remains, in minor units, as a magnitude.
        remaining_minor: i64,
    },
    /// This kind of operation is reversed in full only.
    #[error("this kind of operation is reversed in full, without an amount")]
    ReversalAmountNotAllowed,
    /// No such bonus program.
    #[error("the bonus program does not exist")]
    BonusProgramNotFound,
    /// The program is neither on the account nor above it.
    #[error("the bonus program is not allowed on this account")]
    BonusProgramNotAllowedForAccount,
    /// The program does not pay in money. (Addition to the catalogue.)
    #[error("the bonus program pays in points only")]
    MonetaryBonusNotAllowed,
    /// Both or neither of amount and points were given.
    #[error("exactly one of referenceAmount and loyaltyPointAmount must be given")]
    BonusAmountChoice,
    /// The program does not count in this unit.
    #[error("the bonus program does not count in this unit")]
    LoyaltyUnitNotAllowed,
    /// The rewarded operation was named in both ways.
    #[error("the rewarded operation must be named by its id or by its triplet, not both")]
    RewardedReferenceChoice,
    /// The rewarded operation does not exist in the account's hierarchy.
    #[error("the rewarded operation does not exist in this account's hierarchy")]
    RewardedOperationNotFound,
    /// The interest type is neither CREDIT nor DEBIT.
    #[error("the interest type must be CREDIT or DEBIT")]
    InterestTypeInvalid,
    /// The sign of the amount contradicts the interest type.
    #[error("debit interest must be positive, credit interest negative")]
    InterestTypeSignMismatch,
    /// The account's working mode does not know such an operation.
    #[error("the working mode of the account does not allow this")]
    WorkingModeMismatch {
        /// The field at fault.
        field: String,
    },
    /// The operation is more than may be spent.
    #[error("only {available_minor} minor units are available")]
    InsufficientOpenToBuy {
        /// What may be spent, in minor units, as far as an `i64` shows it.
        available_minor: i64,
    },
    /// The reimbursement is more than may be paid out.
    #[error("only {allowed_minor} minor units may be reimbursed")]
    ReimbursementExceedsAllowed {
        /// What may be paid out, in minor units, as far as an `i64` shows it.
        allowed_minor: i64,
    },
    /// A full reimbursement names an amount.
    #[error("a full reimbursement must not name an amount")]
    AmountForbiddenForFull,
    /// No such product. (Addition to the catalogue.)
    #[error("the product does not exist")]
    ProductNotFound,
    /// The external reference already names an account. (Addition to the catalogue.)
    #[error("the external reference already names an account")]
    AccountAlreadyExists,
    /// The hierarchy has too many levels. (Addition to the catalogue.)
    #[error("a hierarchy has at most {levels_max} levels")]
    HierarchyTooDeep {
        /// The limit.
        levels_max: u32,
    },
    /// The business date would not move forward. (Addition to the catalogue.)
    #[error(
        "advance-business-date alone moves the business date, and only forward; it is {present}"
    )]
    BusinessDateNotAdvancing {
        /// The present business date.
        present: BusinessDate,
    },
    /// The IBAN has a wrong shape or wrong check digits.
    #[error("is not an IBAN")]
    InvalidIban {
        /// The field at fault.
        field: String,
    },
    /// The balance to be reset is zero already. (Addition to the catalogue.)
    #[error("the balance of the account is zero already")]
    BalanceAlreadyZero,
    /// No such business case on this account.
    #[error("the business case does not exist on this account")]
    BusinessCaseNotFound {
        /// The field that named it.
        field: String,
    },
    /// The business case reserves nothing that could be changed.
    #[error("the reserve of the business case is not active")]
    ReserveNotActive,
    /// The transaction id already names a message of this issuer. (Addition to the catalogue.)
    #[error("the transaction id already names an authorization message")]
    DuplicateTransactionId {
        /// Whether the command says exactly what that message said.
        same_payload: bool,
    },
    /// The reference already names an offline reservation of this issuer. (Addition to the
    /// catalogue.)
    #[error("the reference already names an offline reservation")]
    DuplicateReservation {
        /// Whether the command asks for exactly what that reservation was.
        same_payload: bool,
    },
    /// No such offline reservation on this account. (Addition to the catalogue.)
    #[error("the offline reservation does not exist on this account")]
    ReservationNotFound,
    /// The offline reservation was cancelled already. (Addition to the catalogue.)
    #[error("the offline reservation is not active")]
    ReservationNotActive,
    /// The reservation is more than the account's own funds. (Addition to the catalogue.)
    #[error("only {available_minor} minor units of own funds are free")]
    InsufficientOwnFunds {
        /// What is free, in minor units, as far as an `i64` shows it.
        available_minor: i64,
    },
}

/// The sign an amount must have. Variant order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum Sign {
    /// A debit.
    Positive,
    /// A credit.
    Negative,
    /// Zero or more, for limits.
    NotNegative,
}

impl std::fmt::Display for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive (a debit)",
            Self::Negative => "negative (a credit)",
            Self::NotNegative => "zero or more",
        })
    }
}

impl Rejection {
    /// An [`Self::InvalidRequest`] in short.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidRequest {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest { .. } => "INVALID_REQUEST",
            Self::CardNumberNotAllowed { .. } => "PAN_NOT_ALLOWED",
            Self::CorrelationIdRequired => "CORRELATION_ID_REQUIRED",
            Self::InvalidCorrelationId => "INVALID_CORRELATION_ID",
            Self::IdempotencyPayloadMismatch { .. } => "IDEMPOTENCY_PAYLOAD_MISMATCH",
            Self::IssuerNotFound => "ISSUER_NOT_FOUND",
            Self::AccountNotFound { .. } => "ACCOUNT_NOT_FOUND",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::DuplicateExternalTriplet { .. } => "DUPLICATE_EXTERNAL_TRIPLET",
            Self::ServicePosterReserved => "SERVICE_POSTER_RESERVED",
            Self::ExternalDateInFuture => "EXTERNAL_DATE_IN_FUTURE",
            Self::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
            Self::InvalidExponent { .. } => "INVALID_EXPONENT",
            Self::AmountZero { .. } => "AMOUNT_ZERO",
            Self::AmountOutOfRange { .. } => "AMOUNT_OUT_OF_RANGE",
            Self::AmountSignInvalid { .. } => "AMOUNT_SIGN_INVALID",
            Self::FeeTypeNotAllowed => "FEE_TYPE_NOT_ALLOWED",
            Self::AdjustmentReasonRequired => "ADJUSTMENT_REASON_REQUIRED",
            Self::AdjustmentReasonNotAllowed => "ADJUSTMENT_REASON_NOT_ALLOWED",
            Self::ValueDateTooFar { .. } => "VALUE_DATE_TOO_FAR",
            Self::ValueDateBeforeLimit { .. } => "VALUE_DATE_BEFORE_LIMIT",
            Self::InvalidReversalReason => "INVALID_REVERSAL_REASON",
            Self::OriginalOperationNotFound => "ORIGINAL_OPERATION_NOT_FOUND",
            Self::OriginalKindMismatch { .. } => "ORIGINAL_KIND_MISMATCH",
            Self::ReversalNotReversible => "REVERSAL_NOT_REVERSIBLE",
            Self::OperationAlreadyReversed { .. } => "OPERATION_ALREADY_REVERSED",
            Self::ReversalExceedsRemaining { .. } => "REVERSAL_EXCEEDS_REMAINING",
            Self::ReversalAmountNotAllowed => "REVERSAL_AMOUNT_NOT_ALLOWED",
            Self::BonusProgramNotFound => "BONUS_PROGRAM_NOT_FOUND",
            Self::BonusProgramNotAllowedForAccount => "BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT",
            Self::MonetaryBonusNotAllowed => "MONETARY_BONUS_NOT_ALLOWED",
            Self::BonusAmountChoice => "BONUS_AMOUNT_CHOICE",
            Self::LoyaltyUnitNotAllowed => "LOYALTY_UNIT_NOT_ALLOWED",
            Self::RewardedReferenceChoice => "REWARDED_REFERENCE_CHOICE",
            Self::RewardedOperationNotFound => "REWARDED_OPERATION_NOT_FOUND",
            Self::InterestTypeInvalid => "INTEREST_TYPE_INVALID",
            Self::InterestTypeSignMismatch => "INTEREST_TYPE_SIGN_MISMATCH",
            Self::WorkingModeMismatch { .. } => "WORKING_MODE_MISMATCH",
            Self::InsufficientOpenToBuy { .. } => "INSUFFICIENT_OPEN_TO_BUY",
            Self::ReimbursementExceedsAllowed { .. } => "REIMBURSEMENT_EXCEEDS_ALLOWED",
            Self::AmountForbiddenForFull => "AMOUNT_FORBIDDEN_FOR_FULL",
            Self::ProductNotFound => "PRODUCT_NOT_FOUND",
            Self::AccountAlreadyExists => "ACCOUNT_ALREADY_EXISTS",
            Self::HierarchyTooDeep { .. } => "HIERARCHY_TOO_DEEP",
            Self::BusinessDateNotAdvancing { .. } => "BUSINESS_DATE_NOT_ADVANCING",
            Self::InvalidIban { .. } => "INVALID_IBAN",
            Self::BalanceAlreadyZero => "BALANCE_ALREADY_ZERO",
            Self::BusinessCaseNotFound { .. } => "BUSINESS_CASE_NOT_FOUND",
            Self::ReserveNotActive => "RESERVE_NOT_ACTIVE",
            Self::DuplicateTransactionId { .. } => "DUPLICATE_TRANSACTION_ID",
            Self::DuplicateReservation { .. } => "DUPLICATE_OFFLINE_RESERVATION",
            Self::ReservationNotFound => "OFFLINE_RESERVATION_NOT_FOUND",
            Self::ReservationNotActive => "OFFLINE_RESERVATION_NOT_ACTIVE",
            Self::InsufficientOwnFunds { .. } => "INSUFFICIENT_OWN_FUNDS",
        }
    }

    /// The field at fault, in the names of the operations API.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::InvalidRequest { field, .. }
            | Self::CardNumberNotAllowed { field }
            | Self::IdempotencyPayloadMismatch { field }
            | Self::AccountNotFound { field }
            | Self::CurrencyMismatch { field, .. }
            | Self::InvalidExponent { field, .. }
            | Self::AmountZero { field }
            | Self::AmountOutOfRange { field }
            | Self::AmountSignInvalid { field, .. }
            | Self::OriginalKindMismatch { field, .. }
            | Self::WorkingModeMismatch { field }
            | Self::BusinessCaseNotFound { field }
            | Self::InvalidIban { field } => field,
            Self::CorrelationIdRequired | Self::InvalidCorrelationId => "correlationId",
            Self::IssuerNotFound => "issuerId",
            Self::AccountClosed | Self::BalanceAlreadyZero => "account",
            Self::DuplicateExternalTriplet { .. } => "externalOperationReference",
            Self::ServicePosterReserved => "externalOperationServicePoster",
            Self::ExternalDateInFuture => "externalOperationDate",
            Self::FeeTypeNotAllowed => "feeType",
            Self::AdjustmentReasonRequired => "adjustmentReason",
            Self::AdjustmentReasonNotAllowed => "balanceAdjustmentReason",
            Self::ValueDateTooFar { .. } | Self::ValueDateBeforeLimit { .. } => "valueDate",
            Self::InvalidReversalReason => "reversalReason",
            Self::OriginalOperationNotFound
            | Self::ReversalNotReversible
            | Self::OperationAlreadyReversed { .. } => "externalMatchingOperationReference",
            Self::ReversalExceedsRemaining { .. }
            | Self::ReversalAmountNotAllowed
            | Self::MonetaryBonusNotAllowed
            | Self::BonusAmountChoice
            | Self::InterestTypeSignMismatch
            | Self::InsufficientOpenToBuy { .. }
            | Self::ReimbursementExceedsAllowed { .. }
            | Self::AmountForbiddenForFull => "referenceAmount",
            Self::BonusProgramNotFound | Self::BonusProgramNotAllowedForAccount => {
                "bonusProgramReference"
            }
            Self::LoyaltyUnitNotAllowed => "loyaltyPointAmount.unit",
            Self::RewardedReferenceChoice | Self::RewardedOperationNotFound => {
                "rewardedOperationIdentifier"
            }
            Self::InterestTypeInvalid => "interestType",
            Self::ProductNotFound => "productReference",
            Self::AccountAlreadyExists => "issuerAccountExternalReference",
            Self::HierarchyTooDeep { .. } => "parentExternalReference",
            Self::BusinessDateNotAdvancing { .. } => "businessDate",
            Self::ReserveNotActive => "businessCaseId",
            Self::DuplicateTransactionId { .. } => "transactionId",
            Self::DuplicateReservation { .. }
            | Self::ReservationNotFound
            | Self::ReservationNotActive => "offlineReservationReference",
            Self::InsufficientOwnFunds { .. } => "amount",
        }
    }
}

impl Rejection {
    /// A [`Self::CurrencyMismatch`] in short.
    pub(crate) fn currency(field: &str, expected: Currency, given: Currency) -> Self {
        Self::CurrencyMismatch {
            field: field.to_owned(),
            expected: expected.code().to_owned(),
            given: given.code().to_owned(),
        }
    }
}
