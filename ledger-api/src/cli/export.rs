//! `ledger export`.

use std::io::Write;

use clap::Args;
use ledger_api::export::{ExportError, export};

use super::{ApiError, CliError, DataArgs, Ended, with_ledger};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Begin with the block that holds this record. What does not begin with the first cannot be imported.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from_sequence: u64,
}

pub(super) fn run(args: &ExportArgs, out: &mut impl Write) -> Result<Ended, CliError> {
    with_ledger(&args.data, |ledger| {
        match export(ledger, args.from_sequence, out) {
            Ok(_) => Ok(Ended::Well),
            Err(ExportError::Store(error)) => Err(ApiError::from(error).into()),
            Err(ExportError::Output(error)) => Err(error.into()),
        }
    })
}
