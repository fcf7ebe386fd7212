//! Why a service gave no answer.

use thiserror::Error;

use crate::error::ApiError;

/// Why a call to a service has no result.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The URL, the token or the certificates are not what they should be.
    #[error("{0}")]
    Unusable(String),
    /// The connection failed, or broke off.
    #[error("{url} gives no answer: {problem}; is `ledger serve` running there?")]
    Unreachable {
        /// Where the service should be.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// The service said why not.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code, for programs.
        code: String,
        /// The field at fault, if it is one.
        field: Option<String>,
        /// The same in words.
        message: String,
    },
    /// What came back is no answer of a service of this version.
    #[error("{url} gives an answer that cannot be read: {problem}")]
    Unreadable {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What was asked for does not exist, or is not clear.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl ClientError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Unusable(_) => "INVALID_REQUEST",
            Self::Unreachable { .. } => "SERVICE_UNREACHABLE",
            Self::Refused { code, .. } => code,
            Self::Unreadable { .. } => "ANSWER_UNREADABLE",
            Self::Api(error) => error.code(),
        }
    }

    /// The field at fault, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Refused { field, .. } => field.as_deref(),
            Self::Api(error) => error.field(),
            Self::Unusable(_) | Self::Unreachable { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether the service said that there is no such account.
    pub(super) fn is_account_missing(&self) -> bool {
        self.code() == "ACCOUNT_NOT_FOUND"
    }
}
