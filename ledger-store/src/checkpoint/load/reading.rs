//! Reading the chunks of a checkpoint.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use ledger_core::fingerprint::{Fingerprint, KeysByShard};
use ledger_core::ids::Seq;

use super::super::CHECKPOINT;
use super::super::chunk::{HEADER_BYTES, Link};
use super::super::sealed::{Header, Keys, Sealed};
use crate::data_dir::DataDir;
use crate::disk::{ALIGNMENT, Access, DiskFile};

/// The chunks, and their keys.
#[derive(Default)]
pub(super) struct Chunks {
    pub(super) chunks: Vec<Arc<Sealed>>,
    pub(super) correlations: Vec<KeysByShard>,
    pub(super) triplets: Vec<KeysByShard>,
}

/// Reads chunks up to the end or to the first that is not sound, and hands each on.
pub(super) fn read(dir: &DataDir, to: Sender<Arc<Sealed>>) -> Chunks {
    let Ok(file) = dir.open(CHECKPOINT, Access::Read) else {
        return Chunks::default();
    };
    let left = file.len().unwrap_or(0);
    // It was written past the cache, so it comes from the disk; only asking for all at once is fast.
    file.will_be_read();
    let rest = Rest {
        file,
        at: 0,
        end: left,
    };
    read_from(BufReader::with_capacity(READ_BYTES, rest), left, to)
}

/// As [`read`], from so many bytes.
pub(super) fn read_from(mut file: impl Read, mut left: u64, to: Sender<Arc<Sealed>>) -> Chunks {
    let mut found = Chunks::default();
    let (mut correlations, mut triplets) = (Vec::new(), Vec::new());
    let (mut link, mut last_seq) = (Link::default(), 0);
    let mut room = Vec::new();
    while let Some((chunk, keys)) = next(&mut file, &mut left, link, last_seq, &mut room) {
        (link, last_seq) = (chunk.link, chunk.head.last_seq);
        correlations.extend(keys.correlations());
        triplets.extend(keys.triplets());
        if correlations.len() >= KEYS_TOGETHER {
            bring_together(&mut correlations, &mut found.correlations);
            bring_together(&mut triplets, &mut found.triplets);
        }
        let chunk = Arc::new(chunk);
        found.chunks.push(Arc::clone(&chunk));
        if to.send(chunk).is_err() {
            break;
        }
    }
    bring_together(&mut correlations, &mut found.correlations);
    bring_together(&mut triplets, &mut found.triplets);
    found
}

/// Keys that are brought together by shard at a time, at least: those of one chunk, or of many short ones. They stay
/// within the processor's second cache.
const KEYS_TOGETHER: usize = 1 << 16;

fn bring_together(keys: &mut Vec<(Fingerprint, Seq)>, by_shard: &mut Vec<KeysByShard>) {
    if !keys.is_empty() {
        by_shard.push(KeysByShard::of(keys.iter().copied()));
        keys.clear();
    }
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

/// The next chunk. Its keys are read into `room`, whatever is there.
fn next<'a>(
    file: &mut impl Read,
    left: &mut u64,
    link: Link,
    last_seq: u64,
    room: &'a mut Vec<u8>,
) -> Option<(Sealed, Keys<'a>)> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let header = Header::decode(&header, link, last_seq)?;
    // A length that is not the file's is not asked memory for.
    *left = left.checked_sub(header.bytes)?;
    let body_bytes = header.body_bytes.checked_sub(header.keys_bytes())?;
    room.resize(usize::try_from(header.keys_bytes()).ok()?, 0);
    file.read_exact(room).ok()?;
    let mut body = vec![0; usize::try_from(body_bytes).ok()?];
    file.read_exact(&mut body).ok()?;
    let mut zeros = [0; ALIGNMENT];
    let padding = zeros.get_mut(..usize::try_from(header.padding_bytes()).ok()?)?;
    file.read_exact(padding).ok()?;
    // Nothing is said by the padding, so nothing is asked of it.
    header.with(room, body)
}
