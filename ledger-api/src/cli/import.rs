//! `ledger import`.

use std::io::{self, BufReader, Write};
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use ledger_api::import::{ImportError, import};
use ledger_store::{LogOptions, StoreKind};

use super::restore::explained;
use super::{CliError, Ended, write_json};

/// Arguments of `import`; the export comes from standard input.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Directory of the new ledger; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Store of the log, `sled` or `redb`.
    #[arg(long, value_name = "STORE", default_value_t)]
    store: StoreKind,
}

/// Long lines are read in few pieces.
const READ_BYTES: usize = 1 << 20;

pub(super) fn run(args: &ImportArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let options = LogOptions {
        store: Some(args.store),
        ..LogOptions::default()
    };
    let input = BufReader::with_capacity(READ_BYTES, io::stdin().lock());
    let bar = ProgressBar::new_spinner();
    let outcome = import(input, &args.data, options, &mut |records| {
        bar.set_position(records);
    });
    bar.finish_and_clear();
    let written = outcome.map_err(|error| match error {
        ImportError::Store(error) => explained(error, &args.data),
        ImportError::Line { .. } | ImportError::Input(_) => error.into(),
    })?;
    let head = written.head;
    if json {
        let report = serde_json::json!({
            "sequence": head.last_seq,
            "chainHash": head.chain.to_string(),
            "records": head.last_seq,
            "blocks": written.blocks,
            "store": written.store.name(),
        });
        write_json(out, &report)?;
    } else {
        writeln!(
            out,
            "imported {} records in {} blocks, in {}\nsequence {}\nchain {}",
            head.last_seq, written.blocks, written.store, head.last_seq, head.chain
        )?;
    }
    Ok(Ended::Well)
}
