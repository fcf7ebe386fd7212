//! Restoring the folds from the checkpoint.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::thread;

use ledger_core::fingerprint::FingerprintIndex;
use ledger_core::ids::Seq;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;

use super::chunk::{HEADER_BYTES, Header, Link, Sealed};
use super::{CHECKPOINT, Checkpointer};
use crate::event_log::LogHead;
use crate::guard;

/// The folds as of the end of the checkpoint.
pub(crate) struct Restored {
    pub(crate) state: LedgerState,
    pub(crate) books: Books,
    /// Where the log must end a block for any of this to be true.
    pub(crate) head: LogHead,
    pub(crate) checkpointer: Checkpointer,
}

impl Restored {
    /// The folds of nothing, and the beginning of a checkpoint.
    pub(crate) fn nothing(dir: &Path) -> Self {
        Self {
            state: LedgerState::default(),
            books: Books::default(),
            head: LogHead::EMPTY,
            checkpointer: Checkpointer::begin(dir),
        }
    }
}

/// Restores what the checkpoint of a data directory has; nothing when it has nothing sound.
pub(crate) fn load(dir: &Path) -> Option<Parts> {
    let chunks = read(&dir.join(CHECKPOINT));
    chunks.last()?;
    // A chunk can be sound and yet not make sense, when a defect of this program wrote it.
    guard::catch(|| restore(chunks)).ok().flatten()
}

/// What a checkpoint says, not yet compared with the log.
pub(crate) struct Parts {
    pub(crate) head: LogHead,
    state: LedgerState,
    books: Books,
    bytes: u64,
    link: Link,
}

impl Parts {
    /// Takes it for true, and lets the checkpoint go on from here.
    pub(crate) fn accept(self, dir: &Path) -> Restored {
        Restored {
            state: self.state,
            books: self.books,
            head: self.head,
            checkpointer: Checkpointer::go_on(dir, self.bytes, self.link),
        }
    }
}

/// Reads chunks up to the end or to the first that is not sound.
fn read(path: &Path) -> Vec<Sealed> {
    let mut chunks = Vec::new();
    let Ok(file) = File::open(path) else {
        return chunks;
    };
    let mut left = file.metadata().map_or(0, |metadata| metadata.len());
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let (mut link, mut last_seq) = (Link::default(), 0);
    while let Some(chunk) = next(&mut file, &mut left, link, last_seq) {
        (link, last_seq) = (chunk.link, chunk.head.last_seq);
        chunks.push(chunk);
    }
    chunks
}

/// Headers are read with what follows them.
const READ_BYTES: usize = 64 * 1024;

fn next(file: &mut impl Read, left: &mut u64, link: Link, last_seq: u64) -> Option<Sealed> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let header = Header::decode(&header, link, last_seq)?;
    let behind = left.checked_sub(u64::try_from(HEADER_BYTES).ok()?)?;
    // A length that is not the file's is not asked memory for.
    *left = behind.checked_sub(header.body_bytes)?;
    let length = usize::try_from(header.body_bytes).ok()?;
    let mut body = Vec::with_capacity(length);
    file.take(header.body_bytes).read_to_end(&mut body).ok()?;
    header.with(body)
}

fn restore(chunks: Vec<Sealed>) -> Option<Parts> {
    let last = chunks.last()?;
    let (head, link, recorded_at) = (last.head, last.link, last.recorded_at);
    let bytes = chunks.iter().map(Sealed::bytes).sum();
    // The two folds share nothing but the portfolio, so they are restored side by side.
    let (books, (correlations, triplets)) = thread::scope(|scope| {
        let keys = scope.spawn(|| {
            guard::catch(|| {
                let correlations = chunks.iter().flat_map(Sealed::correlations);
                let triplets = chunks.iter().flat_map(Sealed::triplets);
                (
                    FingerprintIndex::of(correlations),
                    FingerprintIndex::of(triplets),
                )
            })
        });
        let books = restore_books(&chunks);
        let keys = keys.join().and_then(|keys| keys).ok()?;
        Some((books, keys))
    })?;
    let books = books?;
    let state = LedgerState::restored(
        books.portfolio().clone(),
        correlations,
        triplets,
        Seq(head.last_seq),
        recorded_at,
    );
    Some(Parts {
        head,
        state,
        books,
        bytes,
        link,
    })
}

fn restore_books(chunks: &[Sealed]) -> Option<Books> {
    let mut books = Books::default();
    for chunk in chunks {
        let (whole, totals) = chunk.whole_and_totals()?;
        let last_seq = Seq(chunk.head.last_seq);
        books.restore(whole.iter(), &chunk.gists(), last_seq);
        books.restore_totals(totals);
    }
    Some(books)
}
