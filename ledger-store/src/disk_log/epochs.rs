//! The epochs of a log: which record is in which, and which of them are open.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use parking_lot::{Mutex, RwLock};

use crate::block::Block;
use crate::data_dir::DataDir;
use crate::epoch::{Epoch, EpochFiles, StoreKind};
use crate::error::StoreError;
use crate::event_log::{LogHead, end_of};
use crate::guard;
use crate::manifest::{EpochEntry, MANIFEST};

/// Epochs that are open at a time, the one that is written to included. Each holds file descriptors,
/// a cache and, in sled, threads.
const EPOCHS_OPEN_MAX: usize = 16;

/// Every epoch in order, opened when it is first read. The last one stays open.
pub(super) struct Epochs {
    dir: DataDir,
    store: StoreKind,
    slots: RwLock<Vec<Arc<Slot>>>,
    /// Those of the full epochs that are open, or just being closed.
    open: Mutex<Vec<Arc<Slot>>>,
    /// Counts the uses, to find the epoch that was not used for longest.
    uses: AtomicU64,
    closings: Mutex<Vec<JoinHandle<()>>>,
    /// Whether they are closed in the background.
    background: bool,
    /// Whether they were found to be a sound log.
    has_begun: AtomicBool,
    has_ended: AtomicBool,
}

/// One epoch of the log.
pub(super) struct Slot {
    pub(super) files: EpochFiles,
    pub(super) first_seq: u64,
    /// Where it ends, once it is full.
    end: OnceLock<LogHead>,
    /// Locked while it is being opened or closed.
    handle: Mutex<Option<Arc<dyn Epoch>>>,
    used: AtomicU64,
}

impl Epochs {
    pub(super) fn new(
        dir: &DataDir,
        store: StoreKind,
        entries: &[EpochEntry],
        background: bool,
    ) -> Self {
        let slots = entries
            .iter()
            .map(|entry| {
                let files = EpochFiles::new(dir, store, &entry.name);
                Arc::new(Slot::new(files, entry.first_seq, entry.end))
            })
            .collect();
        Self {
            dir: dir.clone(),
            store,
            slots: RwLock::new(slots),
            open: Mutex::default(),
            uses: AtomicU64::new(0),
            closings: Mutex::default(),
            background,
            has_begun: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Where the epoch after the last one would be.
    pub(super) fn next_files(&self) -> EpochFiles {
        EpochFiles::numbered(&self.dir, self.store, self.slots.read().len() + 1)
    }

    /// Adds an epoch that is open already, behind the one that ends here.
    pub(super) fn push(&self, files: EpochFiles, epoch: Arc<dyn Epoch>, after: LogHead) {
        let slot = Slot::new(files, after.last_seq + 1, None);
        *slot.handle.lock() = Some(epoch);
        let mut slots = self.slots.write();
        if let Some(full) = slots.last() {
            full.end.set(after).expect("an epoch is filled only once");
            full.used
                .store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            self.open.lock().push(Arc::clone(full));
        }
        slots.push(Arc::new(slot));
        drop(slots);
        self.close_surplus();
    }

    /// What the manifest has to say of them.
    pub(super) fn entries(&self) -> Vec<EpochEntry> {
        let slots = self.slots.read();
        let entry = |slot: &Arc<Slot>| EpochEntry {
            name: slot.files.name().to_owned(),
            first_seq: slot.first_seq,
            end: slot.end.get().copied(),
        };
        slots.iter().map(entry).collect()
    }

    /// The epoch that is written to.
    pub(super) fn active(&self) -> Arc<Slot> {
        Arc::clone(self.slots.read().last().expect("a log has an epoch"))
    }

    /// The epoch in which this record is, or would be.
    fn holding(&self, seq: u64) -> Arc<Slot> {
        let slots = self.slots.read();
        Arc::clone(&slots[place_of(seq, &slots)])
    }

    /// That epoch and those after it.
    pub(super) fn from(&self, seq: u64) -> Vec<Arc<Slot>> {
        let slots = self.slots.read();
        slots[place_of(seq, &slots)..].to_vec()
    }

    /// The last block that does not begin after this record.
    pub(super) fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        let slot = self.holding(seq);
        loop {
            let epoch = self.open(&slot)?;
            match epoch.block_at(seq) {
                // It was closed in the background between the two calls.
                Err(StoreError::Closed) if !self.has_ended.load(Ordering::Acquire) => {}
                outcome => return outcome,
            }
        }
    }

    /// Whether a block ends exactly at this head.
    pub(super) fn reaches(&self, head: LogHead) -> Result<bool, StoreError> {
        if head == LogHead::EMPTY {
            return Ok(true);
        }
        // What the manifest says of a full epoch is compared with its last block when it is opened.
        if let Some(end) = self.holding(head.last_seq).end()
            && end.last_seq == head.last_seq
        {
            return Ok(end == head);
        }
        let block = self.block_at(head.last_seq)?;
        Ok(block.is_some_and(|block| end_of(&block) == head))
    }

    /// Where the last block ends; the epoch that is written to may have none yet.
    pub(super) fn last_end(&self) -> Result<LogHead, StoreError> {
        if let Some(block) = self.block_at(u64::MAX)? {
            return Ok(end_of(&block));
        }
        let slots = self.slots.read();
        let full = slots.iter().rev().find_map(|slot| slot.end());
        Ok(full.unwrap_or(LogHead::EMPTY))
    }

    /// The epoch, opened if it is not.
    pub(super) fn open(&self, slot: &Arc<Slot>) -> Result<Arc<dyn Epoch>, StoreError> {
        slot.used
            .store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut handle = slot.handle.lock();
        if let Some(epoch) = &*handle {
            return Ok(Arc::clone(epoch));
        }
        if self.has_ended.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let files = slot.files.clone();
        let edges = slot.end.get().map(|end| (slot.first_seq, *end));
        let epoch = guard::on_thread(&slot.files.place(), move || {
            let epoch = files.open()?;
            if let Some((first_seq, end)) = edges {
                check_edges(&*epoch, &files, first_seq, end)?;
            }
            Ok(epoch)
        })?;
        *handle = Some(Arc::clone(&epoch));
        drop(handle);
        if edges.is_some() {
            self.open.lock().push(Arc::clone(slot));
            self.close_surplus();
        }
        Ok(epoch)
    }

    /// Closes the full epochs that were not used for longest, in the background where there is one.
    fn close_surplus(&self) {
        let mut open = self.open.lock();
        let mut closings = self.closings.lock();
        closings.retain(|closing| !closing.is_finished());
        // One more is the epoch that is written to.
        while open.len() + 1 > EPOCHS_OPEN_MAX {
            let used = |slot: &Arc<Slot>| slot.used.load(Ordering::Relaxed);
            let oldest = (0..open.len()).min_by_key(|&at| used(&open[at]));
            let slot = open.swap_remove(oldest.expect("there are too many, so there is one"));
            if !self.background {
                drop(slot.close());
                continue;
            }
            let closing = thread::Builder::new()
                .name("ledger-store-close".to_owned())
                // Whatever goes wrong, its blocks are durable, and who reads it next is told.
                .spawn(move || drop(slot.close()));
            closings.extend(closing.ok());
        }
    }

    /// Says that they are a sound log.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    /// Has the stores not touch any more what is open, see [`Epoch::abandon`].
    pub(super) fn abandon(&self) {
        for slot in &*self.slots.read() {
            if let Some(epoch) = &*slot.handle.lock() {
                epoch.abandon();
            }
        }
    }

    /// Lets go of everything, the epoch that is written to last; gives the first thing that went wrong.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        self.has_ended.store(true, Ordering::Release);
        for closing in self.closings.lock().drain(..) {
            // What it did is reported to nobody, see above.
            let _ = closing.join();
        }
        self.open.lock().clear();
        let slots = self.slots.read().clone();
        let mut outcome = Ok(());
        for slot in slots {
            outcome = outcome.and(slot.close());
        }
        outcome
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        if !self.has_begun.load(Ordering::Acquire) {
            // Nobody knows how far the damage goes that ended the opening, and a store that closes what is
            // damaged can end the process.
            self.abandon();
        }
        // There is nobody to tell, but whoever opens the log next must not find it still in use.
        let _ = self.end();
    }
}

