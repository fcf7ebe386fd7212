//! Issuers and their general ledger.

use super::{MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, page_reply};
use crate::http::call::Call;
use crate::http::endpoint::Parameter;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;

/// Parameters of one issuer, and of trial balances.
pub(crate) const ONE: &[Parameter] = &[MIN_POSITION];
/// Parameters of the list of issuers.
pub(crate) const LIST: &[Parameter] = &[PAGE, OFFSET, MIN_POSITION];

pub(crate) fn issuer(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let position = service.position();
    let view = service.ledger.issuer(&call.issuer()?)?;
    Reply::of(&view, position)
}

pub(crate) fn issuers(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, PAGE_SIZE)?;
    call.query.finish()?;
    let position = service.position();
    let visible = service.visible(&call.client, None);
    let skipped = page.number().saturating_mul(page.size());
    let shown = visible.iter().skip(skipped).take(page.size());
    let views = shown.map(|id| service.ledger.issuer(id));
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let more = visible.len() > skipped.saturating_add(page.size());
    let mut reply = page_reply(call, page, &views, more, position)?;
    // Issuers are only ever added at the end, so pages stay where they are.
    reply.links = Some(page.links(call, more, None));
    Ok(reply)
}

pub(crate) fn trial_balance(service: &Service, call: &Call) -> Result<Reply, Fault> {
    issuer(service, call)?;
    let position = service.position();
    let id = call.issuer()?;
    let lines = service.ledger.trial_balance_lines(&id);
    Reply::of(&lines, position)
}

/// Of all issuers that the caller may see, and whether it holds.
pub(crate) fn whole_trial_balance(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let position = service.position();
    let visible = service.visible(&call.client, None);
    let report = service.ledger.trial_balance_of(|of| visible.contains(of));
    Reply::of(&report, position)
}
