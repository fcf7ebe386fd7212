//! One thing that can be called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Response};

use super::call::Call;
use super::fault::Fault;
use super::reply::Reply;
use super::service::Service;

/// A path and a method, and what is done when they are called.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    /// With its variable elements in braces.
    pub(crate) path: String,
    /// Name of the operation, unique.
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) scope: Scope,
    pub(crate) work: Work,
}

/// What a caller must have been granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    OperationsRead,
    OperationsWrite,
    AccountsRead,
    AccountsWrite,
    IssuersRead,
    IssuersWrite,
    EventsRead,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 7] = [
        Self::OperationsRead,
        Self::OperationsWrite,
        Self::AccountsRead,
        Self::AccountsWrite,
        Self::IssuersRead,
        Self::IssuersWrite,
        Self::EventsRead,
    ];

    /// As tokens name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OperationsRead => "operations:read",
            Self::OperationsWrite => "operations:write",
            Self::AccountsRead => "accounts:read",
            Self::AccountsWrite => "accounts:write",
            Self::IssuersRead => "issuers:read",
            Self::IssuersWrite => "issuers:write",
            Self::EventsRead => "events:read",
        }
    }
}

/// What is done.
pub(crate) enum Work {
    /// A command, by its name in the replay format.
    Command(&'static str),
    /// A question, answered from the books and the log.
    Read(fn(&Service, &Call) -> Result<Reply, Fault>),
    /// What answers in a way of its own.
    Whole(fn(Arc<Service>, Call) -> Answering),
}

/// An answer under way.
pub(crate) type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Fault>> + Send + 'static>>;
