//! The data directory: who may use it, and what names are in it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::StoreError;
use crate::manifest::{MANIFEST, MANIFEST_NEW};

/// Name of the file that is locked while a process has the directory open.
pub(crate) const LOCK: &str = "LOCK";

/// Name of the socket at which a process that has the directory open may be asked.
pub const CONTROL: &str = "CONTROL";

/// The lock on a data directory, held until dropped.
#[derive(Debug)]
pub(crate) struct DirLock(File);

impl DirLock {
    /// Takes the lock, or says that somebody else has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked {
                dir: dir.to_owned(),
            }),
            Err(fs::TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
        }
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // Closing the file is not enough when a process is just being forked, since the child holds
        // a copy of the descriptor for a moment.
        let _ = self.0.unlock();
    }
}

/// Creates the directory and whatever is missing above it.
pub(crate) fn create(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
    sync_above(dir)
}

/// Refuses a directory that is not a log's but has something in it: it is somebody's, or a log that
/// lost its manifest. Before even the lock is put there.
pub(crate) fn refuse_foreign(dir: &Path) -> Result<(), StoreError> {
    if dir.join(MANIFEST).exists() {
        return Ok(());
    }
    let names = names_in(dir)?;
    // The first two are what a creation that was cut short may have left; a socket holds nothing.
    match names
        .iter()
        .find(|name| ![LOCK, MANIFEST_NEW, CONTROL].contains(&name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(StoreError::damaged(
            MANIFEST,
            format!("is missing, yet {name} exists"),
        )),
    }
}

/// The names in a directory, in order; none when it does not exist.
pub(crate) fn names_in(dir: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(dir)(error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<_> = names
        .collect::<std::io::Result<_>>()
        .map_err(StoreError::io(dir))?;
    names.sort_unstable();
    Ok(names)
}

/// Makes the entries of a directory durable.
pub(crate) fn sync(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::io(dir))
}

/// Makes the name of a file or directory durable.
pub(crate) fn sync_above(path: &Path) -> Result<(), StoreError> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => sync(parent),
        None => sync(Path::new(".")),
    }
}
