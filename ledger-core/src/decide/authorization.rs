//! Deciding what is reserved: messages of the authorization system, clearings, offline reservations.
//!
//! Source: specification 2b and 2k.

use crate::authorization::{
    DecidedAuthorization, DeclineReason, RESERVE_DAYS, RecordAuthorization, Reserve, ReserveStatus,
    ResultType, TransactionSubType, TransactionType,
};
use crate::command::{
    CancelOfflineReservation, CreateOfflineReservation, PostClearing, WorkingMode,
};
use crate::decide::Context;
use crate::decide::posting::clamp;
use crate::event::Decided;
use crate::money::Amount;
use crate::portfolio::AccountStatus;
use crate::rejection::Rejection;
use crate::reserves::BusinessCase;
use crate::text::BusinessCaseId;

/// Field of the amount of an authorization message.
const AMOUNT: &str = "totalBillingAmount";

impl Context<'_> {
    /// Decides a message. What cannot be approved is declined, which is a decision and no refusal; a
    /// refusal says that the message itself cannot be.
    pub(super) fn check_authorization(
        &self,
        message: &RecordAuthorization,
    ) -> Result<DecidedAuthorization, Rejection> {
        if let Some(amount) = message.billing_amount {
            self.check_currency_of(AMOUNT, amount)?;
        }
        let before = self.reserve_before(message)?;
        let asked = Asked::of(message, &before)?;
        let (result_type, reason) = self.result(message, &before, &asked);
        let reserve = match result_type {
            ResultType::Approval => self.reserve_after(message, &before, &asked),
            ResultType::Decline | ResultType::Referral | ResultType::PickUp | ResultType::Other => {
                before
            }
        };
        let more = i128::from(reserve.minor) - i128::from(before.minor);
        let open_to_buy = self.state.portfolio.open_to_buy(self.account);
        Ok(DecidedAuthorization {
            account: self.account,
            posting_date: self.posting_date,
            result_type,
            reason,
            reserve,
            open_to_buy_minor: open_to_buy.map(|minor| minor - more),
        })
    }

    /// The reserve that a message finds. Only an authorization may begin a case, or go on with one
    /// that reserves nothing any more.
    fn reserve_before(&self, message: &RecordAuthorization) -> Result<Reserve, Rejection> {
        let known = self.case_of_issuer(&message.business_case);
        if let Some(case) = known
            && case.account == self.account
        {
            let is_active = case.reserve.status == ReserveStatus::Active;
            return match message.transaction_type {
                TransactionType::Authorization => Ok(case.reserve),
                TransactionType::Reversal
                | TransactionType::Confirmation
                | TransactionType::Rollback
                | TransactionType::ReserveUpdate
                | TransactionType::ReserveExpiry
                    if is_active =>
                {
                    Ok(case.reserve)
                }
                TransactionType::Reversal
                | TransactionType::Confirmation
                | TransactionType::Rollback
                | TransactionType::ReserveUpdate
                | TransactionType::ReserveExpiry => Err(Rejection::ReserveNotActive),
            };
        }
        if known.is_some() || message.transaction_type != TransactionType::Authorization {
            // Another account's case is not found, so that nothing about it is told.
            return Err(not_found("businessCaseId"));
        }
        Ok(Reserve {
            billing_minor: 0,
            minor: 0,
            expiry: self.day.today,
            status: ReserveStatus::None,
        })
    }

    fn case_of_issuer(&self, id: &BusinessCaseId) -> Option<&BusinessCase> {
        let portfolio = &self.state.portfolio;
        let index = portfolio.case_by_id(self.issuer, id)?;
        Some(portfolio.reserves().case(index))
    }

    /// Approves or declines. An advice is booked as it was decided outside, also over the limit, and a
    /// confirmation tells what has happened; but a closed account reserves nothing more.
    fn result(
        &self,
        message: &RecordAuthorization,
        before: &Reserve,
        asked: &Asked,
    ) -> (ResultType, Option<DeclineReason>) {
        if let Some(told) = message.result_type
            && told != ResultType::Approval
        {
            return (told, None);
        }
        let portfolio = &self.state.portfolio;
        let more = asked.minor - i128::from(before.minor);
        let is_authorization = message.transaction_type == TransactionType::Authorization;
        let is_closed = portfolio.account(self.account).status == AccountStatus::Closed;
        if is_closed && (is_authorization || more > 0) {
            return (ResultType::Decline, Some(DeclineReason::AccountClosed));
        }
        let is_ours = message.sub_type == TransactionSubType::Request
            && message.transaction_type != TransactionType::Confirmation;
        let spendable = portfolio.spendable(self.account);
        if is_ours && more > 0 && spendable.is_some_and(|spendable| more > spendable) {
            let reason = DeclineReason::InsufficientOpenToBuy;
            return (ResultType::Decline, Some(reason));
        }
        (ResultType::Approval, None)
    }

    /// The reserve once the message is approved.
    fn reserve_after(
        &self,
        message: &RecordAuthorization,
        before: &Reserve,
        asked: &Asked,
    ) -> Reserve {
        let is_authorization = message.transaction_type == TransactionType::Authorization;
        let by_default = if is_authorization {
            let fresh = self.day.today.plus_days(RESERVE_DAYS);
            match before.status {
                // More of a reserve does not end it sooner.
                ReserveStatus::Active => fresh.max(before.expiry),
                ReserveStatus::None | ReserveStatus::Expired | ReserveStatus::Cancelled => fresh,
            }
        } else {
            before.expiry
        };
        let expiry = message.reserve_expiry_date.unwrap_or(by_default);
        // A history replayed after the fact brings reserves whose time is over.
        let is_over = expiry < self.issuer().business_date;
        let minor = i64::try_from(asked.minor).expect("it was found to be in range");
        let status = match (minor, message.transaction_type) {
            (1.., _) if is_over => ReserveStatus::Expired,
            (1.., _) => ReserveStatus::Active,
            // A check of the account, or a refund: it reserves nothing.
            (_, TransactionType::Authorization) => before.status,
            (_, TransactionType::ReserveExpiry) => ReserveStatus::Expired,
            (
                _,
                TransactionType::Reversal
                | TransactionType::Confirmation
                | TransactionType::Rollback
                | TransactionType::ReserveUpdate,
            ) => ReserveStatus::Cancelled,
        };
        Reserve {
            billing_minor: i64::try_from(asked.billing_minor).expect("it was found to be in range"),
            minor: if is_over { 0 } else { minor },
            expiry,
            status,
        }
    }

    /// What the business case of a clearing reserves no longer: everything if it is final, since a hold
    /// that outlived its clearing would charge the cardholder twice; else as much as is cleared. A case
    /// that has expired, or was cleared, has nothing left to give, and the clearing is owed all the same.
    pub(super) fn check_clearing(
        &self,
        decided: &Decided,
        clearing: &PostClearing,
    ) -> Result<i64, Rejection> {
        let case = self.case_of_issuer(&clearing.business_case);
        let case = case.filter(|case| case.account == self.account);
        let case = case.ok_or_else(|| not_found("authorizationBusinessCaseIdentifier"))?;
        let reserved = case.reserve.minor;
        Ok(if clearing.is_final {
            reserved
        } else {
            decided.quantity.value.max(0).min(reserved)
        })
    }

    /// Source: specification 2k. An account that spends its own funds reserves no more than is free of them;
    /// what a credit account reserves lowers its open-to-buy, also below zero.
    pub(super) fn check_reservation(
        &self,
        reservation: &CreateOfflineReservation,
    ) -> Result<(), Rejection> {
        let CreateOfflineReservation { amount, .. } = reservation;
        self.check_currency_of("amount", *amount)?;
        let portfolio = &self.state.portfolio;
        match portfolio.account(self.account).working_mode {
            WorkingMode::PayLater => Ok(()),
            WorkingMode::PayBefore | WorkingMode::PayNow => {
                let free = portfolio.reimbursable(self.account);
                if i128::from(amount.minor) > free {
                    let available_minor = clamp(free);
                    return Err(Rejection::InsufficientOwnFunds { available_minor });
                }
                Ok(())
            }
        }
    }

    /// What ending an offline reservation gives free, in minor units.
    pub(super) fn check_cancellation(
        &self,
        cancellation: &CancelOfflineReservation,
    ) -> Result<i64, Rejection> {
        let reserves = self.state.portfolio.reserves();
        let reservation = reserves.reservation(self.issuer, &cancellation.reference);
        let reservation = reservation.filter(|of| of.account == self.account);
        let reservation = reservation.ok_or(Rejection::ReservationNotFound)?;
        if !reservation.active {
            return Err(Rejection::ReservationNotActive);
        }
        Ok(reservation.minor)
    }
}

