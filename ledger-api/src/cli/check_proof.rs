//! `ledger check-proof`: needs no ledger.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ledger_api::kept_file::KeptFileError;
use ledger_api::proof_file::{ProofFile, Proven, Standing};
use ledger_api::proof_view::ProofView;

use super::table::{self, Columns};
use super::{CliError, Ended, head, write_json};

/// Arguments of `check-proof`.
#[derive(Debug, Args)]
pub(super) struct CheckProofArgs {
    /// The proof that `prove` wrote.
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// The head that was kept; without it, the proof is only checked in itself.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

pub(super) fn run(
    args: &CheckProofArgs,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let kept = args.head.as_deref().map(head::read).transpose()?;
    let file = match ProofFile::read(&head::text_of(&args.proof)?) {
        Ok(file) => file,
        Err(error @ KeptFileError::Changed { .. }) => {
            let text = format!("{} {error}", args.proof.display());
            return refuted(error.code(), &text, json, out);
        }
        Err(error) => {
            return Err(CliError::KeptFile {
                path: args.proof.clone(),
                error,
            });
        }
    };
    match file.check(kept.as_ref()) {
        Ok(proven) => show(&proven, json, out),
        Err(error) => refuted(error.code(), &error.to_string(), json, out),
    }
}

fn refuted(code: &str, problem: &str, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    if json {
        let report = serde_json::json!({"proven": false, "code": code, "message": problem});
        write_json(out, &report)?;
    } else {
        writeln!(out, "not proven: {problem} [{code}]")?;
    }
    Ok(Ended::WithFindings)
}

fn show(proven: &Proven, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let size = proven.tree.size;
    if json {
        let standing = match proven.standing {
            Standing::KeptHead => "KEPT_HEAD",
            Standing::ContinuesKeptHead => "CONTINUES_KEPT_HEAD",
            Standing::FileAlone => "FILE_ALONE",
        };
        let report = serde_json::json!({
            "proven": true,
            "standing": standing,
            "sequence": proven.record.as_ref().map(|(seq, _)| seq),
            "record": proven.record.as_ref().map(|(_, view)| view),
            "treeSize": size,
            "treeRoot": proven.tree.root.to_string(),
            "continues": proven.since,
        });
        write_json(out, &report)?;
        return Ok(Ended::Well);
    }
    if let Some((seq, view)) = &proven.record {
        show_view(view, out)?;
        writeln!(
            out,
            "proven: this is record {seq} of the log of {size} records"
        )?;
    }
    if let Some(since) = proven.since {
        writeln!(
            out,
            "proven: the log of {size} records continues the one of {since} records"
        )?;
    }
    writeln!(out, "tree root {}", proven.tree.root)?;
    let standing = match proven.standing {
        Standing::KeptHead => "the log is the one of the kept head",
        Standing::ContinuesKeptHead => "the log continues the one of the kept head",
        Standing::FileAlone => {
            "nothing but this file vouches for the root: compare with a kept head (--head)"
        }
    };
    writeln!(out, "{standing}")?;
    Ok(Ended::Well)
}

/// The record as a table, in the names of its JSON.
fn show_view(view: &ProofView, out: &mut impl Write) -> Result<(), CliError> {
    let json = serde_json::to_value(view).map_err(std::io::Error::from)?;
    let fields = json.as_object().into_iter().flatten();
    let rows = fields.map(|(name, value)| {
        let text = value.as_str().map(str::to_owned);
        vec![name.clone(), text.unwrap_or_else(|| value.to_string())]
    });
    let columns = Columns {
        headings: &["", ""],
        numbers: &[],
    };
    Ok(table::write(out, &columns, rows)?)
}
