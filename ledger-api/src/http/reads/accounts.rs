//! Accounts and what they owe.

use super::{MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, page_reply};
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
    let known = call.query.instant("knownAt")?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let view = service
        .ledger
        .balance(Some(&issuer), &account, valued, known)?;
    Reply::of(&view, position)
}
