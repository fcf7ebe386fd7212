//! What a well-formed command does, or which business rule refuses it.
//! Source: specification 2b to 2e, 2g, 2h, 4.3 and the rulings.

use ledger_core::command::{
    AccountAction, Command, ConfigureIssuer, OnAccount, OpenAccount, OperationKind, PostBonus,
    PostDetail, PostOperation, ReimbursementType, Request, ReversalValueDating, ReverseOperation,
    WorkingMode,
};
use ledger_core::ids::OperationId;
use ledger_core::money::{Amount, Currency};
use ledger_core::rejection::{Rejection, Sign};
use ledger_core::text::{BonusProgramReference, IssuerId, LoyaltyUnit};
use ledger_core::time::{BusinessDate, Moment, Timestamp};

use super::amounts::posted_on;
use super::reserves::duplicate;
use super::{Fact, Model, Opened, Operation, calendar, reference_of, seq_of};

/// The dates a command is measured by (ruling 13: those of its posting date, if it carries one).
pub(super) struct Dates {
    posting: i32,
    pub(super) today: i32,
    /// Last instant an external operation date may have.
    external_max: Timestamp,
    posted_at: Timestamp,
}

const DAY_MS: i64 = 86_400_000;

impl Model {
    /// What a well-formed command does. `Err`: it is refused and not recorded.
    pub(super) fn fact(
        &self,
        request: &Request,
        account: Option<usize>,
        at: Timestamp,
    ) -> Result<Fact, Rejection> {
        let issuer = &request.issuer;
        let known = self.configuration(issuer).is_some();
        match &request.command {
            Command::ConfigureIssuer(configuration) => self.configure(issuer, configuration, at),
            _ if !known => Err(Rejection::IssuerNotFound),
            Command::DefineProduct(_) | Command::DefineBonusProgram(_) => Ok(Fact::Defined),
            Command::AdvanceBusinessDate(advance) => {
                let present = self.business_date(issuer);
                let business_date = advance.business_date.0;
                if business_date <= present {
                    let present = BusinessDate(present);
                    return Err(Rejection::BusinessDateNotAdvancing { present });
                }
                Ok(Fact::Advanced { business_date })
            }
            Command::OpenAccount(opening) => self.open(issuer, opening).map(Fact::Opened),
            Command::OnAccount(on) => {
                let Some(account) = account else {
                    let field = on.account.field().to_owned();
                    return Err(Rejection::AccountNotFound { field });
                };
                Ok(self
                    .act(request, account, on, at)
                    .unwrap_or_else(Fact::Refused))
            }
        }
    }

    fn configure(
        &self,
        issuer: &IssuerId,
        configuration: &ConfigureIssuer,
        at: Timestamp,
    ) -> Result<Fact, Rejection> {
        let given = configuration.business_date.map(|date| date.0);
        if self.configuration(issuer).is_none() {
            let today = calendar::day_of(configuration.time_zone, at);
            return Ok(Fact::Configured {
                business_date: given.unwrap_or(today),
            });
        }
        let business_date = self.business_date(issuer);
        if given.is_some_and(|date| date != business_date) {
            let present = BusinessDate(business_date);
            return Err(Rejection::BusinessDateNotAdvancing { present });
        }
        Ok(Fact::Configured { business_date })
    }

    fn open(&self, issuer: &IssuerId, opening: &OpenAccount) -> Result<Opened, Rejection> {
        let of_issuer = || {
            self.openings()
                .filter(|(_, line, _)| line.request.issuer == *issuer)
        };
        if let Some(external) = &opening.external_reference
            && of_issuer().any(|(_, _, other)| other.external_reference.as_ref() == Some(external))
        {
            return Err(Rejection::AccountAlreadyExists);
        }
        let product = self
            .product(issuer, &opening.product)
            .ok_or(Rejection::ProductNotFound)?;
        if opening
            .bonus_programs
            .iter()
            .any(|program| self.program(issuer, program).is_none())
        {
            return Err(Rejection::BonusProgramNotFound);
        }
        let mut parent = None;
        if let Some(external) = &opening.parent {
            let found = of_issuer()
                .find(|(_, _, other)| other.external_reference.as_ref() == Some(external));
            parent = Some(found.ok_or("parentExternalReference"));
        } else if let Some(reference) = opening.parent_reference {
            let found = of_issuer().find(|(place, ..)| reference_of(*place) == reference);
            parent = Some(found.ok_or("parentAccountReference"));
        }
        let parent = match parent {
            None => None,
            Some(Ok((place, ..))) => Some(place),
            Some(Err(field)) => {
                let field = field.to_owned();
                return Err(Rejection::AccountNotFound { field });
            }
        };
        if let Some(parent) = parent {
            if self.is_closed(parent) {
                return Err(Rejection::AccountClosed);
            }
            let above = self.opening(parent).2.currency;
            same_currency("productReference", above, product.currency)?;
            if self.levels(parent) >= 16 {
                return Err(Rejection::HierarchyTooDeep { levels_max: 16 });
            }
        }
        let limit = opening.credit_limit.or(product.default_credit_limit);
        if let Some(limit) = limit {
            check_limit(limit, product.currency, product.working_mode)?;
        }
        Ok(Opened {
            currency: product.currency,
            working_mode: product.working_mode,
            limit_minor: limit.map_or(0, |limit| limit.minor),
            parent,
        })
    }

