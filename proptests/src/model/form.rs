//! What is wrong with a command by itself. Source: specification 4.3.

use ledger_core::annotations::Annotations;
use ledger_core::authorization::{RecordAuthorization, TransactionSubType, TransactionType};
use ledger_core::command::{
    AccountAction, Command, InterestType, OnAccount, OperationKind, PostDetail, PostOperation,
    ReimbursementType, ReverseOperation, Triplet, WorkingMode,
};
use ledger_core::money::Amount;
use ledger_core::rejection::{Rejection, Sign};

const LARGEST: i64 = 1_000_000_000_000_000;
const OWN_POSTERS: [&str; 7] = ["ITP", "OPC", "IDM", "CMS", "CAS", "WLP-CAS", "WLP_CAS"];

pub(super) fn check(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::ConfigureIssuer(issuer) => {
            let controls = ["1100", "2100", "9100"];
            let books_on_control = issuer
                .accounting_script
                .iter()
                .any(|rule| controls.contains(&rule.contra.as_str()));
            refuse_if(books_on_control, invalid("accountingScript"))?;
            let mut rules = issuer.accounting_script.iter();
            let no_interest = rules.any(|rule| match (rule.kind, &rule.detail) {
                (OperationKind::Interest, Some(of)) => !["CREDIT", "DEBIT"].contains(&of.as_str()),
                _ => false,
            });
            refuse_if(no_interest, Rejection::InterestTypeInvalid)
        }
        Command::DefineProduct(product) => {
            let Some(default) = product.default_credit_limit else {
                return Ok(());
            };
            let field = "defaultCreditLimitAmount";
            limit(field, default)?;
            let other_currency = default.currency != product.currency;
            refuse_if(
                other_currency,
                Rejection::CurrencyMismatch {
                    field: field.to_owned(),
                    expected: product.currency.code().to_owned(),
                    given: default.currency.code().to_owned(),
                },
            )?;
            let prepaid = product.working_mode == WorkingMode::PayBefore;
            refuse_if(
                prepaid && default.minor > 0,
                Rejection::WorkingModeMismatch {
                    field: field.to_owned(),
                },
            )
        }
        Command::DefineBonusProgram(_) | Command::AdvanceBusinessDate(_) => Ok(()),
        Command::OpenAccount(opening) => {
            let both = opening.parent.is_some() && opening.parent_reference.is_some();
            refuse_if(both, invalid("parentAccountReference"))?;
            opening
                .credit_limit
                .map_or(Ok(()), |amount| limit("creditLimitAmount", amount))
        }
        Command::OnAccount(on) => match &on.action {
            AccountAction::Close => Ok(()),
            AccountAction::SetCreditLimit(change) => {
                limit("creditLimitAmount", change.credit_limit)
            }
            AccountAction::Post(post) => posting(post),
            AccountAction::Reverse(reverse) => reversal(reverse),
            AccountAction::RecordAuthorization(message) => authorization(message),
            AccountAction::CreateOfflineReservation(reservation) => {
                let minor = reservation.amount.minor;
                magnitude("amount", minor)?;
                let field = "amount".to_owned();
                let expected = Sign::Positive;
                refuse_if(minor < 0, Rejection::AmountSignInvalid { field, expected })
            }
            AccountAction::CancelOfflineReservation(_) => Ok(()),
        },
    }
}

/// Fields of operations belong to operations, and an IBAN to a reimbursement. The others are never sent.
pub(super) fn check_annotations(
    command: &Command,
    annotations: &Annotations,
) -> Result<(), Rejection> {
    let triplet = match command {
        Command::OnAccount(on) => on.action.triplet(),
        _ => None,
    };
    let strayed = triplet.is_none() && !annotations.specific_fields.is_empty();
    refuse_if(strayed, invalid("specificFields"))?;
    let pays_out = matches!(
        command,
        Command::OnAccount(OnAccount {
            action: AccountAction::Post(PostOperation {
                detail: PostDetail::Reimbursement(_),
                ..
            }),
            ..
        })
    );
    let strayed = annotations.destination_iban.is_some() && !pays_out;
    refuse_if(strayed, invalid("destinationIban"))
}

fn authorization(message: &RecordAuthorization) -> Result<(), Rejection> {
    let is_advice = message.sub_type == TransactionSubType::Advice;
    refuse_if(
        is_advice != message.result_type.is_some(),
        invalid("resultType"),
    )?;
    refuse_if(
        !is_advice && message.result_code.is_some(),
        invalid("resultCode"),
    )?;
    let field = "totalBillingAmount";
    let kind = message.transaction_type;
    let Some(Amount { minor, .. }) = message.billing_amount else {
        let needed = [
            TransactionType::Authorization,
            TransactionType::ReserveUpdate,
        ];
        return refuse_if(needed.contains(&kind), invalid(field));
    };
    let field = field.to_owned();
    if !(-LARGEST..=LARGEST).contains(&minor) {
        return Err(Rejection::AmountOutOfRange { field });
    }
    let expected = Sign::NotNegative;
    refuse_if(
        minor < 0 && kind != TransactionType::Authorization,
        Rejection::AmountSignInvalid { field, expected },
    )
}

