//! `ledger status`.

use std::io::Write;

use ledger_api::control::Question;
use ledger_api::status::StatusView;
use ledger_store::StoreError;

use super::aside::ForQueries;
use super::backup::ask_holder;
use super::place::{Place, PlaceArgs};
use super::{ApiError, CliError, DataArgs, Ended, refuse_missing, write_json};

pub(super) fn run(args: &PlaceArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let view = match args.place()? {
        Place::Directory(data) => of_directory(&data)?,
        Place::Service(client) => client.status()?,
    };
    let is_well = view.reason.is_none();
    if json {
        write_json(out, &view)?;
    } else {
        writeln!(out, "{}, {} records", view.status, view.sequence)?;
        if let (Some(code), Some(reason)) = (view.code, view.reason) {
            let since = view.since.map(|since| format!("since {since}: "));
            writeln!(out, "{}{reason} [{code}]", since.unwrap_or_default())?;
        }
    }
    Ok(if is_well {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}

/// Asks the process that has the ledger open, or opens it to see whether that can be done.
fn of_directory(args: &DataArgs) -> Result<StatusView, CliError> {
    refuse_missing(&args.data)?;
    match ForQueries::open(args) {
        Ok(mut opened) => {
            let sequence = opened.ledger.reader().last_seq().map_or(0, |seq| seq.0);
            let at_opening = opened.copied_for.take();
            let at_closing = opened.close()?;
            let unwritable = at_opening.or(at_closing);
            Ok(StatusView::closed(sequence, unwritable.as_ref()))
        }
        Err(CliError::Api(ApiError::Store(StoreError::Locked { .. }))) => {
            ask_holder(&args.data, &Question::Status {})
        }
        Err(error) => Err(error),
    }
}