    fn act(
        &self,
        request: &Request,
        account: usize,
        on: &OnAccount,
        at: Timestamp,
    ) -> Result<Fact, Rejection> {
        let issuer = &request.issuer;
        if let Some(triplet) = on.action.triplet()
            && let Some(existing) = self.operation_under(issuer, triplet)
        {
            return Err(Rejection::DuplicateExternalTriplet {
                existing: OperationId::of(seq_of(existing)),
                same_payload: self.is_same_operation(existing, request, &on.action, account),
            });
        }
        let dates = self.dates(issuer, on.posting_date, at);
        let taken = match &on.action {
            AccountAction::RecordAuthorization(message) => {
                self.message_under(issuer, &message.transaction_id)
            }
            AccountAction::CreateOfflineReservation(made) => {
                self.reservation_under(issuer, &made.reference)
            }
            _ => None,
        };
        if let Some(line) = taken {
            return Err(duplicate(self, line, (request, &on.action), account));
        }
        // These two are possible on a closed account.
        match &on.action {
            AccountAction::RecordAuthorization(message) => {
                return self.message(issuer, account, message, &dates);
            }
            AccountAction::CancelOfflineReservation(cancellation) => {
                return self.free(issuer, account, cancellation);
            }
            _ => {}
        }
        if self.is_closed(account) {
            return Err(Rejection::AccountClosed);
        }
        let opened = self.opening(account).2;
        match &on.action {
            AccountAction::Close => Ok(Fact::Closed),
            AccountAction::SetCreditLimit(change) => {
                check_limit(change.credit_limit, opened.currency, opened.working_mode)?;
                let minor = change.credit_limit.minor;
                Ok(Fact::LimitSet { minor })
            }
            AccountAction::Post(post) => self
                .post(issuer, account, post, &dates)
                .map(Fact::Operation),
            AccountAction::Reverse(reverse) => self
                .reverse(issuer, account, reverse, &dates)
                .map(Fact::Operation),
            AccountAction::CreateOfflineReservation(made) => self.reserve(account, made),
            AccountAction::RecordAuthorization(_) | AccountAction::CancelOfflineReservation(_) => {
                unreachable!("these were answered before")
            }
        }
    }

    fn dates(&self, issuer: &IssuerId, posting_date: Option<Timestamp>, at: Timestamp) -> Dates {
        let zone = self
            .configuration(issuer)
            .expect("a known issuer")
            .time_zone;
        let business_date = self.business_date(issuer);
        let (posting, today, latest) = match posting_date {
            Some(posted) => {
                let day = calendar::day_of(zone, posted);
                (day, day.min(business_date), posted)
            }
            None => {
                let opens = calendar::start_of(zone, business_date);
                (business_date, business_date, at.max(opens))
            }
        };
        Dates {
            posting,
            today,
            external_max: Timestamp(latest.0 + 31 * DAY_MS),
            posted_at: posting_date.unwrap_or(at),
        }
    }

    fn post(
        &self,
        issuer: &IssuerId,
        account: usize,
        post: &PostOperation,
        dates: &Dates,
    ) -> Result<Operation, Rejection> {
        let opened = self.opening(account).2;
        if let Some(amount) = post.reference_amount {
            same_currency("referenceAmount", opened.currency, amount.currency)?;
        }
        if post.triplet.date > dates.external_max {
            return Err(Rejection::ExternalDateInFuture);
        }
        let value_date = self.value_date(issuer, post, dates)?;
        let (value, points) = self.quantity(issuer, account, post)?;
        if let PostDetail::Clearing(clearing) = &post.detail {
            self.check_clearing(issuer, account, clearing)?;
        }
        Ok(Operation {
            kind: post.detail.kind(),
            value,
            points,
            posted_at: dates.posted_at,
            value_date,
            pending: value_date > self.business_date(issuer),
            reverses: None,
        })
    }

