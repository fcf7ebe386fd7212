//! Field-by-field comparison of two commands under one correlation id or one triplet.
//!
//! The recorded command lies in the log as it was given, so the answer is exact and names the field.
//! Names are those of the operations API. A field that is absent in one and present in the other is
//! a difference, even where the engine would have defaulted it to the same value.

mod annotations;
mod definitions;
mod operations;

use self::annotations::annotations_of;
use self::definitions::{configure_issuer, define_bonus_program, define_product, open_account};
use self::operations::{post_operation, record_authorization, reverse_operation};
use crate::annotations::Annotations;
use crate::authorization::RecordAuthorization;
use crate::command::{
    AccountAction, AdvanceBusinessDate, CancelOfflineReservation, Command,
    CreateOfflineReservation, PostOperation, ReverseOperation,
};
use crate::event::{EventBody, Record};
use crate::ids::AccountIndex;
use crate::time::Timestamp;

/// The name of the first field in which `submitted` differs from what `recorded` holds, or none.
///
/// `account` is the account that the submitted command names, if it names one that exists.
#[must_use]
pub fn from_recorded(
    recorded: &Record,
    submitted: &Command,
    annotations: Option<&Annotations>,
    account: Option<AccountIndex>,
) -> Option<&'static str> {
    command(recorded, submitted, account)
        .or_else(|| annotations_of(recorded.event.annotations.as_deref(), annotations))
}

fn command(
    recorded: &Record,
    submitted: &Command,
    account: Option<AccountIndex>,
) -> Option<&'static str> {
    match (&recorded.event.body, submitted) {
        (
            EventBody::IssuerConfigured { configuration, .. },
            Command::ConfigureIssuer(submitted),
        ) => configure_issuer(configuration, submitted),
        (EventBody::ProductDefined(recorded), Command::DefineProduct(submitted)) => {
            define_product(recorded, submitted)
        }
        (EventBody::BonusProgramDefined(recorded), Command::DefineBonusProgram(submitted)) => {
            define_bonus_program(recorded, submitted)
        }
        (EventBody::BusinessDateAdvanced(recorded), Command::AdvanceBusinessDate(submitted)) => {
            let AdvanceBusinessDate { business_date } = recorded;
            first(&[("businessDate", *business_date == submitted.business_date)])
        }
        (EventBody::AccountOpened { opening, .. }, Command::OpenAccount(submitted)) => {
            open_account(opening, submitted)
        }
        (_, Command::OnAccount(submitted)) => {
            let Some((recorded_account, posting_date, action)) = recorded_action(recorded) else {
                return Some("command");
            };
            if let Some(field) = shape(action, &submitted.action) {
                return Some(field);
            }
            first(&[("account", account == Some(recorded_account))])
                .or_else(|| action_fields(action, &submitted.action))
                .or_else(|| first(&[("postingDate", posting_date == submitted.posting_date)]))
        }
        (
            _,
            Command::ConfigureIssuer(_)
            | Command::DefineProduct(_)
            | Command::DefineBonusProgram(_)
            | Command::AdvanceBusinessDate(_)
            | Command::OpenAccount(_),
        ) => Some("command"),
    }
}

/// Whether `submitted`, on `account`, asks for exactly the operation that `recorded` posted, whatever
/// its correlation id and posting date.
#[must_use]
pub fn is_same_operation(
    recorded: &Record,
    submitted: &AccountAction,
    annotations: Option<&Annotations>,
    account: AccountIndex,
) -> bool {
    recorded_action(recorded).is_some_and(|(recorded_account, _, action)| {
        recorded_account == account
            && shape(action, submitted).is_none()
            && action_fields(action, submitted).is_none()
            && annotations_of(recorded.event.annotations.as_deref(), annotations).is_none()
    })
}

