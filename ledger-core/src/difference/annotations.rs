//! What commands carry along.

use super::first;
use crate::annotations::{Annotations, InterestNotes, TransactionNotes};

/// The same command may be tried again by another user or from another place, so `origin` and `username`
/// are not compared.
pub(super) fn annotations_of(
    a: Option<&Annotations>,
    b: Option<&Annotations>,
) -> Option<&'static str> {
    if a.is_none() && b.is_none() {
        return None;
    }
    let b = b.unwrap_or(Annotations::NONE);
    let Annotations {
        origin: _,
        username: _,
        specific_fields,
        print_on_statement,
        correction,
        destination_iban,
        over_payment_account,
        interest,
        transaction,
        pan_reference,
        reimbursement_reason,
    } = a.unwrap_or(Annotations::NONE);
    first(&[
        ("specificFields", *specific_fields == b.specific_fields),
        (
            "printOnStatement",
            *print_on_statement == b.print_on_statement,
        ),
        ("correction", *correction == b.correction),
        ("destinationIban", *destination_iban == b.destination_iban),
        (
            "overPaymentAccountIdentifier",
            *over_payment_account == b.over_payment_account,
        ),
        ("panReference", *pan_reference == b.pan_reference),
        (
            "reimbursementReason",
            *reimbursement_reason == b.reimbursement_reason,
        ),
    ])
    .or_else(|| interest_notes(interest, &b.interest))
    .or_else(|| transaction_notes(transaction, &b.transaction))
}

fn interest_notes(a: &InterestNotes, b: &InterestNotes) -> Option<&'static str> {
    let InterestNotes {
        start_date,
        end_date,
        condition,
    } = a;
    first(&[
        ("interestStartDate", *start_date == b.start_date),
        ("interestEndDate", *end_date == b.end_date),
        ("interestCondition", *condition == b.condition),
    ])
}

fn transaction_notes(a: &TransactionNotes, b: &TransactionNotes) -> Option<&'static str> {
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
        mail_phone_ecommerce_and_payment_indicator: indicator,
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
    } = a;
    first(&[
        ("brand", *brand == b.brand),
        ("cardScheme", *card_scheme == b.card_scheme),
        ("cardTypeCode", *card_type_code == b.card_type_code),
        (
            "cardAcceptorZipCode",
            *card_acceptor_zip_code == b.card_acceptor_zip_code,
        ),
        (
            "acquisitionMaterial",
            *acquisition_material == b.acquisition_material,
        ),
        ("entryMode", *entry_mode == b.entry_mode),
        ("validationMode", *validation_mode == b.validation_mode),
        ("exchangeRate", *exchange_rate == b.exchange_rate),
        (
            "reconciliationAmount",
            *reconciliation_amount == b.reconciliation_amount,
        ),
        (
            "pointOfSaleEnvironment",
            *point_of_sale_environment == b.point_of_sale_environment,
        ),
        (
            "mailPhoneEcommerceAndPaymentIndicator",
            *indicator == b.mail_phone_ecommerce_and_payment_indicator,
        ),
        ("operationDate", *operation_date == b.operation_date),
        (
            "cardIdentifier.issuerCardExternalReference",
            *issuer_card_external_reference == b.issuer_card_external_reference,
        ),
        ("cashAmount", *cash_amount == b.cash_amount),
        ("poiAmount", *poi_amount == b.poi_amount),
        ("gratuityAmount", *gratuity_amount == b.gratuity_amount),
        ("surchargeAmount", *surcharge_amount == b.surcharge_amount),
        (
            "exchangeRateDate",
            *exchange_rate_date == b.exchange_rate_date,
        ),
        (
            "exchangeRateSource",
            *exchange_rate_source == b.exchange_rate_source,
        ),
        ("terminalId", *terminal_id == b.terminal_id),
        (
            "schemeTransactionIdentifier",
            *scheme_transaction_identifier == b.scheme_transaction_identifier,
        ),
    ])
}

// Each function takes its struct apart, so that a new field cannot be forgotten here.
