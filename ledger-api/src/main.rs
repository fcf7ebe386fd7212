//! The command line `ledger`: replays histories and shows what came of them.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
