//! Queries about messages of the authorization system: by account and time, and by transaction id.

use ledger_core::command::AccountSelector;
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::{AccountIndex, AccountReference, Seq};
use ledger_core::portfolio::Portfolio;
use ledger_core::text::{IssuerId, TransactionId};
use ledger_core::time::Timestamp;

use super::{find, page_of};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::views::authorizations::{AccountIdentifierView, AuthorizationView};

/// Which messages of an account to list.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationFilter {
    /// Sent at or after.
    pub start: Option<Timestamp>,
    /// Sent before.
    pub end: Option<Timestamp>,
    /// Page, from 0.
    pub page: usize,
    /// Messages on a page, at most [`super::PAGE_OPERATIONS_MAX`].
    pub page_size: usize,
    /// Whether the first page has the latest messages, the latest first.
    pub newest_first: bool,
    /// Nothing that was recorded after this is listed; absent: as of now.
    pub as_of: Option<Seq>,
}

impl Ledger {
    /// A page of the authorization messages of one account, in the order in which they were sent, and
    /// whether there are more. Declined ones are among them; refused commands are not.
    ///
    /// Source: issuer API, "List authorizations".
    ///
    /// # Errors
    /// As [`Self::balance`], or when the log cannot be read.
    pub fn authorizations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: AuthorizationFilter,
    ) -> Result<(Vec<AuthorizationView>, bool), ApiError> {
        // Records are read without holding the books, so that the writer need not wait.
        let (page, more) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let messages = books.case_files().messages(index, filter.start, filter.end);
            let last = filter.as_of.unwrap_or(Seq(u64::MAX));
            let messages: Vec<Seq> = messages
                .map(|message| message.seq)
                .filter(|seq| *seq <= last)
                .collect();
            let (page, more) = page_of(
                0..messages.len(),
                filter.page,
                filter.page_size,
                filter.newest_first,
            );
            (messages[page].to_vec(), more)
        };
        let mut views = self.messages(&page)?;
        if filter.newest_first {
            views.reverse();
        }
        Ok((views, more))
    }

    /// The message of an account with this transaction id.
    ///
    /// Source: issuer API, "Authorization by transaction id".
    ///
    /// # Errors
    /// As [`Self::balance`]; [`ApiError::NoRecord`] when the account has no such message; or when the log
    /// cannot be read.
    pub fn authorization(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        id: &TransactionId,
    ) -> Result<AuthorizationView, ApiError> {
        let (index, issuer, candidates) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let issuer = books.portfolio().account(index).issuer;
            let candidates: Vec<Seq> = books.case_files().candidates(issuer, id).collect();
            (index, issuer, candidates)
        };
        for seq in candidates {
            let record = self.reader().record(seq)?;
            // The index may suggest another message, whose id only has the same hash.
            let found = record
                .filter(|record| record.event.issuer == issuer && is_message(record, index, id));
            if let Some(record) = found {
                let books = self.reader().books();
                let view = authorization_view(books.portfolio(), &record);
                return Ok(view.expect("the record has a message"));
            }
        }
        Err(ApiError::NoRecord(format!("authorization {id}")))
    }

    /// Views of the messages among these records, in their order.
    pub(super) fn messages(&self, seqs: &[Seq]) -> Result<Vec<AuthorizationView>, ApiError> {
        let mut views = Vec::with_capacity(seqs.len());
        for seq in seqs {
            if let Some(record) = self.reader().record(*seq)? {
                let books = self.reader().books();
                views.extend(authorization_view(books.portfolio(), &record));
            }
        }
        Ok(views)
    }
}

fn is_message(record: &Record, account: AccountIndex, id: &TransactionId) -> bool {
    matches!(
        &record.event.body,
        EventBody::AuthorizationRecorded { decided, message }
            if decided.account == account && message.transaction_id == *id
    )
}

/// The view of a message; none of any other record.
fn authorization_view(portfolio: &Portfolio, record: &Record) -> Option<AuthorizationView> {
    let EventBody::AuthorizationRecorded { decided, message } = &record.event.body else {
        return None;
    };
    let account = portfolio.account(decided.account);
    let issuer = &portfolio.issuer(account.issuer).id;
    let recorded_at = record.recorded_at;
    let external = portfolio.external_reference(decided.account);
    let annotations = record.event.annotations.as_deref();
    let pan_reference = annotations.and_then(|of| of.pan_reference.as_ref());
    Some(AuthorizationView {
        account_identifier: AccountIdentifierView {
            issuer_account_external_reference: external.map(ToString::to_string),
            account_reference: AccountReference::of(decided.account).to_string(),
        },
        pan_reference: pan_reference.map(ToString::to_string),
        ..AuthorizationView::new(issuer, account.currency, recorded_at, decided, message)
    })
}
