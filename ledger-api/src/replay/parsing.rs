//! Threads that parse chunks of lines while others are read, decided and answered.

use std::num::NonZero;
use std::thread::{self, Scope};

use crossbeam_channel::{Receiver, Sender};
use ledger_core::command::Request;
use ledger_core::rejection::Rejection;
use ledger_store::writer::SUBMISSION_REQUESTS_MAX;

use super::input::{CHUNK_BYTES, Lines};
use crate::line::{self, Expect, LINE_BYTES_MAX, Line};

/// Lines that were parsed, with what is needed once their answers come.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The lines that are not blank.
    pub(super) lines: Vec<Waiting>,
    pub(super) requests: Vec<Request>,
    /// All lines, blank ones too.
    pub(super) lines_in_all: u64,
    /// What the lines were parsed from.
    pub(super) source: Lines,
}

/// A line that waits for its turn to be told. Lines are numbered within their chunk, from 1.
#[derive(Debug)]
pub(super) enum Waiting {
    Submitted { line: u64, expect: Expect },
    Malformed { line: u64, rejection: Rejection },
}

/// Threads that parse. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Parsers {
    jobs: Sender<Job>,
    threads: usize,
}

struct Job {
    lines: Lines,
    is_first: bool,
    /// Has room for the one chunk that is sent, so no parser ever waits.
    reply: Sender<Chunk>,
}

/// The promise of a parsed chunk.
#[derive(Debug)]
pub(super) struct Pending(Receiver<Chunk>);

impl Parsers {
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = processors.min(THREADS_MAX);
        let (jobs, waiting) = crossbeam_channel::unbounded::<Job>();
        for _ in 0..threads {
            let waiting = waiting.clone();
            scope.spawn(move || {
                for job in waiting {
                    let chunk = Chunk::parse(job.lines, job.is_first);
                    // After an error nobody waits for it.
                    let _ = job.reply.send(chunk);
                }
            });
        }
        Self { jobs, threads }
    }

    /// How many chunks are worth having here at a time: one more than can be worked on.
    pub(super) fn chunks_max(&self) -> usize {
        self.threads + 1
    }

    /// Has lines parsed; the first of an input may begin with a byte-order mark.
    pub(super) fn parse(&self, lines: Lines, is_first: bool) -> Pending {
        let (reply, chunk) = crossbeam_channel::bounded(1);
        let job = Job {
            lines,
            is_first,
            reply,
        };
        self.jobs
            .send(job)
            .expect("parsers listen while this is there");
        Pending(chunk)
    }
}

impl Pending {
    pub(super) fn is_ready(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn wait(self) -> Chunk {
        self.0.recv().expect("a parser answers unless it panicked")
    }
}

impl Chunk {
    fn parse(source: Lines, is_first: bool) -> Self {
        let count = memchr::memchr_iter(b'\n', &source.bytes).count() + 1;
        let mut chunk = Self {
            lines: Vec::with_capacity(count),
            requests: Vec::with_capacity(count),
            ..Self::default()
        };
        let mut start = 0;
        while start < source.bytes.len() {
            let rest = &source.bytes[start..];
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |place| place + 1);
            chunk.take(&rest[..length], is_first);
            start += length;
        }
        chunk.source = source;
        chunk
    }

    /// Parses a line with its end.
    fn take(&mut self, bytes: &[u8], is_first: bool) {
        self.lines_in_all += 1;
        let line = self.lines_in_all;
        let Some((_, parsed)) = parse_line(bytes, is_first && line == 1) else {
            return;
        };
        self.lines.push(match parsed {
            Ok(parsed) => {
                self.requests.push(parsed.request);
                Waiting::Submitted {
                    line,
                    expect: parsed.expect,
                }
            }
            Err(rejection) => Waiting::Malformed { line, rejection },
        });
    }
}

/// Reads a line with its end, and gives it back without what is no part of it; none if it is blank.
pub(crate) fn parse_line(bytes: &[u8], is_first: bool) -> Option<(&[u8], Result<Line, Rejection>)> {
    // Some programs begin a file with a byte-order mark; it is no part of the first command.
    let bytes = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) if is_first => rest,
        Some(_) | None => bytes,
    };
    let parsed = match std::str::from_utf8(bytes) {
        _ if bytes.len() > LINE_BYTES_MAX => Err(line::too_long()),
        Ok(text) if text.trim().is_empty() => return None,
        Ok(text) => line::parse(text),
        Err(_) => Err(Rejection::invalid("", "is not UTF-8 text")),
    };
    Some((bytes, parsed))
}

/// More than the one thread that decides could keep up with.
const THREADS_MAX: usize = 4;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The fields that every line has, with the shortest of values, are longer.
const REQUEST_BYTES_MIN: usize = 64;
// So the requests of a chunk are one submission.
const _: () = assert!(CHUNK_BYTES / REQUEST_BYTES_MIN <= SUBMISSION_REQUESTS_MAX);
