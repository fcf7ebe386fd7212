//! Random histories of commands, and a naive model to measure the engine by.
//!
//! The laws are in `tests/it`. Each draws a history from [`strategy`], gives it to the engine, and
//! compares with what [`model`] finds by reading the whole list again, or with a second way to the
//! same end (replay, other batches, other encodings).

#![forbid(unsafe_code)]

pub mod engine;
pub mod model;
pub mod sim;
pub mod strategy;