    /// A4, A6: a bonus counts at once, a payment from its external date, anything else from its
    /// external date unless that is past; a given date stands, within the issuer's limits.
    fn value_date(
        &self,
        issuer: &IssuerId,
        post: &PostOperation,
        dates: &Dates,
    ) -> Result<i32, Rejection> {
        let configuration = self.configuration(issuer).expect("a known issuer");
        let zone = configuration.time_zone;
        let external = calendar::day_of(zone, post.triplet.date);
        let kind = post.detail.kind();
        let value_date = match post.value_date {
            _ if [OperationKind::Bonus, OperationKind::ResetBalance].contains(&kind) => {
                return Ok(dates.today);
            }
            Some(Moment::Day(day)) => day.0,
            Some(Moment::Instant(at)) => calendar::day_of(zone, at),
            None if kind == OperationKind::Payment => external,
            None if external < dates.today => dates.today,
            None => external,
        };
        let ahead = configuration.value_date_ahead_days_max.unwrap_or(365);
        let last = dates.posting + i32::try_from(ahead).expect("a few days");
        if value_date > last {
            let limit = BusinessDate(last);
            return Err(Rejection::ValueDateTooFar { limit });
        }
        let told = post.value_date.is_some() || kind == OperationKind::Payment;
        if let (true, Some(back)) = (told, configuration.value_date_back_days_max) {
            let first = dates.posting - i32::try_from(back).expect("a few days");
            if value_date < first {
                let limit = BusinessDate(first);
                return Err(Rejection::ValueDateBeforeLimit { limit });
            }
        }
        Ok(value_date)
    }

    fn quantity(
        &self,
        issuer: &IssuerId,
        account: usize,
        post: &PostOperation,
    ) -> Result<(i64, Option<(BonusProgramReference, LoyaltyUnit)>), Rejection> {
        let (_, opening, opened) = self.opening(account);
        let asked = post.reference_amount.map_or(0, |amount| amount.minor);
        match &post.detail {
            PostDetail::Fee(fee) => {
                let product = self.product(issuer, &opening.product);
                if !product.is_some_and(|p| p.fee_types.contains(&fee.fee_type)) {
                    return Err(Rejection::FeeTypeNotAllowed);
                }
            }
            PostDetail::Bonus(bonus) => {
                self.check_bonus(issuer, account, bonus)?;
                if let Some(points) = &bonus.points {
                    let of = (bonus.program.clone(), points.unit.clone());
                    return Ok((points.value, Some(of)));
                }
            }
            PostDetail::BalanceAdjustment { reason } => {
                let configuration = self.configuration(issuer).expect("a known issuer");
                let allowed = &configuration.balance_adjustment_reasons;
                if !(allowed.is_empty() || allowed.contains(reason)) {
                    return Err(Rejection::AdjustmentReasonNotAllowed);
                }
            }
            PostDetail::Load(_) | PostDetail::Unload
                if opened.working_mode != WorkingMode::PayBefore =>
            {
                let field = "command".to_owned();
                return Err(Rejection::WorkingModeMismatch { field });
            }
            PostDetail::Unload => {
                if let Some(most) = self.spendable(account)
                    && i128::from(asked) > most
                {
                    let available_minor = shown(most);
                    return Err(Rejection::InsufficientOpenToBuy { available_minor });
                }
            }
            PostDetail::Reimbursement(how) => {
                let allowed = self.reimbursable(account);
                let value = match how {
                    ReimbursementType::Full => allowed,
                    ReimbursementType::Partial => allowed.min(i128::from(asked)),
                    ReimbursementType::Max => i128::from(asked),
                };
                // One operation moves at most 10^15; nothing to pay out is no operation.
                if value == 0 || value > allowed || value > 1_000_000_000_000_000 {
                    let allowed_minor = shown(allowed);
                    return Err(Rejection::ReimbursementExceedsAllowed { allowed_minor });
                }
                return Ok((shown(value), None));
            }
            PostDetail::ResetBalance => {
                let owed = self.balance(account);
                if owed == 0 {
                    return Err(Rejection::BalanceAlreadyZero);
                }
                if owed.abs() > 1_000_000_000_000_000 {
                    let field = "accountBalance".to_owned();
                    return Err(Rejection::AmountOutOfRange { field });
                }
                return Ok((shown(-owed), None));
            }
            PostDetail::Load(_)
            | PostDetail::Interest(_)
            | PostDetail::Payment(_)
            | PostDetail::Transaction(_)
            | PostDetail::Clearing(_) => {}
        }
        Ok((asked, None))
    }

