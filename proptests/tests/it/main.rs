//! The laws of the engine, each tried on thousands of random histories.
//!
//! `PROPTEST_CASES` sets the number of cases of every law. A failing case is kept under
//! `proptest-regressions/` and tried first from then on; commit the file with the fix.

mod answers;
mod batches;
mod books;
mod log;
mod nth_call;
mod opening;
mod reversals;
mod shares;
mod sim_disk;
mod simulation;
mod state_hash;

use ledger_core::decide::Answer;
use proptest::test_runner::{Config, FileFailurePersistence};
use proptests::engine::Engine;
use proptests::strategy::Step;

/// Configuration of a law: its usual number of cases, unless `PROPTEST_CASES` gives another, and its
/// file below `proptest-regressions/`, which is given in full.
fn config(cases: u32, regressions: &'static str) -> Config {
    let usual = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        usual.cases
    } else {
        cases
    };
    Config {
        cases,
        // A path relative to this file would end up below `tests/`.
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        // A history of eighty requests has many parts to drop. By time, not by count, since one try
        // of a long history costs as much as a hundred of a short one.
        max_shrink_iters: u32::MAX,
        max_shrink_time: 30_000,
        ..usual
    }
}

/// Path of a file of regressions.
macro_rules! regressions {
    ($name:literal) => {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/",
            $name,
            ".txt"
        )
    };
}
use regressions;

/// Sends every request in a batch of its own.
fn run(steps: &[Step]) -> (Engine, Vec<Answer>) {
    let mut engine = Engine::default();
    let answers = steps
        .iter()
        .map(|step| engine.submit_one(step.request.clone(), step.now))
        .collect();
    (engine, answers)
}
