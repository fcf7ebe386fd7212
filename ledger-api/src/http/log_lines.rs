//! What is logged: lines of JSON on standard error.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::setup::SetupError;

/// Logs to standard error from here on, what is at least of a level: `info`, or by module `warn,ledger_api=info`.
///
/// # Errors
/// [`SetupError::Value`] for a level that is none.
pub fn start(levels: &str) -> Result<(), SetupError> {
    let wanted: Targets = levels
        .parse()
        .map_err(|_| SetupError::value("log", "must be a level such as info"))?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    // Whoever logs already goes on doing so.
    let _ = tracing_subscriber::registry()
        .with(wanted)
        .with(lines)
        .try_init();
    Ok(())
}
