//! Questions, answered from the books and the log.

pub(crate) mod accounts;
pub(crate) mod authorizations;
pub(crate) mod books;
pub(crate) mod event_stores;
pub(crate) mod operations;
pub(crate) mod state;

use ledger_core::ids::Seq;
use ledger_core::time::Timestamp;

use super::call::Call;
use super::endpoint::{Kind, Parameter};
use super::fault::Fault;
use super::reply::{Links, Reply};
use super::service::Service;
use crate::fields::Fields;
use crate::json::Json;
use crate::json::flat::{self, Node};
use crate::queries::PAGE_OPERATIONS_MAX;

/// Entries on a page unless the caller says otherwise. Source: issuer API, `offset`.
const PAGE_SIZE: u64 = 100;

pub(crate) const MIN_POSITION: Parameter = Parameter::optional(
    "minPosition",
    Kind::Number(0, POSITION_MAX),
    "Answer only once the log reaches this position, which an earlier answer gave as X-Ledger-Position.",
);
pub(crate) const AS_OF_POSITION: Parameter = Parameter::optional(
    "asOfPosition",
    Kind::Number(0, POSITION_MAX),
    "Show nothing that was recorded after this position, so that pages stay where they are.",
);
pub(crate) const PAGE: Parameter =
    Parameter::optional("page", Kind::Number(0, PAGE_MAX), "Page, from 0.");
pub(crate) const OFFSET: Parameter = Parameter::optional(
    "offset",
    Kind::Number(1, PAGE_OPERATIONS_MAX as u64),
    "Entries on a page.",
);
pub(crate) const SORT: Parameter = Parameter::optional(
    "sort",
    Kind::Choice(&["asc", "desc"]),
    "Whether the earliest come first, or the latest.",
);
pub(crate) const START_TIME: Parameter =
    Parameter::required("startTime", Kind::Instant, "The period begins here.");
pub(crate) const END_TIME: Parameter =
    Parameter::required("endTime", Kind::Instant, "The period ends before this.");

/// No log gets as far. Programs that have no greater integers can still say it.
pub(crate) const POSITION_MAX: u64 = i64::MAX as u64;
/// The last page that can be asked for.
pub(crate) const PAGE_MAX: u64 = 1_000_000_000;

/// Which page of a list.
#[derive(Debug, Clone, Copy)]
struct Page {
    number: u64,
    size: u64,
}

impl Page {
    fn of(call: &Call, size: u64) -> Result<Self, Fault> {
        let number = call.query.number("page", 0, PAGE_MAX)?;
        let given = call.query.number("offset", 1, PAGE_OPERATIONS_MAX as u64)?;
        Ok(Self {
            number: number.unwrap_or(0),
            size: given.unwrap_or(size),
        })
    }

    fn number(self) -> usize {
        usize::try_from(self.number).unwrap_or(usize::MAX)
    }

    fn size(self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// Where this page is, and the next, if more follow. The next one is as of the same position.
    fn links(self, call: &Call, more: bool, position: Option<u64>) -> Links {
        Links {
            own: call.target.clone(),
            next: more.then(|| self.next(&call.target, position)),
        }
    }

    fn next(self, target: &str, position: Option<u64>) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut next = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !["page", AS_OF_POSITION.name, MIN_POSITION.name].contains(&name.as_ref()) {
                next.append_pair(&name, &value);
            }
        }
        next.append_pair("page", &(self.number + 1).to_string());
        if let Some(position) = position {
            next.append_pair(AS_OF_POSITION.name, &position.to_string());
        }
        format!("{path}?{}", next.finish())
    }
}

/// A path and query with a parameter set, and without the position that the first call waited for.
pub(super) fn with_parameter(target: &str, name: &str, value: u64) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut next = form_urlencoded::Serializer::new(String::new());
    for (known, value) in form_urlencoded::parse(query.as_bytes()) {
        if ![name, MIN_POSITION.name].contains(&known.as_ref()) {
            next.append_pair(&known, &value);
        }
    }
    next.append_pair(name, &value.to_string());
    format!("{path}?{}", next.finish())
}

/// The position that a list is to be as of. One that the log does not reach yet has no answer.
fn as_of(service: &Service, call: &Call) -> Result<Option<Seq>, Fault> {
    let Some(position) = call.query.number(AS_OF_POSITION.name, 0, POSITION_MAX)? else {
        return Ok(None);
    };
    let reached = service.position();
    if position > reached {
        let message = format!("the log ends at {reached}");
        return Err(Fault::at(
            AS_OF_POSITION.name,
            "POSITION_NOT_REACHED",
            message,
        ));
    }
    Ok(Some(Seq(position)))
}

/// An instant of the query. One without an offset is on the clocks of the issuer, as the source's examples are.
fn instant(service: &Service, call: &Call, name: &str) -> Result<Option<Timestamp>, Fault> {
    let zone = || service.zone(call.element("issuerId"));
    call.query.instant(name, zone)
}

/// The ends of a period, where they are given.
fn open_period(
    service: &Service,
    call: &Call,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Fault> {
    let start = instant(service, call, START_TIME.name)?;
    let end = instant(service, call, END_TIME.name)?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        let message = "the period ends before it begins";
        return Err(Fault::at(END_TIME.name, "PERIOD_INVALID", message));
    }
    Ok((start, end))
}

/// The ends of a period that must be given.
fn period(service: &Service, call: &Call) -> Result<(Timestamp, Timestamp), Fault> {
    let (start, end) = open_period(service, call)?;
    let start = start.ok_or_else(|| Fault::invalid(START_TIME.name, "is required"))?;
    let end = end.ok_or_else(|| Fault::invalid(END_TIME.name, "is required"))?;
    Ok((start, end))
}

/// Reads the body of a question, field by field.
fn with_body<T>(
    call: &Call,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    with_node(call, |node| {
        let body = Fields::of("", node)?;
        let value = read(&body)?;
        body.finish()?;
        Ok(value)
    })
}

/// Reads the body of a question, whatever it is.
fn with_node<T>(call: &Call, read: impl FnOnce(Node<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
    let text = std::str::from_utf8(&call.body)
        .map_err(|_| Fault::invalid("", "the body must be text in UTF-8"))?;
    let json: Json<'_> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let problem =
            format!("the body is not JSON that can be read, at line {line} column {column}");
        Fault::new("INVALID_REQUEST", problem)
    })?;
    let entries = flat::of_tree(&json);
    read(Node::first_of(&entries).expect("a text that was read has a value"))
}

/// A page of a list as an answer.
fn page_reply(
    call: &Call,
    page: Page,
    data: &impl serde::Serialize,
    more: bool,
    position: u64,
) -> Result<Reply, Fault> {
    let mut reply = Reply::of(data, position)?;
    reply.links = Some(page.links(call, more, Some(position)));
    Ok(reply)
}

/// These lists are as of now, and so are their next pages.
fn page_reply_now(
    call: &Call,
    page: Page,
    data: &impl serde::Serialize,
    more: bool,
    position: u64,
) -> Result<Reply, Fault> {
    let mut reply = page_reply(call, page, data, more, position)?;
    reply.links = Some(page.links(call, more, None));
    Ok(reply)
}
