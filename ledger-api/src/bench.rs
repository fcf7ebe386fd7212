//! `ledger bench` as a library: what an engine does a second on this machine, and what that costs.
//!
//! Three stages, each meant for a process of its own so that none inherits the memory of another:
//! [`apart::run`] decides alone and appends alone, [`together::run`] does both as a service would,
//! with an answer for everything once it is durable, and [`reopened::run`] opens what that left and
//! reads from it. [`report::Report`] puts them together, and refuses results that are wrong, so that
//! no engine is fast by being so.
//!
//! All requests come from one [`workload`], the same for the same numbers, and are made while no
//! clock runs.

pub mod apart;
mod footprint;
pub mod latency;
pub mod machine;
pub mod plan;
pub mod reopened;
pub mod report;
pub mod together;
pub mod totals;
pub mod workload;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ledger_store::StoreError;
use ledger_store::writer::SubmitError;
use rustix::time::ClockId;
use thiserror::Error;

use crate::error::ApiError;

/// Requests that are made before the clock runs, at most: about a gigabyte of them. A longer run has
/// rounds of so many, or of one batch of each client if that is more, and the clock stands still between them.
pub const ROUND_REQUESTS_MAX: u64 = 1 << 21;

/// Why there is no result.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A query or a submission failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The directory is in memory, so that nothing in it would be durable.
    #[error("{}: {file_system} keeps nothing when the power goes; choose a directory on a disk", path.display())]
    NotDurable {
        /// The directory.
        path: PathBuf,
        /// Its file system.
        file_system: String,
    },
    /// The engine came to another result than the workload predicts.
    #[error("a wrong result: {what} is {found}, and must be {expected}")]
    Wrong {
        /// What was compared.
        what: &'static str,
        /// What the engine gave.
        found: String,
        /// What the workload predicts.
        expected: String,
    },
}

impl BenchError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Api(error) => error.code(),
            Self::Io { .. } => "IO",
            Self::NotDurable { .. } => "INVALID_REQUEST",
            Self::Wrong { .. } => "WRONG_RESULT",
        }
    }
}

impl From<StoreError> for BenchError {
    fn from(error: StoreError) -> Self {
        Self::Api(error.into())
    }
}

impl From<SubmitError> for BenchError {
    fn from(error: SubmitError) -> Self {
        Self::Api(error.into())
    }
}

/// Refuses a result that is not the predicted one.
fn check<T: PartialEq + std::fmt::Debug>(
    what: &'static str,
    found: T,
    expected: T,
) -> Result<(), BenchError> {
    if found == expected {
        return Ok(());
    }
    Err(BenchError::Wrong {
        what,
        found: format!("{found:?}"),
        expected: format!("{expected:?}"),
    })
}

/// Processor time that all threads of this process have used.
fn cpu_time() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// Processor time that this thread has used.
fn thread_cpu_time() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let spent = rustix::time::clock_gettime(id);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or(0),
        u32::try_from(spent.tv_nsec).unwrap_or(0),
    )
}
