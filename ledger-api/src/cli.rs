//! Commands of the command line, and what they exit with.

#![forbid(unsafe_code)]

mod aside;
mod authorizations;
mod backup;
mod bench;
mod books;
mod check_proof;
mod client_secret;
mod copy;
mod export;
mod generate;
mod head;
mod import;
mod input;
mod place;
mod post;
mod prove;
mod recipient;
mod replay;
mod restore;
mod serve;
mod show;
mod status;
mod table;
mod token_key;
mod verify;
mod written;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use ledger_api::client::ClientError;
use ledger_api::control::{self, AddressView, Control, ControlError, Question};
use ledger_api::import::ImportError;
use ledger_api::kept_file::KeptFileError;
use ledger_api::replay::ReplayError;
use ledger_api::{ApiError, Ledger, LedgerOptions};
use ledger_store::{CONTROL, StoreError, StoreKind};
use thiserror::Error;

use self::aside::ForQueries;
use self::books::Books;
use self::place::PlaceArgs;

/// Event-sourced ledger for account operations.
#[derive(Debug, Parser)]
#[command(name = "ledger", version, about, max_term_width = 100)]
struct Cli {
    /// Print JSON, one object a line, instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry out the commands of files in JSON Lines, in order; safe to repeat.
    Replay(replay::ReplayArgs),
    /// Carry out commands and show what became of each; exits with 1 if one was not carried out.
    Post(post::PostArgs),
    /// List accounts with balance and open-to-buy.
    Accounts(PlaceArgs),
    /// Show balance, open-to-buy and points of one account.
    Balance(show::BalanceArgs),
    /// List the operations of one account.
    Operations(show::OperationsArgs),
    /// List the messages of the authorization system on one account, declined ones too.
    Authorizations(authorizations::AuthorizationsArgs),
    /// List business cases: authorization messages that belong together, and what they reserve.
    BusinessCases(authorizations::BusinessCasesArgs),
    /// List the legs of the journal.
    Journal(show::JournalArgs),
    /// Show the trial balance; exits with 1 if it does not hold.
    TrialBalance(PlaceArgs),
    /// Recompute every checksum, the hash chain, every balance and the trial balance from the log.
    Verify(verify::VerifyArgs),
    /// Show where the log ends and what it adds up to; with --json, as a file to keep elsewhere.
    Head(PlaceArgs),
    /// Write a proof that a record is in the log, or that the log continues a kept head.
    Prove(prove::ProveArgs),
    /// Check a proof, without a ledger; exits with 1 if it proves nothing.
    CheckProof(check_proof::CheckProofArgs),
    /// Copy the log of a ledger, block by block, to a new directory, perhaps in another store.
    Copy(copy::CopyArgs),
    /// Back up a ledger, also while another process has it open; continues an earlier backup.
    Backup(backup::BackupArgs),
    /// Put a backup where a ledger was lost.
    Restore(restore::RestoreArgs),
    /// Write the whole log as text, from which `import` makes the same log again.
    Export(export::ExportArgs),
    /// Make a ledger of what `export` wrote.
    Import(import::ImportArgs),
    /// Show whether commands are accepted, and if not, why.
    Status(PlaceArgs),
    /// Serve the ledger over HTTP.
    Serve(serve::ServeArgs),
    /// Make a secret for a client that asks the service for tokens, and its entry in the clients' file.
    ClientSecret(client_secret::ClientSecretArgs),
    /// Make the key that the service signs tokens with, or read it, and show its public half as a JWKS.
    TokenKey(token_key::TokenKeyArgs),
    /// Write a made-up card history in the replay format.
    Generate(generate::GenerateArgs),
    /// Measure this machine: what is posted a second, at which latency, at which cost.
    Bench(bench::BenchArgs),
}

/// Directory of a ledger that nothing else is said of.
const DATA_DEFAULT: &str = "ledger-data";

/// Where the ledger is, for what needs its directory.
#[derive(Debug, Args)]
struct DataArgs {
    /// Directory of the ledger.
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Store of the log, `sled` or `redb`; a new ledger is kept in sled, an existing one must agree.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreKind>,
}

impl DataArgs {
    fn open(&self) -> Result<Ledger, CliError> {
        let options = LedgerOptions {
            store: self.store,
            ..LedgerOptions::default()
        };
        let ledger = Ledger::open_with(&self.data, options).map_err(ApiError::from)?;
        Ok(ledger)
    }
}

