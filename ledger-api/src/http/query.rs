//! The query of a call: names known to the endpoint, each at most once but for
//! lists, each with a value that it understands.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ledger_core::text::{Label, holds_card_number};
use ledger_core::time::{BusinessDate, TimeZone, Timestamp};

use super::call::is_plain;
use super::fault::Fault;
use crate::dates::{to_day, to_instant, to_local};

/// Parameters that are lists: their values are parted by commas, or given one by one.
const LISTS: [&str; 3] = ["embed", "excludeOperationKinds", "filter"];

/// Parameters, taken one by one; what is left over at the end is unknown.
#[derive(Debug, Default)]
pub(crate) struct Query {
    left: Mutex<BTreeMap<String, String>>,
}

impl Query {
    /// Takes a query apart.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut left = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if holds_card_number(&name) || holds_card_number(&value) {
                return Err(Fault::at(
                    "query",
                    "PAN_NOT_ALLOWED",
                    "the query must not hold a full card number",
                ));
            }
            match left.entry(name.to_string()) {
                Entry::Vacant(place) => {
                    place.insert(value.to_string());
                }
                // Clients made of the source's description give these once for each value.
                Entry::Occupied(mut place) if LISTS.contains(&name.as_ref()) => {
                    let values = place.get_mut();
                    values.push(',');
                    values.push_str(&value);
                }
                Entry::Occupied(_) => {
                    return Err(Fault::invalid(&short(&name), "is given twice"));
                }
            }
        }
        Ok(Self {
            left: Mutex::new(left),
        })
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.left.lock().remove(name)
    }

    /// A text of printable ASCII, [`Label::BYTES_MAX`] at most.
    pub(crate) fn plain(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        if text.len() <= Label::BYTES_MAX && is_plain(&text) {
            return Ok(Some(text));
        }
        let most = Label::BYTES_MAX;
        let problem = format!("must be at most {most} printable ASCII characters");
        Err(Fault::invalid(name, problem))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::invalid(name, "must be true or false")),
        }
    }

    pub(crate) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_plain);
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Some(_) | None => Err(Fault::invalid(
                name,
                format!("must be a whole number from {least} to {most}"),
            )),
        }
    }

    /// An instant; one without an offset is on the clocks of `zone`, if there is one.
    pub(crate) fn instant(
        &self,
        name: &str,
        zone: impl FnOnce() -> Option<TimeZone>,
    ) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        // A plus sign that was not escaped comes as a blank.
        to_instant(&text.replace(' ', "+"))
            .or_else(|| to_local(&text).and_then(|local| Some(zone()?.instant_of(local))))
            .map(Some)
            .ok_or_else(|| {
                let problem = "must be a date and time such as 2023-01-02T14:20:34Z";
                Fault::invalid(name, problem)
            })
    }

    pub(crate) fn day(&self, name: &str) -> Result<Option<BusinessDate>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        to_day(&text)
            .map(Some)
            .ok_or_else(|| Fault::invalid(name, "must be a date such as 2023-01-02"))
    }

    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(known, _)| *known == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let known: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
            Fault::invalid(name, format!("must be one of {}", known.join(", ")))
        })
    }

    /// Ends the query: a parameter that nobody took is unknown.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        match self.left.lock().keys().next() {
            None => Ok(()),
            Some(name) => Err(Fault::invalid(
                &short(name),
                "is not a parameter of this call",
            )),
        }
    }
}

/// As much of a name as an answer repeats.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}
