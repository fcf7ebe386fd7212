//! The machine below the store: files, directories, and how much time went by.
//!
//! Everything the store does to a disk goes through [`Disk`], but for sled, which opens its files by itself.
//! There are two: [`OsDisk`], the operating system's, and that of the simulator, which forgets what was not
//! synced, tears, fails and lies as its seed says.

pub(crate) mod direct;
mod os;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Duration;

pub use self::os::OsDisk;

/// What places and lengths are multiples of that go past the cache, on every file system that allows it.
pub(crate) const ALIGNMENT: usize = 4096;

/// Files and directories, and a clock that never goes back.
///
/// Errors are those of the operating system; a missing file is [`io::ErrorKind::NotFound`].
pub trait Disk: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// What is at a path, if anything.
    fn entry(&self, path: &Path) -> io::Result<Option<Entry>>;

    /// The names in a directory, in order.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Creates a directory and whatever is missing above it.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Puts a file or directory in another place, in one step, instead of the file that may be there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with everything in it.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable: its names, not what they name.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Time since some moment that stays the same while the process lives.
    fn elapsed(&self) -> Duration;

    /// Whether its paths are those of the operating system, so that a storage engine that opens files by
    /// itself finds them there.
    fn is_os(&self) -> bool {
        false
    }
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no byte.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills the buffer with the bytes at a place; [`io::ErrorKind::UnexpectedEof`] when there are fewer.
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes all bytes at a place. What lies between the end of the file and the place becomes zeros.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes what was written durable, and the length.
    ///
    /// After a failure some of it may be lost and yet be shown to every reader, and the next sync may
    /// say nothing of it: kernels believe that they have written what they could not write.
    fn sync(&self) -> io::Result<()>;

    /// Shows from now on what the disk has, where the kernel only believes that the disk has it.
    fn forget(&self);

    /// As [`Self::sync`], but what is shown after a failure is what the disk has.
    fn sync_or_forget(&self) -> io::Result<()> {
        self.sync().inspect_err(|_| self.forget())
    }

    /// Makes durable what is not, and forgets what is remembered of the rest, so that reads show what is on
    /// the disk. After a sync that failed that can be less than what they showed before: what could not be
    /// written is remembered as if it had been.
    fn sync_and_forget(&self) -> io::Result<()> {
        self.sync()?;
        self.forget();
        Ok(())
    }

    /// Locks the file for this handle until it is dropped; tells whether nobody else has.
    fn try_lock(&self) -> io::Result<bool>;

    /// Says that all of it is about to be read in order.
    fn will_be_read(&self) {}
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading what exists.
    Read,
    /// Reading and writing what exists.
    Write,
    /// Reading and writing; created if it is missing.
    Create,
    /// Reading and writing; created if it is missing, emptied if it is not.
    Replace,
    /// Writing what exists, past the kernel's cache where that is possible: for what is written in bulk
    /// and not read again soon.
    WriteDirect,
}

/// What can be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A directory.
    Directory,
}
