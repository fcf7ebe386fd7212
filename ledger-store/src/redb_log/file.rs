//! A file of the disk, as redb asks for it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use redb::StorageBackend;

use crate::data_dir::DataDir;
use crate::disk::{Access, DiskFile};
use crate::error::StoreError;

/// How often, and how far apart, a lock on the file is tried. The lock of the data directory is already
/// held, so the other holder is a child being forked at this moment, or a log of this process that
/// redb left unusable.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The file of an epoch, locked until the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct RedbFile {
    file: Arc<dyn DiskFile>,
    /// The first change that failed.
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl RedbFile {
    /// Opens the file and locks it.
    pub(super) fn open(dir: &DataDir, name: &str, access: Access) -> Result<Self, StoreError> {
        let file = dir.open(name, access)?;
        let path = dir.join(name);
        let mut is_locked = file.try_lock().map_err(StoreError::io(&path))?;
        for _ in 1..LOCK_ATTEMPTS {
            if is_locked {
                break;
            }
            thread::sleep(LOCK_PAUSE);
            is_locked = file.try_lock().map_err(StoreError::io(&path))?;
        }
        if !is_locked {
            return Err(StoreError::Locked {
                dir: dir.path().to_owned(),
            });
        }
        Ok(Self {
            file: Arc::from(file),
            failure: Arc::default(),
        })
    }

    /// Makes everything durable; fails when anything failed before, since redb tells nobody what goes
    /// wrong while it closes, and what the kernel could not write once it may call written later.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        match self.failure.lock().take() {
            None => self.file.sync_or_forget(),
            Some(failure) => Err(failure),
        }
    }

    fn change(&self, outcome: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &outcome {
            let mut failure = self.failure.lock();
            failure.get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
        }
        outcome
    }
}

impl StorageBackend for RedbFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(self.file.sync_or_forget())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(self.file.write_all_at(data, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that cannot be written, and that the kernel calls written once it has said so.
    #[derive(Debug)]
    struct Failing;

    impl DiskFile for Failing {
        fn len(&self) -> io::Result<u64> {
            Ok(0)
        }

        fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::UnexpectedEof.into())
        }

        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn forget(&self) {}

        fn try_lock(&self) -> io::Result<bool> {
            Ok(true)
        }
    }

    #[test]
    fn a_failure_that_redb_is_silent_about_is_told_at_the_next_sync() {
        let file = RedbFile {
            file: Arc::new(Failing),
            failure: Arc::default(),
        };
        file.sync_all().unwrap();
        StorageBackend::write(&file, 0, b"header").unwrap_err();
        let error = file.sync_all().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
