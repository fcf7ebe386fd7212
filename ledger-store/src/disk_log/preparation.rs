//! The next epoch, prepared in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::epoch::{Epoch, EpochFiles};
use crate::error::StoreError;
use crate::guard;

/// An epoch that is created, and given room, on a thread of its own. No manifest lists it yet, so the
/// next opening removes it if it comes to nothing.
pub(super) struct Preparation {
    files: EpochFiles,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Arc<dyn Epoch>, StoreError>>,
}

impl Preparation {
    /// Begins to prepare the epoch, with room for so many bytes of blocks.
    pub(super) fn begin(files: EpochFiles, block_bytes: u64) -> Result<Self, StoreError> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread_files = files.clone();
        let thread_stop = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("ledger-store-next".to_owned())
            .spawn(move || {
                guard::quietly(&thread_files.place(), || {
                    thread_files.remove()?;
                    let epoch = thread_files.create()?;
                    let room = thread_files.make_room(block_bytes, &thread_stop);
                    if room.is_err() {
                        // A full disk needs back what was taken.
                        epoch.end()?;
                        thread_files.remove()?;
                    }
                    room.map(|()| epoch)
                })
            })
            .map_err(StoreError::io(files.place().as_ref()))?;
        Ok(Self {
            files,
            stop,
            thread,
        })
    }

    /// The epoch, with as much room as it has by now.
    pub(super) fn finish(self) -> (EpochFiles, Result<Arc<dyn Epoch>, StoreError>) {
        self.stop.store(true, Ordering::Relaxed);
        let stopped = || StoreError::damaged(self.files.place(), "stopped the thread that made it");
        let epoch = self.thread.join().unwrap_or_else(|_| Err(stopped()));
        (self.files, epoch)
    }

    /// Ends it, and removes what was made.
    pub(super) fn discard(self) -> Result<(), StoreError> {
        let (files, epoch) = self.finish();
        // What went wrong with a favour that is not needed any more is nobody's failure.
        if let Ok(epoch) = epoch {
            epoch.end()?;
        }
        files.remove()
    }
}
