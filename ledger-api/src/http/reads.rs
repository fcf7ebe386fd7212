//! Questions, answered from the books and the log.

use super::call::Call;
use super::fault::Fault;
use super::reply::{Links, Reply};
use super::service::Service;
use crate::queries::{OperationFilter, PAGE_OPERATIONS_MAX};

/// Operations on a page unless the caller says otherwise. Source: issuer API, `offset`.
const PAGE_OPERATIONS: u64 = 100;

pub(crate) fn account(service: &Service, call: &Call) -> Result<Reply, Fault> {
    balance(service, call)
}

pub(crate) fn balance(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let valued = call.query.day("valueDateAsOf")?;
    let known = call.query.instant("knownAt")?;
    call.query.finish()?;
    let position = service.position();
    let view = service
        .ledger
        .balance(Some(&call.issuer()?), &call.account()?, valued, known)?;
    Reply::of(&view, position)
}

pub(crate) fn operations(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let query = &call.query;
    let start = query.instant("startTime")?;
    let end = query.instant("endTime")?;
    let page = query.number("page", 0, u64::from(u32::MAX))?.unwrap_or(0);
    let page_size = query.number("offset", 1, PAGE_OPERATIONS_MAX as u64)?;
    let newest_first = query.choice("sort", &[("asc", false), ("desc", true)])?;
    query.finish()?;
    let (Some(start), Some(end)) = (start, end) else {
        let missing = if start.is_none() {
            "startTime"
        } else {
            "endTime"
        };
        return Err(Fault::invalid(missing, "is required"));
    };
    if start > end {
        return Err(Fault::at(
            "endTime",
            "PERIOD_INVALID",
            "the period ends before it begins",
        ));
    }
    let filter = OperationFilter {
        start: Some(start),
        end: Some(end),
        include_refused: false,
        page: usize::try_from(page).unwrap_or(usize::MAX),
        page_size: usize::try_from(page_size.unwrap_or(PAGE_OPERATIONS)).unwrap_or(usize::MAX),
        newest_first: newest_first.unwrap_or(false),
    };
    let position = service.position();
    let (views, more) =
        service
            .ledger
            .operations(Some(&call.issuer()?), &call.account()?, filter)?;
    let mut reply = Reply::of(&views, position)?;
    reply.links = Some(Links {
        own: call.target.clone(),
        next: more.then(|| with_page(&call.target, page + 1)),
    });
    Ok(reply)
}

/// The same call for another page.
pub(crate) fn with_page(target: &str, page: u64) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut next = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "page" {
            next.append_pair(&name, &value);
        }
    }
    next.append_pair("page", &page.to_string());
    format!("{path}?{}", next.finish())
}
