//! Deciding a reversal: find the original by its triplet, then give back what remains of it.
//!
//! Source: specification 2d.

use crate::command::{PostDetail, ReversalValueDating, ReverseOperation};
use crate::decide::Context;
use crate::event::{ContraKey, Decided, EventBody, OperationView};
use crate::ids::OperationId;
use crate::money::{Amount, Quantity};
use crate::rejection::{Rejection, Sign};

/// What was decided about a reversal.
pub(super) struct Reversal {
    decided: Decided,
    original: OperationId,
    contra: ContraKey,
    cancels_pending: bool,
    partial: bool,
}

impl Reversal {
    pub(super) fn into_body(self, reversal: Box<ReverseOperation>) -> EventBody {
        let Self {
            decided,
            original,
            contra,
            cancels_pending,
            partial,
        } = self;
        EventBody::OperationReversed {
            decided,
            original,
            contra,
            cancels_pending,
            partial,
            reversal,
        }
    }
}

impl Context<'_> {
    pub(super) fn check_reversal(&self, reverse: &ReverseOperation) -> Result<Reversal, Rejection> {
        self.check_external_date(reverse.triplet.date)?;
        let record = self
            .lookup
            .by_matching_triplet(self.state, self.issuer, &reverse.matching);
        let original = record
            .and_then(|record| record.operation())
            // Another account's operation is not found, so that nothing about it is told.
            .filter(|original| original.decided.account == self.account)
            .ok_or(Rejection::OriginalOperationNotFound)?;
        // Only a posting has fields of its kind; a reversal has none.
        let Some(detail) = original.post else {
            return Err(Rejection::ReversalNotReversible);
        };
        check_kind(reverse, &original, detail)?;

        let portfolio = &self.state.portfolio;
        let whole = original.decided.quantity.value;
        let remaining = whole.unsigned_abs() - portfolio.reversed_minor(original.id).unsigned_abs();
        let remaining = i64::try_from(remaining).expect("what remains is at most the original");
        let part = self.part(reverse, &original, remaining)?;

        let at = original.decided.value_date;
        let pending = portfolio.is_pending(self.issuer, at, (original.id, original.id));
        let dating = self.issuer().configuration().reversal_value_dating;
        let value_date = match dating {
            ReversalValueDating::Original => at,
            // Today may lie before the value date of the original: where that is pending, and both take
            // effect together or not at all, and in a replayed history.
            ReversalValueDating::BusinessDate => self.day.today.max(at),
        };
        Ok(Reversal {
            decided: Decided {
                account: self.account,
                posting_date: self.posting_date,
                value_date,
                quantity: Quantity {
                    value: -whole.signum() * part,
                    unit: original.decided.quantity.unit,
                },
                pending,
                script: original.decided.script,
            },
            original: original.id,
            contra: detail.contra_key(),
            cancels_pending: pending && part == remaining,
            partial: part.unsigned_abs() < whole.unsigned_abs(),
        })
    }

    /// How much to reverse, as a magnitude.
    fn part(
        &self,
        reverse: &ReverseOperation,
        original: &OperationView<'_>,
        remaining: i64,
    ) -> Result<i64, Rejection> {
        if let Some(amount) = reverse.reference_amount {
            self.check_currency(amount)?;
        }
        if remaining == 0 {
            return Err(Rejection::OperationAlreadyReversed {
                original: original.id,
            });
        }
        let Some(Amount { minor, .. }) = reverse.reference_amount else {
            return Ok(remaining);
        };
        let (expected, has_it) = match original.decided.quantity.value {
            ..0 => (Sign::Positive, minor.is_positive()),
            0.. => (Sign::Negative, minor.is_negative()),
        };
        if !has_it {
            let field = "referenceAmount".to_owned();
            return Err(Rejection::AmountSignInvalid { field, expected });
        }
        let part = minor
            .checked_abs()
            .expect("the form of the command was checked");
        if part > remaining {
            return Err(Rejection::ReversalExceedsRemaining {
                remaining_minor: remaining,
            });
        }
        Ok(part)
    }
}

fn check_kind(
    reverse: &ReverseOperation,
    original: &OperationView<'_>,
    detail: &PostDetail,
) -> Result<(), Rejection> {
    let mismatch = |field: &str| {
        Err(Rejection::OriginalKindMismatch {
            kind: original.kind,
            field: field.to_owned(),
        })
    };
    if original.kind != reverse.kind {
        return mismatch("command");
    }
    let fee_type = match detail {
        PostDetail::Fee(fee) => Some(&fee.fee_type),
        PostDetail::Bonus(_)
        | PostDetail::Interest(_)
        | PostDetail::Payment(_)
        | PostDetail::BalanceAdjustment { .. }
        | PostDetail::Reimbursement(_)
        | PostDetail::Load(_)
        | PostDetail::Unload
        | PostDetail::Transaction(_)
        | PostDetail::ResetBalance
        | PostDetail::Clearing(_) => None,
    };
    match (&reverse.fee_type, fee_type) {
        (Some(given), Some(fee_type)) if given == fee_type => Ok(()),
        (Some(_), _) => mismatch("feeType"),
        (None, _) => Ok(()),
    }
}
