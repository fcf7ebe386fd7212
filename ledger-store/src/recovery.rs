//! Opening: restores what the checkpoint has, and reads the rest of the log.

mod tail;

use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use ledger_core::time::Timestamp;

use crate::block::Block;
use crate::checkpoint::{self, CHECKPOINT, Checkpointer, Restored};
use crate::data_dir::DataDir;
use crate::disk_log::{DiskLog, LogOptions};
use crate::error::StoreError;
use crate::event_log::{EventLog, LogHead};
use crate::reader::Reader;
use crate::side_by_side::side_by_side;
use crate::writer::{Stepper, Writer};

use self::tail::Tail;

/// A log with the two folds of it.
#[derive(Debug)]
pub struct Recovered {
    /// The log, checked from where the checkpoint ends to its last record.
    pub log: DiskLog,
    /// What deciding needs.
    pub state: LedgerState,
    /// What queries need.
    pub books: Books,
    /// The checkpoint, standing where the log ends.
    pub checkpointer: Checkpointer,
    /// Where the checkpoint ended that was believed; nothing of the log before it was read.
    pub covered: LogHead,
}

/// Opens the log under a data directory, creating it if there is none.
///
/// # Errors
/// Whatever the log's own checks find, or a record that is intact and yet not one that could follow
/// the ones before it.
pub fn recover(dir: impl Into<DataDir>) -> Result<Recovered, StoreError> {
    recover_with(dir, LogOptions::default())
}

/// Opens the log under a data directory as the options say, creating it if there is none.
///
/// # Errors
/// As [`recover`].
pub fn recover_with(dir: impl Into<DataDir>, options: LogOptions) -> Result<Recovered, StoreError> {
    let dir = &dir.into();
    let begin = || DiskLog::begin(dir, options);
    let load = || checkpoint::load(dir);
    let (parts, opening) = match options.background {
        true => side_by_side(load, begin),
        false => {
            let opening = begin();
            (Some(load()), opening)
        }
    };
    let mut opening = opening?;
    let chunk_records = options.checkpoint_records;
    let folds = match parts.flatten() {
        // The log alone says whether the checkpoint is one of it.
        Some(parts) if opening.reaches(parts.head)? => parts.accept(dir, chunk_records),
        Some(parts) => {
            refuse_lost_records(parts.head, opening.end()?)?;
            Restored::nothing(dir, chunk_records)
        }
        None => Restored::nothing(dir, chunk_records),
    };
    let covered = folds.head;
    let mut tail = Tail::behind(folds);
    let scanned = opening.scan(covered, &mut |block: &Block| tail.follow(block));
    // A record that is wrong lies before whatever ended the scan, and nothing is written where there is one.
    let Restored {
        state,
        books,
        checkpointer,
        ..
    } = tail.end()?;
    let log = opening.into_log(scanned?)?;
    Ok(Recovered {
        log,
        state,
        books,
        checkpointer,
        covered,
    })
}

/// A checkpoint is written of what is durable already, so one that reaches beyond the log says that the
/// log has lost records. Only the owner may decide to go on without them.
fn refuse_lost_records(checkpoint: LogHead, log: LogHead) -> Result<(), StoreError> {
    if checkpoint.last_seq <= log.last_seq {
        return Ok(());
    }
    let what = format!(
        "was written when the log had {} records, yet the log ends with record {}: restore a copy, or \
         delete {CHECKPOINT} to go on without what is lost",
        checkpoint.last_seq, log.last_seq
    );
    Err(StoreError::damaged(CHECKPOINT, what))
}

impl Recovered {
    /// Writes what the checkpoint does not have yet, so that the next opening need not fold it again.
    pub(crate) fn store_checkpoint(&mut self) {
        self.checkpointer
            .write(self.books.general_ledger().totals());
    }

    /// Starts the writer of the log, and gives it with what readers see. `now` is asked for the time once
    /// a batch.
    #[must_use]
    pub fn start(self, now: impl FnMut() -> Timestamp + Send + 'static) -> (Writer, Reader) {
        let Self {
            log,
            state,
            books,
            checkpointer,
            ..
        } = self;
        let reader = Reader::new(books, log.reader());
        let shown = reader.clone();
        let writer = Writer::start_with(Box::new(log), state, shown, Some(checkpointer), now);
        (writer, reader)
    }

    /// Gives the writer of the log without its threads, with what readers see.
    #[must_use]
    pub fn into_steps(self) -> (Stepper, Reader) {
        let Self {
            log,
            state,
            books,
            checkpointer,
            ..
        } = self;
        let reader = Reader::new(books, log.reader());
        let shown = reader.clone();
        let stepper = Stepper::new(Box::new(log), state, shown, Some(checkpointer));
        (stepper, reader)
    }
}
