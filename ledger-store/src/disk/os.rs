//! The disk of the operating system.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the disk of the operating system does"
)]

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

use super::direct::DirectFile;
use super::{Access, Disk, DiskFile, Entry};

/// The files and the clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

/// The moment that [`Disk::elapsed`] counts from.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Disk for OsDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = File::options();
        options.read(true);
        let options = match access {
            Access::Read => &mut options,
            Access::Write => options.write(true),
            Access::Create => options.write(true).create(true).truncate(false),
            Access::Replace => options.write(true).create(true).truncate(true),
            Access::WriteDirect => return Ok(Box::new(DirectFile::open(path)?)),
        };
        Ok(Box::new(OsFile {
            file: options.open(path)?,
            is_locked: AtomicBool::new(false),
        }))
    }

    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Entry::Directory)),
            Ok(_) => Ok(Some(Entry::File)),
            Err(error) if is_of_absence(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?;
        let mut names = names
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn elapsed(&self) -> Duration {
        BEGINNING.elapsed()
    }

    fn is_os(&self) -> bool {
        true
    }
}

/// Nothing can be below what is no directory.
fn is_of_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[derive(Debug)]
struct OsFile {
    file: File,
    is_locked: AtomicBool,
}

impl DiskFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        // It makes a changed length durable too, and nothing else of what it leaves out is needed.
        self.file.sync_data()
    }

    fn forget(&self) {
        // It concerns what needs no writing; what does is kept and written.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => {
                self.is_locked.store(true, Ordering::Release);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn will_be_read(&self) {
        let length = self.len().ok().and_then(NonZero::new);
        // What is not read ahead is read later.
        let _ = fadvise(&self.file, 0, length, Advice::WillNeed);
    }
}

impl Drop for OsFile {
    fn drop(&mut self) {
        if self.is_locked.load(Ordering::Acquire) {
            // Closing the file is not enough when a process is just being forked, since the child holds
            // a copy of the descriptor for a moment.
            let _ = self.file.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_access_does_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        for access in [Access::Read, Access::Write, Access::WriteDirect] {
            let error = OsDisk.open(&path, access).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{access:?}");
        }
        let read = |file: &dyn DiskFile| {
            let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        let file = OsDisk.open(&path, Access::Create).unwrap();
        assert!(file.is_empty().unwrap());
        file.write_all_at(b"abc", 2).unwrap();
        let file = OsDisk.open(&path, Access::Create).unwrap();
        assert_eq!(read(&*file), b"\0\0abc");
        let file = OsDisk.open(&path, Access::Write).unwrap();
        file.write_all_at(b"AB", 0).unwrap();
        assert_eq!(read(&*file), b"ABabc");
        let file = OsDisk.open(&path, Access::Read).unwrap();
        assert_eq!(read(&*file), b"ABabc");
        assert!(file.write_all_at(b"x", 0).is_err());
        let file = OsDisk.open(&path, Access::WriteDirect).unwrap();
        file.write_all_at(&[7; super::super::ALIGNMENT], 0).unwrap();
        file.write_all_at(b"odd", 5).unwrap();
        file.set_len(9).unwrap();
        let file = OsDisk.open(&path, Access::Read).unwrap();
        assert_eq!(read(&*file), b"\x07\x07\x07\x07\x07odd\x07");
        let file = OsDisk.open(&path, Access::Replace).unwrap();
        assert!(file.is_empty().unwrap());
        let mut one = [0];
        let error = file.read_exact_at(&mut one, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_there_is_told_and_what_is_not_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        OsDisk.create_dir_all(&path("b/c")).unwrap();
        drop(OsDisk.open(&path("a"), Access::Create).unwrap());
        assert_eq!(OsDisk.entry(&path("a")).unwrap(), Some(Entry::File));
        assert_eq!(OsDisk.entry(&path("b")).unwrap(), Some(Entry::Directory));
        assert_eq!(OsDisk.entry(&path("d")).unwrap(), None);
        assert_eq!(OsDisk.entry(&path("a/below")).unwrap(), None);
        assert_eq!(OsDisk.names(dir.path()).unwrap(), ["a", "b"]);
        OsDisk.rename(&path("a"), &path("d")).unwrap();
        OsDisk.remove_dir_all(&path("b")).unwrap();
        OsDisk.sync_dir(dir.path()).unwrap();
        assert_eq!(OsDisk.names(dir.path()).unwrap(), ["d"]);
        OsDisk.remove_file(&path("d")).unwrap();
        let error = OsDisk.names(&path("d")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_lock_lasts_as_long_as_its_handle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        let holder = OsDisk.open(&path, Access::Create).unwrap();
        assert!(holder.try_lock().unwrap());
        let other = OsDisk.open(&path, Access::Create).unwrap();
        assert!(!other.try_lock().unwrap());
        drop(holder);
        assert!(other.try_lock().unwrap());
    }
}
