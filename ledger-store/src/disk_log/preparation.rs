//! The next epoch, prepared in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::epoch::{Epoch, EpochFiles, Volume};
use crate::error::StoreError;
use crate::guard;

/// An epoch that is created, and given room, on a thread of its own. No manifest lists it yet, so the
/// next opening removes it if it comes to nothing.
pub(super) struct Preparation {
    files: EpochFiles,
    stop: Arc<AtomicBool>,
    work: Work,
}

/// Where it is done.
enum Work {
    Under(JoinHandle<Result<Arc<dyn Epoch>, StoreError>>),
    Done(Result<Arc<dyn Epoch>, StoreError>),
}

impl Preparation {
    /// Begins to prepare the epoch, with room for so much, and may go on in the background.
    pub(super) fn begin(
        files: EpochFiles,
        volume: Volume,
        background: bool,
    ) -> Result<Self, StoreError> {
        let stop = Arc::new(AtomicBool::new(false));
        let work = if background {
            let (files, stop) = (files.clone(), Arc::clone(&stop));
            let thread = thread::Builder::new().name("ledger-store-next".to_owned());
            let place = files.place();
            let thread = thread.spawn(move || prepare(&files, volume, &stop));
            Work::Under(thread.map_err(StoreError::io(place.as_ref()))?)
        } else {
            Work::Done(prepare(&files, volume, &stop))
        };
        Ok(Self { files, stop, work })
    }

    /// The epoch, with as much room as it has by now.
    pub(super) fn finish(self) -> (EpochFiles, Result<Arc<dyn Epoch>, StoreError>) {
        self.stop.store(true, Ordering::Relaxed);
        let stopped = || StoreError::damaged(self.files.place(), "stopped the thread that made it");
        let epoch = match self.work {
            Work::Under(thread) => thread.join().unwrap_or_else(|_| Err(stopped())),
            Work::Done(epoch) => epoch,
        };
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

fn prepare(
    files: &EpochFiles,
    volume: Volume,
    stop: &AtomicBool,
) -> Result<Arc<dyn Epoch>, StoreError> {
    guard::quietly(&files.place(), || {
        files.remove()?;
        let epoch = files.create()?;
        let room = files.make_room(volume, stop);
        if room.is_err() {
            // A full disk needs back what was taken.
            epoch.end()?;
            files.remove()?;
        }
        room.map(|()| epoch)
    })
}
