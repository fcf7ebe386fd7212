//! An epoch of the log in redb.
//!
//! One table: the key is the first sequence number of a block, the value is the block. Each putting of
//! blocks is one transaction, and its commit syncs the file. After a crash redb walks the whole file when
//! it opens and goes back to the commit before when the last one is not whole; that the one before is
//! not short of acknowledged records is checked outside, against `HEAD` and `MANIFEST`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use redb::{Database, ReadableDatabase, TableDefinition};

use crate::block::Block;
use crate::data_dir;
use crate::epoch::Epoch;
use crate::error::StoreError;
use crate::guard::{self, Engine};

/// First sequence number to block.
const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

/// Nearly everything is written once and read rarely.
const CACHE_BYTES: usize = 64 << 20;

/// How often, and how far apart, a lock on the file is tried. The lock of the data directory is already
/// held, so the other holder is a child being forked at this moment, or a log of this process that
/// redb left unusable.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An open epoch.
pub(crate) struct RedbEpoch {
    path: PathBuf,
    /// The file, below the data directory.
    name: String,
    engine: Engine<Database>,
}

impl RedbEpoch {
    /// Creates the epoch in a file of its own.
    pub(crate) fn create(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let log = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(log).map_err(StoreError::io(log))?;
        let epoch = Self::start(dir, name, |builder| builder.create(&path))?;
        // The table is there from the beginning, so that reading never has to ask.
        epoch.put(&[])?;
        sync_file(&path)?;
        data_dir::sync(log)?;
        data_dir::sync(dir)?;
        Ok(epoch)
    }

    /// Opens the epoch, left in order or by a crash.
    pub(crate) fn open(dir: &Path, name: &str) -> Result<Self, StoreError> {
        check_present(dir, name)?;
        let path = dir.join(name);
        Self::start(dir, name, |builder| builder.open(&path))
    }

    fn start(
        dir: &Path,
        name: &str,
        start: impl Fn(&redb::Builder) -> Result<Database, redb::DatabaseError>,
    ) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let mut started = start(&builder);
        for _ in 1..LOCK_ATTEMPTS {
            if !matches!(started, Err(redb::DatabaseError::DatabaseAlreadyOpen)) {
                break;
            }
            thread::sleep(LOCK_PAUSE);
            started = start(&builder);
        }
        if matches!(started, Err(redb::DatabaseError::DatabaseAlreadyOpen)) {
            return Err(StoreError::Locked {
                dir: dir.to_owned(),
            });
        }
        let database = started.map_err(|error| from_redb(&path, name, error))?;
        Ok(Self {
            path,
            name: name.to_owned(),
            engine: Engine::new(name.to_owned(), database),
        })
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        from_redb(&self.path, &self.name, error)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<u64, &'static [u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.engine.with(|database| {
            let transaction = database.begin_read().map_err(|e| self.failed(e))?;
            let table = transaction.open_table(BLOCKS).map_err(|e| self.failed(e))?;
            read(&table)
        })
    }
}

impl Epoch for RedbEpoch {
    fn put(&self, blocks: &[Block]) -> Result<(), StoreError> {
        self.engine.with(|database| {
            // Durability is immediate unless said otherwise: the commit syncs.
            let transaction = database.begin_write().map_err(|e| self.failed(e))?;
            {
                let mut table = transaction.open_table(BLOCKS).map_err(|e| self.failed(e))?;
                for block in blocks {
                    let before = table
                        .insert(block.first_seq(), block.bytes())
                        .map_err(|e| self.failed(e))?;
                    assert!(before.is_none(), "no key of the log is ever written twice");
                }
            }
            transaction.commit().map_err(|e| self.failed(e))
        })
    }

    fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        self.read(|table| {
            let mut before = table.range(..=seq).map_err(|e| self.failed(e))?;
            let Some(found) = before.next_back() else {
                return Ok(None);
            };
            let (first_seq, bytes) = found.map_err(|e| self.failed(e))?;
            let block = Block::decode(bytes.value().to_vec(), first_seq.value())?;
            Ok(Some(block))
        })
    }

    fn each_from(
        &self,
        seq: u64,
        visit: &mut dyn FnMut(Block) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|table| {
            for found in table.range(seq..).map_err(|e| self.failed(e))? {
                let (first_seq, bytes) = found.map_err(|e| self.failed(e))?;
                let block = Block::decode(bytes.value().to_vec(), first_seq.value())?;
                if visit(block).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn end(&self) -> Result<(), StoreError> {
        let Some(database) = self.engine.take()? else {
            return Ok(());
        };
        // Dropping writes down that all is well, so that the next opening need not walk the file.
        guard::quietly(&self.name, || {
            drop(database);
            Ok(())
        })?;
        sync_file(&self.path)
    }
}

impl Drop for RedbEpoch {
    fn drop(&mut self) {
        // There is nobody to tell. The next opening checks the epoch as one left by a crash.
        let _ = self.end();
    }
}

/// Checks that the file is there.
pub(crate) fn check_present(dir: &Path, name: &str) -> Result<(), StoreError> {
    if dir.join(name).exists() {
        Ok(())
    } else {
        Err(StoreError::damaged(name, "is missing"))
    }
}

fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::io(path))
}

/// redb's own errors: the disk's fault is passed on, all else means that the file is not sound.
fn from_redb(path: &Path, name: &str, error: impl Into<redb::Error>) -> StoreError {
    let io = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    let error = error.into();
    if matches!(error, redb::Error::PreviousIo) {
        return io(io::Error::other(error));
    }
    if let redb::Error::Io(source) = error {
        return if is_of_content(source.kind()) {
            StoreError::damaged(name, format!("cannot be read: {source}"))
        } else {
            io(source)
        };
    }
    StoreError::damaged(name, format!("cannot be read: {error}"))
}

/// Whether such an error speaks of what is in the file, not of the disk.
fn is_of_content(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}
