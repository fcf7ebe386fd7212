//! The store as its users see it: one contract for every log, damage, and crashes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests look at files, and damage them, behind the back of the store"
)]

mod annotations;
mod backup;
mod changes;
mod checkpoint;
mod commands;
mod contract;
mod copy;
mod crash;
mod damage;
mod damage_cases;
mod disk;
mod effort;
mod epochs;
mod files;
mod fuzz;
mod golden;
mod kept_head;
mod later;
mod overload;
mod power_loss;
mod quiet;
mod records;
mod recovery;
mod tree;
mod writer;
