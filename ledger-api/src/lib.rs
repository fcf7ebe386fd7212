//! The ledger for those who embed it: a library, and the shapes in which it is spoken to.
//!
//! [`Ledger`] opens a data directory, carries out commands and answers queries. [`mod@line`] reads
//! commands in JSON, [`replay`] carries out whole files of them. This crate translates and decides
//! nothing: rules live in `ledger-core`, durability in `ledger-store`.

#![forbid(unsafe_code)]

mod annotation_fields;
pub mod bench;
pub mod client;
pub mod clock;
pub mod control;
mod dates;
pub mod error;
pub mod export;
mod fields;
#[cfg(test)]
mod fuzz;
pub mod generate;
pub mod head_file;
pub mod http;
pub mod import;
mod json;
pub mod kept_file;
pub mod ledger;
pub mod line;
pub mod local_codes;
pub mod operation_view;
pub mod proof_file;
pub mod proof_view;
mod proving;
pub mod queries;
mod readable;
pub mod replay;
pub mod status;
pub mod views;
pub mod words;

pub use error::ApiError;
pub use ledger::{Ledger, LedgerOptions};
pub use status::Status;
