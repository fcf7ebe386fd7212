//! A log made again from what [`crate::export`] wrote: the same blocks, ids, times and chain.
//!
//! Nothing is believed. Every record is decoded and its line written again and compared, every block
//! must have the hash that its line says, and the records must fold. The log appears in its place only
//! when its last line was right.

use std::io::{self, BufRead, Read};
use std::path::Path;

use ledger_core::event::{EventBody, Record};
use ledger_core::ids::Seq;
use ledger_core::time::Timestamp;
use ledger_store::block::{CODEC_ID, FORMAT_VERSION};
use ledger_store::new_log::{NewLog, ReadBack, Written};
use ledger_store::{BlockBuilder, ChainHash, LogHead, LogOptions, StoreError, codec};
use serde::de::DeserializeOwned;

use crate::export::{FORMAT, Header, Mark, VERSION, chain_of, write_record};

/// Longest line, in bytes: a record has at most 32 KiB, which are twice that in digits and, readable,
/// a few times more.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Why an import was refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is not what an export has there.
    #[error("line {line} {problem}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The input cannot be read.
    #[error("the input cannot be read: {0}")]
    Input(#[from] io::Error),
    /// The new log cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Line { .. } => "IMPORT_REFUSED",
            Self::Input(_) => "IO",
            Self::Store(error) => error.code(),
        }
    }
}

