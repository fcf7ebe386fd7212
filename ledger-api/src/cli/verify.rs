//! `ledger verify`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use ledger_api::Ledger;
use ledger_store::kept_head::KeptHead;

use super::place::{Place, PlaceArgs};
use super::{ApiError, CliError, Ended, head, with_ledger, write_json};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Also check that the log is the one of the head in this file, which `head --json` wrote.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Check only what the log has after the head in this file; faster, and says what was left out.
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    after_head: Option<PathBuf>,
}

/// Whoever keeps the log is not the one to say that it is as it should be, and reading all of it would keep the
/// service from its work.
const NOT_BY_SERVICE: &str = "a service is not asked to verify itself: back its ledger up, which `ledger backup \
    --data DIR --to BACKUP` does while it runs, and verify the backup by --data BACKUP";

pub(super) fn run(args: &VerifyArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    // A file that cannot be read is said before a ledger is opened for it.
    let read = |path: &Option<PathBuf>| path.as_deref().map(head::read).transpose();
    let (whole, after) = (read(&args.head)?, read(&args.after_head)?);
    let data = match args.place.place()? {
        Place::Directory(data) => data,
        Place::Service(_) => return Err(CliError::Usage(NOT_BY_SERVICE.to_owned())),
    };
    with_ledger(&data, |ledger| match after {
        Some(after) => verify_after(ledger, &after, json, out),
        None => verify_whole(ledger, whole.as_ref(), json, out),
    })
}

fn verify_whole(
    ledger: &Ledger,
    head: Option<&KeptHead>,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let verified = match head {
        Some(head) => ledger.verify_against(head)?,
        None => ledger.verify().map_err(ApiError::from)?,
    };
    let chain = verified.chain.to_string();
    if json {
        let mut report = serde_json::json!({
            "verified": true,
            "records": verified.records,
            "blocks": verified.blocks,
            "accounts": verified.accounts,
            "chain": chain,
        });
        if let Some(head) = head {
            report["head"] = head.log.last_seq.into();
        }
        write_json(out, &report)?;
        return Ok(Ended::Well);
    }
    writeln!(
        out,
        "verified {} records in {} blocks and the balances of {} accounts; the trial balance holds\nchain {chain}",
        verified.records, verified.blocks, verified.accounts
    )?;
    if let Some(head) = head {
        writeln!(
            out,
            "the log is the one of the head of record {}: chain, tree and state are the same there",
            head.log.last_seq
        )?;
    }
    Ok(Ended::Well)
}

fn verify_after(
    ledger: &Ledger,
    head: &KeptHead,
    json: bool,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let verified = ledger.verify_after(head)?;
    let chain = verified.chain.to_string();
    let sequence = head.log.last_seq;
    let not_checked = [
        format!("records 1 to {sequence}, of which only the last one's block was read"),
        "the tree root and the state hash of the head".to_owned(),
        "whether the balances are those of the log: they were compared as they were restored"
            .to_owned(),
    ];
    if json {
        let report = serde_json::json!({
            "verified": true,
            "afterHead": sequence,
            "records": verified.records,
            "blocks": verified.blocks,
            "accounts": verified.accounts,
            "chain": chain,
            "notChecked": not_checked,
        });
        write_json(out, &report)?;
        return Ok(Ended::Well);
    }
    writeln!(
        out,
        "verified {} records in {} blocks after the head of record {sequence}, and that its block is in the log; the sums of {} accounts are those of their histories, and the trial balance holds\nchain {chain}",
        verified.records, verified.blocks, verified.accounts
    )?;
    for what in not_checked {
        writeln!(out, "not checked: {what}")?;
    }
    Ok(Ended::Well)
}
