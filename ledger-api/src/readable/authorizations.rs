//! The readable fields of what reserves, and of what clears it.

use ledger_core::authorization::{DecidedAuthorization, RecordAuthorization};
use ledger_core::command::{CancelOfflineReservation, CreateOfflineReservation, PostClearing};
use serde_json::{Value, json};

use super::{amount, text, transaction_fields};
use crate::views::instant;

pub(super) fn message_body(message: &RecordAuthorization) -> Value {
    json!({
        "transactionId": message.transaction_id.as_str(),
        "businessCaseId": message.business_case.as_str(),
        "transactionType": message.transaction_type.code(),
        "transactionSubType": message.sub_type.code(),
        "financialType": message.financial_type.as_ref().map(text),
        "totalBillingAmount": message.billing_amount.map(amount),
        "totalAmount": message.transaction_amount.map(amount),
        "transactionDate": instant(message.transaction_date),
        "resultType": message.result_type.map(|result| result.code()),
        "resultCode": message.result_code.as_ref().map(text),
        "approvalCode": message.approval_code.as_ref().map(text),
        "reserveExpiryDate": message.reserve_expiry_date.map(|day| day.to_string()),
        "merchantCategoryCode": message.merchant_category_code.as_ref().map(text),
        "cardAcceptorName": message.card_acceptor_name.as_ref().map(text),
        "cardAcceptorCity": message.card_acceptor_city.as_ref().map(text),
        "cardAcceptorCountry": message.card_acceptor_country.as_ref().map(text),
        "cardAcceptorIdCode": message.card_acceptor_id_code.as_ref().map(text),
        "cardReference": message.card_reference.as_ref().map(text),
        "maskedPan": message.masked_pan.as_ref().map(text),
    })
}

pub(super) fn decided_fields(decided: &DecidedAuthorization) -> Value {
    // The account and the posting date stand where a command has them.
    let DecidedAuthorization {
        account: _,
        posting_date: _,
        result_type,
        reason,
        reserve,
        open_to_buy_minor,
    } = decided;
    json!({
        "resultType": result_type.code(),
        "declineReason": reason.map(|reason| reason.code()),
        "reserveBillingValue": reserve.billing_minor,
        "accountReserveValue": reserve.minor,
        "reserveExpiryDate": reserve.expiry.to_string(),
        "accountReserveStatus": reserve.status.code(),
        // A sum may be longer than a number of JSON.
        "openToBuyValue": open_to_buy_minor.as_ref().map(text),
    })
}

pub(super) fn reservation_body(reservation: &CreateOfflineReservation) -> Value {
    json!({
        "offlineReservationReference": reservation.reference.as_str(),
        "amount": amount(reservation.amount),
    })
}

pub(super) fn cancellation_body(cancellation: &CancelOfflineReservation) -> Value {
    json!({"offlineReservationReference": cancellation.reference.as_str()})
}

pub(super) fn clearing_fields(clearing: &PostClearing) -> Value {
    let mut fields = transaction_fields(&clearing.transaction);
    fields["authorizationBusinessCaseIdentifier"] = clearing.business_case.as_str().into();
    fields["finalClearing"] = clearing.is_final.into();
    fields
}
