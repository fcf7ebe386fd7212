//! Connections: how many there are at a time, and how long one may be silent.
//!
//! A caller who waits for an answer says nothing, and some answers read the whole log: until an answer begins, that
//! nothing comes is no silence. That nothing of an answer is taken is, whatever else goes on.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tower_layer::Layer as _;

/// Takes connections in while there is room; one too many is closed at once.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    room: Arc<Semaphore>,
    refused: Arc<AtomicU64>,
    most: usize,
    idle: Duration,
}

impl Door {
    pub(crate) fn new(connections_max: u32, idle: Duration) -> Self {
        let most = usize::try_from(connections_max)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(most)),
            refused: Arc::default(),
            most,
            idle,
        }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.most.saturating_sub(self.room.available_permits())
    }

    /// Connections that were closed at once, since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Watched;
    type Service = AddExtension<S, Calls>;
    type Future = std::future::Ready<io::Result<(Watched, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(place) => {
                // Answers are small and complete; waiting to fill a packet would only delay them.
                let set = stream.set_nodelay(true);
                let calls = Calls::default();
                let service = Extension(calls.clone()).layer(service);
                set.map(|()| (Watched::new(stream, place, self.idle, calls), service))
            }
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(io::Error::other("too many connections"))
            }
        };
        std::future::ready(accepted)
    }
}

/// How many calls of a connection are under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// One more is, until what this gives is dropped.
    pub(crate) fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn are_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A call of a connection that is under way.
#[derive(Debug)]
pub(crate) struct Answering(Calls);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that ends when nothing came or went for too long.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    /// Since nothing more is taken of what is to be sent, if that is so. It has a time of its own: whoever serves the
    /// connection asks for more to read before it tries to write.
    blocked: Option<Pin<Box<Sleep>>>,
    calls: Calls,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, idle: Duration, calls: Calls) -> Self {
        Self {
            stream,
            idle,
            silence: Box::pin(sleep(idle)),
            blocked: None,
            calls,
            _place: place,
        }
    }

    /// What reading gave; where that is nothing yet, whether it was nothing for too long, unless it is the other
    /// side that waits.
    fn heard(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if polled.is_ready() {
            self.begin_silence();
            return polled;
        }
        ready!(self.silence.as_mut().poll(cx));
        if !self.calls.are_under_way() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        // Polled again, so that it is known when it ends.
        self.begin_silence();
        let _ = self.silence.as_mut().poll(cx);
        Poll::Pending
    }

    /// What writing gave; where that is nothing yet, whether it was nothing for too long.
    fn told(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.blocked = None;
            self.begin_silence();
            return polled;
        }
        let idle = self.idle;
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(sleep(idle)));
        ready!(blocked.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn begin_silence(&mut self) {
        let until = Instant::now() + self.idle;
        self.silence.as_mut().reset(until);
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.heard(cx, polled)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.told(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.told(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const IDLE: Duration = Duration::from_secs(120);
    const LONG: Duration = Duration::from_secs(100_000);

    /// A connection as the service has it, and as its caller does.
    async fn connected(calls: &Calls) -> (Watched, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, caller) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let watched = Watched::new(accepted.unwrap().0, place, IDLE, calls.clone());
        (watched, caller.unwrap())
    }

    /// Time is that of the runtime, which goes on by itself where everybody waits for it.
    #[tokio::test(start_paused = true)]
    async fn a_connection_is_silent_where_nobody_waits_for_an_answer() {
        let calls = Calls::default();
        let (mut watched, _caller) = connected(&calls).await;
        let answering = calls.begin();
        let read = timeout(LONG, watched.read_u8()).await;
        assert!(
            read.is_err(),
            "it is open for as long as the call lasts: {read:?}"
        );
        drop(answering);
        let read = timeout(LONG, watched.read_u8()).await.expect("an end");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_ends_the_connection() {
        let calls = Calls::default();
        let (watched, _caller) = connected(&calls).await;
        let _answering = calls.begin();
        let answer = vec![0; 64 * 1024 * 1024];
        // Whether more comes is asked all the while, and that first.
        let (mut read, mut write) = tokio::io::split(watched);
        let ended = async {
            tokio::select! {
                biased;
                read = read.read_u8() => panic!("nothing came: {read:?}"),
                written = write.write_all(&answer) => written,
            }
        };
        let error = timeout(LONG, ended).await.expect("an end").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
