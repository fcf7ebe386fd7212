//! Writing past the kernel's cache, for what is written in bulk and not read again soon.
//!
//! Pages taken for such bytes would cost more than writing them, and whatever waits for a sync of another
//! file may have to wait for them too.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the disk of the operating system does"
)]

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::Mutex;
use rustix::fs::OFlags;

use super::{ALIGNMENT, DiskFile};

/// Bytes written at a time: what is copied to a boundary for it stays in the processor's cache.
const PIECE_BYTES: usize = 1 << 20;

/// A file that is written past the cache where its file system allows that.
#[derive(Debug)]
pub(crate) struct DirectFile {
    file: File,
    direct: Option<File>,
    /// Holds what is written, beginning on a boundary.
    buffer: Mutex<Vec<u8>>,
}

impl DirectFile {
    /// Opens an existing file for writing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).open(path)?;
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let direct = File::options().write(true).custom_flags(flags).open(path);
        Ok(Self {
            file,
            direct: direct.ok(),
            buffer: Mutex::default(),
        })
    }
}

impl DiskFile for DirectFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let aligned = at.is_multiple_of(ALIGNMENT as u64) && bytes.len().is_multiple_of(ALIGNMENT);
        if let Some(direct) = self.direct.as_ref().filter(|_| aligned) {
            let mut buffer = self.buffer.lock();
            buffer.resize(PIECE_BYTES + ALIGNMENT, 0);
            let address = buffer.as_ptr().addr();
            let start = address.next_multiple_of(ALIGNMENT) - address;
            let mut pieces = bytes.chunks(PIECE_BYTES).zip((at..).step_by(PIECE_BYTES));
            let written = pieces.try_for_each(|(piece, at)| {
                let buffer = &mut buffer[start..start + piece.len()];
                buffer.copy_from_slice(piece);
                direct.write_all_at(buffer, at)
            });
            if written.is_ok() {
                return Ok(());
            }
            // What a direct write that failed has left is written again.
        }
        self.file.write_all_at(bytes, at)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn forget(&self) {
        // Nothing of it is kept for readers, or hardly anything.
    }

    fn try_lock(&self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
