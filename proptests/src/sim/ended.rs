//! A store that ends its process.
//!
//! redb panics where one of its own trees is damaged; where it panics again while it cleans up after that,
//! the process is aborted. To clients that is a process that was killed, which must have cost them nothing,
//! but a simulation in the same process could not go on. So a seed is played on a thread of its own, which
//! is left standing there, and its run counts as ended.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::disk::SimDisk;
use super::promise::{ALIVE, Violation, broken};
use super::summary::{Outcome, Summary};

/// What the standard library calls a panic that cannot be caught.
const UNCAUGHT: &str = "panic in a destructor during cleanup";

type Ending = Result<Outcome, Violation>;

thread_local! {
    static RUN: RefCell<Option<(Sender<Ending>, Option<SimDisk>)>> = const { RefCell::new(None) };
}

/// Plays a run, also one in which the store ends the process.
pub(super) fn played(play: impl FnOnce() -> Ending + Send + 'static) -> Ending {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() == Some(UNCAUGHT) {
                stand_still();
            }
            report(info);
        }));
    });
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        RUN.set(Some((sender.clone(), None)));
        // Whoever waits for it waits until it comes.
        let _ = sender.send(play());
    });
    let ending = receiver.recv();
    let ending = ending.unwrap_or_else(|_| Err(broken(ALIVE, "a panic, whose text is above")));
    if thread.is_finished() {
        // It sent what it had to say.
        let _ = thread.join();
    }
    ending
}

/// Says on which disk the run of this thread is.
pub(super) fn on(disk: &SimDisk) {
    RUN.with_borrow_mut(|run| {
        if let Some((_, known)) = run {
            *known = Some(disk.clone());
        }
    });
}

/// Ends the run of this thread, if it has one; comes back only if it has none.
fn stand_still() {
    let Some((sender, disk)) = RUN.take() else {
        return;
    };
    let injected = disk.map(|disk| disk.injected()).unwrap_or_default();
    let is_damaged = injected.flips + injected.misdirected + injected.taken_back > 0;
    let ending = if is_damaged {
        let summary = Summary {
            seeds: 1,
            ended_by_store: 1,
            injected,
            ..Summary::default()
        };
        Ok(Outcome { summary, hash: 0 })
    } else {
        Err(broken(ALIVE, "the store ended the process on a sound disk"))
    };
    let _ = sender.send(ending);
    loop {
        thread::park();
    }
}
