//! Deciding a posting: references, limits of dates, and the rules of each kind.

use crate::command::{
    OperationKind, PostBonus, PostDetail, PostOperation, ReimbursementType, VALUE_DATE_AHEAD_DAYS,
    WorkingMode,
};
use crate::decide::Context;
use crate::event::Decided;
use crate::money::{Amount, Quantity, Unit};
use crate::rejection::Rejection;
use crate::time::{BusinessDate, Moment};

impl Context<'_> {
    pub(super) fn check_posting(&self, operation: &PostOperation) -> Result<Decided, Rejection> {
        if let Some(amount) = operation.reference_amount {
            self.check_currency(amount)?;
        }
        self.check_external_date(operation.triplet.date)?;
        let value_date = self.value_date(operation)?;
        let quantity = self.quantity(operation)?;
        let issuer = self.issuer();
        Ok(Decided {
            account: self.account,
            posting_date: self.posting_date,
            value_date,
            quantity,
            pending: value_date > issuer.business_date,
            script: issuer.script(),
        })
    }

    /// The value date given, or that of the kind's rule, within the issuer's limits.
    ///
    /// Source: specification, A4 and A6, value date rules 1 to 4.
    fn value_date(&self, operation: &PostOperation) -> Result<BusinessDate, Rejection> {
        let external = || self.day_of(Moment::Instant(operation.triplet.date));
        let value_date = match (operation.value_date, operation.detail.kind()) {
            (Some(given), _) => self.day_of(given),
            (None, OperationKind::Bonus | OperationKind::ResetBalance) => {
                return Ok(self.day.today);
            }
            (None, OperationKind::Payment) => external(),
            (
                None,
                OperationKind::Fee
                | OperationKind::Interest
                | OperationKind::BalanceAdjustment
                | OperationKind::Reimbursement
                | OperationKind::Load
                | OperationKind::Unload
                | OperationKind::Transaction,
            ) => external().max(self.day.today),
        };
        let configuration = self.issuer().configuration();
        let ahead = configuration
            .value_date_ahead_days_max
            .unwrap_or(VALUE_DATE_AHEAD_DAYS);
        let latest = self.day.posting.plus_days(ahead);
        if value_date > latest {
            return Err(Rejection::ValueDateTooFar { limit: latest });
        }
        // What the engine chose itself is never too early, also where the business date is far behind the posting's.
        let is_chosen =
            operation.value_date.is_none() && operation.detail.kind() != OperationKind::Payment;
        if let Some(back) = configuration
            .value_date_back_days_max
            .filter(|_| !is_chosen)
        {
            let earliest = self.day.posting.minus_days(back);
            if value_date < earliest {
                return Err(Rejection::ValueDateBeforeLimit { limit: earliest });
            }
        }
        Ok(value_date)
    }

    /// What the operation moves, by the rules of its kind.
    fn quantity(&self, operation: &PostOperation) -> Result<Quantity, Rejection> {
        let portfolio = &self.state.portfolio;
        let account = portfolio.account(self.account);
        match &operation.detail {
            PostDetail::Fee(fee) => {
                let product = portfolio.product(self.account);
                if !product.fee_types.contains(&fee.fee_type) {
                    return Err(Rejection::FeeTypeNotAllowed);
                }
            }
            PostDetail::Bonus(bonus) => return self.bonus(operation.reference_amount, bonus),
            PostDetail::BalanceAdjustment { reason } => {
                let allowed = &self.issuer().configuration().balance_adjustment_reasons;
                if !allowed.is_empty() && !allowed.contains(reason) {
                    return Err(Rejection::AdjustmentReasonNotAllowed);
                }
            }
            PostDetail::Reimbursement(how) => {
                return self.reimbursement(*how, operation.reference_amount);
            }
            PostDetail::Load(_) | PostDetail::Unload
                if account.working_mode != WorkingMode::PayBefore =>
            {
                return Err(Rejection::WorkingModeMismatch {
                    field: "command".to_owned(),
                });
            }
            PostDetail::Unload => {
                let asked = money(operation.reference_amount);
                let available = portfolio.spendable(self.account);
                if available.is_some_and(|available| i128::from(asked.value) > available) {
                    let available_minor = clamp(available.unwrap_or(0));
                    return Err(Rejection::InsufficientOpenToBuy { available_minor });
                }
            }
            PostDetail::ResetBalance => return self.reset(),
            PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::Load(_)
            | PostDetail::Transaction(_)
            | PostDetail::Clearing(_) => {}
        }
        Ok(money(operation.reference_amount))
    }

    fn bonus(&self, amount: Option<Amount>, bonus: &PostBonus) -> Result<Quantity, Rejection> {
        let issuer = self.issuer();
        let program = issuer
            .programs
            .get(&bonus.program)
            .ok_or(Rejection::BonusProgramNotFound)?;
        if !self
            .state
            .portfolio
            .has_program(self.account, &bonus.program)
        {
            return Err(Rejection::BonusProgramNotAllowedForAccount);
        }
        self.check_rewarded(bonus)?;
        match &bonus.points {
            None if !program.monetary => Err(Rejection::MonetaryBonusNotAllowed),
            None => Ok(money(amount)),
            Some(points) => {
                let commodity = issuer
                    .commodity(&bonus.program, &points.unit)
                    .filter(|_| program.loyalty_units.contains(&points.unit))
                    .ok_or(Rejection::LoyaltyUnitNotAllowed)?;
                Ok(Quantity {
                    value: points.value,
                    unit: Unit::Points(commodity),
                })
            }
        }
    }

    fn check_rewarded(&self, bonus: &PostBonus) -> Result<(), Rejection> {
        let rewarded = match (bonus.rewarded_operation, &bonus.rewarded_triplet) {
            (None, None) => return Ok(()),
            (Some(id), _) => self.lookup.account_of(self.state, self.issuer, id),
            (None, Some(triplet)) => {
                let record = self
                    .lookup
                    .by_matching_triplet(self.state, self.issuer, triplet);
                record.and_then(|record| record.account())
            }
        };
        let root = |account| self.state.portfolio.account(account).root;
        match rewarded {
            Some(account) if root(account) == root(self.account) => Ok(()),
            Some(_) | None => Err(Rejection::RewardedOperationNotFound),
        }
    }

    /// What brings the balance to zero. Pending operations are not in the balance, and will be added to
    /// zero when they become effective.
    fn reset(&self) -> Result<Quantity, Rejection> {
        let balance = self.state.portfolio.account(self.account).balance_minor;
        if balance == 0 {
            return Err(Rejection::BalanceAlreadyZero);
        }
        if balance.unsigned_abs() > u128::from(Amount::MINOR_MAX.unsigned_abs()) {
            return Err(Rejection::AmountOutOfRange {
                field: "accountBalance".to_owned(),
            });
        }
        let value = i64::try_from(-balance).expect("it is within the limit of an amount");
        Ok(Quantity {
            value,
            unit: Unit::Money,
        })
    }

    /// Source: specification 1.1.7, field `reimbursementType`.
    fn reimbursement(
        &self,
        how: ReimbursementType,
        amount: Option<Amount>,
    ) -> Result<Quantity, Rejection> {
        let allowed = self.state.portfolio.reimbursable(self.account);
        let asked = amount.map(|amount| i128::from(amount.minor));
        let value = match (how, asked) {
            (ReimbursementType::Full, _) | (_, None) => allowed,
            (ReimbursementType::Partial, Some(asked)) => asked.min(allowed),
            (ReimbursementType::Max, Some(asked)) => asked,
        };
        if value > allowed || value == 0 || value > i128::from(Amount::MINOR_MAX) {
            return Err(Rejection::ReimbursementExceedsAllowed {
                allowed_minor: clamp(allowed),
            });
        }
        Ok(Quantity {
            value: clamp(value),
            unit: Unit::Money,
        })
    }
}

/// The quantity of an amount whose presence the form of the command promises.
fn money(amount: Option<Amount>) -> Quantity {
    let amount = amount.expect("the form of the command was checked");
    Quantity {
        value: amount.minor,
        unit: Unit::Money,
    }
}

/// As much of a sum that is not negative as an answer can show.
pub(super) fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}
