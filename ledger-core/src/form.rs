//! The form of a command: what can be told from the command alone, without the books.
//!
//! A command that fails here is malformed: it is answered and not remembered, and may be sent again
//! corrected under the same correlation id.

use crate::annotations::{Annotations, SPECIFIC_FIELDS_MAX};
use crate::authorization::{RecordAuthorization, TransactionSubType, TransactionType};
use crate::command::{
    AccountAction, Command, DefineProduct, InterestType, OnAccount, OperationKind, PostDetail,
    PostOperation, PostTransaction, ReimbursementType, ReverseOperation, ScriptRule, Triplet,
    WorkingMode,
};
use crate::labels::TransactionLabel;
use crate::money::Amount;
use crate::projection::general_ledger::is_control;
use crate::rejection::{Rejection, Sign};
use crate::text::{Label, ReasonCode};
use crate::time::{BusinessDate, Moment, Timestamp};

/// Most entries in one list of a command (fee types, script rules, programs). The longest command
/// there can be then fits a record of the log.
pub const LIST_ENTRIES_MAX: usize = 100;

/// The only reversal reason that a caller may give.
pub const REVERSAL_ON_DEMAND: &str = "REVERSAL_ON_DEMAND";

/// Checks the form of a command.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::ConfigureIssuer(issuer) => {
            list("accountingScript", issuer.accounting_script.len())?;
            script(&issuer.accounting_script)?;
            issuer
                .business_date
                .map_or(Ok(()), |date| day("businessDate", date))?;
            list(
                "balanceAdjustmentReasons",
                issuer.balance_adjustment_reasons.len(),
            )
        }
        Command::DefineProduct(product) => define_product(product),
        Command::DefineBonusProgram(program) => list("loyaltyUnits", program.loyalty_units.len()),
        Command::AdvanceBusinessDate(advance) => day("businessDate", advance.business_date),
        Command::OpenAccount(opening) => {
            list("bonusProgramReferences", opening.bonus_programs.len())?;
            if opening.parent.is_some() && opening.parent_reference.is_some() {
                return Err(Rejection::invalid(
                    "parentAccountReference",
                    "the parent must be named in one way only",
                ));
            }
            opening
                .credit_limit
                .map_or(Ok(()), |amount| limit("creditLimitAmount", amount))
        }
        Command::OnAccount(on) => on_account(on),
    }
}

/// Checks that a command may carry these annotations, and that they are within their limits.
///
/// # Errors
/// The first that it may not carry, or that breaks a limit.
pub fn check_annotations(command: &Command, annotations: &Annotations) -> Result<(), Rejection> {
    // Every field is named, so that a new one must be given its commands here.
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
    } = annotations;
    let mut is_message = false;
    let (posted, is_operation) = match command {
        Command::OnAccount(on) => match &on.action {
            AccountAction::Post(post) => (Some(post.detail.kind()), true),
            AccountAction::Reverse(_) => (None, true),
            AccountAction::RecordAuthorization(_) => {
                is_message = true;
                (None, false)
            }
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_) => (None, false),
        },
        Command::ConfigureIssuer(_)
        | Command::DefineProduct(_)
        | Command::DefineBonusProgram(_)
        | Command::AdvanceBusinessDate(_)
        | Command::OpenAccount(_) => (None, false),
    };
    let posts = |kind| posted == Some(kind);
    let allowed = [
        ("specificFields", is_operation, !specific_fields.is_empty()),
        (
            "printOnStatement",
            is_operation,
            print_on_statement.is_some(),
        ),
        ("correction", is_operation, correction.is_some()),
        (
            "destinationIban",
            posts(OperationKind::Reimbursement),
            destination_iban.is_some(),
        ),
        (
            "overPaymentAccountIdentifier",
            posts(OperationKind::Payment),
            over_payment_account.is_some(),
        ),
        (
            "interestStartDate",
            posts(OperationKind::Interest),
            *interest != Annotations::NONE.interest,
        ),
        (
            "brand",
            posts(OperationKind::Transaction),
            *transaction != Annotations::NONE.transaction,
        ),
        (
            "panReference",
            posts(OperationKind::Transaction) || is_message,
            pan_reference.is_some(),
        ),
        (
            "reimbursementReason",
            posts(OperationKind::Reimbursement),
            reimbursement_reason.is_some(),
        ),
    ];
    if let Some((field, ..)) = allowed
        .iter()
        .find(|(_, is_allowed, is_given)| *is_given && !is_allowed)
    {
        return Err(Rejection::invalid(*field, "is not a field of this command"));
    }
    if specific_fields.len() > SPECIFIC_FIELDS_MAX {
        let problem = format!("must have at most {SPECIFIC_FIELDS_MAX} fields");
        return Err(Rejection::invalid("specificFields", problem));
    }
    at("interestStartDate", interest.start_date)?;
    at("interestEndDate", interest.end_date)?;
    for (field, amount) in [
        ("reconciliationAmount", transaction.reconciliation_amount),
        ("cashAmount", transaction.cash_amount),
        ("poiAmount", transaction.poi_amount),
        ("gratuityAmount", transaction.gratuity_amount),
        ("surchargeAmount", transaction.surcharge_amount),
    ] {
        amount.map_or(Ok(()), |amount| in_range(field, amount.minor))?;
    }
    for (field, at) in [
        ("operationDate", transaction.operation_date),
        ("exchangeRateDate", transaction.exchange_rate_date),
    ] {
        at.map_or(Ok(()), |at| instant(field, at))?;
    }
    Ok(())
}

