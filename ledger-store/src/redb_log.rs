//! An epoch of the log in redb.
//!
//! One table: the key is the first sequence number of a block, the value is the block. Each putting of
//! blocks is one transaction, and its commit syncs the file. After a crash redb walks the whole file when
//! it opens and goes back to the commit before when the last one is not whole; that the one before is
//! not short of acknowledged records is checked outside, against `HEAD` and `MANIFEST`.

mod file;

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{AccessGuard, Database, ReadableDatabase, StorageBackend as _, TableDefinition};

use self::file::RedbFile;
use crate::block::Block;
use crate::data_dir::DataDir;
use crate::disk::Access;
use crate::epoch::Epoch;
use crate::error::StoreError;
use crate::guard::{self, Engine};

/// First sequence number to block.
const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

/// Nearly everything is written once, and what is read again soon is kept by the log (`RECENT_BYTES_MAX`).
const CACHE_BYTES: usize = 8 << 20;

/// An open epoch.
pub(crate) struct RedbEpoch {
    path: PathBuf,
    /// The file, below the data directory.
    name: String,
    engine: Engine<Open>,
    is_damaged: AtomicBool,
}

/// A database, and the file that it has.
struct Open {
    database: Database,
    file: RedbFile,
}

impl RedbEpoch {
    /// Creates the epoch in a file of its own.
    pub(crate) fn create(dir: &DataDir, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let log = path.parent().unwrap_or(dir.path());
        let disk = dir.disk();
        disk.create_dir_all(log).map_err(StoreError::io(log))?;
        let file = RedbFile::open(dir, name, Access::Replace)?;
        let epoch = Self::start(dir, name, file.clone())?;
        // The table is there from the beginning, so that reading never has to ask.
        epoch.put(&[])?;
        file.sync_all().map_err(StoreError::io(&path))?;
        disk.sync_dir(log).map_err(StoreError::io(log))?;
        dir.sync()?;
        Ok(epoch)
    }

    /// Opens the epoch, left in order or by a crash.
    pub(crate) fn open(dir: &DataDir, name: &str) -> Result<Self, StoreError> {
        check_present(dir, name)?;
        let file = RedbFile::open(dir, name, Access::Write)?;
        // redb would begin anew in it.
        if file.len().map_err(StoreError::io(&dir.join(name)))? == 0 {
            return Err(StoreError::damaged(name, "is empty"));
        }
        Self::start(dir, name, file)
    }

    fn start(dir: &DataDir, name: &str, file: RedbFile) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(file.clone())
            .map_err(|error| from_redb(&path, name, error))?;
        let open = Open { database, file };
        Ok(Self {
            path,
            name: name.to_owned(),
            engine: Engine::new(name.to_owned(), open),
            is_damaged: AtomicBool::new(false),
        })
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        from_redb(&self.path, &self.name, error)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&redb::ReadOnlyTable<u64, &'static [u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = self.engine.with(|open| {
            let transaction = open.database.begin_read().map_err(|e| self.failed(e))?;
            let table = transaction.open_table(BLOCKS).map_err(|e| self.failed(e))?;
            read(&table)
        });
        if matches!(outcome, Err(StoreError::Damaged { .. })) {
            self.abandon();
        }
        outcome
    }
}

impl Epoch for RedbEpoch {
    fn put(&self, blocks: &[Block]) -> Result<Vec<Block>, StoreError> {
        self.engine.with(|open| {
            // Durability is immediate unless said otherwise: the commit syncs.
            let transaction = open.database.begin_write().map_err(|e| self.failed(e))?;
            {
                let mut table = transaction.open_table(BLOCKS).map_err(|e| self.failed(e))?;
                for block in blocks {
                    let before = table
                        .insert(block.first_seq(), block.bytes())
                        .map_err(|e| self.failed(e))?;
                    assert!(before.is_none(), "no key of the log is ever written twice");
                }
            }
            transaction.commit().map_err(|e| self.failed(e))?;
            Ok(blocks.to_vec())
        })
    }

    fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError> {
        self.read(|table| {
            // Mostly it is known where a block begins, and a range goes down the tree from both of its ends.
            if let Some(bytes) = table.get(seq).map_err(|e| self.failed(e))? {
                return decode(seq, &bytes).map(Some);
            }
            let mut before = table.range(..=seq).map_err(|e| self.failed(e))?;
            let Some(found) = before.next_back() else {
                return Ok(None);
            };
            let (first_seq, bytes) = found.map_err(|e| self.failed(e))?;
            decode(first_seq.value(), &bytes).map(Some)
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
                if visit(decode(first_seq.value(), &bytes)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn abandon(&self) {
        self.is_damaged.store(true, Ordering::Release);
    }

    fn end(&self) -> Result<(), StoreError> {
        let Some(Open { database, file }) = self.engine.take()? else {
            return Ok(());
        };
        if self.is_damaged.load(Ordering::Acquire) {
            // Closing writes into its trees, which panics in damaged ones, and again while it cleans up, which
            // would end the process. Its memory is given up; the file is free to be copied or opened again.
            mem::forget(database);
            file.let_go();
            return Err(StoreError::damaged(
                &self.name,
                "was left as it is, since it is damaged",
            ));
        }
        // Dropping writes down that all is well, so that the next opening need not walk the file.
        guard::quietly(&self.name, || {
            drop(database);
            Ok(())
        })?;
        file.sync_all().map_err(StoreError::io(&self.path))
    }
}

impl Drop for RedbEpoch {
    fn drop(&mut self) {
        // There is nobody to tell. The next opening checks the epoch as one left by a crash.
        let _ = self.end();
    }
}

fn decode(first_seq: u64, bytes: &AccessGuard<'_, &[u8]>) -> Result<Block, StoreError> {
    Ok(Block::decode(bytes.value().to_vec(), first_seq)?)
}

/// Checks that the file is there.
pub(crate) fn check_present(dir: &DataDir, name: &str) -> Result<(), StoreError> {
    if dir.has(name)? {
        Ok(())
    } else {
        Err(StoreError::damaged(name, "is missing"))
    }
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
