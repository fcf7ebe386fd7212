//! `ledger bench`.
//!
//! Each stage runs in a process of its own, which this one starts: none inherits another's memory, and
//! the one that posts is killed, as by `kill -9`, once everything is answered, so that opening finds
//! what a crash leaves.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use ledger_api::bench::machine::Machine;
use ledger_api::bench::plan::{Plan, Share, Store};
use ledger_api::bench::report::Report;
use ledger_api::bench::{apart, reopened, together};
use ledger_store::writer::SUBMISSION_REQUESTS_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{Columns, write as write_table};
use super::{CliError, Ended, write_json};

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Operations to post.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    operations: u64,
    /// Accounts to post them on.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Operations handed in at a time, each time waiting for the answers.
    #[arg(long, value_name = "N", default_value_t = SUBMISSION_REQUESTS_MAX as u64, value_parser = clap::value_parser!(u64).range(1..=SUBMISSION_REQUESTS_MAX as u64))]
    batch: u64,
    /// Threads that hand in.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    clients: u32,
    /// Share of operations that reverse an earlier one.
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    reversals: Share,
    /// Share of operations that are sent again.
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    duplicates: Share,
    /// Share of operations that are on one and the same account.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    hot: Share,
    /// The same seed gives the same operations.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// What keeps the log.
    #[arg(long, value_enum, default_value_t = StoreArg::Sled)]
    store: StoreArg,
    /// Directory for the ledger, new or empty; it is kept. Without it, one is made in the working
    /// directory and removed afterwards.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run one stage only, as the process started for it does.
    #[arg(long, value_enum, hide = true, requires = "data")]
    stage: Option<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StoreArg {
    Sled,
}

/// What is run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Apart,
    Together,
    Reopened,
}

/// The report with how to get it again.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    report: &'a Report,
    command: String,
}

pub(super) fn run(args: &BenchArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let plan = args.plan()?;
    if let (Some(stage), Some(dir)) = (args.stage, &args.data) {
        return run_stage(stage, plan, dir, out);
    }
    let directory = Directory::take(args.data.as_deref())?;
    let dir = directory.path();
    let machine = Machine::of(dir).inspect_err(|_| directory.give_back())?;
    let start = |stage| Process::start(args, stage, dir, json);
    let apart: apart::Apart = start(Stage::Apart)?.finish()?;
    directory.empty()?;
    let together: together::Together = start(Stage::Together)?.kill()?;
    let reopened: reopened::Reopened = start(Stage::Reopened)?.finish()?;
    let report = Report::new(plan, machine, &apart, &together, &reopened)?;
    let shown = Shown {
        report: &report,
        command: command_line(),
    };
    if json {
        write_json(out, &shown)?;
    } else {
        describe(&shown, &directory, out)?;
    }
    Ok(Ended::Well)
}

impl BenchArgs {
    fn plan(&self) -> Result<Plan, CliError> {
        if self.reversals.millionths() + self.duplicates.millionths() > Share::ALL.millionths() {
            let problem = "--reversals and --duplicates are more than everything together";
            return Err(CliError::Usage(problem.to_owned()));
        }
        Ok(Plan {
            operations: self.operations,
            accounts: self.accounts,
            batch: usize::try_from(self.batch).unwrap_or(SUBMISSION_REQUESTS_MAX),
            clients: self.clients,
            reversals: self.reversals,
            duplicates: self.duplicates,
            hot: self.hot,
            seed: self.seed,
            store: match self.store {
                StoreArg::Sled => Store::Sled,
            },
        })
    }

