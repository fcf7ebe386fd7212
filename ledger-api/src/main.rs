//! The command line `ledger`: replays histories and shows what came of them.

mod allocator;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    cli::run()
}
