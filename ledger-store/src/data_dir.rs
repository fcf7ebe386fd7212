//! The data directory: where it is, who may use it, and what names are in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Access, Disk, DiskFile, Entry, OsDisk};
use crate::error::StoreError;
use crate::manifest::{MANIFEST, MANIFEST_NEW};

/// Name of the file that is locked while a process has the directory open.
pub(crate) const LOCK: &str = "LOCK";

/// Name of the socket at which a process that has the directory open may be asked.
pub const CONTROL: &str = "CONTROL";

/// A data directory: a path, and the disk it is on. A path alone is one of the operating system's.
#[derive(Debug, Clone)]
pub struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for DataDir {
    fn from(path: &P) -> Self {
        Self::on(Arc::new(OsDisk), path.as_ref())
    }
}

impl From<&DataDir> for DataDir {
    fn from(dir: &DataDir) -> Self {
        dir.clone()
    }
}

impl DataDir {
    /// The directory at this path of this disk.
    pub fn on(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Self {
        Self {
            disk,
            path: path.into(),
        }
    }

    /// The disk it is on.
    #[must_use]
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Its path on that disk.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another directory of the same disk.
    pub(crate) fn with_path(&self, path: PathBuf) -> Self {
        Self::on(Arc::clone(&self.disk), path)
    }

    /// The path of what has this name in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file in it.
    pub(crate) fn open(&self, name: &str, access: Access) -> Result<Box<dyn DiskFile>, StoreError> {
        let path = self.join(name);
        self.disk.open(&path, access).map_err(StoreError::io(&path))
    }

    /// Opens a file in it, unless it is missing.
    pub(crate) fn open_present(
        &self,
        name: &str,
        access: Access,
    ) -> Result<Option<Box<dyn DiskFile>>, StoreError> {
        let path = self.join(name);
        match self.disk.open(&path, access) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path)(error)),
        }
    }

    /// Whether it has something of this name.
    pub(crate) fn has(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.join(name);
        let entry = self.disk.entry(&path).map_err(StoreError::io(&path))?;
        Ok(entry.is_some())
    }

    /// The names in it, in order; none when it does not exist.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        match self.disk.names(&self.path) {
            Ok(names) => Ok(names),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StoreError::io(&self.path)(error)),
        }
    }

    /// Creates it and whatever is missing above it, if it is missing.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        let found = self.disk.entry(&self.path);
        if found.map_err(StoreError::io(&self.path))? == Some(Entry::Directory) {
            return Ok(());
        }
        self.disk
            .create_dir_all(&self.path)
            .map_err(StoreError::io(&self.path))
    }

    /// Makes its name durable, and every name above it: whoever created them may have been stopped before
    /// that, even when it was not now.
    pub(crate) fn sync_path(&self) -> Result<(), StoreError> {
        sync_above(&*self.disk, &self.path)?;
        for dir in self.path.ancestors().skip(1) {
            if dir.parent().is_none() {
                break;
            }
            match sync_above(&*self.disk, dir) {
                // Where we may not look we have created nothing.
                Err(StoreError::Io { source, .. })
                    if source.kind() == ErrorKind::PermissionDenied => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Makes its entries durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.disk
            .sync_dir(&self.path)
            .map_err(StoreError::io(&self.path))
    }

    /// Refuses a directory that is not a log's but has something in it: it is somebody's, or a log that
    /// lost its manifest. Before even the lock is put there.
    pub(crate) fn refuse_foreign(&self) -> Result<(), StoreError> {
        if self.has(MANIFEST)? {
            return Ok(());
        }
        // The first two are what a creation that was cut short may have left; a socket holds nothing.
        match self
            .names()?
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
}

/// The lock on a data directory, held until dropped.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: Box<dyn DiskFile>,
}

impl DirLock {
    /// Takes the lock, or says that somebody else has it.
    pub(crate) fn take(dir: &DataDir) -> Result<Self, StoreError> {
        let file = dir.open(LOCK, Access::Create)?;
        if file.try_lock().map_err(StoreError::io(&dir.join(LOCK)))? {
            Ok(Self { _file: file })
        } else {
            Err(StoreError::Locked {
                dir: dir.path.clone(),
            })
        }
    }
}

/// Makes the name of a file or directory durable.
pub(crate) fn sync_above(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    let above = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    disk.sync_dir(above).map_err(StoreError::io(above))
}
