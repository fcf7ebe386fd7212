//! Opening a log: decide what was left behind, check it, let the store have it, check the records.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;

use parking_lot::Mutex;

use super::epochs::{Epochs, Slot, end_of};
use super::{Appended, DiskLog, LogOptions, Shared};
use crate::block::Block;
use crate::data_dir::{self, DirLock};
use crate::epoch::{Epoch, EpochFiles, LOG, StoreKind};
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::guard::{self, SILENCE_MAX};
use crate::head::{HEAD, HeadFile, LastExit};
use crate::manifest::{EpochEntry, FileSum, MANIFEST, Manifest, State};
use crate::sled_log;

/// Blocks read ahead of the visitor, so that reading and folding use two processors.
const READ_AHEAD_BLOCKS: usize = 16;

/// A log whose files are sound and whose last epoch is open, but whose records were not read.
///
/// Dropping it leaves the log as a crash would.
pub struct Opening {
    dir: PathBuf,
    options: LogOptions,
    store: StoreKind,
    epochs: Arc<Epochs>,
    active: Arc<dyn Epoch>,
    constant: Vec<FileSum>,
    /// With what it says; nothing when the log is new.
    head_file: Option<(HeadFile, LogHead)>,
    // Last, so that it is released after everything else.
    lock: DirLock,
}

pub(super) fn begin(dir: &Path, options: LogOptions) -> Result<Opening, StoreError> {
    data_dir::create(dir)?;
    data_dir::refuse_foreign(dir)?;
    let lock = DirLock::take(dir)?;
    match Manifest::load(dir)? {
        Some(manifest) if manifest.state != State::Creating => {
            open_existing(dir, options, lock, manifest)
        }
        left => {
            refuse_records(dir)?;
            create(dir, options, lock, left.is_some())
        }
    }
}

fn create(
    dir: &Path,
    options: LogOptions,
    lock: DirLock,
    was_begun: bool,
) -> Result<Opening, StoreError> {
    let store = options.store.unwrap_or_default();
    let creating = Manifest {
        state: State::Creating,
        store,
        epochs: Vec::new(),
        files: Vec::new(),
    };
    creating.store(dir)?;
    if was_begun {
        // No record is acknowledged before the creation is complete, so what is there can go.
        EpochFiles::new(dir, store, LOG).remove()?;
    }
    let epochs = Epochs::new(dir, store, &[]);
    let files = epochs.next_files();
    let thread_files = files.clone();
    let active = guard::on_thread(&files.place(), move || thread_files.create())?;
    let constant = sums(dir, files.constant_files())?;
    epochs.push(files, Arc::clone(&active), LogHead::EMPTY);
    Ok(Opening {
        dir: dir.to_owned(),
        options,
        store,
        epochs: Arc::new(epochs),
        active,
        constant,
        head_file: None,
        lock,
    })
}

fn open_existing(
    dir: &Path,
    options: LogOptions,
    lock: DirLock,
    manifest: Manifest,
) -> Result<Opening, StoreError> {
    let store = manifest.store;
    if let Some(asked) = options.store.filter(|asked| *asked != store) {
        return Err(StoreError::StoreKindMismatch {
            dir: dir.to_owned(),
            found: store,
            asked,
        });
    }
    check_files(dir, &manifest)?;
    let last_exit = match manifest.state {
        State::Closed => LastExit::Closed,
        State::Open | State::Creating => LastExit::Crashed,
    };
    let head_file = HeadFile::load(dir, last_exit)?;
    let epochs = Epochs::new(dir, store, &manifest.epochs);
    let constant = constant_sums(dir, store, &manifest)?;
    if manifest.state == State::Closed {
        // From here on the files may change, so they must no longer be held against the closing.
        let open = Manifest {
            state: State::Open,
            files: constant.clone(),
            ..manifest
        };
        open.store(dir)?;
    }
    let active = epochs.open(&epochs.active())?;
    Ok(Opening {
        dir: dir.to_owned(),
        options,
        store,
        epochs: Arc::new(epochs),
        active,
        constant,
        head_file: Some(head_file),
        lock,
    })
}

/// A creation that was cut short left no record, or the manifest lies.
fn refuse_records(dir: &Path) -> Result<(), StoreError> {
    if let Ok((_, head)) = HeadFile::load(dir, LastExit::Closed)
        && head != LogHead::EMPTY
    {
        let what = format!(
            "speaks of a log not yet created, yet HEAD has record {}",
            head.last_seq
        );
        return Err(StoreError::damaged(MANIFEST, what));
    }
    Ok(())
}

fn check_files(dir: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    for name in [HEAD, LOG] {
        if !dir.join(name).exists() {
            return Err(StoreError::damaged(name, "is missing"));
        }
    }
    for entry in &manifest.epochs {
        files_of(dir, manifest.store, entry).check_present()?;
    }
    for file in &manifest.files {
        // A snapshot may be deleted, but not changed.
        if dir.join(&file.name).exists() || !sled_log::is_snapshot(&file.name) {
            file.check(dir)?;
        }
    }
    if manifest.state == State::Closed
        && let Some(active) = manifest.epochs.last()
    {
        for name in files_of(dir, manifest.store, active).changing_files()? {
            if manifest.file(&name).is_none() {
                let what = "was not there when the log was closed";
                return Err(StoreError::damaged(name, what));
            }
        }
    }
    Ok(())
}

fn files_of(dir: &Path, store: StoreKind, entry: &EpochEntry) -> EpochFiles {
    EpochFiles::new(dir, store, &entry.name)
}

