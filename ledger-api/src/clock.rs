//! The one place that reads a clock.

use ledger_core::time::Timestamp;

/// The present instant.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}
