//! Why a call has no answer from the books.

use ledger_core::form::LIST_ENTRIES_MAX;
use ledger_core::ids::OperationId;
use ledger_core::rejection::Rejection;
use ledger_store::StoreError;
use ledger_store::writer::SubmitError;

use super::codes;
use crate::error::ApiError;

/// A refusal, or a failure, as the caller is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// One of [`codes::CODES`].
    pub(crate) code: &'static str,
    /// The field at fault, if it is one.
    pub(crate) field: Option<String>,
    pub(crate) message: String,
    /// The operation that is in the way, and whether it is the same as was asked for.
    pub(crate) existing: Option<(OperationId, bool)>,
    /// Seconds after which it may be tried again.
    pub(crate) retry_after_s: Option<u32>,
    /// How the caller may show who it is: a value of `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            message: message.into(),
            existing: None,
            retry_after_s: None,
            challenge: None,
        }
    }

    /// As [`Self::new`], and at which field; an empty one is none.
    pub(crate) fn at(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()).filter(|field| !field.is_empty()),
            ..Self::new(code, message)
        }
    }

    pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::at(field, "INVALID_REQUEST", problem)
    }

    /// Of a list with more than [`LIST_ENTRIES_MAX`] entries.
    pub(crate) fn long_list(field: &str) -> Self {
        Self::invalid(field, format!("has at most {LIST_ENTRIES_MAX} entries"))
    }

    pub(crate) fn status(&self) -> u16 {
        codes::status_of(self.code)
    }
}

impl From<&Rejection> for Fault {
    fn from(rejection: &Rejection) -> Self {
        let existing = if let Rejection::DuplicateExternalTriplet {
            existing,
            same_payload,
        } = rejection
        {
            Some((*existing, *same_payload))
        } else {
            None
        };
        let is_of_header = matches!(
            rejection,
            Rejection::CorrelationIdRequired | Rejection::InvalidCorrelationId
        );
        let field = if is_of_header {
            // The header's name is not the field's.
            Some("WL-Correlation-ID")
        } else {
            Some(rejection.field()).filter(|field| !field.is_empty())
        };
        Self {
            field: field.map(str::to_owned),
            existing,
            ..Self::new(rejection.code(), rejection.to_string())
        }
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::from(&rejection)
    }
}

impl From<SubmitError> for Fault {
    fn from(error: SubmitError) -> Self {
        if let SubmitError::OutcomeUnknown { .. } = &error {
            tracing::error!(code = error.code(), %error, "a command has no answer");
        }
        let retry_after_s = match &error {
            SubmitError::Busy => Some(1),
            SubmitError::TooManyRequests
            | SubmitError::Stopped { .. }
            | SubmitError::OutcomeUnknown { .. } => None,
        };
        let code = match &error {
            SubmitError::TooManyRequests => "REQUEST_TOO_LARGE",
            SubmitError::Busy
            | SubmitError::Stopped { .. }
            | SubmitError::OutcomeUnknown { .. } => error.code(),
        };
        Self {
            retry_after_s,
            ..Self::new(code, error.to_string())
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        // What it says is for those who run the service.
        tracing::error!(code = error.code(), %error, "the log cannot be read");
        Self::new("INTERNAL_ERROR", "the log cannot be read")
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Rejected(rejection) => Self::from(&rejection),
            ApiError::Submit(error) => Self::from(error),
            ApiError::Store(error) => Self::from(error),
            ApiError::Head(error) => {
                tracing::error!(code = error.code(), %error, "the log is not what it was");
                Self::new("INTERNAL_ERROR", "the log is not what it was")
            }
            ApiError::NoRecord(what) => {
                Self::new("OPERATION_NOT_FOUND", format!("the ledger has no {what}"))
            }
            ApiError::Search(error) => Self::at(error.field(), error.code(), error.to_string()),
            ApiError::IssuerRequired => Self::invalid("issuerId", "is required"),
        }
    }
}
