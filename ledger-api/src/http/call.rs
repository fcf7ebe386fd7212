//! One call, taken apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName};
use ledger_core::command::AccountSelector;
use ledger_core::ids::AccountReference;
use ledger_core::rejection::Rejection;
use ledger_core::text::{ExternalReference, IssuerId, TextError, holds_card_number};

use super::auth::Client;
use super::fault::Fault;
use super::limits::UnderWay;
use super::query::Query;
use crate::line::CORRELATION_ID_CHARS_MAX;

/// Names a command so that it is carried out only once; every answer repeats it.
pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("wl-correlation-id");
/// Another name of the same.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The system that the caller speaks for.
pub(crate) const ORIGIN: HeaderName = HeaderName::from_static("wl-origin");
/// The person that the caller speaks for.
pub(crate) const USERNAME: HeaderName = HeaderName::from_static("wl-username");

/// The last event that a follower of the feed has seen.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Headers whose text is read, and how they are written for people.
static READ_HEADERS: [(HeaderName, &str); 5] = [
    (CORRELATION_ID, "WL-Correlation-ID"),
    (IDEMPOTENCY_KEY, "Idempotency-Key"),
    (ORIGIN, "WL-Origin"),
    (USERNAME, "WL-Username"),
    (LAST_EVENT_ID, "Last-Event-ID"),
];

/// What a caller asks.
#[derive(Debug)]
pub(crate) struct Call {
    /// Who calls.
    pub(crate) client: Client,
    /// Elements of the path, decoded, by their names.
    pub(crate) path: BTreeMap<String, String>,
    /// Path and query as they came, for links.
    pub(crate) target: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// As long as anything goes on for it, the call counts as under way.
    pub(crate) under_way: Arc<UnderWay>,
}

impl Call {
    /// An element of the path.
    pub(crate) fn element(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    pub(crate) fn issuer(&self) -> Result<IssuerId, Fault> {
        let id = self.element("issuerId");
        // Who passes calls on may take dots for steps of the path.
        if id.starts_with('.') {
            return Err(Fault::invalid("issuerId", "must not begin with a dot"));
        }
        IssuerId::new(id).map_err(|error| element_fault("issuerId", error))
    }

    /// The account that the path names, in either way.
    pub(crate) fn account(&self) -> Result<AccountSelector, Fault> {
        if let Some(external) = self.path.get("issuerAccountExternalReference") {
            let external = ExternalReference::new(external);
            return external
                .map(AccountSelector::External)
                .map_err(|error| element_fault("issuerAccountExternalReference", error));
        }
        let text = self.element("accountReference");
        let number = text.parse().ok().filter(|_| text.len() == REFERENCE_DIGITS);
        if holds_card_number(text) {
            return Err(element_fault("accountReference", TextError::CardNumber));
        }
        // One that could never be given out names no account, rather than being malformed.
        let number: u64 = number.ok_or_else(|| Rejection::AccountNotFound {
            field: "accountReference".to_owned(),
        })?;
        Ok(AccountSelector::Reference(AccountReference::from_number(
            number,
        )))
    }

    /// The correlation id that the caller gave, in either header.
    pub(crate) fn correlation(&self) -> Result<Option<&str>, Fault> {
        correlation(&self.headers)
    }

    /// The text of a header; one that is given twice has none.
    pub(crate) fn header(&self, name: &HeaderName) -> Result<Option<&str>, Fault> {
        header(&self.headers, name)
    }
}

/// The correlation id among the headers of a call, in either of its names.
fn correlation(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let given = header(headers, &CORRELATION_ID)?;
    let alias = header(headers, &IDEMPOTENCY_KEY)?;
    match (given, alias) {
        (Some(given), Some(alias)) if given != alias => Err(Fault::invalid(
            "Idempotency-Key",
            "is another name of WL-Correlation-ID; give one, or the same twice",
        )),
        (given, alias) => Ok(given.or(alias)),
    }
}

/// The correlation id that an answer repeats; none where it is not one that may be given.
pub(crate) fn repeatable_correlation(headers: &HeaderMap) -> Option<&str> {
    let given = correlation(headers).ok().flatten()?;
    (is_correlation(given) && !holds_card_number(given)).then_some(given)
}

/// Whether a header may be a correlation id: printable ASCII, as headers have it everywhere.
fn is_correlation(given: &str) -> bool {
    (1..=CORRELATION_ID_CHARS_MAX).contains(&given.len()) && is_plain(given)
}

/// Whether a text is of printable ASCII.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Refuses card numbers in what the service reads of the headers, and what is no correlation id, whether this call
/// needs it or not.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), Fault> {
    for (name, shown) in &READ_HEADERS {
        for value in headers.get_all(name) {
            if holds_card_number(&String::from_utf8_lossy(value.as_bytes())) {
                let message = format!("{shown} must not hold a full card number");
                return Err(Fault::at(shown, "PAN_NOT_ALLOWED", message));
            }
        }
    }
    match correlation(headers)? {
        Some(given) if !is_correlation(given) => Err(Rejection::InvalidCorrelationId.into()),
        Some(_) | None => Ok(()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).ok();
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text)),
        (None, _) => Err(header_fault(name, "must be text in UTF-8")),
        (_, Some(_)) => Err(header_fault(name, "is given twice")),
    }
}

fn header_fault(name: &HeaderName, problem: &str) -> Fault {
    if *name == CORRELATION_ID {
        return Fault::at("WL-Correlation-ID", "INVALID_CORRELATION_ID", problem);
    }
    let shown = READ_HEADERS.iter().find(|(known, _)| known == name);
    Fault::invalid(shown.map_or(name.as_str(), |(_, shown)| shown), problem)
}

fn element_fault(name: &str, error: TextError) -> Fault {
    match error {
        TextError::CardNumber => Rejection::CardNumberNotAllowed {
            field: name.to_owned(),
        }
        .into(),
        TextError::Empty | TextError::TooLong { .. } | TextError::Unprintable => {
            Fault::invalid(name, error.to_string())
        }
    }
}

const REFERENCE_DIGITS: usize = 20;
