//! JSON as it comes in: text borrowed from the line, numbers whole, no key twice.
//!
//! Commands are taken apart field by field ([`crate::fields`]) rather than derived, because every
//! refusal has to name the field at fault, and a derived reader names it only in prose.
//!
//! Here is the reader that knows all of JSON and makes a tree of it. Plain lines, which nearly all are,
//! take a shorter way ([`scan`]); both come out laid out flat ([`flat`]). Usual postings are not even laid out
//! ([`crate::line::posting`]).

pub(crate) mod cursor;
pub(crate) mod flat;
pub(crate) mod quotes;
pub(crate) mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not a whole number of 64 bits, in the fewest digits that tell it from others. No
    /// amount is one.
    Fraction(String),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// A text without the white space of JSON around it. Not `trim_ascii`: a form feed is white space of ASCII, and not
/// of JSON.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Json::Fraction(value.to_string()), Json::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Fraction(value.to_string()))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(FIELDS_EXPECTED);
        while let Some(Key(key)) = map.next_key()? {
            // Two values for one name have no meaning that both sides would agree on.
            if fields.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(given_twice(&key)));
            }
            if fields.len() == FIELDS_MAX {
                return Err(A::Error::custom("an object has too many fields"));
            }
            fields.push((key, map.next_value()?));
        }
        Ok(Json::Object(fields))
    }
}

/// What is told of a name that is given twice. It is repeated where it can be no card number.
fn given_twice(name: &str) -> String {
    let is_repeatable = !name.is_empty()
        && name.len() <= NAME_BYTES_REPEATED
        && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let name = if is_repeatable { name } else { "a field" };
    format!("{name} is given twice")
}

/// The longest name of a field that an error repeats.
const NAME_BYTES_REPEATED: usize = 64;

/// An object key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            // Some published field names end in a blank; senders copied them.
            Json::Text(Cow::Borrowed(key)) => Ok(Self(Cow::Borrowed(key.trim_ascii_end()))),
            Json::Text(Cow::Owned(key)) => Ok(Self(Cow::Owned(key.trim_ascii_end().to_owned()))),
            Json::Null
            | Json::Bool(_)
            | Json::Integer(_)
            | Json::Fraction(_)
            | Json::List(_)
            | Json::Object(_) => Err(D::Error::custom("a key must be text")),
        }
    }
}

/// Most fields of one object; commands have at most a third of them.
pub(crate) const FIELDS_MAX: usize = 64;
/// Room for the fields of a usual command, so that reading it allocates once.
const FIELDS_EXPECTED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(serde_json::from_str::<Json<'_>>(r#"{"a":1,"b":{"a":2}}"#).is_ok());
        assert!(serde_json::from_str::<Json<'_>>(r#"{"a":1,"a":2}"#).is_err());
        assert!(serde_json::from_str::<Json<'_>>(r#"{"a":1,"a ":2}"#).is_err());
    }

    #[test]
    fn only_whole_numbers_are_integers() {
        for (text, value) in [
            ("27967", Json::Integer(27_967)),
            ("-1", Json::Integer(-1)),
            ("27967.0", Json::Fraction("27967".to_owned())),
            ("1e3", Json::Fraction("1000".to_owned())),
            (
                "9223372036854775808",
                Json::Fraction("9223372036854775808".to_owned()),
            ),
            ("0.007087", Json::Fraction("0.007087".to_owned())),
        ] {
            assert_eq!(
                serde_json::from_str::<Json<'_>>(text).expect("JSON"),
                value,
                "{text}"
            );
        }
    }
}
