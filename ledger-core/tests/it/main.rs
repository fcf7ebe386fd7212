//! Tables of what the core must do, in the words of the domain.
//!
//! `script` runs a table; every other module holds the tables of one subject.

mod accounting;
mod annotations;
mod authorizations;
mod codes;
mod currencies;
mod hierarchies;
mod idempotency;
mod liable;
mod offline_reservations;
mod payouts;
mod points;
mod resets;
mod reversals;
mod script;
mod state_hash;
mod value_dates;
mod vectors;
