//! Opening: one pass over the log checks every block and folds every record.

use std::path::Path;

use ledger_core::event::Record;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;

use crate::block::Block;
use crate::codec;
use crate::disk_log::{DiskLog, LogOptions};
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::guard;

/// A log with the two folds of it.
#[derive(Debug)]
pub struct Recovered {
    /// The log, checked from its first record to its last.
    pub log: DiskLog,
    /// What deciding needs.
    pub state: LedgerState,
    /// What queries need.
    pub books: Books,
}

/// Opens the log under a data directory, creating it if there is none.
///
/// # Errors
/// Whatever the log's own checks find, or a record that is intact and yet not one that could follow
/// the ones before it.
pub fn recover(dir: &Path) -> Result<Recovered, StoreError> {
    recover_with(dir, LogOptions::default())
}

/// Opens the log under a data directory as the options say, creating it if there is none.
///
/// # Errors
/// As [`recover`].
pub fn recover_with(dir: &Path, options: LogOptions) -> Result<Recovered, StoreError> {
    let mut state = LedgerState::default();
    let mut books = Books::default();
    let log = DiskLog::begin(dir, options)?.finish(LogHead::EMPTY, &mut |block: &Block| {
        for record in codec::decode_all(block) {
            fold(&mut state, &mut books, &record?)?;
        }
        Ok(())
    })?;
    Ok(Recovered { log, state, books })
}

/// Folds a record in; a record that breaks a promise of the core is named as damage.
fn fold(state: &mut LedgerState, books: &mut Books, record: &Record) -> Result<(), StoreError> {
    let apply = || {
        state.apply(record);
        books.apply(record);
    };
    guard::catch(apply).map_err(|_| StoreError::Damaged {
        place: format!("record {}", record.seq.0),
        what: "contradicts the records before it".to_owned(),
    })
}
