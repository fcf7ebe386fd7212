//! Opening a log: decide what was left behind, check it, let sled have it, check every record.

use std::fs::{self, File};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::{
    DirLock, HEAD, HeadFile, LOG, LOG_CONF, LOG_DB, MANIFEST, Shared, SledLog, from_sled, one_line,
    refuse_blobs, sequence_of, snapshots,
};
use crate::block::Block;
use crate::error::StoreError;
use crate::event_log::LogHead;
use crate::guard;
use crate::head::LastExit;
use crate::manifest::{FileSum, MANIFEST_NEW, Manifest, State, sync_dir};

/// The largest that sled takes. Larger segments let larger values stay out of blob files.
const SEGMENT_BYTES: usize = 16 << 20;

/// Nearly everything is read once, at opening; recent blocks are kept decoded elsewhere.
const CACHE_BYTES: u64 = 64 << 20;

/// How long the opening may show no progress. Opening scans what was written since the last time,
/// 0.2 s per million records where measured; this allows for hundreds of millions on a slow disk.
const SILENCE_MAX: Duration = Duration::from_secs(900);

/// Blocks read ahead of the visitor, so that reading and folding use two processors.
const READ_AHEAD_BLOCKS: usize = 16;

/// How often, and how far apart, a lock on `log/db` is tried. Our own lock is already held, so the
/// other holder is a child being forked at this moment, or a log of this process that sled left
/// unusable.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What the opening thread tells.
enum Progress {
    Block(Block),
    End(Result<(sled::Db, LogHead), StoreError>),
}

pub(super) fn open(
    dir: &Path,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<SledLog, StoreError> {
    create_dir(dir)?;
    refuse_foreign(dir)?;
    let lock = DirLock::take(dir)?;
    let left = check_what_was_left(dir)?;
    let expected = left.as_ref().map_or(LogHead::EMPTY, |(_, head)| *head);
    let (db, head) = scan_in_thread(dir, expected, visit)?;
    let shared = Shared::new(db, head.last_seq);
    finish(
        dir,
        lock,
        shared,
        left.map(|(head_file, _)| head_file),
        head,
    )
}

/// Makes what opening itself may have written durable, and only then lets `HEAD` say so.
fn finish(
    dir: &Path,
    lock: DirLock,
    shared: Shared,
    head_file: Option<HeadFile>,
    head: LogHead,
) -> Result<SledLog, StoreError> {
    refuse_blobs(dir)?;
    let path = dir.join(LOG_DB);
    let db_file = File::open(&path).map_err(StoreError::io(&path))?;
    db_file.sync_all().map_err(StoreError::io(&path))?;
    let head_file = match head_file {
        Some(mut head_file) => {
            head_file.renew(head)?;
            head_file
        }
        None => {
            sync_dir(&dir.join(LOG))?;
            let head_file = HeadFile::create(dir)?;
            mark_open(dir)?;
            head_file
        }
    };
    Ok(SledLog {
        dir: dir.to_owned(),
        shared: shared.into(),
        db_file,
        head_file,
        head,
        poisoned: false,
        _lock: lock,
    })
}

fn create_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(Path::new(".")),
    }
}

/// Refuses a directory that is not a log's but has something in it: it is somebody's, or a log that
/// lost its manifest. Before even the lock is put there.
fn refuse_foreign(dir: &Path) -> Result<(), StoreError> {
    if dir.join(MANIFEST).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(StoreError::io(dir))? {
        let name = entry.map_err(StoreError::io(dir))?.file_name();
        // These two are what a creation that was cut short may have left.
        if name != super::LOCK && name != MANIFEST_NEW {
            let what = format!("is missing, yet {} exists", name.to_string_lossy());
            return Err(StoreError::damaged(MANIFEST, what));
        }
    }
    Ok(())
}

/// Checks everything that can be checked without sled; nothing is there when the log is new.
fn check_what_was_left(dir: &Path) -> Result<Option<(HeadFile, LogHead)>, StoreError> {
    let Some(manifest) = Manifest::load(dir)? else {
        begin_creating(dir)?;
        return Ok(None);
    };
    match manifest.state {
        State::Creating => {
            discard_unfinished(dir)?;
            Ok(None)
        }
        State::Open => {
            check_files(dir, &manifest)?;
            discard_unfinished_snapshots(dir)?;
            HeadFile::load(dir, LastExit::Crashed).map(Some)
        }
        State::Closed => {
            check_files(dir, &manifest)?;
            let left = HeadFile::load(dir, LastExit::Closed)?;
            // From here on the files may change, so they must no longer be held against the closing.
            mark_open(dir)?;
            Ok(Some(left))
        }
    }
}

/// The configuration never changes, so it is checked even after a crash.
fn mark_open(dir: &Path) -> Result<(), StoreError> {
    let files = vec![FileSum::take(dir, LOG_CONF)?];
    Manifest {
        state: State::Open,
        files,
    }
    .store(dir)
}

fn begin_creating(dir: &Path) -> Result<(), StoreError> {
    Manifest {
        state: State::Creating,
        files: Vec::new(),
    }
    .store(dir)
}

/// No record is acknowledged before the creation is complete, so what is there can go.
fn discard_unfinished(dir: &Path) -> Result<(), StoreError> {
    if let Ok((_, head)) = HeadFile::load(dir, LastExit::Closed)
        && head != LogHead::EMPTY
    {
        let what = format!(
            "speaks of a log not yet created, yet HEAD has record {}",
            head.last_seq
        );
        return Err(StoreError::damaged(MANIFEST, what));
    }
    let log = dir.join(LOG);
    if log.exists() {
        fs::remove_dir_all(&log).map_err(StoreError::io(&log))?;
    }
    Ok(())
}

