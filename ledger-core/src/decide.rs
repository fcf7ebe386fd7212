//! Deciding: a slice of requests in, records and answers out.
//!
//! The order of checks is the specification's (4.3), with one change: the external triplet is looked
//! up as soon as the account is known. It is an idempotency key like the correlation id, so an
//! operation sent again must be told so, and not be measured against rules whose outcome its first
//! execution has changed (a reversal would find its original already reversed).

mod authorization;
mod posting;
mod records;
mod reference;
mod reversal;

use self::records::Head;
pub use self::records::Records;
use self::reversal::Reversal;
use crate::annotations::Annotations;
use crate::authorization::{AuthorizationResult, DecidedAuthorization, SecondKey};
use crate::command::{
    AccountAction, AccountSelector, Command, OnAccount, PostDetail, Request, SetCreditLimit,
};
use crate::difference;
use crate::event::{Decided, EventBody, Record};
use crate::form;
use crate::ids::{AccountIndex, AccountReference, IssuerIndex, OperationId, Seq};
use crate::money::Amount;
use crate::portfolio::{AccountStatus, Issuer, PackedAmounts};
use crate::rejection::Rejection;
use crate::state::{LedgerState, Lookup, Prepared, Recalled, RecordKeys, RequestKeys};
use crate::time::{BusinessDate, DayMemory, Moment, Timestamp};

/// What deciding a batch gives: records to append, and one answer for each request, in order. The
/// state has the records applied already; no answer may leave before they are durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Records, continuing the log.
    pub records: Records,
    /// The keys of each record, for whoever keeps an index of them too.
    pub keys: Vec<RecordKeys>,
    /// Answers, one for each request.
    pub answers: Vec<Answer>,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Result<Accepted, Box<Refusal>>,
    /// Whether this repeats the answer that the correlation id got before.
    pub replayed: bool,
    /// Place of the record that holds the answer, if one does.
    pub seq: Option<Seq>,
    /// When that record was recorded.
    pub recorded_at: Option<Timestamp>,
    /// The account's amounts right after this request, where it named an account and was decided
    /// now rather than replayed.
    pub amounts: Option<PackedAmounts>,
}

/// Less than two lines of the processor's cache; answers are written to memory that is seldom in it.
const _: () = assert!(size_of::<Answer>() <= 112);

/// A command that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The operation it posted, if it posted one.
    pub operation: Option<OperationId>,
    /// The account it was about, if it was about one.
    pub account: Option<AccountReference>,
    /// Whether the operation waits for its value date.
    pub pending: bool,
    /// Of a message of the authorization system: whether it was approved, and why not.
    pub authorization: Option<AuthorizationResult>,
}

/// A command that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub rejection: Rejection,
    /// What that means for its correlation id.
    pub standing: Standing,
}

/// What a refusal means for the correlation id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The command has no valid form; nothing is recorded, it may be sent again corrected.
    Malformed,
    /// It cannot be placed (unknown issuer, unknown account, a correlation id in use); nothing is
    /// recorded.
    Unrecorded,
    /// A business rule refused it; the correlation id answers this for ever.
    Remembered,
}

/// Most levels of accounts in one hierarchy: enough for company, division, department, card and as
/// many again, few enough to walk on every posting.
pub const HIERARCHY_LEVELS_MAX: u32 = 16;

/// What a request touches is read once more so many requests before it is decided: as late as it may be.
const TOUCHED_AHEAD: usize = 1;

/// Decides requests in order, each on the state the ones before it left.
///
/// `now` is when the batch is recorded; a clock that ran backwards is held at the last record.
/// `recalled` holds the records of [`LedgerState::recall_list`] for these requests.
///
/// # Panics
/// When `recalled` lacks a record of the recall list.
pub fn decide(
    state: &mut LedgerState,
    mut requests: Vec<Request>,
    now: Timestamp,
    recalled: &Recalled,
) -> Batch {
    let mut batch = Batch::default();
    let mut prepared = Prepared::default();
    state.prepare(&requests, &mut prepared);
    decide_prepared(state, &mut requests, &prepared, now, recalled, &mut batch);
    batch
}

