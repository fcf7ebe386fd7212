//! Restoring the folds from the checkpoint.

use std::iter;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use ledger_core::fingerprint::{FingerprintIndex, KeysByShard};
use ledger_core::ids::Seq;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::CaseFiles;
use ledger_core::projection::restoration::RestoredBand;
use ledger_core::projection::timeline::Timeline;
use ledger_core::state::LedgerState;

use self::reading::{Chunks, read};
use super::Checkpointer;
use super::chunk::Link;
use super::sealed::{Sealed, first_account};
use crate::data_dir::DataDir;
use crate::event_log::LogHead;
use crate::guard;

mod reading;

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
    pub(crate) fn nothing(dir: &DataDir, chunk_records: u64) -> Self {
        Self {
            state: LedgerState::default(),
            books: Books::default(),
            head: LogHead::EMPTY,
            checkpointer: Checkpointer::begin(dir, chunk_records),
        }
    }
}

/// Restores what the checkpoint of a data directory has; nothing when it has nothing sound.
pub(crate) fn load(dir: &DataDir) -> Option<Parts> {
    // A chunk can be sound and yet not make sense, when a defect of this program wrote it.
    guard::catch(|| restore(dir)).ok().flatten()
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
    pub(crate) fn accept(self, dir: &DataDir, chunk_records: u64) -> Restored {
        Restored {
            state: self.state,
            books: self.books,
            head: self.head,
            checkpointer: Checkpointer::go_on(dir, chunk_records, self.bytes, self.link),
        }
    }
}

/// The portfolio, the histories of each band, and the keys share nothing, so they are restored side by side: the
/// portfolio while the chunks are read, the others once it is known how many there are.
fn restore(dir: &DataDir) -> Option<Parts> {
    let (sender, chunks) = mpsc::channel::<Arc<Sealed>>();
    thread::scope(|scope| {
        let portfolio = scope.spawn(|| guard::catch(|| restore_portfolio(chunks)));
        let Chunks {
            chunks,
            correlations,
            triplets,
        } = read(dir, &sender);
        drop(sender);
        let last = chunks.last()?;
        let (correlations, triplets, bands) =
            restore_side_by_side(&chunks, correlations, triplets)?;
        let told = portfolio.join().and_then(|caught| caught).ok()?;
        let (mut portfolio, mut copy, case_files, timeline) = told?;
        thread::scope(|scope| {
            let other = scope.spawn(|| guard::catch(|| restore_plain(&mut copy, &bands)));
            restore_plain(&mut portfolio, &bands);
            other.join().and_then(|caught| caught)
        })
        .ok()?;
        let last_seq = Seq(last.head.last_seq);
        Some(Parts {
            head: last.head,
            state: LedgerState::restored(copy, correlations, triplets, last_seq, last.recorded_at),
            books: Books::restored(
                portfolio,
                case_files,
                timeline,
                bands,
                last.totals.clone(),
                last_seq,
            ),
            bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
            link: last.link,
        })
    })
}

/// The keys of correlation ids, those of triplets, and the histories, on as many threads as can run at once.
fn restore_side_by_side(
    chunks: &[Arc<Sealed>],
    correlations: Vec<KeysByShard>,
    triplets: Vec<KeysByShard>,
) -> Option<(FingerprintIndex, FingerprintIndex, Vec<RestoredBand>)> {
    let bands = &Bands::of(chunks);
    thread::scope(|scope| {
        let beside = scope.spawn(|| guard::catch(|| (index_of(triplets), bands.restore())));
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let helpers: Vec<_> = (2..cores)
            .map(|_| scope.spawn(|| guard::catch(|| bands.restore())))
            .collect();
        let correlations = index_of(correlations);
        let mut restored = bands.restore();
        let (triplets, others) = beside.join().and_then(|caught| caught).ok()?;
        restored.extend(others);
        for helper in helpers {
            restored.extend(helper.join().and_then(|caught| caught).ok()?);
        }
        restored.sort_unstable_by_key(|(band, _)| *band);
        let bands = restored.into_iter().map(|(_, restored)| restored);
        Some((correlations, triplets, bands.collect()))
    })
}

/// The index of these keys, which are not needed any more.
fn index_of(keys: Vec<KeysByShard>) -> FingerprintIndex {
    FingerprintIndex::of(&keys)
}

fn restore_plain(portfolio: &mut Portfolio, bands: &[RestoredBand]) {
    for band in bands {
        portfolio.restore_plain(band);
    }
}

/// The portfolio, twice: the two folds share no memory. With it what is told by the records kept whole alone.
fn restore_portfolio(
    chunks: Receiver<Arc<Sealed>>,
) -> Option<(Portfolio, Portfolio, CaseFiles, Timeline)> {
    let mut portfolio = Portfolio::default();
    let mut case_files = CaseFiles::default();
    let mut timeline = Timeline::default();
    for chunk in chunks {
        for record in chunk.whole() {
            let record = record?;
            portfolio.restore(&record);
            case_files.add(&portfolio, &record);
            timeline.add(&record);
        }
    }
    Some((portfolio.clone(), portfolio, case_files, timeline))
}

/// The bands of all chunks. Whoever restores takes the next that nobody took.
struct Bands<'a> {
    chunks: &'a [Arc<Sealed>],
    count: u32,
    next: AtomicU32,
}

impl<'a> Bands<'a> {
    fn of(chunks: &'a [Arc<Sealed>]) -> Self {
        let last = chunks.iter().filter_map(|chunk| chunk.last_band()).max();
        Self {
            chunks,
            count: last.map_or(0, |last| last + 1),
            next: AtomicU32::new(0),
        }
    }

    fn restore(&self) -> Vec<(u32, RestoredBand)> {
        let taken = || Some(self.next.fetch_add(1, Ordering::Relaxed));
        iter::from_fn(taken)
            .take_while(|band| *band < self.count)
            .map(|band| (band, restore_band(self.chunks, band)))
            .collect()
    }
}

fn restore_band(chunks: &[Arc<Sealed>], band: u32) -> RestoredBand {
    let mut counts = Vec::new();
    for chunk in chunks {
        chunk.count(band, &mut counts);
    }
    let mut restored = RestoredBand::with_room(first_account(band), &counts);
    for chunk in chunks {
        chunk.each_gist(band, |gist| restored.restore(gist));
    }
    restored
}

#[cfg(test)]
mod fuzz;
