//! What queries about authorizations answer.

use std::borrow::Cow;

use ledger_core::authorization::{DecidedAuthorization, RecordAuthorization, ResultType};
use ledger_core::ids::AccountReference;
use ledger_core::money::Currency;
use ledger_core::text::{IssuerId, Label};
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AmountView, instant};

/// One message of the authorization system (source: issuer API, "Authorization").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationView {
    /// The issuer.
    pub issuer_id: String,
    /// The account.
    pub account_reference: String,
    /// The account, in both ways to name it.
    #[serde(default)]
    pub account_identifier: AccountIdentifierView,
    /// Name of the message.
    pub transaction_id: String,
    /// The same, as the source has it.
    #[serde(default)]
    pub authorization_identifier: AuthorizationIdentifierView,
    /// The business case it belongs to.
    pub business_case_id: String,
    /// The same, as the source has it.
    #[serde(default)]
    pub authorization_business_case_identifier: BusinessCaseIdentifierView,
    /// What it is, such as Authorization.
    pub transaction_type: Cow<'static, str>,
    /// The same, under its newer name.
    #[serde(default)]
    pub transaction_type2: Cow<'static, str>,
    /// Request or Advice.
    pub transaction_sub_type: Cow<'static, str>,
    /// What the cardholder does, such as Purchase.
    pub financial_type: Option<String>,
    /// When it was sent.
    pub transaction_date: String,
    /// When it was posted here.
    pub posting_date: String,
    /// Approval, Decline, Referral, PickUp or Other.
    pub result_type: Cow<'static, str>,
    /// Whether it was not approved.
    #[serde(default)]
    pub declined: bool,
    /// Response code, such as 51.
    pub result_code: Option<String>,
    /// Why, where the engine declined it.
    pub decline_reason: Option<Cow<'static, str>>,
    /// Amount at the acceptor.
    pub total_amount: Option<AmountView>,
    /// Amount in the account's currency, debit positive.
    pub total_billing_amount: Option<AmountView>,
    /// What its business case reserved right after it.
    pub reserve_amount: AmountView,
    /// Last day on which that counts.
    pub reserve_expiry_date: String,
    /// Open-to-buy of the account right after it; absent for debit accounts.
    pub open_to_buy: Option<AmountView>,
    /// Code of the approval.
    pub approval_code: Option<String>,
    /// Merchant category code.
    pub merchant_category_code: Option<String>,
    /// Acceptor's name.
    pub card_acceptor_name: Option<String>,
    /// Acceptor's city.
    pub card_acceptor_city: Option<String>,
    /// Acceptor's country.
    pub card_acceptor_country: Option<String>,
    /// Acceptor's code at its acquirer.
    pub card_acceptor_id_code: Option<String>,
    /// Opaque reference of the card.
    pub card_reference: Option<String>,
    /// Opaque reference of the card number.
    #[serde(default)]
    pub pan_reference: Option<String>,
    /// Card number with its middle digits hidden.
    pub masked_pan: Option<String>,
}

/// Messages that belong together, and what they reserve (source: issuer API, "Authorization business
/// case").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessCaseView {
    /// The issuer.
    pub issuer_id: String,
    /// The account.
    pub account_reference: String,
    /// Its id.
    pub business_case_id: String,
    /// The same, as the source has it.
    #[serde(default)]
    pub business_case_identifier: BusinessCaseIdentifierView,
    /// What the cardholder does, as its first message says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub financial_type: Option<String>,
    /// Acceptor's name, as its first message says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_name: Option<String>,
    /// Acceptor's city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_city: Option<String>,
    /// Acceptor's country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_country: Option<String>,
    /// Merchant category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_category_code: Option<String>,
    /// Its first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_authorization_identifier: Option<AuthorizationIdentifierView>,
    /// When that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_authorization_transaction_date: Option<String>,
    /// Its last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_authorization_identifier: Option<AuthorizationIdentifierView>,
    /// When that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_authorization_transaction_date: Option<String>,
    /// What its first message says at the acceptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve_amount: Option<AmountView>,
    /// What its messages say is reserved, whatever was cleared or has expired since; negative for a
    /// refund.
    pub reserve_billing_amount: AmountView,
    /// What of it still counts in open-to-buy.
    pub account_reserve_billing_amount: AmountView,
    /// None, Active, Expired or Cancelled.
    pub account_reserve_status: Cow<'static, str>,
    /// Last day on which the reserve counts, or counted.
    pub reserve_expiry_date: String,
    /// Its messages, in the order in which they were recorded.
    pub authorizations: Vec<AuthorizationView>,
    /// Operations that cleared it, in the order in which they were posted.
    pub operation_ids: Vec<String>,
}

/// An account, in both ways to name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountIdentifierView {
    /// The engine's reference.
    pub account_reference: String,
    /// The issuer's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_account_external_reference: Option<String>,
}

/// A message by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationIdentifierView {
    /// The name.
    pub transaction_id: String,
}

/// A business case by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessCaseIdentifierView {
    /// The id.
    pub business_case_id: String,
}

