//! One operation with everything that is known about it, in the shape of the issuer API.

mod shape;

use std::collections::BTreeMap;

use ledger_core::annotations::{
    AcquisitionMaterial, Annotations, EntryMode, TransactionNotes, ValidationMode,
};
use ledger_core::command::{
    AccountAction, AccountSelector, OperationKind, PostDetail, PostFee, PostOperation,
    PostTransaction, ReverseOperation, Triplet,
};
use ledger_core::event::{Decided, EventBody, OperationView as Operation, Record};
use ledger_core::ids::{AccountIndex, AccountReference};
use ledger_core::labels::TransactionLabel;
use ledger_core::money::{Amount, Unit};
use ledger_core::portfolio::Portfolio;
use ledger_core::time::{Moment, TimeZone, Timestamp};

pub use self::shape::{
    AccountIdentifier, ApiOperation, BusinessCaseIdentifier, CardIdentifier, LoyaltyPoint,
    OperationAuthorization, OperationIdentifier, ProductIdentifier, Rate,
};
use crate::views::{AmountView, instant};
use crate::words;

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
        labels,
    } = transaction;
    let label = |label| labels.get(label).map(str::to_owned);
    ApiOperation {
        operation_code: Some(words::operation_code(*operation_code)),
        transaction_amount: transaction_amount.map(amount_view),
        transaction_date: transaction_date.map(instant),
        merchant_category_code: label(TransactionLabel::MerchantCategoryCode),
        card_acceptor_name: label(TransactionLabel::CardAcceptorName),
        card_acceptor_city: label(TransactionLabel::CardAcceptorCity),
        card_acceptor_country: label(TransactionLabel::CardAcceptorCountry),
        card_acceptor_id_code: label(TransactionLabel::CardAcceptorIdCode),
        approval_code: label(TransactionLabel::ApprovalCode),
        acquirer_reference_data: label(TransactionLabel::AcquirerReferenceData),
        card_identifier: label(TransactionLabel::CardReference).map(|reference| CardIdentifier {
            card_reference: Some(reference),
            issuer_card_external_reference: None,
        }),
        masked_pan: label(TransactionLabel::MaskedPan),
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
