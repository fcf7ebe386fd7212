//! Room at the end of a file: real zeros written ahead of time, and cut off again.
//!
//! A sync of a file that has grown must also write its new size and extents. Where the space is there
//! already, written with zeros, it only writes data, which more than doubles the rate of durable
//! appends. The zeros must go before sled opens the file again: it would take them for free segments
//! and rewrite each of them.

#![expect(
    clippy::disallowed_methods,
    reason = "sled opens its files by itself, so there is one disk they can be on"
)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::DiskFile;
use crate::disk::direct::DirectFile;
use crate::error::StoreError;

/// How much of a unit must not be zeros; sled's header of a segment has 20 bytes.
const BEGINNING_BYTES: usize = 20;
/// How much is written at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// How much is written before it is synced. It bounds how long whoever stops the extension waits.
const SYNC_BYTES: u64 = 8 << 20;

/// Extends the file with zeros from its very end up to `length`, durably; less when told to stop.
///
/// Nothing else may write to the file meanwhile, or the zeros could replace what it wrote. There must
/// be no hole before them either, so they begin exactly where the file ends.
pub(crate) fn extend(path: &Path, length: u64, stop: &AtomicBool) -> Result<(), StoreError> {
    let file = DirectFile::open(path).map_err(StoreError::io(path))?;
    let mut at = file.len().map_err(StoreError::io(path))?;
    let zeros = vec![0; CHUNK_BYTES];
    let mut unsynced = 0;
    while at < length && !stop.load(Ordering::Relaxed) {
        // Up to the next boundary first, then whole chunks.
        let most = match at % CHUNK_BYTES as u64 {
            0 => CHUNK_BYTES as u64,
            behind => CHUNK_BYTES as u64 - behind,
        };
        let part = usize::try_from(most.min(length - at)).unwrap_or(CHUNK_BYTES);
        file.write_all_at(&zeros[..part], at)
            .map_err(StoreError::io(path))?;
        at += part as u64;
        unsynced += part as u64;
        if unsynced >= SYNC_BYTES {
            file.sync().map_err(StoreError::io(path))?;
            unsynced = 0;
        }
    }
    file.sync().map_err(StoreError::io(path))
}

/// Cuts units of zeros off the end of the file, durably.
///
/// Whoever uses a unit begins it with bytes that are not all zero, as sled does every segment. So only
/// beginnings are looked at: what was written past the cache would have to be read from the disk. Nothing
/// else may use the file.
pub(crate) fn trim(path: &Path, unit: u64) -> Result<(), StoreError> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(StoreError::io(path))?;
    let length = file.metadata().map_err(StoreError::io(path))?.len();
    let kept = end_of_data(&file, length, unit).map_err(StoreError::io(path))?;
    if kept >= length {
        return Ok(());
    }
    file.set_len(kept).map_err(StoreError::io(path))?;
    file.sync_all().map_err(StoreError::io(path))
}

/// Where the last unit ends that does not begin with zeros.
fn end_of_data(file: &File, length: u64, unit: u64) -> std::io::Result<u64> {
    let mut beginning = [0; BEGINNING_BYTES];
    for begin in (0..length.div_ceil(unit)).rev().map(|place| place * unit) {
        let part = unit.min(length - begin);
        let part = usize::try_from(part)
            .unwrap_or(usize::MAX)
            .min(BEGINNING_BYTES);
        file.read_exact_at(&mut beginning[..part], begin)?;
        if beginning[..part].iter().any(|byte| *byte != 0) {
            return Ok(begin + unit);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const UNIT: u64 = 64;

    #[test]
    fn zeros_are_added_at_the_end_and_cut_off_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        let lengths = [
            0,
            1,
            63,
            64,
            65,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
        ];
        for length in lengths {
            let mut written = vec![7; length];
            fs::write(&path, &written).unwrap();
            let room = length as u64 + 3 * CHUNK_BYTES as u64 + 5;
            extend(&path, room, &AtomicBool::new(false)).unwrap();
            written.resize(length + 3 * CHUNK_BYTES + 5, 0);
            assert!(fs::read(&path).unwrap() == written, "length {length}");
            trim(&path, UNIT).unwrap();
            written.truncate(length.next_multiple_of(64));
            assert!(fs::read(&path).unwrap() == written, "length {length}");
        }
    }

    #[test]
    fn zeros_within_the_unit_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        let mut written = vec![7; 100];
        written.resize(120, 0);
        fs::write(&path, &written).unwrap();
        trim(&path, UNIT).unwrap();
        assert_eq!(fs::read(&path).unwrap(), written);
    }

    #[test]
    fn an_extension_that_is_stopped_adds_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        fs::write(&path, [7]).unwrap();
        extend(&path, 1 << 30, &AtomicBool::new(true)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), [7]);
    }
}
