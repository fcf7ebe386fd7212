//! Whether a ledger accepts commands, and if not, why and since when.

use std::sync::Arc;

use ledger_core::time::Timestamp;
use ledger_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::Ledger;
use crate::views::instant;

/// What a ledger does at this moment.
#[derive(Debug, Clone)]
pub enum Status {
    /// Commands are carried out.
    Accepting,
    /// The disk failed. No command is accepted until the ledger is opened again; queries are answered
    /// from what was durable.
    ReadOnly {
        /// The failure.
        reason: Arc<StoreError>,
        /// When it happened, by this machine's clock.
        since: Timestamp,
    },
}

/// The status as programs are told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// `ACCEPTING`, `READ_ONLY`, or `CLOSED` when no process has the ledger open.
    pub status: String,
    /// Sequence number of the last record.
    pub sequence: u64,
    /// Code of the failure.
    pub code: Option<String>,
    /// The failure in words.
    pub reason: Option<String>,
    /// When it happened.
    pub since: Option<String>,
}

impl StatusView {
    /// The status of an open ledger.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Self {
        let sequence = ledger.reader().last_seq().map_or(0, |seq| seq.0);
        match ledger.status() {
            Status::Accepting => Self::well("ACCEPTING", sequence),
            Status::ReadOnly { reason, since } => Self {
                status: "READ_ONLY".to_owned(),
                sequence,
                code: Some(reason.code().to_owned()),
                reason: Some(reason.to_string()),
                since: Some(instant(since)),
            },
        }
    }

    /// The status of a ledger that is not open anywhere; why it cannot be opened for writing, if so.
    #[must_use]
    pub fn closed(sequence: u64, problem: Option<&StoreError>) -> Self {
        Self {
            code: problem.map(|error| error.code().to_owned()),
            reason: problem.map(ToString::to_string),
            ..Self::well("CLOSED", sequence)
        }
    }

    fn well(status: &str, sequence: u64) -> Self {
        Self {
            status: status.to_owned(),
            sequence,
            code: None,
            reason: None,
            since: None,
        }
    }
}
