//! The whole log as text, for people and other systems, from which [`crate::import`] makes the same log
//! again, byte for byte.
//!
//! JSON Lines. The first line says what follows; then comes a line for each block of the log, followed by
//! a line for each of its records; the last line has counts and the hash of the whole:
//!
//! ```text
//! {"format":"ledger-export","version":1,"blockVersion":1,"codec":1,"firstSequence":1,"previousChainHash":"00…"}
//! {"block":{"firstSequence":1,"records":2,"recordedAtMs":1672669234715,"chainHash":"5c1f…"}}
//! {"sequence":1,"recordedAt":"2023-01-02T14:20:34.715+00:00","issuerId":"wl","correlationId":"…","command":"configure-issuer","body":{…},"decided":{…},"payload":"00…"}
//! {"sequence":2,…}
//! {"end":{"records":2,"blocks":1,"lastSequence":2,"chainHash":"5c1f…"}}
//! ```
//!
//! A record has the `command`, `account`, `postingDate` and `body` of the replay format, `operationId` if
//! it posted an operation, under `decided` what the engine added, under `rejected` why it was refused, and
//! in `payload` the bytes of the log in hexadecimal digits. All else is made of the payload, so it can be
//! read and not changed. The store it was kept in does not show.

use std::io::{self, Write};

use ledger_core::event::{EventBody, Record};
use ledger_core::ids::OperationId;
use ledger_store::backup::{durable_head, end_before, for_each_block};
use ledger_store::block::{CODEC_ID, FORMAT_VERSION};
use ledger_store::{ChainHash, LogHead, StoreError, codec};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::readable::Readable;
use crate::views::instant;

/// What the first line calls itself.
pub(crate) const FORMAT: &str = "ledger-export";
/// How all lines are written. What a version writes never changes, since lines are compared with it.
pub(crate) const VERSION: u16 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u16,
    /// Version of the blocks that are to be made again.
    pub(crate) block_version: u16,
    /// Codec of the payloads.
    pub(crate) codec: u8,
    pub(crate) first_sequence: u64,
    /// Hash of the block before the first.
    pub(crate) previous_chain_hash: String,
}

/// A line between records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mark {
    /// So many records follow, which are one block.
    #[serde(rename_all = "camelCase")]
    Block {
        first_sequence: u64,
        records: u32,
        recorded_at_ms: i64,
        chain_hash: String,
    },
    /// Nothing follows.
    #[serde(rename_all = "camelCase")]
    End {
        records: u64,
        blocks: u64,
        last_sequence: u64,
        chain_hash: String,
    },
}

/// The line of a record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordLine<'a> {
    sequence: u64,
    recorded_at: String,
    issuer_id: &'a str,
    correlation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    #[serde(flatten)]
    readable: Readable,
    payload: String,
}

/// Writes the line of a record, without its line break.
pub(crate) fn write_record(
    out: &mut impl Write,
    record: &Record,
    issuer_id: &str,
    payload: &[u8],
) -> io::Result<()> {
    let operation_id = record.operation().map(|_| OperationId::of(record.seq));
    let line = RecordLine {
        sequence: record.seq.0,
        recorded_at: instant(record.recorded_at),
        issuer_id,
        correlation_id: Uuid::from_bytes(record.event.correlation.0).to_string(),
        operation_id: operation_id.map(|id| id.to_string()),
        readable: Readable::of(&record.event),
        payload: hex::encode(payload),
    };
    Ok(serde_json::to_writer(out, &line)?)
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Records that were written.
    pub records: u64,
    /// Blocks that they were in.
    pub blocks: u64,
    /// Where the log ended when it began.
    pub head: LogHead,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Writes everything that is durable now, from the block that holds the record `from_seq` on.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    ledger: &Ledger,
    from_seq: u64,
    out: &mut impl Write,
) -> Result<Exported, ExportError> {
    let reader = ledger.reader();
    let head = durable_head(reader)?;
    let before = end_before(reader.log(), from_seq.clamp(1, head.last_seq + 1))?;
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        block_version: FORMAT_VERSION,
        codec: CODEC_ID,
        first_sequence: before.last_seq + 1,
        previous_chain_hash: before.chain.to_string(),
    };
    write_line(out, &header)?;
    // They are never renamed, and held only while they are copied: posting may go on.
    let mut issuers: Vec<String> = reader
        .books()
        .portfolio()
        .issuers()
        .map(|(_, issuer)| issuer.id.to_string())
        .collect();
    let mut blocks = 0;
    for_each_block(reader.log(), before, head, |block| {
        blocks += 1;
        write_line(
            out,
            &Mark::Block {
                first_sequence: block.first_seq(),
                records: block.count(),
                recorded_at_ms: block.recorded_at_ms(),
                chain_hash: block.chain().to_string(),
            },
        )?;
        for (record, (_, payload)) in codec::decode_all(&block).zip(block.records()) {
            let record = record?;
            // Readers may not have been shown the end of the last block yet.
            if let EventBody::IssuerConfigured { issuer_id, .. } = &record.event.body
                && usize::try_from(record.event.issuer.0) == Ok(issuers.len())
            {
                issuers.push(issuer_id.to_string());
            }
            let issuer = usize::try_from(record.event.issuer.0).ok();
            let issuer = issuer.and_then(|place| issuers.get(place));
            let issuer = issuer.expect("an issuer was configured before it did anything");
            write_record(out, &record, issuer, payload)?;
            out.write_all(b"\n")?;
        }
        Ok::<_, ExportError>(())
    })?;
    let records = head.last_seq - before.last_seq;
    write_line(
        out,
        &Mark::End {
            records,
            blocks,
            last_sequence: head.last_seq,
            chain_hash: head.chain.to_string(),
        },
    )?;
    Ok(Exported {
        records,
        blocks,
        head,
    })
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// A chain hash as lines have it.
pub(crate) fn chain_of(text: &str) -> Option<ChainHash> {
    ChainHash::from_hex(text).filter(|chain| chain.to_string() == text)
}
