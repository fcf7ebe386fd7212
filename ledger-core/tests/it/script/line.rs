//! One line of a table, taken apart: `verb word word name=value -> expected words`.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate};
use ledger_core::money::{Amount, Currency};
use ledger_core::text::ReasonCode;
use ledger_core::time::{BusinessDate, Moment, Timestamp};

/// What is left of a line to be read. Whatever is never read is a mistake in the table.
pub(crate) struct Line<'a> {
    pub(crate) number: usize,
    pub(crate) verb: &'a str,
    words: VecDeque<&'a str>,
    options: Vec<(&'a str, &'a str)>,
    pub(crate) expected: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// The line's parts; none for a blank line or a `#` comment.
    pub(crate) fn parse(number: usize, text: &'a str) -> Option<Self> {
        let (said, expected) = match text.split_once("->") {
            Some((said, expected)) => (said, Some(expected.trim())),
            None => (text, None),
        };
        let mut parts = said.split_whitespace();
        let verb = parts.next().filter(|verb| !verb.starts_with('#'))?;
        let (mut words, mut options) = (VecDeque::new(), Vec::new());
        for part in parts {
            match part.split_once('=') {
                Some(option) => options.push(option),
                None => words.push_back(part),
            }
        }
        Some(Self {
            number,
            verb,
            words,
            options,
            expected,
        })
    }

    /// The next word, which must be there.
    pub(crate) fn word(&mut self) -> &'a str {
        self.words.pop_front().expect("the line lacks a word")
    }

    /// The next word if it is a number, or `none`.
    pub(crate) fn amount(&mut self, currency: Currency) -> Option<Amount> {
        let word = self.words.front()?;
        if *word == "none" {
            self.words.pop_front();
            return None;
        }
        let digits = word.strip_prefix('-').unwrap_or(word);
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        Some(amount(self.word(), currency))
    }

    /// Whether the word stands anywhere in what is left.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.words.iter().position(|word| *word == name);
        place.is_some_and(|place| self.words.remove(place).is_some())
    }

    /// The value of `name=value`.
    pub(crate) fn option(&mut self, name: &str) -> Option<&'a str> {
        let place = self.options.iter().position(|(n, _)| *n == name)?;
        Some(self.options.remove(place).1)
    }

    /// The values of `name=value,value`.
    pub(crate) fn list<T>(&mut self, name: &str, one: impl Fn(&'a str) -> T) -> Vec<T> {
        self.option(name)
            .map_or_else(Vec::new, |all| all.split(',').map(one).collect())
    }

    /// Checks that the whole line was understood.
    pub(crate) fn end(&self) {
        assert!(
            self.words.is_empty() && self.options.is_empty(),
            "line {} has more than {} understands: {:?} {:?}",
            self.number,
            self.verb,
            self.words,
            self.options
        );
    }
}

/// A decimal with exactly as many digits after the point as the currency has.
pub(crate) fn amount(text: &str, currency: Currency) -> Amount {
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let exponent = usize::try_from(currency.exponent()).expect("small");
    assert_eq!(decimals, exponent, "{text} {}", currency.code());
    let minor = text.replace('.', "").parse().expect("an amount");
    Amount { minor, currency }
}

/// Minor units as a decimal of the currency.
pub(crate) fn decimal(minor: i128, currency: Currency) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let scale = 10_u128.pow(currency.exponent());
    let (whole, part) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    match usize::try_from(currency.exponent()).expect("small") {
        0 => format!("{sign}{whole}"),
        width => format!("{sign}{whole}.{part:0width$}"),
    }
}

pub(crate) fn currency(code: &str) -> Currency {
    Currency::from_code(code).expect("a currency")
}

pub(crate) fn day(text: &str) -> BusinessDate {
    BusinessDate::from_date(text.parse::<NaiveDate>().expect("a day"))
}

/// An instant; of a mere day, noon in UTC.
pub(crate) fn instant(text: &str) -> Timestamp {
    let full = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T12:00:00Z")
    };
    let instant = DateTime::parse_from_rfc3339(&full).expect("an instant");
    Timestamp(instant.timestamp_millis())
}

pub(crate) fn moment(text: &str) -> Moment {
    if text.contains('T') {
        Moment::Instant(instant(text))
    } else {
        Moment::Day(day(text))
    }
}

pub(crate) fn reason(text: &str) -> ReasonCode {
    ReasonCode::new(text).expect("a reason")
}
