//! `ledger status`.

use std::io::Write;

use ledger_api::control::Question;
use ledger_api::status::StatusView;
use ledger_store::StoreError;

use super::backup::ask_holder;
use super::{ApiError, CliError, DataArgs, Ended, refuse_missing, write_json};

/// Asks the process that has the ledger open, or opens it to see whether that can be done.
pub(super) fn run(args: &DataArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_missing(&args.data)?;
    let view = match args.open() {
        Ok(ledger) => {
            let sequence = ledger.reader().last_seq().map_or(0, |seq| seq.0);
            ledger.close().map_err(ApiError::from)?;
            StatusView::closed(sequence)
        }
        Err(CliError::Api(ApiError::Store(StoreError::Locked { .. }))) => {
            ask_holder(&args.data, &Question::Status {})?
        }
        Err(error) => return Err(error),
    };
    let is_well = view.reason.is_none();
    if json {
        write_json(out, &view)?;
    } else {
        writeln!(out, "{}, {} records", view.status, view.sequence)?;
        if let (Some(code), Some(reason), Some(since)) = (view.code, view.reason, view.since) {
            writeln!(out, "since {since}: {reason} [{code}]")?;
        }
    }
    Ok(if is_well {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}
