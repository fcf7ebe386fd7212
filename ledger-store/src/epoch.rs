//! A stretch of the log in a database of its own, and the storage engines that can hold one.
//!
//! An epoch bounds what one database has to bear: how long it takes to open after a crash, how much
//! room is prepared ahead of time, and what is lost to memory. [`crate::disk_log`] puts them in a row.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::block::Block;
use crate::data_dir::{self, DataDir};
use crate::disk::Entry;
use crate::error::StoreError;
use crate::redb_log::{self, RedbEpoch};
use crate::sled_log::{self, SledEpoch};

/// Directory of all epochs, below the data directory.
pub(crate) const LOG: &str = "log";

/// The storage engine that keeps a log. It is chosen when a log is created and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreKind {
    /// sled 0.34, synced from outside.
    #[default]
    Sled,
    /// redb 4, which syncs its file by itself.
    Redb,
}

impl StoreKind {
    /// Every kind, in the order they came to be.
    pub const ALL: [Self; 2] = [Self::Sled, Self::Redb];

    /// The name that manifests and options use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a store; there are sled and redb")]
pub struct UnknownStore(pub String);

impl FromStr for StoreKind {
    type Err = UnknownStore;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownStore(name.to_owned()))
    }
}

/// An open epoch. Blocks are only ever added, in order, by one thread.
pub(crate) trait Epoch: Send + Sync {
    /// Adds the blocks and gives them back once they are durable, in the store's own memory where it keeps them too.
    fn put(&self, blocks: &[Block]) -> Result<Vec<Block>, StoreError>;

    /// The last block that does not begin after the record `seq`; found soonest when it begins with it.
    fn block_at(&self, seq: u64) -> Result<Option<Block>, StoreError>;

    /// Hands out the blocks that do not begin before `seq`, in order, until the visitor has enough.
    fn each_from(
        &self,
        seq: u64,
        visit: &mut dyn FnMut(Block) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// What was read of it is not what was written: its store is not to be trusted with closing it, and
    /// [`Self::end`] only lets go of the files.
    fn abandon(&self) {}

    /// Lets go of the files. Waits for calls under way; later ones give [`StoreError::Closed`].
    fn end(&self) -> Result<(), StoreError>;
}

/// How much an epoch has, or will have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Volume {
    pub(crate) blocks: u64,
    /// Bytes of all blocks together.
    pub(crate) block_bytes: u64,
}

impl Volume {
    /// That of some blocks.
    pub(crate) fn of(blocks: &[Block]) -> Self {
        Self {
            blocks: blocks.len() as u64,
            block_bytes: blocks.iter().map(|b| b.bytes().len() as u64).sum(),
        }
    }
}

/// Where an epoch is, open or not.
#[derive(Debug, Clone)]
pub(crate) struct EpochFiles {
    dir: DataDir,
    store: StoreKind,
    /// File or directory of the epoch, below the data directory.
    name: String,
}

impl EpochFiles {
    pub(crate) fn new(dir: &DataDir, store: StoreKind, name: &str) -> Self {
        Self {
            dir: dir.clone(),
            store,
            name: name.to_owned(),
        }
    }

    /// The epoch with this number, counted from 1.
    pub(crate) fn numbered(dir: &DataDir, store: StoreKind, number: usize) -> Self {
        let suffix = match store {
            StoreKind::Sled => "",
            StoreKind::Redb => ".redb",
        };
        Self::new(dir, store, &format!("{LOG}/e{number:08}{suffix}"))
    }

    /// The path below the data directory, as manifests have it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The file that has the blocks, below the data directory. Errors name it.
    pub(crate) fn place(&self) -> String {
        match self.store {
            StoreKind::Sled => sled_log::db_of(&self.name),
            StoreKind::Redb => self.name.clone(),
        }
    }

    /// Creates it without a block; when this returns, it survives a power cut.
    pub(crate) fn create(&self) -> Result<Arc<dyn Epoch>, StoreError> {
        Ok(match self.store {
            StoreKind::Sled => Arc::new(SledEpoch::create(self.dir.path(), &self.name)?),
            StoreKind::Redb => Arc::new(RedbEpoch::create(&self.dir, &self.name)?),
        })
    }

    /// Opens what was created before.
    pub(crate) fn open(&self) -> Result<Arc<dyn Epoch>, StoreError> {
        Ok(match self.store {
            StoreKind::Sled => Arc::new(SledEpoch::open(self.dir.path(), &self.name)?),
            StoreKind::Redb => Arc::new(RedbEpoch::open(&self.dir, &self.name)?),
        })
    }

    /// Makes room for that much in an epoch into which nothing was put yet.
    pub(crate) fn make_room(&self, volume: Volume, stop: &AtomicBool) -> Result<(), StoreError> {
        match self.store {
            StoreKind::Sled => sled_log::make_room(self.dir.path(), &self.name, volume, stop),
            // It lays its file out itself.
            StoreKind::Redb => Ok(()),
        }
    }

    /// Checks that everything is there that opening would otherwise quietly create anew.
    pub(crate) fn check_present(&self) -> Result<(), StoreError> {
        match self.store {
            StoreKind::Sled => sled_log::check_present(self.dir.path(), &self.name),
            StoreKind::Redb => redb_log::check_present(&self.dir, &self.name),
        }
    }

    /// The files that never change once the epoch is created, below the data directory.
    pub(crate) fn constant_files(&self) -> Vec<String> {
        match self.store {
            StoreKind::Sled => vec![sled_log::conf_of(&self.name)],
            StoreKind::Redb => Vec::new(),
        }
    }

    /// The files that change while the epoch is written, below the data directory.
    pub(crate) fn changing_files(&self) -> Result<Vec<String>, StoreError> {
        match self.store {
            StoreKind::Sled => sled_log::changing_files(self.dir.path(), &self.name),
            StoreKind::Redb => Ok(vec![self.name.clone()]),
        }
    }

    /// Removes it, whatever there is of it.
    pub(crate) fn remove(&self) -> Result<(), StoreError> {
        let (disk, path) = (self.dir.disk(), self.dir.join(&self.name));
        let removed = match disk.entry(&path).map_err(StoreError::io(&path))? {
            Some(Entry::Directory) => disk.remove_dir_all(&path),
            Some(Entry::File) => disk.remove_file(&path),
            None => return Ok(()),
        };
        removed.map_err(StoreError::io(&path))?;
        data_dir::sync_above(disk, &path)
    }
}
