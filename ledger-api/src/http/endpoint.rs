//! One thing that can be called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Response};
use ledger_core::command::{AccountAction, Command};

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
    pub(crate) parameters: &'static [Parameter],
    /// The shape of `data` in the answer, by its name among the published schemas; of each entry if it is a list.
    pub(crate) answer: Shape,
    pub(crate) work: Work,
}

impl Endpoint {
    /// Whether its body is many commands, and may be long.
    pub(crate) fn brings_many(&self) -> bool {
        self.method == Method::POST && matches!(self.work, Work::Whole(_))
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
    pub(crate) meaning: &'static str,
}

/// What a parameter can be.
#[derive(Debug)]
pub(crate) enum Kind {
    Instant,
    Day,
    Flag,
    Text,
    Number(u64, u64),
    Choice(&'static [&'static str]),
    /// Some of these, separated by commas.
    Some(&'static [&'static str]),
}

/// What an answer has as its `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One(&'static str),
    List(&'static str),
    /// Not JSON in the envelope, but of this media type.
    Other(&'static str),
}

impl Parameter {
    pub(crate) const fn optional(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            is_required: false,
            meaning,
        }
    }

    pub(crate) const fn required(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            is_required: true,
            meaning,
        }
    }
}

/// What a caller must have been granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    OperationsRead,
    OperationsWrite,
    AccountsRead,
    AccountsWrite,
    AuthorizationsRead,
    AuthorizationsWrite,
    IssuersRead,
    IssuersWrite,
    EventsRead,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 9] = [
        Self::OperationsRead,
        Self::OperationsWrite,
        Self::AccountsRead,
        Self::AccountsWrite,
        Self::AuthorizationsRead,
        Self::AuthorizationsWrite,
        Self::IssuersRead,
        Self::IssuersWrite,
        Self::EventsRead,
    ];

    /// What whoever hands in a command must have been granted.
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::ConfigureIssuer(_)
            | Command::DefineProduct(_)
            | Command::DefineBonusProgram(_)
            | Command::AdvanceBusinessDate(_) => Self::IssuersWrite,
            Command::OpenAccount(_) => Self::AccountsWrite,
            Command::OnAccount(on) => match on.action {
                AccountAction::SetCreditLimit(_) | AccountAction::Close => Self::AccountsWrite,
                AccountAction::Post(_) | AccountAction::Reverse(_) => Self::OperationsWrite,
                AccountAction::RecordAuthorization(_)
                | AccountAction::CreateOfflineReservation(_)
                | AccountAction::CancelOfflineReservation(_) => Self::AuthorizationsWrite,
            },
        }
    }

    /// As tokens name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OperationsRead => "operations:read",
            Self::OperationsWrite => "operations:write",
            Self::AccountsRead => "accounts:read",
            Self::AccountsWrite => "accounts:write",
            Self::AuthorizationsRead => "authorizations:read",
            Self::AuthorizationsWrite => "authorizations:write",
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
    /// A question with a body, answered from the books and the log; the body is described under this name.
    Ask(&'static str, fn(&Service, &Call) -> Result<Reply, Fault>),
    /// A question, answered from the books and the log.
    Read(fn(&Service, &Call) -> Result<Reply, Fault>),
    /// What answers in a way of its own.
    Whole(fn(Arc<Service>, Call) -> Answering),
}

/// An answer under way.
pub(crate) type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Fault>> + Send + 'static>>;
