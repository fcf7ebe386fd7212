//! What is reserved: every question walks the whole list again. Source: specification 2b and 2k.

use ledger_core::authorization::{
    AuthorizationResult, DeclineReason, RecordAuthorization, ReserveStatus, ResultType,
    TransactionSubType, TransactionType,
};
use ledger_core::command::{
    AccountAction, CancelOfflineReservation, Command, CreateOfflineReservation, PostClearing,
    PostDetail, Request, WorkingMode,
};
use ledger_core::rejection::Rejection;
use ledger_core::text::{BusinessCaseId, IssuerId, ReservationReference, TransactionId};

use super::amounts::posted_on;
use super::rules::{Dates, same_currency, shown};
use super::{Fact, Model, action_of};

const LARGEST: i128 = 1_000_000_000_000_000;

/// A business case as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Whose.
    pub issuer: IssuerId,
    /// Its id.
    pub id: BusinessCaseId,
    /// Its account.
    pub account: usize,
    /// What its messages say.
    pub billing: i128,
    /// What is reserved and not cleared.
    pub open: i128,
    /// Lines of the clearings it reserves for, and how much.
    clearings: Vec<(usize, i128)>,
    /// Last day of the reserve, once there was one.
    pub expiry: Option<i32>,
    /// What became of it.
    pub status: ReserveStatus,
}