/// Decides the requests that `prepared` is about, and adds their records and answers to a batch. What is left of
/// the requests then has no use.
///
/// A batch may be decided in several goes, each prepared after the one before was decided: so a go can
/// be short enough for the processor's cache, and the batch long enough for the disk.
///
/// # Panics
/// When `recalled` lacks a record of the recall list; it may when `prepared` is about other requests.
pub fn decide_prepared(
    state: &mut LedgerState,
    requests: &mut [Request],
    prepared: &Prepared,
    now: Timestamp,
    recalled: &Recalled,
    batch: &mut Batch,
) {
    let now = now.max(state.last_recorded_at);
    let mut asked = None;
    for (place, (request, keys)) in requests.iter_mut().zip(&prepared.keys).enumerate() {
        if let Some(ahead) = prepared.keys.get(place + TOUCHED_AHEAD) {
            state.touch(ahead);
        }
        let known_now = keys.known_now(state, request);
        let keys = known_now.as_ref().unwrap_or(keys);
        let lookup = Lookup {
            keys,
            recalled,
            batch: &batch.records,
        };
        let verdict = judge(state, request, now, &prepared.days, &lookup);
        batch.tell_amounts(state, asked.take());
        match verdict {
            Verdict::Record(issuer, ruling) => {
                let annotations = request.annotations.take();
                let head = Head {
                    seq: state.last_seq.next(),
                    recorded_at: now,
                    issuer,
                    correlation: request.correlation,
                    // An empty box would not be there when the record is read back.
                    annotations: annotations.filter(|given| **given != *Annotations::NONE),
                };
                let record = batch.records.add(head, ruling, &mut request.command);
                let keys = keys.of_record(record);
                state.apply_keyed(record, keys);
                // Told in its place: moved there, it would be read before it is wholly written.
                batch.answers.push(Answer::BLANK);
                if let Some(answer) = batch.answers.last_mut() {
                    answer.tell(record);
                }
                batch.keys.push(keys);
                asked = record.account();
            }
            Verdict::Answer(answer) => batch.answers.push(answer),
        }
    }
    batch.tell_amounts(state, asked);
}

impl Batch {
    /// Adds what the last answer says of the amounts of its account. That is not done with the rest of it, but when
    /// the next request was judged: a processor would have to wait for sums that it has only just written.
    fn tell_amounts(&mut self, state: &LedgerState, account: Option<AccountIndex>) {
        if let Some(account) = account
            && let Some(answer) = self.answers.last_mut()
        {
            answer.amounts = Some(state.portfolio.amounts(account).into());
        }
    }
}

enum Verdict {
    Record(IssuerIndex, Ruling),
    Answer(Answer),
}

/// What is to be recorded of a command. The command itself is added at the end ([`Records::add`]), so that it is
/// moved once.
enum Ruling {
    /// Anything but a command on an account; these are few.
    Reference(Box<EventBody>),
    /// A command on an account, carried out or refused.
    OnAccount(AccountIndex, Result<Favour, Rejection>),
}

/// A decision in favour of a command on an account, with what had to be decided.
enum Favour {
    SetCreditLimit,
    Close,
    Post(Decided),
    /// A posting that consumes so much of a reserve.
    Clear(Decided, i64),
    Reverse(Reversal),
    Authorize(Box<DecidedAuthorization>),
    Reserve,
    /// The end of an offline reservation of so much.
    CancelReservation(i64),
}

