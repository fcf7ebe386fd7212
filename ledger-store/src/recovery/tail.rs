//! What the log has behind the checkpoint: decoded block by block, and folded many records at a time.
//!
//! The two folds share nothing, so each is made on a thread of its own. Of many records each can also read ahead what it is
//! about to change.

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

/// Records that are folded at a time, unless there are no more.
const FOLDED_RECORDS: usize = 8_192;

/// The folds, and the records that follow.
pub(super) struct Tail {
    folds: Restored,
    /// Not folded yet.
    records: Vec<Record>,
    /// Where the log ends with them.
    head: LogHead,
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
    /// A record that is not an event, or one that could not follow those before it.
    pub(super) fn follow(&mut self, block: &Block) -> Result<(), StoreError> {
        for record in codec::decode_all(block) {
            match record {
                Ok(record) => self.records.push(record),
                Err(error) => {
                    // Unless one before it is wrong too.
                    self.fold()?;
                    return Err(error);
                }
            }
        }
        self.head = LogHead {
            last_seq: block.last_seq(),
            chain: block.chain(),
        };
        if self.records.len() >= FOLDED_RECORDS {
            self.fold()?;
        }
        Ok(())
    }

    /// The folds of all of it.
    ///
    /// # Errors
    /// As [`Self::follow`].
    pub(super) fn end(mut self) -> Result<Restored, StoreError> {
        self.fold()?;
        Ok(self.folds)
    }

    /// Folds in what was not yet. A record that breaks a promise of the core is named as damage.
    fn fold(&mut self) -> Result<(), StoreError> {
        let Restored {
            state,
            books,
            head,
            checkpointer,
        } = &mut self.folds;
        let records = &self.records;
        let (keys, briefs) = side_by_side(
            || {
                let keys: Vec<_> = records.iter().map(RecordKeys::of).collect();
                state.apply_all(records, &keys);
                keys
            },
            || {
                guard::catch(|| {
                    let briefs: Vec<_> = records.iter().map(Brief::of).collect();
                    books.apply_brief(records, &briefs);
                    briefs
                })
            },
        );
        let keys = keys.ok_or_else(|| contradiction(state.last_seq().next()))?;
        let briefs = briefs.map_err(|_| {
            let last = books.last_seq().unwrap_or(Seq(0));
            contradiction(last.next())
        })?;
        *head = self.head;
        checkpointer.add(records, &briefs, &keys, *head);
        if checkpointer.is_due() {
            checkpointer.write(books.general_ledger().totals());
        }
        self.records.clear();
        Ok(())
    }
}

fn contradiction(at: Seq) -> StoreError {
    StoreError::Damaged {
        place: format!("record {}", at.0),
        what: "contradicts the records before it".to_owned(),
    }
}
