//! What happened, in the order of the log: for those who follow it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use ledger_core::event::Record;
use ledger_core::ids::{AccountReference, OperationId, Seq};
use ledger_core::rejection::Rejection;
use ledger_core::text::IssuerId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::auth::Client;
use super::call::{Call, LAST_EVENT_ID};
use super::endpoint::{Answering, Kind, Parameter};
use super::fault::Fault;
use super::reads::{MIN_POSITION, POSITION_MAX, with_parameter};
use super::reply::{Links, Reply};
use super::service::Service;
use crate::error::ApiError;
use crate::readable::Readable;
use crate::views::instant;

/// Most events in one answer.
const EVENTS_MAX: u64 = 1_000;
/// Events in one answer unless the caller says otherwise.
const EVENTS: u64 = 100;
/// Most records looked at for one answer; those of other issuers are among them.
const RECORDS_MAX: u64 = 100_000;
/// How often a stream looks for new events.
const PAUSE: Duration = Duration::from_millis(50);

const FROM: Parameter = Parameter::optional(
    "fromPosition",
    Kind::Number(1, POSITION_MAX),
    "Begin with the event at this position, or the first after it.",
);

/// Parameters of the list.
pub(crate) const LIST: &[Parameter] = &[
    FROM,
    Parameter::optional("limit", Kind::Number(1, EVENTS_MAX), "Most events to show."),
    MIN_POSITION,
];
/// Parameters of the stream.
pub(crate) const STREAM: &[Parameter] = &[FROM];

/// One event, in the shape of the source's business events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventView {
    /// Its place in the log.
    pub(crate) position: u64,
    /// OPERATION, ACCOUNT or ISSUER.
    pub(crate) business_ref_type: &'static str,
    /// Which of these.
    pub(crate) business_ref_value: String,
    /// The command, in the name of the replay format.
    pub(crate) event_type: String,
    /// DONE or REJECTED.
    pub(crate) event_sub_type: &'static str,
    /// When it was recorded.
    pub(crate) event_date: String,
    /// The system that spoke (`WL-Origin`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
    /// The person who spoke (`WL-Username`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    /// The command's correlation id.
    pub(crate) correlation_id: String,
    /// What was asked, and what was decided.
    #[schema(value_type = Object)]
    pub(crate) payload: Readable,
}

/// A list of events, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventsView {
    /// The events.
    events: Vec<EventView>,
    /// Where to go on; everything before was looked at.
    next_position: u64,
}

pub(crate) fn list(service: &Service, call: &Call) -> Result<Reply, Fault> {
    let from = call.query.number(FROM.name, 1, POSITION_MAX)?.unwrap_or(1);
    let most = call.query.number("limit", 1, EVENTS_MAX)?.unwrap_or(EVENTS);
    call.query.finish()?;
    let issuer = call.issuer()?;
    known(service, &issuer)?;
    let (events, next_position) = events(service, &issuer, from, most)?;
    // Who asks beyond the end of the log is told where that is.
    let position = next_position.saturating_sub(1).min(service.position());
    let mut reply = Reply::of(
        &EventsView {
            events,
            next_position,
        },
        position,
    )?;
    let has_more = next_position <= service.position();
    reply.links = Some(Links {
        own: call.target.clone(),
        next: has_more.then(|| with_parameter(&call.target, FROM.name, next_position)),
    });
    Ok(reply)
}

/// Events as they happen, beginning at a position, or where a stream before was broken off.
pub(crate) fn follow(service: Arc<Service>, call: Call) -> Answering {
    Box::pin(async move {
        let asked = call.query.number(FROM.name, 1, POSITION_MAX)?;
        call.query.finish()?;
        let last = call.header(&LAST_EVENT_ID)?.map(|id| {
            let number: Result<u64, _> = id.parse();
            number.map_err(|_| Fault::invalid("Last-Event-ID", "must be the id of an event"))
        });
        let last = last.transpose()?;
        let issuer = call.issuer()?;
        known(&service, &issuer)?;
        let from = last
            .map(|last| last.saturating_add(1))
            .or(asked)
            .unwrap_or(1);
        let events = stream_of(service, call.client, issuer, from);
        let stream = Sse::new(events).keep_alive(KeepAlive::default());
        Ok(stream.into_response())
    })
}