/// What a business case reserves on its account (source: issuer API, "Reserve").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReserveView {
    /// The business case.
    pub business_case_identifier: BusinessCaseIdentifierView,
    /// What counts in open-to-buy.
    pub billing_amount: AmountView,
    /// What its first message says at the acceptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountView>,
    /// When it ends: the first instant after the last day on which it counts.
    pub expiry_time: String,
    /// When its first message was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_time: Option<String>,
    /// Its first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_authorization_identifier: Option<AuthorizationIdentifierView>,
    /// What the cardholder does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub financial_type: Option<String>,
    /// Code of the approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// Acceptor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_name: Option<String>,
    /// Acceptor's city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_city: Option<String>,
    /// Acceptor's country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_acceptor_country: Option<String>,
    /// Merchant category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_category_code: Option<String>,
    /// Card number with its middle digits hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_card_number: Option<String>,
}

impl ReserveView {
    /// With what the first message of its case says.
    pub(crate) fn with_first(self, first: AuthorizationView) -> Self {
        Self {
            amount: first.total_amount,
            operation_time: Some(first.transaction_date),
            first_authorization_identifier: Some(first.authorization_identifier),
            financial_type: first.financial_type,
            approval_code: first.approval_code,
            card_acceptor_name: first.card_acceptor_name,
            card_acceptor_city: first.card_acceptor_city,
            card_acceptor_country: first.card_acceptor_country,
            merchant_category_code: first.merchant_category_code,
            masked_card_number: first.masked_pan,
            ..self
        }
    }
}

impl BusinessCaseView {
    /// The case with its messages, and what it says of the first and the last of them.
    pub(crate) fn with_messages(self, messages: Vec<AuthorizationView>) -> Self {
        let (first, last) = (messages.first(), messages.last());
        let name = |of: &AuthorizationView| of.authorization_identifier.clone();
        Self {
            financial_type: first.and_then(|of| of.financial_type.clone()),
            card_acceptor_name: first.and_then(|of| of.card_acceptor_name.clone()),
            card_acceptor_city: first.and_then(|of| of.card_acceptor_city.clone()),
            card_acceptor_country: first.and_then(|of| of.card_acceptor_country.clone()),
            merchant_category_code: first.and_then(|of| of.merchant_category_code.clone()),
            first_authorization_identifier: first.map(name),
            first_authorization_transaction_date: first.map(|of| of.transaction_date.clone()),
            last_authorization_identifier: last.map(name),
            last_authorization_transaction_date: last.map(|of| of.transaction_date.clone()),
            reserve_amount: first.and_then(|of| of.total_amount),
            authorizations: messages,
            ..self
        }
    }
}

impl AuthorizationView {
    /// The view of a message on an account in `currency`, recorded at `recorded_at`.
    pub(crate) fn new(
        issuer: &IssuerId,
        currency: Currency,
        recorded_at: Timestamp,
        decided: &DecidedAuthorization,
        message: &RecordAuthorization,
    ) -> Self {
        let amount = |minor| AmountView::new(minor, currency);
        let text = |label: &Option<Label>| label.as_ref().map(ToString::to_string);
        Self {
            issuer_id: issuer.to_string(),
            account_reference: AccountReference::of(decided.account).to_string(),
            account_identifier: AccountIdentifierView {
                account_reference: AccountReference::of(decided.account).to_string(),
                issuer_account_external_reference: None,
            },
            transaction_id: message.transaction_id.to_string(),
            authorization_identifier: AuthorizationIdentifierView {
                transaction_id: message.transaction_id.to_string(),
            },
            business_case_id: message.business_case.to_string(),
            authorization_business_case_identifier: BusinessCaseIdentifierView {
                business_case_id: message.business_case.to_string(),
            },
            transaction_type: message.transaction_type.code().into(),
            transaction_type2: message.transaction_type.code().into(),
            transaction_sub_type: message.sub_type.code().into(),
            financial_type: text(&message.financial_type),
            transaction_date: instant(message.transaction_date),
            posting_date: instant(decided.posting_date.unwrap_or(recorded_at)),
            result_type: decided.result_type.code().into(),
            declined: decided.result_type != ResultType::Approval,
            result_code: decided.result_code(message).map(str::to_owned),
            decline_reason: decided.reason.map(|reason| reason.code().into()),
            total_amount: message
                .transaction_amount
                .map(|of| AmountView::new(of.minor.into(), of.currency)),
            total_billing_amount: message.billing_amount.map(|of| amount(of.minor.into())),
            reserve_amount: amount(decided.reserve.minor.into()),
            reserve_expiry_date: decided.reserve.expiry.to_string(),
            open_to_buy: decided.open_to_buy_minor.map(amount),
            approval_code: text(&message.approval_code),
            merchant_category_code: text(&message.merchant_category_code),
            card_acceptor_name: text(&message.card_acceptor_name),
            card_acceptor_city: text(&message.card_acceptor_city),
            card_acceptor_country: text(&message.card_acceptor_country),
            card_acceptor_id_code: text(&message.card_acceptor_id_code),
            card_reference: text(&message.card_reference),
            pan_reference: None,
            masked_pan: text(&message.masked_pan),
        }
    }
}
