//! Commands: what a caller asks for, typed, with the field names of the operations API.
//!
//! A command says nothing the caller did not say: a value that the engine defaults (value date,
//! posting date, amount of a full reversal) stays absent here and is decided into the event. Two
//! commands under one correlation id are compared field by field ([`crate::difference`]).

use bincode::de::BorrowDecoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Encode};

use crate::annotations::Annotations;
use crate::authorization::{RecordAuthorization, SecondKey};
use crate::ids::{AccountReference, CorrelationId, OperationId};
use crate::labels::TransactionLabels;
use crate::money::{Amount, Currency};
use crate::text::{
    BonusProgramReference, BusinessCaseId, Description, ExternalReference, FeeType, GlCode,
    IssuerId, Label, LoyaltyUnit, OperationReference, ProductReference, ReasonCode,
    ReservationReference, ServicePoster,
};
use crate::time::{BusinessDate, Moment, TimeZone, Timestamp};

/// One command of one issuer under one correlation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The tenant.
    pub issuer: IssuerId,
    /// First idempotency key, unique per issuer.
    pub correlation: CorrelationId,
    /// What to do.
    pub command: Command,
    /// What the command carries along; most carry nothing.
    pub annotations: Option<Box<Annotations>>,
}

/// Everything the engine can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Creates an issuer, or changes its configuration from here on.
    ConfigureIssuer(ConfigureIssuer),
    /// Creates a product, or changes what applies to accounts opened and fees posted from here on.
    DefineProduct(DefineProduct),
    /// Creates a bonus program, or changes it from here on.
    DefineBonusProgram(DefineBonusProgram),
    /// Moves the issuer's business date forward; pending operations become effective.
    AdvanceBusinessDate(AdvanceBusinessDate),
    /// Opens an account.
    OpenAccount(OpenAccount),
    /// A command on an existing account.
    OnAccount(OnAccount),
}

/// A command on an existing account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnAccount {
    /// Which account, in either of its names.
    pub account: AccountSelector,
    /// When the operation was posted, for a history replayed with its own dates; absent: now.
    pub posting_date: Option<Timestamp>,
    /// What to do with it.
    pub action: AccountAction,
}

/// What can be done with an existing account. Variant order is the disk format.
///
/// Nearly every action is a posting, which therefore lies here and not behind an allocation.
#[expect(clippy::large_enum_variant, reason = "the longest is the usual one")]
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub enum AccountAction {
    /// Sets the permanent credit limit.
    SetCreditLimit(SetCreditLimit),
    /// Closes the account; nothing can be posted on it afterwards.
    Close,
    /// Posts an operation.
    Post(PostOperation),
    /// Reverses an operation.
    Reverse(Box<ReverseOperation>),
    /// Records a message of the authorization system, and decides it where that is ours to do.
    RecordAuthorization(Box<RecordAuthorization>),
    /// Reserves an amount for what will be spent without asking.
    CreateOfflineReservation(CreateOfflineReservation),
    /// Ends an offline reservation.
    CancelOfflineReservation(CancelOfflineReservation),
}

/// The two ways to name an account. Variant order is the disk format.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub enum AccountSelector {
    /// By the engine's own reference.
    Reference(AccountReference),
    /// By the issuer's reference.
    External(ExternalReference),
}

/// Body of `configure-issuer`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct ConfigureIssuer {
    /// Zone whose calendar the issuer's business dates follow.
    pub time_zone: TimeZone,
    /// Business date to start at; absent: the day of `now`. Only the first configuration may set it.
    pub business_date: Option<BusinessDate>,
    /// Value date of reversals of effective operations.
    pub reversal_value_dating: ReversalValueDating,
    /// Accounting script rules that take precedence over the standard script.
    pub accounting_script: Vec<ScriptRule>,
    /// Allowed balance-adjustment reasons; empty: any.
    pub balance_adjustment_reasons: Vec<ReasonCode>,
    /// How many days a value date may lie ahead of the posting; absent: [`VALUE_DATE_AHEAD_DAYS`].
    pub value_date_ahead_days_max: Option<u32>,
    /// How many days a value date may lie before the posting; absent: no limit.
    pub value_date_back_days_max: Option<u32>,
}