    /// The arguments that make another process run a stage of this plan; it always answers in JSON, and
    /// with `json` also says in JSON what went wrong.
    fn of_stage(&self, stage: Stage, dir: &Path, json: bool) -> Vec<OsString> {
        let Self {
            operations,
            accounts,
            batch,
            clients,
            reversals,
            duplicates,
            hot,
            seed,
            store,
            data: _,
            stage: _,
        } = self;
        let name = |value: Option<clap::builder::PossibleValue>| {
            let value = value.expect("no value is skipped");
            value.get_name().to_owned()
        };
        let numbers = [
            ("--operations", operations.to_string()),
            ("--accounts", accounts.to_string()),
            ("--batch", batch.to_string()),
            ("--clients", clients.to_string()),
            ("--reversals", reversals.to_string()),
            ("--duplicates", duplicates.to_string()),
            ("--hot", hot.to_string()),
            ("--seed", seed.to_string()),
            ("--store", name(store.to_possible_value())),
            ("--stage", name(stage.to_possible_value())),
        ];
        let numbers = numbers
            .into_iter()
            .flat_map(|(flag, value)| [flag.into(), value.into()]);
        let data = ["--data".into(), dir.as_os_str().to_owned()];
        let json = json.then(|| "--json".into());
        ["bench".into()]
            .into_iter()
            .chain(numbers)
            .chain(data)
            .chain(json)
            .collect()
    }
}

fn run_stage(
    stage: Stage,
    plan: Plan,
    dir: &Path,
    out: &mut impl Write,
) -> Result<Ended, CliError> {
    let show = |label| {
        let progress = progress_bar(label, plan.operations);
        move |done| progress.set_position(done)
    };
    match stage {
        Stage::Apart => write_json(out, &apart::run(plan, dir, &show("apart"))?)?,
        Stage::Together => {
            let (ledger, together) = together::run(plan, dir, &show("together"))?;
            write_json(out, &together)?;
            out.flush()?;
            // Now this process is killed. Should the one that does it be gone, its end of the pipe is
            // closed, and this one ends by itself.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            drop(ledger);
        }
        Stage::Reopened => write_json(out, &reopened::run(plan, dir)?)?,
    }
    Ok(Ended::Well)
}

/// A process that runs a stage.
struct Process {
    child: Child,
    answer: BufReader<ChildStdout>,
}

impl Process {
    fn start(args: &BenchArgs, stage: Stage, dir: &Path, json: bool) -> Result<Self, CliError> {
        let path = std::env::current_exe().map_err(|source| CliError::File {
            path: PathBuf::from("/proc/self/exe"),
            source,
        })?;
        let mut child = Command::new(&path)
            .args(args.of_stage(stage, dir, json))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| CliError::File { path, source })?;
        let answer = child.stdout.take().expect("its standard output is a pipe");
        Ok(Self {
            child,
            answer: BufReader::new(answer),
        })
    }

    /// The result, and the end of the process by itself.
    fn finish<T: DeserializeOwned>(mut self) -> Result<T, CliError> {
        let line = self.line()?;
        let ended = self.child.wait();
        if !ended.is_ok_and(|status| status.success()) {
            return Err(CliError::Stage);
        }
        parse(&line)
    }

    /// The result, and then the end of the process wherever it stands.
    fn kill<T: DeserializeOwned>(mut self) -> Result<T, CliError> {
        let line = self.line()?;
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map_err(|_| CliError::Stage)?;
        parse(&line)
    }

    fn line(&mut self) -> Result<String, CliError> {
        let mut line = String::new();
        let read = self.answer.read_line(&mut line);
        read.map_err(|_| CliError::Stage)?;
        Ok(line)
    }
}

impl Drop for Process {
    /// Leaves nothing running, however this one ends.
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, CliError> {
    serde_json::from_str(line).map_err(|_| CliError::Stage)
}

/// Where the ledger is while it is measured.
enum Directory {
    /// The user's; what is in it afterwards stays.
    Given { path: PathBuf, is_new: bool },
    /// Made for the run, and removed when dropped.
    Made(tempfile::TempDir),
}

impl Directory {
    fn take(given: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = given else {
            // Not where temporary files usually go: that is often in memory, and what is measured is a
            // disk.
            let mut builder = tempfile::Builder::new();
            builder.prefix("ledger-bench-");
            let made = std::env::current_dir().and_then(|here| builder.tempdir_in(here));
            let made = made.map_err(|source| CliError::File {
                path: PathBuf::from("."),
                source,
            })?;
            return Ok(Self::Made(made));
        };
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let is_new = !path.exists();
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            let problem = format!(
                "{}: is not empty; --data names a new directory",
                path.display()
            );
            return Err(CliError::Usage(problem));
        }
        Ok(Self::Given {
            path: path.to_owned(),
            is_new,
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given { path, .. } => path,
            Self::Made(made) => made.path(),
        }
    }

