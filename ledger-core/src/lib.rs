//! The pure core of the ledger: commands in, events out, balances as folds of events.
//!
//! The modules follow the data:
//!
//! ```text
//! command → form → decide → event → apply → portfolio → projection
//!                     └──► rejection
//! ```
//!
//! Nothing here reads a clock, draws a random number, or does I/O; the same requests at the same
//! times give the same records, however they are cut into batches.

#![forbid(unsafe_code)]

pub mod annotations;
pub mod apply;
pub mod authorization;
pub mod command;
pub mod decide;
pub mod difference;
pub mod event;
pub mod fingerprint;
pub mod form;
pub mod iban;
pub mod ids;
pub mod labels;
pub mod money;
pub mod portfolio;
pub mod projection;
pub mod rate;
pub mod rejection;
pub mod reserves;
pub mod state;
pub mod state_hash;
pub mod text;
pub mod time;
