//! `ledger backup`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ledger_api::control::{self, BackupView, Question};
use ledger_store::backup::back_up_directory;
use ledger_store::{LogOptions, StoreError, StoreKind};
use serde::de::DeserializeOwned;

use super::copy::show_progress;
use super::written::is_same_place;
use super::{ApiError, CliError, Ended, refuse_missing, write_json};

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Directory of the ledger; a process that has it open is asked to make the backup.
    #[arg(long, value_name = "DIR", default_value = "ledger-data")]
    data: PathBuf,
    /// Directory of the backup: new, empty, or an earlier backup of this ledger, which is continued.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Store of a new backup, `sled` or `redb`; by default that of the ledger.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreKind>,
}

pub(super) fn run(args: &BackupArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_missing(&args.data)?;
    if is_same_place(&args.data, &args.to) {
        let problem = "--to must be another directory than --data";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let options = LogOptions {
        store: args.store,
        ..LogOptions::default()
    };
    let outcome =
        show_progress(|progress| back_up_directory(&args.data, &args.to, options, progress));
    let view = match outcome {
        Ok(backed_up) => BackupView::from(backed_up),
        Err(StoreError::Locked { dir }) if dir == args.data => ask_holder(
            &args.data,
            &Question::Backup {
                to: std::path::absolute(&args.to).map_err(|source| CliError::File {
                    path: args.to.clone(),
                    source,
                })?,
                store: args.store.map(|store| store.name().to_owned()),
            },
        )?,
        Err(error) => return Err(ApiError::from(error).into()),
    };
    if json {
        write_json(out, &view)?;
    } else {
        let BackupView {
            sequence,
            chain_hash,
            records,
            bytes,
            store,
            continued,
            ..
        } = view;
        let what = if continued { "added" } else { "backed up" };
        writeln!(
            out,
            "{what} {records} records, {bytes} bytes, in {store}\nsequence {sequence}\nchain {chain_hash}"
        )?;
    }
    Ok(Ended::Well)
}

/// Asks the process that has the ledger open.
pub(super) fn ask_holder<T: DeserializeOwned>(
    data: &std::path::Path,
    question: &Question,
) -> Result<T, CliError> {
    let answer = control::ask(data, question)?;
    let answer = answer.ok_or_else(|| CliError::NobodyListens(data.to_owned()))?;
    let view = serde_json::from_value(answer).map_err(std::io::Error::from);
    Ok(view.map_err(control::ControlError::from)?)
}
