//! The journal, one leg a line. It can be as long as the log, so it is written as it is read.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::call::Call;
use super::endpoint::Answering;
use super::fault::Fault;
use super::service::Service;
use crate::error::ApiError;
use crate::views::JournalView;

/// Bytes of lines that are sent at a time.
const PART_BYTES: usize = 64 * 1024;
/// Parts that wait to be sent; a reader who is slower than the log holds it up here, for as long as a body may
/// take to arrive.
const PARTS_MAX: usize = 4;

/// What the thread that reads the log hands on.
enum Part {
    Lines(Bytes),
    /// That was all.
    End,
    Failed(io::Error),
}

/// Of the issuer or account that the path names, or of all that the caller may see.
pub(crate) fn show(service: Arc<Service>, call: Call) -> Answering {
    Box::pin(async move {
        call.query.finish()?;
        let legs = Legs::of(service, &call)?;
        let reading = legs.service.guard.read_log()?;
        let (parts, sent) = channel(PARTS_MAX);
        tokio::task::spawn_blocking(move || {
            legs.write(&parts);
            drop(reading);
        });
        let mut response = Response::new(Body::from_stream(stream::unfold(Some(sent), next)));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/x-ndjson");
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
}

/// The next lines of the answer. It breaks off where it does not come to its end, so that nobody takes it for the
/// whole journal.
async fn next(
    sent: Option<Receiver<Part>>,
) -> Option<(Result<Bytes, io::Error>, Option<Receiver<Part>>)> {
    let mut sent = sent?;
    match sent.recv().await {
        Some(Part::Lines(lines)) => Some((Ok(lines), Some(sent))),
        Some(Part::End) => None,
        Some(Part::Failed(error)) => Some((Err(error), None)),
        None => Some((Err(io::Error::other("it was not read in time")), None)),
    }
}

/// Which legs are shown.
struct Legs {
    service: Arc<Service>,
    issuer: Option<ledger_core::text::IssuerId>,
    account: Option<ledger_core::command::AccountSelector>,
    /// Where none is named: those that the caller may see.
    issuers: BTreeSet<String>,
}

/// Why the writing of legs ended early.
enum Ended {
    /// Nobody reads any more.
    Unread,
    Failed(ApiError),
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl Legs {
    /// What does not exist is said here, while the answer can still say it.
    fn of(service: Arc<Service>, call: &Call) -> Result<Self, Fault> {
        let (mut issuer, mut account, mut issuers) = (None, None, BTreeSet::new());
        if call.path.contains_key("issuerId") {
            let id = call.issuer()?;
            service.ledger.issuer(&id)?;
            if call.path.len() > 1 {
                let selector = call.account()?;
                service.ledger.account(&id, &selector)?;
                account = Some(selector);
            }
            issuer = Some(id);
        } else {
            let visible = service.visible(&call.client, None);
            issuers = visible.iter().map(ToString::to_string).collect();
        }
        Ok(Self {
            service,
            issuer,
            account,
            issuers,
        })
    }

    fn write(self, parts: &Sender<Part>) {
        let mut part = Vec::new();
        let written = self.service.ledger.journal(
            self.issuer.as_ref(),
            self.account.as_ref(),
            |leg: JournalView| {
                if self.issuer.is_none() && !self.issuers.contains(&leg.issuer_id) {
                    return Ok(());
                }
                serde_json::to_writer(&mut part, &leg).expect("writing to memory does not fail");
                part.push(b'\n');
                if part.len() < PART_BYTES {
                    return Ok(());
                }
                let full = Bytes::from(std::mem::take(&mut part));
                send(parts, Part::Lines(full), self.service.guard.body_timeout)
            },
        );
        let within = self.service.guard.body_timeout;
        // Whoever went away, or is too slow, is told nothing more.
        let _ = match written {
            Ok(()) => send(parts, Part::Lines(Bytes::from(part)), within)
                .and_then(|()| send(parts, Part::End, within)),
            Err(Ended::Unread) => return,
            Err(Ended::Failed(error)) => send(
                parts,
                Part::Failed(io::Error::other(error.to_string())),
                within,
            ),
        };
    }
}

/// Sends a part from a thread of its own, unless nobody takes it in time.
fn send(parts: &Sender<Part>, part: Part, within: Duration) -> Result<(), Ended> {
    let sent = Handle::current().block_on(timeout(within, parts.send(part)));
    sent.is_ok_and(|sent| sent.is_ok())
        .then_some(())
        .ok_or(Ended::Unread)
}
