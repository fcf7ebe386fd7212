//! The ledger as an HTTP service, in the paths, names and envelopes of the operations API.
//!
//! [`endpoints`] lists what can be called; the router, the scopes and the published description are all made of
//! that list. A call ([`call`]) is taken apart once; a command among them becomes a line of the replay
//! format ([`commands`]) and is read by [`mod@crate::line`], so that both edges accept the same. What comes
//! back is put into the envelope ([`reply`]), or is a [`fault::Fault`] with one of the codes of
//! [`codes`].

pub(crate) mod bulk;
pub(crate) mod call;
pub mod codes;
mod commands;
pub(crate) mod endpoint;
pub(crate) mod endpoints;
pub(crate) mod fault;
mod feed;
mod journal;
mod openapi;
mod query;
pub(crate) mod reads;
mod reply;
pub(crate) mod router;
mod schema;
pub mod server;
pub(crate) mod service;

pub use self::openapi::description;
pub use self::server::{ServeError, ServeOptions, Server};