fn on_account(on: &OnAccount) -> Result<(), Rejection> {
    on.posting_date
        .map_or(Ok(()), |at| instant("postingDate", at))?;
    match &on.action {
        AccountAction::SetCreditLimit(change) => limit("creditLimitAmount", change.credit_limit),
        AccountAction::Close => Ok(()),
        AccountAction::Post(post) => post_operation(post),
        AccountAction::Reverse(reverse) => reverse_operation(reverse),
        AccountAction::RecordAuthorization(message) => record_authorization(message),
        AccountAction::CreateOfflineReservation(reservation) => {
            const FIELD: &str = "amount";
            nonzero(FIELD, reservation.amount.minor)?;
            in_range(FIELD, reservation.amount.minor)?;
            if reservation.amount.minor < 0 {
                return Err(sign(FIELD, Sign::Positive));
            }
            Ok(())
        }
        AccountAction::CancelOfflineReservation(_) => Ok(()),
    }
}

fn record_authorization(message: &RecordAuthorization) -> Result<(), Rejection> {
    const FIELD: &str = "totalBillingAmount";
    instant("transactionDate", message.transaction_date)?;
    message
        .reserve_expiry_date
        .map_or(Ok(()), |date| day("reserveExpiryDate", date))?;
    message
        .transaction_amount
        .map_or(Ok(()), |amount| in_range("totalAmount", amount.minor))?;
    masked(message.masked_pan.as_ref().map(Label::as_str))?;
    let is_told = message.result_type.is_some();
    match message.sub_type {
        TransactionSubType::Advice if !is_told => {
            return Err(Rejection::invalid("resultType", "an advice tells it"));
        }
        TransactionSubType::Request if is_told => {
            return Err(Rejection::invalid("resultType", "a request asks for it"));
        }
        TransactionSubType::Request if message.result_code.is_some() => {
            return Err(Rejection::invalid("resultCode", "a request asks for it"));
        }
        TransactionSubType::Advice | TransactionSubType::Request => {}
    }
    let (is_required, may_be_negative) = match message.transaction_type {
        TransactionType::Authorization => (true, true),
        TransactionType::ReserveUpdate => (true, false),
        TransactionType::Confirmation
        | TransactionType::Reversal
        | TransactionType::Rollback
        | TransactionType::ReserveExpiry => (false, false),
    };
    match message.billing_amount {
        None if is_required => Err(Rejection::invalid(FIELD, "is required")),
        None => Ok(()),
        Some(amount) => {
            in_range(FIELD, amount.minor)?;
            if amount.minor < 0 && !may_be_negative {
                return Err(sign(FIELD, Sign::NotNegative));
            }
            Ok(())
        }
    }
}

fn list(field: &str, entries: usize) -> Result<(), Rejection> {
    if entries > LIST_ENTRIES_MAX {
        let problem = format!("must have at most {LIST_ENTRIES_MAX} entries");
        return Err(Rejection::invalid(field, problem));
    }
    Ok(())
}

