//! The records of a batch, in memory that an earlier batch had.

use std::mem;
use std::ops::Deref;

use super::{Favour, Ruling};
use crate::annotations::Annotations;
use crate::command::{AccountAction, AdvanceBusinessDate, Command, OnAccount};
use crate::event::{Event, EventBody, Record};
use crate::ids::{CorrelationId, IssuerIndex, Seq};
use crate::time::{BusinessDate, Timestamp};

/// Records, written over those of an earlier batch as long as there are any.
///
/// Nearly every record is a posting, which is long, and comes to where one was before. So the operation changes
/// places with the one that was there: it is moved once, and the earlier one is let go of with the command
/// that it lies in then, while that is at hand. Memory that is used again is not gone through in between.
#[derive(Debug, Default)]
pub struct Records {
    /// Those of this batch, and behind them what is left of the earlier one.
    slots: Vec<Record>,
    len: usize,
}

/// What a record has besides what happened.
pub(super) struct Head {
    pub(super) seq: Seq,
    pub(super) recorded_at: Timestamp,
    pub(super) issuer: IssuerIndex,
    pub(super) correlation: CorrelationId,
    pub(super) annotations: Option<Box<Annotations>>,
}

/// What is left of a command that was moved into its record.
const TAKEN: Command = Command::AdvanceBusinessDate(AdvanceBusinessDate {
    business_date: BusinessDate(0),
});

impl Records {
    /// None yet, in the memory of records that nobody needs any more.
    #[must_use]
    pub fn over(earlier: Vec<Record>) -> Self {
        Self {
            slots: earlier,
            len: 0,
        }
    }

    /// The records alone.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Record> {
        self.slots.truncate(self.len);
        self.slots
    }

    /// Adds the record of a command. The command is taken out of where it is.
    pub(super) fn add(&mut self, head: Head, ruling: Ruling, command: &mut Command) -> &Record {
        let Head {
            seq,
            recorded_at,
            issuer,
            correlation,
            annotations,
        } = head;
        let place = self.len;
        // All fields by name: one that is forgotten would keep what the earlier record had.
        if let Some(Record {
            seq: seq_there,
            recorded_at: recorded_there,
            event:
                Event {
                    issuer: issuer_there,
                    correlation: correlation_there,
                    body: EventBody::OperationPosted { decided, operation },
                    annotations: annotations_there,
                },
        }) = self.slots.get_mut(place)
            && let Ruling::OnAccount(_, Ok(Favour::Post(newly))) = &ruling
            && let Command::OnAccount(OnAccount {
                action: AccountAction::Post(asked),
                ..
            }) = command
        {
            decided.clone_from(newly);
            mem::swap(operation, asked);
            *seq_there = seq;
            *recorded_there = recorded_at;
            *issuer_there = issuer;
            *correlation_there = correlation;
            *annotations_there = annotations;
        } else {
            let record = Record {
                seq,
                recorded_at,
                event: Event {
                    issuer,
                    correlation,
                    body: ruling.into_body(mem::replace(command, TAKEN)),
                    annotations,
                },
            };
            match self.slots.get_mut(place) {
                Some(slot) => *slot = record,
                None => self.slots.push(record),
            }
        }
        self.len += 1;
        &self.slots[place]
    }
}

impl Deref for Records {
    type Target = [Record];

    fn deref(&self) -> &[Record] {
        &self.slots[..self.len]
    }
}

/// Equal when the records are, whatever is left behind them.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Records {}
