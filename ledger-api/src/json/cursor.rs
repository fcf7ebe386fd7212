//! A place in a plain line, and the reading of what comes next there.
//!
//! Plain is text without escapes, whole numbers, no white space but blanks. What is not plain, right or wrong, is
//! answered with nothing: whoever reads here leaves it to the reader that knows all of JSON ([`crate::json`]).

use super::quotes::Quotes;

/// Numbers with so many digits fit into 64 bits, whichever they are.
const DIGITS_MAX: usize = 18;

/// A line without the white space around it, and how far it was read.
pub(crate) struct Cursor<'a, 'q> {
    text: &'a str,
    quotes: &'q Quotes,
    /// Everything before was read.
    at: usize,
}

impl<'a, 'q> Cursor<'a, 'q> {
    /// The beginning of a text whose quotes these are.
    pub(crate) fn new(text: &'a str, quotes: &'q Quotes) -> Self {
        Self {
            text,
            quotes,
            at: 0,
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(crate) fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Programs that write lines write few; other white space is not plain.
    #[inline]
    pub(crate) fn skip_blanks(&mut self) {
        while self.skip(b' ').is_some() {}
    }

    /// Reads text up to its end, the quote before it having been read.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let end = self.quotes.next(self.at)?;
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        Some(text)
    }

    pub(crate) fn integer(&mut self) -> Option<i64> {
        let is_negative = self.skip(b'-').is_some();
        let digits = self.text.as_bytes().get(self.at..)?;
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

    pub(crate) fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(word).then(|| self.at += word.len())
    }

    /// After a field or an element: whether a comma follows, and not the end.
    #[inline]
    pub(crate) fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.skip_blanks();
        let next = self.peek()?;
        self.at += 1;
        match next {
            b',' => Some(true),
            next if next == end => Some(false),
            _ => None,
        }
    }

    /// Reads the name of a field, and goes to its value.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        self.skip(b'"')?;
        let name = self.string()?;
        self.skip_blanks();
        self.skip(b':')?;
        self.skip_blanks();
        Some(name)
    }

    /// Reads a value that is text.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        self.skip(b'"')?;
        self.string()
    }

    /// Reads an object that has fields; `field` gets the name of each and reads its value.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.skip(b'{')?;
        loop {
            let name = self.name()?;
            field(self, name)?;
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }
}
