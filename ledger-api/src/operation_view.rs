//! One operation with everything that is known about it, in the shape of the issuer API.

use ledger_core::annotations::{
    AcquisitionMaterial, Annotations, EntryMode, TransactionNotes, ValidationMode,
};
use ledger_core::command::{
    AccountAction, AccountSelector, OperationKind, PostDetail, PostFee, PostOperation,
    PostTransaction, ReverseOperation, Triplet,
};
use ledger_core::event::{Decided, EventBody, OperationView as Operation, Record};
use ledger_core::ids::{AccountIndex, AccountReference, OperationId};
use ledger_core::money::{Amount, Unit};
use ledger_core::portfolio::Portfolio;
use ledger_core::rate::ExchangeRate;
use ledger_core::time::{Moment, TimeZone, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::views::{AmountView, instant};
use crate::words;

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
    fn of(id: OperationId) -> Self {
        Self {
            operation_id: id.to_string(),
        }
    }
}

/// The operation that a record posts, or the operation that it refused, as the books have it now; none for
/// any other record. `index` is the account of the record.
#[must_use]
pub fn api_operation(
    portfolio: &Portfolio,
    index: AccountIndex,
    record: &Record,
) -> Option<ApiOperation> {
    let mut view = match &record.event.body {
        EventBody::OperationRejected {
            posting_date,
            action,
            rejection,
            ..
        } => ApiOperation {
            status: "IN_ERROR",
            rejection_code: Some(rejection.code()),
            posting_date: instant(posting_date.unwrap_or(record.recorded_at)),
            ..asked(action)?
        },
        EventBody::OperationPosted { operation, .. } => {
            done(portfolio, index, &record.operation()?, posted(operation))
        }
        EventBody::OperationCleared { operation, .. } => {
            done(portfolio, index, &record.operation()?, posted(operation))
        }
        EventBody::OperationReversed {
            reversal, contra, ..
        } => {
            let detail = contra.detail.as_ref().map(ToString::to_string);
            let view = with_detail(reversed(reversal), contra.kind, detail);
            done(portfolio, index, &record.operation()?, view)
        }
        EventBody::IssuerConfigured { .. }
        | EventBody::ProductDefined(_)
        | EventBody::BonusProgramDefined(_)
        | EventBody::BusinessDateAdvanced(_)
        | EventBody::AccountOpened { .. }
        | EventBody::CreditLimitSet { .. }
        | EventBody::AccountClosed { .. }
        | EventBody::AuthorizationRecorded { .. }
        | EventBody::OfflineReservationCreated { .. }
        | EventBody::OfflineReservationCancelled { .. } => return None,
    };
    let account = portfolio.account(index);
    let issuer = portfolio.issuer(account.issuer);
    view.issuer_id = issuer.id.to_string();
    view.posting_account_identifier.account_reference =
        Some(AccountReference::of(index).to_string());
    let product = portfolio.product(index).reference.to_string();
    view.product_identifier = ProductIdentifier {
        issuer_product_external_reference: product.clone(),
        product_reference: product,
    };
    if let Some(annotations) = &record.event.annotations {
        annotate(&mut view, annotations, issuer.configuration().time_zone);
    }
    Some(view)
}

/// What was decided, and what became of it since.
fn done(
    portfolio: &Portfolio,
    index: AccountIndex,
    operation: &Operation<'_>,
    view: ApiOperation,
) -> ApiOperation {
    let account = portfolio.account(index);
    let issuer = portfolio.issuer(account.issuer);
    let Decided {
        value_date,
        quantity,
        ..
    } = operation.decided;
    let (reference_amount, loyalty_point) = match quantity.unit {
        Unit::Money => {
            let amount = AmountView::new(quantity.value.into(), account.currency);
            (Some(amount), None)
        }
        Unit::Points(commodity) => {
            let (_, unit) = issuer.commodity_at(commodity);
            let point = LoyaltyPoint {
                unit: unit.to_string(),
                cumulated_value: quantity.value,
            };
            (None, Some(point))
        }
    };
    let original = operation.original.map(|(original, _)| original);
    let group = (original.unwrap_or(operation.id), operation.id);
    let zone = issuer.configuration().time_zone;
    ApiOperation {
        operation_identifier: Some(OperationIdentifier::of(operation.id)),
        status: if portfolio.is_cancelled(operation.id) {
            "CANCELLED"
        } else if portfolio.is_pending(account.issuer, *value_date, group) {
            "CAS_PENDING"
        } else {
            "PROCESSED"
        },
        posting_date: instant(operation.posting_date),
        partial_operation: operation.partial,
        parent_operation_identifier: original
            .map(OperationIdentifier::of)
            .or_else(|| view.rewarded_operation_identifier.clone()),
        transaction_amount: match operation.post {
            Some(PostDetail::Fee(_)) => reference_amount,
            Some(_) | None => view.transaction_amount,
        },
        reference_amount,
        loyalty_point,
        debit: Some(quantity.value > 0),
        value_date: Some(instant(zone.start_of(*value_date))),
        ..view
    }
}

