//! Reading a log once, when it opens: every block is checked, and that none is missing.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use super::epochs::{Epochs, Slot};
use crate::block::Block;
use crate::error::StoreError;
use crate::event_log::{LogHead, end_of};
use crate::guard::{self, SILENCE_MAX};
use crate::manifest::MANIFEST;

/// Scans in the caller's turn.
pub(super) fn scan_here(
    place: &str,
    scan: Scan,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<LogHead, StoreError> {
    let mut outcome = Ok(());
    let end = guard::quietly(place, || {
        scan.run(&mut |block| {
            outcome = visit(&block);
            outcome.is_ok()
        })
    });
    outcome.and(end)
}

/// Blocks read ahead of the visitor, so that reading and folding use two processors.
const READ_AHEAD_BLOCKS: usize = 16;

/// What the scanning thread tells.
enum Progress {
    Block(Block),
    End(Result<LogHead, StoreError>),
}

/// Scans on a thread of its own, so that a store can panic or hang without harm.
pub(super) fn scan_in_thread(
    place: &str,
    scan: Scan,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<LogHead, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(READ_AHEAD_BLOCKS);
    let thread_place = place.to_owned();
    let scanning = thread::Builder::new()
        .name("ledger-store-scan".to_owned())
        .spawn(move || {
            let end = guard::quietly(&thread_place, || {
                scan.run(&mut |block| sender.send(Progress::Block(block)).is_ok())
            });
            // Nobody listens when the visitor failed.
            drop(sender.send(Progress::End(end)));
        })
        .map_err(StoreError::io(place.as_ref()))?;
    let outcome = receive(place, &receiver, visit);
    drop(receiver);
    if !matches!(outcome, Err(StoreError::OpenTimedOut { .. })) {
        // Its result went through the channel, and its panics were caught.
        let _ = scanning.join();
    }
    outcome
}

fn receive(
    place: &str,
    receiver: &Receiver<Progress>,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<LogHead, StoreError> {
    loop {
        match receiver.recv_timeout(SILENCE_MAX) {
            Ok(Progress::Block(block)) => visit(&block)?,
            Ok(Progress::End(end)) => return end,
            Err(RecvTimeoutError::Timeout) => {
                return Err(StoreError::OpenTimedOut {
                    place: place.to_owned(),
                    silence_s: SILENCE_MAX.as_secs(),
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StoreError::damaged(
                    place,
                    "stopped the thread that read it",
                ));
            }
        }
    }
}

/// Reads every block after a head and checks that nothing is missing.
pub(super) struct Scan {
    pub(super) epochs: Arc<Epochs>,
    /// Where the log ends as far as it was read.
    pub(super) head: LogHead,
    /// What `HEAD` says.
    pub(super) expected: LogHead,
    /// Whether the log has been seen to reach it.
    pub(super) met: bool,
}

impl Scan {
    /// Reads to the end of the log, as long as `hand_on` wants to have more.
    fn run(mut self, hand_on: &mut dyn FnMut(Block) -> bool) -> Result<LogHead, StoreError> {
        let slots = self.epochs.from(self.head.last_seq + 1);
        let active = self.epochs.active().files.place();
        for slot in slots {
            if !self.read(&slot, hand_on)? {
                // The visitor failed, and its error is reported; the store did nothing wrong.
                return Ok(self.head);
            }
        }
        if self.met {
            return Ok(self.head);
        }
        if self.head.last_seq < self.expected.last_seq {
            let what = format!(
                "ends with record {}, yet HEAD has record {}",
                self.head.last_seq, self.expected.last_seq
            );
            return Err(StoreError::damaged(active, what));
        }
        Err(other_records(&active, self.expected))
    }

    /// Reads an epoch to its end; tells whether anybody still wants to have it.
    fn read(
        &mut self,
        slot: &Arc<Slot>,
        hand_on: &mut dyn FnMut(Block) -> bool,
    ) -> Result<bool, StoreError> {
        let place = slot.files.place();
        let epoch = self.epochs.open(slot)?;
        let mut outcome = Ok(true);
        epoch.each_from(self.head.last_seq + 1, &mut |block| {
            outcome = self.check(&place, &block).map(|()| hand_on(block));
            match outcome {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) | Err(_) => ControlFlow::Break(()),
            }
        })?;
        if let Some(end) = slot.end()
            && matches!(outcome, Ok(true))
            && self.head != end
        {
            let what = format!(
                "ends with record {}, yet {MANIFEST} has record {}",
                self.head.last_seq, end.last_seq
            );
            return Err(StoreError::damaged(place, what));
        }
        outcome
    }

    fn check(&mut self, place: &str, block: &Block) -> Result<(), StoreError> {
        let next_seq = self.head.last_seq + 1;
        if block.first_seq() != next_seq {
            let what = format!(
                "is missing from {place}, which goes on with record {}",
                block.first_seq()
            );
            return Err(StoreError::damaged(format!("record {next_seq}"), what));
        }
        block.verify_chain(self.head.chain)?;
        self.head = end_of(block);
        self.met |= self.head == self.expected;
        Ok(())
    }
}

/// The log has a record where `HEAD` says, but not that one.
pub(super) fn other_records(place: &str, expected: LogHead) -> StoreError {
    let what = format!(
        "has other records up to {} than HEAD says",
        expected.last_seq
    );
    StoreError::damaged(place, what)
}
