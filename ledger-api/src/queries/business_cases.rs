//! Queries about business cases: one by its id, and several by account, time and ids.

use std::collections::BTreeSet;

use ledger_core::command::AccountSelector;
use ledger_core::ids::{AccountReference, CaseIndex, IssuerIndex, OperationId, Seq};
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::case_files::Message;
use ledger_core::rejection::Rejection;
use ledger_core::text::{BusinessCaseId, IssuerId};
use ledger_core::time::Timestamp;

use super::{find, find_issuer, page_of};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::views::AmountView;
use crate::views::authorizations::{BusinessCaseIdentifierView, BusinessCaseView};

/// Which business cases to list: of an account, or with some ids, or both.
#[derive(Debug, Clone, Default)]
pub struct BusinessCaseFilter {
    /// Of this account.
    pub account: Option<AccountSelector>,
    /// With one of these ids; none: any of the account.
    pub ids: Vec<BusinessCaseId>,
    /// With a message sent at or after.
    pub start: Option<Timestamp>,
    /// With a message sent before.
    pub end: Option<Timestamp>,
    /// Nothing that was recorded after this makes a case listed; absent: as of now. What a listed case says is
    /// as of now.
    pub as_of: Option<Seq>,
    /// Page, from 0.
    pub page: usize,
    /// Cases on a page, at most [`super::PAGE_OPERATIONS_MAX`].
    pub page_size: usize,
}

impl Ledger {
    /// The business case of an account with this id, with its messages.
    ///
    /// Source: issuer API, "Authorization by business case id".
    ///
    /// # Errors
    /// As [`Self::balance`]; [`Rejection::BusinessCaseNotFound`] when the account has no such case; or
    /// when the log cannot be read.
    pub fn business_case(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        id: &BusinessCaseId,
    ) -> Result<BusinessCaseView, ApiError> {
        let case = {
            let books = self.reader().books();
            let portfolio = books.portfolio();
            let index = find(portfolio, issuer, account)?;
            let case = portfolio.case_by_id(portfolio.account(index).issuer, id);
            let case = case.filter(|case| portfolio.reserves().case(*case).account == index);
            case.ok_or_else(|| Rejection::BusinessCaseNotFound {
                field: "businessCaseId".to_owned(),
            })?
        };
        self.case_view(case)
    }

    /// A page of business cases, each with its messages, and whether there are more; those of an account
    /// in the order of their first messages in the period, else in the order of the ids. An id that names
    /// no case is passed over.
    ///
    /// Source: issuer API, "List business cases".
    ///
    /// # Errors
    /// As [`Self::balance`]; [`Rejection::InvalidRequest`] when the filter names neither an account nor
    /// ids; or when the log cannot be read.
    pub fn business_cases(
        &self,
        issuer: Option<&IssuerId>,
        filter: &BusinessCaseFilter,
    ) -> Result<(Vec<BusinessCaseView>, bool), ApiError> {
        let (cases, more) = {
            let books = self.reader().books();
            let cases = found(&books, issuer, filter)?;
            let (page, more) = page_of(0..cases.len(), filter.page, filter.page_size, false);
            (cases[page].to_vec(), more)
        };
        let views = cases.into_iter().map(|case| self.case_view(case));
        Ok((views.collect::<Result<_, _>>()?, more))
    }

    /// What a case is now. Records are read without holding the books.
    fn case_view(&self, index: CaseIndex) -> Result<BusinessCaseView, ApiError> {
        let (mut view, records) = {
            let books = self.reader().books();
            let records = books.case_files().records(index).to_vec();
            (without_records(books.portfolio(), index), records)
        };
        view.operation_ids = self.operation_ids(&records)?;
        Ok(view.with_messages(self.messages(&records)?))
    }

    fn operation_ids(&self, seqs: &[Seq]) -> Result<Vec<String>, ApiError> {
        let mut ids = Vec::new();
        for seq in seqs {
            let record = self.reader().record(*seq)?;
            let operation = record.and_then(|record| record.operation().map(|of| of.id));
            ids.extend(operation.map(|id| OperationId::to_string(&id)));
        }
        Ok(ids)
    }
}

/// The cases that a filter lets through.
fn found(
    books: &Books,
    issuer: Option<&IssuerId>,
    filter: &BusinessCaseFilter,
) -> Result<Vec<CaseIndex>, ApiError> {
    let portfolio = books.portfolio();
    let reserves = portfolio.reserves();
    let messages = |account| {
        books
            .case_files()
            .messages(account, filter.start, filter.end)
    };
    let last = filter.as_of.unwrap_or(Seq(u64::MAX));
    let is_known = |message: &Message| message.seq <= last;
    if let Some(account) = &filter.account {
        let index = find(portfolio, issuer, account)?;
        let mut seen = BTreeSet::new();
        let listed = messages(index).filter(is_known);
        let cases = listed.map(|message| message.case);
        return Ok(cases
            .filter(|case| filter.ids.is_empty() || filter.ids.contains(&reserves.case(*case).id))
            .filter(|case| seen.insert(*case))
            .collect());
    }
    if filter.ids.is_empty() {
        let problem = "name an account or business cases";
        return Err(Rejection::invalid("businessCaseIds", problem).into());
    }
    let issuer = only_issuer(portfolio, issuer)?;
    let mut seen = BTreeSet::new();
    let cases = filter
        .ids
        .iter()
        .filter_map(|id| portfolio.case_by_id(issuer, id));
    Ok(cases
        .filter(|case| {
            let of_account = messages(reserves.case(*case).account);
            let mut known = of_account.filter(is_known);
            known.any(|message| message.case == *case)
        })
        .filter(|case| seen.insert(*case))
        .collect())
}

/// The issuer that is meant; it may be left out where there is one only.
fn only_issuer(portfolio: &Portfolio, issuer: Option<&IssuerId>) -> Result<IssuerIndex, ApiError> {
    if let Some(id) = issuer {
        return find_issuer(portfolio, id);
    }
    let mut issuers = portfolio.issuers();
    match (issuers.next(), issuers.next()) {
        (None, _) => Err(Rejection::IssuerNotFound.into()),
        (Some((only, _)), None) => Ok(only),
        (Some(_), Some(_)) => Err(ApiError::IssuerRequired),
    }
}

fn without_records(portfolio: &Portfolio, index: CaseIndex) -> BusinessCaseView {
    let case = portfolio.reserves().case(index);
    let account = portfolio.account(case.account);
    let amount = |minor| AmountView::new(minor, account.currency);
    BusinessCaseView {
        issuer_id: portfolio.issuer(account.issuer).id.to_string(),
        account_reference: AccountReference::of(case.account).to_string(),
        business_case_id: case.id.to_string(),
        business_case_identifier: BusinessCaseIdentifierView {
            business_case_id: case.id.to_string(),
        },
        financial_type: None,
        card_acceptor_name: None,
        card_acceptor_city: None,
        card_acceptor_country: None,
        merchant_category_code: None,
        first_authorization_identifier: None,
        first_authorization_transaction_date: None,
        last_authorization_identifier: None,
        last_authorization_transaction_date: None,
        reserve_amount: None,
        reserve_billing_amount: amount(case.reserve.billing_minor.into()),
        account_reserve_billing_amount: amount(case.account_reserve_minor()),
        account_reserve_status: case.account_reserve_status().code().into(),
        reserve_expiry_date: case.reserve.expiry.to_string(),
        authorizations: Vec::new(),
        operation_ids: Vec::new(),
    }
}
