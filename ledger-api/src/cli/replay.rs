//! `ledger replay`.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ledger_api::Ledger;
use ledger_api::replay::{FailedExpectation, LineResult, Outcome, Source, Summary, replay};
use ledger_core::ids::OperationId;
use ledger_core::rejection::Rejection;
use serde::{Serialize, Serializer};

use super::show::accounts_table;
use super::{ApiError, CliError, DataArgs, Ended, eprint_line, listen_for_questions, write_json};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Files of commands, one a line; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Write the outcome of every line here, once it is durable.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Exit with 1 when a line is refused.
    #[arg(long)]
    strict: bool,
}

/// One line of the results file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine<'a> {
    /// Only where there are several files.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    line: u64,
    outcome: Outcome,
    code: Option<&'static str>,
    field: Option<&'a str>,
    operation_id: Option<AsText<OperationId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<AsText<&'a Rejection>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    expectations_failed: &'a [FailedExpectation],
}

/// What is written as the text that it shows itself as.
#[derive(Debug)]
struct AsText<T>(T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
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
    if let Some(results) = &args.results {
        refuse_to_overwrite(results, args)?;
    }
    let ledger = Arc::new(args.data.open()?);
    let control = listen_for_questions(&args.data.data, &ledger);
    // Only now: a replay that cannot run must leave the outcomes of an earlier one alone.
    let results = args.results.as_deref().map(Results::create).transpose();
    let outcome = results.and_then(|results| replay_all(&ledger, inputs, results));
    // Only people are shown the accounts, so only for them are they listed.
    let shown = (!json && outcome.is_ok()).then(|| ledger.accounts());
    // It ends what it was asked to do, and lets go of the ledger.
    drop(control);
    let ledger = Arc::into_inner(ledger).expect("nobody else has it any more");
    let closed = ledger.close().map_err(ApiError::from);
    // What went wrong first says more than what followed from it.
    let summary = outcome?;
    closed?;
    if json {
        write_json(out, &summary)?;
    } else {
        describe(&summary, out)?;
        let accounts = shown.unwrap_or_default();
        if accounts.len() <= SHOWN_ACCOUNTS_MAX {
            accounts_table(&accounts, out)?;
        } else {
            writeln!(
                out,
                "{} accounts; list them with `ledger accounts`",
                accounts.len()
            )?;
        }
    }
    let bad = summary.malformed > 0
        || summary.conflict > 0
        || summary.expectations_failed > 0
        || (args.strict && summary.rejected > 0);
    Ok(if bad {
        Ended::WithFindings
    } else {
        Ended::Well
    })
}

/// The results file is created anew; it must be neither an input nor a part of the ledger.
fn refuse_to_overwrite(results: &Path, args: &ReplayArgs) -> Result<(), CliError> {
    let is_taken = |other: &Path| match (results.canonicalize(), other.canonicalize()) {
        (Ok(results), Ok(other)) => results == other,
        // What does not exist yet cannot be overwritten.
        (Err(_), _) | (_, Err(_)) => false,
    };
    let folder = results
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    let data = args.data.data.canonicalize();
    let in_ledger = matches!((folder, data), (Ok(folder), Ok(data)) if folder.starts_with(&data));
    if in_ledger || args.files.iter().any(|file| is_taken(file)) {
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

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn replay_all(
    ledger: &Ledger,
    inputs: Vec<Input<'_>>,
    mut results: Option<Results>,
) -> Result<Summary, CliError> {
    let name_files = inputs.len() > 1;
    let progress = progress_bar(inputs.iter().map(|input| input.bytes).sum());
    let mut reported = 0;
    let mut before = 0;
    let mut total = Summary::default();
    for input in inputs {
        let Input {
            path,
            read,
            source,
            bytes,
        } = input;
        let file = name_files.then_some(path);
        let summary = replay(ledger, read, source, |told, bytes_read| {
            progress.set_position(before + bytes_read);
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
    progress.finish_and_clear();
    if reported > REPORTED_LINES_MAX {
        eprint_line(&format!(
            "… and {} more lines",
            reported - REPORTED_LINES_MAX
        ));
    }
    Ok(total)
}

struct Input<'a> {
    path: &'a Path,
    read: Box<dyn Read>,
    source: Source,
    /// Length, where it is known.
    bytes: Option<u64>,
}

impl<'a> Input<'a> {
    fn open(path: &'a Path) -> Result<Self, CliError> {
        if is_standard_input(path) {
            let read = Box::new(io::stdin());
            return Ok(Self {
                path,
                read,
                source: Source::Stream,
                bytes: None,
            });
        }
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        // A named pipe is written as it is read, like standard input.
        let is_file = metadata.is_file();
        let source = if is_file {
            Source::File
        } else {
            Source::Stream
        };
        let bytes = is_file.then_some(metadata.len());
        Ok(Self {
            path,
            read: Box::new(file),
            source,
            bytes,
        })
    }
}

struct Results {
    file: BufWriter<File>,
}

impl Results {
    fn create(path: &Path) -> Result<Self, CliError> {
        let file = File::create(path);
        let file = file.map_err(|source| CliError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file: BufWriter::new(file),
        })
    }

    /// Writes outcomes and passes them on at once: somebody may be waiting for them.
    fn write(&mut self, file: Option<&Path>, told: &[LineResult]) -> io::Result<()> {
        for result in told {
            let rejection = result.rejection.as_ref();
            let line = ResultLine {
                file,
                line: result.line,
                outcome: result.outcome,
                code: rejection.map(|rejection| rejection.code()),
                field: rejection
                    .map(|rejection| rejection.field())
                    .filter(|f| !f.is_empty()),
                operation_id: result.operation.map(AsText),
                result_type: result.authorization.map(|of| of.result_type.code()),
                decline_reason: result
                    .authorization
                    .and_then(|of| of.reason)
                    .map(|reason| reason.code()),
                message: rejection.map(AsText),
                expectations_failed: &result.failed,
            };
            write_json(&mut self.file, &line)?;
        }
        self.file.flush()
    }
}

fn is_worth_reporting(result: &LineResult) -> bool {
    let of_itself = matches!(result.outcome, Outcome::Malformed | Outcome::Conflict);
    of_itself || !result.failed.is_empty()
}

fn report(path: &Path, result: &LineResult) {
    let place = format!("{}:{}", path.display(), result.line);
    if let Some(rejection) = &result.rejection {
        let (code, field) = (rejection.code(), rejection.field());
        eprint_line(&format!("{place}: {code} {field}: {rejection}"));
    }
    for failed in &result.failed {
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
