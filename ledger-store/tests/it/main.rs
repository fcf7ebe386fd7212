//! The store as its users see it: one contract for every log, damage, and crashes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod backup;
mod checkpoint;
mod commands;
mod contract;
mod copy;
mod crash;
mod damage;
mod epochs;
mod golden;
mod later;
mod power_loss;
mod quiet;
mod records;
mod recovery;
mod writer;
