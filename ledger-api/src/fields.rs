//! The fields of one JSON object, taken out one by one; what is left over at the end is unknown.
//!
//! A field that is `null` is absent. Every error names the field by its path, never its value.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use ledger_core::ids::{AccountReference, OperationId};
use ledger_core::money::{Amount, Currency};
use ledger_core::rejection::Rejection;
use ledger_core::text::{
    BonusProgramReference, Description, ExternalReference, FeeType, GlCode, IssuerId, Label,
    LoyaltyUnit, OperationReference, ProductReference, ReasonCode, ServicePoster, TextError,
    holds_card_number,
};
use ledger_core::time::{BusinessDate, Moment, Timestamp};

use crate::json::Json;

/// The fields of an object that were not taken yet.
pub(crate) struct Fields<'a> {
    /// Where the object stands, ending in a dot, or empty.
    path: String,
    fields: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// Text types that a field can hold.
pub(crate) trait FieldText: Sized {
    fn of(text: &str) -> Result<Self, TextError>;
}

macro_rules! field_texts {
    ($($name:ident),* $(,)?) => {$(
        impl FieldText for $name {
            fn of(text: &str) -> Result<Self, TextError> {
                Self::new(text)
            }
        }
    )*};
}

field_texts!(
    BonusProgramReference,
    Description,
    ExternalReference,
    FeeType,
    GlCode,
    IssuerId,
    Label,
    LoyaltyUnit,
    OperationReference,
    ProductReference,
    ReasonCode,
    ServicePoster,
);

impl<'a> Fields<'a> {
    /// The fields of the object at `path`.
    pub(crate) fn of(path: &str, json: Json<'a>) -> Result<Self, Rejection> {
        let Json::Object(fields) = json else {
            return Err(Rejection::invalid(path, "must be an object"));
        };
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        Ok(Self { path, fields })
    }

    /// Ends the object: a field that nobody took is unknown.
    pub(crate) fn finish(self) -> Result<(), Rejection> {
        match self.fields.iter().find(|(_, value)| *value != Json::Null) {
            None => Ok(()),
            Some((name, _)) if holds_card_number(name) => {
                Err(Rejection::CardNumberNotAllowed { field: self.path })
            }
            Some((name, _)) => {
                let name: String = name.chars().take(FIELD_NAME_CHARS_MAX).collect();
                Err(Rejection::invalid(
                    format!("{}{name}", self.path),
                    "is not a field of this command",
                ))
            }
        }
    }

