//! `ledger restore`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ledger_store::copy::restore;
use ledger_store::{LogOptions, StoreError, StoreKind};

use super::copy::show_progress;
use super::{ApiError, CliError, Ended, head, refuse_missing, write_json};

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Directory of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Directory of the ledger; it must not exist, or be empty.
    #[arg(long, value_name = "DIR", default_value = "ledger-data")]
    data: PathBuf,
    /// Store of the ledger, `sled` or `redb`; by default that of the backup.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreKind>,
    /// The backup must contain the head in this file, which `head --json` wrote.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

pub(super) fn run(args: &RestoreArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_missing(&args.from)?;
    let kept = args.head.as_deref().map(head::read).transpose()?;
    let kept = kept.map(|kept| kept.log);
    let options = LogOptions {
        store: args.store,
        ..LogOptions::default()
    };
    let outcome =
        show_progress(|progress| restore(&args.from, &args.data, options, kept, progress));
    let restored = outcome.map_err(|error| explained(error, &args.data))?;
    let head = restored.head;
    if json {
        let report = serde_json::json!({
            "sequence": head.last_seq,
            "chainHash": head.chain.to_string(),
            "records": head.last_seq,
            "blocks": restored.blocks,
            "store": restored.to_store.name(),
        });
        write_json(out, &report)?;
    } else {
        writeln!(
            out,
            "restored {} records in {} blocks, in {}\nsequence {}\nchain {}",
            head.last_seq, restored.blocks, restored.to_store, head.last_seq, head.chain
        )?;
        if let Some(kept) = kept {
            writeln!(
                out,
                "contains the kept head; {} records came after it",
                head.last_seq - kept.last_seq
            )?;
        }
    }
    Ok(Ended::Well)
}

/// What is in the place of the ledger is evidence, or the ledger itself; it is never replaced.
pub(super) fn explained(error: StoreError, data: &Path) -> CliError {
    if let StoreError::Io { path, source } = &error
        && path == data
        && source.kind() == io::ErrorKind::DirectoryNotEmpty
    {
        return CliError::Usage(format!(
            "{} is not empty; move what is there elsewhere and keep it, then try again",
            data.display()
        ));
    }
    ApiError::from(error).into()
}