/// What a refused command asked for.
fn asked(action: &AccountAction) -> Option<ApiOperation> {
    let (view, amount) = match action {
        AccountAction::Post(post) => (posted(post), post.reference_amount),
        AccountAction::Reverse(reverse) => (reversed(reverse), reverse.reference_amount),
        AccountAction::SetCreditLimit(_)
        | AccountAction::Close
        | AccountAction::RecordAuthorization(_)
        | AccountAction::CreateOfflineReservation(_)
        | AccountAction::CancelOfflineReservation(_) => return None,
    };
    Some(ApiOperation {
        reference_amount: amount.map(amount_view),
        debit: amount.map(|amount| amount.minor > 0),
        ..view
    })
}

fn posted(operation: &PostOperation) -> ApiOperation {
    let detail = operation.detail.contra_detail().map(str::to_owned);
    let kind = operation.detail.kind();
    let view = with_detail(named(&operation.triplet, kind), kind, detail);
    let view = ApiOperation {
        description: operation.description.as_ref().map(ToString::to_string),
        external_operation_code: operation.external_code.as_ref().map(ToString::to_string),
        ..view
    };
    match &operation.detail {
        PostDetail::Fee(fee) => of_fee(view, fee),
        PostDetail::Bonus(bonus) => {
            let rewarded = bonus.rewarded_triplet.as_ref();
            ApiOperation {
                bonus_program_reference: Some(bonus.program.to_string()),
                loyalty_point: bonus.points.as_ref().map(|points| LoyaltyPoint {
                    unit: points.unit.to_string(),
                    cumulated_value: points.value,
                }),
                rewarded_operation_identifier: bonus
                    .rewarded_operation
                    .map(OperationIdentifier::of),
                rewarded_external_matching_operation_date: rewarded.map(|of| instant(of.date)),
                rewarded_external_matching_operation_reference: rewarded
                    .map(|of| of.reference.to_string()),
                rewarded_external_matching_operation_service_poster: rewarded
                    .map(|of| of.service_poster.to_string()),
                ..view
            }
        }
        PostDetail::Payment(payment) | PostDetail::Load(payment) => ApiOperation {
            payment_channel: Some(
                payment
                    .channel
                    .as_ref()
                    .map_or_else(|| NO_CHANNEL.to_owned(), ToString::to_string),
            ),
            payment_reason: payment.reason.as_ref().map(ToString::to_string),
            sepa: Some(payment.sepa.unwrap_or(false)),
            payment_trigger: (kind == OperationKind::Payment).then_some("ON_DEMAND"),
            ..view
        },
        PostDetail::Reimbursement(how) => ApiOperation {
            reimbursement_type: Some(words::reimbursement_type(*how)),
            reimbursement_trigger: Some("ON_DEMAND"),
            ..view
        },
        PostDetail::Transaction(transaction) => of_transaction(view, transaction),
        PostDetail::Clearing(clearing) => ApiOperation {
            authorization_business_case_identifier: Some(BusinessCaseIdentifier {
                business_case_id: clearing.business_case.to_string(),
            }),
            ..of_transaction(view, &clearing.transaction)
        },
        PostDetail::Interest(_)
        | PostDetail::BalanceAdjustment { .. }
        | PostDetail::Unload
        | PostDetail::ResetBalance => view,
    }
}

/// How a payment came of which nothing is said. Source: issuer API, `paymentChannel`.
const NO_CHANNEL: &str = "NO_CHANNEL_PROVIDED";

fn of_fee(view: ApiOperation, fee: &PostFee) -> ApiOperation {
    ApiOperation {
        sub_fee_type: fee.sub_fee_type.as_ref().map(ToString::to_string),
        frequency: fee.frequency.as_ref().map(ToString::to_string),
        adjustment: fee.adjustment,
        adjustment_reason: fee.adjustment_reason.map(words::adjustment_reason),
        ..view
    }
}