fn script(rules: &[ScriptRule]) -> Result<(), Rejection> {
    const FIELD: &str = "accountingScript";
    // A control account must stay the sum of its accounts.
    if rules.iter().any(|rule| is_control(&rule.contra)) {
        return Err(Rejection::invalid(
            FIELD,
            "a contra account must not be a control account",
        ));
    }
    let types = [InterestType::Credit, InterestType::Debit].map(InterestType::code);
    let is_wrong = |rule: &ScriptRule| {
        let detail = rule.detail.as_ref().map(ReasonCode::as_str);
        rule.kind == OperationKind::Interest && detail.is_some_and(|of| !types.contains(&of))
    };
    if rules.iter().any(is_wrong) {
        return Err(Rejection::InterestTypeInvalid);
    }
    let mut keys: Vec<_> = rules
        .iter()
        .map(|rule| (rule.kind, rule.detail.as_ref()))
        .collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Rejection::invalid(
            FIELD,
            "two rules are for the same operations",
        ));
    }
    Ok(())
}

fn day(field: &str, day: BusinessDate) -> Result<(), Rejection> {
    if (BusinessDate::FIRST..=BusinessDate::LAST).contains(&day) {
        return Ok(());
    }
    Err(Rejection::invalid(field, DATE_RANGE))
}

fn instant(field: &str, at: Timestamp) -> Result<(), Rejection> {
    if (Timestamp::FIRST..=Timestamp::LAST).contains(&at) {
        return Ok(());
    }
    Err(Rejection::invalid(field, DATE_RANGE))
}

fn at(field: &str, moment: Option<Moment>) -> Result<(), Rejection> {
    match moment {
        None => Ok(()),
        Some(Moment::Day(date)) => day(field, date),
        Some(Moment::Instant(at)) => instant(field, at),
    }
}

/// A date outside these years is a slip of the keyboard, and a business date would not come back.
const DATE_RANGE: &str = "must lie in the years 1900 to 2199";

fn define_product(product: &DefineProduct) -> Result<(), Rejection> {
    const FIELD: &str = "defaultCreditLimitAmount";
    list("feeTypes", product.fee_types.len())?;
    let Some(default) = product.default_credit_limit else {
        return Ok(());
    };
    limit(FIELD, default)?;
    if default.currency != product.currency {
        return Err(Rejection::currency(
            FIELD,
            product.currency,
            default.currency,
        ));
    }
    if default.minor != 0 && product.working_mode == WorkingMode::PayBefore {
        return Err(Rejection::WorkingModeMismatch {
            field: FIELD.to_owned(),
        });
    }
    Ok(())
}

fn limit(field: &str, amount: Amount) -> Result<(), Rejection> {
    in_range(field, amount.minor)?;
    if amount.minor < 0 {
        return Err(sign(field, Sign::NotNegative));
    }
    Ok(())
}

fn post_operation(post: &PostOperation) -> Result<(), Rejection> {
    poster(&post.triplet, post.detail.kind())?;
    instant("externalOperationDate", post.triplet.date)?;
    at("valueDate", post.value_date)?;
    match &post.detail {
        PostDetail::Fee(fee) => {
            let amount = required(post)?;
            if fee.adjustment && fee.adjustment_reason.is_none() {
                return Err(Rejection::AdjustmentReasonRequired);
            }
            signed(amount, (!fee.adjustment).then_some(Sign::Positive))
        }
        PostDetail::Bonus(bonus) => {
            if bonus.rewarded_operation.is_some() && bonus.rewarded_triplet.is_some() {
                return Err(Rejection::RewardedReferenceChoice);
            }
            if post.value_date.is_some() {
                return Err(Rejection::invalid("valueDate", "a bonus has no value date"));
            }
            match (post.reference_amount, &bonus.points) {
                (Some(amount), None) => signed(amount, None),
                (None, Some(points)) => {
                    nonzero("loyaltyPointAmount", points.value)?;
                    in_range("loyaltyPointAmount", points.value)
                }
                (Some(_), Some(_)) | (None, None) => Err(Rejection::BonusAmountChoice),
            }
        }
        PostDetail::Interest(interest_type) => {
            let amount = required(post)?;
            signed(amount, None)?;
            let is_debit = *interest_type == InterestType::Debit;
            if is_debit != (amount.minor > 0) {
                return Err(Rejection::InterestTypeSignMismatch);
            }
            Ok(())
        }
        PostDetail::Reimbursement(ReimbursementType::Full) => match post.reference_amount {
            Some(_) => Err(Rejection::AmountForbiddenForFull),
            None => Ok(()),
        },
        PostDetail::Reimbursement(ReimbursementType::Partial | ReimbursementType::Max)
        | PostDetail::Unload => signed(required(post)?, Some(Sign::Positive)),
        PostDetail::Load(_) => signed(required(post)?, Some(Sign::Negative)),
        PostDetail::ResetBalance => {
            let (amount, value_date) = (post.reference_amount, post.value_date);
            if amount.is_some() {
                let problem = "is found by the engine: what brings the balance to zero";
                return Err(Rejection::invalid("referenceAmount", problem));
            }
            if value_date.is_some() {
                return Err(Rejection::invalid(
                    "valueDate",
                    "a reset takes effect at once",
                ));
            }
            Ok(())
        }
        // A payment is a credit as a rule; a debit is a payment sent on, or one returned.
        PostDetail::Payment(_) | PostDetail::BalanceAdjustment { .. } => {
            signed(required(post)?, None)
        }
        PostDetail::Transaction(transaction) => {
            signed(required(post)?, None)?;
            at_the_acceptor(transaction)
        }
        PostDetail::Clearing(clearing) => {
            signed(required(post)?, None)?;
            at_the_acceptor(&clearing.transaction)
        }
    }
}

