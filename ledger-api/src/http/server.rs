//! Listening, and stopping in order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum_server::Handle;
use thiserror::Error;

use super::router;
use super::service::Service;
use crate::ledger::Ledger;

/// How long calls under way may take once the service was told to stop.
const STOP_WAIT: Duration = Duration::from_secs(30);

/// How a ledger is served.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether a command must bring its correlation id.
    pub strict: bool,
}

/// Why a service cannot run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Serving ended.
    #[error("serving ended: {0}")]
    Serve(#[from] io::Error),
}

/// A service that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    service: Arc<Service>,
}

impl Server {
    /// Listens; calls are answered once it runs.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn bind(ledger: Arc<Ledger>, options: &ServeOptions) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            handle: Handle::new(),
            service: Arc::new(Service {
                ledger,
                strict: options.strict,
                stopping: AtomicBool::new(false),
            }),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops a service that runs: no call is taken any more, those under way are answered.
    #[must_use]
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let (handle, service) = (self.handle.clone(), Arc::clone(&self.service));
        move || {
            service.stopping.store(true, Ordering::Relaxed);
            handle.graceful_shutdown(Some(STOP_WAIT));
        }
    }

    /// Answers calls until it is stopped.
    ///
    /// # Errors
    /// [`ServeError::Serve`].
    pub async fn run(self) -> Result<(), ServeError> {
        let router = router::router(&self.service);
        axum_server::from_tcp(self.listener)?
            .handle(self.handle)
            .serve(router.into_make_service())
            .await?;
        Ok(())
    }
}