fn of_transaction(view: ApiOperation, transaction: &PostTransaction) -> ApiOperation {
    let PostTransaction {
        operation_code,
        transaction_amount,
        transaction_date,
        merchant_category_code,
        card_acceptor_name,
        card_acceptor_city,
        card_acceptor_country,
        card_acceptor_id_code,
        approval_code,
        acquirer_reference_data,
        card_reference,
        masked_pan,
    } = transaction;
    ApiOperation {
        operation_code: Some(words::operation_code(*operation_code)),
        transaction_amount: transaction_amount.map(amount_view),
        transaction_date: transaction_date.map(instant),
        merchant_category_code: merchant_category_code.as_ref().map(ToString::to_string),
        card_acceptor_name: card_acceptor_name.as_ref().map(ToString::to_string),
        card_acceptor_city: card_acceptor_city.as_ref().map(ToString::to_string),
        card_acceptor_country: card_acceptor_country.as_ref().map(ToString::to_string),
        card_acceptor_id_code: card_acceptor_id_code.as_ref().map(ToString::to_string),
        approval_code: approval_code.as_ref().map(ToString::to_string),
        acquirer_reference_data: acquirer_reference_data.as_ref().map(ToString::to_string),
        card_identifier: card_reference.as_ref().map(|reference| CardIdentifier {
            card_reference: Some(reference.to_string()),
            issuer_card_external_reference: None,
        }),
        masked_pan: masked_pan.as_ref().map(ToString::to_string),
        ..view
    }
}

fn reversed(reversal: &ReverseOperation) -> ApiOperation {
    let matching = &reversal.matching;
    ApiOperation {
        reversal: true,
        description: reversal.description.as_ref().map(ToString::to_string),
        external_operation_code: reversal.external_code.as_ref().map(ToString::to_string),
        reversal_reason: reversal.reversal_reason.as_ref().map(ToString::to_string),
        fee_type: reversal.fee_type.as_ref().map(ToString::to_string),
        external_matching_operation_date: Some(instant(matching.date)),
        external_matching_operation_reference: Some(matching.reference.to_string()),
        external_matching_operation_service_poster: Some(matching.service_poster.to_string()),
        ..named(&reversal.triplet, reversal.kind)
    }
}

fn named(triplet: &Triplet, kind: OperationKind) -> ApiOperation {
    ApiOperation {
        operation_kind: kind.code(),
        external_operation_date: instant(triplet.date),
        external_operation_reference: triplet.reference.to_string(),
        external_operation_service_poster: triplet.service_poster.to_string(),
        ..ApiOperation::default()
    }
}

/// Says what the kind's own type or reason is, in the field of the kind.
fn with_detail(view: ApiOperation, kind: OperationKind, detail: Option<String>) -> ApiOperation {
    match kind {
        OperationKind::Fee => ApiOperation {
            fee_type: detail,
            ..view
        },
        OperationKind::Interest => ApiOperation {
            interest_type: detail,
            ..view
        },
        OperationKind::BalanceAdjustment => ApiOperation {
            balance_adjustment_reason: detail,
            ..view
        },
        OperationKind::Bonus
        | OperationKind::Payment
        | OperationKind::Reimbursement
        | OperationKind::Load
        | OperationKind::Unload
        | OperationKind::Transaction
        | OperationKind::ResetBalance => view,
    }
}

fn annotate(view: &mut ApiOperation, annotations: &Annotations, zone: TimeZone) {
    let day = |moment: Moment| match moment {
        Moment::Day(day) => instant(zone.start_of(day)),
        Moment::Instant(at) => instant(at),
    };
    let interest = &annotations.interest;
    view.origin = annotations.origin.as_ref().map(ToString::to_string);
    view.username = annotations.username.as_ref().map(ToString::to_string);
    let fields = annotations.specific_fields.iter();
    let fields: BTreeMap<_, _> = fields
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    view.specific_fields = (!fields.is_empty()).then_some(fields);
    view.print_on_statement = annotations.print_on_statement;
    view.correction = annotations.correction;
    let iban = annotations.destination_iban.as_ref();
    view.destination_iban = iban.map(ToString::to_string);
    let reason = annotations.reimbursement_reason.as_ref();
    view.reimbursement_reason = reason.map(ToString::to_string);
    let pan_reference = annotations.pan_reference.as_ref();
    view.pan_reference = pan_reference.map(ToString::to_string);
    let over_payment = annotations.over_payment_account.as_ref();
    view.over_payment_account_identifier = over_payment.map(|account| match account {
        AccountSelector::Reference(reference) => AccountIdentifier {
            account_reference: Some(reference.to_string()),
            ..AccountIdentifier::default()
        },
        AccountSelector::External(reference) => AccountIdentifier {
            issuer_account_external_reference: Some(reference.to_string()),
            ..AccountIdentifier::default()
        },
    });
    view.interest_start_date = interest.start_date.map(day);
    view.interest_end_date = interest.end_date.map(day);
    view.interest_condition = interest.condition.as_ref().map(ToString::to_string);
    annotate_transaction(view, &annotations.transaction);
}

