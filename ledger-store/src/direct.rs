//! Writing past the kernel's cache, for what is written in bulk and not read again soon.
//!
//! Pages taken for such bytes would cost more than writing them, and whatever waits for a sync of another
//! file may have to wait for them too.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// What places and lengths of direct writes are multiples of, on every file system that has them.
pub(crate) const ALIGNMENT: usize = 4096;

/// A file that is written past the cache where its file system allows that.
#[derive(Debug)]
pub(crate) struct DirectFile {
    file: File,
    direct: Option<File>,
    /// Holds what is written, beginning on a boundary.
    buffer: Vec<u8>,
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
            buffer: Vec::new(),
        })
    }

    /// The file, for all but writing.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Writes all bytes at a place.
    pub(crate) fn write_all_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let aligned = at.is_multiple_of(ALIGNMENT as u64) && bytes.len().is_multiple_of(ALIGNMENT);
        if let Some(direct) = self.direct.as_ref().filter(|_| aligned) {
            if self.buffer.len() < bytes.len() + ALIGNMENT {
                self.buffer.resize(bytes.len() + ALIGNMENT, 0);
            }
            let address = self.buffer.as_ptr().addr();
            let start = address.next_multiple_of(ALIGNMENT) - address;
            let buffer = &mut self.buffer[start..start + bytes.len()];
            buffer.copy_from_slice(bytes);
            if direct.write_all_at(buffer, at).is_ok() {
                return Ok(());
            }
            // What a direct write that failed has left is written again.
        }
        self.file.write_all_at(bytes, at)
    }
}