    fn check_bonus(
        &self,
        issuer: &IssuerId,
        account: usize,
        bonus: &PostBonus,
    ) -> Result<(), Rejection> {
        let program = self
            .program(issuer, &bonus.program)
            .ok_or(Rejection::BonusProgramNotFound)?;
        if !self.has_program(account, &bonus.program) {
            return Err(Rejection::BonusProgramNotAllowedForAccount);
        }
        let rewarded = match (bonus.rewarded_operation, &bonus.rewarded_triplet) {
            (Some(id), _) => Some(
                self.operations()
                    .filter(|(_, line, _)| line.request.issuer == *issuer)
                    .find(|(number, ..)| OperationId::of(seq_of(*number)) == id)
                    .map(|(number, ..)| number),
            ),
            (None, Some(triplet)) => Some(self.operation_under(issuer, triplet)),
            (None, None) => None,
        };
        if let Some(found) = rewarded
            && !found.is_some_and(|number| {
                self.root(posted_on(&self.lines[number])) == self.root(account)
            })
        {
            return Err(Rejection::RewardedOperationNotFound);
        }
        match &bonus.points {
            None if !program.monetary => Err(Rejection::MonetaryBonusNotAllowed),
            Some(points) if !program.loyalty_units.contains(&points.unit) => {
                Err(Rejection::LoyaltyUnitNotAllowed)
            }
            _ => Ok(()),
        }
    }

    fn reverse(
        &self,
        issuer: &IssuerId,
        account: usize,
        reverse: &ReverseOperation,
        dates: &Dates,
    ) -> Result<Operation, Rejection> {
        if reverse.triplet.date > dates.external_max {
            return Err(Rejection::ExternalDateInFuture);
        }
        let (number, line, original) = self
            .operation_under(issuer, &reverse.matching)
            .and_then(|found| self.operations().find(|(number, ..)| *number == found))
            .filter(|(_, line, _)| line.account == Some(account))
            .ok_or(Rejection::OriginalOperationNotFound)?;
        let AccountAction::Post(post) = super::action_of(line) else {
            return Err(Rejection::ReversalNotReversible);
        };
        check_kind(reverse, post)?;
        if let Some(amount) = reverse.reference_amount {
            let currency = self.opening(account).2.currency;
            same_currency("referenceAmount", currency, amount.currency)?;
        }
        let remaining = i128::from(original.value).abs() - self.reversed(number);
        if remaining == 0 {
            let original = OperationId::of(seq_of(number));
            return Err(Rejection::OperationAlreadyReversed { original });
        }
        let give_back = -i128::from(original.value.signum());
        let value = match reverse.reference_amount {
            None => give_back * remaining,
            Some(Amount { minor, .. }) => i128::from(minor),
        };
        if value.signum() != give_back {
            return Err(Rejection::AmountSignInvalid {
                field: "referenceAmount".to_owned(),
                expected: if give_back > 0 {
                    Sign::Positive
                } else {
                    Sign::Negative
                },
            });
        }
        if value.abs() > remaining {
            let remaining_minor = shown(remaining);
            return Err(Rejection::ReversalExceedsRemaining { remaining_minor });
        }
        let configuration = self.configuration(issuer).expect("a known issuer");
        let pending = original.value_date > self.business_date(issuer);
        let at_original =
            pending || configuration.reversal_value_dating == ReversalValueDating::Original;
        Ok(Operation {
            kind: original.kind,
            value: shown(value),
            points: original.points.clone(),
            posted_at: dates.posted_at,
            value_date: if at_original {
                original.value_date
            } else {
                dates.today.max(original.value_date)
            },
            pending,
            reverses: Some(number),
        })
    }
}

fn check_kind(reverse: &ReverseOperation, post: &PostOperation) -> Result<(), Rejection> {
    let kind = post.detail.kind();
    let other_type = match (&post.detail, &reverse.fee_type) {
        (_, None) => false,
        (PostDetail::Fee(fee), Some(given)) => fee.fee_type != *given,
        (_, Some(_)) => true,
    };
    let field = if kind != reverse.kind {
        "command"
    } else if other_type {
        "feeType"
    } else {
        return Ok(());
    };
    let field = field.to_owned();
    Err(Rejection::OriginalKindMismatch { kind, field })
}

fn check_limit(limit: Amount, currency: Currency, mode: WorkingMode) -> Result<(), Rejection> {
    let field = "creditLimitAmount";
    same_currency(field, currency, limit.currency)?;
    if mode == WorkingMode::PayBefore && limit.minor != 0 {
        let field = field.to_owned();
        return Err(Rejection::WorkingModeMismatch { field });
    }
    Ok(())
}

pub(super) fn same_currency(
    field: &str,
    expected: Currency,
    given: Currency,
) -> Result<(), Rejection> {
    if expected == given {
        return Ok(());
    }
    Err(Rejection::CurrencyMismatch {
        field: field.to_owned(),
        expected: expected.code().to_owned(),
        given: given.code().to_owned(),
    })
}

/// Refusals show sums as far as their field reaches.
pub(super) fn shown(sum: i128) -> i64 {
    i64::try_from(sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).expect("clamped")
}
