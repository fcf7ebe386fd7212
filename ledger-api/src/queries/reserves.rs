//! What is reserved on an account by authorizations now.

use std::collections::BTreeSet;

use ledger_core::authorization::ReserveStatus;
use ledger_core::command::AccountSelector;
use ledger_core::ids::{CaseIndex, Seq};
use ledger_core::text::IssuerId;

use super::{find, page_of};
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::views::authorizations::{BusinessCaseIdentifierView, ReserveView};
use crate::views::{AmountView, instant};

impl Ledger {
    /// A page of the reserves of an account that count now, in the order of the first messages of their business
    /// cases, and whether there are more. An offline reservation is none of them.
    ///
    /// Source: issuer API, "Get reservations".
    ///
    /// # Errors
    /// As [`Self::balance`], or when the log cannot be read.
    pub fn reserves(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        page: usize,
        page_size: usize,
    ) -> Result<(Vec<ReserveView>, bool), ApiError> {
        let (cases, more) = {
            let books = self.reader().books();
            let index = find(books.portfolio(), issuer, account)?;
            let reserves = books.portfolio().reserves();
            let messages = books.case_files().messages(index, None, None);
            let mut seen = BTreeSet::new();
            let cases: Vec<CaseIndex> = messages
                .map(|message| message.case)
                .filter(|case| {
                    reserves.case(*case).account_reserve_status() == ReserveStatus::Active
                })
                .filter(|case| seen.insert(*case))
                .collect();
            let (page, more) = page_of(0..cases.len(), page, page_size, false);
            (cases[page].to_vec(), more)
        };
        let mut views = Vec::with_capacity(cases.len());
        for case in cases {
            views.push(self.reserve_view(case)?);
        }
        Ok((views, more))
    }

    /// What a case reserves, and what its first message says of it.
    fn reserve_view(&self, index: CaseIndex) -> Result<ReserveView, ApiError> {
        let (view, first) = {
            let books = self.reader().books();
            let portfolio = books.portfolio();
            let case = portfolio.reserves().case(index);
            let account = portfolio.account(case.account);
            let zone = portfolio.issuer(account.issuer).configuration().time_zone;
            let view = ReserveView {
                business_case_identifier: BusinessCaseIdentifierView {
                    business_case_id: case.id.to_string(),
                },
                billing_amount: AmountView::new(case.account_reserve_minor(), account.currency),
                // It counts on its last day.
                expiry_time: instant(zone.start_of(case.reserve.expiry.plus_days(1))),
                amount: None,
                operation_time: None,
                first_authorization_identifier: None,
                financial_type: None,
                approval_code: None,
                card_acceptor_name: None,
                card_acceptor_city: None,
                card_acceptor_country: None,
                merchant_category_code: None,
                masked_card_number: None,
            };
            let first: Vec<Seq> = books
                .case_files()
                .records(index)
                .iter()
                .copied()
                .take(1)
                .collect();
            (view, first)
        };
        let first = self.messages(&first)?.pop();
        Ok(match first {
            Some(first) => view.with_first(first),
            None => view,
        })
    }
}
