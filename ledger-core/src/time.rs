//! Time: instants in milliseconds, business dates in the issuer's zone. Nothing here reads a clock.

use std::cell::Cell;

use bincode::{BorrowDecode, Encode};
use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc,
};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The first instant that a command may name: 1900-01-01T00:00:00Z.
    pub const FIRST: Self = Self(-2_208_988_800_000);
    /// The last instant that a command may name: 2199-12-31T23:59:59.999Z.
    pub const LAST: Self = Self(7_258_118_399_999);

    /// The instant, for printing; none outside the years that a calendar can show.
    #[must_use]
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }

    /// This instant and `days` times 24 hours more, at most the end of time.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(i64::from(days) * DAY_MS))
    }
}

/// A calendar day of an issuer, in days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub struct BusinessDate(pub i32);

impl BusinessDate {
    /// The first day that a command may name: 1900-01-01.
    pub const FIRST: Self = Self(-25_567);
    /// The last day that a command may name: 2199-12-31.
    pub const LAST: Self = Self(84_005);

    /// The day, as a calendar shows it.
    #[must_use]
    pub fn to_date(self) -> NaiveDate {
        let days = self.0.saturating_add(UNIX_EPOCH_DAY);
        NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX)
    }

    /// The day of a calendar date.
    #[must_use]
    pub fn from_date(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - UNIX_EPOCH_DAY)
    }

    /// This day and `days` more, at most the end of time.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add_unsigned(days))
    }

    /// The day `days` before this one.
    #[must_use]
    pub fn minus_days(self, days: u32) -> Self {
        Self(self.0.saturating_sub_unsigned(days))
    }
}

impl std::fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_date().fmt(f)
    }
}

/// A date as a caller may give it: a calendar day, or an instant that the issuer's zone turns into
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, BorrowDecode)]
pub enum Moment {
    /// A calendar day of the issuer.
    Day(BusinessDate),
    /// An instant.
    Instant(Timestamp),
}

/// A time zone of the IANA database, kept by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// The zone with this IANA name, such as `Europe/Prague`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// An instant as clocks of the zone show it; none where the calendar does not reach.
    #[must_use]
    pub fn local(self, instant: Timestamp) -> Option<DateTime<FixedOffset>> {
        let local = instant.to_utc()?.with_timezone(&self.0);
        Some(local.fixed_offset())
    }

    /// The calendar day at this instant in the zone; instants that no command may name count as the
    /// nearest that one may.
    #[must_use]
    pub fn day_of(self, instant: Timestamp) -> BusinessDate {
        let instant = instant.clamp(Timestamp::FIRST, Timestamp::LAST);
        let utc = instant
            .to_utc()
            .expect("these centuries are on every calendar");
        BusinessDate::from_date(utc.with_timezone(&self.0).date_naive())
    }

    /// The calendar day a caller's date means in the zone.
    #[must_use]
    pub fn day(self, moment: Moment) -> BusinessDate {
        match moment {
            Moment::Day(day) => day,
            Moment::Instant(instant) => self.day_of(instant),
        }
    }

    /// The instant at which clocks of the zone show this; the earlier one where they show it twice. Where they
    /// skip it, the one at which they would have shown it without the skip.
    #[must_use]
    pub fn instant_of(self, local: NaiveDateTime) -> Timestamp {
        let shown = |at: NaiveDateTime| self.0.from_local_datetime(&at).earliest();
        let skipped = || {
            let skipped_max = chrono::TimeDelta::hours(HOURS_SKIPPED_MAX);
            let before = shown(local.checked_sub_signed(skipped_max)?)?;
            before.checked_add_signed(skipped_max)
        };
        let found = shown(local).or_else(skipped);
        Timestamp(found.map_or_else(
            || local.and_utc().timestamp_millis(),
            |at| at.timestamp_millis(),
        ))
    }

    /// The first instant of a day in the zone; where the clock skips midnight, the first after it.
    #[must_use]
    pub fn start_of(self, day: BusinessDate) -> Timestamp {
        let midnight = day.to_date().and_time(NaiveTime::MIN);
        let start = (0..=HOURS_SKIPPED_MAX)
            .find_map(|hour| {
                let local = midnight.checked_add_signed(chrono::TimeDelta::hours(hour))?;
                self.0.from_local_datetime(&local).earliest()
            })
            .map(|local| local.timestamp_millis());
        Timestamp(start.unwrap_or(i64::from(day.0) * DAY_MS))
    }
}

