//! The short way through a line: JSON of the plain kind that programs write, read in one pass.
//!
//! Plain is text without escapes, whole numbers, names given once, nothing deep or long. Whatever is
//! not plain, right or wrong, is left to the reader that knows all of JSON ([`crate::json`]); so this
//! one never has to say what is wrong with a line, and must only never read one differently.

use arrayvec::ArrayVec;

use super::FIELDS_MAX;
use super::cursor::Cursor;
use super::flat::{Entry, Name, Names, Parts, Value};

/// Values in a plain line. The commands of a history have about thirty at most; lists can have more.
const ENTRIES_MAX: usize = 48;
// So no object in a plain line has too many fields.
const _: () = assert!(ENTRIES_MAX < FIELDS_MAX);
/// Objects and lists inside each other; no command goes deeper than four.
const DEPTH_MAX: usize = 5;

/// The values of a plain line.
pub(crate) type Entries<'a> = ArrayVec<Entry<'a>, ENTRIES_MAX>;

/// Lays out an object given as plain JSON, or says that it is not plain.
pub(crate) fn scan<'a>(at: Cursor<'a, '_>, entries: &mut Entries<'a>) -> Option<()> {
    let mut scanner = Scanner { at, entries };
    scanner.at.skip(b'{')?;
    scanner.push(Name::NONE, Value::Null)?;
    scanner.object(0, DEPTH_MAX)?;
    scanner.at.is_at_end().then_some(())
}

struct Scanner<'a, 'q, 'e> {
    at: Cursor<'a, 'q>,
    entries: &'e mut Entries<'a>,
}

impl<'a> Scanner<'a, '_, '_> {
    /// Reads the fields of the object at `place`, whose brace was read.
    fn object(&mut self, place: usize, depth: usize) -> Option<()> {
        let mut names = Names::default();
        self.at.skip_blanks();
        if self.at.skip(b'}').is_none() {
            loop {
                // Some published field names end in a blank; senders copied them.
                let name = Name::new(self.at.name()?.trim_ascii_end());
                if names.add(name) && self.has_field(place, name) {
                    return None;
                }
                self.value(name, depth)?;
                if !self.at.goes_on(b'}')? {
                    break;
                }
            }
        }
        let count = self.entries.len() - place;
        self.entries[place].close(Value::Object(names), count);
        Some(())
    }

    /// Reads the elements of the list at `place`, whose bracket was read.
    fn list(&mut self, place: usize, depth: usize) -> Option<()> {
        self.at.skip_blanks();
        if self.at.skip(b']').is_none() {
            loop {
                self.at.skip_blanks();
                self.value(Name::NONE, depth)?;
                if !self.at.goes_on(b']')? {
                    break;
                }
            }
        }
        let count = self.entries.len() - place;
        self.entries[place].close(Value::List, count);
        Some(())
    }