    /// Takes a field; `null` is absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let place = self.fields.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.fields.swap_remove(place);
        (value != Json::Null).then_some(value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|(known, value)| known == name && *value != Json::Null)
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Fields<'a>>, Rejection> {
        let path = self.path(name);
        self.take(name)
            .map(|value| Fields::of(&path, value))
            .transpose()
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Json<'a>>, Rejection> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Json::List(values)) => Ok(values),
            Some(_) => Err(self.invalid(name, "must be a list")),
        }
    }

    pub(crate) fn texts<T: FieldText>(&mut self, name: &str) -> Result<Vec<T>, Rejection> {
        let values = self.list(name)?;
        values
            .into_iter()
            .map(|value| self.to_text(name, value))
            .collect()
    }

    pub(crate) fn text<T: FieldText>(&mut self, name: &str) -> Result<Option<T>, Rejection> {
        self.take(name)
            .map(|value| self.to_text(name, value))
            .transpose()
    }

    pub(crate) fn raw_text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "must be text")),
        }
    }

    /// Takes a field whose text is one of `choices`.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        match choices.iter().find(|(known, _)| *known == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let known: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
                Err(self.invalid(name, &format!("must be one of {}", known.join(", "))))
            }
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Rejection> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be true or false")),
        }
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Rejection> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Integer(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be a whole number of at most 64 bits")),
        }
    }

    pub(crate) fn days(&mut self, name: &str) -> Result<Option<u32>, Rejection> {
        let Some(days) = self.integer(name)? else {
            return Ok(None);
        };
        match u32::try_from(days) {
            Ok(days) if days <= DAYS_MAX => Ok(Some(days)),
            Ok(_) | Err(_) => Err(self.invalid(
                name,
                &format!("must be a number of days from 0 to {DAYS_MAX}"),
            )),
        }
    }

    pub(crate) fn amount(&mut self, name: &str) -> Result<Option<Amount>, Rejection> {
        let Some(mut fields) = self.object(name)? else {
            return Ok(None);
        };
        let minor = fields.integer("value")?;
        let minor = fields.required("value", minor)?;
        let given = fields.integer("exponent")?;
        let given = fields.required("exponent", given)?;
        let currency = fields.currency("isoCode")?;
        let currency = fields.required("isoCode", currency)?;
        fields.finish()?;
        let expected = currency.exponent();
        if given != i64::from(expected) {
            let field = self.path(name);
            let currency = currency.code().to_owned();
            return Err(Rejection::InvalidExponent {
                field,
                currency,
                expected,
                given,
            });
        }
        Ok(Some(Amount { minor, currency }))
    }

    pub(crate) fn currency(&mut self, name: &str) -> Result<Option<Currency>, Rejection> {
        let Some(code) = self.raw_text(name)? else {
            return Ok(None);
        };
        let unknown = || self.invalid(name, "must be an ISO 4217 currency code");
        Currency::from_code(&code).map(Some).ok_or_else(unknown)
    }

    pub(crate) fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let problem = "must be a date and time such as 2023-01-02T14:20:34.715Z";
        to_instant(&text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, problem))
    }

    /// A date and time, or a date alone.
    pub(crate) fn moment(&mut self, name: &str) -> Result<Option<Moment>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let problem = "must be a date such as 2023-01-02, or a date and time with its zone";
        let moment = to_day(&text).map(Moment::Day);
        let moment = moment.or_else(|| to_instant(&text).map(Moment::Instant));
        moment.map(Some).ok_or_else(|| self.invalid(name, problem))
    }

    pub(crate) fn day(&mut self, name: &str) -> Result<Option<BusinessDate>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        to_day(&text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, "must be a date such as 2023-01-02"))
    }

    pub(crate) fn account_reference(
        &mut self,
        name: &str,
    ) -> Result<Option<AccountReference>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let number = text
            .parse()
            .ok()
            .filter(|_| text.len() == ACCOUNT_REFERENCE_DIGITS);
        let problem = "must be an account reference of 20 digits";
        number
            .map(|number| Some(AccountReference::from_number(number)))
            .ok_or_else(|| self.invalid(name, problem))
    }

    pub(crate) fn operation_id(&mut self, name: &str) -> Result<Option<OperationId>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let id = text.parse().ok().and_then(OperationId::from_number);
        id.map(Some)
            .ok_or_else(|| self.invalid(name, "must be an operation id of 16 digits"))
    }

    /// The value of a field that must be there.
    pub(crate) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Rejection> {
        value.ok_or_else(|| self.invalid(name, "is required"))
    }

    pub(crate) fn invalid(&self, name: &str, problem: &str) -> Rejection {
        Rejection::invalid(self.path(name), problem)
    }

    fn to_text<T: FieldText>(&self, name: &str, value: Json<'_>) -> Result<T, Rejection> {
        let Json::Text(text) = value else {
            return Err(self.invalid(name, "must be text"));
        };
        T::of(&text).map_err(|error| match error {
            TextError::CardNumber => Rejection::CardNumberNotAllowed {
                field: self.path(name),
            },
            TextError::Empty | TextError::TooLong { .. } | TextError::Unprintable => {
                self.invalid(name, &error.to_string())
            }
        })
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }
}

/// An instant from RFC 3339 text; parts of a millisecond are cut off.
pub(crate) fn to_instant(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| Timestamp(at.timestamp_millis()))
}

/// A calendar day from `yyyy-MM-dd`, and nothing shorter: `25-1-9` is a slip, not the year 25.
pub(crate) fn to_day(text: &str) -> Option<BusinessDate> {
    let places = text.bytes().enumerate();
    let shaped = text.len() == DAY_BYTES
        && places.into_iter().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .map(BusinessDate::from_date)
}

/// As much of an unknown field's name as an answer repeats.
const FIELD_NAME_CHARS_MAX: usize = 64;
/// A century is more than any value-date limit needs.
const DAYS_MAX: u32 = 36_525;
/// `yyyy-MM-dd`.
const DAY_BYTES: usize = 10;
const ACCOUNT_REFERENCE_DIGITS: usize = 20;