/// Remembers which days some instants fell on: a calendar takes longer to ask than to remember.
#[derive(Debug)]
pub(crate) struct DayMemory {
    /// By the day in UTC, so that a history's latest days are all remembered.
    places: Box<[Cell<RememberedDay>; DAYS_REMEMBERED]>,
    /// The day that was asked for last.
    start: Cell<(TimeZone, BusinessDate, Timestamp)>,
}

/// A day of a zone, from its first millisecond to before the first of the next.
#[derive(Debug, Clone, Copy)]
struct RememberedDay {
    zone: TimeZone,
    day: BusinessDate,
    from: Timestamp,
    until: Timestamp,
}

const DAYS_REMEMBERED: usize = 64;

impl Default for DayMemory {
    fn default() -> Self {
        let nothing = RememberedDay {
            zone: TimeZone(chrono_tz::UTC),
            day: BusinessDate(0),
            from: Timestamp(0),
            until: Timestamp(0),
        };
        Self {
            places: Box::new(std::array::from_fn(|_| Cell::new(nothing))),
            start: Cell::new((nothing.zone, nothing.day, nothing.from)),
        }
    }
}

impl DayMemory {
    /// As [`TimeZone::day_of`].
    pub(crate) fn day_of(&self, zone: TimeZone, instant: Timestamp) -> BusinessDate {
        let place = instant.0.div_euclid(DAY_MS).rem_euclid(64);
        let place = &self.places[usize::try_from(place).expect("less than 64")];
        let remembered = place.get();
        if remembered.zone == zone && (remembered.from..remembered.until).contains(&instant) {
            return remembered.day;
        }
        let day = zone.day_of(instant);
        let (from, until) = (zone.start_of(day), zone.start_of(day.plus_days(1)));
        // A day on which the clock is changed is asked for every time: a clock that is put back over
        // midnight gives two stretches of one day.
        if until.0 - from.0 == DAY_MS {
            place.set(RememberedDay {
                zone,
                day,
                from,
                until,
            });
        }
        day
    }

    /// As [`TimeZone::start_of`].
    pub(crate) fn start_of(&self, zone: TimeZone, day: BusinessDate) -> Timestamp {
        let (last_zone, last_day, start) = self.start.get();
        if (last_zone, last_day) == (zone, day) {
            return start;
        }
        let start = zone.start_of(day);
        self.start.set((zone, day, start));
        start
    }

    /// As [`TimeZone::day`].
    pub(crate) fn day(&self, zone: TimeZone, moment: Moment) -> BusinessDate {
        match moment {
            Moment::Day(day) => day,
            Moment::Instant(instant) => self.day_of(zone, instant),
        }
    }
}

impl Encode for TimeZone {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.name().encode(encoder)
    }
}

