//! `ledger serve`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ledger_api::http::{Config, ConfigFlags, Server, log_lines};
use ledger_store::{MANIFEST, StoreKind};
use tokio::signal::unix::{SignalKind, signal};

use super::{ApiError, CliError, DataArgs, Ended, listen_for_questions};

/// What is not given here is taken from the environment (LEDGER_SERVE_LISTEN, …), else from the file.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Configuration, in TOML.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the ledger [default: ledger-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Store of the log, `sled` or `redb`; a new ledger is kept in sled, an existing one must agree.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreKind>,
    /// Where to listen [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where to listen for /metrics, /livez and /readyz, without TLS and tokens.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Refuse commands without a correlation id, rather than making one up for them.
    #[arg(long)]
    strict: bool,
    /// Listen beyond this machine without asking for tokens.
    #[arg(long)]
    insecure_no_auth: bool,
    /// Listen beyond this machine without TLS, for instance behind a proxy that ends it.
    #[arg(long)]
    insecure_plain_http: bool,
}

impl ServeArgs {
    fn flags(&self) -> ConfigFlags {
        ConfigFlags {
            data: self.data.clone(),
            store: self.store,
            listen: self.listen,
            metrics_listen: self.metrics_listen,
            strict: self.strict.then_some(true),
            insecure_no_auth: self.insecure_no_auth.then_some(true),
            insecure_plain_http: self.insecure_plain_http.then_some(true),
        }
    }
}

/// How the address is called on this machine: one that stands for all of its addresses is none to call.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Serves the ledger until the process is told to stop, and closes it then.
pub(super) fn run(args: &ServeArgs, out: &mut impl Write) -> Result<Ended, CliError> {
    let config = Config::load(args.config.as_deref(), &args.flags())?;
    log_lines::start(&config.log)?;
    tracing::info!(configuration = config.masked(), "starting");
    let data = DataArgs {
        data: config.data.clone(),
        store: config.store,
    };
    if !config.data.join(MANIFEST).exists() {
        // So that a service that cannot run does not leave one behind.
        Server::try_out(&config)?;
        // A ledger whose directory was lost would otherwise be empty without a word.
        tracing::warn!(data = %config.data.display(), "there is no ledger; a new one is created");
    }
    let ledger = Arc::new(data.open()?);
    let control = listen_for_questions(&config.data, &ledger);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: Result<(), CliError> = runtime.block_on(async {
        let server = Server::configured(Arc::clone(&ledger), &config)?;
        let scheme = if server.is_secure() { "https" } else { "http" };
        writeln!(out, "listening at {scheme}://{}", server.address())?;
        if let Some(address) = server.metrics_address() {
            writeln!(out, "metrics at http://{address}/metrics")?;
        }
        out.flush()?;
        if let Some(control) = &control {
            control.serves_at(format!("{scheme}://{}", from_here(server.address())));
        }
        let stop = server.stopper();
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            tracing::info!("stopping: calls under way are answered");
            stop();
        });
        Ok(server.run().await?)
    });
    drop(runtime);
    drop(control);
    let closed = match Arc::try_unwrap(ledger) {
        Ok(ledger) => ledger.close().map_err(ApiError::from),
        // Whoever still holds it leaves it as a crash would.
        Err(_) => Ok(()),
    };
    served?;
    closed?;
    tracing::info!("stopped");
    Ok(Ended::Well)
}
