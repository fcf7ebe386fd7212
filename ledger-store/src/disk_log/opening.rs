//! Opening a log: decide what was left behind, check it, let the store have it, check the records.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::epochs::Epochs;
use super::scan::{Scan, other_records, scan_here, scan_in_thread};
use super::{Appended, DiskLog, LogOptions, Shared};
use crate::block::Block;
use crate::data_dir::{DataDir, DirLock};
use crate::disk::Access;
use crate::epoch::{Epoch, EpochFiles, LOG, StoreKind};
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::guard;
use crate::head::{HEAD, HeadFile, LastExit};
use crate::manifest::{EpochEntry, FileSum, MANIFEST, Manifest, State, VERSION};
use crate::sled_log;

/// A log whose files are sound and whose last epoch is open, but whose records were not read.
///
/// Dropping it leaves the log as a crash would.
pub struct Opening {
    dir: DataDir,
    options: LogOptions,
    store: StoreKind,
    epochs: Arc<Epochs>,
    active: Arc<dyn Epoch>,
    constant: Vec<FileSum>,
    /// The manifest was written by an earlier program.
    is_older: bool,
    /// With where the log at least ends; nothing when the log is new.
    head_file: Option<(HeadFile, LogHead)>,
    // Last, so that it is released after everything else.
    lock: DirLock,
}

pub(super) fn begin(dir: DataDir, options: LogOptions) -> Result<Opening, StoreError> {
    dir.create()?;
    dir.refuse_foreign()?;
    let lock = DirLock::take(&dir)?;
    match Manifest::load(&dir)? {
        Some(manifest) if manifest.state != State::Creating => {
            open_existing(dir, options, lock, manifest)
        }
        left => {
            refuse_records(&dir)?;
            create(dir, options, lock, left.map(|begun| begun.store))
        }
    }
}

fn create(
    dir: DataDir,
    options: LogOptions,
    lock: DirLock,
    begun: Option<StoreKind>,
) -> Result<Opening, StoreError> {
    let store = options.store.or(begun).unwrap_or_default();
    refuse_foreign_disk(&dir, store)?;
    dir.sync_path()?;
    let creating = Manifest {
        version: VERSION,
        state: State::Creating,
        store,
        epochs: Vec::new(),
        files: Vec::new(),
    };
    creating.store(&dir)?;
    if begun.is_some() {
        // No record is acknowledged before the creation is complete, so what is there can go.
        EpochFiles::new(&dir, store, LOG).remove()?;
    }
    let epochs = Epochs::new(&dir, store, &[], options.background);
    let files = epochs.next_files();
    let thread_files = files.clone();
    let active = guard::on_thread(&files.place(), move || thread_files.create())?;
    let constant = sums(&dir, files.constant_files())?;
    epochs.push(files, Arc::clone(&active), LogHead::EMPTY);
    Ok(Opening {
        dir,
        options,
        store,
        epochs: Arc::new(epochs),
        active,
        constant,
        is_older: false,
        head_file: None,
        lock,
    })
}

fn open_existing(
    dir: DataDir,
    options: LogOptions,
    lock: DirLock,
    manifest: Manifest,
) -> Result<Opening, StoreError> {
    let store = manifest.store;
    let is_older = manifest.version < VERSION;
    if let Some(asked) = options.store.filter(|asked| *asked != store) {
        return Err(StoreError::StoreKindMismatch {
            dir: dir.path().to_owned(),
            found: store,
            asked,
        });
    }
    refuse_foreign_disk(&dir, store)?;
    // The last process may have been stopped between putting this manifest in place and making its name
    // durable. Nothing may rest on it before that, or a power cut could bring back the one before.
    dir.sync()?;
    check_files(&dir, &manifest)?;
    let last_exit = match manifest.state {
        State::Closed => LastExit::Closed,
        State::Open | State::Creating => LastExit::Crashed,
    };
    let (mut head_file, promised) = HeadFile::load(&dir, last_exit)?;
    if last_exit == LastExit::Crashed {
        // Whatever it shows was true when it was written, even where a sync that failed kept it off the disk.
        head_file.renew(promised)?;
        forget_unwritten(&dir, &manifest)?;
    }
    let epochs = Epochs::new(&dir, store, &manifest.epochs, options.background);
    let constant = constant_sums(&dir, store, &manifest)?;
    if manifest.state == State::Closed {
        // From here on the files may change, so they must no longer be held against the closing.
        let open = Manifest {
            state: State::Open,
            files: constant.clone(),
            ..manifest
        };
        open.store(&dir)?;
    }
    let active = epochs.open(&epochs.active())?;
    Ok(Opening {
        dir,
        options,
        store,
        epochs: Arc::new(epochs),
        active,
        constant,
        is_older,
        head_file: Some((head_file, promised)),
        lock,
    })
}

