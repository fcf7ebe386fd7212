//! Events by what they are about: an account, an operation, a card, an issuer.
//!
//! Source: issuer API, "Retrieve Event Stores" and "Search Event Stores". They list what happened to a business
//! reference in a period; here that is read from the log, record by record.

use ledger_core::command::PostDetail;
use ledger_core::event::{EventBody, Record};
use ledger_core::form::LIST_ENTRIES_MAX;
use ledger_core::ids::{AccountIndex, AccountReference, IssuerIndex, OperationId, Seq};
use ledger_core::labels::TransactionLabel;
use ledger_core::portfolio::Portfolio;
use ledger_core::rejection::Rejection;
use ledger_core::text::{ExternalReference, Label, holds_card_number};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MIN_POSITION, OFFSET, PAGE, PAGE_SIZE, Page, instant, page_reply_now, with_node};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::http::call::{Call, is_plain};
use crate::http::endpoint::{Kind, Parameter};
use crate::http::fault::Fault;
use crate::http::feed;
use crate::http::reply::Reply;
use crate::http::service::Service;
use crate::json::flat::{Node, Value};

/// Parameters of both calls.
pub(crate) const LIST: &[Parameter] = &[
    Parameter::required("fromDate", Kind::Instant, "Recorded at or after this."),
    Parameter::required("toDate", Kind::Instant, "Recorded before this."),
    Parameter::optional("eventType", Kind::Text, "Only events of this type."),
    Parameter::optional(
        "origin",
        Kind::Text,
        "Only events of this system (`WL-Origin`).",
    ),
    PAGE,
    OFFSET,
    MIN_POSITION,
];

/// Most records that one answer is read from.
const RECORDS_MAX: u64 = 100_000;

/// One event, as the source shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventStoreView {
    /// The issuer.
    issuer_id: String,
    /// Its place in the log.
    position: u64,
    /// What it is about, as it was asked for.
    business_ref_type: String,
    /// Which of these.
    business_ref_value: String,
    /// The command, in the name of the replay format.
    event_type: String,
    /// DONE or REJECTED.
    event_sub_type: &'static str,
    /// When it was recorded.
    event_date: String,
    /// The system that spoke (`WL-Origin`).
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// The person who spoke (`WL-Username`).
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The command's correlation id.
    correlation_id: String,
    /// What was asked, and what was decided: JSON in a text.
    payload: String,
}

/// Longest type or value of a business reference, in bytes.
pub(crate) const BUSINESS_REF_BYTES_MAX: usize = 64;

/// What events are to be about, in the caller's words.
struct BusinessRef {
    kind: String,
    value: String,
    subject: Subject,
}

/// The same, in the engine's.
enum Subject {
    /// Everything on it.
    Account(AccountIndex),
    /// What posted it, and what reversed it.
    Operation(OperationId),
    /// Transactions and messages of a card, by its reference or that of its number.
    Card(Label),
    /// What is about the issuer and no account.
    Issuer,
    /// What the ledger knows nothing of, or what does not exist.
    Nothing,
}

/// Events about one business reference.
pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let issuer = issuer_index(service, call)?;
    let asked = {
        let (kind, value) = (
            call.element("businessRefType"),
            call.element("businessRefValue"),
        );
        let books = service.ledger.reader().books();
        business_ref(books.portfolio(), issuer, kind, value)?
    };
    found(service, call, issuer, &[asked])
}

/// Events about any of some business references.
pub(crate) fn search(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let issuer = issuer_index(service, call)?;
    let asked = with_node(call, |node| {
        let books = service.ledger.reader().books();
        business_refs(books.portfolio(), issuer, node)
    })?;
    found(service, call, issuer, &asked)
}

fn issuer_index(service: &Service, call: &Call) -> Result<IssuerIndex, Fault> {
    let books = service.ledger.reader().books();
    let index = books.portfolio().issuer_index(&call.issuer()?);
    index.ok_or_else(|| Rejection::IssuerNotFound.into())
}

