//! Commands of the command line, and what they exit with.

mod aside;
mod authorizations;
mod backup;
mod bench;
mod check_proof;
mod client_secret;
mod copy;
mod export;
mod generate;
mod head;
mod import;
mod prove;
mod replay;
mod restore;
mod serve;
mod show;
mod status;
mod table;
mod token_key;
mod verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use ledger_api::control::{Control, ControlError};
use ledger_api::import::ImportError;
use ledger_api::kept_file::KeptFileError;
use ledger_api::{ApiError, Ledger, LedgerOptions};
use ledger_store::{CONTROL, StoreKind};
use thiserror::Error;

use self::aside::ForQueries;

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
    /// List accounts with balance and open-to-buy.
    Accounts(DataArgs),
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
    TrialBalance(DataArgs),
    /// Recompute every checksum, the hash chain, every balance and the trial balance from the log.
    Verify(verify::VerifyArgs),
    /// Show where the log ends and what it adds up to; with --json, as a file to keep elsewhere.
    Head(DataArgs),
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
    Status(DataArgs),
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

/// Where the ledger is.
#[derive(Debug, Args)]
struct DataArgs {
    /// Directory of the ledger.
    #[arg(long, value_name = "DIR", default_value = "ledger-data")]
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
    Replay(#[from] ledger_api::replay::ReplayError),
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
            report(&error, cli.json);
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn dispatch(cli: &Cli, out: &mut impl Write) -> Result<Ended, CliError> {
    match &cli.command {
        Command::Replay(args) => replay::run(args, cli.json, out),
        Command::Accounts(args) => {
            with_ledger(args, |ledger| show::accounts(ledger, cli.json, out))
        }
        Command::Balance(args) => with_ledger(&args.data, |ledger| {
            show::balance(ledger, args, cli.json, out)
        }),
        Command::Operations(args) => with_ledger(&args.data, |ledger| {
            show::operations(ledger, args, cli.json, out)
        }),
        Command::Authorizations(args) => with_ledger(&args.data, |ledger| {
            authorizations::authorizations(ledger, args, cli.json, out)
        }),
        Command::BusinessCases(args) => with_ledger(&args.data, |ledger| {
            authorizations::business_cases(ledger, args, cli.json, out)
        }),
        Command::Journal(args) => with_ledger(&args.data, |ledger| {
            show::journal(ledger, args, cli.json, out)
        }),
        Command::TrialBalance(args) => {
            with_ledger(args, |ledger| show::trial_balance(ledger, cli.json, out))
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
    closed?;
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

fn report(error: &CliError, json: bool) {
    let code = match error {
        CliError::Api(error) => error.code(),
        CliError::Replay(ledger_api::replay::ReplayError::Ledger(error)) => error.code(),
        CliError::Bench(error) => error.code(),
        CliError::Stage => "BENCH_FAILED",
        CliError::NobodyListens(_) => "STORE_LOCKED",
        CliError::Control(ControlError::Refused { code, .. }) => code,
        CliError::Import(error) => error.code(),
        CliError::NoLedger(_) => "LEDGER_NOT_FOUND",
        CliError::KeptFile { error, .. } => error.code(),
        CliError::Usage(_) => "INVALID_REQUEST",
        CliError::Setup(_) | CliError::Serve(ledger_api::http::ServeError::Setup(_)) => {
            "INVALID_CONFIGURATION"
        }
        CliError::File { .. }
        | CliError::Replay(_)
        | CliError::Serve(_)
        | CliError::Control(ControlError::Io(_))
        | CliError::Output(_) => "IO",
    };
    if json {
        let error = serde_json::json!({"error": {"code": code, "message": error.to_string()}});
        eprint_line(&error.to_string());
    } else {
        eprint_line(&format!("error: {error} [{code}]"));
    }
}

fn write_json(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
