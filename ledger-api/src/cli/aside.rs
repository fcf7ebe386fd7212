//! Answering from a ledger whose directory cannot be written, as on a full or read-only disk.
//!
//! Opening writes a little, in sled up to a segment of 16 MiB. Where that fails, the directory is copied to
//! where temporary files go, and the copy is opened and thrown away. The original is only read.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ledger_api::{ApiError, Ledger};
use ledger_store::StoreError;
use tempfile::TempDir;

use super::{CliError, DataArgs, eprint_line};

/// A ledger for queries.
pub(super) struct ForQueries {
    pub(super) ledger: Ledger,
    /// Why it is a copy, if it is one.
    pub(super) copied_for: Option<StoreError>,
    // Last, so that it is removed after the ledger is let go of.
    copy: Option<TempDir>,
}

impl ForQueries {
    /// Opens the ledger, or a copy of it where it cannot be written.
    pub(super) fn open(args: &DataArgs) -> Result<Self, CliError> {
        match args.open() {
            Ok(ledger) => Ok(Self {
                ledger,
                copied_for: None,
                copy: None,
            }),
            Err(CliError::Api(ApiError::Store(error))) if is_unwritable(&error) => {
                let copy = copy_aside(&args.data)?;
                eprint_line(&format!(
                    "note: {error}; answering from a copy in {}",
                    copy.path().display()
                ));
                let of_copy = DataArgs {
                    data: copy.path().to_owned(),
                    store: args.store,
                };
                Ok(Self {
                    ledger: of_copy.open()?,
                    copied_for: Some(error),
                    copy: Some(copy),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Closes it. Gives why its directory could not be written, if it could not: the answer stands, and the
    /// ledger is as after a crash, from which the next opening recovers.
    pub(super) fn close(self) -> Result<Option<StoreError>, CliError> {
        let closed = self.ledger.close();
        // Whatever becomes of the copy, the question is answered.
        drop(self.copy);
        match closed {
            Ok(()) => Ok(None),
            Err(error) if is_unwritable(&error) => Ok(Some(error)),
            Err(error) => Err(ApiError::from(error).into()),
        }
    }
}

fn is_unwritable(error: &StoreError) -> bool {
    if let StoreError::Io { source, .. } = error {
        matches!(
            source.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::PermissionDenied
        )
    } else {
        false
    }
}

/// Copies a directory that nobody has open.
fn copy_aside(data: &Path) -> Result<TempDir, CliError> {
    let lock = data.join("LOCK");
    // Whoever writes to it holds the lock; a directory that never had one is not written to.
    let lock = match File::open(&lock) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(&lock, error)),
    };
    if let Some(lock) = &lock
        && lock.try_lock().is_err()
    {
        return Err(CliError::NobodyListens(data.to_owned()));
    }
    let copy = tempfile::Builder::new()
        .prefix("ledger-copy-")
        .tempdir()
        .map_err(|error| no_room(&std::env::temp_dir(), &error))?;
    copy_into(data, copy.path())?;
    drop(lock);
    Ok(copy)
}

fn copy_into(from: &Path, to: &Path) -> Result<(), CliError> {
    for entry in fs::read_dir(from).map_err(|error| failed(from, error))? {
        let entry = entry.map_err(|error| failed(from, error))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() {
            fs::create_dir(&to).map_err(|error| no_room(&to, &error))?;
            copy_into(&path, &to)?;
        } else if kind.is_file() {
            fs::copy(&path, &to).map_err(|error| no_room(&to, &error))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> CliError {
    let path = PathBuf::from(path);
    CliError::File { path, source }
}

fn no_room(path: &Path, error: &io::Error) -> CliError {
    let problem = format!("{error}; set TMPDIR to a directory with room for a copy of the ledger");
    failed(path, io::Error::new(error.kind(), problem))
}