fn business_refs(
    portfolio: &Portfolio,
    issuer: IssuerIndex,
    node: Node<'_>,
) -> Result<Vec<BusinessRef>, Fault> {
    if node.value() != Value::List {
        return Err(Fault::invalid("", "the body must be a list"));
    }
    let mut asked = Vec::new();
    for (place, (_, entry)) in node.parts().enumerate() {
        if place == LIST_ENTRIES_MAX {
            return Err(Fault::long_list(""));
        }
        let entry = Fields::of("", entry)?;
        let kind: Option<Label> = entry.text("businessRefType")?;
        let kind = entry.required("businessRefType", kind)?;
        plain("businessRefType", kind.as_str())?;
        let values: Vec<Label> = entry.texts("businessRefValues")?;
        entry.finish()?;
        for value in values {
            asked.push(business_ref(
                portfolio,
                issuer,
                kind.as_str(),
                value.as_str(),
            )?);
        }
        if asked.len() > LIST_ENTRIES_MAX {
            return Err(Fault::long_list("businessRefValues"));
        }
    }
    Ok(asked)
}

fn business_ref(
    portfolio: &Portfolio,
    issuer: IssuerIndex,
    kind: &str,
    value: &str,
) -> Result<BusinessRef, Fault> {
    plain("businessRefType", kind)?;
    plain("businessRefValue", value)?;
    let subject = match kind {
        "ACCOUNT" => account(portfolio, issuer, value).map(Subject::Account),
        "OPERATION" => {
            let number = value.parse().ok().and_then(OperationId::from_number);
            number.map(Subject::Operation)
        }
        "CARD" => Label::new(value).ok().map(Subject::Card),
        "ISSUER" => {
            let is_this = portfolio.issuer(issuer).id.as_str() == value;
            is_this.then_some(Subject::Issuer)
        }
        _ => None,
    };
    Ok(BusinessRef {
        kind: kind.to_owned(),
        value: value.to_owned(),
        subject: subject.unwrap_or(Subject::Nothing),
    })
}

fn plain(field: &str, text: &str) -> Result<(), Fault> {
    if holds_card_number(text) {
        let message = format!("{field} must not hold a full card number");
        return Err(Fault::at(field, "PAN_NOT_ALLOWED", message));
    }
    if is_plain(text) && (1..=BUSINESS_REF_BYTES_MAX).contains(&text.len()) {
        return Ok(());
    }
    let problem = format!("must be 1 to {BUSINESS_REF_BYTES_MAX} printable ASCII characters");
    Err(Fault::invalid(field, problem))
}

/// The account that is meant, in either way to name it.
fn account(portfolio: &Portfolio, issuer: IssuerIndex, value: &str) -> Option<AccountIndex> {
    let reference = value.parse().ok().map(AccountReference::from_number);
    let by_reference = reference
        .filter(|reference| reference.to_string() == value)
        .and_then(|reference| portfolio.by_reference(issuer, reference));
    by_reference.or_else(|| portfolio.by_external(issuer, &ExternalReference::new(value).ok()?))
}