    /// Leaves things as they were, when nothing was run.
    fn give_back(&self) {
        if let Self::Given { path, is_new: true } = self {
            // An empty directory that stays does no harm.
            let _ = fs::remove_dir(path);
        }
    }

    /// Removes what a stage left. The directory itself may be where a disk is mounted, so it stays.
    fn empty(&self) -> Result<(), CliError> {
        let failed = |source| CliError::File {
            path: self.path().to_owned(),
            source,
        };
        for entry in fs::read_dir(self.path()).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(failed)?;
        }
        Ok(())
    }
}

/// What the user typed.
fn command_line() -> String {
    let words: Vec<_> = std::env::args().skip(1).collect();
    format!("ledger {}", words.join(" "))
}

/// Hidden by itself where standard error is not a terminal.
fn progress_bar(label: &'static str, operations: u64) -> ProgressBar {
    let template = "{prefix:9} {wide_bar} {human_pos}/{human_len}";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    ProgressBar::new(operations)
        .with_style(style)
        .with_prefix(label)
}

fn describe(shown: &Shown<'_>, directory: &Directory, out: &mut impl Write) -> io::Result<()> {
    let Shown { report, command } = shown;
    let plan = &report.plan;
    let machine = &report.machine;
    writeln!(
        out,
        "{}, {} cpus, {} MiB; {}; {}; load average before {:.2}",
        machine.cpu,
        machine.cpus,
        machine.memory_bytes >> 20,
        machine.kernel,
        machine.file_system,
        machine.load_before,
    )?;
    writeln!(out, "ledger {}: {command}", report.version)?;
    writeln!(
        out,
        "{} operations on {} accounts ({} of them on one): {} accepted, {} sent again; \
         {} clients, {} at a time, each waiting for its answers",
        plan.operations,
        plan.accounts,
        plan.hot,
        report.accepted,
        report.repeated,
        plan.clients,
        plan.batch,
    )?;
    writeln!(out, "{}: {}", plan.store, report.durability)?;
    match directory {
        Directory::Given { path, .. } => writeln!(out, "the ledger is in {}\n", path.display())?,
        Directory::Made(made) => {
            writeln!(out, "the ledger was in {}\n", made.path().display())?;
        }
    }
    let columns = Columns {
        headings: &["what", "", "unit"],
        numbers: &[1],
    };
    write_table(out, &columns, rows(report))?;
    writeln!(
        out,
        "\nAlone means on one thread; appending alone includes encoding and framing. Every answer, \
         every balance\nand the recovered ledger were as predicted."
    )
}

fn rows(report: &Report) -> Vec<Vec<String>> {
    let latency = &report.batch_latency_micros;
    let (balance, last) = (&report.balance_micros, &report.last50_operations_micros);
    let row =
        |what: &str, figure: String, unit: &str| vec![what.to_owned(), figure, unit.to_owned()];
    let per_second = |what, figure: u64| row(what, figure.to_string(), "operations a second");
    let micros = |what, figure: f64| row(what, format!("{figure:.1}"), "µs");
    let bytes = |what, figure: f64| row(what, format!("{figure:.0}"), "bytes an operation");
    vec![
        per_second("deciding alone, in memory", report.decide_only_per_second),
        per_second("appending the same alone", report.append_only_per_second),
        per_second("both, durable and answered", report.durable_per_second),
        micros("a batch, p50", latency.p50),
        micros("a batch, p99", latency.p99),
        micros("a batch, p99.9", latency.p999),
        row(
            "processor time, all threads",
            format!("{:.2}", report.cpu_seconds_per_million),
            "s a million operations",
        ),
        bytes("on disk", report.disk_bytes_per_operation),
        bytes("in memory", report.retained_bytes_per_operation),
        row(
            "opening after kill -9",
            format!("{:.2}", report.recovery_seconds),
            "s",
        ),
        row("checkpoints", report.checkpoint_bytes.to_string(), "bytes"),
        micros("balance, p50", balance.p50),
        micros("balance, p99", balance.p99),
        micros("last 50 operations, p50", last.p50),
        micros("last 50 operations, p99", last.p99),
    ]
}
