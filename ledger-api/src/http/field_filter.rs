//! Leaving out of an answer what the caller does not want (`filter`).
//!
//! Source: issuer API, the parameter that all its calls have. It names the fields that stay, of `data` or of
//! each entry of it; a name after a dot is one within a field. What stays is written as it was, number by
//! number, so nothing is computed here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::Fault;
use super::query::Query;

/// The parameter.
pub(crate) const NAME: &str = "filter";
/// Most bytes of all names.
pub(crate) const BYTES_MAX: usize = 4 * 1024;

/// The fields that stay; of a field without any, all.
#[derive(Debug, Default)]
pub(crate) struct FieldFilter(BTreeMap<String, FieldFilter>);

impl FieldFilter {
    /// Takes the filter of a call, if it has one.
    pub(crate) fn of(query: &Query) -> Result<Option<Self>, Fault> {
        let Some(text) = query.text(NAME) else {
            return Ok(None);
        };
        let mut filter = Self::default();
        if text.len() > BYTES_MAX {
            let problem = format!("has at most {BYTES_MAX} bytes");
            return Err(Fault::invalid(NAME, problem));
        }
        for path in text.split(',') {
            let mut at = &mut filter;
            for name in path.split('.') {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if name.is_empty() || !name.bytes().all(is_name) {
                    let problem = "must name fields, such as postingDate,referenceAmount.value";
                    return Err(Fault::invalid(NAME, problem));
                }
                at = at.0.entry(name.to_owned()).or_default();
            }
        }
        Ok(Some(filter))
    }

    /// What stays of a value: of an object its fields that are named, of a list what stays of its entries.
    pub(crate) fn apply(&self, value: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
        let mut kept = String::new();
        self.keep(value, &mut kept)?;
        RawValue::from_string(kept)
    }

    fn keep(&self, value: &RawValue, kept: &mut String) -> Result<(), serde_json::Error> {
        match value.get().as_bytes().first() {
            Some(b'{') if !self.0.is_empty() => {
                let Fields(fields) = serde_json::from_str(value.get())?;
                let named = fields
                    .iter()
                    .filter_map(|(name, value)| Some((name, self.0.get(name.as_ref())?, value)));
                kept.push('{');
                for (place, (name, within, value)) in named.enumerate() {
                    kept.push_str(if place == 0 { "" } else { "," });
                    kept.push_str(&serde_json::to_string(name)?);
                    kept.push(':');
                    within.keep(value, kept)?;
                }
                kept.push('}');
            }
            Some(b'[') => {
                let entries: Vec<&RawValue> = serde_json::from_str(value.get())?;
                kept.push('[');
                for (place, entry) in entries.into_iter().enumerate() {
                    kept.push_str(if place == 0 { "" } else { "," });
                    self.keep(entry, kept)?;
                }
                kept.push(']');
            }
            Some(_) | None => kept.push_str(value.get()),
        }
        Ok(())
    }
}

/// The fields of an object, in their order.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_stays_as_it_was() {
        let whole = r#"{"a":1.50,"b":{"c":"\u00e9","d":[{"e":1,"f":2},{"f":3}]},"g":null}"#;
        for (names, kept) in [
            ("a", r#"{"a":1.50}"#),
            ("g,a", r#"{"a":1.50,"g":null}"#),
            ("b.d.f", r#"{"b":{"d":[{"f":2},{"f":3}]}}"#),
            ("b.c,b.d.e", r#"{"b":{"c":"\u00e9","d":[{"e":1},{}]}}"#),
            ("none", "{}"),
            ("a.none", r#"{"a":1.50}"#),
        ] {
            let query = Query::parse(&format!("filter={names}")).expect("a query");
            let filter = FieldFilter::of(&query).expect("a filter").expect("one");
            let value = RawValue::from_string(whole.to_owned()).expect("JSON");
            assert_eq!(filter.apply(&value).expect("JSON").get(), kept, "{names}");
        }
        for names in ["", ",", "a,", "a..b", ".a", "a.", "a b", "a[0]"] {
            let query = Query::parse(&format!("filter={names}")).expect("a query");
            assert!(FieldFilter::of(&query).is_err(), "{names}");
        }
    }
}
