//! The three stages in figures that can be compared between machines and ledgers.

use serde::Serialize;

use super::apart::Apart;
use super::latency::Quantiles;
use super::machine::Machine;
use super::plan::{DURABILITY, Plan};
use super::reopened::Reopened;
use super::together::Together;
use super::{BenchError, check};

/// The figures of one run. Rates and amounts per operation count the operations that were accepted;
/// one that was sent again is work and no operation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was run.
    #[serde(flatten)]
    pub plan: Plan,
    /// What every answer waited for.
    pub durability: &'static str,
    /// Operations accepted.
    pub accepted: u64,
    /// Operations sent again, which got their first answer.
    pub repeated: u64,
    /// Operations a second, decided and applied in memory, on one thread.
    pub decide_only_per_second: u64,
    /// Operations a second, encoded, framed, appended and synced, on one thread.
    pub append_only_per_second: u64,
    /// Operations a second, both at once, answered after the sync.
    pub durable_per_second: u64,
    /// From handing in a batch to its answers.
    pub batch_latency_micros: BatchLatency,
    /// Set aside on disk for the whole data directory.
    pub disk_bytes_per_operation: f64,
    /// Kept in memory by the open ledger, accounts included.
    pub retained_bytes_per_operation: f64,
    /// Processor time of the whole process while posting, less that of making the requests.
    pub cpu_seconds_per_million: f64,
    /// Opening after the process was killed, with the files in the kernel's cache.
    pub recovery_seconds: f64,
    /// Length of the checkpoints.
    pub checkpoint_bytes: u64,
    /// The balance of an account.
    pub balance_micros: ReadLatency,
    /// The last 50 operations of an account.
    pub last50_operations_micros: ReadLatency,
    /// The part of appending alone that is encoding and framing.
    pub framing_seconds: f64,
    /// Length of the blocks, of accepted operations and accounts.
    pub block_bytes: u64,
    /// What it ran on.
    pub machine: Machine,
    /// Version of the engine.
    pub version: &'static str,
}

/// Latencies of batches.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BatchLatency {
    /// Half.
    pub p50: f64,
    /// All but one in a hundred.
    pub p99: f64,
    /// All but one in a thousand.
    pub p999: f64,
}

/// Latencies of reads.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ReadLatency {
    /// Half.
    pub p50: f64,
    /// All but one in a hundred.
    pub p99: f64,
}

impl Report {
    /// The figures of three stages of one plan.
    ///
    /// # Errors
    /// [`BenchError::Wrong`] when the stages did not come to the same books.
    pub fn new(
        plan: Plan,
        machine: Machine,
        apart: &Apart,
        together: &Together,
        reopened: &Reopened,
    ) -> Result<Self, BenchError> {
        check("the books after posting", together.totals, apart.totals)?;
        check("the books after recovery", reopened.totals, together.totals)?;
        let accepted = together.accepted;
        Ok(Self {
            plan,
            durability: DURABILITY,
            accepted,
            repeated: together.repeated,
            decide_only_per_second: per_second(apart.accepted, apart.decide_nanos),
            append_only_per_second: per_second(
                apart.accepted,
                apart.frame_nanos + apart.append_nanos,
            ),
            durable_per_second: per_second(accepted, together.nanos),
            batch_latency_micros: BatchLatency {
                p50: ratio(together.latency.p50_nanos, MICRO),
                p99: ratio(together.latency.p99_nanos, MICRO),
                p999: ratio(together.latency.p999_nanos, MICRO),
            },
            disk_bytes_per_operation: ratio(together.disk_bytes, accepted),
            retained_bytes_per_operation: ratio(reopened.retained_bytes, accepted),
            // Nanoseconds an operation are milliseconds a million.
            cpu_seconds_per_million: ratio(together.cpu_nanos, accepted.saturating_mul(1_000)),
            recovery_seconds: ratio(reopened.recovery_nanos, SECOND),
            checkpoint_bytes: reopened.checkpoint_bytes,
            balance_micros: reads(reopened.balance),
            last50_operations_micros: reads(reopened.last_operations),
            framing_seconds: ratio(apart.frame_nanos, SECOND),
            block_bytes: apart.block_bytes,
            machine,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}

const MICRO: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;

fn reads(quantiles: Quantiles) -> ReadLatency {
    ReadLatency {
        p50: ratio(quantiles.p50_nanos, MICRO),
        p99: ratio(quantiles.p99_nanos, MICRO),
    }
}

fn per_second(count: u64, nanos: u64) -> u64 {
    let per_second = u128::from(count) * u128::from(SECOND) / u128::from(nanos.max(1));
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// One number per another, to three decimals. Only ever of counts and times: money is never divided.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a figure for people, of counts and times"
)]
fn ratio(of: u64, per: u64) -> f64 {
    let thousandths = u128::from(of) * 1_000 / u128::from(per.max(1));
    thousandths as f64 / 1e3
}