/// The process before may have ended at a sync that failed. What was to be written then may be lost, and
/// the kernel show it all the same; a record found there would be gone after the next power cut. So what
/// counts is what is on the disk. Epochs before the last were full, and synced, before a manifest said so.
///
/// It may also have ended after the manifest was put in its place and before that was durable; nothing may
/// be written on the strength of it until it is.
fn forget_unwritten(dir: &DataDir, manifest: &Manifest) -> Result<(), StoreError> {
    let names = match manifest.epochs.last() {
        Some(entry) => files_of(dir, manifest.store, entry).changing_files()?,
        None => Vec::new(),
    };
    for name in names {
        if let Some(file) = dir.open_present(&name, Access::Write)? {
            let path = dir.join(&name);
            file.sync_and_forget().map_err(StoreError::io(&path))?;
        }
    }
    dir.sync()
}

fn refuse_foreign_disk(dir: &DataDir, store: StoreKind) -> Result<(), StoreError> {
    match store {
        StoreKind::Sled if !dir.disk().is_os() => Err(StoreError::StoreNeedsOs { store }),
        StoreKind::Sled | StoreKind::Redb => Ok(()),
    }
}

/// A creation that was cut short left no record, or the manifest lies.
fn refuse_records(dir: &DataDir) -> Result<(), StoreError> {
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

fn check_files(dir: &DataDir, manifest: &Manifest) -> Result<(), StoreError> {
    for name in [HEAD, LOG] {
        if !dir.has(name)? {
            return Err(StoreError::damaged(name, "is missing"));
        }
    }
    for entry in &manifest.epochs {
        files_of(dir, manifest.store, entry).check_present()?;
    }
    for file in &manifest.files {
        // A snapshot may be deleted, but not changed.
        if !sled_log::is_snapshot(&file.name) || dir.has(&file.name)? {
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

fn files_of(dir: &DataDir, store: StoreKind, entry: &EpochEntry) -> EpochFiles {
    EpochFiles::new(dir, store, &entry.name)
}

/// The checksums of the files that never change, which are checked even after a crash.
fn constant_sums(
    dir: &DataDir,
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

fn sums(dir: &DataDir, names: Vec<String>) -> Result<Vec<FileSum>, StoreError> {
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

    /// Where the last block of the log ends. Reads that one block at most.
    ///
    /// # Errors
    ///
    /// When the block is there but cannot be read as it was written.
    pub fn end(&self) -> Result<LogHead, StoreError> {
        self.epochs.last_end()
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
        let head = self.scan(covered, visit)?;
        self.into_log(head)
    }

    /// The first half of [`Self::finish`], which writes nothing: gives where the log ends.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub(crate) fn scan(
        &self,
        covered: LogHead,
        visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
    ) -> Result<LogHead, StoreError> {
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
        if self.options.background {
            scan_in_thread(&self.place(), scan, visit)
        } else {
            scan_here(&self.place(), scan, visit)
        }
    }

    fn place(&self) -> String {
        self.epochs.active().files.place()
    }

    /// The second half of [`Self::finish`]: the log, which ends where [`Self::scan`] said.
    ///
    /// # Errors
    /// What goes wrong while the directory is made that of an open log.
    pub(crate) fn into_log(self, head: LogHead) -> Result<DiskLog, StoreError> {
        let is_new = self.head_file.is_none();
        let head_file = match self.head_file {
            Some((mut head_file, _)) => {
                head_file.renew(head)?;
                head_file
            }
            None => {
                let head_file = HeadFile::create(&self.dir)?;
                // Before the manifest says that the log is there, and so its `HEAD`.
                self.dir.sync()?;
                head_file
            }
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
                read: Mutex::default(),
                ends: Mutex::default(),
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
        // Before anything is put that an earlier program would take for damage.
        if is_new || self.is_older {
            log.store_manifest(State::Open, log.constant.clone())?;
        }
        log.shared.epochs.begin();
        Ok(log)
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening")
            .field("dir", &self.dir.path())
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Removes an epoch that was prepared and never written to.
///
/// One that was written to is listed, always. If it is not, the manifest is of another time than the
/// log, and nobody but its owner may decide which is right.
fn remove_unlisted(
    dir: &DataDir,
    store: StoreKind,
    entries: &[EpochEntry],
) -> Result<(), StoreError> {
    let next = EpochFiles::numbered(dir, store, entries.len() + 1);
    if !dir.has(next.name())? {
        return Ok(());
    }
    let files = next.clone();
    let has_records = guard::on_thread(&next.place(), move || {
        let epoch = files.open()?;
        let last = epoch.block_at(u64::MAX)?;
        epoch.end()?;
        Ok(last.is_some())
    });
    match has_records {
        Ok(true) => {
            let what = format!("has records, yet {MANIFEST} does not list it");
            Err(StoreError::damaged(next.name(), what))
        }
        // It was not even finished when the process ended.
        Ok(false) | Err(StoreError::Damaged { .. }) => next.remove(),
        Err(error) => Err(error),
    }
}
