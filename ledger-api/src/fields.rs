//! The fields of one JSON object, taken out one by one; what is left over at the end is unknown.
//!
//! A field that is `null` is absent. Every error names the field by its path, never its value.

use std::cell::Cell;
use std::collections::BTreeMap;

use ledger_core::ids::{AccountReference, OperationId};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::{Amount, Currency};
use ledger_core::rate::ExchangeRate;
use ledger_core::rejection::Rejection;
use ledger_core::text::{
    BonusProgramReference, BusinessCaseId, Description, ExternalReference, FeeType, GlCode,
    IssuerId, Label, LoyaltyUnit, OperationReference, ProductReference, ReasonCode,
    ReservationReference, ServicePoster, SpecificFieldName, SpecificFieldValue, TextError,
    TransactionId, holds_card_number,
};
use ledger_core::time::{BusinessDate, Moment, Timestamp};

use crate::dates::{to_day, to_instant, to_moment};
use crate::json::flat::{Name, Names, Node, Parts, Value};

/// The fields of an object, and which of them were taken.
pub(crate) struct Fields<'t> {
    /// The object that this one is a field of, where that is named in errors.
    parent: Option<&'t Fields<'t>>,
    /// The field that holds the object, or empty.
    name: &'static str,
    names: Names,
    fields: Parts<'t>,
    /// A bit for each field by its place, which is below [`FIELDS_MAX`].
    taken: Cell<u64>,
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
    BusinessCaseId,
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
    ReservationReference,
    ServicePoster,
    SpecificFieldName,
    SpecificFieldValue,
    TransactionId,
);

impl<'t> Fields<'t> {
    /// The fields of an object that is named `name` in errors; empty: its fields are named alone.
    pub(crate) fn of(name: &'static str, node: Node<'t>) -> Result<Self, Rejection> {
        Self::within(None, name, node)
    }

    fn within(
        parent: Option<&'t Fields<'t>>,
        name: &'static str,
        node: Node<'t>,
    ) -> Result<Self, Rejection> {
        if let Value::Object(names) = node.value() {
            return Ok(Self {
                parent,
                name,
                names,
                fields: node.parts(),
                taken: Cell::new(0),
            });
        }
        let prefix = parent.map(Self::prefix).unwrap_or_default();
        Err(Rejection::invalid(prefix + name, "must be an object"))
    }

    /// Ends the object: a field that nobody took is unknown.
    pub(crate) fn finish(&self) -> Result<(), Rejection> {
        if !self.has_untaken() {
            return Ok(());
        }
        let unknown = self
            .fields
            .enumerate()
            .find(|(place, (_, node))| !self.was_taken(*place) && node.value() != Value::Null);
        match unknown.map(|(_, (name, _))| name.text()) {
            None => Ok(()),
            Some(name) if holds_card_number(name) => Err(self.card_number(UNNAMED)),
            // The issuer API has a field for it, whatever stands in there.
            Some(PAN) => Err(self.card_number(PAN)),
            Some(name) => {
                let name = if name.is_empty() { UNNAMED } else { name };
                let name: String = name.chars().take(FIELD_NAME_CHARS_MAX).collect();
                let problem = "is not a field of this command";
                Err(Rejection::invalid(self.prefix() + &name, problem))
            }
        }
    }

