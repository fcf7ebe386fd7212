//! What a caller of the library is told when there is no answer from the books.

use ledger_core::rejection::Rejection;
use ledger_store::StoreError;
use ledger_store::kept_head::HeadError;
use ledger_store::writer::SubmitError;
use thiserror::Error;

use crate::queries::search::SearchError;

/// Why a call gave no result.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The request cannot be read, or names what does not exist.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// The writer did not take the request, or cannot say what became of it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not the one that a kept head is of.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The ledger has no such record.
    #[error("the ledger has no {0}")]
    NoRecord(String),
    /// The criteria make no search.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A second ledger field is needed to tell which issuer is meant.
    #[error("there are several issuers; name one")]
    IssuerRequired,
}

impl ApiError {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Submit(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Head(error) => error.code(),
            Self::Search(error) => error.code(),
            Self::NoRecord(_) => "RECORD_NOT_FOUND",
            Self::IssuerRequired => "ISSUER_REQUIRED",
        }
    }

    /// The field at fault, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Rejected(rejection) => Some(rejection.field()).filter(|field| !field.is_empty()),
            Self::IssuerRequired => Some("issuerId"),
            Self::Search(error) => Some(error.field()),
            Self::Submit(_) | Self::Store(_) | Self::Head(_) | Self::NoRecord(_) => None,
        }
    }
}
