//! Heads and proofs of an open ledger.

use ledger_core::ids::Seq;
use ledger_core::text::IssuerId;
use ledger_store::kept_head::{Difference, HeadError, KeptHead};
use ledger_store::tree::proof::Proof;
use ledger_store::tree::proving::{Wanted, prove};
use ledger_store::verify::{self, Verified, VerifiedAfter};

use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::line::correlation_of;

impl Ledger {
    /// Takes the head of the log, to be kept elsewhere. Reads the whole log.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub fn head(&self) -> Result<KeptHead, ApiError> {
        Ok(KeptHead::take(self.reader())?)
    }

    /// Verifies the whole log, and that it is the one a kept head is of.
    ///
    /// # Errors
    /// [`ApiError::Store`] or [`ApiError::Head`], naming the first thing that is not as it must be.
    pub fn verify_against(&self, head: &KeptHead) -> Result<Verified, ApiError> {
        Ok(verify::verify_against(self.reader(), head)?)
    }

    /// Verifies what the log has behind a kept head, without reading what it has before it.
    ///
    /// # Errors
    /// As [`Self::verify_against`], as far as that is looked at.
    pub fn verify_after(&self, head: &KeptHead) -> Result<VerifiedAfter, ApiError> {
        Ok(verify::verify_after(self.reader(), head)?)
    }

    /// Proves that a record is in the log. With a head, in the log of that head, or, where the record is
    /// newer, in a log that continues it; without, in the log as it is. Reads the whole log.
    ///
    /// # Errors
    /// When there is no such record, the log is not the one of the head, or it cannot be read.
    pub fn prove_record(&self, seq: Seq, head: Option<&KeptHead>) -> Result<Proof, ApiError> {
        let last = self.last_seq();
        if seq.0 == 0 || seq.0 > last {
            return Err(ApiError::NoRecord(format!("record {}", seq.0)));
        }
        let (size, since) = match head.map(|head| head.log.last_seq) {
            None => (last, None),
            Some(sequence) if seq.0 <= sequence => (sequence, None),
            Some(sequence) => (last, Some(sequence)),
        };
        let wanted = Wanted {
            size,
            record: Some(seq.0),
            since,
        };
        self.prove(wanted, head)
    }

    /// Proves that the log continues the one of a kept head. Reads the whole log.
    ///
    /// # Errors
    /// When it does not, or when the log cannot be read.
    pub fn prove_since(&self, head: &KeptHead) -> Result<Proof, ApiError> {
        let wanted = Wanted {
            size: self.last_seq(),
            record: None,
            since: Some(head.log.last_seq),
        };
        self.prove(wanted, Some(head))
    }

    /// The record of the command that an issuer sent under a correlation id, whatever came of it. Reads the
    /// log up to there.
    ///
    /// # Errors
    /// When there is none, the issuer must be named or does not exist, or the log cannot be read.
    pub fn record_of(&self, issuer: Option<&IssuerId>, correlation: &str) -> Result<Seq, ApiError> {
        let (index, id) = {
            let books = self.reader().books();
            let mut issuers = books.portfolio().issuers();
            let (index, issuer) = match issuer {
                Some(id) => issuers.find(|(_, issuer)| issuer.id == *id),
                None => match (issuers.next(), issuers.next()) {
                    (Some(_), Some(_)) => return Err(ApiError::IssuerRequired),
                    (only, _) => only,
                },
            }
            .ok_or(ledger_core::rejection::Rejection::IssuerNotFound)?;
            (index, issuer.id.clone())
        };
        let correlation_id = correlation_of(&id, correlation)?;
        for record in self.reader().records() {
            let record = record?;
            if (record.event.issuer, record.event.correlation) == (index, correlation_id) {
                return Ok(record.seq);
            }
        }
        let what = "record under this correlation id".to_owned();
        Err(ApiError::NoRecord(what))
    }

    fn prove(&self, wanted: Wanted, head: Option<&KeptHead>) -> Result<Proof, ApiError> {
        let last = self.last_seq();
        if let Some(sequence) = head.map(|head| head.log.last_seq)
            && sequence > last
        {
            return Err(HeadError::EndsBefore { sequence, last }.into());
        }
        let proof = prove(self.reader(), wanted)?;
        if let Some(head) = head {
            let older = proof.since.as_ref().map_or(proof.tree, |since| since.head);
            if older != head.tree() {
                let difference = Difference::Tree;
                let sequence = head.log.last_seq;
                return Err(HeadError::Differs {
                    sequence,
                    difference,
                }
                .into());
            }
        }
        Ok(proof)
    }

    fn last_seq(&self) -> u64 {
        self.reader().last_seq().map_or(0, |seq| seq.0)
    }
}
