//! The input of a replay, cut into chunks of whole lines.

use std::io::{self, Read};

use super::Source;
use crate::line::LINE_BYTES_MAX;

/// Bytes in a chunk: enough that one sync serves many lines and handing a chunk over costs nothing,
/// few enough that several chunks fit the queue and the processor's cache.
pub(crate) const CHUNK_BYTES: usize = 512 * 1024;
// A line that is not too long fits into a chunk, so one that does not fit is too long.
const _: () = assert!(CHUNK_BYTES > LINE_BYTES_MAX + 1);
/// Bytes taken at a time from a sender; a pipe holds no more.
const STREAM_BYTES: usize = 64 * 1024;

/// Whole lines, each with its end but perhaps the last of the input.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of input up to the end of these lines.
    pub(crate) end: u64,
}

/// Reads chunks of whole lines.
pub(crate) struct Input<R> {
    read: R,
    source: Source,
    /// Bytes read so far, those of `rest` included.
    taken: u64,
    /// What was read and not handed on: the beginning of a line, and behind one that was too long also whole lines.
    rest: Vec<u8>,
    has_ended: bool,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(read: R, source: Source) -> Self {
        Self {
            read,
            source,
            taken: 0,
            rest: Vec::new(),
            has_ended: false,
        }
    }

    /// The next lines, in the memory of `bytes`; none at the end of the input. Waits for the end of a
    /// line at most.
    pub(crate) fn next(&mut self, mut bytes: Vec<u8>) -> io::Result<Option<Lines>> {
        bytes.clear();
        bytes.append(&mut self.rest);
        let mut known = 0;
        loop {
            if let Some(place) = memchr::memrchr(b'\n', &bytes[known..]) {
                self.rest.extend_from_slice(&bytes[known + place + 1..]);
                bytes.truncate(known + place + 1);
                break;
            }
            if bytes.len() > LINE_BYTES_MAX {
                // As much as shows that the line is too long.
                bytes.truncate(LINE_BYTES_MAX + 1);
                self.skip_line()?;
                break;
            }
            if self.has_ended {
                break;
            }
            known = bytes.len();
            self.read_more(&mut bytes)?;
        }
        let end = self.taken - length(&self.rest);
        Ok((!bytes.is_empty()).then_some(Lines { bytes, end }))
    }

    /// Reads up to and over the end of a line.
    fn skip_line(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        while !self.has_ended {
            bytes.clear();
            self.read_more(&mut bytes)?;
            if let Some(place) = memchr::memchr(b'\n', &bytes) {
                self.rest.extend_from_slice(&bytes[place + 1..]);
                break;
            }
        }
        Ok(())
    }

