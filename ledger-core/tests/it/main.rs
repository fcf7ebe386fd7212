//! Tables of what the core must do, in the words of the domain.
//!
//! `script` runs a table; every other module holds the tables of one subject.

mod script;
mod vectors;
