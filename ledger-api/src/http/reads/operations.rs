//! Operations: in lists, one by one, and by criteria.

use ledger_core::command::{AccountSelector, OperationKind};
use ledger_core::ids::{OperationId, Seq};
use ledger_core::text::IssuerId;

use super::{
    AS_OF_POSITION, END_TIME, MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, SORT, START_TIME, as_of,
    instant, page_reply, period, with_body,
};
use crate::fields::Fields;
use crate::http::call::Call;
use crate::http::endpoint::{Kind, Parameter};
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::line::{OWN, triplet};
use crate::queries::OperationFilter;
use crate::queries::full::{ListFilter, Scope};
use crate::queries::search::{Range, SEARCH_RECORDS_MAX, SearchCriteria};
use crate::words;

const HIERARCHY: Parameter = Parameter::optional(
    "allAccountHierarchy",
    Kind::Flag,
    "Whether operations of the accounts below count too.",
);
const EMBED: Parameter = Parameter::optional(
    "embed",
    Kind::Some(EMBEDDABLE),
    "What is to be shown with an operation. The ledger has the parent operation (of a reversal its original, of a bonus what it rewards) and the date of the authorization that a clearing follows; it keeps nothing of the others.",
);
const EMBEDDABLE: &[&str] = &[
    "parentOperation",
    "authorization",
    "addendum",
    "virtualCardService",
];

/// Parameters of a list.
pub(crate) const LIST: &[Parameter] = &[
    START_TIME,
    END_TIME,
    PAGE,
    OFFSET,
    SORT,
    HIERARCHY,
    Parameter::optional(
        "printOnStatement",
        Kind::Flag,
        "If false, failed and rejected operations are listed too, and those not printed on statements.",
    ),
    Parameter::optional(
        "panReference",
        Kind::Text,
        "Only operations of the card with this reference, or whose number has it.",
    ),
    Parameter::optional(
        "excludeOperationKinds",
        Kind::Choice(&["SUBPAYOP"]),
        "Kinds that are left out.",
    ),
    Parameter::optional(
        "includeOriginalAccount",
        Kind::Flag,
        "Whether operations of the account before a product change count too; there are none.",
    ),
    EMBED,
    AS_OF_POSITION,
    MIN_POSITION,
];

/// Parameters of a list in brief.
pub(crate) const ENTRIES: &[Parameter] = &[
    Parameter::optional("startTime", Kind::Instant, "The period begins here."),
    Parameter::optional("endTime", Kind::Instant, "The period ends before this."),
    Parameter::optional(
        "includeRefused",
        Kind::Flag,
        "Whether operations that were refused are listed too.",
    ),
    PAGE,
    OFFSET,
    SORT,
    AS_OF_POSITION,
    MIN_POSITION,
];

/// Parameters of one operation.
pub(crate) const ONE: &[Parameter] = &[EMBED, HIERARCHY, MIN_POSITION];

/// Parameters of a search.
pub(crate) const SEARCH: &[Parameter] = &[PAGE, OFFSET, EMBED, AS_OF_POSITION, MIN_POSITION];

/// Operations on a page of a search unless the caller says otherwise. Source: issuer API.
const SEARCH_PAGE_SIZE: u64 = 10;

pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let (start, end) = period(service, call)?;
    let page = Page::of(call, PAGE_SIZE)?;
    let scope = scope(call)?;
    let newest_first = call
        .query
        .choice(SORT.name, &[("asc", false), ("desc", true)])?;
    let printed = call.query.flag("printOnStatement")?;
    // The one kind that may be named here is one that the ledger never posts.
    call.query
        .choice("excludeOperationKinds", &[("SUBPAYOP", ())])?;
    call.query.flag("includeOriginalAccount")?;
    let filter = ListFilter {
        scope,
        start: Some(start),
        end: Some(end),
        include_refused: printed == Some(false),
        include_unprinted: printed == Some(false),
        pan_reference: call.query.plain("panReference")?,
        excluded_kinds: Vec::new(),
        newest_first: newest_first.unwrap_or(false),
        page: page.number(),
        page_size: page.size(),
        as_of: as_of(service, call)?,
    };
    call.query.finish()?;
    let (issuer, account) = (call.issuer()?, call.account()?);
    let found = service
        .ledger
        .list_operations(Some(&issuer), &account, &filter)?;
    let mut reply = page_reply(call, page, &found.operations, found.more, found.position.0)?;
    reply.is_complete = found.complete;
    Ok(reply)
}

/// In brief, as the command line shows them.
pub(crate) fn entries(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let start = instant(service, call, START_TIME.name)?;
    let end = instant(service, call, END_TIME.name)?;
    let page = Page::of(call, PAGE_SIZE)?;
    let newest_first = call
        .query
        .choice(SORT.name, &[("asc", false), ("desc", true)])?;
    let as_of = as_of(service, call)?.unwrap_or(Seq(service.position()));
    let filter = OperationFilter {
        as_of: Some(as_of),
        start,
        end,
        include_refused: call.query.flag("includeRefused")?.unwrap_or(false),
        page: page.number(),
        page_size: page.size(),
        newest_first: newest_first.unwrap_or(false),
    };
    call.query.finish()?;
    let (issuer, account) = (call.issuer()?, call.account()?);
    let (found, more) = service.ledger.operations(Some(&issuer), &account, filter)?;
    page_reply(call, page, &found, more, as_of.0)
}

