//! Card numbers as they could be: of every scheme and length, with a right check digit, written in the usual ways.

use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;

/// Lowest and highest first digits of a scheme, and the lengths of its numbers.
const SCHEMES: [(u64, u64, &[usize]); 13] = [
    (4, 4, &[13, 16, 19]),
    (51, 55, &[16]),
    (2_221, 2_720, &[16]),
    (34, 34, &[15]),
    (37, 37, &[15]),
    (30, 30, &[14, 16, 19]),
    (36, 36, &[14, 16, 19]),
    (38, 39, &[14, 16, 19]),
    (35, 35, &[16, 19]),
    (50, 50, &[13, 16, 19]),
    (56, 59, &[13, 16, 19]),
    (60, 65, &[16, 19]),
    (66, 69, &[13, 16, 19]),
];

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;
/// Separators between two groups, at most.
const BETWEEN_MAX: usize = 2;

/// One card number.
#[derive(Debug, Clone)]
pub(super) struct CardNumber {
    /// Its digits alone.
    pub(super) digits: String,
    /// As somebody writes it.
    pub(super) written: String,
}

/// So many different ones.
pub(super) fn generate(count: usize, random: &mut ChaCha8Rng) -> Vec<CardNumber> {
    let mut known = HashSet::new();
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let place = all.len();
        let (low, high, lengths) = SCHEMES[place % SCHEMES.len()];
        let first = low + random.next_u64() % (high - low + 1);
        let length = lengths[place / SCHEMES.len() % lengths.len()];
        let mut digits = first.to_string();
        while digits.len() < length - 1 {
            digits.push(char::from(b'0' + (random.next_u32() % 10) as u8));
        }
        let check = (b'0'..=b'9')
            .map(char::from)
            .find(|check| is_right(&format!("{digits}{check}")));
        digits.push(check.expect("one of ten is right"));
        if known.insert(digits.clone()) {
            let written = written(&digits, random.next_u32() % 4);
            all.push(CardNumber { digits, written });
        }
    }
    all
}

/// ISO/IEC 7812-1, annex B.
fn is_right(digits: &str) -> bool {
    let digits = digits.bytes().rev().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = (0..)
        .zip(digits)
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// In groups as on a card, where numbers of this length have any.
fn written(digits: &str, way: u32) -> String {
    let groups: &[usize] = match digits.len() {
        13 => &[4, 4, 4, 1],
        14 => &[4, 6, 4],
        15 => &[4, 6, 5],
        16 => &[4, 4, 4, 4],
        19 => &[4, 4, 4, 4, 3],
        _ => &[],
    };
    let separator = match way {
        0 => return digits.to_owned(),
        1 => " ",
        2 => "-",
        _ => ".",
    };
    let mut rest = digits;
    let groups: Vec<_> = groups
        .iter()
        .map(|length| {
            let (group, after) = rest.split_at(*length);
            rest = after;
            group
        })
        .collect();
    groups.join(separator)
}

/// Looks for numbers in what must not hold them.
pub(super) struct Finder {
    numbers: HashSet<(usize, u64)>,
}

impl Finder {
    pub(super) fn new<'a>(digits: impl Iterator<Item = &'a str>) -> Self {
        let number = |digits: &str| (digits.len(), digits.parse().expect("19 digits fit"));
        Self {
            numbers: digits.map(number).collect(),
        }
    }

    /// The first of the numbers in a text, whatever stands around it and with separators or without.
    pub(super) fn find(&self, text: &[u8]) -> Option<u64> {
        (0..text.len())
            .filter(|start| text[*start].is_ascii_digit())
            .find_map(|start| self.begins(&text[start..]))
    }

    fn begins(&self, text: &[u8]) -> Option<u64> {
        let (mut number, mut count, mut between) = (0, 0, 0);
        for byte in text {
            if byte.is_ascii_digit() {
                number = number * 10 + u64::from(byte - b'0');
                (count, between) = (count + 1, 0);
                if count >= DIGITS_MIN && self.numbers.contains(&(count, number)) {
                    return Some(number);
                }
            } else {
                between += 1;
            }
            if count == DIGITS_MAX || between > BETWEEN_MAX || byte.is_ascii_alphabetic() {
                break;
            }
        }
        None
    }
}

#[test]
fn a_number_is_found_wherever_it_stands() {
    let finder = Finder::new(["4546172396081630"].into_iter());
    for text in [
        "4546172396081630",
        "x00004546172396081630123",
        r#"{"a":"4546-1723-9608-1630"}"#,
        "1 2 3 4546 1723\u{a0}9608 1630",
    ] {
        assert_eq!(
            finder.find(text.as_bytes()),
            Some(4_546_172_396_081_630),
            "{text}"
        );
    }
    for text in [
        "4546172396081631",
        "4546 1723 9608, or 1630",
        "454617239608",
    ] {
        assert_eq!(finder.find(text.as_bytes()), None, "{text}");
    }
}
