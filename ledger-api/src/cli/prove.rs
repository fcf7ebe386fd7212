//! `ledger prove`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ledger_api::Ledger;
use ledger_api::proof_file::ProofFile;
use ledger_core::ids::{OperationId, Seq};
use ledger_core::text::IssuerId;
use ledger_store::kept_head::KeptHead;

use super::written::would_overwrite;
use super::{ApiError, CliError, DataArgs, Ended, head, with_ledger};

/// Arguments of `prove`.
#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    what: WhatArgs,
    /// Issuer of the correlation id; needed where there are several.
    #[arg(long, value_name = "ID", requires = "correlation")]
    issuer: Option<String>,
    /// Prove it against the head in this file, or where the record is newer, also that the log continues
    /// that head.
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    head: Option<PathBuf>,
    /// Write the proof to this file instead of showing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What to prove.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct WhatArgs {
    /// Operation to prove, 16 digits, as `operations` lists it.
    #[arg(value_name = "OPERATION")]
    operation: Option<u64>,
    /// Any record, a refusal too, by its place in the log.
    #[arg(long, value_name = "SEQUENCE")]
    record: Option<u64>,
    /// The record of a command, a refusal too, by its correlation id.
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// No record, but that the log continues the head in this file.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

pub(super) fn run(args: &ProveArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    refuse_to_overwrite(args)?;
    let read = |path: &Option<PathBuf>| path.as_deref().map(head::read).transpose();
    let (kept, since) = (read(&args.head)?, read(&args.what.since)?);
    with_ledger(&args.data, |ledger| {
        let proof = match &since {
            Some(since) => ledger.prove_since(since)?,
            None => prove_record(ledger, args, kept.as_ref())?,
        };
        let file = ProofFile::of(&proof).map_err(|error| {
            // It was made a moment ago, so the mistake is here and not in the log.
            CliError::Usage(format!("the proof does not hold: {error}"))
        })?;
        write(&file, args, json, out)
    })
}

fn prove_record(
    ledger: &Ledger,
    args: &ProveArgs,
    kept: Option<&KeptHead>,
) -> Result<ledger_store::tree::proof::Proof, CliError> {
    let what = &args.what;
    let seq = if let Some(number) = what.operation {
        let id = OperationId::from_number(number);
        let id = id.ok_or_else(|| {
            CliError::Usage("an operation is named by the 16 digits of its id".to_owned())
        })?;
        let record = ledger.reader().record(id.seq()).map_err(ApiError::from)?;
        if record.is_none_or(|record| record.operation().is_none()) {
            return Err(ApiError::NoRecord(format!("operation {id}")).into());
        }
        id.seq()
    } else if let Some(correlation) = &what.correlation {
        let issuer = args.issuer.as_deref().map(IssuerId::new).transpose();
        let issuer = issuer.map_err(|error| CliError::Usage(format!("--issuer {error}")))?;
        ledger.record_of(issuer.as_ref(), correlation)?
    } else {
        Seq(what.record.unwrap_or(0))
    };
    Ok(ledger.prove_record(seq, kept)?)
}

/// A head that is kept is what holds the ledger to its history, so no proof is written over it.
fn refuse_to_overwrite(args: &ProveArgs) -> Result<(), CliError> {
    let kept = [&args.head, &args.what.since].into_iter().flatten();
    let kept = kept.map(PathBuf::as_path);
    match &args.out {
        Some(out) if would_overwrite(out, kept, Some(&args.data.data)) => {
            let problem = "--out must be neither the file of the head nor inside the ledger";
            Err(CliError::Usage(problem.to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

fn write(
    file: &ProofFile,
    args: &ProveArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let text = if json {
        serde_json::to_string(file)
    } else {
        serde_json::to_string_pretty(file)
    };
    let text = text.map_err(std::io::Error::from)? + "\n";
    let Some(path) = &args.out else {
        out.write_all(text.as_bytes())?;
        return Ok(Ended::Well);
    };
    std::fs::write(path, &text).map_err(|source| CliError::File {
        path: path.clone(),
        source,
    })?;
    if !json {
        let what = match (&file.record, &file.since) {
            (Some(record), None) => format!("record {}", record.sequence),
            (Some(record), Some(since)) => format!(
                "record {}, and that the log continues that of record {}",
                record.sequence, since.size
            ),
            (None, since) => {
                let size = since.as_ref().map_or(0, |since| since.size);
                format!("that the log continues that of record {size}")
            }
        };
        writeln!(
            out,
            "{}: proves {what}, in the tree of {} records",
            path.display(),
            file.tree.size
        )?;
    }
    Ok(Ended::Well)
}
