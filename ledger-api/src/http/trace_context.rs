//! W3C Trace Context, level 1: the trace that a call is part of.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ledger_core::text::holds_card_number;
use uuid::Uuid;

/// `00-{trace id}-{parent id}-{flags}`.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace of a call, and the span that is the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// 32 digits.
    pub(crate) trace: String,
    /// 16 digits.
    span: String,
    sampled: bool,
}

impl TraceContext {
    /// The trace that the caller names, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let named = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(parse),
            _ => None,
        };
        let fresh = || Uuid::new_v4().simple().to_string();
        let (trace, sampled) = named.unwrap_or_else(|| (fresh(), false));
        // A whole number of a version 4 is random enough; its first half holds the version's mark.
        let span = fresh().split_off(16);
        Self {
            trace,
            span,
            sampled,
        }
    }

    /// As an answer carries it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let flags = u8::from(self.sampled);
        let text = format!("00-{}-{}-{flags:02x}", self.trace, self.span);
        HeaderValue::from_str(&text).ok()
    }
}

/// Trace id, and whether it is sampled. A later version may go on after the flags. A trace id is logged, so it is
/// not taken over from a caller who has put a card number into it.
fn parse(text: &str) -> Option<(String, bool)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, digits: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(is_digit)
    };
    let is_nothing = |text: &str| text.bytes().all(|byte| byte == b'0');
    let is_form = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let is_whole = version != "00" || parts.next().is_none();
    if !is_form || !is_whole || version == "ff" || is_nothing(trace) || is_nothing(parent) {
        return None;
    }
    if holds_card_number(trace.trim_start_matches('0')) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some((trace.to_owned(), flags & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_over_only_in_the_form_of_the_standard() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let taken = |text: &str| parse(text);
        let whole = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(taken(&whole), Some((trace.to_owned(), true)));
        let later = format!("cc-{trace}-00f067aa0ba902b7-00-more");
        assert_eq!(taken(&later), Some((trace.to_owned(), false)));
        for wrong in [
            "",
            "00",
            &format!("00-{trace}-00f067aa0ba902b7"),
            &format!("00-{trace}-00f067aa0ba902b7-01-more"),
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{trace}-00f067aa0ba902b7-0g"),
            "00-abcdefab4546172396081630abcdefab-00f067aa0ba902b7-01",
            "00-00000000000000004546172396081630-00f067aa0ba902b7-01",
        ] {
            assert_eq!(taken(wrong), None, "{wrong}");
        }
    }
}
