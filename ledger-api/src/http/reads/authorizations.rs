//! Messages of the authorization system, and their business cases.

use ledger_core::command::AccountSelector;
use ledger_core::form::LIST_ENTRIES_MAX;
use ledger_core::ids::Seq;
use ledger_core::rejection::Rejection;
use ledger_core::text::{BusinessCaseId, TransactionId};
use ledger_core::time::Timestamp;

use super::{
    AS_OF_POSITION, END_TIME, MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, SORT, START_TIME, as_of,
    open_period, page_reply, page_reply_now, period, with_body,
};
use crate::dates::to_instant;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::http::call::Call;
use crate::http::endpoint::{Kind, Parameter};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::queries::authorizations::AuthorizationFilter;
use crate::queries::business_cases::BusinessCaseFilter;
use crate::views::authorizations::AuthorizationView;

/// Parameters of a list of messages.
pub(crate) const LIST: &[Parameter] = &[
    START_TIME,
    END_TIME,
    PAGE,
    OFFSET,
    SORT,
    AS_OF_POSITION,
    MIN_POSITION,
];
/// Parameters of a list of business cases.
pub(crate) const CASES: &[Parameter] = &[
    START_TIME,
    END_TIME,
    PAGE,
    OFFSET,
    AS_OF_POSITION,
    MIN_POSITION,
];
/// Parameters of an enquiry about business cases.
pub(crate) const INQUIRY: &[Parameter] =
    &[PAGE, OFFSET, REQUESTOR, USER, AS_OF_POSITION, MIN_POSITION];
/// Parameters of one of either.
pub(crate) const ONE: &[Parameter] = &[
    Parameter::optional(
        START_TIME.name,
        Kind::Instant,
        "Show it only if it, or a message of it, was sent at or after this.",
    ),
    Parameter::optional(
        END_TIME.name,
        Kind::Instant,
        "Show it only if it, or a message of it, was sent before this.",
    ),
    MIN_POSITION,
];

/// Parameters of a list of reserves.
pub(crate) const RESERVES: &[Parameter] = &[PAGE, OFFSET, MIN_POSITION];

const REQUESTOR: Parameter = Parameter::optional(
    "requestorReference",
    Kind::Text,
    "Taken for the source's sake; nothing depends on it.",
);
const USER: Parameter = Parameter::optional(
    "userReference",
    Kind::Text,
    "Taken for the source's sake; nothing depends on it.",
);

pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let (start, end) = period(service, call)?;
    let page = Page::of(call, PAGE_SIZE)?;
    let as_of = as_of(service, call)?;
    let newest_first = call
        .query
        .choice(SORT.name, &[("asc", false), ("desc", true)])?;
    call.query.finish()?;
    let filter = AuthorizationFilter {
        start: Some(start),
        end: Some(end),
        page: page.number(),
        page_size: page.size(),
        newest_first: newest_first.unwrap_or(false),
        as_of: Some(as_of.unwrap_or(Seq(service.position()))),
    };
    let position = filter.as_of.map_or(0, |seq| seq.0);
    let (issuer, account) = (call.issuer()?, call.account()?);
    let (found, more) = service
        .ledger
        .authorizations(Some(&issuer), &account, filter)?;
    page_reply(call, page, &found, more, position)
}

pub(crate) fn one(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let period = open_period(service, call)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let missing = || {
        let message = "the account has no such authorization";
        Fault::at("transactionId", "AUTHORIZATION_NOT_FOUND", message)
    };
    let Ok(id) = TransactionId::new(call.element("transactionId")) else {
        service
            .ledger
            .balance(Some(&issuer), &account, None, None)?;
        return Err(missing());
    };
    match service.ledger.authorization(Some(&issuer), &account, &id) {
        Err(ApiError::NoRecord(_)) => Err(missing()),
        found => {
            let found = found?;
            match is_within(&found, period) {
                true => Reply::of(&found, position),
                false => Err(missing()),
            }
        }
    }
}

pub(crate) fn cases(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let (start, end) = period(service, call)?;
    let page = Page::of(call, PAGE_SIZE)?;
    let as_of = as_of(service, call)?.unwrap_or(Seq(service.position()));
    call.query.finish()?;
    let filter = BusinessCaseFilter {
        account: Some(call.account()?),
        ids: Vec::new(),
        start: Some(start),
        end: Some(end),
        as_of: Some(as_of),
        page: page.number(),
        page_size: page.size(),
    };
    let (found, more) = service
        .ledger
        .business_cases(Some(&call.issuer()?), &filter)?;
    page_reply(call, page, &found, more, as_of.0)
}

pub(crate) fn case(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let period = open_period(service, call)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let missing = || {
        let field = "businessCaseId".to_owned();
        Fault::from(Rejection::BusinessCaseNotFound { field })
    };
    let Ok(id) = BusinessCaseId::new(call.element("businessCaseId")) else {
        service
            .ledger
            .balance(Some(&issuer), &account, None, None)?;
        return Err(missing());
    };
    let found = service.ledger.business_case(Some(&issuer), &account, &id)?;
    let mut messages = found.authorizations.iter();
    if !messages.any(|message| is_within(message, period)) {
        return Err(missing());
    }
    Reply::of(&found, position)
}

/// Whether a message was sent within a period, each of whose ends may be open.
fn is_within(
    message: &AuthorizationView,
    (start, end): (Option<Timestamp>, Option<Timestamp>),
) -> bool {
    let sent = to_instant(&message.transaction_date);
    sent.is_none_or(|at| start.is_none_or(|start| at >= start) && end.is_none_or(|end| at < end))
}

/// What is reserved now.
pub(crate) fn reserves(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, PAGE_SIZE)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let (found, more) =
        service
            .ledger
            .reserves(Some(&issuer), &account, page.number(), page.size())?;
    page_reply_now(call, page, &found, more, position)
}

/// By account, period and ids. Source: issuer API, the body of the enquiry of its authorization service.
pub(crate) fn inquire_cases(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, PAGE_SIZE)?;
    let as_of = as_of(service, call)?.unwrap_or(Seq(service.position()));
    // The source lets callers say for whom they ask.
    call.query.plain(REQUESTOR.name)?;
    call.query.plain(USER.name)?;
    call.query.finish()?;
    let asked = with_body(call, inquiry)?;
    let filter = BusinessCaseFilter {
        as_of: Some(as_of),
        page: page.number(),
        page_size: page.size(),
        ..asked
    };
    let (found, more) = service
        .ledger
        .business_cases(Some(&call.issuer()?), &filter)?;
    page_reply(call, page, &found, more, as_of.0)
}

fn inquiry(body: &Fields<'_>) -> Result<BusinessCaseFilter, Fault> {
    let reference = body.account_reference("accountReference")?;
    let external = body.text("issuerAccountExternalReference")?;
    let ids: Vec<BusinessCaseId> = body.texts("businessCaseIds")?;
    if ids.len() > LIST_ENTRIES_MAX {
        return Err(Fault::long_list("businessCaseIds"));
    }
    Ok(BusinessCaseFilter {
        account: reference
            .map(AccountSelector::Reference)
            .or(external.map(AccountSelector::External)),
        ids,
        start: body.instant("startTime")?,
        end: body.instant("endTime")?,
        ..BusinessCaseFilter::default()
    })
}
