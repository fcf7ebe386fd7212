//! Turns panics, mostly a storage engine's, into answers.
//!
//! sled 0.34.7 panics on some damaged files, on the calling thread or on its own, and redb may. Calls
//! into them go through [`Engine::with`], which catches the panic and keeps its text from standard
//! error, where it would look like a crash of this program; openings go through [`on_thread`], which
//! also ends the wait for one that hangs. Recovery folds records through [`catch`] for the same reason.

use std::any::Any;
use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use parking_lot::RwLock;

use crate::error::StoreError;

/// Longest piece of a panic's text that goes into an error.
const PANIC_TEXT_CHARS_MAX: usize = 200;

/// How long the opening may show no progress. Opening scans what was written since the last time,
/// 0.2 s per million records where measured; this allows for hundreds of millions on a slow disk.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(900);

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// An open database of a storage engine, until it is taken out at closing.
pub(crate) struct Engine<D> {
    /// The file that its errors name, relative to the data directory.
    place: String,
    database: RwLock<Option<D>>,
    /// It panicked. Cleaning up could make it panic again, which would end the process at once.
    broken: AtomicBool,
}

impl<D> Engine<D> {
    pub(crate) fn new(place: String, database: D) -> Self {
        Self {
            place,
            database: RwLock::new(Some(database)),
            broken: AtomicBool::new(false),
        }
    }

    /// Asks the database; a panic becomes damage of its file, and it is asked no more.
    pub(crate) fn with<T>(
        &self,
        call: impl FnOnce(&D) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read();
        let database = database.as_ref().ok_or(StoreError::Closed)?;
        if self.broken.load(Ordering::Acquire) {
            return Err(stopped(&self.place, "it stopped before"));
        }
        catch(|| call(database)).unwrap_or_else(|payload| {
            self.broken.store(true, Ordering::Release);
            Err(stopped(&self.place, &text_of(&*payload)))
        })
    }

    /// Takes the database out once nobody uses it; nothing is left for those who come later.
    ///
    /// One that panicked keeps its memory and its locks until the process ends.
    pub(crate) fn take(&self) -> Result<Option<D>, StoreError> {
        let database = self.database.write().take();
        if self.broken.load(Ordering::Acquire) {
            mem::forget(database);
            return Err(stopped(&self.place, "it stopped before"));
        }
        Ok(database)
    }
}

/// Makes the call; a panic in it becomes an error that names the place.
pub(crate) fn quietly<T>(
    place: &str,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch(call).unwrap_or_else(|payload| Err(stopped(place, &text_of(&*payload))))
}

/// Makes the call on a thread of its own, so that it can panic or hang without harm.
pub(crate) fn on_thread<T: Send + 'static>(
    place: &str,
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread_place = place.to_owned();
    let thread = thread::Builder::new()
        .name("ledger-store-open".to_owned())
        .spawn(move || {
            let outcome = quietly(&thread_place, call);
            // Nobody listens after a timeout; then what was opened is let go here.
            drop(sender.send(outcome));
        })
        .map_err(StoreError::io(place.as_ref()))?;
    match receiver.recv_timeout(SILENCE_MAX) {
        Ok(outcome) => {
            // Its result went through the channel, and its panics were caught.
            let _ = thread.join();
            outcome
        }
        Err(RecvTimeoutError::Timeout) => Err(StoreError::OpenTimedOut {
            place: place.to_owned(),
            silence_s: SILENCE_MAX.as_secs(),
        }),
        Err(RecvTimeoutError::Disconnected) => Err(StoreError::damaged(
            place,
            "stopped the thread that opened it",
        )),
    }
}

/// Makes the call and gives the payload of a panic in it, whose text is kept from standard error.
///
/// What the call may have left half done is the caller's to throw away: after a panic nothing more
/// is asked of it.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> thread::Result<T> {
    silence_guarded_threads();
    let outer = GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    outcome
}

/// Puts a filter before the panic hook, once for the process; all other panics pass unchanged.
fn silence_guarded_threads() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // One that cannot be caught ends the process, which should say why.
            if !is_guarded() || info.payload_as_str() == Some(UNCAUGHT) {
                report(info);
            }
        }));
    });
}

/// What the standard library calls a panic while another one cleans up.
const UNCAUGHT: &str = "panic in a destructor during cleanup";

fn is_guarded() -> bool {
    // A thread that is ending has no thread-local left; its panic is then reported as usual.
    GUARDED.try_with(Cell::get).unwrap_or(false)
        || thread::current()
            .name()
            .is_some_and(|name| name.starts_with("sled-io-"))
}

fn stopped(place: &str, why: &str) -> StoreError {
    StoreError::damaged(
        place,
        format!("cannot be read, the storage engine stopped with: {why}"),
    )
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without text");
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(PANIC_TEXT_CHARS_MAX)
        .collect()
}
