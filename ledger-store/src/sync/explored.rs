//! What shuttle has, with the signatures of what it stands for.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

pub(crate) use crossbeam_channel::RecvTimeoutError;
pub(crate) use shuttle::sync::RwLockReadGuard;
pub(crate) use shuttle::sync::atomic::AtomicU64;

pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let thread = shuttle::thread::Builder::new().name(name.to_owned());
    JoinHandle(thread.spawn(work).expect("shuttle starts threads"))
}

pub(crate) struct JoinHandle<T>(shuttle::thread::JoinHandle<T>);

impl<T> JoinHandle<T> {
    pub(crate) fn join(self) -> std::thread::Result<T> {
        self.0.join()
    }
}

macro_rules! shown_by_name {
    ($($name:ident),*) => {$(
        impl<T> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

shown_by_name!(JoinHandle, Sender, Receiver);

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// Holds its lock but while a condition is waited for.
pub(crate) struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

const HELD: &str = "the lock is held outside of waiting";

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(HELD)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn wait_while<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        is_waiting: impl FnMut(&mut T) -> bool,
    ) {
        let held = guard.0.take().expect(HELD);
        let held = self.0.wait_while(held, is_waiting);
        guard.0 = Some(held.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> shuttle::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel of one sender, which threads may share, and one receiver.
struct Channel<T> {
    queue: Mutex<Queue<T>>,
    changed: Condvar,
    most: usize,
}

struct Queue<T> {
    items: VecDeque<T>,
    has_sender: bool,
    has_receiver: bool,
}

pub(crate) struct Sender<T>(Arc<Channel<T>>);

pub(crate) struct Receiver<T>(Arc<Channel<T>>);

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    bounded(usize::MAX)
}

pub(crate) fn bounded<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        queue: Mutex::new(Queue {
            items: VecDeque::new(),
            has_sender: true,
            has_receiver: true,
        }),
        changed: Condvar::default(),
        most,
    });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, item: T) -> Result<(), T> {
        let Channel {
            queue,
            changed,
            most,
        } = &*self.0;
        let mut queue = queue.lock();
        changed.wait_while(&mut queue, |queue| {
            queue.has_receiver && queue.items.len() >= *most
        });
        if !queue.has_receiver {
            return Err(item);
        }
        queue.items.push_back(item);
        changed.notify_all();
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.queue.lock().has_sender = false;
        self.0.changed.notify_all();
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, ()> {
        let mut queue = self.0.queue.lock();
        self.0.changed.wait_while(&mut queue, |queue| {
            queue.has_sender && queue.items.is_empty()
        });
        self.take(&mut queue)
    }

    pub(crate) fn try_recv(&self) -> Result<T, ()> {
        self.take(&mut self.0.queue.lock())
    }

    /// Time is not a thing that schedules have: one that could run out does so by chance.
    pub(crate) fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
        use shuttle::rand::Rng as _;
        match self.try_recv() {
            Ok(item) => Ok(item),
            Err(()) if shuttle::rand::thread_rng().gen_bool(0.1) => Err(RecvTimeoutError::Timeout),
            Err(()) => self.recv().map_err(|()| RecvTimeoutError::Disconnected),
        }
    }

    pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    fn take(&self, queue: &mut Queue<T>) -> Result<T, ()> {
        let item = queue.items.pop_front().ok_or(())?;
        self.0.changed.notify_all();
        Ok(item)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let items = {
            let mut queue = self.0.queue.lock();
            queue.has_receiver = false;
            std::mem::take(&mut queue.items)
        };
        self.0.changed.notify_all();
        // What they hold may be channels too, so no lock is held.
        drop(items);
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Box<dyn Iterator<Item = T> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(std::iter::from_fn(|| self.recv().ok()))
    }
}

/// A channel for one item.
pub(crate) mod oneshot {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    pub(crate) use tokio::sync::oneshot::error;

    use super::{Receiver as Many, bounded};

    #[derive(Debug)]
    pub(crate) struct Sender<T>(super::Sender<T>);

    #[derive(Debug)]
    pub(crate) struct Receiver<T>(Many<T>);

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = bounded(1);
        (Sender(sender), Receiver(receiver))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(self, item: T) -> Result<(), T> {
            self.0.send(item)
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn blocking_recv(self) -> Result<T, ()> {
            self.0.recv()
        }

        pub(crate) fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
            let is_open = self.0.0.queue.lock().has_sender;
            self.0.try_recv().map_err(|()| match is_open {
                true => error::TryRecvError::Empty,
                false => error::TryRecvError::Closed,
            })
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, ()>;

        /// The schedules have no tasks, only threads, which may wait.
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(self.0.recv())
        }
    }
}