impl Model {
    /// Every case, in the order of first messages, as of now.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let issuer = &line.request.issuer;
            match (&line.fact, &line.request.command) {
                (Fact::Advanced { business_date }, _) => {
                    for case in cases.iter_mut().filter(|case| case.issuer == *issuer) {
                        case.end_before(*business_date);
                    }
                }
                (Fact::Message { result, today }, Command::OnAccount(on)) => {
                    let AccountAction::RecordAuthorization(message) = &on.action else {
                        unreachable!("a message is of a message")
                    };
                    let id = &message.business_case;
                    if !cases.iter().any(|case| case.is(issuer, id)) {
                        cases.push(Case::new(issuer, id, posted_on(line)));
                    }
                    let case = cases.iter_mut().find(|case| case.is(issuer, id));
                    let case = case.expect("it was just begun");
                    if result.result_type == ResultType::Approval {
                        case.take(message, *today);
                        // The business date may be later than the day of the message.
                        case.end_before(self.business_date_at(number));
                    }
                }
                (Fact::Operation(operation), Command::OnAccount(on)) => {
                    let AccountAction::Post(post) = &on.action else {
                        continue;
                    };
                    let PostDetail::Clearing(clearing) = &post.detail else {
                        continue;
                    };
                    let id = &clearing.business_case;
                    let case = cases.iter_mut().find(|case| case.is(issuer, id));
                    let case = case.expect("a clearing has a case");
                    case.clear(number, i128::from(operation.value), clearing.is_final);
                }
                _ => {}
            }
        }
        cases
    }

    /// The business date of a line's issuer when it was written.
    fn business_date_at(&self, number: usize) -> i32 {
        let issuer = &self.lines[number].request.issuer;
        self.lines[..number]
            .iter()
            .filter(|line| line.request.issuer == *issuer)
            .filter_map(|line| match line.fact {
                Fact::Configured { business_date } | Fact::Advanced { business_date } => {
                    Some(business_date)
                }
                _ => None,
            })
            .next_back()
            .expect("a configured issuer")
    }

    /// What a case still counts for: its open reserve, and that of its clearings to come.
    #[must_use]
    pub fn still_reserved(&self, case: &Case) -> i128 {
        let waiting = case.clearings.iter().filter(|(number, _)| {
            let Fact::Operation(operation) = &self.lines[*number].fact else {
                unreachable!("a clearing is an operation")
            };
            operation.value_date > self.business_date(&case.issuer) && !self.is_undone(*number)
        });
        case.open + waiting.map(|(_, minor)| *minor).sum::<i128>()
    }

    /// What cases reserve on accounts that `counts` takes.
    pub(super) fn held(&self, counts: impl Fn(usize) -> bool) -> i128 {
        let cases = self.cases();
        let cases = cases.iter().filter(|case| counts(case.account));
        cases.map(|case| self.still_reserved(case)).sum()
    }

    /// What offline reservations reserve on an account.
    #[must_use]
    pub fn offline(&self, account: usize) -> i128 {
        let lines = self
            .lines
            .iter()
            .filter(|line| line.account == Some(account));
        lines
            .filter_map(|line| match (&line.fact, &line.request.command) {
                (Fact::Reserved, Command::OnAccount(on)) => match &on.action {
                    AccountAction::CreateOfflineReservation(made) => {
                        let is_over = self.is_freed(&line.request.issuer, &made.reference);
                        (!is_over).then_some(i128::from(made.amount.minor))
                    }
                    _ => None,
                },
                _ => None,
            })
            .sum()
    }

    fn is_freed(&self, issuer: &IssuerId, reference: &ReservationReference) -> bool {
        self.lines.iter().any(|line| {
            line.request.issuer == *issuer
                && matches!(line.fact, Fact::Freed)
                && matches!(
                    action_of(line),
                    AccountAction::CancelOfflineReservation(freed) if freed.reference == *reference
                )
        })
    }

    /// The line that took a transaction id.
    pub(super) fn message_under(&self, issuer: &IssuerId, id: &TransactionId) -> Option<usize> {
        self.lines.iter().position(|line| {
            line.request.issuer == *issuer
                && matches!(line.fact, Fact::Message { .. })
                && matches!(
                    action_of(line),
                    AccountAction::RecordAuthorization(message) if message.transaction_id == *id
                )
        })
    }

    /// The line that made an offline reservation.
    pub(super) fn reservation_under(
        &self,
        issuer: &IssuerId,
        reference: &ReservationReference,
    ) -> Option<usize> {
        self.lines.iter().position(|line| {
            line.request.issuer == *issuer
                && matches!(line.fact, Fact::Reserved)
                && matches!(
                    action_of(line),
                    AccountAction::CreateOfflineReservation(made) if made.reference == *reference
                )
        })
    }

    fn case(&self, issuer: &IssuerId, id: &BusinessCaseId) -> Option<Case> {
        self.cases().into_iter().find(|case| case.is(issuer, id))
    }

    pub(super) fn message(
        &self,
        issuer: &IssuerId,
        account: usize,
        message: &RecordAuthorization,
        dates: &Dates,
    ) -> Result<Fact, Rejection> {
        if let Some(amount) = message.billing_amount {
            let currency = self.opening(account).2.currency;
            same_currency("totalBillingAmount", currency, amount.currency)?;
        }
        let begins = message.transaction_type == TransactionType::Authorization;
        let before = match self.case(issuer, &message.business_case) {
            Some(case) if case.account == account => case,
            None if begins => Case::new(issuer, &message.business_case, account),
            _ => {
                let field = "businessCaseId".to_owned();
                return Err(Rejection::BusinessCaseNotFound { field });
            }
        };
        if !begins && before.open == 0 {
            return Err(Rejection::ReserveNotActive);
        }
        let mut after = before.clone();
        after.take(message, dates.today);
        if after.open > LARGEST || after.billing.abs() > LARGEST {
            let field = "totalBillingAmount".to_owned();
            return Err(Rejection::AmountOutOfRange { field });
        }
        let more = after.open - before.open;
        let asks = message.sub_type == TransactionSubType::Request
            && message.transaction_type != TransactionType::Confirmation;
        let declined = |reason| AuthorizationResult {
            result_type: ResultType::Decline,
            reason: Some(reason),
        };
        let result = match message.result_type {
            Some(told) if told != ResultType::Approval => AuthorizationResult {
                result_type: told,
                reason: None,
            },
            _ if self.is_closed(account) && (begins || more > 0) => {
                declined(DeclineReason::AccountClosed)
            }
            _ if asks && more > 0 && self.spendable(account).is_some_and(|most| more > most) => {
                declined(DeclineReason::InsufficientOpenToBuy)
            }
            _ => AuthorizationResult {
                result_type: ResultType::Approval,
                reason: None,
            },
        };
        Ok(Fact::Message {
            result,
            today: dates.today,
        })
    }

    pub(super) fn check_clearing(
        &self,
        issuer: &IssuerId,
        account: usize,
        clearing: &PostClearing,
    ) -> Result<(), Rejection> {
        match self.case(issuer, &clearing.business_case) {
            Some(case) if case.account == account => Ok(()),
            _ => Err(Rejection::BusinessCaseNotFound {
                field: "authorizationBusinessCaseIdentifier".to_owned(),
            }),
        }
    }

    pub(super) fn reserve(
        &self,
        account: usize,
        reservation: &CreateOfflineReservation,
    ) -> Result<Fact, Rejection> {
        let opened = self.opening(account).2;
        same_currency("amount", opened.currency, reservation.amount.currency)?;
        let free = self.reimbursable(account);
        let asked = i128::from(reservation.amount.minor);
        if opened.working_mode != WorkingMode::PayLater && asked > free {
            let available_minor = shown(free);
            return Err(Rejection::InsufficientOwnFunds { available_minor });
        }
        Ok(Fact::Reserved)
    }

    pub(super) fn free(
        &self,
        issuer: &IssuerId,
        account: usize,
        cancellation: &CancelOfflineReservation,
    ) -> Result<Fact, Rejection> {
        let made = self.reservation_under(issuer, &cancellation.reference);
        let made = made.filter(|number| self.lines[*number].account == Some(account));
        if made.is_none() {
            return Err(Rejection::ReservationNotFound);
        }
        if self.is_freed(issuer, &cancellation.reference) {
            return Err(Rejection::ReservationNotActive);
        }
        Ok(Fact::Freed)
    }
}

