//! The codes of the issuer API for lists that commands and views share.

use ledger_core::command::{AdjustmentReason, OperationCode, OperationKind, ReimbursementType};
use ledger_core::rejection::Rejection;

/// Code of the field `operationCode`.
pub(crate) fn operation_code(code: OperationCode) -> &'static str {
    match code {
        OperationCode::CashAdvance => "CASH_ADVANCE",
        OperationCode::CashBack => "CASH_BACK",
        OperationCode::CashWithdrawal => "CASH_WITHDRAWAL",
        OperationCode::Credit => "CREDIT",
        OperationCode::FundTransfer => "FUND_TRANSFER",
        OperationCode::NormalPurchase => "NORMAL_PURCHASE",
        OperationCode::RefundPurchase => "REFUND_PURCHASE",
        OperationCode::Load => "LOAD",
    }
}

/// Code of the field `adjustmentReason`.
pub(crate) fn adjustment_reason(reason: AdjustmentReason) -> &'static str {
    match reason {
        AdjustmentReason::ErrorDuringAcquisition => "ERROR_DURING_ACQUISITION",
        AdjustmentReason::InvalidOperation => "INVALID_OPERATION",
        AdjustmentReason::CommercialAdjustment => "COMMERCIAL_ADJUSTMENT",
        AdjustmentReason::DisputeResult => "DISPUTE_RESULT",
        AdjustmentReason::ConfigurationReprocessing => "CONFIGURATION_REPROCESSING",
    }
}

/// Code of the field `reimbursementType`.
pub(crate) fn reimbursement_type(how: ReimbursementType) -> &'static str {
    match how {
        ReimbursementType::Full => "FULL",
        ReimbursementType::Partial => "PARTIAL",
        ReimbursementType::Max => "MAX",
    }
}

/// Kinds of the issuer API that the engine posts nothing of: balance transfer, dispute, apportionment,
/// write-off, instalments.
pub(crate) const KINDS_NOT_POSTED: [&str; 6] = [
    "BAL",
    "DISPUTE",
    "SUBPAYOP",
    "WRITE_OFF",
    "CRD_INST",
    "CRD_INST_INIT",
];

/// The kinds that codes name, for filters. A kind that the engine posts nothing of is known and names none.
///
/// # Errors
/// [`Rejection::InvalidRequest`] at `field`, when a code is none of the issuer API.
pub fn kinds<'a>(
    field: &str,
    codes: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<OperationKind>, Rejection> {
    let mut kinds = Vec::new();
    for code in codes {
        match OperationKind::ALL.iter().find(|kind| kind.code() == code) {
            Some(kind) => kinds.push(*kind),
            None if KINDS_NOT_POSTED.contains(&code) => {}
            None => return Err(Rejection::invalid(field, "is not a kind of operation")),
        }
    }
    Ok(kinds)
}
