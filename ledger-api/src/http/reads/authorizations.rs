//! Messages of the authorization system, and their business cases.

use ledger_core::command::AccountSelector;
use ledger_core::form::LIST_ENTRIES_MAX;
use ledger_core::rejection::Rejection;
use ledger_core::text::{BusinessCaseId, TransactionId};

use super::{
    END_TIME, MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, SORT, START_TIME, page_reply_now,
    period, with_body,
};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::http::call::Call;
use crate::http::endpoint::Parameter;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::queries::authorizations::AuthorizationFilter;
use crate::queries::business_cases::BusinessCaseFilter;

/// Parameters of a list of messages.
pub(crate) const LIST: &[Parameter] = &[START_TIME, END_TIME, PAGE, OFFSET, SORT, MIN_POSITION];
/// Parameters of a list of business cases.
pub(crate) const CASES: &[Parameter] = &[START_TIME, END_TIME, PAGE, OFFSET, MIN_POSITION];
/// Parameters of an enquiry about business cases.
pub(crate) const INQUIRY: &[Parameter] = &[PAGE, OFFSET, MIN_POSITION];
/// Parameters of one of either.
pub(crate) const ONE: &[Parameter] = &[MIN_POSITION];

pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let (start, end) = period(call)?;
    let page = Page::of(call, PAGE_SIZE)?;
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
    };
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let (found, more) = service
        .ledger
        .authorizations(Some(&issuer), &account, filter)?;
    page_reply_now(call, page, &found, more, position)
}

pub(crate) fn one(service: &Service, call: &Call) -> Result<Reply, Fault> {
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
        found => Reply::of(&found?, position),
    }
}

pub(crate) fn cases(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let (start, end) = period(call)?;
    let page = Page::of(call, PAGE_SIZE)?;
    call.query.finish()?;
    let filter = BusinessCaseFilter {
        account: Some(call.account()?),
        ids: Vec::new(),
        start: Some(start),
        end: Some(end),
        page: page.number(),
        page_size: page.size(),
    };
    let position = service.position();
    let (found, more) = service
        .ledger
        .business_cases(Some(&call.issuer()?), &filter)?;
    page_reply_now(call, page, &found, more, position)
}

pub(crate) fn case(service: &Service, call: &Call) -> Result<Reply, Fault> {
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let Ok(id) = BusinessCaseId::new(call.element("businessCaseId")) else {
        service
            .ledger
            .balance(Some(&issuer), &account, None, None)?;
        let field = "businessCaseId".to_owned();
        return Err(Rejection::BusinessCaseNotFound { field }.into());
    };
    Reply::of(
        &service.ledger.business_case(Some(&issuer), &account, &id)?,
        position,
    )
}

/// By account, period and ids. Source: issuer API, the body of the enquiry of its authorization service.
pub(crate) fn inquire_cases(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, PAGE_SIZE)?;
    call.query.finish()?;
    let asked = with_body(call, inquiry)?;
    let filter = BusinessCaseFilter {
        page: page.number(),
        page_size: page.size(),
        ..asked
    };
    let position = service.position();
    let (found, more) = service
        .ledger
        .business_cases(Some(&call.issuer()?), &filter)?;
    page_reply_now(call, page, &found, more, position)
}

fn inquiry(body: &Fields<'_>) -> Result<BusinessCaseFilter, Fault> {
    let reference = body.account_reference("accountReference")?;
    let external = body.text("issuerAccountExternalReference")?;
    let ids: Vec<BusinessCaseId> = body.texts("businessCaseIds")?;
    if ids.len() > LIST_ENTRIES_MAX {
        let problem = format!("has at most {LIST_ENTRIES_MAX} entries");
        return Err(Fault::invalid("businessCaseIds", problem));
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
