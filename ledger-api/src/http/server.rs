//! Listening, and stopping in order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use thiserror::Error;

use super::config::{Config, LimitsConfig};
use super::guard::{Authority, Guard};
use super::service::Service;
use super::setup::SetupError;
use super::{probes, router, tls};
use crate::ledger::Ledger;

/// How often a connection of HTTP/2 is asked whether anybody is there, and how long the answer may take.
const PING: Duration = Duration::from_secs(20);

/// How a ledger is served to this machine, without tokens; [`Config`] has everything else.
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
    /// It cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// A service that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    service: Arc<Service>,
    tls: Option<Arc<ServerConfig>>,
    /// For those who run the service, and where that is.
    operators: Option<(TcpListener, SocketAddr)>,
    limits: LimitsConfig,
    stop_wait: Duration,
}

impl Server {
    /// Listens at an address of this machine, and asks for no tokens; calls are answered once it runs.
    ///
    /// # Errors
    /// [`ServeError::Listen`], and [`ServeError::Setup`] for an address that others can reach.
    pub fn bind(ledger: Arc<Ledger>, options: &ServeOptions) -> Result<Self, ServeError> {
        let config = Config {
            listen: options.listen,
            strict: options.strict,
            ..Config::default()
        };
        Self::configured(ledger, &config)
    }

    /// Listens as configured; calls are answered once it runs. The ledger is the one that is given, whatever the
    /// configuration says of it.
    ///
    /// # Errors
    /// [`ServeError::Setup`] when a key, a certificate or a value is not right, [`ServeError::Listen`].
    pub fn configured(ledger: Arc<Ledger>, config: &Config) -> Result<Self, ServeError> {
        let Site {
            authority,
            tls,
            calls: (listener, address),
            operators,
        } = Site::of(config)?;
        let guard = Guard::new(&ledger, config, authority);
        Ok(Self {
            listener,
            address,
            handle: Handle::new(),
            service: Arc::new(Service {
                ledger,
                strict: config.strict,
                error_profile: config.error_profile,
                guard,
            }),
            tls,
            operators,
            limits: config.limits.clone(),
            stop_wait: Duration::from_secs(config.stop_wait_s),
        })
    }

    /// Tries all that can go wrong without a ledger: what [`Self::configured`] refuses, and listening.
    ///
    /// # Errors
    /// As [`Self::configured`].
    pub fn try_out(config: &Config) -> Result<(), ServeError> {
        Site::of(config).map(drop)
    }

    /// Where `/metrics` is, if anywhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.operators.as_ref().map(|(_, address)| *address)
    }

    /// Whether callers come by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops a service that runs: no call is taken any more, those under way are answered.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let (handle, service) = (self.handle.clone(), Arc::clone(&self.service));
        let wait = self.stop_wait;
        move || {
            service.guard.stop();
            handle.graceful_shutdown(Some(wait));
        }
    }

    /// Answers calls until it is stopped.
    ///
    /// # Errors
    /// [`ServeError::Serve`].
    pub async fn run(self) -> Result<(), ServeError> {
        let router = router::router(&self.service);
        let calls = router.into_make_service_with_connect_info::<SocketAddr>();
        let door = self.service.guard.door.clone();
        let operators = Handle::new();
        if let Some((listener, _)) = self.operators {
            let router = probes::operators_router(&self.service).into_make_service();
            let mut server = axum_server::from_tcp(listener)?.handle(operators.clone());
            bound(server.http_builder(), &self.limits);
            tokio::spawn(server.serve(router));
        }
        let server = axum_server::from_tcp(self.listener)?.handle(self.handle);
        let served = match self.tls {
            None => {
                let mut server = server.acceptor(door);
                bound(server.http_builder(), &self.limits);
                server.serve(calls).await
            }
            Some(config) => {
                let config = RustlsConfig::from_config(config);
                let mut server = server.acceptor(RustlsAcceptor::new(config).acceptor(door));
                bound(server.http_builder(), &self.limits);
                server.serve(calls).await
            }
        };
        operators.shutdown();
        Ok(served?)
    }
}

/// What a service needs besides its ledger.
struct Site {
    authority: Authority,
    tls: Option<Arc<ServerConfig>>,
    calls: (TcpListener, SocketAddr),
    operators: Option<(TcpListener, SocketAddr)>,
}

impl Site {
    fn of(config: &Config) -> Result<Self, ServeError> {
        config.check()?;
        Ok(Self {
            authority: Authority::read(config)?,
            tls: config.tls.as_ref().map(tls::server_config).transpose()?,
            calls: listen(config.listen)?,
            operators: config.metrics_listen.map(listen).transpose()?,
        })
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Bounds what a connection may take before a call is there to be judged.
fn bound(builder: &mut Builder<TokioExecutor>, limits: &LimitsConfig) {
    let most = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_timeout_s.get()))
        .max_buf_size(most(limits.header_bytes_max))
        .max_headers(most(limits.headers_max.get()));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max.get())
        .max_header_list_size(limits.header_bytes_max)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
}