fn judge(
    state: &LedgerState,
    request: &Request,
    now: Timestamp,
    days: &DayMemory,
    lookup: &Lookup<'_>,
) -> Verdict {
    let Request {
        correlation,
        command,
        annotations,
        ..
    } = request;
    let annotations = annotations.as_deref();
    let RequestKeys {
        issuer, account, ..
    } = *lookup.keys;
    if let Some(issuer) = issuer
        && let Some(recorded) = lookup.by_correlation(state, issuer, *correlation)
    {
        return Verdict::Answer(
            match difference::from_recorded(recorded, command, annotations, account) {
                None => Answer {
                    replayed: true,
                    ..Answer::recorded(recorded)
                },
                Some(field) => Answer::unrecorded(Rejection::IdempotencyPayloadMismatch {
                    field: field.to_owned(),
                }),
            },
        );
    }
    if let Err(rejection) = form::check(command) {
        return Verdict::Answer(Answer::refused(rejection, Standing::Malformed));
    }
    if let Some(annotations) = annotations
        && let Err(rejection) = form::check_annotations(command, annotations)
    {
        return Verdict::Answer(Answer::refused(rejection, Standing::Malformed));
    }
    match (issuer, command) {
        (Some(issuer), Command::OnAccount(on)) => {
            let Some(account) = account else {
                let field = on.account.field().to_owned();
                return Verdict::Answer(Answer::unrecorded(Rejection::AccountNotFound { field }));
            };
            let posting_date = on.posting_date;
            let context = Context {
                state,
                lookup,
                issuer,
                account,
                posting_date,
                annotations,
                days,
                day: Day::of(state.portfolio.issuer(issuer), posting_date, now, days),
            };
            Verdict::Record(
                issuer,
                Ruling::OnAccount(account, context.check(&on.action)),
            )
        }
        _ => match reference::decide(state, issuer, request, now) {
            Ok((issuer, body)) => Verdict::Record(issuer, Ruling::Reference(Box::new(body))),
            Err(rejection) => Verdict::Answer(Answer::unrecorded(rejection)),
        },
    }
}

impl Ruling {
    /// The event of what happened to the command, or of its refusal.
    fn into_body(self, command: Command) -> EventBody {
        match (self, command) {
            (Self::OnAccount(account, outcome), Command::OnAccount(on)) => {
                body_of(account, outcome, on)
            }
            (Self::Reference(body), _) => *body,
            (Self::OnAccount(..), _) => another_command(),
        }
    }
}

fn body_of(account: AccountIndex, outcome: Result<Favour, Rejection>, on: OnAccount) -> EventBody {
    let OnAccount {
        posting_date,
        action,
        ..
    } = on;
    let favour = match outcome {
        Ok(favour) => favour,
        Err(rejection) => {
            return EventBody::OperationRejected {
                account,
                posting_date,
                action: Box::new(action),
                rejection,
            };
        }
    };
    match (favour, action) {
        (Favour::SetCreditLimit, AccountAction::SetCreditLimit(change)) => {
            EventBody::CreditLimitSet {
                account,
                posting_date,
                change,
            }
        }
        (Favour::Close, AccountAction::Close) => EventBody::AccountClosed {
            account,
            posting_date,
        },
        (Favour::Post(decided), AccountAction::Post(operation)) => {
            EventBody::OperationPosted { decided, operation }
        }
        (Favour::Reverse(decided), AccountAction::Reverse(reversal)) => decided.into_body(reversal),
        (Favour::Clear(decided, released_minor), AccountAction::Post(operation)) => {
            EventBody::OperationCleared {
                decided,
                released_minor,
                operation: Box::new(operation),
            }
        }
        (Favour::Authorize(decided), AccountAction::RecordAuthorization(message)) => {
            EventBody::AuthorizationRecorded { decided, message }
        }
        (Favour::Reserve, AccountAction::CreateOfflineReservation(reservation)) => {
            EventBody::OfflineReservationCreated {
                account,
                posting_date,
                reservation,
            }
        }
        (
            Favour::CancelReservation(released_minor),
            AccountAction::CancelOfflineReservation(cancellation),
        ) => EventBody::OfflineReservationCancelled {
            account,
            posting_date,
            cancellation,
            released_minor,
        },
        (
            Favour::SetCreditLimit
            | Favour::Close
            | Favour::Post(_)
            | Favour::Clear(..)
            | Favour::Reverse(_)
            | Favour::Authorize(_)
            | Favour::Reserve
            | Favour::CancelReservation(_),
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::RecordAuthorization(_)
            | AccountAction::CreateOfflineReservation(_)
            | AccountAction::CancelOfflineReservation(_),
        ) => another_command(),
    }
}