fn posting(post: &PostOperation) -> Result<(), Rejection> {
    poster(&post.triplet, post.detail.kind())?;
    if let PostDetail::Bonus(bonus) = &post.detail {
        let both = bonus.rewarded_operation.is_some() && bonus.rewarded_triplet.is_some();
        refuse_if(both, Rejection::RewardedReferenceChoice)?;
        refuse_if(post.value_date.is_some(), invalid("valueDate"))?;
        return match (post.reference_amount, &bonus.points) {
            (Some(amount), None) => magnitude("referenceAmount", amount.minor),
            (None, Some(points)) => magnitude("loyaltyPointAmount", points.value),
            _ => Err(Rejection::BonusAmountChoice),
        };
    }
    if post.detail == PostDetail::ResetBalance {
        refuse_if(post.reference_amount.is_some(), invalid("referenceAmount"))?;
        return refuse_if(post.value_date.is_some(), invalid("valueDate"));
    }
    if matches!(
        post.detail,
        PostDetail::Reimbursement(ReimbursementType::Full)
    ) {
        let named = post.reference_amount.is_some();
        return refuse_if(named, Rejection::AmountForbiddenForFull);
    }
    let Some(Amount { minor, .. }) = post.reference_amount else {
        return Err(invalid("referenceAmount"));
    };
    if let PostDetail::Fee(fee) = &post.detail {
        let unexplained = fee.adjustment && fee.adjustment_reason.is_none();
        refuse_if(unexplained, Rejection::AdjustmentReasonRequired)?;
    }
    magnitude("referenceAmount", minor)?;
    let wrong_sign = |expected| Rejection::AmountSignInvalid {
        field: "referenceAmount".to_owned(),
        expected,
    };
    match &post.detail {
        PostDetail::Fee(fee) => refuse_if(!fee.adjustment && minor < 0, wrong_sign(Sign::Positive)),
        PostDetail::Unload | PostDetail::Reimbursement(_) => {
            refuse_if(minor < 0, wrong_sign(Sign::Positive))
        }
        PostDetail::Load(_) => refuse_if(minor > 0, wrong_sign(Sign::Negative)),
        PostDetail::Interest(InterestType::Debit) => {
            refuse_if(minor < 0, Rejection::InterestTypeSignMismatch)
        }
        PostDetail::Interest(InterestType::Credit) => {
            refuse_if(minor > 0, Rejection::InterestTypeSignMismatch)
        }
        PostDetail::Bonus(_)
        | PostDetail::Payment(_)
        | PostDetail::BalanceAdjustment { .. }
        | PostDetail::Transaction(_)
        | PostDetail::ResetBalance
        | PostDetail::Clearing(_) => Ok(()),
    }
}

fn reversal(reverse: &ReverseOperation) -> Result<(), Rejection> {
    poster(&reverse.triplet, reverse.kind)?;
    let reason = reverse.reversal_reason.as_ref().map(|r| r.as_str());
    let missing = reason.is_none() && reverse.kind == OperationKind::Fee;
    refuse_if(missing, invalid("reversalReason"))?;
    let other = reason.is_some_and(|reason| reason != "REVERSAL_ON_DEMAND");
    refuse_if(other, Rejection::InvalidReversalReason)?;
    let Some(Amount { minor, .. }) = reverse.reference_amount else {
        return Ok(());
    };
    let by_parts = [OperationKind::Fee, OperationKind::BalanceAdjustment].contains(&reverse.kind);
    refuse_if(!by_parts, Rejection::ReversalAmountNotAllowed)?;
    magnitude("referenceAmount", minor)
}

fn limit(field: &str, amount: Amount) -> Result<(), Rejection> {
    let field = field.to_owned();
    if !(-LARGEST..=LARGEST).contains(&amount.minor) {
        return Err(Rejection::AmountOutOfRange { field });
    }
    let expected = Sign::NotNegative;
    refuse_if(
        amount.minor < 0,
        Rejection::AmountSignInvalid { field, expected },
    )
}

fn magnitude(field: &str, value: i64) -> Result<(), Rejection> {
    let field = field.to_owned();
    match value {
        0 => Err(Rejection::AmountZero { field }),
        _ if (-LARGEST..=LARGEST).contains(&value) => Ok(()),
        _ => Err(Rejection::AmountOutOfRange { field }),
    }
}

fn poster(triplet: &Triplet, kind: OperationKind) -> Result<(), Rejection> {
    let own = OWN_POSTERS.contains(&triplet.service_poster.as_str());
    refuse_if(
        own && kind != OperationKind::Transaction,
        Rejection::ServicePosterReserved,
    )
}

fn refuse_if(broken: bool, rejection: Rejection) -> Result<(), Rejection> {
    if broken { Err(rejection) } else { Ok(()) }
}

/// The text of the problem is for people; the laws compare the field.
fn invalid(field: &str) -> Rejection {
    Rejection::invalid(field, "")
}
