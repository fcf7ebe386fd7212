//! The readers' side: the books of everything durable, and the records behind them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::projection::books::Books;
use ledger_core::projection::gist::Brief;

use crate::codec;
use crate::error::StoreError;
use crate::event_log::{LogReader, scan};
use crate::sync::{AtomicU64, RwLock, RwLockReadGuard};

/// A shared view of the durable log. Cloning it is cheap and shows the same books.
#[derive(Clone)]
pub struct Reader {
    books: Arc<RwLock<Books>>,
    /// Place of the last record in `books`, for those who need not lock them.
    durable: Arc<AtomicU64>,
    log: Arc<dyn LogReader>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("last_seq", &self.last_seq())
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader of a log whose fold is `books`.
    #[must_use]
    pub fn new(books: Books, log: Arc<dyn LogReader>) -> Self {
        let durable = AtomicU64::new(books.last_seq().map_or(0, |seq| seq.0));
        Self {
            books: Arc::new(RwLock::new(books)),
            durable: Arc::new(durable),
            log,
        }
    }

    /// The books, held still while the guard lives. Hold it briefly: the writer waits to publish.
    pub fn books(&self) -> RwLockReadGuard<'_, Books> {
        self.books.read()
    }

    /// Place of the last record that readers see.
    #[must_use]
    pub fn last_seq(&self) -> Option<Seq> {
        self.books().last_seq()
    }

    /// The record at a place, if it is durable.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub fn record(&self, seq: Seq) -> Result<Option<Record>, StoreError> {
        match self.log.block_with(seq.0)? {
            Some(block) => codec::decode(&block, seq.0),
            None => Ok(None),
        }
    }

    /// The log that the books are a fold of.
    #[must_use]
    pub fn log(&self) -> &dyn LogReader {
        self.log.as_ref()
    }

    /// Every durable record, in order.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, StoreError>> {
        let mut blocks = scan(self.log.as_ref(), 1);
        let mut records = Vec::new().into_iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(record) = records.next() {
                    return Some(record);
                }
                match blocks.next()? {
                    Ok(block) => {
                        let all: Vec<_> = codec::decode_all(&block).collect();
                        records = all.into_iter();
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    /// Place of the last record that readers see, zero before the first.
    pub(crate) fn durable(&self) -> Seq {
        Seq(self.durable.load(Ordering::Acquire))
    }

    /// Shows readers what became durable.
    pub(crate) fn publish(&self, records: &[Record], briefs: &[Brief]) {
        let mut books = self.books.write();
        books.apply_brief(records, briefs);
        let last = books.last_seq().map_or(0, |seq| seq.0);
        self.durable.store(last, Ordering::Release);
    }
}
