//! The shape of an operation in the issuer API: its fields, what each of them says, and which are always written.

use std::collections::BTreeMap;

use ledger_core::ids::OperationId;
use ledger_core::rate::ExchangeRate;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::views::AmountView;

/// Declares a view: fields that are always written, and fields that are written when there is a value.
macro_rules! view {
    (
        $(#[$doc:meta])* $name:ident
        always { $($(#[$always_doc:meta])* $always:ident: $always_type:ty,)* }
        given { $($(#[$given_attribute:meta])* $given:ident: $given_type:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$always_doc])* pub $always: $always_type,)*
            $(
                $(#[$given_attribute])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $given: Option<$given_type>,
            )*
        }
    };
}

view! {
    /// One operation, or one refusal (source: issuer API, "Operation"). What is not known is not written.
    ApiOperation
    always {
        /// The issuer.
        issuer_id: String,
        /// The account.
        posting_account_identifier: AccountIdentifier,
        /// The account's product.
        product_identifier: ProductIdentifier,
        /// Kind, such as FEE.
        operation_kind: &'static str,
        /// PROCESSED; CAS_PENDING before its value date; CANCELLED, with its reversal, while it was
        /// pending (an addition); IN_ERROR for a refusal.
        status: &'static str,
        /// When it was posted.
        posting_date: String,
        /// Whether it reverses another.
        reversal: bool,
        /// Whether it reverses a part.
        partial_operation: bool,
        /// Whether it is an adjustment.
        adjustment: bool,
        /// First part of the triplet.
        external_operation_date: String,
        /// Second part of the triplet.
        external_operation_reference: String,
        /// Third part of the triplet.
        external_operation_service_poster: String,
    }
    given {
        /// Its id; a refusal has none.
        operation_identifier: OperationIdentifier,
        /// Why, for a refusal (an addition).
        rejection_code: &'static str,
        /// The amount, in money: debit positive. Of a refusal what was asked.
        reference_amount: AmountView,
        /// The amount, in points: debit positive.
        loyalty_point: LoyaltyPoint,
        /// Whether the holder is debited.
        debit: bool,
        /// When it counts from: the first instant of that day of the issuer.
        value_date: String,
        /// Text for the cardholder.
        description: String,
        /// The issuer's own code.
        external_operation_code: String,
        /// Why it is an adjustment.
        adjustment_reason: &'static str,
        /// Type of a fee; of a reversal, its original's.
        fee_type: String,
        /// Finer type of a fee.
        sub_fee_type: String,
        /// How often the fee is taken.
        frequency: String,
        /// CREDIT or DEBIT interest; of a reversal, its original's.
        interest_type: String,
        /// First day of the interest.
        interest_start_date: String,
        /// Last day of the interest.
        interest_end_date: String,
        /// Condition of the interest.
        interest_condition: String,
        /// Why the balance is adjusted; of a reversal, its original's reason.
        balance_adjustment_reason: String,
        /// Program of a bonus.
        bonus_program_reference: String,
        /// The operation that a bonus rewards.
        rewarded_operation_identifier: OperationIdentifier,
        /// The same by its triplet: when.
        rewarded_external_matching_operation_date: String,
        /// The same by its triplet: its number.
        rewarded_external_matching_operation_reference: String,
        /// The same by its triplet: the system.
        rewarded_external_matching_operation_service_poster: String,
        /// How a payment or load came.
        payment_channel: String,
        /// Why it came.
        payment_reason: String,
        /// Whether it came in SEPA format.
        sepa: bool,
        /// What made the payment: ON_DEMAND, since all are commands.
        payment_trigger: &'static str,
        /// Where what is paid too much goes to.
        over_payment_account_identifier: AccountIdentifier,
        /// FULL, PARTIAL or MAX.
        reimbursement_type: &'static str,
        /// What made the reimbursement: ON_DEMAND, since all are commands.
        reimbursement_trigger: &'static str,
        /// Why it is paid out.
        reimbursement_reason: String,
        /// Where it is paid to.
        destination_iban: String,
        /// What the cardholder did.
        operation_code: &'static str,
        /// Amount at the acceptor; of a fee, its own.
        transaction_amount: AmountView,
        /// When, at the acceptor.
        transaction_date: String,
        /// When the operation was performed.
        operation_date: String,
        /// Merchant category code.
        merchant_category_code: String,
        /// Acceptor's name.
        card_acceptor_name: String,
        /// Acceptor's city.
        card_acceptor_city: String,
        /// Acceptor's country.
        card_acceptor_country: String,
        /// Acceptor's postal code.
        card_acceptor_zip_code: String,
        /// Acceptor's code at its acquirer.
        card_acceptor_id_code: String,
        /// Code of the approved authorization.
        approval_code: String,
        /// The acquirer's reference.
        acquirer_reference_data: String,
        /// The card.
        card_identifier: CardIdentifier,
        /// Opaque reference of the card number.
        pan_reference: String,
        /// Card number with its middle digits hidden.
        masked_pan: String,
        /// Brand of the card.
        brand: String,
        /// Code of the scheme.
        card_scheme: String,
        /// Code of the type of card.
        card_type_code: String,
        /// The device that took the card.
        acquisition_material: &'static str,
        /// How the card was read.
        entry_mode: &'static str,
        /// How the cardholder was verified.
        validation_mode: &'static str,
        /// A number, as it was given.
        #[schema(value_type = f64)]
        exchange_rate: Rate,
        /// When the exchange rate was taken.
        exchange_rate_date: String,
        /// Where the exchange rate was taken from.
        exchange_rate_source: String,
        /// Amount settled with the scheme.
        reconciliation_amount: AmountView,
        /// The part that was given out in cash.
        cash_amount: AmountView,
        /// What the acceptor showed in the cardholder's currency (dynamic currency conversion).
        poi_amount: AmountView,
        /// The tip.
        gratuity_amount: AmountView,
        /// What the acceptor charged on top.
        surcharge_amount: AmountView,
        /// The acceptor's terminal.
        terminal_id: String,
        /// The scheme's name of the transaction throughout its life.
        scheme_transaction_identifier: String,
        /// The scheme's code of the point of sale.
        point_of_sale_environment: String,
        /// The business case whose reserve it consumed.
        authorization_business_case_identifier: BusinessCaseIdentifier,
        /// The authorization that it follows, if that was asked for.
        authorization: OperationAuthorization,
        /// The scheme's code of a transaction by mail, phone or network.
        mail_phone_ecommerce_and_payment_indicator: String,
        /// Of a reversal: its original, by its triplet: when.
        external_matching_operation_date: String,
        /// Its original: its number.
        external_matching_operation_reference: String,
        /// Its original: the system.
        external_matching_operation_service_poster: String,
        /// The operation that it belongs to: of a reversal its original, of a bonus the operation it rewards.
        parent_operation_identifier: OperationIdentifier,
        /// That operation itself, if it was asked for.
        #[schema(no_recursion)]
        parent_operation: Box<ApiOperation>,
        /// Why it was reversed.
        reversal_reason: String,
        /// Whether it is shown on the statement.
        print_on_statement: bool,
        /// Whether it corrects another.
        correction: bool,
        /// The system that it comes from.
        origin: String,
        /// The user who gave it.
        username: String,
        /// Fields that mean something to the issuer alone.
        specific_fields: BTreeMap<String, String>,
    }
}

view! {
    /// An account, by one of its names.
    AccountIdentifier
    always {}
    given {
        /// The engine's reference.
        account_reference: String,
        /// The issuer's reference.
        issuer_account_external_reference: String,
    }
}

view! {
    /// A product. The engine has one name for it, which both fields say.
    ProductIdentifier
    always {
        /// The issuer's reference.
        issuer_product_external_reference: String,
        /// The engine's reference.
        product_reference: String,
    }
    given {}
}

view! {
    /// An operation by its id.
    OperationIdentifier
    always {
        /// 16 digits.
        operation_id: String,
    }
    given {}
}

view! {
    /// A card by its references.
    CardIdentifier
    always {}
    given {
        /// The opaque reference.
        card_reference: String,
        /// The issuer's own.
        issuer_card_external_reference: String,
    }
}

view! {
    /// A business case by its id.
    BusinessCaseIdentifier
    always {
        /// The id.
        business_case_id: String,
    }
    given {}
}

view! {
    /// What is told of the authorization that a transaction follows.
    OperationAuthorization
    always {
        /// When it was approved.
        transaction_date: String,
    }
    given {}
}

view! {
    /// A number of points.
    LoyaltyPoint
    always {
        /// What is counted.
        unit: String,
        /// Debit positive, credit to the customer negative.
        cumulated_value: i64,
    }
    given {}
}

/// An exchange rate, written as a number with exactly the digits it was given with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub ExchangeRate);

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.0.to_string());
        number
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl OperationIdentifier {
    pub(super) fn of(id: OperationId) -> Self {
        Self {
            operation_id: id.to_string(),
        }
    }
}
