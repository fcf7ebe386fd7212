//! Makes records durable: the on-disk frame of the log, the log itself, and the checks that refuse a
//! damaged one.
//!
//! The modules here see records as opaque bytes. A run of consecutive records is sealed into a
//! [`block::Block`], which carries a checksum for every record and a hash chained to the block
//! before it. An [`event_log::EventLog`] appends blocks and answers only when they are durable:
//! [`sled_log::SledLog`] on disk, [`mem_log::MemLog`] in tests.

pub mod block;
pub mod codec;
pub mod error;
pub mod event_log;
pub mod framing;
mod guard;
mod head;
mod manifest;
pub mod mem_log;
pub mod reader;
pub mod recovery;
pub mod sled_log;
pub mod verify;
pub mod writer;

pub use block::{Block, BlockBuilder, ChainHash};
pub use error::StoreError;
pub use event_log::{EventLog, LogHead, LogReader, scan};
pub use framing::Framer;
pub use manifest::MANIFEST;
pub use mem_log::MemLog;
pub use sled_log::SledLog;