/// Days a value date may lie ahead of the posting unless the issuer says otherwise.
///
/// Source: specification, value date rule 3.
pub const VALUE_DATE_AHEAD_DAYS: u32 = 365;

/// Days an external operation date may lie ahead of the posting. Long enough for payments announced
/// before they are due (a direct debit is announced two weeks ahead), short enough to catch a wrong
/// year.
pub const EXTERNAL_DATE_AHEAD_DAYS: u32 = 31;

/// Value date of a reversal. Variant order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum ReversalValueDating {
    /// Today's business date.
    BusinessDate,
    /// The value date of the original.
    Original,
}

/// One rule of an accounting script: which general-ledger account stands opposite the cardholder's
/// for the operations it matches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct ScriptRule {
    /// Kind of operation the rule is for.
    pub kind: OperationKind,
    /// Fee type (FEE), adjustment reason (BAL_ADJ) or `CREDIT`/`DEBIT` (INT) that the rule is for;
    /// absent: every one.
    pub detail: Option<ReasonCode>,
    /// The contra account.
    pub contra: GlCode,
}

/// Body of `define-product`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct DefineProduct {
    /// Name of the product, unique per issuer.
    pub reference: ProductReference,
    /// Currency of the accounts.
    pub currency: Currency,
    /// When the holder pays.
    pub working_mode: WorkingMode,
    /// Fee types that may be posted.
    pub fee_types: Vec<FeeType>,
    /// Credit limit of accounts opened without one; absent: zero.
    pub default_credit_limit: Option<Amount>,
}

/// When the holder of an account pays. Variant order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub enum WorkingMode {
    /// Credit: purchases now, payment at the due date.
    PayLater,
    /// Prepaid: funds are loaded first; the credit limit is always zero.
    PayBefore,
    /// Debit: no open-to-buy of its own.
    PayNow,
}

/// Body of `define-bonus-program`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct DefineBonusProgram {
    /// Name of the program, unique per issuer.
    pub reference: BonusProgramReference,
    /// Whether bonuses in money may be posted.
    pub monetary: bool,
    /// Units in which points may be posted.
    pub loyalty_units: Vec<LoyaltyUnit>,
}

/// Body of `advance-business-date`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct AdvanceBusinessDate {
    /// The new business date, after the present one.
    pub business_date: BusinessDate,
}

/// Body of `open-account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// The issuer's own reference, unique per issuer.
    pub external_reference: Option<ExternalReference>,
    /// The product, which gives currency and working mode.
    pub product: ProductReference,
    /// Credit limit; absent: the product's default.
    pub credit_limit: Option<Amount>,
    /// Parent account, by the issuer's reference.
    pub parent: Option<ExternalReference>,
    /// Parent account, by the engine's reference. At most one of the two is given.
    pub parent_reference: Option<AccountReference>,
    /// Bonus programs of the account and all below it.
    pub bonus_programs: Vec<BonusProgramReference>,
    /// Whether operations stop here instead of counting in the parent's open-to-buy.
    pub no_parent_notification: bool,
    /// Whether the account's own open-to-buy is left out when an operation is checked.
    pub no_otb_check: bool,
    /// Who pays what is owed on the account.
    pub paying: PayingAccountType,
}

/// Who pays what is owed on an account (`payingAccountType`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PayingAccountType {
    /// The account itself.
    #[default]
    ItselfPays,
    /// The root of its hierarchy; for a root that is itself.
    RootPays,
}

/// In the last byte of an encoded opening: [`OpenAccount::no_otb_check`], which that byte was when it
/// was a truth value alone.
const NO_OTB_CHECK: u8 = 1;
/// In the same byte: [`PayingAccountType::RootPays`]. Openings without it are written as they always were,
/// and a version that does not know it refuses the byte.
const ROOT_PAYS: u8 = 2;

impl Encode for OpenAccount {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Self {
            external_reference,
            product,
            credit_limit,
            parent,
            parent_reference,
            bonus_programs,
            no_parent_notification,
            no_otb_check,
            paying,
        } = self;
        (external_reference, product, credit_limit).encode(encoder)?;
        (parent, parent_reference, bonus_programs).encode(encoder)?;
        no_parent_notification.encode(encoder)?;
        let no_otb_check = if *no_otb_check { NO_OTB_CHECK } else { 0 };
        let root_pays = match paying {
            PayingAccountType::ItselfPays => 0,
            PayingAccountType::RootPays => ROOT_PAYS,
        };
        (no_otb_check | root_pays).encode(encoder)
    }
}

