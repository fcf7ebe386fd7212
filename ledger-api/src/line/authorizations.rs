//! Bodies of the commands that reserve: messages of the authorization system, offline reservations, and
//! the business case of a clearing.

use ledger_core::authorization::{
    RecordAuthorization, ResultType, TransactionSubType, TransactionType,
};
use ledger_core::command::{
    CancelOfflineReservation, CreateOfflineReservation, PostClearing, PostDetail, PostTransaction,
};
use ledger_core::rejection::Rejection;
use ledger_core::text::BusinessCaseId;

use crate::fields::Fields;

/// Body of `record-authorization`. A message that does not say whether it asks or tells asks.
pub(super) fn record(body: &Fields<'_>) -> Result<RecordAuthorization, Rejection> {
    let transaction_id = body.text("transactionId")?;
    let business_case = body.text("businessCaseId")?;
    let transaction_type = body.choice("transactionType", &TransactionType::CODES)?;
    let sub_type = body.choice("transactionSubType", &TransactionSubType::CODES)?;
    let transaction_date = body.instant("transactionDate")?;
    Ok(RecordAuthorization {
        transaction_id: body.required("transactionId", transaction_id)?,
        business_case: body.required("businessCaseId", business_case)?,
        transaction_type: body.required("transactionType", transaction_type)?,
        sub_type: sub_type.unwrap_or(TransactionSubType::Request),
        financial_type: body.text("financialType")?,
        billing_amount: body.amount("totalBillingAmount")?,
        transaction_amount: body.amount("totalAmount")?,
        transaction_date: body.required("transactionDate", transaction_date)?,
        result_type: body.choice("resultType", &ResultType::CODES)?,
        result_code: body.text("resultCode")?,
        approval_code: body.text("approvalCode")?,
        reserve_expiry_date: body.day("reserveExpiryDate")?,
        merchant_category_code: body.text("merchantCategoryCode")?,
        card_acceptor_name: body.text("cardAcceptorName")?,
        card_acceptor_city: body.text("cardAcceptorCity")?,
        card_acceptor_country: body.text("cardAcceptorCountry")?,
        card_acceptor_id_code: body.text("cardAcceptorIdCode")?,
        card_reference: super::card_reference(body)?,
        masked_pan: body.text("maskedPan")?,
    })
}

/// Body of `create-offline-reservation`.
pub(super) fn create(body: &Fields<'_>) -> Result<CreateOfflineReservation, Rejection> {
    let reference = body.text("offlineReservationReference")?;
    let amount = body.amount("amount")?;
    Ok(CreateOfflineReservation {
        reference: body.required("offlineReservationReference", reference)?,
        amount: body.required("amount", amount)?,
    })
}

/// Body of `cancel-offline-reservation`.
pub(super) fn cancel(body: &Fields<'_>) -> Result<CancelOfflineReservation, Rejection> {
    let reference = body.text("offlineReservationReference")?;
    Ok(CancelOfflineReservation {
        reference: body.required("offlineReservationReference", reference)?,
    })
}

/// The business case of a clearing: its id, or the identifier that the issuer API shows.
fn business_case(body: &Fields<'_>) -> Result<Option<BusinessCaseId>, Rejection> {
    const NAME: &str = "authorizationBusinessCaseIdentifier";
    if !body.is_object(NAME) {
        return body.text(NAME);
    }
    let Some(identifier) = body.object(NAME)? else {
        return Ok(None);
    };
    let id = identifier.text("businessCaseId")?;
    let id = identifier.required("businessCaseId", id)?;
    identifier.finish()?;
    Ok(Some(id))
}

/// A scheme transaction, of a business case if it names one. A clearing is the last of its case unless
/// it says otherwise.
pub(super) fn clearing(
    transaction: PostTransaction,
    body: &Fields<'_>,
) -> Result<PostDetail, Rejection> {
    let business_case = business_case(body)?;
    let is_final = body.flag("finalClearing")?;
    match (business_case, is_final) {
        (None, None) => Ok(PostDetail::Transaction(transaction)),
        (None, Some(_)) => {
            let problem = "is said of a business case, and none is named";
            Err(body.invalid("finalClearing", problem))
        }
        (Some(business_case), is_final) => Ok(PostDetail::Clearing(Box::new(PostClearing {
            transaction,
            business_case,
            is_final: is_final.unwrap_or(true),
        }))),
    }
}
