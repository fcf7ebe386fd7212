//! `ledger replay`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ledger_api::replay::{FailedExpectation, Outcome, ReplayError, ResultView, Summary};
use serde::Serialize;

use super::input::{Input, is_standard_input};
use super::place::{Place, PlaceArgs};
use super::recipient::Recipient;
use super::show::accounts_table;
use super::written::would_overwrite;
use super::{CliError, Ended, eprint_line, write_json};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Files of commands, one a line; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Write the outcome of every line here, once it is durable.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Exit with 1 when a line is refused, or was when it was sent before.
    #[arg(long)]
    strict: bool,
}

/// One line of the results file.
#[derive(Debug, Serialize)]
struct ResultLine<'a> {
    /// Only where there are several files.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    #[serde(flatten)]
    view: &'a ResultView<'a>,
}

/// Lines that are reported on standard error; the results file has all of them.
const REPORTED_LINES_MAX: u64 = 20;
/// Accounts up to which a replay shows them at its end.
const SHOWN_ACCOUNTS_MAX: usize = 50;

pub(super) fn run(args: &ReplayArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    if args
        .files
        .iter()
        .filter(|path| is_standard_input(path))
        .count()
        > 1
    {
        return Err(CliError::Usage(
            "standard input can be read once only".to_owned(),
        ));
    }
    let inputs = args
        .files
        .iter()
        .map(|path| Input::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let place = args.place.place()?;
    if let Some(results) = &args.results {
        refuse_to_overwrite(results, args, &place)?;
    }
    let recipient = Recipient::open(place)?;
    let results = args.results.as_deref().map(Results::open).transpose();
    let outcome = results.and_then(|results| replay_all(&recipient, inputs, results));
    // Only people are shown the accounts, so only for them are they listed.
    let shown = (!json && outcome.is_ok()).then(|| recipient.accounts(SHOWN_ACCOUNTS_MAX + 1));
    let closed = recipient.close();
    // What went wrong first says more than what followed from it.
    let (summary, refused_before) = outcome?;
    closed?;
    if json {
        write_json(out, &summary)?;
    } else {
        describe(&summary, out)?;
        if refused_before > 0 {
            writeln!(
                out,
                "{refused_before} of the skipped lines were refused before"
            )?;
        }
    }
    match shown {
        None => {}
        Some(Ok(accounts)) if accounts.len() <= SHOWN_ACCOUNTS_MAX => {
            accounts_table(&accounts, out)?;
        }
        Some(Ok(_)) => writeln!(
            out,
            "more than {SHOWN_ACCOUNTS_MAX} accounts; list them with `ledger accounts`"
        )?,
        // A token that allows commands need not allow questions.
        Some(Err(error)) => eprint_line(&format!("note: the accounts are not shown: {error}")),
    }
    let bad = summary.malformed > 0
        || summary.conflict > 0
        || summary.expectations_failed > 0
        || (args.strict && summary.rejected + refused_before > 0);
    Ok(if bad {
        Ended::WithFindings
    } else {
        Ended::Well
    })
}

/// The results file is created anew; it must be neither an input nor a part of the ledger.
fn refuse_to_overwrite(results: &Path, args: &ReplayArgs, place: &Place) -> Result<(), CliError> {
    let ledger = match place {
        Place::Directory(data) => Some(data.data.as_path()),
        Place::Service(_) => None,
    };
    if would_overwrite(results, args.files.iter().map(PathBuf::as_path), ledger) {
        let problem = "--results must be neither an input nor inside the ledger";
        return Err(CliError::Usage(problem.to_owned()));
    }
    if is_standard_input(results) {
        return Err(CliError::Usage(
            "--results needs a file, such as /dev/stdout".to_owned(),
        ));
    }
    Ok(())
}

/// Replays the inputs in turn; gives the totals, and how many lines were refused the first time already.
fn replay_all(
    recipient: &Recipient,
    inputs: Vec<Input<'_>>,
    mut results: Option<Results<'_>>,
) -> Result<(Summary, u64), CliError> {
    let name_files = inputs.len() > 1;
    let progress = progress_bar(inputs.iter().map(|input| input.bytes).sum());
    let mut reported = 0;
    let mut before = 0;
    let (mut total, mut refused_before) = (Summary::default(), 0);
    for input in inputs {
        let (path, bytes) = (input.path, input.bytes);
        let file = name_files.then_some(path);
        let summary = recipient.carry_out(input, |told, bytes_read| {
            progress.set_position(before + bytes_read);
            refused_before += told.iter().filter(|told| told.was_refused_before()).count() as u64;
            for result in told.iter().filter(|result| is_worth_reporting(result)) {
                reported += 1;
                if reported <= REPORTED_LINES_MAX {
                    progress.suspend(|| report(path, result));
                }
            }
            match &mut results {
                Some(results) => results.write(file, told),
                None => Ok(()),
            }
        })?;
        before += bytes.unwrap_or(0);
        total = total.and(summary);
    }
    if let Some(results) = &mut results {
        results.write(None, &[]).map_err(ReplayError::Results)?;
    }
    progress.finish_and_clear();
    if reported > REPORTED_LINES_MAX {
        eprint_line(&format!(
            "… and {} more lines",
            reported - REPORTED_LINES_MAX
        ));
    }
    Ok((total, refused_before))
}

/// The results file. What it held before goes when the first outcomes come: a replay that cannot run must
/// leave those of an earlier one alone.
struct Results<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    is_begun: bool,
}