pub(crate) fn one(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let scope = scope(call)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let text = call.element("operationId");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text
        .parse()
        .ok()
        .filter(|_| is_plain)
        .and_then(OperationId::from_number);
    let found = match id {
        Some(id) => service
            .ledger
            .operation(Some(&issuer), &account, id, scope)?,
        // The account is looked for all the same, and told to be missing first.
        None => service
            .ledger
            .balance(Some(&issuer), &account, None, None)
            .map(|_| None)?,
    };
    let found = found.ok_or_else(|| absent("operationId"))?;
    Reply::of(&found, position)
}

/// By the external triplet.
pub(crate) fn inquire(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let scope = scope(call)?;
    call.query.finish()?;
    let position = service.position();
    let (issuer, account) = (call.issuer()?, call.account()?);
    let triplet = with_body(call, |body| Ok(triplet(body, &OWN)?))?;
    let ledger = &service.ledger;
    let among = |records| {
        ledger.operation_by_triplet_among(Some(&issuer), &account, &triplet, scope, records)
    };
    let found = match among(SEARCH_RECORDS_MAX)? {
        (found, true) => found,
        // What is far from its date, or nowhere, costs as much as the whole log may.
        (_, false) => {
            let _reading = service.guard.read_log()?;
            among(usize::MAX)?.0
        }
    };
    let found = found.ok_or_else(|| absent("externalOperationReference"))?;
    Reply::of(&found, position)
}

/// By criteria, among all issuers that the caller may see.
pub(crate) fn search(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let page = Page::of(call, SEARCH_PAGE_SIZE)?;
    let scope = embed(call)?;
    let as_of = as_of(service, call)?;
    call.query.finish()?;
    let (issuer, criteria) = with_body(call, criteria)?;
    let issuers = service.visible(&call.client, issuer.as_ref());
    let found = service.ledger.search_operations(
        &issuers,
        &criteria,
        page.number(),
        page.size(),
        as_of,
        scope,
    )?;
    let mut reply = page_reply(call, page, &found.operations, found.more, found.position.0)?;
    reply.is_complete = found.complete;
    Ok(reply)
}

fn criteria(body: &Fields<'_>) -> Result<(Option<IssuerId>, SearchCriteria), Fault> {
    let issuer = body.text("issuerId")?;
    let account = match body.object("postingAccountIdentifier")? {
        None => None,
        Some(account) => {
            let reference = account.account_reference("accountReference")?;
            let external = account.text("issuerAccountExternalReference")?;
            account.finish()?;
            let selector = reference
                .map(AccountSelector::Reference)
                .or(external.map(AccountSelector::External));
            Some(selector.ok_or_else(|| {
                let problem = "needs accountReference or issuerAccountExternalReference";
                Fault::invalid("postingAccountIdentifier", problem)
            })?)
        }
    };
    let operation = match body.object("operationIdentifier")? {
        None => None,
        Some(identifier) => {
            let id = identifier.operation_id("operationId")?;
            let id = identifier.required("operationId", id)?;
            identifier.finish()?;
            Some(id)
        }
    };
    let text = |name| -> Result<Option<String>, Fault> {
        let text: Option<ledger_core::text::Label> = body.text(name)?;
        Ok(text.map(|text| text.to_string()))
    };
    let criteria = SearchCriteria {
        company: text("issuerCompanyExternalReference")?,
        account,
        virtual_card_external_reference: text("virtualServiceCardExternalReference")?,
        virtual_card_number: text("virtualServiceCardNumber")?,
        operation,
        transaction_date: Range {
            from: body.instant("transactionDateFrom")?,
            to: body.instant("transactionDateTo")?,
        },
        posting_date: Range {
            from: body.instant("postingDateFrom")?,
            to: body.instant("postingDateTo")?,
        },
        reference_amount: Range {
            from: body.amount("referenceAmountFrom")?,
            to: body.amount("referenceAmountTo")?,
        },
        approval_code: text("approvalCode")?,
        card_acceptor_name: text("cardAcceptorName")?,
        kinds: kinds(body)?,
    };
    Ok((issuer, criteria))
}

fn kinds(body: &Fields<'_>) -> Result<Option<Vec<OperationKind>>, Fault> {
    if !body.has("operationKinds") {
        return Ok(None);
    }
    let names: Vec<ledger_core::text::ReasonCode> = body.texts("operationKinds")?;
    let names = names.iter().map(|name| name.as_str());
    Ok(Some(words::kinds("operationKinds", names)?))
}

fn scope(call: &Call) -> Result<Scope, Fault> {
    Ok(Scope {
        hierarchy: call.query.flag(HIERARCHY.name)?.unwrap_or(false),
        ..embed(call)?
    })
}

/// What is to be shown with an operation.
fn embed(call: &Call) -> Result<Scope, Fault> {
    let mut scope = Scope::default();
    let Some(names) = call.query.text(EMBED.name) else {
        return Ok(scope);
    };
    for name in names.split(',') {
        if !EMBEDDABLE.contains(&name) {
            let problem = format!("must be some of {}", EMBEDDABLE.join(","));
            return Err(Fault::invalid(EMBED.name, problem));
        }
        scope.parent_operation |= name == EMBEDDABLE[0];
        scope.authorization |= name == EMBEDDABLE[1];
    }
    Ok(scope)
}

fn absent(field: &str) -> Fault {
    Fault::at(
        field,
        "OPERATION_NOT_FOUND",
        "the account has no such operation",
    )
}
