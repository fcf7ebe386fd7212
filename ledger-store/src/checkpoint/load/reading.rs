//! Reading the chunks of a checkpoint.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use ledger_core::fingerprint::KeysByShard;

use super::super::CHECKPOINT;
use super::super::chunk::{HEADER_BYTES, Link};
use super::super::sealed::{Header, Keys, Sealed};
use crate::data_dir::DataDir;
use crate::disk::{ALIGNMENT, Access, DiskFile};

/// The chunks, and the keys of each.
#[derive(Default)]
pub(super) struct Chunks {
    pub(super) chunks: Vec<Arc<Sealed>>,
    pub(super) correlations: Vec<KeysByShard>,
    pub(super) triplets: Vec<KeysByShard>,
}

/// Reads chunks up to the end or to the first that is not sound, and hands each on.
pub(super) fn read(dir: &DataDir, to: &Sender<Arc<Sealed>>) -> Chunks {
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
pub(super) fn read_from(mut file: impl Read, mut left: u64, to: &Sender<Arc<Sealed>>) -> Chunks {
    let mut read = Chunks::default();
    let (mut link, mut last_seq) = (Link::default(), 0);
    let mut room = Vec::new();
    while let Some((chunk, keys)) = next(&mut file, &mut left, link, last_seq, &mut room) {
        (link, last_seq) = (chunk.link, chunk.head.last_seq);
        let chunk = Arc::new(chunk);
        read.chunks.push(Arc::clone(&chunk));
        read.correlations.push(keys.correlations);
        read.triplets.push(keys.triplets);
        if to.send(chunk).is_err() {
            break;
        }
    }
    read
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
fn next(
    file: &mut impl Read,
    left: &mut u64,
    link: Link,
    last_seq: u64,
    room: &mut Vec<u8>,
) -> Option<(Sealed, Keys)> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).ok()?;
    let header = Header::decode(&header, link, last_seq)?;
    let length = u64::try_from(HEADER_BYTES)
        .ok()?
        .checked_add(header.body_bytes)?;
    let padding = length.checked_next_multiple_of(u64::try_from(ALIGNMENT).ok()?)? - length;
    // A length that is not the file's is not asked memory for.
    *left = left.checked_sub(length.checked_add(padding)?)?;
    let body_bytes = header.body_bytes.checked_sub(header.keys_bytes())?;
    room.resize(usize::try_from(header.keys_bytes()).ok()?, 0);
    file.read_exact(room).ok()?;
    let mut body = vec![0; usize::try_from(body_bytes).ok()?];
    file.read_exact(&mut body).ok()?;
    let mut zeros = [0; ALIGNMENT];
    file.read_exact(zeros.get_mut(..usize::try_from(padding).ok()?)?)
        .ok()?;
    // Nothing is said by the padding, so nothing is asked of it.
    header.with(room, body)
}
