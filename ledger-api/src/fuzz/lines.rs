//! Lines of the replay format.

use std::borrow::Cow;
use std::fmt::Write;

use allocation_counter::measure;
use bolero::TypeGenerator;

use super::{COMMANDS, allocated_max};
use crate::json::cursor::Cursor;
use crate::json::flat::of_tree;
use crate::json::quotes::Quotes;
use crate::json::scan::{Entries, scan};
use crate::json::{Json, trimmed};
use crate::line::{LINE_BYTES_MAX, parse, parse_any};

/// What comes in as a line.
#[derive(Debug, TypeGenerator)]
enum Input {
    Any(Vec<u8>),
    Changed { line: u8, changes: Vec<Change> },
}

/// A part of a line that is replaced.
#[derive(Debug, TypeGenerator)]
struct Change {
    at: u16,
    bytes: u8,
    by: By,
}

#[derive(Debug, TypeGenerator)]
enum By {
    Bytes(Vec<u8>),
    Integer(i64),
    Piece(u8),
    /// A part of the same line, given again.
    Part {
        at: u16,
        bytes: u8,
    },
}

const PIECES: [&str; 16] = [
    "null",
    "true",
    "[]",
    "{}",
    "\"",
    "\\u0041",
    "\\ud800",
    "1e3",
    "-0",
    "0.1",
    ",",
    ":",
    "[[[[[[[[",
    "\u{7f}",
    "4546172396081630",
    "é",
];

/// All ways of reading JSON say the same of every line; and what a line says does not depend on how its
/// JSON is written.
#[test]
fn a_line_is_refused_or_means_one_request_however_it_is_written() {
    bolero::check!().with_type::<Input>().for_each(|input| {
        let bytes = match input {
            Input::Any(bytes) => bytes.clone(),
            Input::Changed { line, changes } => changed(*line, changes),
        };
        // A replay refuses what is no text before it gets here.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            is_read_one_way(text);
        }
    });
}

/// White space is what JSON says it is, and not what ASCII does. (A form feed was skipped by the short way alone.)
#[test]
fn blanks_around_a_line_are_those_of_json() {
    let line = COMMANDS.lines().next().expect("a command");
    for (blank, is_json) in [
        (' ', true),
        ('\t', true),
        ('\r', true),
        ('\n', true),
        ('\u{c}', false),
        ('\u{b}', false),
        ('\u{a0}', false),
    ] {
        for text in [format!("{blank}{line}"), format!("{line}{blank}")] {
            is_read_one_way(&text);
            assert_eq!(parse(&text).is_ok(), is_json, "{text:?}");
        }
    }
}

fn changed(line: u8, changes: &[Change]) -> Vec<u8> {
    let lines: Vec<_> = COMMANDS.lines().collect();
    let mut text = lines[usize::from(line) % lines.len()].as_bytes().to_vec();
    for Change { at, bytes, by } in changes {
        let part = |at: u16, bytes: u8| {
            let at = usize::from(at) % (text.len() + 1);
            at..text.len().min(at + usize::from(bytes))
        };
        let put = match by {
            By::Bytes(bytes) => bytes.clone(),
            By::Integer(number) => number.to_string().into_bytes(),
            By::Piece(piece) => PIECES[usize::from(*piece) % PIECES.len()].into(),
            By::Part { at, bytes } => text[part(*at, *bytes)].to_vec(),
        };
        let place = part(*at, *bytes % 32);
        text.splice(place, put);
    }
    text
}

fn is_read_one_way(text: &str) {
    let mut read = None;
    let allocated = measure(|| read = Some(parse(text)));
    assert!(
        allocated.bytes_max <= allocated_max(text),
        "{} bytes for a line of {}",
        allocated.bytes_max,
        text.len()
    );
    let read = read.expect("it was read");
    if text.len() > LINE_BYTES_MAX {
        assert!(read.is_err());
        return;
    }
    assert_eq!(read, parse_any(text), "{text}");
    let tree = serde_json::from_str::<Json<'_>>(text);
    let mut entries = Entries::new();
    let quotes = Quotes::of_plain(trimmed(text));
    let at = quotes
        .as_ref()
        .map(|quotes| Cursor::new(trimmed(text), quotes));
    if at.and_then(|at| scan(at, &mut entries)).is_some() {
        let tree = tree.as_ref().expect("what is plain is JSON");
        assert_eq!(entries.as_slice(), of_tree(tree), "{text}");
    }
    match (&read, tree) {
        (Err(refusal), _) => assert!(!refusal.code().is_empty()),
        (Ok(_), Err(error)) => panic!("{error} in a line that was read"),
        (Ok(_), Ok(tree)) => {
            for style in [Style::Short, Style::Backwards, Style::Escaped] {
                let mut written = String::new();
                write(&tree, style, &mut written);
                // Escaped, it can be too long.
                if written.len() <= LINE_BYTES_MAX {
                    assert_eq!(parse(&written), read, "{text} written as {written}");
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Short,
    /// Fields from the last to the first.
    Backwards,
    /// Every character as an escape, blanks where they may be.
    Escaped,
}

fn write(json: &Json<'_>, style: Style, to: &mut String) {
    match json {
        Json::Null => to.push_str("null"),
        Json::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Json::Integer(value) => write!(to, "{value}").expect("a string takes any text"),
        // So that it is none of the whole numbers.
        Json::Fraction(digits) if digits.contains('.') => to.push_str(digits),
        Json::Fraction(digits) => {
            to.push_str(digits);
            to.push_str(".0");
        }
        Json::Text(text) => write_text(text, style, to),
        Json::List(values) => {
            let each = |value: &Json<'_>, to: &mut String| write(value, style, to);
            write_parts(('[', ']'), values.iter(), each, style, to);
        }
        Json::Object(fields) => {
            let each = |(name, value): &(Cow<'_, str>, Json<'_>), to: &mut String| {
                write_text(name, style, to);
                to.push(':');
                write(value, style, to);
            };
            if style == Style::Backwards {
                write_parts(('{', '}'), fields.iter().rev(), each, style, to);
            } else {
                write_parts(('{', '}'), fields.iter(), each, style, to);
            }
        }
    }
}

fn write_parts<'j, T: 'j>(
    (open, close): (char, char),
    parts: impl Iterator<Item = &'j T>,
    each: impl Fn(&T, &mut String),
    style: Style,
    to: &mut String,
) {
    to.push(open);
    for (place, part) in parts.enumerate() {
        if place > 0 {
            to.push(',');
        }
        if style == Style::Escaped {
            to.push_str("\t \n");
        }
        each(part, to);
    }
    to.push(close);
}

fn write_text(text: &str, style: Style, to: &mut String) {
    if style != Style::Escaped {
        to.push_str(&serde_json::to_string(text).expect("text is JSON"));
        return;
    }
    to.push('"');
    for unit in text.encode_utf16() {
        write!(to, "\\u{unit:04x}").expect("a string takes any text");
    }
    to.push('"');
}