fn annotate_transaction(view: &mut ApiOperation, notes: &TransactionNotes) {
    let TransactionNotes {
        brand,
        card_scheme,
        card_type_code,
        card_acceptor_zip_code,
        acquisition_material,
        entry_mode,
        validation_mode,
        exchange_rate,
        reconciliation_amount,
        point_of_sale_environment,
        mail_phone_ecommerce_and_payment_indicator,
        operation_date,
        issuer_card_external_reference,
        cash_amount,
        poi_amount,
        gratuity_amount,
        surcharge_amount,
        exchange_rate_date,
        exchange_rate_source,
        terminal_id,
        scheme_transaction_identifier,
    } = notes;
    view.brand = brand.as_ref().map(ToString::to_string);
    view.card_scheme = card_scheme.as_ref().map(ToString::to_string);
    view.card_type_code = card_type_code.as_ref().map(ToString::to_string);
    view.card_acceptor_zip_code = card_acceptor_zip_code.as_ref().map(ToString::to_string);
    view.acquisition_material = acquisition_material.map(AcquisitionMaterial::code);
    view.entry_mode = entry_mode.map(EntryMode::code);
    view.validation_mode = validation_mode.map(ValidationMode::code);
    view.exchange_rate = exchange_rate.map(Rate);
    view.reconciliation_amount = reconciliation_amount.map(amount_view);
    let environment = point_of_sale_environment.as_ref();
    view.point_of_sale_environment = environment.map(ToString::to_string);
    let indicator = mail_phone_ecommerce_and_payment_indicator.as_ref();
    view.mail_phone_ecommerce_and_payment_indicator = indicator.map(ToString::to_string);
    view.operation_date = operation_date.map(instant);
    if let Some(reference) = issuer_card_external_reference {
        let card = view.card_identifier.get_or_insert_default();
        card.issuer_card_external_reference = Some(reference.to_string());
    }
    view.cash_amount = cash_amount.map(amount_view);
    view.poi_amount = poi_amount.map(amount_view);
    view.gratuity_amount = gratuity_amount.map(amount_view);
    view.surcharge_amount = surcharge_amount.map(amount_view);
    view.exchange_rate_date = exchange_rate_date.map(instant);
    view.exchange_rate_source = exchange_rate_source.as_ref().map(ToString::to_string);
    view.terminal_id = terminal_id.as_ref().map(ToString::to_string);
    let life = scheme_transaction_identifier.as_ref();
    view.scheme_transaction_identifier = life.map(ToString::to_string);
}

fn amount_view(amount: Amount) -> AmountView {
    AmountView::new(amount.minor.into(), amount.currency)
}

/// When a record was posted: its own posting date, or when it was recorded.
pub(crate) fn posted_at(record: &Record) -> Timestamp {
    let own = match &record.event.body {
        EventBody::OperationRejected { posting_date, .. }
        | EventBody::OfflineReservationCreated { posting_date, .. }
        | EventBody::OfflineReservationCancelled { posting_date, .. } => *posting_date,
        EventBody::AuthorizationRecorded { decided, .. } => decided.posting_date,
        EventBody::OperationPosted { decided, .. }
        | EventBody::OperationCleared { decided, .. }
        | EventBody::OperationReversed { decided, .. } => decided.posting_date,
        EventBody::IssuerConfigured { .. }
        | EventBody::ProductDefined(_)
        | EventBody::BonusProgramDefined(_)
        | EventBody::BusinessDateAdvanced(_)
        | EventBody::AccountOpened { .. }
        | EventBody::CreditLimitSet { .. }
        | EventBody::AccountClosed { .. } => None,
    };
    own.unwrap_or(record.recorded_at)
}
