//! Operations, their reversals, and messages of the authorization system.

use super::first;
use crate::authorization::RecordAuthorization;
use crate::command::{
    PostBonus, PostClearing, PostDetail, PostFee, PostOperation, PostPayment, PostTransaction,
    ReverseOperation, Triplet,
};
use crate::labels::TransactionLabel;

const OWN: [&str; 3] = [
    "externalOperationDate",
    "externalOperationReference",
    "externalOperationServicePoster",
];
const MATCHING: [&str; 3] = [
    "externalMatchingOperationDate",
    "externalMatchingOperationReference",
    "externalMatchingOperationServicePoster",
];

/// Names the business case of a clearing; a scheme transaction without one is no clearing of a case.
const BUSINESS_CASE: &str = "authorizationBusinessCaseIdentifier";

const REWARDED: [&str; 3] = [
    "rewardedExternalMatchingOperationDate",
    "rewardedExternalMatchingOperationReference",
    "rewardedExternalMatchingOperationServicePoster",
];

pub(super) fn post_operation(a: &PostOperation, b: &PostOperation) -> Option<&'static str> {
    let PostOperation {
        triplet: a_triplet,
        reference_amount,
        value_date,
        description,
        external_code,
        detail,
    } = a;
    first(&[("referenceAmount", *reference_amount == b.reference_amount)])
        .or_else(|| post_detail(detail, &b.detail))
        .or_else(|| triplet(a_triplet, &b.triplet, OWN))
        .or_else(|| {
            first(&[
                ("valueDate", *value_date == b.value_date),
                ("description", *description == b.description),
                ("externalOperationCode", *external_code == b.external_code),
            ])
        })
}

fn post_detail(a: &PostDetail, b: &PostDetail) -> Option<&'static str> {
    match (a, b) {
        (PostDetail::Fee(a), PostDetail::Fee(b)) => {
            let PostFee {
                fee_type,
                sub_fee_type,
                frequency,
                adjustment,
                adjustment_reason,
            } = a;
            first(&[
                ("feeType", *fee_type == b.fee_type),
                ("subFeeType", *sub_fee_type == b.sub_fee_type),
                ("frequency", *frequency == b.frequency),
                ("adjustment", *adjustment == b.adjustment),
                (
                    "adjustmentReason",
                    *adjustment_reason == b.adjustment_reason,
                ),
            ])
        }
        (PostDetail::Bonus(a), PostDetail::Bonus(b)) => {
            let PostBonus {
                program,
                points,
                rewarded_operation,
                rewarded_triplet,
            } = a.as_ref();
            first(&[
                ("bonusProgramReference", *program == b.program),
                ("loyaltyPointAmount", *points == b.points),
                (
                    "rewardedOperationIdentifier",
                    *rewarded_operation == b.rewarded_operation,
                ),
            ])
            .or_else(|| match (rewarded_triplet, &b.rewarded_triplet) {
                (Some(a), Some(b)) => triplet(a, b, REWARDED),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => Some(REWARDED[0]),
            })
        }
        (PostDetail::Interest(a), PostDetail::Interest(b)) => first(&[("interestType", a == b)]),
        (PostDetail::Payment(a), PostDetail::Payment(b))
        | (PostDetail::Load(a), PostDetail::Load(b)) => payment(a, b),
        (
            PostDetail::BalanceAdjustment { reason: a },
            PostDetail::BalanceAdjustment { reason: b },
        ) => first(&[("balanceAdjustmentReason", a == b)]),
        (PostDetail::Reimbursement(a), PostDetail::Reimbursement(b)) => {
            first(&[("reimbursementType", a == b)])
        }
        (PostDetail::Unload, PostDetail::Unload)
        | (PostDetail::ResetBalance, PostDetail::ResetBalance) => None,
        (PostDetail::Transaction(a), PostDetail::Transaction(b)) => transaction(a, b),
        (PostDetail::Clearing(a), PostDetail::Clearing(b)) => {
            let PostClearing {
                transaction: a_transaction,
                business_case,
                is_final,
            } = a.as_ref();
            transaction(a_transaction, &b.transaction).or_else(|| {
                first(&[
                    (BUSINESS_CASE, *business_case == b.business_case),
                    ("finalClearing", *is_final == b.is_final),
                ])
            })
        }
        (PostDetail::Transaction(a), PostDetail::Clearing(b)) => {
            transaction(a, &b.transaction).or(Some(BUSINESS_CASE))
        }
        (PostDetail::Clearing(a), PostDetail::Transaction(b)) => {
            transaction(&a.transaction, b).or(Some(BUSINESS_CASE))
        }
        (
            PostDetail::Fee(_)
            | PostDetail::Bonus(_)
            | PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::BalanceAdjustment { .. }
            | PostDetail::Reimbursement(_)
            | PostDetail::Load(_)
            | PostDetail::Unload
            | PostDetail::Transaction(_)
            | PostDetail::ResetBalance
            | PostDetail::Clearing(_),
            _,
        ) => Some("command"),
    }
}

