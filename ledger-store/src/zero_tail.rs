//! Room at the end of a file: real zeros written ahead of time, and cut off again.
//!
//! A sync of a file that has grown must also write its new size and extents. Where the space is there
//! already, written with zeros, it only writes data, which more than doubles the rate of durable
//! appends. The zeros must go before sled opens the file again: it would take them for free segments
//! and rewrite each of them.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use crate::error::StoreError;

/// How much is written or read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// What places and lengths of direct writes are multiples of, on every file system that has them.
const ALIGNMENT: usize = 4096;
/// How much is written before it is synced. It bounds how long whoever stops the extension waits.
const SYNC_BYTES: u64 = 8 << 20;

/// Extends the file with zeros from its very end up to `length`, durably; less when told to stop.
///
/// Nothing else may write to the file meanwhile, or the zeros could replace what it wrote. There must
/// be no hole before them either, so they begin exactly where the file ends.
pub(crate) fn extend(path: &Path, length: u64, stop: &AtomicBool) -> Result<(), StoreError> {
    let file = File::options()
        .write(true)
        .open(path)
        .map_err(StoreError::io(path))?;
    let mut at = file.metadata().map_err(StoreError::io(path))?.len();
    let zeros = Zeros::of(path);
    let mut unsynced = 0;
    while at < length && !stop.load(Ordering::Relaxed) {
        let written = zeros.write(&file, at, length - at);
        let written = written.map_err(StoreError::io(path))?;
        at += written;
        unsynced += written;
        if unsynced >= SYNC_BYTES {
            file.sync_data().map_err(StoreError::io(path))?;
            unsynced = 0;
        }
    }
    file.sync_all().map_err(StoreError::io(path))
}

/// Zeros to write to a file: past the kernel's cache where the file system allows it, since taking pages
/// for hundreds of megabytes of zeros costs more than writing them.
struct Zeros {
    /// A chunk, and what it takes to begin it on a boundary.
    bytes: Vec<u8>,
    aligned: usize,
    direct: Option<File>,
}

impl Zeros {
    fn of(path: &Path) -> Self {
        let bytes = vec![0; CHUNK_BYTES + ALIGNMENT];
        let aligned = bytes.as_ptr().addr().next_multiple_of(ALIGNMENT) - bytes.as_ptr().addr();
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let direct = File::options().write(true).custom_flags(flags).open(path);
        Self {
            bytes,
            aligned,
            direct: direct.ok(),
        }
    }

    /// Writes zeros at a place, at most so many; gives how many.
    fn write(&self, file: &File, at: u64, most: u64) -> std::io::Result<u64> {
        let alignment = ALIGNMENT as u64;
        // Up to the next boundary first, and what is left behind the last one at the end.
        let part = match at % alignment {
            0 if most >= alignment => most.min(CHUNK_BYTES as u64) / alignment * alignment,
            0 => most,
            behind => most.min(alignment - behind),
        };
        let length = usize::try_from(part).unwrap_or(CHUNK_BYTES);
        let zeros = &self.bytes[self.aligned..][..length];
        let whole = at.is_multiple_of(alignment) && part.is_multiple_of(alignment);
        match self.direct.as_ref().filter(|_| whole) {
            Some(direct) if direct.write_all_at(zeros, at).is_ok() => {}
            // What a direct write that failed has left is written again.
            Some(_) | None => file.write_all_at(zeros, at)?,
        }
        Ok(part)
    }
}

/// Cuts zeros off the end of the file, durably, down to a whole multiple of `unit` bytes.
///
/// The multiple keeps zeros that belong to what was written last. Nothing else may use the file.
pub(crate) fn trim(path: &Path, unit: u64) -> Result<(), StoreError> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(StoreError::io(path))?;
    let length = file.metadata().map_err(StoreError::io(path))?.len();
    let kept = end_of_data(&file, length)
        .map_err(StoreError::io(path))?
        .next_multiple_of(unit);
    if kept >= length {
        return Ok(());
    }
    file.set_len(kept).map_err(StoreError::io(path))?;
    file.sync_all().map_err(StoreError::io(path))
}

/// Where the last byte that is not zero ends.
fn end_of_data(file: &File, length: u64) -> std::io::Result<u64> {
    let zeros = vec![0; CHUNK_BYTES];
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(CHUNK_BYTES as u64);
        let part = usize::try_from(end - begin).unwrap_or(CHUNK_BYTES);
        let part = &mut chunk[..part];
        file.read_exact_at(part, begin)?;
        // Comparing whole chunks is many times faster than looking at each byte.
        if *part != zeros[..part.len()]
            && let Some(last) = part.iter().rposition(|byte| *byte != 0)
        {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
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