/// Makes a ledger in `to`, which must not exist or be empty, from the lines of an export. `progress` is
/// told the records so far.
///
/// # Errors
/// [`ImportError`]; then there is no ledger in `to`.
pub fn import(
    input: impl BufRead,
    to: &Path,
    options: LogOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Written, ImportError> {
    let mut import = Import {
        lines: Lines {
            input,
            number: 0,
            line: Vec::new(),
        },
        log: NewLog::begin(to, options)?,
        issuers: Vec::new(),
        head: LogHead::EMPTY,
        blocks: 0,
        expected: Vec::new(),
    };
    import.header()?;
    while let Some(mark) = import.mark()? {
        match mark {
            Mark::Block { .. } => import.block(&mark)?,
            Mark::End { .. } => {
                import.end(&mark)?;
                return Ok(import.log.finish(ReadBack::Folds)?);
            }
        }
        progress(import.head.last_seq);
    }
    Err(import
        .lines
        .wrong("is missing: the export does not end here"))
}

struct Import<R> {
    lines: Lines<R>,
    log: NewLog,
    /// Ids in the order of first configuration.
    issuers: Vec<String>,
    head: LogHead,
    blocks: u64,
    /// What the line should be; kept for its memory.
    expected: Vec<u8>,
}

impl<R: BufRead> Import<R> {
    fn header(&mut self) -> Result<(), ImportError> {
        if !self.lines.next()? {
            return Err(self.lines.wrong("is missing: the input is empty"));
        }
        // A later version may have other fields, so its name comes first.
        let header: serde_json::Value = self.lines.parse()?;
        if header["format"] != FORMAT {
            return Err(self.lines.wrong("is not the beginning of an export"));
        }
        if header["version"] != VERSION
            || header["blockVersion"] != FORMAT_VERSION
            || header["codec"] != CODEC_ID
        {
            let problem = format!(
                "has version {}, blocks of version {} and codec {}, which this program does not know all",
                header["version"], header["blockVersion"], header["codec"]
            );
            return Err(self.lines.wrong(problem));
        }
        let header: Header = self.lines.parse()?;
        if header.first_sequence != 1
            || chain_of(&header.previous_chain_hash) != Some(ChainHash::EMPTY)
        {
            let problem = format!(
                "begins with record {}; only a log from its first record on can be imported",
                header.first_sequence
            );
            return Err(self.lines.wrong(problem));
        }
        Ok(())
    }

    fn mark(&mut self) -> Result<Option<Mark>, ImportError> {
        if self.lines.next()? {
            self.lines.parse().map(Some)
        } else {
            Ok(None)
        }
    }

    fn block(&mut self, mark: &Mark) -> Result<(), ImportError> {
        let Mark::Block {
            first_sequence,
            records,
            recorded_at_ms,
            chain_hash,
        } = mark
        else {
            return Ok(());
        };
        let next = self.head.last_seq + 1;
        if *first_sequence != next || *records == 0 {
            let problem = format!("does not begin the block of record {next}");
            return Err(self.lines.wrong(problem));
        }
        let mut builder = BlockBuilder::again(next, *recorded_at_ms);
        for seq in next..next.saturating_add(u64::from(*records)) {
            let payload = self.record(Seq(seq), Timestamp(*recorded_at_ms))?;
            let pushed = builder.push(&payload);
            pushed.map_err(|error| self.lines.wrong(error.to_string()))?;
        }
        let block = builder.seal(self.head.chain);
        if Some(block.chain()) != chain_of(chain_hash) {
            let problem = format!(
                "ends the block of records {next} to {}, which does not have its chain hash",
                block.last_seq()
            );
            return Err(self.lines.wrong(problem));
        }
        self.head = LogHead {
            last_seq: block.last_seq(),
            chain: block.chain(),
        };
        self.blocks += 1;
        Ok(self.log.add(block)?)
    }

    /// Reads the line of a record; gives its payload.
    fn record(&mut self, seq: Seq, recorded_at: Timestamp) -> Result<Vec<u8>, ImportError> {
        let problem = format!("is not that of record {}", seq.0);
        if !self.lines.next()? {
            return Err(self.lines.wrong(format!("is missing: it {problem}")));
        }
        let payload = payload_of(&self.lines.line).ok_or_else(|| self.lines.wrong(&problem))?;
        let event = codec::decode_event(&payload).ok_or_else(|| {
            let problem = "has a payload that is not an event of this version";
            self.lines.wrong(problem)
        })?;
        let record = Record {
            seq,
            recorded_at,
            event,
        };
        let place = usize::try_from(record.event.issuer.0).unwrap_or(usize::MAX);
        if let EventBody::IssuerConfigured { issuer_id, .. } = &record.event.body
            && place == self.issuers.len()
        {
            self.issuers.push(issuer_id.to_string());
        }
        let issuer = self.issuers.get(place);
        let issuer = issuer.ok_or_else(|| {
            let problem = "is of an issuer that was not configured before";
            self.lines.wrong(problem)
        })?;
        self.expected.clear();
        write_record(&mut self.expected, &record, issuer, &payload)?;
        if self.expected != self.lines.line {
            let problem = format!("contradicts its payload{}", self.first_difference());
            return Err(self.lines.wrong(problem));
        }
        Ok(payload)
    }

    /// Names the field, if the line is JSON at all.
    fn first_difference(&self) -> String {
        let line = serde_json::from_slice::<serde_json::Value>(&self.lines.line);
        let expected = serde_json::from_slice::<serde_json::Value>(&self.expected);
        let (Ok(line), Ok(expected)) = (line, expected) else {
            return String::new();
        };
        let (Some(line), Some(expected)) = (line.as_object(), expected.as_object()) else {
            return String::new();
        };
        let mut names = expected.keys().chain(line.keys());
        let differs = names.find(|name| line.get(*name) != expected.get(*name));
        differs.map_or_else(String::new, |name| format!(" in {name}"))
    }

    fn end(&mut self, mark: &Mark) -> Result<(), ImportError> {
        let end = Mark::End {
            records: self.head.last_seq,
            blocks: self.blocks,
            last_sequence: self.head.last_seq,
            chain_hash: self.head.chain.to_string(),
        };
        if *mark != end {
            return Err(self.lines.wrong("does not agree with the lines before it"));
        }
        if self.lines.next()? {
            return Err(self.lines.wrong("follows the last line of an export"));
        }
        Ok(())
    }
}

/// The payload is the last field of a line.
fn payload_of(line: &[u8]) -> Option<Vec<u8>> {
    let name = br#""payload":""#;
    let digits = line.strip_suffix(b"\"}")?;
    let at = memchr::memmem::rfind(digits, name)?;
    hex::decode(&digits[at + name.len()..]).ok()
}

/// The lines of the input, one at a time.
struct Lines<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Goes to the next line; tells whether there is one.
    fn next(&mut self) -> Result<bool, ImportError> {
        self.number += 1;
        self.line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let input = &mut self.input;
        if input.take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(false);
        }
        if self.line.pop() == Some(b'\n') {
            return Ok(true);
        }
        Err(self.wrong("is too long, or is cut short"))
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, ImportError> {
        serde_json::from_slice(&self.line)
            .map_err(|error| self.wrong(format!("is not what an export has here: {error}")))
    }

    fn wrong(&self, problem: impl Into<String>) -> ImportError {
        ImportError::Line {
            line: self.number,
            problem: problem.into(),
        }
    }
}
