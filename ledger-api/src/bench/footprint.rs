//! How much room a ledger takes on disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ledger_store::checkpoint::CHECKPOINT;

use super::BenchError;

/// Unit in which a file says how much is set aside for it.
const STAT_BLOCK_BYTES: u64 = 512;

/// Bytes that are set aside on disk for a directory and everything in it.
pub(super) fn disk_bytes(dir: &Path) -> Result<u64, BenchError> {
    files_in(dir, &|path| {
        Ok(fs::symlink_metadata(path)?.blocks() * STAT_BLOCK_BYTES)
    })
}

/// Length of the checkpoint in a data directory; zero where there is none.
pub(super) fn checkpoint_bytes(dir: &Path) -> Result<u64, BenchError> {
    let path = dir.join(CHECKPOINT);
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(BenchError::Io { path, source }),
    }
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