/// What a message would make of a reserve.
struct Asked {
    /// What would be reserved; zero or more.
    minor: i128,
    /// What its messages say is reserved.
    billing_minor: i128,
}

impl Asked {
    fn of(message: &RecordAuthorization, before: &Reserve) -> Result<Self, Rejection> {
        let amount = message
            .billing_amount
            .map(|amount| i128::from(amount.minor));
        let (reserved, billing) = (i128::from(before.minor), i128::from(before.billing_minor));
        let (minor, billing_minor) = match message.transaction_type {
            TransactionType::Authorization => {
                let amount = amount.unwrap_or(0);
                // A refund to come frees nothing.
                (reserved + amount.max(0), billing + amount)
            }
            TransactionType::ReserveUpdate | TransactionType::Confirmation => {
                amount.map_or((reserved, billing), |amount| (amount, amount))
            }
            TransactionType::Reversal | TransactionType::Rollback => {
                let part = amount.unwrap_or(reserved).min(reserved);
                (reserved - part, billing - part)
            }
            TransactionType::ReserveExpiry => {
                (reserved - amount.unwrap_or(reserved).min(reserved), billing)
            }
        };
        let largest = i128::from(Amount::MINOR_MAX);
        if minor > largest || billing_minor.abs() > largest {
            let field = AMOUNT.to_owned();
            return Err(Rejection::AmountOutOfRange { field });
        }
        Ok(Self {
            minor,
            billing_minor,
        })
    }
}

fn not_found(field: &str) -> Rejection {
    Rejection::BusinessCaseNotFound {
        field: field.to_owned(),
    }
}
