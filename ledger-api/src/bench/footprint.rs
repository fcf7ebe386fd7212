//! How much room a ledger takes, on disk and in memory.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use procfs::process::Process;

use super::BenchError;
use crate::ledger::Ledger;

/// Unit in which a file says how much is set aside for it.
const STAT_BLOCK_BYTES: u64 = 512;

/// Bytes that are set aside on disk for a directory and everything in it.
pub(super) fn disk_bytes(dir: &Path) -> Result<u64, BenchError> {
    files_in(dir, &|path| {
        Ok(fs::symlink_metadata(path)?.blocks() * STAT_BLOCK_BYTES)
    })
}

/// Length of the checkpoints in a data directory; there are none yet.
pub(super) fn checkpoint_bytes(dir: &Path) -> Result<u64, BenchError> {
    files_in(dir, &|path| {
        let name = path.file_name().unwrap_or_default();
        let is_checkpoint = name.to_string_lossy().starts_with("checkpoint");
        Ok(if is_checkpoint {
            fs::metadata(path)?.len()
        } else {
            0
        })
    })
}

/// Bytes that an open ledger keeps in memory. It does not count them itself yet, so this is what the
/// process has grown by since before the opening.
pub(super) fn retained_bytes(_ledger: &Ledger, grown_bytes: u64) -> u64 {
    grown_bytes
}

/// Memory of this process that is really there.
pub(super) fn resident_bytes() -> Result<u64, BenchError> {
    let pages = Process::myself().and_then(|process| process.statm());
    let pages = pages.map_err(|error| BenchError::Io {
        path: "/proc/self/statm".into(),
        source: std::io::Error::other(error),
    })?;
    Ok(pages.resident * procfs::page_size())
}

/// Adds up `size` over a directory and everything in it.
fn files_in(dir: &Path, size: &dyn Fn(&Path) -> std::io::Result<u64>) -> Result<u64, BenchError> {
    let at = |path: &Path, source| BenchError::Io {
        path: path.to_owned(),
        source,
    };
    let mut sum = size(dir).map_err(|source| at(dir, source))?;
    for entry in fs::read_dir(dir).map_err(|source| at(dir, source))? {
        let path = entry.map_err(|source| at(dir, source))?.path();
        sum += if path.is_dir() && !path.is_symlink() {
            files_in(&path, size)?
        } else {
            size(&path).map_err(|source| at(&path, source))?
        };
    }
    Ok(sum)
}
