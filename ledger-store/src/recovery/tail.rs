//! What the log has behind the checkpoint: decoded block by block, and folded many records at a time.
//!
//! The two folds share nothing, so each is made on a thread of its own. Of many records each can also read ahead what it is
//! about to change.

use std::mem;

use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::projection::gist::Brief;
use ledger_core::state::RecordKeys;

use crate::block::Block;
use crate::checkpoint::Restored;
use crate::codec;
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::guard;
use crate::side_by_side::side_by_side;

/// Records that are folded at a time, unless there are no more; with the rest of their block.
const FOLDED_RECORDS_MIN: usize = 8_192;

/// The folds, and the records that follow.
pub(super) struct Tail {
    folds: Restored,
    /// Not folded yet.
    records: Vec<Record>,
    /// Where the log ends with them.
    head: LogHead,
}

/// Records that were folded in, with what else is known of each by then.
struct Folded {
    records: Vec<Record>,
    keys: Vec<RecordKeys>,
    briefs: Vec<Brief>,
}

impl Tail {
    /// Nothing behind what was restored.
    pub(super) fn behind(folds: Restored) -> Self {
        Self {
            head: folds.head,
            folds,
            records: Vec::new(),
        }
    }

    /// Takes in the block that comes next.
    ///
    /// # Errors
    /// A record that is not an event, or one that could not follow those before it. No block may come after that.
    pub(super) fn follow(&mut self, block: &Block) -> Result<(), StoreError> {
        for record in codec::decode_all(block) {
            match record {
                Ok(record) => self.records.push(record),
                Err(error) => {
                    // Unless one before it is wrong too. They end within a block, so no checkpoint can end there.
                    self.fold()?;
                    return Err(error);
                }
            }
        }
        self.head = LogHead {
            last_seq: block.last_seq(),
            chain: block.chain(),
        };
        if self.records.len() >= FOLDED_RECORDS_MIN {
            self.fold_and_note()?;
        }
        Ok(())
    }

    /// The folds of all of it.
    ///
    /// # Errors
    /// A record that could not follow those before it.
    pub(super) fn end(mut self) -> Result<Restored, StoreError> {
        self.fold_and_note()?;
        Ok(self.folds)
    }

    /// Folds in what was not yet, and notes it for the checkpoint.
    fn fold_and_note(&mut self) -> Result<(), StoreError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let Folded {
            mut records,
            keys,
            briefs,
        } = self.fold()?;
        let Restored {
            books,
            head,
            checkpointer,
            ..
        } = &mut self.folds;
        *head = self.head;
        checkpointer.add(&records, &briefs, &keys, *head);
        if checkpointer.is_due() {
            checkpointer.write(books.general_ledger().totals());
        }
        records.clear();
        self.records = records;
        Ok(())
    }

    /// Folds in what was not yet. A record that breaks a promise of the core is named as damage.
    fn fold(&mut self) -> Result<Folded, StoreError> {
        let records = mem::take(&mut self.records);
        let Restored { state, books, .. } = &mut self.folds;
        let (keys, briefs) = side_by_side(
            || {
                let keys: Vec<_> = records.iter().map(RecordKeys::of).collect();
                state.apply_all(&records, &keys);
                keys
            },
            || {
                guard::catch(|| {
                    let briefs: Vec<_> = records.iter().map(Brief::of).collect();
                    books.apply_brief(&records, &briefs);
                    briefs
                })
            },
        );
        match (keys, briefs) {
            (Some(keys), Ok(briefs)) => Ok(Folded {
                records,
                keys,
                briefs,
            }),
            (keys, briefs) => {
                let last_of_state = keys.is_none().then(|| state.last_seq());
                let last_of_books = || books.last_seq().unwrap_or(Seq(0));
                let last_of_books = briefs.is_err().then(last_of_books);
                let last = [last_of_state, last_of_books].into_iter().flatten().min();
                Err(contradiction(last.unwrap_or(Seq(0)).next()))
            }
        }
    }
}

fn contradiction(at: Seq) -> StoreError {
    StoreError::Damaged {
        place: format!("record {}", at.0),
        what: "contradicts the records before it".to_owned(),
    }
}
