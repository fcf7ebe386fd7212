//! The ledger as an HTTP service, in the paths, names and envelopes of the operations API.
//!
//! `endpoints` lists what can be called; the router, the scopes and the published description are all made of
//! that list. A call (`call`) is taken apart once; a command among them becomes a line of the replay
//! format (`commands`) and is read by [`mod@crate::line`], so that both edges accept the same. What comes
//! back is put into the envelope (`reply`), or is a `fault::Fault` with one of the codes of
//! [`codes`].
//!
//! Before that stands the guard: who calls (`auth`), how often and how much at once (`limits`), over what
//! connections (`connection`, `tls`); and it counts and logs what became of the call. [`config`] says how.

pub(crate) mod auth;
pub(crate) mod bulk;
pub(crate) mod call;
pub mod codes;
mod commands;
pub mod config;
mod connection;
mod documents;
pub(crate) mod endpoint;
pub(crate) mod endpoints;
pub(crate) mod fault;
mod feed;
mod field_filter;
mod guard;
mod journal;
mod limits;
pub mod log_lines;
mod metrics;
mod openapi;
mod probes;
mod query;
pub(crate) mod reads;
mod reply;
pub(crate) mod router;
mod schema;
pub mod server;
pub(crate) mod service;
pub mod setup;
mod tls;
mod token;
mod trace_context;

pub use self::config::{Config, ConfigFlags};
pub use self::openapi::description;
pub use self::server::{ServeError, ServeOptions, Server};
pub use self::setup::SetupError;
pub use self::token::clients::ClientEntry;
pub use self::token::signing_key::SigningKey;
