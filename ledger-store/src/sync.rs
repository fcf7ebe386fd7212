//! Threads, channels and locks of the writer and its readers.
//!
//! With the feature `schedules` they are shuttle's, which tries one order after another of what threads do.
//! Outside its tests nothing works then, so nothing but `writer/schedules.rs` ever switches it on.

#[cfg(feature = "schedules")]
mod explored;

#[cfg(feature = "schedules")]
pub(crate) use self::explored::{
    AtomicU64, Condvar, JoinHandle, Mutex, Receiver, RecvTimeoutError, RwLock, RwLockReadGuard,
    Sender, bounded, oneshot, spawn, unbounded,
};
#[cfg(not(feature = "schedules"))]
pub(crate) use self::native::{
    AtomicU64, Condvar, JoinHandle, Mutex, Receiver, RecvTimeoutError, RwLock, RwLockReadGuard,
    Sender, bounded, oneshot, spawn, unbounded,
};

#[cfg(not(feature = "schedules"))]
mod native {
    pub(crate) use std::sync::atomic::AtomicU64;
    pub(crate) use std::thread::JoinHandle;

    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
    pub(crate) use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
    pub(crate) use tokio::sync::oneshot;

    /// Starts a thread with a name.
    pub(crate) fn spawn<T: Send + 'static>(
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .expect("a process that opens a ledger may start a few threads")
    }
}