/// The checksums of the files that never change, which are checked even after a crash.
fn constant_sums(
    dir: &Path,
    store: StoreKind,
    manifest: &Manifest,
) -> Result<Vec<FileSum>, StoreError> {
    let entries = manifest.epochs.iter();
    let names = entries.flat_map(|entry| files_of(dir, store, entry).constant_files());
    let known = names.map(|name| match manifest.file(&name) {
        Some(sum) => Ok(sum.clone()),
        None => Err(StoreError::damaged(
            MANIFEST,
            format!("does not have the checksum of {name}"),
        )),
    });
    known.collect()
}

fn sums(dir: &Path, names: Vec<String>) -> Result<Vec<FileSum>, StoreError> {
    names.iter().map(|name| FileSum::take(dir, name)).collect()
}

impl Opening {
    /// Where `HEAD` says that the log at least ends.
    #[must_use]
    pub fn promised(&self) -> LogHead {
        match &self.head_file {
            Some((_, head)) => *head,
            None => LogHead::EMPTY,
        }
    }

    /// Whether a block of the log ends exactly at this head. Reads that one block at most.
    ///
    /// Before the first block is always reached.
    ///
    /// # Errors
    ///
    /// When the block is there but cannot be read as it was written.
    pub fn reaches(&mut self, head: LogHead) -> Result<bool, StoreError> {
        self.epochs.reaches(head)
    }

    /// Hands every block after `covered` to `visit`, in order, each checked: that it is what was
    /// written, and that it continues the sequence and the hash chain. Then gives the log.
    ///
    /// `covered` must be reached; nothing before it is read, except one block where `HEAD` speaks of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when a block is not what was written, or when the log does not reach to
    /// where `HEAD` says; and whatever `visit` returns. What was visited counts only when this
    /// succeeds: damage may be found after blocks were handed out.
    pub fn finish(
        self,
        covered: LogHead,
        visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
    ) -> Result<DiskLog, StoreError> {
        let expected = self.promised();
        let met = expected.last_seq <= covered.last_seq;
        if met && !self.epochs.reaches(expected)? {
            return Err(other_records(&self.place(), expected));
        }
        let scan = Scan {
            epochs: Arc::clone(&self.epochs),
            head: covered,
            expected,
            met,
        };
        let head = scan_in_thread(&self.place(), scan, visit)?;
        self.into_log(head)
    }

    fn place(&self) -> String {
        self.epochs.active().files.place()
    }

    fn into_log(self, head: LogHead) -> Result<DiskLog, StoreError> {
        let is_new = self.head_file.is_none();
        let head_file = match self.head_file {
            Some((mut head_file, _)) => {
                head_file.renew(head)?;
                head_file
            }
            None => HeadFile::create(&self.dir)?,
        };
        // Only now is it certain that the manifest speaks of this log.
        remove_unlisted(&self.dir, self.store, &self.epochs.entries())?;
        let log = DiskLog {
            dir: self.dir,
            options: self.options,
            store: self.store,
            active_first_seq: self.epochs.active().first_seq,
            shared: Arc::new(Shared {
                epochs: self.epochs,
                durable_seq: AtomicU64::new(head.last_seq),
                recent: Mutex::default(),
            }),
            active: self.active,
            constant: self.constant,
            next: None,
            appended: Appended::default(),
            head_file,
            head,
            poisoned: false,
            _lock: self.lock,
        };
        if is_new {
            log.store_manifest(State::Open, log.constant.clone())?;
        }
        Ok(log)
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening")
            .field("dir", &self.dir)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Removes an epoch that was prepared and never written to.
fn remove_unlisted(dir: &Path, store: StoreKind, entries: &[EpochEntry]) -> Result<(), StoreError> {
    let next = EpochFiles::numbered(dir, store, entries.len() + 1);
    if fs::exists(dir.join(next.name())).map_err(StoreError::io(dir))? {
        next.remove()?;
    }
    Ok(())
}

/// What the scanning thread tells.
enum Progress {
    Block(Block),
    End(Result<LogHead, StoreError>),
}

/// Reads on a thread of its own, so that a store can panic or hang without harm.
fn scan_in_thread(
    place: &str,
    scan: Scan,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<LogHead, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(READ_AHEAD_BLOCKS);
    let thread_place = place.to_owned();
    let scanning = thread::Builder::new()
        .name("ledger-store-scan".to_owned())
        .spawn(move || {
            let end = guard::quietly(&thread_place, || scan.run(&sender));
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
struct Scan {
    epochs: Arc<Epochs>,
    /// Where the log ends as far as it was read.
    head: LogHead,
    /// What `HEAD` says.
    expected: LogHead,
    /// Whether the log has been seen to reach it.
    met: bool,
}

impl Scan {
    fn run(mut self, sender: &SyncSender<Progress>) -> Result<LogHead, StoreError> {
        let slots = self.epochs.from(self.head.last_seq + 1);
        let active = self.epochs.active().files.place();
        for slot in slots {
            if !self.read(&slot, sender)? {
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
        sender: &SyncSender<Progress>,
    ) -> Result<bool, StoreError> {
        let place = slot.files.place();
        let epoch = self.epochs.open(slot)?;
        let mut outcome = Ok(true);
        epoch.each_from(self.head.last_seq + 1, &mut |block| {
            outcome = self
                .check(&place, &block)
                .map(|()| sender.send(Progress::Block(block)).is_ok());
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

fn other_records(place: &str, expected: LogHead) -> StoreError {
    let what = format!(
        "has other records up to {} than HEAD says",
        expected.last_seq
    );
    StoreError::damaged(place, what)
}
