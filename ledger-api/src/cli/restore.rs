//! `ledger restore`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ledger_store::copy::restore;
use ledger_store::{ChainHash, LogHead, LogOptions, StoreError, StoreKind};
use serde::Deserialize;

use super::copy::show_progress;
use super::{ApiError, CliError, Ended, refuse_missing, write_json};

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
    /// A head that was kept elsewhere, as `ledger head --json` prints it; the backup must contain it.
    #[arg(long, value_name = "FILE")]
    expect_head: Option<PathBuf>,
}

/// A head that was kept; it may say more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptHead {
    sequence: u64,
    chain_hash: String,
}

pub(super) fn run(args: &RestoreArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_missing(&args.from)?;
    let kept = args.expect_head.as_deref().map(read_head).transpose()?;
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

fn read_head(path: &Path) -> Result<LogHead, CliError> {
    let failed = |source| CliError::File {
        path: path.to_owned(),
        source,
    };
    let text = fs::read_to_string(path).map_err(failed)?;
    let kept: KeptHead = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
    let chain = ChainHash::from_hex(&kept.chain_hash).ok_or_else(|| {
        let problem = "chainHash must be 64 hexadecimal digits";
        failed(io::Error::new(io::ErrorKind::InvalidData, problem))
    })?;
    Ok(LogHead {
        last_seq: kept.sequence,
        chain,
    })
}

/// What is in the place of the ledger is evidence, or the ledger itself; it is never replaced.
fn explained(error: StoreError, data: &Path) -> CliError {
    if let StoreError::Io { path, source } = &error
        && path == data
        && source.kind() == io::ErrorKind::DirectoryNotEmpty
    {
        return CliError::Usage(format!(
            "{} is not empty; move what is there elsewhere and keep it, then restore again",
            data.display()
        ));
    }
    ApiError::from(error).into()
}