/// Ends with the service, and with the token of the client who follows.
fn stream_of(
    service: Arc<Service>,
    client: Client,
    issuer: IssuerId,
    from: u64,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let start = (from, Vec::new().into_iter());
    let client = Arc::new(client);
    stream::unfold(start, move |(mut from, mut ready)| {
        let (service, client) = (Arc::clone(&service), Arc::clone(&client));
        let issuer = issuer.clone();
        async move {
            loop {
                if let Some(event) = ready.next() {
                    return Some((Ok(event), (from, ready)));
                }
                if service.guard.is_stopping() || client.has_ended() {
                    return None;
                }
                if service.position() < from {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                let (asked, whose) = (Arc::clone(&service), issuer.clone());
                let found =
                    tokio::task::spawn_blocking(move || events(&asked, &whose, from, EVENTS)).await;
                // A log that cannot be read ends the stream; who follows comes back and is told.
                let (found, next) = found.ok()?.ok()?;
                from = next;
                let found: Vec<Event> = found.iter().filter_map(sse).collect();
                ready = found.into_iter();
            }
        }
    })
}

fn sse(view: &EventView) -> Option<Event> {
    let data = serde_json::to_string(view).ok()?;
    Some(
        Event::default()
            .id(view.position.to_string())
            .event(&view.event_type)
            .data(data),
    )
}

fn known(service: &Service, issuer: &IssuerId) -> Result<(), Fault> {
    let books = service.ledger.reader().books();
    let found = books.portfolio().issuer_index(issuer);
    found
        .map(|_| ())
        .ok_or_else(|| Rejection::IssuerNotFound.into())
}

/// Events of an issuer from a position on, and the position after the last record looked at.
fn events(
    service: &Service,
    issuer: &IssuerId,
    from: u64,
    most: u64,
) -> Result<(Vec<EventView>, u64), Fault> {
    let reader = service.ledger.reader();
    let last = service.position();
    let index = reader.books().portfolio().issuer_index(issuer);
    let until = last.min(from.saturating_add(RECORDS_MAX - 1));
    let mut events = Vec::new();
    let mut next = from;
    while next <= until && (events.len() as u64) < most {
        let record = reader.record(Seq(next)).map_err(ApiError::from)?;
        let record = record.filter(|record| Some(record.event.issuer) == index);
        events.extend(record.as_ref().map(|record| view(issuer, record)));
        next += 1;
    }
    Ok((events, next))
}

/// What is told of a record.
pub(crate) fn view(issuer: &IssuerId, record: &Record) -> EventView {
    let payload = Readable::of(&record.event);
    let (business_ref_type, business_ref_value) = match (record.operation(), record.account()) {
        (Some(operation), _) => ("OPERATION", OperationId::to_string(&operation.id)),
        (None, Some(account)) => ("ACCOUNT", AccountReference::of(account).to_string()),
        (None, None) => ("ISSUER", issuer.to_string()),
    };
    let annotations = record.event.annotations.as_deref();
    EventView {
        position: record.seq.0,
        business_ref_type,
        business_ref_value,
        event_type: payload.command().to_owned(),
        event_sub_type: if payload.is_rejected() {
            "REJECTED"
        } else {
            "DONE"
        },
        event_date: instant(record.recorded_at),
        origin: annotations
            .and_then(|of| of.origin.as_ref())
            .map(ToString::to_string),
        user_id: annotations
            .and_then(|of| of.username.as_ref())
            .map(ToString::to_string),
        correlation_id: Uuid::from_bytes(record.event.correlation.0).to_string(),
        payload,
    }
}
