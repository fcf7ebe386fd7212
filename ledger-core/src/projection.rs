//! Projections: what queries are answered from, all folds of the log.

pub mod amounts;
pub mod books;
pub mod case_files;
pub mod general_ledger;
pub mod gist;
pub mod history;
pub mod restoration;
pub mod timeline;