impl Case {
    fn new(issuer: &IssuerId, id: &BusinessCaseId, account: usize) -> Self {
        Self {
            issuer: issuer.clone(),
            id: id.clone(),
            account,
            billing: 0,
            open: 0,
            clearings: Vec::new(),
            expiry: None,
            status: ReserveStatus::None,
        }
    }

    fn is(&self, issuer: &IssuerId, id: &BusinessCaseId) -> bool {
        self.issuer == *issuer && self.id == *id
    }

    /// What an approved message does, on the day it is of.
    fn take(&mut self, message: &RecordAuthorization, today: i32) {
        let was_open = self.open > 0;
        let amount = message.billing_amount.map(|amount| amount.minor.into());
        let part = amount.unwrap_or(self.open).min(self.open);
        let ended = match message.transaction_type {
            TransactionType::Authorization => {
                let amount = amount.unwrap_or(0);
                self.billing += amount;
                self.open += amount.max(0);
                self.status
            }
            TransactionType::ReserveUpdate | TransactionType::Confirmation => {
                if let Some(amount) = amount {
                    (self.open, self.billing) = (amount, amount);
                }
                ReserveStatus::Cancelled
            }
            TransactionType::Reversal | TransactionType::Rollback => {
                self.open -= part;
                self.billing -= part;
                ReserveStatus::Cancelled
            }
            TransactionType::ReserveExpiry => {
                self.open -= part;
                ReserveStatus::Expired
            }
        };
        self.status = if self.open > 0 {
            ReserveStatus::Active
        } else {
            ended
        };
        let week = today + 7;
        self.expiry = match (message.reserve_expiry_date, message.transaction_type) {
            (Some(given), _) => Some(given.0),
            (None, TransactionType::Authorization) if was_open => {
                self.expiry.map(|before| before.max(week))
            }
            (None, TransactionType::Authorization) => Some(week),
            (None, _) => self.expiry,
        };
    }

    fn clear(&mut self, line: usize, value: i128, is_final: bool) {
        let part = if is_final {
            self.open
        } else {
            self.open.min(value.max(0))
        };
        if part > 0 {
            self.open -= part;
            self.clearings.push((line, part));
            if self.open == 0 {
                self.status = ReserveStatus::Cancelled;
            }
        }
    }

    fn end_before(&mut self, day: i32) {
        if self.open > 0 && self.expiry.is_some_and(|expiry| expiry < day) {
            self.open = 0;
            self.status = ReserveStatus::Expired;
        }
    }
}

/// The refusal of an action whose name outside a line has taken.
pub(super) fn duplicate(
    model: &Model,
    line: usize,
    (request, action): (&Request, &AccountAction),
    account: usize,
) -> Rejection {
    let same_payload = model.is_same_operation(line, request, action, account);
    match action {
        AccountAction::RecordAuthorization(_) => Rejection::DuplicateTransactionId { same_payload },
        _ => Rejection::DuplicateReservation { same_payload },
    }
}