    /// Appends what there is: of a file as much as makes a chunk, of a stream what has arrived.
    fn read_more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let known = bytes.len();
        let read = match self.source {
            Source::File => {
                let room = CHUNK_BYTES.saturating_sub(known).max(1);
                let room = u64::try_from(room).unwrap_or(u64::MAX);
                self.read.by_ref().take(room).read_to_end(bytes)?
            }
            Source::Stream => {
                bytes.resize(known + STREAM_BYTES, 0);
                let read = loop {
                    match self.read.read(&mut bytes[known..]) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read,
                    }
                };
                bytes.truncate(known + *read.as_ref().unwrap_or(&0));
                read?
            }
        };
        self.has_ended = read == 0;
        self.taken += length(&bytes[known..]);
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe may.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = self.1.min(buffer.len());
            (&mut self.0).take(few as u64).read(buffer)
        }
    }

    fn chunks(text: &[u8], few: usize, source: Source) -> Vec<(Vec<u8>, u64)> {
        let mut input = Input::new(Trickle(text, few), source);
        std::iter::from_fn(|| input.next(Vec::new()).expect("memory can be read"))
            .map(|lines| (lines.bytes, lines.end))
            .collect()
    }

    #[test]
    fn chunks_are_whole_lines_and_all_of_the_input() {
        let long = "x".repeat(1_000) + "\n";
        let texts = [
            "",
            "\n",
            "a",
            "a\n",
            "a\nbc",
            "\n\na\n\n",
            &long.repeat(2_000),
        ];
        for text in texts {
            for (few, source) in [
                (1, Source::Stream),
                (3, Source::Stream),
                (100_000, Source::Stream),
                (100_000, Source::File),
                (usize::MAX, Source::File),
            ] {
                if few < 10 && text.len() > 10_000 {
                    continue;
                }
                let chunks = chunks(text.as_bytes(), few, source);
                let all: Vec<u8> = chunks.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
                assert_eq!(all, text.as_bytes());
                let mut end = 0;
                for (place, (bytes, until)) in chunks.iter().enumerate() {
                    let is_last = place + 1 == chunks.len();
                    assert!(bytes.ends_with(b"\n") || is_last);
                    assert!(bytes.len() <= CHUNK_BYTES);
                    end += length(bytes);
                    assert_eq!(*until, end);
                }
            }
        }
    }

    /// What has arrived is handed on before more is waited for.
    #[test]
    fn a_stream_gives_lines_as_they_come() {
        let chunks = chunks(b"ab\ncd\ne", 4, Source::Stream);
        let chunks: Vec<_> = chunks.iter().map(|(bytes, _)| bytes.as_slice()).collect();
        assert_eq!(chunks, [b"ab\n".as_slice(), b"cd\n", b"e"]);
    }

    /// Whatever of them was read with its end.
    #[test]
    fn lines_behind_one_that_is_too_long_are_all_there() {
        let line = format!("{}\n", "y".repeat(300));
        for length in [
            LINE_BYTES_MAX,
            CHUNK_BYTES + 12,
            600_000,
            2 * CHUNK_BYTES + 24,
        ] {
            for count in [1, 900, 1_500, 5_000] {
                let text = format!("{}\n{}", "x".repeat(length), line.repeat(count));
                for (few, source) in [(usize::MAX, Source::File), (50_000, Source::Stream)] {
                    let chunks = chunks(text.as_bytes(), few, source);
                    let all: Vec<u8> = chunks.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
                    let (long, rest) = all.split_at(all.iter().take_while(|b| **b == b'x').count());
                    assert!(long.len() >= LINE_BYTES_MAX);
                    let behind = rest.strip_prefix(b"\n").unwrap_or(rest);
                    assert!(behind == line.repeat(count).as_bytes(), "{length}, {count}");
                }
            }
        }
        // And none waits for what comes after it.
        let text = format!("{}\nb\nd\n", "x".repeat(349_997));
        let chunks = chunks(text.as_bytes(), 50_000, Source::Stream);
        let chunks: Vec<_> = chunks.iter().map(|(bytes, _)| bytes.as_slice()).collect();
        assert_eq!(chunks[1..], [b"b\n".as_slice(), b"d\n"]);
    }

    #[test]
    fn of_a_line_that_is_too_long_only_so_much_is_kept_as_shows_it() {
        for length in [
            LINE_BYTES_MAX - 1,
            LINE_BYTES_MAX,
            CHUNK_BYTES,
            3 * CHUNK_BYTES,
        ] {
            let text = format!("a\n{}\nb\n", "x".repeat(length));
            for (few, source) in [(usize::MAX, Source::File), (50_000, Source::Stream)] {
                let chunks = chunks(text.as_bytes(), few, source);
                let all: Vec<u8> = chunks.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
                assert!(all.starts_with(b"a\nxxx") && all.ends_with(b"b\n"));
                assert!(all.len() <= CHUNK_BYTES + 4);
                assert_eq!(all.len() == text.len(), length < CHUNK_BYTES, "{length}");
                assert_eq!(chunks.last().map(|(_, end)| *end), Some(text.len() as u64));
            }
        }
    }
}
