//! Dates in text.
//!
//! The shapes that programs write are read by hand, since every line has several; all others, and
//! every question of the calendar, are left to the library.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use ledger_core::time::{BusinessDate, Moment, Timestamp};

/// An instant from RFC 3339 text, or with an offset without a colon; parts of a millisecond are cut off.
pub(crate) fn to_instant(text: &str) -> Option<Timestamp> {
    usual_instant(text.as_bytes()).or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .or_else(|| DateTime::parse_from_rfc3339(&with_colon(text)?).ok())
            .map(|at| Timestamp(at.timestamp_millis()))
    })
}

/// A text that ends in an offset without a colon, with it: the source writes the dates of its metadata so.
fn with_colon(text: &str) -> Option<String> {
    let (before, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let (_, hours) = before.split_at_checked(before.len().checked_sub(3)?)?;
    let is_offset = hours.starts_with(['+', '-']) && is_digits(&hours[1..]) && is_digits(minutes);
    is_offset.then(|| format!("{before}:{minutes}"))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date and time without an offset, as some clocks show it; parts of a millisecond are cut off.
pub(crate) fn to_local(text: &str) -> Option<NaiveDateTime> {
    // Whatever has no offset of its own is read with one, by the rules of all others.
    let at = to_instant(&format!("{text}Z"))?;
    at.to_utc().map(|at| at.naive_utc())
}

/// A calendar day from `yyyy-MM-dd`, and nothing shorter: `25-1-9` is a slip, not the year 25.
pub(crate) fn to_day(text: &str) -> Option<BusinessDate> {
    date(text.as_bytes()).map(BusinessDate::from_date)
}

/// A day, or an instant.
pub(crate) fn to_moment(text: &str) -> Option<Moment> {
    let day = to_day(text).map(Moment::Day);
    day.or_else(|| to_instant(text).map(Moment::Instant))
}

/// `yyyy-MM-ddThh:mm:ssZ`, with milliseconds or without.
fn usual_instant(text: &[u8]) -> Option<Timestamp> {
    let (date_part, time) = text.split_at_checked(DAY_BYTES)?;
    let (clock, millis) = match time {
        [clock @ .., b'.', a, b, c, b'Z'] => (clock, number(&[*a, *b, *c])?),
        [clock @ .., b'Z'] => (clock, 0),
        _ => return None,
    };
    let [b'T', h, hh, b':', m, mm, b':', s, ss] = clock else {
        return None;
    };
    let (hours, minutes, seconds) = (
        number(&[*h, *hh])?,
        number(&[*m, *mm])?,
        number(&[*s, *ss])?,
    );
    // A leap second is for the library.
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let day = BusinessDate::from_date(date(date_part)?);
    let clock = (hours * 60 + minutes) * 60 + seconds;
    let millis = i64::from(clock) * 1_000 + i64::from(millis);
    Some(Timestamp(i64::from(day.0) * DAY_MS + millis))
}

/// `yyyy-MM-dd`.
fn date(text: &[u8]) -> Option<NaiveDate> {
    let [y, yy, yyy, yyyy, b'-', m, mm, b'-', d, dd] = text else {
        return None;
    };
    let year = number(&[*y, *yy, *yyy, *yyyy])?;
    let (month, day) = (number(&[*m, *mm])?, number(&[*d, *dd])?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// The number that digits are, a few of them.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })
}

/// `yyyy-MM-dd`.
const DAY_BYTES: usize = 10;
const DAY_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_gives_what_the_library_gives() {
        let mut usual = 0;
        for year in [
            "0000", "0001", "1899", "1900", "1969", "1970", "2000", "2024", "9999",
        ] {
            for day in [
                "01-01", "02-28", "02-29", "12-31", "04-31", "13-01", "00-10", "10-00",
            ] {
                for time in [
                    "T00:00:00Z",
                    "T23:59:59.999Z",
                    "T08:07:06.050Z",
                    "T24:00:00Z",
                    "T12:60:00Z",
                    "T23:59:60Z",
                    "T1:2:3Z",
                    "T00:00:00.1Z",
                    "T00:00:00.1234Z",
                    "T00:00:00,123Z",
                    "T00:00:00.12:Z",
                    "t00:00:00z",
                    " 00:00:00Z",
                    "T00:00:00+02:00",
                    "T00:00:00",
                    "",
                ] {
                    let text = format!("{year}-{day}{time}");
                    let library = DateTime::parse_from_rfc3339(&text)
                        .ok()
                        .map(|at| Timestamp(at.timestamp_millis()));
                    usual += i32::from(usual_instant(text.as_bytes()).is_some());
                    assert!(
                        usual_instant(text.as_bytes()).is_none_or(|at| Some(at) == library),
                        "{text}"
                    );
                    assert_eq!(to_instant(&text), library, "{text}");
                    // The source's other way to write an offset.
                    if let Some(local) = text.strip_suffix('Z') {
                        let other = format!("{local}+0000");
                        assert_eq!(to_instant(&other), library, "{other}");
                    }
                }
                let text = format!("{year}-{day}");
                let library = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
                assert_eq!(
                    to_day(&text),
                    library.map(BusinessDate::from_date),
                    "{text}"
                );
            }
        }
        assert!(usual > 50, "the short way is taken");
        for text in [
            "25-1-9",
            "2025-1-09",
            "2025/01/09",
            "2025-01-09 ",
            "+025-01-09",
            "２025-01-0",
        ] {
            assert_eq!(to_day(text), None, "{text}");
        }
    }
}