    fn value(&mut self, name: Name<'a>, depth: usize) -> Option<()> {
        let place = self.entries.len();
        match self.at.peek()? {
            b'"' => {
                let text = self.at.text()?;
                self.push(name, Value::Text(text))
            }
            b'-' | b'0'..=b'9' => {
                let number = self.at.integer()?;
                self.push(name, Value::Integer(number))
            }
            b'{' => {
                self.at.skip(b'{')?;
                self.push(name, Value::Null)?;
                self.object(place, depth.checked_sub(1)?)
            }
            b'[' => {
                self.at.skip(b'[')?;
                self.push(name, Value::Null)?;
                self.list(place, depth.checked_sub(1)?)
            }
            b't' => self.word("true", name, Value::Bool(true)),
            b'f' => self.word("false", name, Value::Bool(false)),
            b'n' => self.word("null", name, Value::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, name: Name<'a>, value: Value<'a>) -> Option<()> {
        self.at.word(word)?;
        self.push(name, value)
    }

    fn has_field(&self, object: usize, name: Name<'_>) -> bool {
        Parts::of(&self.entries[object + 1..]).any(|(known, _)| known == name)
    }

    #[inline]
    fn push(&mut self, name: Name<'a>, value: Value<'a>) -> Option<()> {
        self.entries.try_push(Entry::new(name, value)).ok()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;
    use crate::generate::{History, generate};
    use crate::json::Json;
    use crate::json::flat::of_tree;
    use crate::json::quotes::Quotes;
    use crate::json::trimmed;
    use crate::line::{parse, parse_any, posting};

    /// Lines as programs write them: every command, most of its fields.
    const COMMANDS: &str = include_str!("../fuzz/commands.jsonl");

    /// What stands in for a part of a line, each for a rule of JSON or of commands.
    const PIECES: &[&str] = &[
        "",
        "\"",
        "\\",
        "\\u0041",
        "\\n",
        "{",
        "}",
        "{}",
        "[",
        "]",
        "[]",
        "[1,2]",
        ",",
        ":",
        " ",
        "\t",
        "\r",
        "\n",
        "\u{1}",
        "\u{7f}",
        "é",
        "0",
        "-0",
        "01",
        "-",
        "1.0",
        "1e3",
        "7",
        "123456789012345678",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "null",
        "true",
        "false",
        "nul",
        "\"x\":1,",
        "\"feeType\":\"F\",",
        "\"feeType \":\"F\",",
        "\"body\":{},",
        "4546172396081630",
        "[[[[[[[[1]]]]]]]]",
        "\"\"",
        "\"x\"",
        "\"CREDIT\"",
        "\"2024-02-29\"",
        "\"2024-02-30T12:00:00Z\"",
        "\"2024-02-29T12:00:00+0100\"",
        "\"454617******1630\"",
        "\"post-fee-operation\"",
        "\"post-payment-operation\"",
        "{\"value\":5,\"exponent\":2,\"isoCode\":\"EUR\"}",
        "{\"value\":5,\"exponent\":2,\"isoCode\":\"JPY\"}",
    ];

    /// How a line is read.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Way {
        Posting,
        Plain,
        Any,
    }

    /// How a line is read, which may make no difference.
    fn way_of(text: &str) -> Way {
        assert_eq!(parse(text), parse_any(text), "{text}");
        let Some(quotes) = Quotes::of_plain(trimmed(text)) else {
            return Way::Any;
        };
        let mut entries = Entries::new();
        let is_plain = scan(Cursor::new(trimmed(text), &quotes), &mut entries).is_some();
        if is_plain {
            let tree: Json<'_> = serde_json::from_str(text).expect("what is plain is JSON");
            assert_eq!(entries.as_slice(), of_tree(&tree), "{text}");
        }
        let posting = posting::read(Cursor::new(trimmed(text), &quotes));
        match (posting, is_plain) {
            (Some(_), true) => Way::Posting,
            (None, true) => Way::Plain,
            (None, false) => Way::Any,
            (Some(_), false) => panic!("a posting is plain: {text}"),
        }
    }

    /// Whatever the short ways accept, they read as the long way does; and they accept what programs
    /// write.
    #[test]
    fn the_short_ways_read_what_the_long_way_reads() {
        let history = History {
            accounts: 10,
            operations: 900,
            seed: 3,
        };
        let mut made = Vec::new();
        generate(history, &mut made).expect("memory takes it");
        let made = String::from_utf8(made).expect("text");
        let lines = || COMMANDS.lines().chain(made.lines());
        for line in lines() {
            assert_ne!(way_of(line), Way::Any, "{line}");
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in made.lines() {
            let is_posting = line.contains(r#""command":"post-"#);
            assert_eq!(way_of(line) == Way::Posting, is_posting, "{line}");
        }
        // The last of the commands: usual postings of every kind, with every field that they have.
        for line in COMMANDS.lines().rev().take(8) {
            assert_eq!(way_of(line), Way::Posting, "{line}");
        }

        let commands: Vec<_> = COMMANDS.lines().collect();
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let mut below = |bound: usize| random.next_u32() as usize % bound;
        let (mut postings, mut plain, mut other) = (0, 0, 0);
        // The commands above several times each, since they have more of the fields.
        for line in lines().chain((0..40).flat_map(|_| COMMANDS.lines())) {
            let places: Vec<usize> = line.char_indices().map(|(place, _)| place).collect();
            for _ in 0..25 {
                let mut piece = PIECES[below(PIECES.len())];
                let (from, until) = match below(9) {
                    // A value, as far as that can be told without reading JSON.
                    0..=2 => {
                        let colons: Vec<_> = line.match_indices(':').collect();
                        let (colon, _) = colons[below(colons.len())];
                        let length = line[colon..].find([',', '}']).unwrap_or(1);
                        (colon + 1, colon + length.max(1))
                    }
                    3 => (places[below(places.len())], line.len()),
                    // Next to nothing, which finds the edges.
                    4 => {
                        let place = below(places.len() - 1);
                        (places[place], places[place + below(2)])
                    }
                    5 => {
                        let from = places[below(places.len())];
                        (from, places[below(places.len())].max(from))
                    }
                    // A field goes, or one of another line comes, to another place or in place of another.
                    kind => {
                        let other = commands[below(commands.len())];
                        let mut field = |line: &str| {
                            let starts = line.match_indices(",\"").map(|(place, _)| place);
                            let bounds: Vec<_> = starts.chain([line.len()]).collect();
                            let which = below(bounds.len());
                            let start = bounds[which];
                            let is_whole = |end: &&usize| {
                                let count = |brace| line[start..**end].matches(brace).count();
                                count('{') == count('}')
                            };
                            let end = bounds[which + 1..].iter().find(is_whole);
                            (start, *end.unwrap_or(&start))
                        };
                        let ((from, until), (first, end)) = (field(line), field(other));
                        piece = if kind == 6 { "" } else { &other[first..end] };
                        (from, if kind == 8 { from } else { until })
                    }
                };
                let mutant = format!("{}{piece}{}", &line[..from], &line[until..]);
                *match way_of(&mutant) {
                    Way::Posting => &mut postings,
                    Way::Plain => &mut plain,
                    Way::Any => &mut other,
                } += 1;
            }
        }
        assert!(
            postings > 1_000 && plain > 1_000 && other > 1_000,
            "{postings} postings, {plain} plain, {other} other"
        );
    }
}