/// Why a command could not run.
#[derive(Debug, Error)]
enum CliError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: there is no ledger (no MANIFEST)", .0.display())]
    NoLedger(PathBuf),
    #[error("{} {error}", path.display())]
    KeptFile { path: PathBuf, error: KeptFileError },
    #[error("{0}")]
    Usage(String),
    /// Another process has the ledger open, and does not listen (yet).
    #[error(
        "{} is open in another process that cannot be asked; if that is just starting, try again",
        .0.display()
    )]
    NobodyListens(PathBuf),
    /// Another process serves the ledger.
    #[error("{} is served at {url}; {instead}", dir.display())]
    Served {
        dir: PathBuf,
        url: String,
        /// What to do about it.
        instead: String,
    },
    #[error(transparent)]
    Service(#[from] ClientError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Serve(#[from] ledger_api::http::ServeError),
    #[error(transparent)]
    Setup(#[from] ledger_api::http::SetupError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Bench(#[from] ledger_api::bench::BenchError),
    /// The process that ran the stage has said why.
    #[error("a stage of the benchmark failed")]
    Stage,
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// How a command that ran ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    /// It ran, and what it found is not as it should be.
    WithFindings,
}

/// Exit status of a command that could not run.
const COULD_NOT_RUN: u8 = 2;

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let ended = dispatch(&cli, &mut out);
    // Whoever closed the pipe has seen enough; how the command ended stands all the same.
    let flushed = match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        flushed => flushed,
    };
    let ended = ended.and_then(|ended| flushed.map(|()| ended).map_err(CliError::from));
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::WithFindings) => ExitCode::FAILURE,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            report(&explained(error, &cli.command), cli.json);
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn dispatch(cli: &Cli, out: &mut impl Write) -> Result<Ended, CliError> {
    match &cli.command {
        Command::Replay(args) => replay::run(args, cli.json, out),
        Command::Post(args) => post::run(args, cli.json, out),
        Command::Accounts(args) => Books::with(args, |books| show::accounts(books, cli.json, out)),
        Command::Balance(args) => Books::with(&args.place, |books| {
            show::balance(books, args, cli.json, out)
        }),
        Command::Operations(args) => Books::with(&args.place, |books| {
            show::operations(books, args, cli.json, out)
        }),
        Command::Authorizations(args) => Books::with(&args.place, |books| {
            authorizations::authorizations(books, args, cli.json, out)
        }),
        Command::BusinessCases(args) => Books::with(&args.place, |books| {
            authorizations::business_cases(books, args, cli.json, out)
        }),
        Command::Journal(args) => Books::with(&args.place, |books| {
            show::journal(books, args, cli.json, out)
        }),
        Command::TrialBalance(args) => {
            Books::with(args, |books| show::trial_balance(books, cli.json, out))
        }
        Command::Verify(args) => verify::run(args, cli.json, out),
        Command::Head(args) => head::run(args, cli.json, out),
        Command::Prove(args) => prove::run(args, cli.json, out),
        Command::CheckProof(args) => check_proof::run(args, cli.json, out),
        Command::Copy(args) => copy::run(args, cli.json, out),
        Command::Backup(args) => backup::run(args, cli.json, out),
        Command::Restore(args) => restore::run(args, cli.json, out),
        Command::Export(args) => export::run(args, out),
        Command::Import(args) => import::run(args, cli.json, out),
        Command::Status(args) => status::run(args, cli.json, out),
        Command::Serve(args) => serve::run(args, out),
        Command::ClientSecret(args) => client_secret::run(args, cli.json, out),
        Command::TokenKey(args) => token_key::run(args, out),
        Command::Generate(args) => generate::run(args, out),
        Command::Bench(args) => bench::run(args, cli.json, out),
    }
}

/// Opens an existing ledger, uses it, and closes it.
fn with_ledger(
    args: &DataArgs,
    work: impl FnOnce(&Ledger) -> Result<Ended, CliError>,
) -> Result<Ended, CliError> {
    refuse_missing(&args.data)?;
    let opened = ForQueries::open(args)?;
    let ended = work(&opened.ledger);
    let closed = opened.close();
    // What went wrong first says more than what followed from it.
    let ended = ended?;
    if let Some(error) = closed? {
        eprint_line(&format!("note: the answer stands, yet {error}"));
    }
    Ok(ended)
}

/// Refuses a directory without a ledger. Opening would create one, and show a mistyped path, or one whose
/// files are gone, as an empty ledger.
fn refuse_missing(dir: &Path) -> Result<(), CliError> {
    if dir.join(ledger_store::MANIFEST).exists() {
        Ok(())
    } else {
        Err(CliError::NoLedger(dir.to_owned()))
    }
}

