//! Makes records durable: the on-disk frame of the log, the log itself, and the checks that refuse a
//! damaged one.
//!
//! The modules here see records as opaque bytes. A run of consecutive records is sealed into a
//! [`block::Block`], which carries a checksum for every record and a hash chained to the block
//! before it. An [`event_log::EventLog`] appends blocks and answers only when they are durable:
//! [`disk_log::DiskLog`] on disk, [`mem_log::MemLog`] in tests. On disk the log is a row of epochs, each
//! a database of the [`StoreKind`] that was chosen when the log was created.

#![forbid(unsafe_code)]

pub mod backup;
pub mod block;
pub mod checkpoint;
pub mod codec;
#[cfg(test)]
#[allow(dead_code, reason = "each test uses some of it")]
#[path = "../tests/it/commands.rs"]
mod commands;
pub mod copy;
mod data_dir;
pub mod deciding;
pub mod disk;
pub mod disk_log;
mod epoch;
pub mod error;
pub mod event_log;
pub mod framing;
mod guard;
mod head;
pub mod kept_head;
mod manifest;
pub mod mem_log;
pub mod new_log;
pub mod reader;
pub mod recovery;
mod redb_log;
mod side_by_side;
mod sled_log;
mod sync;
pub mod tree;
pub mod verify;
pub mod writer;
mod zero_tail;

pub use block::{Block, BlockBuilder, ChainHash};
pub use data_dir::CONTROL;
pub use data_dir::DataDir;
pub use disk_log::{DiskLog, LogOptions, Opening};
pub use epoch::{StoreKind, UnknownStore};
pub use error::StoreError;
pub use event_log::{EventLog, LogHead, LogReader, scan};
pub use framing::Framer;
pub use manifest::MANIFEST;
pub use mem_log::MemLog;