fn another_command() -> ! {
    unreachable!("a ruling is about the command it was made for")
}

/// What deciding on an account looks at.
pub(crate) struct Context<'a> {
    pub(crate) state: &'a LedgerState,
    pub(crate) lookup: &'a Lookup<'a>,
    pub(crate) issuer: IssuerIndex,
    pub(crate) account: AccountIndex,
    pub(crate) posting_date: Option<Timestamp>,
    pub(crate) annotations: Option<&'a Annotations>,
    pub(crate) days: &'a DayMemory,
    pub(crate) day: Day,
}

/// The dates one command is measured by.
///
/// A command of a replayed history brings its posting date, and is measured by that; any other by
/// the issuer's business date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Day {
    /// The day that the limits of value dates count from.
    pub(crate) posting: BusinessDate,
    /// The value date of what takes effect at once; never after the business date.
    pub(crate) today: BusinessDate,
    /// The instant after which, with a tolerance, an external date lies in the future.
    pub(crate) latest: Timestamp,
}

impl Day {
    fn of(
        issuer: &Issuer,
        posting_date: Option<Timestamp>,
        now: Timestamp,
        days: &DayMemory,
    ) -> Self {
        let zone = issuer.configuration().time_zone;
        match posting_date {
            Some(instant) => {
                let posting = days.day_of(zone, instant);
                Self {
                    posting,
                    today: posting.min(issuer.business_date),
                    latest: instant,
                }
            }
            None => Self {
                posting: issuer.business_date,
                today: issuer.business_date,
                latest: now.max(days.start_of(zone, issuer.business_date)),
            },
        }
    }
}

impl Context<'_> {
    fn check(&self, action: &AccountAction) -> Result<Favour, Rejection> {
        let portfolio = &self.state.portfolio;
        let account = portfolio.account(self.account);
        if let Some(key) = action.second_key()
            && let Some(existing) = self.lookup.by_own_key(self.state, self.issuer, key)
        {
            let same_payload =
                difference::is_same_operation(existing, action, self.annotations, self.account);
            return Err(match key {
                SecondKey::Triplet(_) => Rejection::DuplicateExternalTriplet {
                    existing: OperationId::of(existing.seq),
                    same_payload,
                },
                SecondKey::Transaction(_) => Rejection::DuplicateTransactionId { same_payload },
                SecondKey::Reservation(_) => Rejection::DuplicateReservation { same_payload },
            });
        }
        match action {
            // A closed account declines what would be reserved on it, and gives free what is.
            AccountAction::RecordAuthorization(message) => {
                let decided = self.check_authorization(message)?;
                return Ok(Favour::Authorize(Box::new(decided)));
            }
            AccountAction::CancelOfflineReservation(cancellation) => {
                let released = self.check_cancellation(cancellation)?;
                return Ok(Favour::CancelReservation(released));
            }
            AccountAction::SetCreditLimit(_)
            | AccountAction::Close
            | AccountAction::Post(_)
            | AccountAction::Reverse(_)
            | AccountAction::CreateOfflineReservation(_) => {}
        }
        if account.status == AccountStatus::Closed {
            return Err(Rejection::AccountClosed);
        }
        match action {
            AccountAction::SetCreditLimit(SetCreditLimit { credit_limit }) => {
                reference::check_credit_limit(
                    *credit_limit,
                    account.currency,
                    account.working_mode,
                )?;
                Ok(Favour::SetCreditLimit)
            }
            AccountAction::Close => Ok(Favour::Close),
            AccountAction::Post(operation) => {
                let decided = self.check_posting(operation)?;
                if let PostDetail::Clearing(clearing) = &operation.detail {
                    let released = self.check_clearing(&decided, clearing)?;
                    return Ok(Favour::Clear(decided, released));
                }
                Ok(Favour::Post(decided))
            }
            AccountAction::Reverse(reverse) => self.check_reversal(reverse).map(Favour::Reverse),
            AccountAction::CreateOfflineReservation(reservation) => {
                self.check_reservation(reservation)?;
                Ok(Favour::Reserve)
            }
            AccountAction::RecordAuthorization(_) | AccountAction::CancelOfflineReservation(_) => {
                unreachable!("these were decided before")
            }
        }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        self.state.portfolio.issuer(self.issuer)
    }

    /// Checks that the amount of an operation is in the account's currency.
    pub(crate) fn check_currency(&self, amount: Amount) -> Result<(), Rejection> {
        self.check_currency_of("referenceAmount", amount)
    }

    /// Checks that the amount in a field is in the account's currency.
    fn check_currency_of(&self, field: &str, amount: Amount) -> Result<(), Rejection> {
        let expected = self.state.portfolio.account(self.account).currency;
        if amount.currency != expected {
            return Err(Rejection::currency(field, expected, amount.currency));
        }
        Ok(())
    }

    /// Checks that an external operation date is not too far ahead.
    pub(crate) fn check_external_date(&self, date: Timestamp) -> Result<(), Rejection> {
        if date
            > self
                .day
                .latest
                .plus_days(crate::command::EXTERNAL_DATE_AHEAD_DAYS)
        {
            return Err(Rejection::ExternalDateInFuture);
        }
        Ok(())
    }

    pub(crate) fn day_of(&self, moment: Moment) -> BusinessDate {
        let zone = self.issuer().configuration().time_zone;
        self.days.day(zone, moment)
    }
}

