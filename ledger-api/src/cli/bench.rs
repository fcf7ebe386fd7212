//! `ledger bench`.
//!
//! Each stage runs in a process of its own, which this one starts: none inherits another's memory, and
//! the one that posts is killed, as by `kill -9`, once everything is answered, so that opening finds
//! what a crash leaves.

mod directory;
mod process;
mod shown;

use std::ffi::OsString;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use ledger_api::bench::machine::Machine;
use ledger_api::bench::plan::{Plan, Share};
use ledger_api::bench::report::Report;
use ledger_api::bench::{apart, reopened, together};
use ledger_store::StoreKind;
use ledger_store::writer::SUBMISSION_REQUESTS_MAX;

use self::directory::Directory;
use self::process::Process;
use self::shown::Shown;
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
    #[arg(long, value_name = "N", default_value_t = 8_192, value_parser = clap::value_parser!(u64).range(1..=SUBMISSION_REQUESTS_MAX as u64))]
    batch: u64,
    /// Threads that hand in; with six, each of the three threads of the writer can have a batch at work and one that waits.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1_024))]
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
    #[arg(long, value_name = "STORE", default_value_t = StoreKind::Sled)]
    store: StoreKind,
    /// Directory for the ledger, new or empty; it is kept. Without it, one is made in the working
    /// directory and removed afterwards.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run one stage only, as the process started for it does.
    #[arg(long, value_enum, hide = true, requires = "data")]
    stage: Option<Stage>,
}

/// What is run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Apart,
    Together,
    Reopened,
}

pub(super) fn run(args: &BenchArgs, json: bool, out: &mut impl Write) -> Result<Ended, CliError> {
    let plan = args.plan()?;
    if let (Some(stage), Some(dir)) = (args.stage, &args.data) {
        return run_stage(stage, plan, dir, out);
    }
    let directory = Directory::take(args.data.as_deref())?;
    let dir = directory.path();
    let machine = Machine::of(dir).inspect_err(|_| directory.give_back())?;
    let start = |stage| Process::start(args.of_stage(stage, dir, json));
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
        shown.describe(&directory, out)?;
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
            store: self.store,
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
            ("--store", store.to_string()),
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