impl<'de, C> BorrowDecode<'de, C> for OpenAccount {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        let (external_reference, product, credit_limit) = BorrowDecode::borrow_decode(decoder)?;
        let (parent, parent_reference, bonus_programs) = BorrowDecode::borrow_decode(decoder)?;
        let no_parent_notification = bool::borrow_decode(decoder)?;
        let flags = u8::borrow_decode(decoder)?;
        if flags & !(NO_OTB_CHECK | ROOT_PAYS) != 0 {
            return Err(DecodeError::InvalidBooleanValue(flags));
        }
        Ok(Self {
            external_reference,
            product,
            credit_limit,
            parent,
            parent_reference,
            bonus_programs,
            no_parent_notification,
            no_otb_check: flags & NO_OTB_CHECK != 0,
            paying: match flags & ROOT_PAYS {
                0 => PayingAccountType::ItselfPays,
                _ => PayingAccountType::RootPays,
            },
        })
    }
}

/// Body of `set-credit-limit`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct SetCreditLimit {
    /// The new permanent limit, zero or more.
    pub credit_limit: Amount,
}

/// Body of `create-offline-reservation`.
///
/// Source: issuer API, "Offline reservation".
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct CreateOfflineReservation {
    /// Its name, unique per issuer, also among those that were cancelled.
    pub reference: ReservationReference,
    /// What is reserved, in the account's currency; more than zero.
    pub amount: Amount,
}

/// Body of `cancel-offline-reservation`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct CancelOfflineReservation {
    /// The reservation, which must be active on the account.
    pub reference: ReservationReference,
}

/// The external triplet: names one operation, unique per issuer; the second idempotency key.
///
/// Source: issuer API, fields `externalOperationDate`, `externalOperationReference`,
/// `externalOperationServicePoster`. Dates are equal when they are the same millisecond.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub struct Triplet {
    /// When the operation was performed outside.
    pub date: Timestamp,
    /// Its number there.
    pub reference: OperationReference,
    /// The system that posts it.
    pub service_poster: ServicePoster,
}

/// Body of the `post-…-operation` commands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostOperation {
    /// Name of the operation outside.
    pub triplet: Triplet,
    /// Amount in the account's currency, debit positive.
    pub reference_amount: Option<Amount>,
    /// When it impacts balances; absent: by the rule of its kind.
    pub value_date: Option<Moment>,
    /// Text for the cardholder.
    pub description: Option<Description>,
    /// The issuer's own code for the operation (`externalOperationCode`).
    pub external_code: Option<Label>,
    /// What kind of operation, with the fields of that kind.
    pub detail: PostDetail,
}

/// Fields of one kind of operation. Variant order is the disk format.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub enum PostDetail {
    /// FEE.
    Fee(PostFee),
    /// BONUS, in money or in points.
    Bonus(Box<PostBonus>),
    /// INT.
    Interest(InterestType),
    /// PAY.
    Payment(PostPayment),
    /// BAL_ADJ.
    BalanceAdjustment {
        /// Reason from the issuer's list (`balanceAdjustmentReason`).
        reason: ReasonCode,
    },
    /// RMB: pays out a credit balance.
    Reimbursement(ReimbursementType),
    /// LOAD: funds onto a prepaid account.
    Load(PostPayment),
    /// UNLOAD: funds off a prepaid account.
    Unload,
    /// TRN: a scheme transaction from clearing.
    Transaction(PostTransaction),
    /// RST_BAL: brings the balance to zero; the engine finds the amount.
    ResetBalance,
    /// TRN: a scheme transaction from clearing that consumes what a business case has reserved.
    Clearing(Box<PostClearing>),
}

/// Fields of a fee.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostFee {
    /// Type, one of the product's.
    pub fee_type: FeeType,
    /// Finer type, kept and shown.
    pub sub_fee_type: Option<Label>,
    /// How often the fee is taken, kept and shown.
    pub frequency: Option<Label>,
    /// Whether this is an adjustment, which may be a credit.
    pub adjustment: bool,
    /// Why; mandatory for an adjustment.
    pub adjustment_reason: Option<AdjustmentReason>,
}

