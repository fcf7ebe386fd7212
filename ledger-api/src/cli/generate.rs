//! `ledger generate`.

use std::io::Write;

use clap::Args;
use ledger_api::generate::{History, generate};

use super::{CliError, Ended};

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// Number of accounts.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=ACCOUNTS_MAX))]
    accounts: u32,
    /// Number of operations, refusals and repetitions included.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    operations: u64,
    /// The same seed gives the same history.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// As many as six digits can name.
const ACCOUNTS_MAX: i64 = 999_999;

pub(super) fn run(args: &GenerateArgs, out: &mut impl Write) -> Result<Ended, CliError> {
    let GenerateArgs {
        accounts,
        operations,
        seed,
    } = *args;
    generate(
        History {
            accounts,
            operations,
            seed,
        },
        out,
    )?;
    Ok(Ended::Well)
}
