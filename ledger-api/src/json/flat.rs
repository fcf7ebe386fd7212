//! A JSON value laid out flat: every value follows the one that holds it, so that a whole line lies in
//! one piece of memory and nothing is allocated for its parts.

use super::Json;

/// A value and, if it is the field of an object, its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry<'a> {
    name: Name<'a>,
    value: Value<'a>,
    /// This entry and all that it holds.
    entries: u32,
}

/// What stands at an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not a whole number of 64 bits.
    Fraction(&'a str),
    Text(&'a str),
    /// The entries that follow are its elements.
    List,
    /// The entries that follow are its fields.
    Object(Names),
}

/// The name of a field, with what tells it from nearly all others at a glance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Name<'a> {
    mark: u32,
    text: &'a str,
}

/// How many fields an object has, and a bit for each of their names: whether a name is not there is
/// mostly known without looking.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Names {
    bits: u64,
    count: u32,
}

impl<'a> Name<'a> {
    /// What stands for the name of a value that is no field.
    pub(crate) const NONE: Self = Self { mark: 0, text: "" };

    #[inline]
    pub(crate) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mark = match bytes {
            [] => 0,
            [first, .., last] => {
                // No two of the fields that stand side by side in commands have all four alike.
                let middle = bytes[bytes.len() / 2];
                let length = bytes.len().to_le_bytes()[0];
                u32::from_le_bytes([length, *first, middle, *last])
            }
            [only] => u32::from_le_bytes([1, *only, 0, 0]),
        };
        Self { mark, text }
    }

    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    #[inline]
    fn bit(self) -> u64 {
        // The top bits of a product depend on every bit of the mark (Fibonacci hashing).
        1 << (self.mark.wrapping_mul(0x9e37_79b1) >> 26)
    }
}

impl Names {
    /// Adds a name and says whether one with its bit was there.
    #[inline]
    pub(crate) fn add(&mut self, name: Name<'_>) -> bool {
        let bit = name.bit();
        let was_there = self.bits & bit != 0;
        self.bits |= bit;
        self.count += 1;
        was_there
    }

    /// Whether the name may be there; most that are not give no.
    #[inline]
    pub(crate) fn may_have(self, name: Name<'_>) -> bool {
        self.bits & name.bit() != 0
    }

    pub(crate) fn count(self) -> u32 {
        self.count
    }
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn new(name: Name<'a>, value: Value<'a>) -> Self {
        Self {
            name,
            value,
            entries: 1,
        }
    }

    /// Says what an entry turned out to be, and how many entries it and its parts are.
    #[inline]
    pub(crate) fn close(&mut self, value: Value<'a>, entries: usize) {
        self.value = value;
        self.entries = u32::try_from(entries).expect("a line has fewer bytes than 2^32");
    }
}

/// A value with all that it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    value: Value<'t>,
    parts: Parts<'t>,
}

impl<'t> Node<'t> {
    /// An object without fields.
    pub(crate) const EMPTY: Self = Self {
        value: Value::Object(Names { bits: 0, count: 0 }),
        parts: Parts(&[]),
    };

    /// The value that an array of entries begins with.
    pub(crate) fn first_of(entries: &'t [Entry<'t>]) -> Option<Self> {
        Parts::of(entries).next().map(|(_, node)| node)
    }

    pub(crate) fn value(self) -> Value<'t> {
        self.value
    }

    /// Its fields or elements.
    pub(crate) fn parts(self) -> Parts<'t> {
        self.parts
    }
}

/// The fields of an object or the elements of a list, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'t>(&'t [Entry<'t>]);

impl<'t> Parts<'t> {
    /// The values in an array of entries, without what they hold.
    #[inline]
    pub(crate) fn of(entries: &'t [Entry<'t>]) -> Self {
        Self(entries)
    }

    /// The value of this name, and its number, from 0.
    ///
    /// As if each were asked for in turn, but nothing is made of those that are not it.
    pub(crate) fn named(self, name: Name<'_>) -> Option<(usize, Node<'t>)> {
        let mut rest = self.0;
        let mut number = 0;
        while let Some(entry) = rest.first() {
            if entry.name == name {
                return Parts(rest).next().map(|(_, node)| (number, node));
            }
            rest = rest.get(usize::try_from(entry.entries).ok()?..)?;
            number += 1;
        }
        None
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = (Name<'t>, Node<'t>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let first = self.0.first()?;
        let size = usize::try_from(first.entries).ok()?;
        let (this, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        let node = Node {
            value: first.value,
            parts: Parts(&this[1..]),
        };
        Some((first.name, node))
    }
}

/// Lays out a value that was read as a tree.
pub(crate) fn of_tree<'a>(json: &'a Json<'_>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    push(Name::NONE, json, &mut entries);
    entries
}

fn push<'a>(name: Name<'a>, json: &'a Json<'_>, entries: &mut Vec<Entry<'a>>) {
    let place = entries.len();
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Integer(value) => Value::Integer(*value),
        Json::Fraction(digits) => Value::Fraction(digits),
        Json::Text(text) => Value::Text(text),
        Json::List(_) => Value::List,
        Json::Object(_) => Value::Object(Names::default()),
    };
    entries.push(Entry::new(name, value));
    let value = match json {
        Json::List(values) => {
            for value in values {
                push(Name::NONE, value, entries);
            }
            Value::List
        }
        Json::Object(fields) => {
            let mut names = Names::default();
            for (name, value) in fields {
                let name = Name::new(name);
                names.add(name);
                push(name, value, entries);
            }
            Value::Object(names)
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Fraction(_) | Json::Text(_) => return,
    };
    let count = entries.len() - place;
    entries[place].close(value, count);
}