/// What is kept of a transaction besides what it moves.
fn at_the_acceptor(transaction: &PostTransaction) -> Result<(), Rejection> {
    transaction
        .transaction_amount
        .map_or(Ok(()), |amount| in_range("transactionAmount", amount.minor))?;
    masked(transaction.labels.get(TransactionLabel::MaskedPan))?;
    transaction
        .transaction_date
        .map_or(Ok(()), |at| instant("transactionDate", at))
}

/// Of a card number no more may be told than who issued it and its last four digits. The others could be found out
/// where only a few of them are missing, the last one by itself.
///
/// Source: ruling 11; PCI DSS 4.0, 3.4.1.
fn masked(pan: Option<&str>) -> Result<(), Rejection> {
    const SHOWN_MAX: usize = 8 + 4;
    let shown = |pan: &str| pan.bytes().filter(u8::is_ascii_digit).count();
    if pan.is_some_and(|pan| shown(pan) > SHOWN_MAX) {
        return Err(Rejection::CardNumberNotAllowed {
            field: "maskedPan".to_owned(),
        });
    }
    Ok(())
}

fn reverse_operation(reverse: &ReverseOperation) -> Result<(), Rejection> {
    poster(&reverse.triplet, reverse.kind)?;
    instant("externalOperationDate", reverse.triplet.date)?;
    match &reverse.reversal_reason {
        None if reverse.kind == OperationKind::Fee => {
            return Err(Rejection::invalid("reversalReason", "is required"));
        }
        Some(reason) if reason.as_str() != REVERSAL_ON_DEMAND => {
            return Err(Rejection::InvalidReversalReason);
        }
        None | Some(_) => {}
    }
    match reverse.reference_amount {
        Some(_) if !reverse.kind.is_partly_reversible() => Err(Rejection::ReversalAmountNotAllowed),
        Some(amount) => signed(amount, None),
        None => Ok(()),
    }
}

/// Clearing is the platform's own service, so its transactions may carry a reserved poster.
fn poster(triplet: &Triplet, kind: OperationKind) -> Result<(), Rejection> {
    if triplet.service_poster.is_reserved() && kind != OperationKind::Transaction {
        return Err(Rejection::ServicePosterReserved);
    }
    Ok(())
}

fn required(post: &PostOperation) -> Result<Amount, Rejection> {
    post.reference_amount
        .ok_or_else(|| Rejection::invalid("referenceAmount", "is required"))
}

fn signed(amount: Amount, expected: Option<Sign>) -> Result<(), Rejection> {
    const FIELD: &str = "referenceAmount";
    nonzero(FIELD, amount.minor)?;
    in_range(FIELD, amount.minor)?;
    match expected {
        Some(Sign::Positive) if amount.minor < 0 => Err(sign(FIELD, Sign::Positive)),
        Some(Sign::Negative) if amount.minor > 0 => Err(sign(FIELD, Sign::Negative)),
        None | Some(Sign::Positive | Sign::Negative | Sign::NotNegative) => Ok(()),
    }
}

fn nonzero(field: &str, value: i64) -> Result<(), Rejection> {
    if value == 0 {
        return Err(Rejection::AmountZero {
            field: field.to_owned(),
        });
    }
    Ok(())
}

fn in_range(field: &str, value: i64) -> Result<(), Rejection> {
    if value.unsigned_abs() > Amount::MINOR_MAX.unsigned_abs() {
        return Err(Rejection::AmountOutOfRange {
            field: field.to_owned(),
        });
    }
    Ok(())
}

fn sign(field: &str, expected: Sign) -> Rejection {
    Rejection::AmountSignInvalid {
        field: field.to_owned(),
        expected,
    }
}
