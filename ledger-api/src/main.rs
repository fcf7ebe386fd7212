//! The command line `ledger`: replays histories and shows what came of them.

mod cli;

use std::process::ExitCode;

/// What one thread takes and another gives back is this allocator's strength, and the way of every command
/// through the engine: about a tenth of the time of deciding.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
