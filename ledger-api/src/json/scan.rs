//! The short way through a line: JSON of the plain kind that programs write, read in one pass.
//!
//! Plain is text without escapes, whole numbers, names given once, nothing deep or long. Whatever is
//! not plain, right or wrong, is left to the reader that knows all of JSON ([`crate::json`]); so this
//! one never has to say what is wrong with a line, and must only never read one differently.

use arrayvec::ArrayVec;

use super::FIELDS_MAX;
use super::flat::{Entry, Name, Names, Parts, Value};
use super::quotes::Quotes;

/// Values in a plain line. The commands of a history have about thirty at most; lists can have more.
const ENTRIES_MAX: usize = 48;
// So no object in a plain line has too many fields.
const _: () = assert!(ENTRIES_MAX < FIELDS_MAX);
/// Objects and lists inside each other; no command goes deeper than four.
const DEPTH_MAX: usize = 5;
/// Numbers with so many digits fit into 64 bits, whichever they are.
const DIGITS_MAX: usize = 18;

/// The values of a plain line.
pub(crate) type Entries<'a> = ArrayVec<Entry<'a>, ENTRIES_MAX>;

/// Lays out an object given as plain JSON, or says that it is not plain.
pub(crate) fn scan<'a>(text: &'a str, entries: &mut Entries<'a>) -> Option<()> {
    // Not `trim_ascii`: a form feed is white space of ASCII, and not of JSON.
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let mut scanner = Scanner {
        text,
        quotes: Quotes::of_plain(text)?,
        at: 0,
        entries,
    };
    scanner.skip(b'{')?;
    scanner.push(Name::NONE, Value::Null)?;
    scanner.object(0, DEPTH_MAX)?;
    (scanner.at == text.len()).then_some(())
}

struct Scanner<'a, 'e> {
    text: &'a str,
    quotes: Quotes,
    /// Everything before was read.
    at: usize,
    entries: &'e mut Entries<'a>,
}

impl<'a> Scanner<'a, '_> {
    /// Reads the fields of the object at `place`, whose brace was read.
    fn object(&mut self, place: usize, depth: usize) -> Option<()> {
        let mut names = Names::default();
        self.skip_blanks();
        if self.skip(b'}').is_none() {
            loop {
                self.skip_blanks();
                self.skip(b'"')?;
                // Some published field names end in a blank; senders copied them.
                let name = Name::new(self.string()?.trim_ascii_end());
                if names.add(name) && self.has_field(place, name) {
                    return None;
                }
                self.skip_blanks();
                self.skip(b':')?;
                self.value(name, depth)?;
                if !self.goes_on(b'}')? {
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
        self.skip_blanks();
        if self.skip(b']').is_none() {
            loop {
                self.value(Name::NONE, depth)?;
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        let count = self.entries.len() - place;
        self.entries[place].close(Value::List, count);
        Some(())
    }

    fn value(&mut self, name: Name<'a>, depth: usize) -> Option<()> {
        self.skip_blanks();
        let place = self.entries.len();
        match self.next()? {
            b'"' => {
                self.at += 1;
                let text = self.string()?;
                self.push(name, Value::Text(text))
            }
            b'-' | b'0'..=b'9' => {
                let number = self.integer()?;
                self.push(name, Value::Integer(number))
            }
            b'{' => {
                self.at += 1;
                self.push(name, Value::Null)?;
                self.object(place, depth.checked_sub(1)?)
            }
            b'[' => {
                self.at += 1;
                self.push(name, Value::Null)?;
                self.list(place, depth.checked_sub(1)?)
            }
            b't' => self.word("true", name, Value::Bool(true)),
            b'f' => self.word("false", name, Value::Bool(false)),
            b'n' => self.word("null", name, Value::Null),
            _ => None,
        }
    }

    /// Reads text up to its end, the quote before it having been read.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let end = self.quotes.next(self.at)?;
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        Some(text)
    }

    fn integer(&mut self) -> Option<i64> {
        let is_negative = self.skip(b'-').is_some();
        let digits = &self.text.as_bytes()[self.at..];
        let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = &digits[..count];
        let is_plain = match digits {
            [] => false,
            // Minus zero is a fraction to those who know all of JSON, 01 is none of it.
            [b'0'] => !is_negative,
            [b'0', ..] => false,
            digits => digits.len() <= DIGITS_MAX,
        };
        if !is_plain {
            return None;
        }
        self.at += count;
        let number = digits
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        Some(if is_negative { -number } else { number })
    }

    fn word(&mut self, word: &str, name: Name<'a>, value: Value<'a>) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(word).then(|| self.at += word.len())?;
        self.push(name, value)
    }

    /// After a field or an element: whether a comma follows, and not the end.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.skip_blanks();
        let next = self.next()?;
        self.at += 1;
        match next {
            b',' => Some(true),
            next if next == end => Some(false),
            _ => None,
        }
    }

    fn has_field(&self, object: usize, name: Name<'_>) -> bool {
        Parts::of(&self.entries[object + 1..]).any(|(known, _)| known == name)
    }

    #[inline]
    fn push(&mut self, name: Name<'a>, value: Value<'a>) -> Option<()> {
        self.entries.try_push(Entry::new(name, value)).ok()
    }

    #[inline]
    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Programs that write lines write few; other white space is not plain.
    #[inline]
    fn skip_blanks(&mut self) {
        while self.skip(b' ').is_some() {}
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
    use crate::line::{parse, parse_any};

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
    ];

    fn is_read_alike(text: &str) -> bool {
        assert_eq!(parse(text), parse_any(text), "{text}");
        let mut entries = Entries::new();
        let is_plain = scan(text, &mut entries).is_some();
        if is_plain {
            let tree: Json<'_> = serde_json::from_str(text).expect("what is plain is JSON");
            assert_eq!(entries.as_slice(), of_tree(&tree), "{text}");
        }
        is_plain
    }

    /// Whatever the short way accepts, it reads as the long way does; and it accepts what programs
    /// write.
    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let history = History {
            accounts: 10,
            operations: 300,
            seed: 3,
        };
        let mut made = Vec::new();
        generate(history, &mut made).expect("memory takes it");
        let made = String::from_utf8(made).expect("text");
        let lines = || COMMANDS.lines().chain(made.lines());
        for line in lines() {
            assert!(is_read_alike(line), "{line}");
            assert!(parse(line).is_ok(), "{line}");
        }

        let mut random = ChaCha8Rng::seed_from_u64(11);
        let mut below = |bound: usize| random.next_u32() as usize % bound;
        let (mut plain, mut other) = (0, 0);
        // The commands above several times each, since they have more of the fields.
        for line in lines().chain((0..40).flat_map(|_| COMMANDS.lines())) {
            let places: Vec<usize> = line.char_indices().map(|(place, _)| place).collect();
            for _ in 0..25 {
                let (from, until) = match below(6) {
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
                    _ => {
                        let from = places[below(places.len())];
                        (from, places[below(places.len())].max(from))
                    }
                };
                let piece = PIECES[below(PIECES.len())];
                let mutant = format!("{}{piece}{}", &line[..from], &line[until..]);
                *if is_read_alike(&mutant) {
                    &mut plain
                } else {
                    &mut other
                } += 1;
            }
        }
        assert!(
            plain > 1_000 && other > 1_000,
            "{plain} plain, {other} other"
        );
    }
}
