//! Restoring the folds from the checkpoint.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use ledger_core::fingerprint::FingerprintIndex;
use ledger_core::ids::Seq;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::CaseFiles;
use ledger_core::projection::restoration::RestoredHistories;
use ledger_core::projection::timeline::Timeline;
use ledger_core::state::LedgerState;

use super::chunk::{HEADER_BYTES, Link};
use super::sealed::{Header, Sealed};
use super::{CHECKPOINT, Checkpointer};
use crate::data_dir::DataDir;
use crate::disk::{ALIGNMENT, Access, DiskFile};
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

/// The portfolio, the histories and the keys share nothing, so they are restored side by side: the
/// portfolio while the chunks are read, the others once it is known how many there are.
fn restore(dir: &DataDir) -> Option<Parts> {
    let (sender, chunks) = mpsc::channel::<Arc<Sealed>>();
    thread::scope(|scope| {
        let portfolio = scope.spawn(|| guard::catch(|| restore_portfolio(chunks)));
        let (chunks, counts) = read(dir, &sender);
        drop(sender);
        let last = chunks.last()?;
        let shared = chunks.clone();
        let histories = scope.spawn(move || guard::catch(|| restore_histories(&shared, &counts)));
        let mut room = Vec::new();
        let correlations = chunks.iter().flat_map(|c| c.correlations());
        let correlations = FingerprintIndex::of(correlations, &mut room);
        let triplets = chunks.iter().flat_map(|c| c.triplets());
        let triplets = FingerprintIndex::of(triplets, &mut room);
        drop(room);
        let told = portfolio.join().and_then(|caught| caught).ok()?;
        let (mut portfolio, mut copy, case_files, timeline) = told?;
        let histories = histories.join().and_then(|caught| caught).ok()?;
        thread::scope(|scope| {
            let other = scope.spawn(|| guard::catch(|| copy.restore_plain(&histories)));
            portfolio.restore_plain(&histories);
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
                histories,
                last.totals.clone(),
                last_seq,
            ),
            bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
            link: last.link,
        })
    })
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

fn restore_histories(chunks: &[Arc<Sealed>], counts: &[u8]) -> RestoredHistories {
    let mut histories = RestoredHistories::with_room(counts);
    for chunk in chunks {
        chunk.each_gists(|gists| histories.restore(gists));
    }
    histories
}

/// Reads chunks up to the end or to the first that is not sound, and hands each on. With them it gives how
/// many operations each account has, up to 255, which are counted while the disk reads on.
fn read(dir: &DataDir, to: &Sender<Arc<Sealed>>) -> (Vec<Arc<Sealed>>, Vec<u8>) {
    let (mut chunks, mut counts) = (Vec::new(), Vec::new());
    let Ok(file) = dir.open(CHECKPOINT, Access::Read) else {
        return (chunks, counts);
    };
    let mut left = file.len().unwrap_or(0);
    // It was written past the cache, so it comes from the disk; only asking for all at once is fast.
    file.will_be_read();
    let rest = Rest {
        file,
        at: 0,
        end: left,
    };
    let mut file = BufReader::with_capacity(READ_BYTES, rest);
    let (mut link, mut last_seq) = (Link::default(), 0);
    while let Some(chunk) = next(&mut file, &mut left, link, last_seq).map(Arc::new) {
        (link, last_seq) = (chunk.link, chunk.head.last_seq);
        chunks.push(Arc::clone(&chunk));
        if to.send(Arc::clone(&chunk)).is_err() {
            break;
        }
        chunk.count(&mut counts);
    }
    (chunks, counts)
}

/// What was not read yet of a file.
struct Rest {
    file: Box<dyn DiskFile>,
    at: u64,
    end: u64,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let part = buffer.len().min(left);
        self.file.read_exact_at(&mut buffer[..part], self.at)?;
        self.at += u64::try_from(part).unwrap_or(u64::MAX);
        Ok(part)
    }
}

/// Headers are read with what follows them.
const READ_BYTES: usize = 64 * 1024;

fn next(file: &mut impl Read, left: &mut u64, link: Link, last_seq: u64) -> Option<Sealed> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let header = Header::decode(&header, link, last_seq)?;
    let length = u64::try_from(HEADER_BYTES)
        .ok()?
        .checked_add(header.body_bytes)?;
    let padding = length.checked_next_multiple_of(u64::try_from(ALIGNMENT).ok()?)? - length;
    // A length that is not the file's is not asked memory for.
    *left = left.checked_sub(length.checked_add(padding)?)?;
    let mut body = vec![0; usize::try_from(header.body_bytes).ok()?];
    file.read_exact(&mut body).ok()?;
    let mut zeros = [0; ALIGNMENT];
    file.read_exact(zeros.get_mut(..usize::try_from(padding).ok()?)?)
        .ok()?;
    // Nothing is said by the padding, so nothing is asked of it.
    header.with(body)
}

#[cfg(test)]
mod fuzz;
