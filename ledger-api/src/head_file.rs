//! A head as a file to keep elsewhere: what `ledger head --json` prints.

use chrono::DateTime;
use ledger_core::state_hash::StateHash;
use ledger_core::time::Timestamp;
use ledger_store::block::FORMAT_VERSION;
use ledger_store::kept_head::KeptHead;
use ledger_store::tree::TreeHash;
use ledger_store::{ChainHash, LogHead, StoreKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kept_file::{self, KeptFile, KeptFileError};
use crate::views::instant;

/// A head in JSON. Hashes are 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadFile {
    /// Version of this format, 1.
    ledger_head: u32,
    /// Sequence number of the last record, at the end of a block; zero where there is none.
    pub sequence: u64,
    /// Chain hash there.
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub chain_hash: [u8; 32],
    /// State hash there.
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub state_hash: [u8; 32],
    /// Root of the tree over all records up to there.
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub tree_root: [u8; 32],
    /// When the last record was recorded.
    pub recorded_at: Option<String>,
    /// The store that the log was kept in; of no importance for what the log is.
    pub store: Option<String>,
    /// Version of the blocks of the log.
    pub log_format: u16,
    /// Of everything above.
    checksum: String,
}

impl KeptFile for HeadFile {
    const KIND: &'static str = "head";
    const VERSION_FIELD: &'static str = "ledgerHead";
    const VERSION: u32 = 1;

    fn checksum(&mut self) -> &mut String {
        &mut self.checksum
    }
}

impl HeadFile {
    /// The file of a head.
    #[must_use]
    pub fn of(head: &KeptHead, store: Option<StoreKind>) -> Self {
        kept_file::sealed(Self {
            ledger_head: Self::VERSION,
            sequence: head.log.last_seq,
            chain_hash: *head.log.chain.as_bytes(),
            state_hash: *head.state.as_bytes(),
            tree_root: *head.tree_root.as_bytes(),
            recorded_at: head.recorded_at.map(instant),
            store: store.map(|store| store.name().to_owned()),
            log_format: FORMAT_VERSION,
            checksum: String::new(),
        })
    }

    /// Reads a file that was kept.
    ///
    /// # Errors
    /// When it is no head, of a later version, or was changed.
    pub fn read(text: &str) -> Result<KeptHead, KeptFileError> {
        let file: Self = kept_file::read(text)?;
        let recorded_at = match &file.recorded_at {
            None => None,
            Some(text) => Some(timestamp(text).ok_or_else(|| KeptFileError::Unreadable {
                kind: Self::KIND,
                problem: "recordedAt is no time as this program writes it".to_owned(),
            })?),
        };
        Ok(KeptHead {
            log: LogHead {
                last_seq: file.sequence,
                chain: ChainHash::from_bytes(file.chain_hash),
            },
            state: StateHash::from_bytes(file.state_hash),
            tree_root: TreeHash::from_bytes(file.tree_root),
            recorded_at,
        })
    }
}

/// The instant that [`instant`] wrote.
fn timestamp(text: &str) -> Option<Timestamp> {
    let calendar = DateTime::parse_from_rfc3339(text).ok();
    let at = match calendar {
        Some(at) => Timestamp(at.timestamp_millis()),
        // Beyond every calendar it writes the number of milliseconds.
        None => Timestamp(text.parse().ok()?),
    };
    (instant(at) == text).then_some(at)
}