impl Answer {
    /// One that says nothing yet.
    const BLANK: Self = Self {
        outcome: Ok(Accepted {
            operation: None,
            account: None,
            pending: false,
            authorization: None,
        }),
        replayed: false,
        seq: None,
        recorded_at: None,
        amounts: None,
    };

    /// The answer that a record holds.
    fn recorded(record: &Record) -> Self {
        let mut answer = Self::BLANK;
        answer.tell(record);
        answer
    }

    /// Says what a record holds, for the first time or again.
    fn tell(&mut self, record: &Record) {
        self.seq = Some(record.seq);
        self.recorded_at = Some(record.recorded_at);
        self.outcome = match &record.event.body {
            EventBody::OperationPosted { decided, .. }
            | EventBody::OperationCleared { decided, .. }
            | EventBody::OperationReversed { decided, .. } => Ok(Accepted {
                operation: Some(OperationId::of(record.seq)),
                account: Some(AccountReference::of(decided.account)),
                pending: decided.pending,
                authorization: None,
            }),
            EventBody::AuthorizationRecorded { decided, .. } => Ok(Accepted {
                operation: None,
                account: Some(AccountReference::of(decided.account)),
                pending: false,
                authorization: Some(decided.result()),
            }),
            EventBody::OperationRejected { rejection, .. } => Err(Box::new(Refusal {
                rejection: rejection.clone(),
                standing: Standing::Remembered,
            })),
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::AccountOpened { .. }
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. }
            | EventBody::OfflineReservationCreated { .. }
            | EventBody::OfflineReservationCancelled { .. } => Ok(Accepted {
                account: record.account().map(AccountReference::of),
                operation: None,
                pending: false,
                authorization: None,
            }),
        };
    }

    fn unrecorded(rejection: Rejection) -> Self {
        Self::refused(rejection, Standing::Unrecorded)
    }

    fn refused(rejection: Rejection, standing: Standing) -> Self {
        let outcome = Err(Box::new(Refusal {
            rejection,
            standing,
        }));
        Self {
            outcome,
            replayed: false,
            seq: None,
            recorded_at: None,
            amounts: None,
        }
    }
}

impl AccountSelector {
    /// Name of the field that selects in this way.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Reference(_) => "accountReference",
            Self::External(_) => "issuerAccountExternalReference",
        }
    }
}

pub(crate) fn index_of(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 issuers and accounts")
}
