//! Connections: how many there are at a time, and how long one may be silent.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

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
    type Service = S;
    type Future = std::future::Ready<io::Result<(Watched, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(place) => {
                // Answers are small and complete; waiting to fill a packet would only delay them.
                let set = stream.set_nodelay(true);
                set.map(|()| (Watched::new(stream, place, self.idle), service))
            }
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(io::Error::other("too many connections"))
            }
        };
        std::future::ready(accepted)
    }
}

/// A connection that ends when nothing came or went for too long.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, idle: Duration) -> Self {
        Self {
            stream,
            idle,
            silence: Box::pin(sleep(idle)),
            _place: place,
        }
    }

    /// What a call of the stream gave; where that is nothing yet, whether it was nothing for too long.
    fn heard<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            let until = Instant::now() + self.idle;
            self.silence.as_mut().reset(until);
            return polled;
        }
        ready!(self.silence.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
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
        self.heard(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.heard(cx, polled)
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
