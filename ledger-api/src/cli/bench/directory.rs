//! The directory of the ledger that is measured.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::CliError;

/// Where the ledger is while it is measured.
pub(super) enum Directory {
    /// The user's; what is in it afterwards stays.
    Given { path: PathBuf, is_new: bool },
    /// Made for the run, and removed when dropped.
    Made(tempfile::TempDir),
}

impl Directory {
    /// The user's directory, which must be new or empty, or one made here.
    pub(super) fn take(given: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = given else {
            // Not where temporary files usually go: that is often in memory, and what is measured is a
            // disk.
            let mut builder = tempfile::Builder::new();
            builder.prefix("ledger-bench-");
            let made = std::env::current_dir().and_then(|here| builder.tempdir_in(here));
            let made = made.map_err(|source| CliError::File {
                path: PathBuf::from("."),
                source,
            })?;
            return Ok(Self::Made(made));
        };
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let is_new = !path.exists();
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            let problem = format!(
                "{}: is not empty; --data names a new directory",
                path.display()
            );
            return Err(CliError::Usage(problem));
        }
        Ok(Self::Given {
            path: path.to_owned(),
            is_new,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Given { path, .. } => path,
            Self::Made(made) => made.path(),
        }
    }

    /// Leaves things as they were, when nothing was run.
    pub(super) fn give_back(&self) {
        if let Self::Given { path, is_new: true } = self {
            // An empty directory that stays does no harm.
            let _ = fs::remove_dir(path);
        }
    }

    /// Removes what a stage left. The directory itself may be where a disk is mounted, so it stays.
    pub(super) fn empty(&self) -> Result<(), CliError> {
        let failed = |source| CliError::File {
            path: self.path().to_owned(),
            source,
        };
        for entry in fs::read_dir(self.path()).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(failed)?;
        }
        Ok(())
    }
}