/// sled writes a snapshot under another name first, but when killed in between it takes that half of a
/// file for the newest snapshot and refuses to open.
fn discard_unfinished_snapshots(dir: &Path) -> Result<(), StoreError> {
    for name in snapshots(dir)?
        .iter()
        .filter(|name| name.ends_with(".generating"))
    {
        let path = dir.join(name);
        fs::remove_file(&path).map_err(StoreError::io(&path))?;
    }
    Ok(())
}

fn check_files(dir: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    for name in [HEAD, LOG, LOG_DB, LOG_CONF] {
        // sled would quietly create what is not there.
        if !dir.join(name).exists() {
            return Err(StoreError::damaged(name, "is missing"));
        }
    }
    for file in &manifest.files {
        // A snapshot only shortens sled's opening, so one may be deleted, but not changed.
        if dir.join(&file.name).exists() || !file.name.starts_with("log/snap.") {
            file.check(dir)?;
        }
    }
    if manifest.state == State::Closed {
        for name in snapshots(dir)? {
            if manifest.file(&name).is_none() {
                return Err(StoreError::damaged(
                    name,
                    "was not there when the log was closed",
                ));
            }
        }
    }
    refuse_blobs(dir)
}

/// Runs sled on a thread of its own, so that it can panic or hang without harm.
fn scan_in_thread(
    dir: &Path,
    expected: LogHead,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<(sled::Db, LogHead), StoreError> {
    let (sender, receiver) = mpsc::sync_channel(READ_AHEAD_BLOCKS);
    let thread_dir = dir.to_owned();
    let scanning = thread::Builder::new()
        .name("ledger-store-open".to_owned())
        .spawn(move || {
            let end = guard::quietly(|| open_and_scan(&thread_dir, expected, &sender));
            // Nobody listens when the visitor failed; then this drops sled in order.
            let _ = guard::quietly(|| {
                drop(sender.send(Progress::End(end)));
                Ok(())
            });
        })
        .map_err(StoreError::io(dir))?;
    let outcome = receive(&receiver, visit);
    drop(receiver);
    if !matches!(outcome, Err(StoreError::OpenTimedOut { .. })) {
        // Its result went through the channel, and its panics were caught.
        let _ = scanning.join();
    }
    outcome
}

fn receive(
    receiver: &Receiver<Progress>,
    visit: &mut dyn FnMut(&Block) -> Result<(), StoreError>,
) -> Result<(sled::Db, LogHead), StoreError> {
    loop {
        match receiver.recv_timeout(SILENCE_MAX) {
            Ok(Progress::Block(block)) => visit(&block)?,
            Ok(Progress::End(end)) => return end,
            Err(RecvTimeoutError::Timeout) => {
                return Err(StoreError::OpenTimedOut {
                    silence_s: SILENCE_MAX.as_secs(),
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StoreError::damaged(
                    LOG_DB,
                    "stopped the thread that opened it",
                ));
            }
        }
    }
}

fn open_and_scan(
    dir: &Path,
    expected: LogHead,
    sender: &SyncSender<Progress>,
) -> Result<(sled::Db, LogHead), StoreError> {
    // A panic below must not drop it: sled panicking again while it is dropped would end the process.
    let db = ManuallyDrop::new(open_sled(dir)?);
    let outcome = check_records(dir, &db, expected, sender);
    let db = ManuallyDrop::into_inner(db);
    Ok((db, outcome?))
}

fn open_sled(dir: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(dir.join(LOG))
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None)
        .use_compression(false);
    for _ in 1..LOCK_ATTEMPTS {
        match config.open() {
            Err(error) if is_lock(&error) => thread::sleep(LOCK_PAUSE),
            other => return other.map_err(|error| from_sled(dir, error)),
        }
    }
    config.open().map_err(|error| {
        if is_lock(&error) {
            StoreError::Locked {
                dir: PathBuf::from(dir),
            }
        } else {
            from_sled(dir, error)
        }
    })
}

/// sled has no kind of error for this, only a text; the version is pinned.
fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(_)) && one_line(error).contains("could not acquire lock")
}

/// Reads every block from the first and checks that nothing is missing before `expected`.
fn check_records(
    dir: &Path,
    db: &sled::Db,
    expected: LogHead,
    sender: &SyncSender<Progress>,
) -> Result<LogHead, StoreError> {
    let mut head = LogHead::EMPTY;
    let mut met = expected == LogHead::EMPTY;
    for entry in db.iter() {
        let (key, value) = entry.map_err(|error| from_sled(dir, error))?;
        let first_seq = sequence_of(&key)?;
        if first_seq != head.last_seq + 1 {
            let what = format!("is missing from log/db, which goes on with record {first_seq}");
            return Err(StoreError::damaged(
                format!("record {}", head.last_seq + 1),
                what,
            ));
        }
        let block = Block::decode(value.to_vec(), first_seq)?;
        block.verify_chain(head.chain)?;
        head = LogHead {
            last_seq: block.last_seq(),
            chain: block.chain(),
        };
        met |= head == expected;
        if sender.send(Progress::Block(block)).is_err() {
            // The visitor failed and its error is reported; sled did nothing wrong and is dropped.
            return Ok(head);
        }
    }
    if met {
        return Ok(head);
    }
    let what = if head.last_seq < expected.last_seq {
        format!(
            "ends with record {}, yet HEAD has record {}",
            head.last_seq, expected.last_seq
        )
    } else {
        format!(
            "has other records up to {} than HEAD says",
            expected.last_seq
        )
    };
    Err(StoreError::damaged(LOG_DB, what))
}
