//! What comes after: opening a ledger that was left as by a crash, and reading from it.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger_core::command::AccountSelector;
use ledger_core::ids::AccountReference;
use serde::{Deserialize, Serialize};

use super::latency::{Latencies, Quantiles};
use super::plan::{Plan, open_ledger};
use super::totals::Totals;
use super::workload::Workload;
use super::{BenchError, check, footprint};
use crate::queries::OperationFilter;

/// What opening and reading took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    /// From nothing to a ledger that answers, with the files in the kernel's cache.
    pub recovery_nanos: u64,
    /// The balance of an account.
    pub balance: Quantiles,
    /// The last operations of an account.
    pub last_operations: Quantiles,
    /// Kept in memory for idempotency, triplets and account histories.
    pub retained_bytes: u64,
    /// Length of the checkpoints.
    pub checkpoint_bytes: u64,
    /// What the books come to.
    pub totals: Totals,
}

/// Operations read at a time, as an account's page of latest operations has them.
pub const LAST_OPERATIONS: usize = 50;
/// Reads of a kind: enough for a 99th percentile that hundreds are beyond.
const READS_MAX: u64 = 20_000;
/// Time after which no further read of a kind is begun.
const READING: Duration = Duration::from_secs(3);

/// Opens the ledger that [`super::together::run`] left, and reads from accounts as often as they were
/// posted to.
///
/// # Errors
/// [`BenchError`].
pub fn run(plan: Plan, dir: &Path) -> Result<Reopened, BenchError> {
    let checkpoint_bytes = footprint::checkpoint_bytes(dir)?;
    let started = Instant::now();
    let ledger = open_ledger(plan.store, dir)?;
    let recovery_nanos = started.elapsed();
    let totals = Totals::of(ledger.reader().books().portfolio());

    let lane = Workload::new(plan).lanes().swap_remove(0);
    let account = |place| AccountSelector::Reference(AccountReference::of(lane.account(place)));
    let balance = timed(|place| {
        let view = ledger.balance(None, &account(place), None, None)?;
        check(
            "the exponent of a balance",
            view.account_balance.exponent,
            2,
        )
    })?;
    let latest = OperationFilter {
        as_of: None,
        start: None,
        end: None,
        include_refused: false,
        page: 0,
        page_size: LAST_OPERATIONS,
        newest_first: true,
    };
    let last_operations = timed(|place| {
        let (views, _) = ledger.operations(None, &account(place), latest)?;
        check(
            "that an account has operations or none",
            views.len() <= LAST_OPERATIONS,
            true,
        )
    })?;
    let retained_bytes = ledger.retained().bytes() as u64;
    ledger.close()?;
    Ok(Reopened {
        recovery_nanos: u64::try_from(recovery_nanos.as_nanos()).unwrap_or(u64::MAX),
        balance,
        last_operations,
        retained_bytes,
        checkpoint_bytes,
        totals,
    })
}

fn timed(read: impl Fn(u64) -> Result<(), BenchError>) -> Result<Quantiles, BenchError> {
    let mut latencies = Latencies::new();
    let begun = Instant::now();
    for place in 0..READS_MAX {
        let started = Instant::now();
        read(place)?;
        latencies.add(started.elapsed());
        if begun.elapsed() > READING {
            break;
        }
    }
    Ok(latencies.quantiles())
}
