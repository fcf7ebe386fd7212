//! A column of a chunk: many values of one kind, in as few bytes as that takes.

use std::ops::Range;

/// Numbers that are read at a time; so few stay in the processor's nearest cache.
pub(super) const ROW: usize = 256;
/// Bytes that are kept of a hash, the first ones; an index of keys needs no more.
pub(super) const HASH_BYTES: usize = 5;

/// Writes the first 40 bits of each.
pub(super) fn write_hashes(hashes: &[u64], bytes: &mut Vec<u8>) {
    write_each::<HASH_BYTES>(hashes.iter().map(|hash| hash.to_be_bytes()), bytes);
}

/// What the numbers of a column have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    least: i64,
    /// How many bytes each takes that is counted from the least: 0 to 4, or 8.
    width: u8,
}

impl Span {
    /// That of some numbers, in any order.
    pub(super) fn of(numbers: impl Iterator<Item = i64> + Clone) -> Self {
        let least = numbers.clone().min().unwrap_or(0);
        let most = numbers.max().unwrap_or(0);
        let width = width_of(most.wrapping_sub(least).cast_unsigned());
        Self { least, width }
    }
}

/// Writes the span of a column, and its numbers.
pub(super) fn write_numbers(
    span: Span,
    numbers: impl ExactSizeIterator<Item = i64>,
    bytes: &mut Vec<u8>,
) {
    let Span { least, width } = span;
    bytes.extend_from_slice(&least.to_le_bytes());
    bytes.push(width);
    let above = numbers.map(|number| number.wrapping_sub(least).to_le_bytes());
    match width {
        0 => {}
        1 => write_each::<1>(above, bytes),
        2 => write_each::<2>(above, bytes),
        3 => write_each::<3>(above, bytes),
        4 => write_each::<4>(above, bytes),
        _ => write_each::<8>(above, bytes),
    }
}

/// Writes the first bytes of each. Room is made for all at once, which takes a third of the time.
fn write_each<const BYTES: usize>(
    numbers: impl ExactSizeIterator<Item = [u8; 8]>,
    bytes: &mut Vec<u8>,
) {
    let begin = bytes.len();
    bytes.resize(begin + numbers.len() * BYTES, 0);
    let (items, _) = bytes[begin..].as_chunks_mut::<BYTES>();
    for (item, number) in items.iter_mut().zip(numbers) {
        item.copy_from_slice(&number[..BYTES]);
    }
}

fn width_of(most: u64) -> u8 {
    match most {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        0x100_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// What was not read yet of some bytes.
#[derive(Debug, Clone)]
pub(super) struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// All that is left.
    pub(super) fn left(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Passes over so many bytes, and gives where they are.
    pub(super) fn take(&mut self, count: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(count)?;
        if end > self.bytes.len() {
            return None;
        }
        let begin = std::mem::replace(&mut self.at, end);
        Some(begin..end)
    }

    /// Passes over so many bytes, and gives them.
    pub(super) fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        Some(&self.bytes[self.take(count)?])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }
}

/// The hashes of a column.
pub(super) fn hashes(bytes: &[u8]) -> impl Iterator<Item = u64> + Clone {
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    let whole =
        |[a, b, c, d, e]: &[u8; HASH_BYTES]| u64::from_be_bytes([*a, *b, *c, *d, *e, 0, 0, 0]);
    hashes.iter().map(whole)
}

/// Where a column of numbers is, and how its items are kept.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    span: Span,
    count: usize,
    place: Range<usize>,
}

impl Numbers {
    /// Finds a column of so many numbers.
    pub(super) fn find(rest: &mut Rest<'_>, count: usize) -> Option<Self> {
        let least = i64::from_le_bytes(rest.array()?);
        let [width] = rest.array()?;
        if !matches!(width, 0..=4 | 8) {
            return None;
        }
        Some(Self {
            span: Span { least, width },
            count,
            place: rest.take(count.checked_mul(width.into())?)?,
        })
    }

    /// Whether all numbers are as they must be, asked in order; `bytes` are those it was found in.
    pub(super) fn all(&self, bytes: &[u8], mut is_right: impl FnMut(i64) -> bool) -> bool {
        let mut row = [0; ROW];
        (0..self.count).step_by(ROW).all(|from| {
            let row = &mut row[..ROW.min(self.count - from)];
            self.read(bytes, from, row);
            row.iter().all(|number| is_right(*number))
        })
    }

