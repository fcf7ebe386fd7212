//! Restoring the folds from the checkpoint.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use ledger_core::fingerprint::FingerprintIndex;
use ledger_core::ids::{AccountIndex, Seq};
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::CaseFiles;
use ledger_core::projection::restoration::RestoredBand;
use ledger_core::projection::timeline::Timeline;
use ledger_core::state::LedgerState;

use self::reading::{Chunks, read};
use super::Checkpointer;
use super::chunk::Link;
use super::sealed::Sealed;
use crate::data_dir::DataDir;
use crate::event_log::LogHead;
use crate::guard;
use crate::side_by_side::{on_all_cores, side_by_side};

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
/// portfolio while the chunks are read, the others after that.
fn restore(dir: &DataDir) -> Option<Parts> {
    let (sender, chunks) = mpsc::channel();
    let (told, others) = side_by_side(
        || restore_portfolio(chunks),
        || Others::restore(read(dir, sender)),
    );
    complete(told??, others?)
}

/// What the records kept whole tell. The portfolio is there twice: the two folds share no memory.
struct Told {
    portfolio: Portfolio,
    copy: Portfolio,
    case_files: CaseFiles,
    timeline: Timeline,
}

/// Restores what the records kept whole tell; nothing when this program did not write one of them.
fn restore_portfolio(chunks: Receiver<Arc<Sealed>>) -> Option<Told> {
    let mut portfolio = Portfolio::default();
    let mut case_files = CaseFiles::default();
    let mut timeline = Timeline::default();
    for chunk in chunks {
        chunk.each_whole(|record| {
            portfolio.restore(record);
            case_files.add(&portfolio, record);
            timeline.add(record);
        })?;
    }
    Some(Told {
        copy: portfolio.clone(),
        portfolio,
        case_files,
        timeline,
    })
}

/// What the gists and keys tell, with where the checkpoint ends.
struct Others {
    correlations: FingerprintIndex,
    triplets: FingerprintIndex,
    bands: Vec<RestoredBand>,
    last: Arc<Sealed>,
    /// Length of the chunks in the file.
    bytes: u64,
}

/// What comes of one job of [`Others::restore`].
enum Done {
    Index(FingerprintIndex),
    Band(Box<RestoredBand>),
}

impl Others {
    /// Nothing when there is no chunk.
    fn restore(read: Chunks) -> Option<Self> {
        let last = Arc::clone(read.chunks.last()?);
        let bands = bands_of(&read.chunks);
        // The longest jobs first.
        let indexes = [&read.correlations, &read.triplets];
        let done = on_all_cores(indexes.len() + bands.len(), |job| match indexes.get(job) {
            Some(keys) => Done::Index(FingerprintIndex::of(keys)),
            None => Done::Band(Box::new(restore_band(&bands[job - indexes.len()]))),
        })?;
        let (mut indexes, mut bands) = (Vec::new(), Vec::new());
        for done in done {
            match done {
                Done::Index(index) => indexes.push(index),
                Done::Band(band) => bands.push(*band),
            }
        }
        let [correlations, triplets] = indexes.try_into().ok()?;
        Some(Self {
            correlations,
            triplets,
            bands,
            last,
            bytes: read.chunks.iter().map(|chunk| chunk.bytes).sum(),
        })
    }
}

/// A band of accounts, and where in the chunks its gists are.
struct Band<'a> {
    first: AccountIndex,
    parts: Vec<(&'a Sealed, Range<usize>)>,
}

/// The bands that have any gist, in order.
fn bands_of(chunks: &[Arc<Sealed>]) -> Vec<Band<'_>> {
    let mut bands = BTreeMap::<AccountIndex, Vec<_>>::new();
    for chunk in chunks {
        for (first, places) in chunk.bands() {
            bands.entry(first).or_default().push((&**chunk, places));
        }
    }
    let bands = bands.into_iter();
    bands.map(|(first, parts)| Band { first, parts }).collect()
}

fn restore_band(band: &Band<'_>) -> RestoredBand {
    let mut counts = Vec::new();
    for (chunk, places) in &band.parts {
        chunk.count(places.clone(), &mut counts);
    }
    let mut restored = RestoredBand::with_room(band.first, counts);
    for (chunk, places) in &band.parts {
        chunk.each_gist(places.clone(), band.first, |gist| restored.restore(gist));
    }
    restored
}

/// Adds what plain postings come to, and puts the folds together.
fn complete(mut told: Told, others: Others) -> Option<Parts> {
    let bands = &others.bands;
    let (restored, ()) = side_by_side(
        || restore_plain(&mut told.copy, bands),
        || restore_plain(&mut told.portfolio, bands),
    );
    restored?;
    let Others { last, bytes, .. } = others;
    let last_seq = Seq(last.head.last_seq);
    Some(Parts {
        head: last.head,
        state: LedgerState::restored(
            told.copy,
            others.correlations,
            others.triplets,
            last_seq,
            last.recorded_at,
        ),
        books: Books::restored(
            told.portfolio,
            told.case_files,
            told.timeline,
            others.bands,
            last.totals.clone(),
            last_seq,
        ),
        bytes,
        link: last.link,
    })
}

fn restore_plain(portfolio: &mut Portfolio, bands: &[RestoredBand]) {
    for band in bands {
        portfolio.restore_plain(band);
    }
}

#[cfg(test)]
mod fuzz;