/// Why a fee is adjusted. Source: issuer API, field `adjustmentReason`. Variant order is the disk
/// format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum AdjustmentReason {
    /// ERROR_DURING_ACQUISITION.
    ErrorDuringAcquisition,
    /// INVALID_OPERATION.
    InvalidOperation,
    /// COMMERCIAL_ADJUSTMENT.
    CommercialAdjustment,
    /// DISPUTE_RESULT.
    DisputeResult,
    /// CONFIGURATION_REPROCESSING.
    ConfigurationReprocessing,
}

/// Fields of a bonus. Exactly one of the reference amount and the points is given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostBonus {
    /// The program, allowed on the account or above it.
    pub program: BonusProgramReference,
    /// Points, credit to the customer negative.
    pub points: Option<LoyaltyPoints>,
    /// The rewarded operation by its id; at most one of the two forms is given.
    pub rewarded_operation: Option<OperationId>,
    /// The rewarded operation by its triplet.
    pub rewarded_triplet: Option<Triplet>,
}

/// A number of points in a unit of the program (`loyaltyPointAmount`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct LoyaltyPoints {
    /// The unit.
    pub unit: LoyaltyUnit,
    /// Debit positive, credit to the customer negative.
    pub value: i64,
}

/// Direction of interest. Variant order is the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum InterestType {
    /// The holder receives it: a negative amount.
    Credit,
    /// The holder owes it: a positive amount.
    Debit,
}

impl InterestType {
    /// The code of the field `interestType`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Credit => "CREDIT",
            Self::Debit => "DEBIT",
        }
    }
}

/// Fields of a payment or a load.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostPayment {
    /// How the money came, such as `DIRECT_DEBIT` (`paymentChannel`).
    pub channel: Option<ReasonCode>,
    /// Why, kept and shown (`paymentReason`).
    pub reason: Option<Label>,
    /// Whether it came in SEPA format.
    pub sepa: Option<bool>,
}

/// How the amount of a reimbursement is found. Variant order is the disk format.
///
/// Source: issuer API, field `reimbursementType`. What may be paid out is the credit balance,
/// limited to the open-to-buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub enum ReimbursementType {
    /// All that may be paid out; the command names no amount.
    Full,
    /// The amount, or what may be paid out if that is less.
    Partial,
    /// The amount; refused when more than may be paid out. The default.
    Max,
}

/// Fields of a scheme transaction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostTransaction {
    /// What the cardholder did.
    pub operation_code: OperationCode,
    /// Amount at the acceptor, in any currency.
    pub transaction_amount: Option<Amount>,
    /// When, at the acceptor.
    pub transaction_date: Option<Timestamp>,
    /// What else is told of it.
    pub labels: TransactionLabels,
}

/// Fields of a scheme transaction that was authorized.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct PostClearing {
    /// The fields of any scheme transaction.
    pub transaction: PostTransaction,
    /// The business case that reserved for it (`authorizationBusinessCaseIdentifier`).
    pub business_case: BusinessCaseId,
    /// Whether nothing more will be cleared for the case, so that all it still reserves is given
    /// free; else only as much as is cleared (`finalClearing`).
    pub is_final: bool,
}

/// What a scheme transaction was. Variant order is the disk format.
///
/// Source: issuer API, field `operationCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
#[allow(missing_docs, reason = "the names are the field's own")]
pub enum OperationCode {
    CashAdvance,
    CashBack,
    CashWithdrawal,
    Credit,
    FundTransfer,
    NormalPurchase,
    RefundPurchase,
    Load,
}

/// Body of the `reverse-…-operation` commands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct ReverseOperation {
    /// Kind that the original must have.
    pub kind: OperationKind,
    /// Name of the reversal outside.
    pub triplet: Triplet,
    /// Name of the original outside (`externalMatchingOperation…`).
    pub matching: Triplet,
    /// Part to reverse, of the opposite sign; absent: all that remains.
    pub reference_amount: Option<Amount>,
    /// Why; mandatory for a fee, and then `REVERSAL_ON_DEMAND`.
    pub reversal_reason: Option<ReasonCode>,
    /// If given, the fee type the original must have.
    pub fee_type: Option<FeeType>,
    /// Text for the cardholder.
    pub description: Option<Description>,
    /// The issuer's own code for the operation.
    pub external_code: Option<Label>,
}