impl<'de, C> BorrowDecode<'de, C> for TimeZone {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        let name = <&'de str>::borrow_decode(decoder)?;
        Self::from_name(name)
            .ok_or_else(|| bincode::error::DecodeError::OtherString(format!("no zone {name}")))
    }
}

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01, counted from the first day of year 1.
const UNIX_EPOCH_DAY: i32 = 719_163;
/// No zone has ever skipped more than a day at once (Samoa, 2011).
const HOURS_SKIPPED_MAX: i64 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        Timestamp(
            DateTime::parse_from_rfc3339(text)
                .expect("a date")
                .timestamp_millis(),
        )
    }

    #[test]
    fn clocks_show_an_instant_as_the_zone_has_it() {
        let berlin = TimeZone::from_name("Europe/Berlin").expect("a zone");
        for (shown, at) in [
            ("2020-02-25T10:50:56", "2020-02-25T09:50:56Z"),
            ("2020-07-25T10:50:56.125", "2020-07-25T08:50:56.125Z"),
            // Twice, and not at all.
            ("2023-10-29T02:30:00", "2023-10-29T00:30:00Z"),
            ("2023-03-26T02:30:00", "2023-03-26T01:30:00Z"),
        ] {
            let local: NaiveDateTime = shown.parse().expect("a date and time");
            assert_eq!(berlin.instant_of(local), instant(at), "{shown}");
        }
    }

    #[test]
    fn a_day_begins_at_local_midnight() {
        let berlin = TimeZone::from_name("Europe/Berlin").expect("a zone");
        for (at, day) in [
            ("2022-12-04T23:00:00Z", "2022-12-05"),
            ("2022-12-04T22:59:59.999Z", "2022-12-04"),
            ("2023-12-18T23:00:00Z", "2023-12-19"),
            ("2023-07-01T22:00:00Z", "2023-07-02"),
            ("2024-02-29T12:00:00Z", "2024-02-29"),
            ("1969-12-31T23:30:00Z", "1970-01-01"),
        ] {
            assert_eq!(berlin.day_of(instant(at)).to_string(), day, "{at}");
        }
        let day = berlin.day_of(instant("2022-12-05T10:00:00Z"));
        assert_eq!(berlin.start_of(day), instant("2022-12-04T23:00:00Z"));
    }

    #[test]
    fn no_instant_is_too_far_for_a_day() {
        let tokyo = TimeZone::from_name("Asia/Tokyo").expect("a zone");
        for (at, day) in [
            (i64::MIN, "1900-01-01"),
            (8_210_266_876_799_999, "2200-01-01"),
            (i64::MAX, "2200-01-01"),
        ] {
            assert_eq!(tokyo.day_of(Timestamp(at)).to_string(), day);
        }
        assert_eq!(BusinessDate::FIRST.to_string(), "1900-01-01");
        assert_eq!(BusinessDate::LAST.to_string(), "2199-12-31");
        assert_eq!(
            Timestamp::LAST
                .to_utc()
                .map(|at| at.to_rfc3339())
                .as_deref(),
            Some("2199-12-31T23:59:59.999+00:00")
        );
        assert_eq!(
            Timestamp::FIRST
                .to_utc()
                .map(|at| at.to_rfc3339())
                .as_deref(),
            Some("1900-01-01T00:00:00+00:00")
        );
    }

    #[test]
    fn a_remembered_day_is_the_day() {
        for name in [
            "Europe/Berlin",
            "America/Sao_Paulo",
            "Asia/Amman",
            "Atlantic/Azores",
        ] {
            let zone = TimeZone::from_name(name).expect("a zone");
            let memory = DayMemory::default();
            // Every 20 minutes of three years with clocks put forward and back, each asked twice.
            let start = instant("2016-01-01T00:00:00Z").0;
            for step in 0..3 * 365 * 72 {
                let at = Timestamp(start + step * 1_200_000);
                assert_eq!(memory.day_of(zone, at), zone.day_of(at), "{name} {at:?}");
                assert_eq!(memory.day_of(zone, at), zone.day_of(at), "{name} {at:?}");
            }
        }
    }

    /// At a minute past midnight on 2 November 2008 the clock went back into 1 November.
    #[test]
    fn a_day_that_comes_back_is_not_taken_for_the_next() {
        let zone = TimeZone::from_name("America/St_Johns").expect("a zone");
        let memory = DayMemory::default();
        for (at, day) in [
            ("2008-11-02T02:29:00Z", "2008-11-01"),
            ("2008-11-02T02:30:30Z", "2008-11-02"),
            ("2008-11-02T02:31:30Z", "2008-11-01"),
            ("2008-11-02T03:30:00Z", "2008-11-02"),
        ] {
            assert_eq!(zone.day_of(instant(at)).to_string(), day, "{at}");
            assert_eq!(memory.day_of(zone, instant(at)).to_string(), day, "{at}");
        }
    }

    #[test]
    fn a_skipped_midnight_starts_the_day_late() {
        let havana = TimeZone::from_name("America/Havana").expect("a zone");
        let day = BusinessDate::from_date(NaiveDate::from_ymd_opt(2023, 3, 12).expect("a day"));
        assert_eq!(havana.start_of(day), instant("2023-03-12T05:00:00Z"));
        assert_eq!(havana.day_of(havana.start_of(day)), day);
    }
}
