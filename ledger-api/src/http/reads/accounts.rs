//! Accounts and what they owe.

use super::{
    AS_OF_POSITION, MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, POSITION_MAX, Page, as_of, instant,
    page_reply,
};
use crate::http::call::Call;
use crate::http::endpoint::{Kind, Parameter};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;

/// Parameters of one account.
pub(crate) const ONE: &[Parameter] = &[MIN_POSITION];
/// Parameters of the list of accounts.
pub(crate) const LIST: &[Parameter] = &[PAGE, OFFSET, MIN_POSITION];
/// Parameters of financial information.
pub(crate) const BALANCE: &[Parameter] = &[
    Parameter::optional(
        "valueDateAsOf",
        Kind::Day,
        "Show also the balance of operations with a value date of at most this day.",
    ),
    Parameter::optional(
        "knownAt",
        Kind::Instant,
        "Show also the balance of operations posted at or before this instant.",
    ),
    Parameter::optional(
        AS_OF_POSITION.name,
        Kind::Number(0, POSITION_MAX),
        "Show also the balance exactly as the log up to this position has it.",
    ),
    MIN_POSITION,
];

pub(crate) fn one(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let position = service.position();
    let view = service.ledger.account(&call.issuer()?, &call.account()?)?;
    Reply::of(&view, position)
}

pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, PAGE_SIZE)?;
    call.query.finish()?;
    let position = service.position();
    let issuer = call.issuer()?;
    let (views, more) = service
        .ledger
        .accounts_of(&issuer, page.number(), page.size())?;
    let mut reply = page_reply(call, page, &views, more, position)?;
    // Accounts are only ever added at the end, so pages stay where they are.
    reply.links = Some(page.links(call, more, None));
    Ok(reply)
}

pub(crate) fn balance(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let valued = call.query.day("valueDateAsOf")?;
    let known = instant(service, call, "knownAt")?;
    let at = as_of(service, call)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let ledger = &service.ledger;
    let view = match at {
        Some(at) => ledger.balance_at(Some(&issuer), &account, at, valued, known)?,
        None => ledger.balance(Some(&issuer), &account, valued, known)?,
    };
    Reply::of(&view, position)
}
