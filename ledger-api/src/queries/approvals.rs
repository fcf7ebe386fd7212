//! What is told of the authorization that a clearing follows.

use std::collections::HashMap;

use ledger_core::authorization::{ResultType, TransactionType};
use ledger_core::command::PostDetail;
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::{CaseIndex, Seq};
use ledger_core::labels::TransactionLabel;
use ledger_core::text::Label;
use ledger_core::time::Timestamp;

use super::search::SEARCH_RECORDS_MAX;
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::operation_view::OperationAuthorization;
use crate::views::instant;

/// The approved authorizations of business cases, each of which is read once for all clearings of a page.
pub(super) struct Approvals<'a> {
    ledger: &'a Ledger,
    /// Nothing of a case that has more records than may still be read.
    by_case: HashMap<CaseIndex, Option<Vec<Approved>>>,
    /// Records that may still be read.
    left: usize,
}

struct Approved {
    seq: Seq,
    code: Option<Label>,
    transaction_date: Timestamp,
}

impl<'a> Approvals<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            by_case: HashMap::new(),
            left: SEARCH_RECORDS_MAX,
        }
    }

    /// What is told of the authorization that a clearing follows: the first approved one of its business case, or
    /// the one whose approval code it has. Nothing of what is no clearing.
    pub(super) fn of(
        &mut self,
        record: &Record,
    ) -> Result<Option<OperationAuthorization>, ApiError> {
        let clearing = match record.operation().and_then(|operation| operation.post) {
            Some(PostDetail::Clearing(clearing)) => clearing,
            Some(_) | None => return Ok(None),
        };
        let case = {
            let books = self.ledger.reader().books();
            books
                .portfolio()
                .case_by_id(record.event.issuer, &clearing.business_case)
        };
        let Some(case) = case else {
            return Ok(None);
        };
        let approved = match self.by_case.remove(&case) {
            Some(approved) => approved,
            None => self.approved(case)?,
        };
        let labels = &clearing.transaction.labels;
        let code = labels.get(TransactionLabel::ApprovalCode);
        let mut before = approved
            .iter()
            .flatten()
            .take_while(|of| of.seq < record.seq);
        let named = before
            .clone()
            .find(|of| of.code.is_some() && of.code.as_ref().map(Label::as_str) == code);
        let told = named
            .or_else(|| before.next())
            .map(|of| OperationAuthorization {
                transaction_date: instant(of.transaction_date),
            });
        self.by_case.insert(case, approved);
        Ok(told)
    }

    fn approved(&mut self, case: CaseIndex) -> Result<Option<Vec<Approved>>, ApiError> {
        let messages = {
            let books = self.ledger.reader().books();
            let messages = books.case_files().records(case);
            match self.left.checked_sub(messages.len()) {
                Some(left) => self.left = left,
                None => return Ok(None),
            }
            messages.to_vec()
        };
        let mut approved = Vec::new();
        for seq in messages {
            let Some(record) = self.ledger.reader().record(seq)? else {
                continue;
            };
            let EventBody::AuthorizationRecorded { decided, message } = record.event.body else {
                continue;
            };
            if decided.result_type == ResultType::Approval
                && message.transaction_type == TransactionType::Authorization
            {
                approved.push(Approved {
                    seq,
                    code: message.approval_code,
                    transaction_date: message.transaction_date,
                });
            }
        }
        Ok(Some(approved))
    }
}
