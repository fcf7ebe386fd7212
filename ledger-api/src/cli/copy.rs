//! `ledger copy`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ledger_store::copy::copy;
use ledger_store::{LogOptions, StoreKind};

use super::{ApiError, CliError, Ended, refuse_missing, write_json};

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// Directory of the ledger to copy; nobody else may have it open.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Directory of the copy; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Store of the copy, `sled` or `redb`.
    #[arg(long, value_name = "STORE", default_value_t)]
    store: StoreKind,
}

/// Shows how many of the records of a log are done.
pub(super) fn show_progress<T>(work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    let template = "{wide_bar} {human_pos} of {human_len} records, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    let bar = ProgressBar::new(0).with_style(style);
    let outcome = work(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    outcome
}

pub(super) fn run(args: &CopyArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_missing(&args.from)?;
    let options = LogOptions {
        store: Some(args.store),
        ..LogOptions::default()
    };
    let outcome = show_progress(|progress| copy(&args.from, &args.to, options, progress));
    let copied = outcome.map_err(ApiError::from)?;
    if json {
        let report = serde_json::json!({
            "records": copied.head.last_seq,
            "blocks": copied.blocks,
            "chain": copied.head.chain.to_string(),
            "fromStore": copied.from_store.name(),
            "toStore": copied.to_store.name(),
        });
        write_json(out, &report)?;
    } else {
        writeln!(
            out,
            "copied {} records in {} blocks from {} to {}\nchain {}",
            copied.head.last_seq,
            copied.blocks,
            copied.from_store,
            copied.to_store,
            copied.head.chain
        )?;
    }
    Ok(Ended::Well)
}