    /// Fills `numbers` with those from the place `from` on, which must be as many. Many at a time cost a tenth
    /// of what one by one do.
    pub(super) fn read(&self, bytes: &[u8], from: usize, numbers: &mut [i64]) {
        let column = &bytes[self.place.clone()];
        let to = from + numbers.len();
        match self.span.width {
            0 => numbers.fill(self.span.least),
            1 => self.widen(&column[from..to], numbers, |byte| (*byte).into()),
            2 => self.widen(&column.as_chunks().0[from..to], numbers, |item| {
                u16::from_le_bytes(*item).into()
            }),
            3 => self.widen(
                &column.as_chunks().0[from..to],
                numbers,
                |[low, middle, high]| u32::from_le_bytes([*low, *middle, *high, 0]).into(),
            ),
            4 => self.widen(&column.as_chunks().0[from..to], numbers, |item| {
                u32::from_le_bytes(*item).into()
            }),
            _ => self.widen(&column.as_chunks().0[from..to], numbers, |item| {
                u64::from_le_bytes(*item)
            }),
        }
    }

    fn widen<T>(&self, items: &[T], numbers: &mut [i64], above: impl Fn(&T) -> u64) {
        for (number, item) in numbers.iter_mut().zip(items) {
            *number = self.span.least.wrapping_add(above(item).cast_signed());
        }
    }
}

/// The bits of a column, the lowest of a byte first; up to seven more than were written.
pub(super) fn bits(bytes: &[u8]) -> impl Iterator<Item = bool> + Clone {
    let of = |byte: &u8| {
        let byte = *byte;
        (0..u8::BITS).map(move |bit| byte >> bit & 1 != 0)
    };
    bytes.iter().flat_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_are_read_back() {
        for (numbers, width) in [
            (vec![], 0),
            (vec![-7; 5], 0),
            (vec![1_672_668_000_000, 1_672_668_000_255], 1),
            (vec![-128, 128, 0], 2),
            ((0..300).collect(), 2),
            (vec![7, 0xff_ffff + 7, 0x1_0000], 3),
            (vec![0, 0xffff_ffff], 4),
            (vec![i64::MIN, 0, i64::MAX], 8),
        ] {
            let mut bytes = vec![];
            write_numbers(
                Span::of(numbers.iter().copied()),
                numbers.iter().copied(),
                &mut bytes,
            );
            assert_eq!(bytes.len(), 9 + numbers.len() * width, "{numbers:?}");
            bytes.push(42);
            let mut rest = Rest::of(&bytes);
            let found = Numbers::find(&mut rest, numbers.len()).unwrap();
            assert!(found.all(&bytes, |number| numbers.contains(&number)));
            let last = numbers.last();
            assert_eq!(
                found.all(&bytes, |number| Some(&number) != last),
                last.is_none()
            );
            for from in 0..=numbers.len() {
                let mut read = vec![42; numbers.len() - from];
                found.read(&bytes, from, &mut read);
                assert_eq!(read, numbers[from..]);
            }
            assert_eq!(rest.left(), [42]);
            for length in 0..bytes.len() - 1 {
                let mut rest = Rest::of(&bytes[..length]);
                assert!(Numbers::find(&mut rest, numbers.len()).is_none());
            }
        }
        let mut no_width = Rest::of(&[0, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert!(Numbers::find(&mut no_width, 0).is_none());
    }

    #[test]
    fn bits_are_read_from_the_lowest() {
        let read: Vec<_> = bits(&[0b0000_0101, 0b1000_0000]).collect();
        let set: Vec<_> = (0..16).filter(|bit| read[*bit]).collect();
        assert_eq!((set, read.len()), (vec![0, 2, 15], 16));
    }

    #[test]
    fn hashes_keep_what_an_index_uses() {
        let mut bytes = vec![];
        write_hashes(&[0x0123_4567_89ab_cdef, u64::MAX], &mut bytes);
        assert!(hashes(&bytes).eq([0x0123_4567_8900_0000, 0xffff_ffff_ff00_0000]));
    }
}
