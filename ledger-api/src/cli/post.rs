//! `ledger post`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use ledger_api::replay::ResultView;

use super::input::Input;
use super::place::PlaceArgs;
use super::recipient::Recipient;
use super::{CliError, Ended, write_json};

/// Arguments of `post`.
#[derive(Debug, Args)]
pub(super) struct PostArgs {
    /// File of commands, one a line as `replay` reads them; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Has commands carried out and shows what became of each, once it is durable.
pub(super) fn run(args: &PostArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let input = Input::open(&args.file)?;
    let recipient = Recipient::open(args.place.place()?)?;
    let mut is_well = true;
    let outcome = recipient.carry_out(input, |told, _| {
        for view in told {
            is_well &= is_done(view);
            if json {
                write_json(out, view)?;
            } else {
                describe(view, out)?;
            }
        }
        // Whoever sends line by line waits for this.
        out.flush()
    });
    let closed = recipient.close();
    // What went wrong first says more than what followed from it.
    let summary = outcome?;
    closed?;
    if summary.lines == 0 {
        let problem = format!("{} holds no command", args.file.display());
        return Err(CliError::Usage(problem));
    }
    Ok(if is_well {
        Ended::Well
    } else {
        Ended::WithFindings
    })
}

/// Whether the command was carried out, now or under its correlation id before, and led to what it expects.
/// An earlier refusal is told as a duplicate too.
fn is_done(view: &ResultView<'_>) -> bool {
    view.code.is_none() && view.expectations_failed.is_empty()
}

fn describe(view: &ResultView<'_>, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{}: {}", view.line, view.outcome.code())?;
    if let Some(operation) = view.operation_id {
        write!(out, ", operation {operation}")?;
    }
    if let Some(account) = view.account_reference {
        write!(out, ", account {account}")?;
    }
    if let Some(result) = &view.result_type {
        write!(out, ", {result}")?;
    }
    if let Some(reason) = &view.decline_reason {
        write!(out, " {reason}")?;
    }
    if let (Some(code), Some(message)) = (&view.code, &view.message) {
        let field = view.field.as_ref().map(|field| format!("{field}: "));
        write!(out, ", {}{message} [{code}]", field.unwrap_or_default())?;
    }
    writeln!(out)?;
    for failed in view.expectations_failed.iter() {
        let (field, actual, expected) = (&failed.field, &failed.actual, &failed.expected);
        writeln!(
            out,
            "{}: {field} is {actual}, expected {expected}",
            view.line
        )?;
    }
    Ok(())
}
