//! How much a test tries: little by itself, more when the environment asks for it.

use std::env;

/// The number that the environment gives, or the one for everyday.
pub(crate) fn count(name: &str, everyday: u64) -> u64 {
    number(name).unwrap_or(everyday)
}

/// Where chance begins. A summary prints it, and `LEDGER_SEED` repeats it.
pub(crate) fn seed() -> u64 {
    number("LEDGER_SEED").unwrap_or(1)
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}
