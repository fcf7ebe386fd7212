//! Events to bytes and back: the one file of this crate that knows bincode.
//!
//! A record's payload is its event in bincode 2 with the standard configuration (variable-length
//! integers, little endian). Place and recording time are not repeated in each record: the block
//! has them. The block's codec id says that this codec wrote it.

use bincode::BorrowDecode;
use ledger_core::event::{Event, Record};
use ledger_core::ids::Seq;
use ledger_core::projection::general_ledger::Total;
use ledger_core::time::Timestamp;

use crate::block::Block;
use crate::error::StoreError;

/// Writes an event into `buffer`, which is emptied first and keeps its memory for the next.
pub fn encode(event: &Event, buffer: &mut Vec<u8>) {
    buffer.clear();
    bincode::encode_into_std_write(event, buffer, bincode::config::standard())
        .expect("writing to memory does not fail and every type of an event is encodable");
}

/// Reads the record `seq` of a block.
///
/// # Errors
/// [`StoreError::Damaged`], naming the record, when the bytes are not exactly one event. Their
/// checksum was right, so they were written by something else than this codec.
pub fn decode(block: &Block, seq: u64) -> Result<Option<Record>, StoreError> {
    block
        .record(seq)
        .map(|bytes| decode_record(block, seq, bytes))
        .transpose()
}

/// Reads every record of a block.
///
/// # Errors
/// As [`decode`].
pub fn decode_all(block: &Block) -> impl Iterator<Item = Result<Record, StoreError>> {
    block
        .records()
        .map(|(seq, bytes)| decode_record(block, seq, bytes))
}

fn decode_record(block: &Block, seq: u64, bytes: &[u8]) -> Result<Record, StoreError> {
    let damaged = |what: String| StoreError::Damaged {
        place: format!("record {seq}"),
        what,
    };
    let (event, length) =
        bincode::borrow_decode_from_slice::<Event, _>(bytes, bincode::config::standard())
            .map_err(|error| damaged(format!("is not an event of this version: {error}")))?;
    if length != bytes.len() {
        return Err(damaged("is longer than its event".to_owned()));
    }
    let recorded_at = Timestamp(block.recorded_at_ms());
    Ok(Record {
        seq: Seq(seq),
        recorded_at,
        event,
    })
}

/// Reads one event, if the bytes are exactly one.
#[must_use]
pub fn decode_event(bytes: &[u8]) -> Option<Event> {
    whole(bytes)
}

/// Writes the totals of double entry into `buffer`, which is emptied first.
pub(crate) fn encode_totals(totals: &[Total], buffer: &mut Vec<u8>) {
    buffer.clear();
    bincode::encode_into_std_write(totals, buffer, bincode::config::standard())
        .expect("writing to memory does not fail and totals are encodable");
}

/// Reads the totals of double entry, if the bytes are exactly that.
pub(crate) fn decode_totals(bytes: &[u8]) -> Option<Vec<Total>> {
    whole(bytes)
}

/// Far more than the totals of any general ledger take.
const DECODED_BYTES_MAX: usize = 64 << 20;

fn whole<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Option<T> {
    // The bound is on what lengths in the bytes may ask memory for.
    let config = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();
    let decoded = bincode::borrow_decode_from_slice(bytes, config).ok();
    decoded
        .filter(|(_, length)| *length == bytes.len())
        .map(|(value, _)| value)
}