fn payment(a: &PostPayment, b: &PostPayment) -> Option<&'static str> {
    let PostPayment {
        channel,
        reason,
        sepa,
    } = a;
    first(&[
        ("paymentChannel", *channel == b.channel),
        ("paymentReason", *reason == b.reason),
        ("sepa", *sepa == b.sepa),
    ])
}

fn transaction(a: &PostTransaction, b: &PostTransaction) -> Option<&'static str> {
    let PostTransaction {
        operation_code,
        transaction_amount,
        transaction_date,
        labels,
    } = a;
    first(&[
        ("operationCode", *operation_code == b.operation_code),
        (
            "transactionAmount",
            *transaction_amount == b.transaction_amount,
        ),
        ("transactionDate", *transaction_date == b.transaction_date),
    ])
    .or_else(|| {
        let mut all = TransactionLabel::ALL.into_iter();
        let different = all.find(|label| labels.get(*label) != b.labels.get(*label));
        different.map(TransactionLabel::field)
    })
}

pub(super) fn record_authorization(
    a: &RecordAuthorization,
    b: &RecordAuthorization,
) -> Option<&'static str> {
    let RecordAuthorization {
        transaction_id,
        business_case,
        transaction_type,
        sub_type,
        financial_type,
        billing_amount,
        transaction_amount,
        transaction_date,
        result_type,
        result_code,
        approval_code,
        reserve_expiry_date,
        merchant_category_code,
        card_acceptor_name,
        card_acceptor_city,
        card_acceptor_country,
        card_acceptor_id_code,
        card_reference,
        masked_pan,
    } = a;
    first(&[
        ("totalBillingAmount", *billing_amount == b.billing_amount),
        ("transactionId", *transaction_id == b.transaction_id),
        ("businessCaseId", *business_case == b.business_case),
        ("transactionType", *transaction_type == b.transaction_type),
        ("transactionSubType", *sub_type == b.sub_type),
        ("financialType", *financial_type == b.financial_type),
        ("totalAmount", *transaction_amount == b.transaction_amount),
        ("transactionDate", *transaction_date == b.transaction_date),
        ("resultType", *result_type == b.result_type),
        ("resultCode", *result_code == b.result_code),
        ("approvalCode", *approval_code == b.approval_code),
        (
            "reserveExpiryDate",
            *reserve_expiry_date == b.reserve_expiry_date,
        ),
        (
            "merchantCategoryCode",
            *merchant_category_code == b.merchant_category_code,
        ),
        (
            "cardAcceptorName",
            *card_acceptor_name == b.card_acceptor_name,
        ),
        (
            "cardAcceptorCity",
            *card_acceptor_city == b.card_acceptor_city,
        ),
        (
            "cardAcceptorCountry",
            *card_acceptor_country == b.card_acceptor_country,
        ),
        (
            "cardAcceptorIdCode",
            *card_acceptor_id_code == b.card_acceptor_id_code,
        ),
        ("cardReference", *card_reference == b.card_reference),
        ("maskedPan", *masked_pan == b.masked_pan),
    ])
}

pub(super) fn reverse_operation(
    a: &ReverseOperation,
    b: &ReverseOperation,
) -> Option<&'static str> {
    let ReverseOperation {
        kind,
        triplet: a_triplet,
        matching,
        reference_amount,
        reversal_reason,
        fee_type,
        description,
        external_code,
    } = a;
    first(&[
        ("command", *kind == b.kind),
        ("referenceAmount", *reference_amount == b.reference_amount),
    ])
    .or_else(|| triplet(matching, &b.matching, MATCHING))
    .or_else(|| triplet(a_triplet, &b.triplet, OWN))
    .or_else(|| {
        first(&[
            ("reversalReason", *reversal_reason == b.reversal_reason),
            ("feeType", *fee_type == b.fee_type),
            ("description", *description == b.description),
            ("externalOperationCode", *external_code == b.external_code),
        ])
    })
}

fn triplet(a: &Triplet, b: &Triplet, names: [&'static str; 3]) -> Option<&'static str> {
    let Triplet {
        date,
        reference,
        service_poster,
    } = a;
    first(&[
        (names[0], *date == b.date),
        (names[1], *reference == b.reference),
        (names[2], *service_poster == b.service_poster),
    ])
}
