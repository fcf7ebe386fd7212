//! Calendar days in the zones that histories use, from the clock-change rules as people state them
//! and not from the time-zone database that the engine reads.

use ledger_core::time::{TimeZone, Timestamp};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The calendar day at an instant, in days since 1970-01-01.
///
/// # Panics
/// On a zone that no history uses.
#[must_use]
pub fn day_of(zone: TimeZone, at: Timestamp) -> i32 {
    let local = at.0 + offset_ms(zone, at.0);
    i32::try_from(local.div_euclid(DAY_MS)).expect("a day near the present")
}

/// The first instant of a day. None of the zones changes its clock at midnight.
///
/// # Panics
/// On a zone that no history uses.
#[must_use]
pub fn start_of(zone: TimeZone, day: i32) -> Timestamp {
    let midnight = i64::from(day) * DAY_MS;
    (-12..=12)
        .map(|hours| Timestamp(midnight - hours * HOUR_MS))
        .find(|at| at.0 + offset_ms(zone, at.0) == midnight)
        .expect("every day has a midnight")
}

fn offset_ms(zone: TimeZone, utc_ms: i64) -> i64 {
    let year = year_of(utc_ms.div_euclid(DAY_MS));
    let hours = match zone.name() {
        "UTC" => 0,
        // Summer time from the last Sunday of March to that of October, both at 01:00 UTC.
        "Europe/Berlin" => {
            let from = sunday_from(year, 3, 25) * DAY_MS + HOUR_MS;
            let to = sunday_from(year, 10, 25) * DAY_MS + HOUR_MS;
            if (from..to).contains(&utc_ms) { 2 } else { 1 }
        }
        // From the second Sunday of March to the first of November, both at 02:00 on the wall.
        "America/New_York" => {
            let from = sunday_from(year, 3, 8) * DAY_MS + 7 * HOUR_MS;
            let to = sunday_from(year, 11, 1) * DAY_MS + 6 * HOUR_MS;
            if (from..to).contains(&utc_ms) { -4 } else { -5 }
        }
        other => panic!("no history uses {other}"),
    };
    hours * HOUR_MS
}

/// The first Sunday on or after a day.
fn sunday_from(year: i64, month: usize, day: i64) -> i64 {
    let start = day_number(year, month, day);
    // 1970-01-01 was a Thursday, so day 3 was a Sunday.
    start + (3 - start).rem_euclid(7)
}

fn day_number(year: i64, month: usize, day: i64) -> i64 {
    let years: i64 = (1970..year).map(days_in_year).sum();
    let february = days_in_year(year) - 337;
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + months[..month - 1].iter().sum::<i64>() + day - 1
}

fn year_of(mut day: i64) -> i64 {
    assert!(day >= 0, "histories are set after 1970");
    let mut year = 1970;
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
    }
    year
}

fn days_in_year(year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if leap { 366 } else { 365 }
}
