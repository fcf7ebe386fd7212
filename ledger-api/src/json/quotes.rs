//! Where the quotes of a line are, found for all of the line together: that is faster than looking for
//! the end of each text.

use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 64;
/// Blocks of the longest line that this is for; lines are rarely longer than a quarter of it.
const BLOCKS_MAX: usize = 64;

/// The places of the quotes in a line: a bit for every byte, the first lowest.
pub(crate) struct Quotes {
    blocks: [u64; BLOCKS_MAX],
}

impl Quotes {
    /// The quotes of a line that is not long and has neither backslashes nor control characters.
    pub(crate) fn of_plain(text: &str) -> Option<Self> {
        let (whole, rest) = text.as_bytes().as_chunks::<BLOCK_BYTES>();
        let mut blocks = [0; BLOCKS_MAX];
        // There must be a block for the rest too.
        let (last, before) = blocks.get_mut(..=whole.len())?.split_last_mut()?;
        let mut is_plain = true;
        for (bits, block) in before.iter_mut().zip(whole) {
            let (quotes, plain) = look_at(block);
            *bits = quotes;
            is_plain &= plain;
        }
        let mut block = [b' '; BLOCK_BYTES];
        block[..rest.len()].copy_from_slice(rest);
        let (quotes, plain) = look_at(&block);
        *last = quotes;
        (is_plain && plain).then_some(Self { blocks })
    }

    /// Place of the first quote at or after a place.
    #[inline]
    pub(crate) fn next(&self, place: usize) -> Option<usize> {
        let mut block = place / BLOCK_BYTES;
        let mut bits = *self.blocks.get(block)? & (u64::MAX << (place % BLOCK_BYTES));
        while bits == 0 {
            block += 1;
            bits = *self.blocks.get(block)?;
        }
        Some(block * BLOCK_BYTES + bits.trailing_zeros() as usize)
    }
}

/// The quotes of a block, and whether it is plain.
#[inline]
fn look_at(block: &[u8; BLOCK_BYTES]) -> (u64, bool) {
    let (mut quotes, mut special) = (0, u8x16::ZERO);
    let (parts, _) = block.as_chunks();
    for part in parts.iter().rev() {
        let part = u8x16::new(*part);
        let marks = part.simd_eq(u8x16::splat(b'"')).to_bitmask();
        quotes = quotes << 16 | u64::from(marks);
        special |= part.simd_lt(u8x16::splat(b' ')) | part.simd_eq(u8x16::splat(b'\\'));
    }
    (quotes, !special.any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quote_is_found_and_nothing_else() {
        for length in [0, 1, 63, 64, 65, 200, BLOCK_BYTES * BLOCKS_MAX - 1] {
            for step in [1, 2, 7, 63, 64, 65, 1_000_000] {
                let text: String = (0..length)
                    .map(|place| if place % step == step - 1 { '"' } else { '!' })
                    .collect();
                let quotes = Quotes::of_plain(&text).expect("it is plain");
                for from in 0..length {
                    let found = text[from..].find('"').map(|place| from + place);
                    assert_eq!(quotes.next(from), found, "{length} {step} {from}");
                }
                assert_eq!(quotes.next(length), None);
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_seen_wherever_it_stands() {
        for length in [1, 64, 65, 300] {
            for place in 0..length {
                for (byte, is_plain) in [
                    ('\\', false),
                    ('\u{1f}', false),
                    ('\0', false),
                    ('\n', false),
                    (' ', true),
                    ('\u{7f}', true),
                ] {
                    let mut text = "x".repeat(length);
                    text.replace_range(place..=place, &byte.to_string());
                    assert_eq!(
                        Quotes::of_plain(&text).is_some(),
                        is_plain,
                        "{byte:?} {place}"
                    );
                }
            }
        }
        assert!(Quotes::of_plain("čaj").is_some());
        assert!(Quotes::of_plain(&"x".repeat(BLOCK_BYTES * BLOCKS_MAX)).is_none());
    }
}