impl Slot {
    fn new(files: EpochFiles, first_seq: u64, end: Option<LogHead>) -> Self {
        Self {
            files,
            first_seq,
            end: end.map_or_else(OnceLock::new, OnceLock::from),
            handle: Mutex::new(None),
            used: AtomicU64::new(0),
        }
    }

    /// Where it ends, if it is full.
    pub(super) fn end(&self) -> Option<LogHead> {
        self.end.get().copied()
    }

    fn close(&self) -> Result<(), StoreError> {
        let mut handle = self.handle.lock();
        handle.take().map_or(Ok(()), |epoch| epoch.end())
    }
}

/// The first epoch begins with the first record, so there is one for every record.
fn place_of(seq: u64, slots: &[Arc<Slot>]) -> usize {
    let behind = slots.partition_point(|slot| slot.first_seq <= seq);
    behind.saturating_sub(1)
}

/// Checks that a full epoch begins and ends as the manifest says, without reading what is between.
fn check_edges(
    epoch: &dyn Epoch,
    files: &EpochFiles,
    first_seq: u64,
    end: LogHead,
) -> Result<(), StoreError> {
    let mut first = None;
    epoch.each_from(0, &mut |block| {
        first = Some(block.first_seq());
        ControlFlow::Break(())
    })?;
    if first != Some(first_seq) {
        let what = format!("does not begin with record {first_seq}, as {MANIFEST} says");
        return Err(StoreError::damaged(files.place(), what));
    }
    let last = epoch.block_at(u64::MAX)?;
    if last.map(|block| end_of(&block)) != Some(end) {
        let what = format!(
            "does not end with the record {} of {MANIFEST}",
            end.last_seq
        );
        return Err(StoreError::damaged(files.place(), what));
    }
    Ok(())
}