impl<'a> Results<'a> {
    fn open(path: &'a Path) -> Result<Self, CliError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map_err(|source| CliError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            is_begun: false,
        })
    }

    /// Writes outcomes and passes them on at once: somebody may be waiting for them.
    fn write(&mut self, file: Option<&Path>, told: &[ResultView<'_>]) -> io::Result<()> {
        if !self.is_begun {
            // A pipe or a terminal has nothing to be emptied of.
            if self.file.get_ref().metadata()?.is_file() {
                self.file = BufWriter::new(File::create(self.path)?);
            }
            self.is_begun = true;
        }
        for view in told {
            write_json(&mut self.file, &ResultLine { file, view })?;
        }
        self.file.flush()
    }
}

fn is_worth_reporting(result: &ResultView<'_>) -> bool {
    let of_itself = matches!(result.outcome, Outcome::Malformed | Outcome::Conflict);
    of_itself || !result.expectations_failed.is_empty()
}

fn report(path: &Path, result: &ResultView<'_>) {
    let place = format!("{}:{}", path.display(), result.line);
    if let (Some(code), Some(message)) = (&result.code, &result.message) {
        let field = result.field.as_deref().unwrap_or_default();
        eprint_line(&format!("{place}: {code} {field}: {message}"));
    }
    for failed in result.expectations_failed.iter() {
        let FailedExpectation {
            field,
            expected,
            actual,
        } = failed;
        eprint_line(&format!(
            "{place}: {field} is {actual}, expected {expected}"
        ));
    }
}

/// Hidden by itself where standard error is not a terminal.
fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    let (progress, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes} {bytes_per_sec}",
        ),
    };
    let style = ProgressStyle::with_template(template).expect("the template is right");
    progress.with_style(style)
}

fn describe(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let Summary {
        lines,
        applied,
        skipped_duplicate,
        conflict,
        rejected,
        malformed,
        ..
    } = summary;
    match (*lines, *applied) {
        (0, _) => writeln!(out, "nothing to apply: the input has no lines")?,
        (_, 0) => {
            writeln!(
                out,
                "applied nothing: everything was applied before, or not accepted"
            )?;
        }
        (_, _) => {}
    }
    writeln!(
        out,
        "{lines} lines: {applied} applied, {skipped_duplicate} skipped as duplicates, \
         {conflict} in conflict, {rejected} rejected, {malformed} malformed"
    )?;
    writeln!(
        out,
        "{} expectations checked, {} failed; {:.2} s, {} lines a second",
        summary.expectations_checked,
        summary.expectations_failed,
        summary.seconds,
        summary.operations_per_second
    )
}