/// Others may ask for backups meanwhile; where they cannot, the replay runs all the same.
fn listen_for_questions(data: &Path, ledger: &Arc<Ledger>) -> Option<Control> {
    match Control::listen(data, ledger) {
        Ok(control) => Some(control),
        Err(error) => {
            let path = data.join(CONTROL);
            eprint_line(&format!("note: {}: {error}", path.display()));
            None
        }
    }
}

/// Writes a line on standard error.
fn eprint_line(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The same failure; where the ledger is open in a process that serves it, with the address.
fn explained(error: CliError, command: &Command) -> CliError {
    let (CliError::Api(ApiError::Store(StoreError::Locked { dir })) | CliError::NobodyListens(dir)) =
        &error
    else {
        return error;
    };
    // Whoever does not answer this is not serving.
    let answer = control::ask(dir, &Question::Address {}).ok().flatten();
    let address = answer.and_then(|answer| serde_json::from_value(answer).ok());
    let Some(AddressView { url: Some(url) }) = address else {
        return error;
    };
    CliError::Served {
        dir: dir.clone(),
        instead: match command.takes_url() {
            true => format!("use --url {url}"),
            false => "stop that process, or work with a backup (`ledger backup`)".to_owned(),
        },
        url,
    }
}

impl Command {
    /// Whether a service can be asked instead of opening a directory.
    fn takes_url(&self) -> bool {
        match self {
            Self::Replay(_)
            | Self::Post(_)
            | Self::Accounts(_)
            | Self::Balance(_)
            | Self::Operations(_)
            | Self::Authorizations(_)
            | Self::BusinessCases(_)
            | Self::Journal(_)
            | Self::TrialBalance(_)
            | Self::Head(_)
            | Self::Status(_) => true,
            Self::Verify(_)
            | Self::Prove(_)
            | Self::CheckProof(_)
            | Self::Copy(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Serve(_)
            | Self::ClientSecret(_)
            | Self::TokenKey(_)
            | Self::Generate(_)
            | Self::Bench(_) => false,
        }
    }
}

impl CliError {
    /// The stable code, for programs.
    fn code(&self) -> &str {
        match self {
            Self::Api(error) => error.code(),
            Self::Service(error) | Self::Replay(ReplayError::Service(error)) => error.code(),
            Self::Replay(ReplayError::Ledger(error)) => error.code(),
            Self::Bench(error) => error.code(),
            Self::Stage => "BENCH_FAILED",
            Self::NobodyListens(_) | Self::Served { .. } => "STORE_LOCKED",
            Self::Control(ControlError::Refused { code, .. }) => code,
            Self::Import(error) => error.code(),
            Self::NoLedger(_) => "LEDGER_NOT_FOUND",
            Self::KeptFile { error, .. } => error.code(),
            Self::Usage(_) => "INVALID_REQUEST",
            Self::Setup(_) | Self::Serve(ledger_api::http::ServeError::Setup(_)) => {
                "INVALID_CONFIGURATION"
            }
            Self::File { .. }
            | Self::Replay(ReplayError::Input(_) | ReplayError::Results(_))
            | Self::Serve(_)
            | Self::Control(ControlError::Io(_))
            | Self::Output(_) => "IO",
        }
    }

    /// The field at fault, if it is one.
    fn field(&self) -> Option<&str> {
        if let Self::Api(error) | Self::Replay(ReplayError::Ledger(error)) = self {
            error.field()
        } else if let Self::Service(error) | Self::Replay(ReplayError::Service(error)) = self {
            error.field()
        } else {
            None
        }
    }
}

fn report(error: &CliError, json: bool) {
    let code = error.code();
    if json {
        let mut shown = serde_json::json!({"code": code, "message": error.to_string()});
        if let Some(field) = error.field() {
            shown["field"] = field.into();
        }
        eprint_line(&serde_json::json!({"error": shown}).to_string());
    } else {
        eprint_line(&format!("error: {error} [{code}]"));
    }
}

/// Shows a page of a list: one object a line, or a table and where the next page is.
fn write_page<T: serde::Serialize, W: Write>(
    out: &mut W,
    json: bool,
    (entries, more): (&[T], bool),
    page: usize,
    table: impl FnOnce(&[T], &mut W) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if json {
        entries
            .iter()
            .try_for_each(|entry| write_json(out, entry))?;
        return Ok(());
    }
    table(entries, out)?;
    if more {
        writeln!(out, "more on --page {}", page + 1)?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