/// Kind of an operation. Variant order is the disk format.
///
/// Source: issuer API, field `operationKind`; BONUS and UNLOAD extend the published list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub enum OperationKind {
    /// FEE.
    Fee,
    /// BONUS.
    Bonus,
    /// INT.
    Interest,
    /// PAY.
    Payment,
    /// BAL_ADJ.
    BalanceAdjustment,
    /// RMB.
    Reimbursement,
    /// LOAD.
    Load,
    /// UNLOAD.
    Unload,
    /// TRN.
    Transaction,
    /// RST_BAL.
    ResetBalance,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Fee,
        Self::Bonus,
        Self::Interest,
        Self::Payment,
        Self::BalanceAdjustment,
        Self::Reimbursement,
        Self::Load,
        Self::Unload,
        Self::Transaction,
        Self::ResetBalance,
    ];

    /// The code of the kind, as the issuer API writes it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Fee => "FEE",
            Self::Bonus => "BONUS",
            Self::Interest => "INT",
            Self::Payment => "PAY",
            Self::BalanceAdjustment => "BAL_ADJ",
            Self::Reimbursement => "RMB",
            Self::Load => "LOAD",
            Self::Unload => "UNLOAD",
            Self::Transaction => "TRN",
            Self::ResetBalance => "RST_BAL",
        }
    }

    /// Whether an operation of this kind pays funds out, and so needs them to be there.
    #[must_use]
    pub fn is_payout(self) -> bool {
        match self {
            Self::Reimbursement | Self::Unload => true,
            Self::Fee
            | Self::Bonus
            | Self::Interest
            | Self::Payment
            | Self::BalanceAdjustment
            | Self::Load
            | Self::Transaction
            | Self::ResetBalance => false,
        }
    }

    /// Whether a part of an operation of this kind can be reversed.
    #[must_use]
    pub fn is_partly_reversible(self) -> bool {
        match self {
            Self::Fee | Self::BalanceAdjustment => true,
            Self::Bonus
            | Self::Interest
            | Self::Payment
            | Self::Reimbursement
            | Self::Load
            | Self::Unload
            | Self::Transaction
            | Self::ResetBalance => false,
        }
    }
}

impl PostDetail {
    /// Kind of the operation.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Fee(_) => OperationKind::Fee,
            Self::Bonus(_) => OperationKind::Bonus,
            Self::Interest(_) => OperationKind::Interest,
            Self::Payment(_) => OperationKind::Payment,
            Self::BalanceAdjustment { .. } => OperationKind::BalanceAdjustment,
            Self::Reimbursement(_) => OperationKind::Reimbursement,
            Self::Load(_) => OperationKind::Load,
            Self::Unload => OperationKind::Unload,
            Self::Transaction(_) | Self::Clearing(_) => OperationKind::Transaction,
            Self::ResetBalance => OperationKind::ResetBalance,
        }
    }
}

impl AccountAction {
    /// The triplet the command would take, if it posts or reverses an operation.
    #[must_use]
    pub fn triplet(&self) -> Option<&Triplet> {
        match self {
            Self::SetCreditLimit(_)
            | Self::Close
            | Self::RecordAuthorization(_)
            | Self::CreateOfflineReservation(_)
            | Self::CancelOfflineReservation(_) => None,
            Self::Post(post) => Some(&post.triplet),
            Self::Reverse(reverse) => Some(&reverse.triplet),
        }
    }

    /// The name outside that the command would take, and that nothing else of the issuer may have.
    #[must_use]
    pub fn second_key(&self) -> Option<SecondKey<'_>> {
        match self {
            Self::SetCreditLimit(_) | Self::Close | Self::CancelOfflineReservation(_) => None,
            Self::Post(post) => Some(SecondKey::Triplet(&post.triplet)),
            Self::Reverse(reverse) => Some(SecondKey::Triplet(&reverse.triplet)),
            Self::RecordAuthorization(message) => {
                Some(SecondKey::Transaction(&message.transaction_id))
            }
            Self::CreateOfflineReservation(reservation) => {
                Some(SecondKey::Reservation(&reservation.reference))
            }
        }
    }
}