    /// Takes a field; `null` is absent.
    ///
    /// This and what calls it is inlined, so that a field that is not there costs the test of a bit.
    #[inline]
    pub(crate) fn take(&self, name: &str) -> Option<Node<'t>> {
        let name = Name::new(name);
        if !self.names.may_have(name) {
            return None;
        }
        let (place, node) = self.find(name)?;
        self.taken.set(self.taken.get() | 1 << place);
        Some(node)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let name = Name::new(name);
        self.names.may_have(name) && self.find(name).is_some()
    }

    fn find(&self, name: Name<'_>) -> Option<(usize, Node<'t>)> {
        let (place, node) = self.fields.named(name)?;
        (node.value() != Value::Null && !self.was_taken(place)).then_some((place, node))
    }

    fn was_taken(&self, place: usize) -> bool {
        self.taken.get() >> place & 1 == 1
    }

    #[inline]
    pub(crate) fn object(&'t self, name: &'static str) -> Result<Option<Fields<'t>>, Rejection> {
        self.take(name)
            .map(|node| Fields::within(Some(self), name, node))
            .transpose()
    }

    /// The object in a field, which is left for another to take.
    pub(crate) fn look_into(&'t self, name: &'static str) -> Result<Option<Fields<'t>>, Rejection> {
        match self.find(Name::new(name)) {
            None => Ok(None),
            Some((_, node)) => Fields::within(Some(self), name, node).map(Some),
        }
    }

    /// Whether a field holds an object.
    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.find(Name::new(name))
            .is_some_and(|(_, node)| matches!(node.value(), Value::Object(_)))
    }

    pub(crate) fn list(&self, name: &str) -> Result<Option<Parts<'t>>, Rejection> {
        match self.take(name) {
            None => Ok(None),
            Some(node) if node.value() == Value::List => Ok(Some(node.parts())),
            Some(_) => Err(self.invalid(name, "must be a list")),
        }
    }

    #[inline]
    pub(crate) fn texts<T: FieldText>(&self, name: &str) -> Result<Vec<T>, Rejection> {
        let values = self.list(name)?.into_iter().flatten();
        values.map(|(_, node)| self.to_text(name, node)).collect()
    }

    #[inline]
    pub(crate) fn text<T: FieldText>(&self, name: &str) -> Result<Option<T>, Rejection> {
        self.take(name)
            .map(|node| self.to_text(name, node))
            .transpose()
    }

    /// Takes a label of a transaction to the others.
    #[inline]
    pub(crate) fn label(
        &self,
        label: TransactionLabel,
        labels: &mut TransactionLabels,
    ) -> Result<(), Rejection> {
        let name = label.field();
        match self.take(name) {
            None => Ok(()),
            Some(node) => self.checked(name, node, |text| labels.set(label, text)),
        }
    }

    #[inline]
    pub(crate) fn raw_text(&self, name: &str) -> Result<Option<&'t str>, Rejection> {
        match self.take(name).map(Node::value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "must be text")),
        }
    }

    /// Takes a field whose text is one of `choices`.
    pub(crate) fn choice<T: Copy>(
        &self,
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

    /// Takes every field, as text by name.
    pub(crate) fn all_texts<K: FieldText + Ord, V: FieldText>(
        &self,
    ) -> Result<BTreeMap<K, V>, Rejection> {
        let mut texts = BTreeMap::new();
        for (name, node) in self.fields.filter(|(_, node)| node.value() != Value::Null) {
            // A name that may not be there must not be repeated either.
            let key = K::of(name.text()).map_err(|error| match error {
                TextError::CardNumber => self.card_number(UNNAMED),
                TextError::Empty | TextError::TooLong { .. } | TextError::Unprintable => {
                    self.invalid(UNNAMED, &format!("has a name that {error}"))
                }
            })?;
            texts.insert(key, self.to_text(name.text(), node)?);
        }
        Ok(texts)
    }

    /// Takes a rate: a decimal number, or the text of one. A number of more than 15 digits is refused,
    /// since it is not read exactly; as text it may have 18.
    pub(crate) fn exchange_rate(&self, name: &str) -> Result<Option<ExchangeRate>, Rejection> {
        let checked = |text: &str| {
            let rate = ExchangeRate::new(text);
            // As it would be kept: zeros before it do not hide a card number. The digits after the point of a rate
            // that was computed look like one too often.
            let kept = rate.map_or_else(|| text.to_owned(), |rate| rate.to_string());
            if holds_card_number(kept.split('.').next().unwrap_or_default()) {
                return Err(self.card_number(name));
            }
            Ok(rate)
        };
        let rate = match self.take(name).map(Node::value) {
            None => return Ok(None),
            Some(Value::Text(text)) => checked(text)?,
            Some(Value::Integer(number)) => checked(&number.to_string())?,
            Some(Value::Fraction(digits)) => {
                let significant = digits.trim_start_matches(['0', '.']);
                let count = significant.bytes().filter(u8::is_ascii_digit).count();
                let exact = (count <= EXACT_DIGITS_MAX).then(|| checked(digits));
                exact.transpose()?.flatten()
            }
            Some(Value::Null | Value::Bool(_) | Value::List | Value::Object(_)) => None,
        };
        let problem = "must be a positive decimal number; with more than 15 digits, as text";
        rate.map(Some).ok_or_else(|| self.invalid(name, problem))
    }

    /// Whether there are fields that nobody took yet.
    #[inline]
    pub(crate) fn has_untaken(&self) -> bool {
        self.taken.get().count_ones() != self.names.count()
    }

    #[inline]
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Rejection> {
        match self.take(name).map(Node::value) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be true or false")),
        }
    }

    #[inline]
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Rejection> {
        match self.take(name).map(Node::value) {
            None => Ok(None),
            Some(Value::Integer(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be a whole number of at most 64 bits")),
        }
    }

    pub(crate) fn days(&self, name: &str) -> Result<Option<u32>, Rejection> {
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

    #[inline]
    pub(crate) fn amount(&self, name: &'static str) -> Result<Option<Amount>, Rejection> {
        match self.object(name)? {
            None => Ok(None),
            Some(fields) => self.to_amount(name, &fields).map(Some),
        }
    }

    fn to_amount(&self, name: &str, fields: &Fields<'_>) -> Result<Amount, Rejection> {
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
        Ok(Amount { minor, currency })
    }

    pub(crate) fn currency(&self, name: &str) -> Result<Option<Currency>, Rejection> {
        let Some(code) = self.raw_text(name)? else {
            return Ok(None);
        };
        let unknown = || self.invalid(name, "must be an ISO 4217 currency code");
        Currency::from_code(code).map(Some).ok_or_else(unknown)
    }

    #[inline]
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let problem = "must be a date and time such as 2023-01-02T14:20:34.715Z";
        to_instant(text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, problem))
    }

    /// A date and time, or a date alone.
    #[inline]
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Moment>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let problem = "must be a date such as 2023-01-02, or a date and time with its zone";
        to_moment(text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, problem))
    }

    pub(crate) fn day(&self, name: &str) -> Result<Option<BusinessDate>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        to_day(text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, "must be a date such as 2023-01-02"))
    }

    pub(crate) fn account_reference(
        &self,
        name: &str,
    ) -> Result<Option<AccountReference>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        // Zeros before it would only hide a card number; no reference that was given out has them.
        if text.starts_with('0') && holds_card_number(text.trim_start_matches('0')) {
            return Err(self.card_number(name));
        }
        let number = digits(text).filter(|_| text.len() == ACCOUNT_REFERENCE_DIGITS);
        let problem = "must be an account reference of 20 digits";
        number
            .map(|number| Some(AccountReference::from_number(number)))
            .ok_or_else(|| self.invalid(name, problem))
    }

    pub(crate) fn operation_id(&self, name: &str) -> Result<Option<OperationId>, Rejection> {
        let Some(text) = self.raw_text(name)? else {
            return Ok(None);
        };
        let id = digits(text).and_then(OperationId::from_number);
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

    fn card_number(&self, name: &str) -> Rejection {
        Rejection::CardNumberNotAllowed {
            field: self.path(name),
        }
    }

    fn to_text<T: FieldText>(&self, name: &str, node: Node<'_>) -> Result<T, Rejection> {
        self.checked(name, node, T::of)
    }

    fn checked<T>(
        &self,
        name: &str,
        node: Node<'_>,
        take: impl FnOnce(&str) -> Result<T, TextError>,
    ) -> Result<T, Rejection> {
        let Value::Text(text) = node.value() else {
            return Err(self.invalid(name, "must be text"));
        };
        take(text).map_err(|error| match error {
            TextError::CardNumber => self.card_number(name),
            TextError::Empty | TextError::TooLong { .. } | TextError::Unprintable => {
                self.invalid(name, &error.to_string())
            }
        })
    }

    fn path(&self, name: &str) -> String {
        self.prefix() + name
    }

    /// What comes before the names of the fields.
    fn prefix(&self) -> String {
        let prefix = self.parent.map(Self::prefix).unwrap_or_default();
        match self.name {
            "" => prefix,
            name => prefix + name + ".",
        }
    }
}

/// The number that digits alone are. A sign before them would do for a number too, and hide a card number.
fn digits(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Stands for the name of a field that has none, or whose name must not be repeated.
const UNNAMED: &str = "?";

/// The field of the issuer API that card numbers stand in.
const PAN: &str = "pan";

/// As much of an unknown field's name as an answer repeats.
const FIELD_NAME_CHARS_MAX: usize = 64;
/// A number of JSON is read by way of 64 bits, which keep every number of so many digits apart.
const EXACT_DIGITS_MAX: usize = 15;
/// A century is more than any value-date limit needs.
const DAYS_MAX: u32 = 36_525;
const ACCOUNT_REFERENCE_DIGITS: usize = 20;
