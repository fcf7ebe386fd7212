//! Events to bytes and back: the one file of this crate that knows bincode.
//!
//! A record's payload is its event in bincode 2 with the standard configuration (variable-length
//! integers, little endian). Place and recording time are not repeated in each record: the block
//! has them. The block's codec id says that this codec wrote it.

use bincode::enc::EncoderImpl;
use bincode::enc::write::SizeWriter;
use bincode::error::EncodeError;
use bincode::{BorrowDecode, Encode};
use ledger_core::event::{Event, Record};
use ledger_core::ids::Seq;
use ledger_core::projection::general_ledger::Total;
use ledger_core::time::Timestamp;

use crate::block::Block;
use crate::error::StoreError;

/// Writes an event into `buffer`, and gives the part of it that was written to. Keep the buffer for the next
/// event: it only grows, when one is longer than all before.
pub fn encode<'a>(event: &Event, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    // Into a slice that is there: a vector would look at each number whether it has to grow.
    let length = loop {
        match bincode::encode_into_slice(event, buffer, bincode::config::standard()) {
            Ok(length) => break length,
            Err(EncodeError::UnexpectedEnd) => buffer.resize(buffer.len() + BUFFER_BYTES, 0),
            Err(error) => unreachable!("every type of an event is encodable: {error}"),
        }
    };
    &buffer[..length]
}

/// Longer than nearly every event.
const BUFFER_BYTES: usize = 4_096;

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
    let config = bincode::config::standard().with_limit::<EVENT_BYTES_MAX>();
    // What follows an event are its annotations, so that it is read to the end.
    let (event, _) = bincode::borrow_decode_from_slice::<Event, _>(bytes, config)
        .map_err(|error| damaged(format!("is not an event of this version: {error}")))?;
    if encoded_bytes(&event) != bytes.len() {
        return Err(damaged("is not encoded as this version does it".to_owned()));
    }
    let recorded_at = Timestamp(block.recorded_at_ms());
    Ok(Record {
        seq: Seq(seq),
        recorded_at,
        event,
    })
}

/// Length of an event when it is encoded. A number can be written in more bytes than it takes, and would be
/// read; copied by way of its event, such a record would break the hash chain.
fn encoded_bytes(event: &Event) -> usize {
    let mut encoder = EncoderImpl::new(SizeWriter::default(), bincode::config::standard());
    event
        .encode(&mut encoder)
        .expect("counting does not fail and every type of an event is encodable");
    encoder.into_writer().bytes_written
}

/// Reads one event, if the bytes are exactly one.
#[must_use]
pub fn decode_event(bytes: &[u8]) -> Option<Event> {
    whole::<_, EVENT_BYTES_MAX>(bytes)
}

/// Writes the totals of double entry into `buffer`, which is emptied first.
pub(crate) fn encode_totals(totals: &[Total], buffer: &mut Vec<u8>) {
    buffer.clear();
    bincode::encode_into_std_write(totals, buffer, bincode::config::standard())
        .expect("writing to memory does not fail and totals are encodable");
}

/// Reads the totals of double entry, if the bytes are exactly that.
pub(crate) fn decode_totals(bytes: &[u8]) -> Option<Vec<Total>> {
    whole::<_, TOTALS_BYTES_MAX>(bytes)
}

// What the lengths in hostile bytes may ask memory for.

/// Far more than any event takes: its lists have at most 100 entries, and its record at most 32 KiB.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Far more than the totals of any general ledger take.
pub(crate) const TOTALS_BYTES_MAX: usize = 64 << 20;

fn whole<'a, T: BorrowDecode<'a, ()>, const BYTES_MAX: usize>(bytes: &'a [u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<BYTES_MAX>();
    match bincode::borrow_decode_from_slice(bytes, config) {
        Ok((value, length)) if length == bytes.len() => Some(value),
        Ok(_) | Err(_) => None,
    }
}
