//! `ledger serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use ledger_api::http::{ServeOptions, Server};
use tokio::signal::unix::{SignalKind, signal};

use super::{ApiError, CliError, DataArgs, Ended, eprint_line, listen_for_questions};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Refuse commands without a correlation id, rather than making one up for them.
    #[arg(long)]
    strict: bool,
}

/// Serves the ledger until the process is told to stop, and closes it then.
pub(super) fn run(args: &ServeArgs, out: &mut impl Write) -> Result<Ended, CliError> {
    let ledger = Arc::new(args.data.open()?);
    let control = listen_for_questions(&args.data.data, &ledger);
    let options = ServeOptions {
        listen: args.listen,
        strict: args.strict,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: Result<(), CliError> = runtime.block_on(async {
        let server = Server::bind(Arc::clone(&ledger), &options)?;
        writeln!(out, "listening at http://{}", server.address())?;
        out.flush()?;
        let stop = server.stopper();
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            eprint_line("stopping: calls under way are answered");
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
    Ok(Ended::Well)
}
