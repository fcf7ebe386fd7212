//! Turns panics, mostly sled's, into answers.
//!
//! sled 0.34.7 panics on some damaged files, on the calling thread or on its own. Calls into it go
//! through [`quietly`], which catches the panic and keeps its text from standard error, where it
//! would look like a crash of this program. Recovery folds records through [`catch`] for the same
//! reason.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

use crate::error::StoreError;

/// Longest piece of a panic's text that goes into an error.
const PANIC_TEXT_CHARS_MAX: usize = 200;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the call; a panic in it becomes an error that names the file `log/db`.
pub(crate) fn quietly<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch(call).unwrap_or_else(|payload| {
        Err(StoreError::damaged(
            "log/db",
            format!(
                "cannot be read, the storage engine stopped with: {}",
                text_of(&*payload)
            ),
        ))
    })
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
            if !is_guarded() {
                report(info);
            }
        }));
    });
}

fn is_guarded() -> bool {
    // A thread that is ending has no thread-local left; its panic is then reported as usual.
    GUARDED.try_with(Cell::get).unwrap_or(false)
        || thread::current()
            .name()
            .is_some_and(|name| name.starts_with("sled-io-"))
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
