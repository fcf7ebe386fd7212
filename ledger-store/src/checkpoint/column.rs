//! A column of a chunk: many values of one kind, in as few bytes as that takes.

/// Bytes that are kept of a hash, the first ones; an index of keys uses no more.
const HASH_BYTES: usize = 5;

/// Writes the first 40 bits of each.
pub(super) fn write_hashes(hashes: &[u64], bytes: &mut Vec<u8>) {
    for hash in hashes {
        bytes.extend_from_slice(&hash.to_be_bytes()[..HASH_BYTES]);
    }
}

/// Reads so many hashes, and gives what is behind them.
pub(super) fn read_hashes(bytes: &[u8], count: usize) -> Option<(Vec<u64>, &[u8])> {
    let (column, rest) = bytes.split_at_checked(count.checked_mul(HASH_BYTES)?)?;
    let (hashes, _) = column.as_chunks::<HASH_BYTES>();
    let whole =
        |[a, b, c, d, e]: &[u8; HASH_BYTES]| u64::from_be_bytes([*a, *b, *c, *d, *e, 0, 0, 0]);
    Some((hashes.iter().map(whole).collect(), rest))
}

/// Writes the least number, how many bytes the others take that are counted from it (0, 1, 2, 4 or 8),
/// and these.
pub(super) fn write_numbers(numbers: &[i64], bytes: &mut Vec<u8>) {
    let least = numbers.iter().copied().min().unwrap_or(0);
    let above = |number: &i64| number.wrapping_sub(least).cast_unsigned();
    let width = width_of(numbers.iter().map(above).max().unwrap_or(0));
    bytes.extend_from_slice(&least.to_le_bytes());
    bytes.push(width);
    let above = numbers.iter().map(above);
    match width {
        0 => {}
        1 => above.for_each(|number| bytes.push(number.to_le_bytes()[0])),
        2 => above.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..2])),
        4 => above.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()[..4])),
        _ => above.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes())),
    }
}

/// Reads so many numbers, and gives what is behind them.
pub(super) fn read_numbers(bytes: &[u8], count: usize) -> Option<(Vec<i64>, &[u8])> {
    let (least, rest) = bytes.split_first_chunk()?;
    let least = i64::from_le_bytes(*least);
    let (width, rest) = rest.split_first()?;
    let width = usize::from(*width);
    let (column, rest) = rest.split_at_checked(count.checked_mul(width)?)?;
    let number = |above: u64| least.wrapping_add(above.cast_signed());
    let numbers = match width {
        0 => vec![least; count],
        1 => column.iter().map(|byte| number((*byte).into())).collect(),
        2 => chunks(column)
            .map(|b| number(u16::from_le_bytes(b).into()))
            .collect(),
        4 => chunks(column)
            .map(|b| number(u32::from_le_bytes(b).into()))
            .collect(),
        8 => chunks(column)
            .map(|b| number(u64::from_le_bytes(b)))
            .collect(),
        _ => return None,
    };
    Some((numbers, rest))
}

fn chunks<const WIDTH: usize>(column: &[u8]) -> impl Iterator<Item = [u8; WIDTH]> {
    let (chunks, _) = column.as_chunks::<WIDTH>();
    chunks.iter().copied()
}

fn width_of(most: u64) -> u8 {
    match most {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
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
            (vec![0, 0xffff_ffff], 4),
            (vec![i64::MIN, 0, i64::MAX], 8),
        ] {
            let mut bytes = vec![];
            write_numbers(&numbers, &mut bytes);
            assert_eq!(bytes.len(), 9 + numbers.len() * width, "{numbers:?}");
            bytes.push(42);
            let read = read_numbers(&bytes, numbers.len()).unwrap();
            assert_eq!(read, (numbers.clone(), &[42_u8][..]));
            for length in 0..bytes.len() - 1 {
                assert_eq!(read_numbers(&bytes[..length], numbers.len()), None);
            }
        }
        assert_eq!(
            read_numbers(&[0, 0, 0, 0, 0, 0, 0, 0, 3], 0),
            None,
            "a width there is not"
        );
    }

    #[test]
    fn hashes_keep_what_an_index_uses() {
        let mut bytes = vec![];
        write_hashes(&[0x0123_4567_89ab_cdef, u64::MAX], &mut bytes);
        let hashes = vec![0x0123_4567_8900_0000, 0xffff_ffff_ff00_0000];
        assert_eq!(read_hashes(&bytes, 2), Some((hashes, &[][..])));
        assert_eq!(read_hashes(&bytes[..9], 2), None);
    }
}
