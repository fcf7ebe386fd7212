//! The checkpoint: the gist of the log so far, so that opening need not read the log again.
//!
//! The file `CHECKPOINT` grows by a chunk every 57,344 records, and at closing. A chunk holds what the
//! folds keep of its records ([`ledger_core::projection::gist::Gist`]), the few records that are needed
//! whole, and the totals of double entry at its end. Opening restores the folds from the chunks and
//! reads the log from there.
//!
//! It is only a cache. It is written beside the writer, after the records are durable, and never synced.
//! Each chunk has a checksum and is chained to the chunk before; the last names the place and the hash
//! of the log where it ends, and the log must have just that there. From the first chunk that is not
//! sound on, the file is cut off and the log is read instead; where a sound one has a record that this program
//! does not understand, all of it is. When it cannot be written, the ledger
//! goes on without. One that is sound and reaches beyond the log is not thrown away: it is what is left
//! of records that were durable, so opening is refused until somebody decides.

mod chunk;
mod column;
mod load;
mod sealed;

use std::io;

use ledger_core::event::Record;
use ledger_core::projection::general_ledger::Total;
use ledger_core::projection::gist::Brief;
use ledger_core::state::RecordKeys;

use crate::data_dir::DataDir;
use crate::disk::{Access, DiskFile};
use crate::event_log::LogHead;
use crate::writer::BATCH_REQUESTS_MAX;

use self::chunk::{Chunk, Link};

pub(crate) use self::load::{Restored, load};

/// Name of the file in the data directory.
pub const CHECKPOINT: &str = "CHECKPOINT";

/// Records after which a chunk is written: what a crash leaves to be read from the log takes a few
/// hundredths of a second. With the batch that makes it full it usually has no more than 65,536, whose places take two bytes.
pub const CHUNK_RECORDS: u64 = 65_536 - BATCH_REQUESTS_MAX as u64;

/// Bytes of whole events, as of opened accounts, after which a chunk is written too: what is pending takes memory, and
/// events with long annotations a thousand times what others do.
const WHOLE_BYTES: usize = 4 << 20;

/// Writes the checkpoint of one log.
#[derive(Debug)]
pub struct Checkpointer {
    /// Nothing after a failure.
    file: Option<Box<dyn DiskFile>>,
    /// Length of the file, in bytes.
    bytes: u64,
    link: Link,
    /// Records after which a chunk is due.
    chunk_records: u64,
    pending: Chunk,
    /// Where the log ends after what is pending, once a batch is taken in as a whole.
    head: LogHead,
}

impl Checkpointer {
    /// Begins anew, in place of whatever is there.
    pub(crate) fn begin(dir: &DataDir, chunk_records: u64) -> Self {
        Self::go_on(dir, chunk_records, 0, Link::default())
    }

    /// Goes on behind the first `bytes` of the file, which end with the chunk of that link.
    fn go_on(dir: &DataDir, chunk_records: u64, bytes: u64, link: Link) -> Self {
        let path = dir.join(CHECKPOINT);
        let open = || -> io::Result<Box<dyn DiskFile>> {
            dir.disk().open(&path, Access::Create)?.set_len(bytes)?;
            dir.disk().open(&path, Access::WriteDirect)
        };
        Self {
            file: open().ok(),
            bytes,
            link,
            chunk_records,
            pending: Chunk::default(),
            head: LogHead::EMPTY,
        }
    }

    /// Takes in records that follow those taken in before, with the brief and the keys of each. `head` is where the
    /// log ends with the batch that they are of, all of which has to be taken in before the next [`Self::write`].
    ///
    /// # Panics
    /// When there are not as many of each.
    pub fn add(
        &mut self,
        records: &[Record],
        briefs: &[Brief],
        keys: &[RecordKeys],
        head: LogHead,
    ) {
        if self.file.is_some() {
            self.head = head;
            self.pending.add(records, briefs, keys);
        }
    }

    /// Whether it is time to [`Self::write`].
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.pending.len() as u64 >= self.chunk_records || self.pending.whole_bytes() >= WHOLE_BYTES
    }

    /// Writes what was taken in since the last time, if anything. `totals` are those of the books after it.
    pub fn write(&mut self, totals: &[Total]) {
        let Some(file) = &mut self.file else { return };
        if self.pending.len() == 0 {
            return;
        }
        let (bytes, link) = self.pending.seal(self.head, totals, self.link);
        match file.write_all_at(bytes, self.bytes) {
            Ok(()) => {
                self.link = link;
                self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            }
            // What was written of it is cut off at the next opening.
            Err(_) => self.file = None,
        }
        self.pending.clear();
    }
}