/// A page of the events of a period that are about any of these.
fn found(
    service: &Service,
    call: &Call,
    issuer: IssuerIndex,
    asked: &[BusinessRef],
) -> Result<Reply, Fault> {
    let ends = ["fromDate", "toDate"].map(|name| {
        let at = instant(service, call, name)?;
        at.ok_or_else(|| Fault::invalid(name, "is required"))
    });
    let [from, to] = ends;
    let (from, to) = (from?, to?);
    if from > to {
        let message = "the period ends before it begins";
        return Err(Fault::at("toDate", "PERIOD_INVALID", message));
    }
    let page = Page::of(call, PAGE_SIZE)?;
    let (event_type, origin) = (call.query.plain("eventType")?, call.query.plain("origin")?);
    call.query.finish()?;
    let is_wanted = |view: &feed::EventView| {
        event_type.as_ref().is_none_or(|of| *of == view.event_type)
            && (origin.is_none() || origin == view.origin)
    };
    let id = call.issuer()?;
    let position = service.position();
    // Nothing is about any of them before this.
    let first = asked.iter().map(|asked| asked.subject.first()).min();
    let first = first_recorded(service, from, position)?.max(first.unwrap_or(u64::MAX));
    let (mut passed, mut views, mut more, mut is_complete) = (0, Vec::new(), false, true);
    for seq in first..=position {
        if seq - first == RECORDS_MAX {
            is_complete = false;
            break;
        }
        let record = service.ledger.reader().record(Seq(seq));
        let Some(record) = record.map_err(ApiError::from)? else {
            continue;
        };
        if record.recorded_at >= to {
            break;
        }
        if record.event.issuer != issuer {
            continue;
        }
        let Some(about) = asked.iter().find(|asked| asked.subject.has(&record)) else {
            continue;
        };
        let view = feed::view(&id, &record);
        if !is_wanted(&view) {
            continue;
        }
        if views.len() == page.size() {
            more = true;
            break;
        }
        passed += 1;
        if passed > page.number().saturating_mul(page.size()) {
            views.push(about.shown(id.as_str(), view)?);
        }
    }
    let mut reply = page_reply_now(call, page, &views, more, position)?;
    reply.is_complete = is_complete;
    Ok(reply)
}

/// The first record that was recorded at or after an instant: records never go back in time.
fn first_recorded(service: &Service, at: Timestamp, last: u64) -> Result<u64, Fault> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low.midpoint(high);
        let record = service.ledger.reader().record(Seq(middle));
        let record = record.map_err(ApiError::from)?;
        if record.is_some_and(|record| record.recorded_at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

impl Subject {
    /// The first record that can be about it.
    fn first(&self) -> u64 {
        match self {
            Self::Operation(id) => id.seq().0,
            Self::Nothing => u64::MAX,
            Self::Account(_) | Self::Card(_) | Self::Issuer => 1,
        }
    }

    /// Whether a record of the issuer is about it.
    fn has(&self, record: &Record) -> bool {
        match self {
            Self::Account(account) => record.account() == Some(*account),
            Self::Operation(id) => record.operation().is_some_and(|operation| {
                let original = operation.original.map(|(original, _)| original);
                operation.id == *id || original == Some(*id)
            }),
            Self::Card(reference) => {
                let annotations = record.event.annotations.as_deref();
                let of_number = annotations.and_then(|of| of.pan_reference.as_ref());
                card(record) == Some(reference.as_str()) || of_number == Some(reference)
            }
            Self::Issuer => record.account().is_none(),
            Self::Nothing => false,
        }
    }
}

/// The card of a transaction or a message.
fn card(record: &Record) -> Option<&str> {
    if let EventBody::AuthorizationRecorded { message, .. } = &record.event.body {
        return message.card_reference.as_ref().map(Label::as_str);
    }
    let transaction = match record.operation()?.post? {
        PostDetail::Transaction(transaction) => transaction,
        PostDetail::Clearing(clearing) => &clearing.transaction,
        PostDetail::Fee(_)
        | PostDetail::Bonus(_)
        | PostDetail::Interest(_)
        | PostDetail::Payment(_)
        | PostDetail::BalanceAdjustment { .. }
        | PostDetail::Reimbursement(_)
        | PostDetail::Load(_)
        | PostDetail::Unload
        | PostDetail::ResetBalance => return None,
    };
    transaction.labels.get(TransactionLabel::CardReference)
}

impl BusinessRef {
    fn shown(&self, issuer: &str, view: feed::EventView) -> Result<EventStoreView, Fault> {
        let payload = serde_json::to_string(&view.payload)
            .map_err(|_| Fault::new("INTERNAL_ERROR", "the answer cannot be written"))?;
        Ok(EventStoreView {
            issuer_id: issuer.to_owned(),
            position: view.position,
            business_ref_type: self.kind.clone(),
            business_ref_value: self.value.clone(),
            event_type: view.event_type,
            event_sub_type: view.event_sub_type,
            event_date: view.event_date,
            origin: view.origin,
            user_id: view.user_id,
            correlation_id: view.correlation_id,
            payload,
        })
    }
}
