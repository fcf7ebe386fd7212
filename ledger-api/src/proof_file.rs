//! A proof as a file that needs no ledger: what `ledger prove` writes and `ledger check-proof` reads.
//!
//! One JSON object; hashes and the payload in hexadecimal digits. [`ledger_store::tree`] says what is hashed
//! and how, so that a program in any language can check it with SHA-256 alone.

use ledger_store::kept_head::KeptHead;
use ledger_store::tree::proof::{Proof, ProvenRecord, Refuted, Since};
use ledger_store::tree::{TreeHash, TreeHead};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kept_file::{self, KeptFile, KeptFileError};
use crate::proof_view::ProofView;

/// A proof in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofFile {
    /// Version of this format, 1.
    ledger_proof: u32,
    /// The record that is proven to be in the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<RecordPart>,
    /// The tree of the log.
    pub tree: TreePart,
    /// The older head that the log is proven to continue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<SincePart>,
    /// Of everything above.
    checksum: String,
}

/// A record and its way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordPart {
    /// What the record says. Derived from the payload, and compared with it when the proof is checked.
    pub view: ProofView,
    /// Place of the record in the log.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_at_ms: i64,
    /// The record as it is in the log.
    #[serde(with = "hex::serde")]
    pub payload: Vec<u8>,
    /// Hashes beside the way to the root, from below.
    pub path: Vec<HashText>,
}

/// A tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TreePart {
    /// Number of records.
    pub size: u64,
    /// Root over them.
    pub root: HashText,
}

/// An older tree, and what shows that it was continued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SincePart {
    /// Number of records of the older tree.
    pub size: u64,
    /// Root over them.
    pub root: HashText,
    /// Hashes that give both roots, from below.
    pub path: Vec<HashText>,
}

/// A hash as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HashText(#[serde(with = "hex::serde")] pub [u8; 32]);

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The record, in words derived from its payload, and its place.
    pub record: Option<(u64, ProofView)>,
    /// The tree of the log.
    pub tree: TreeHead,
    /// Size of the older tree that the log continues.
    pub since: Option<u64>,
    /// What vouches for the root.
    pub standing: Standing,
}

/// What vouches for the root that a proof leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the root of a head that was kept.
    KeptHead,
    /// It continues a head that was kept.
    ContinuesKeptHead,
    /// Nothing but the file itself.
    FileAlone,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unproven {
    /// The hashes do not lead where they must.
    #[error(transparent)]
    Refuted(#[from] Refuted),
    /// The record in words is another than the one in the payload.
    #[error("what the file says of record {0} is not what its payload says")]
    ViewEdited(u64),
    /// The proof leads to another root than the head that was kept.
    #[error(
        "the proof is for the tree of {size} records with root {root}, and neither that nor an older head in it is the kept head of record {sequence}"
    )]
    OtherHead {
        /// Number of records of the tree.
        size: u64,
        /// Its root.
        root: TreeHash,
        /// Place of the head that was kept.
        sequence: u64,
    },
}

impl Unproven {
    /// Stable name of the kind of refutation.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refuted(_) => "PROOF_REFUTED",
            Self::ViewEdited(_) => "PROOF_VIEW_EDITED",
            Self::OtherHead { .. } => "PROOF_OF_OTHER_HEAD",
        }
    }
}

impl KeptFile for ProofFile {
    const KIND: &'static str = "proof";
    const VERSION_FIELD: &'static str = "ledgerProof";
    const VERSION: u32 = 1;

    fn checksum(&mut self) -> &mut String {
        &mut self.checksum
    }
}

impl ProofFile {
    /// The file of a proof.
    ///
    /// # Errors
    /// When the proof does not hold, which would be a mistake of this program.
    pub fn of(proof: &Proof) -> Result<Self, Refuted> {
        let view = proof.check()?.map(|record| ProofView::of(&record));
        let texts = |path: &[TreeHash]| path.iter().map(HashText::of).collect();
        let record = view.zip(proof.record.as_ref());
        Ok(kept_file::sealed(Self {
            ledger_proof: Self::VERSION,
            record: record.map(|(view, record)| RecordPart {
                view,
                sequence: record.seq,
                recorded_at_ms: record.recorded_at_ms,
                payload: record.payload.clone(),
                path: texts(&record.path),
            }),
            tree: TreePart {
                size: proof.tree.size,
                root: HashText::of(&proof.tree.root),
            },
            since: proof.since.as_ref().map(|since| SincePart {
                size: since.head.size,
                root: HashText::of(&since.head.root),
                path: texts(&since.path),
            }),
            checksum: String::new(),
        }))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is no proof, of a later version, or was changed.
    pub fn read(text: &str) -> Result<Self, KeptFileError> {
        kept_file::read(text)
    }

    /// The same file with the checksum that belongs to what it has now.
    #[must_use]
    pub fn sealed(self) -> Self {
        kept_file::sealed(self)
    }

    /// Checks the proof, and against a kept head if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, head: Option<&KeptHead>) -> Result<Proven, Unproven> {
        let proof = self.proof();
        let record = proof.check()?;
        let record = record.map(|record| (record.seq.0, ProofView::of(&record)));
        if let Some((seq, view)) = &record
            && self.record.as_ref().is_none_or(|part| part.view != *view)
        {
            return Err(Unproven::ViewEdited(*seq));
        }
        let since = proof.since.as_ref().map(|since| since.head);
        let standing = match head {
            None => Standing::FileAlone,
            Some(head) if since == Some(head.tree()) => Standing::ContinuesKeptHead,
            // Without a record and an older head nothing would be left to be proven.
            Some(head) if proof.tree == head.tree() && record.is_some() => Standing::KeptHead,
            Some(head) => {
                return Err(Unproven::OtherHead {
                    size: proof.tree.size,
                    root: proof.tree.root,
                    sequence: head.log.last_seq,
                });
            }
        };
        Ok(Proven {
            record,
            tree: proof.tree,
            since: since.map(|head| head.size),
            standing,
        })
    }

    fn proof(&self) -> Proof {
        let hashes = |path: &[HashText]| path.iter().map(|hash| hash.hash()).collect();
        Proof {
            tree: TreeHead {
                size: self.tree.size,
                root: self.tree.root.hash(),
            },
            record: self.record.as_ref().map(|record| ProvenRecord {
                seq: record.sequence,
                recorded_at_ms: record.recorded_at_ms,
                payload: record.payload.clone(),
                path: hashes(&record.path),
            }),
            since: self.since.as_ref().map(|since| Since {
                head: TreeHead {
                    size: since.size,
                    root: since.root.hash(),
                },
                path: hashes(&since.path),
            }),
        }
    }
}

impl HashText {
    fn of(hash: &TreeHash) -> Self {
        Self(*hash.as_bytes())
    }

    fn hash(self) -> TreeHash {
        TreeHash::from_bytes(self.0)
    }
}