/// A recorded action, borrowed from wherever its event keeps it.
#[derive(Clone, Copy)]
enum Action<'a> {
    SetCreditLimit(&'a crate::command::SetCreditLimit),
    Close,
    Post(&'a PostOperation),
    Reverse(&'a ReverseOperation),
    RecordAuthorization(&'a RecordAuthorization),
    CreateOfflineReservation(&'a CreateOfflineReservation),
    CancelOfflineReservation(&'a CancelOfflineReservation),
}

fn recorded_action(record: &Record) -> Option<(AccountIndex, Option<Timestamp>, Action<'_>)> {
    match &record.event.body {
        EventBody::CreditLimitSet {
            account,
            posting_date,
            change,
        } => Some((*account, *posting_date, Action::SetCreditLimit(change))),
        EventBody::AccountClosed {
            account,
            posting_date,
        } => Some((*account, *posting_date, Action::Close)),
        EventBody::OperationPosted { decided, operation } => Some((
            decided.account,
            decided.posting_date,
            Action::Post(operation),
        )),
        EventBody::OperationCleared {
            decided, operation, ..
        } => Some((
            decided.account,
            decided.posting_date,
            Action::Post(operation),
        )),
        EventBody::AuthorizationRecorded { decided, message } => Some((
            decided.account,
            decided.posting_date,
            Action::RecordAuthorization(message),
        )),
        EventBody::OfflineReservationCreated {
            account,
            posting_date,
            reservation,
        } => Some((
            *account,
            *posting_date,
            Action::CreateOfflineReservation(reservation),
        )),
        EventBody::OfflineReservationCancelled {
            account,
            posting_date,
            cancellation,
            released_minor: _,
        } => Some((
            *account,
            *posting_date,
            Action::CancelOfflineReservation(cancellation),
        )),
        EventBody::OperationReversed {
            decided, reversal, ..
        } => Some((
            decided.account,
            decided.posting_date,
            Action::Reverse(reversal),
        )),
        EventBody::OperationRejected {
            account,
            posting_date,
            action,
            ..
        } => {
            let action = match action.as_ref() {
                AccountAction::SetCreditLimit(change) => Action::SetCreditLimit(change),
                AccountAction::Close => Action::Close,
                AccountAction::Post(post) => Action::Post(post),
                AccountAction::Reverse(reverse) => Action::Reverse(reverse),
                AccountAction::RecordAuthorization(message) => Action::RecordAuthorization(message),
                AccountAction::CreateOfflineReservation(reservation) => {
                    Action::CreateOfflineReservation(reservation)
                }
                AccountAction::CancelOfflineReservation(cancellation) => {
                    Action::CancelOfflineReservation(cancellation)
                }
            };
            Some((*account, *posting_date, action))
        }
        EventBody::IssuerConfigured { .. }
        | EventBody::ProductDefined(_)
        | EventBody::BonusProgramDefined(_)
        | EventBody::BusinessDateAdvanced(_)
        | EventBody::AccountOpened { .. } => None,
    }
}

fn shape(recorded: Action<'_>, submitted: &AccountAction) -> Option<&'static str> {
    let same = match (recorded, submitted) {
        (Action::SetCreditLimit(_), AccountAction::SetCreditLimit(_))
        | (Action::Close, AccountAction::Close)
        | (Action::CreateOfflineReservation(_), AccountAction::CreateOfflineReservation(_))
        | (Action::CancelOfflineReservation(_), AccountAction::CancelOfflineReservation(_)) => true,
        (Action::RecordAuthorization(_), AccountAction::RecordAuthorization(_)) => true,
        (Action::Post(a), AccountAction::Post(b)) => a.detail.kind() == b.detail.kind(),
        (Action::Reverse(a), AccountAction::Reverse(b)) => a.kind == b.kind,
        (
            Action::SetCreditLimit(_)
            | Action::Close
            | Action::Post(_)
            | Action::Reverse(_)
            | Action::RecordAuthorization(_)
            | Action::CreateOfflineReservation(_)
            | Action::CancelOfflineReservation(_),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_),
        ) => false,
    };
    first(&[("command", same)])
}

fn action_fields(recorded: Action<'_>, submitted: &AccountAction) -> Option<&'static str> {
    match (recorded, submitted) {
        (Action::SetCreditLimit(a), AccountAction::SetCreditLimit(b)) => {
            first(&[("creditLimitAmount", a == b)])
        }
        (Action::Close, AccountAction::Close) => None,
        (Action::Post(a), AccountAction::Post(b)) => post_operation(a, b),
        (Action::Reverse(a), AccountAction::Reverse(b)) => reverse_operation(a, b),
        (Action::RecordAuthorization(a), AccountAction::RecordAuthorization(b)) => {
            record_authorization(a, b)
        }
        (Action::CreateOfflineReservation(a), AccountAction::CreateOfflineReservation(b)) => {
            let CreateOfflineReservation { reference, amount } = a;
            first(&[
                ("offlineReservationReference", *reference == b.reference),
                ("amount", *amount == b.amount),
            ])
        }
        (Action::CancelOfflineReservation(a), AccountAction::CancelOfflineReservation(b)) => {
            let CancelOfflineReservation { reference } = a;
            first(&[("offlineReservationReference", *reference == b.reference)])
        }
        (
            Action::SetCreditLimit(_)
            | Action::Close
            | Action::Post(_)
            | Action::Reverse(_)
            | Action::RecordAuthorization(_)
            | Action::CreateOfflineReservation(_)
            | Action::CancelOfflineReservation(_),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_),
        ) => Some("command"),
    }
}

/// The first name whose fields are not the same.
fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields.iter().find(|(_, same)| !same).map(|(name, _)| *name)
}
