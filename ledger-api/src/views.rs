//! What queries answer, in the names of the operations API, ready to be written as JSON.

pub mod authorizations;

use std::borrow::Cow;

use ledger_core::money::Currency;
use ledger_core::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// An amount: debit positive, credit negative. Open-to-buy alone is an availability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmountView {
    /// Minor units.
    pub value: i128,
    /// Digits after the decimal point.
    pub exponent: u32,
    /// Currency code.
    pub iso_code: &'static str,
}

impl AmountView {
    /// `minor` units of `currency`.
    #[must_use]
    pub fn new(minor: i128, currency: Currency) -> Self {
        Self {
            value: minor,
            exponent: currency.exponent(),
            iso_code: currency.code(),
        }
    }
}

impl<'de> Deserialize<'de> for AmountView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Amount {
            value: i128,
            exponent: u32,
            iso_code: String,
        }
        let amount = Amount::deserialize(deserializer)?;
        Currency::from_code(&amount.iso_code)
            .map(|currency| Self::new(amount.value, currency))
            .filter(|view| view.exponent == amount.exponent)
            .ok_or_else(|| D::Error::custom("is in a currency that is not known here"))
    }
}

/// An issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerView {
    /// Its id.
    pub issuer_id: String,
    /// Zone whose calendar its business dates follow.
    pub time_zone: String,
    /// The present business date.
    pub business_date: String,
}

/// One account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// The issuer.
    pub issuer_id: String,
    /// The engine's reference.
    pub account_reference: String,
    /// The issuer's reference.
    pub issuer_account_external_reference: Option<String>,
    /// What the holder owes.
    pub account_balance: AmountView,
    /// What the account may still spend; absent for debit accounts.
    pub open_to_buy: Option<AmountView>,
    /// Number of operations posted on it.
    pub operations: u64,
}

/// Financial information of one account (source: issuer API, "Retrieve Financial Information").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BalanceView {
    /// The issuer.
    pub issuer_id: String,
    /// The engine's reference.
    pub account_reference: String,
    /// The issuer's reference.
    pub issuer_account_external_reference: Option<String>,
    /// ACTIVE or CLOSED.
    pub status: Cow<'static, str>,
    /// The issuer's business date.
    pub business_date: String,
    /// When the present cycle began: when the account was opened, to the second, as long as there are no cycles.
    pub current_cycle_start_date: String,
    /// Operations posted on the account.
    pub account_balance: AmountView,
    /// Operations other than payments, posted here or below.
    pub accepted_amount: AmountView,
    /// Payments posted here or below, a positive number.
    pub payments: AmountView,
    /// The limit that counts.
    pub active_credit_limit_amount: AmountView,
    /// The same, as later versions of the source have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_credit_limit: Option<CreditLimitView>,
    /// Amount reserved by authorizations here or below.
    pub external_reserved_amount: AmountView,
    /// Amount reserved offline on the account.
    pub reserved_amount: AmountView,
    /// Deprecated in the source and always zero there.
    pub authorized_amount: AmountView,
    /// Of a paying account: the balances of all accounts that it pays for, its own included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liable_balance: Option<AmountView>,
    /// What the account may still spend; absent for debit accounts.
    pub open_to_buy: Option<AmountView>,
    /// The lower of the account's and its root's.
    pub prevailing_open_to_buy: Option<AmountView>,
    /// Points of the hierarchy.
    pub loyalty_points: Vec<PointsView>,
    /// The balance on two time axes, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOfView>,
}

/// Points of one program and unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointsView {
    /// The program.
    pub bonus_program_reference: String,
    /// The unit.
    pub unit: String,
    /// Points, credit to the customer negative.
    pub cumulated_value: i128,
}

/// A credit limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditLimitView {
    /// The amount.
    pub credit_limit_amount: AmountView,
}

/// A balance as it was, or will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AsOfView {
    /// Operations with a value date of at most this day.
    pub value_date: String,
    /// Operations posted at or before this instant; absent: all.
    pub known_at: Option<String>,
    /// Operations recorded up to this position; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The balance.
    pub account_balance: AmountView,
}

/// One operation, or one refusal, in a list (source: issuer API, "Operation").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationView {
    /// The issuer.
    pub issuer_id: String,
    /// The account.
    pub account_reference: String,
    /// Its id; absent for a refusal.
    pub operation_id: Option<String>,
    /// Kind, such as FEE.
    pub operation_kind: Cow<'static, str>,
    /// Whether it reverses another.
    pub reversal: bool,
    /// Whether it reverses a part.
    pub partial_operation: bool,
    /// The operation it reverses.
    pub parent_operation_id: Option<String>,
    /// PROCESSED, CAS_PENDING, CANCELLED (with its reversal, while pending) or REJECTED.
    pub status: Cow<'static, str>,
    /// Why, for a refusal.
    pub rejection_code: Option<Cow<'static, str>>,
    /// When it was posted.
    pub posting_date: String,
    /// When it counts from: the first instant of that day of the issuer.
    pub value_date: Option<String>,
    /// The same as a day, for people.
    pub value_day: Option<String>,
    /// The amount, in money.
    pub reference_amount: Option<AmountView>,
    /// The amount, in points.
    pub loyalty_point_amount: Option<PointsView>,
    /// Whether the holder is debited.
    pub debit: Option<bool>,
    /// Fee type, adjustment reason or interest type.
    pub detail: Option<String>,
    /// First part of the triplet.
    pub external_operation_date: String,
    /// Second part of the triplet.
    pub external_operation_reference: String,
    /// Third part of the triplet.
    pub external_operation_service_poster: String,
    /// Text for the cardholder.
    pub description: Option<String>,
}

/// One leg of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JournalView {
    /// Place of the record that made the operation effective.
    pub position: u64,
    /// The issuer.
    pub issuer_id: String,
    /// The operation.
    pub operation_id: String,
    /// Its account.
    pub account_reference: String,
    /// Its kind.
    pub operation_kind: Cow<'static, str>,
    /// The issuer's business date at the booking.
    pub booking_date: String,
    /// When the operation counts from.
    pub value_date: String,
    /// General-ledger account.
    pub gl_account: String,
    /// Minor units or points, when this is the debit side.
    pub debit: i64,
    /// Minor units or points, when this is the credit side.
    pub credit: i64,
    /// Currency code, or `program/unit` for points.
    pub unit: String,
    /// Digits after the decimal point; zero for points.
    pub exponent: u32,
}

/// The trial balance, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialBalanceReport {
    /// Its lines, by issuer, unit and general-ledger account.
    pub lines: Vec<TrialBalanceView>,
    /// Every promise of it that does not hold; there should be none.
    pub discrepancies: Vec<String>,
}

/// One line of the trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialBalanceView {
    /// The issuer.
    pub issuer_id: String,
    /// Currency code, or `program/unit` for points.
    pub unit: String,
    /// Digits after the decimal point; zero for points.
    pub exponent: u32,
    /// General-ledger account.
    pub gl_account: String,
    /// Its name, where it is a standard one.
    pub name: Cow<'static, str>,
    /// Sum of the debits.
    pub debits: i128,
    /// Sum of the credits.
    pub credits: i128,
    /// Debits less credits.
    pub net: i128,
}

/// An instant as the issuer API writes it: UTC, milliseconds, offset with a colon.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    match at.to_utc() {
        Some(utc) => utc.format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string(),
        None => at.0.to_string(),
    }
}
