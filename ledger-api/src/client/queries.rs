//! The queries of a ledger, asked of a service.

use std::io::{BufRead as _, BufReader};

use ledger_core::command::AccountSelector;
use ledger_core::rejection::Rejection;
use ledger_core::text::{IssuerId, TransactionId};
use ledger_core::time::{BusinessDate, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::connection::{Answer, Question};
use super::{Client, ClientError};
use crate::error::ApiError;
use crate::head_file::HeadFile;
use crate::http::reads::PAGE_MAX;
use crate::queries::authorizations::AuthorizationFilter;
use crate::queries::business_cases::BusinessCaseFilter;
use crate::queries::{OperationFilter, PAGE_OPERATIONS_MAX};
use crate::status::StatusView;
use crate::views::authorizations::{AuthorizationView, BusinessCaseView};
use crate::views::{
    AccountView, BalanceView, IssuerView, JournalView, OperationView, TrialBalanceReport, instant,
};

/// A period without ends, where one must be given: no command has a date outside of it.
const ALWAYS: [&str; 2] = ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"];

impl Client {
    /// Every issuer that the caller may see, in the order in which they were first configured.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn issuers(&self) -> Result<Vec<IssuerView>, ClientError> {
        self.pages(usize::MAX, || Question::default().at("/issuers"))
    }

    /// Every account that the caller may see, in the order of opening; no more than `most`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn accounts(&self, most: usize) -> Result<Vec<AccountView>, ClientError> {
        let mut accounts = Vec::new();
        for issuer in self.issuers()? {
            let left = most - accounts.len();
            accounts.extend(self.pages(left, || {
                let issuers = Question::default().at("/issuers");
                issuers.element(&issuer.issuer_id).at("/accounts")
            })?);
        }
        // References are given in the order of opening, across issuers, and are all of one length.
        accounts.sort_by(|a: &AccountView, b| a.account_reference.cmp(&b.account_reference));
        Ok(accounts)
    }

    /// As [`crate::Ledger::balance`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn balance(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> Result<BalanceView, ClientError> {
        let answer = self.of_account(issuer, account, |of| {
            of.at("/balance")
                .query("valueDateAsOf", valued)
                .query("knownAt", known.map(instant))
        })?;
        Ok(answer.data)
    }

    /// As [`crate::Ledger::operations`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn operations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: OperationFilter,
    ) -> Result<(Vec<OperationView>, bool), ClientError> {
        let answer = self.of_account(issuer, account, |of| {
            let list = of
                .at("/operation-entries")
                .query("startTime", filter.start.map(instant))
                .query("endTime", filter.end.map(instant))
                .query("includeRefused", Some(filter.include_refused))
                .query("asOfPosition", filter.as_of.map(|seq| seq.0))
                .query("sort", Some(sort(filter.newest_first)));
            page(list, filter.page, filter.page_size)
        })?;
        Ok((answer.data, answer.more))
    }

    /// As [`crate::Ledger::authorizations`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn authorizations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: AuthorizationFilter,
    ) -> Result<(Vec<AuthorizationView>, bool), ClientError> {
        let [first, last] = ALWAYS.map(str::to_owned);
        let start = filter.start.map_or(first, instant);
        let end = filter.end.map_or(last, instant);
        let answer = self.of_account(issuer, account, |of| {
            let list = of
                .at("/authorizations")
                .query("startTime", Some(&start))
                .query("endTime", Some(&end))
                .query("asOfPosition", filter.as_of.map(|seq| seq.0))
                .query("sort", Some(sort(filter.newest_first)));
            page(list, filter.page, filter.page_size)
        })?;
        Ok((answer.data, answer.more))
    }

    /// As [`crate::Ledger::authorization`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn authorization(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        id: &TransactionId,
    ) -> Result<AuthorizationView, ClientError> {
        let answer = self.of_account(issuer, account, |of| {
            of.at("/authorizations").element(id.as_str())
        });
        match answer {
            Err(error) if error.code() == "AUTHORIZATION_NOT_FOUND" => {
                Err(ApiError::NoRecord(format!("authorization {id}")).into())
            }
            answer => Ok(answer?.data),
        }
    }

    /// As [`crate::Ledger::business_cases`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn business_cases(
        &self,
        issuer: Option<&IssuerId>,
        filter: &BusinessCaseFilter,
    ) -> Result<(Vec<BusinessCaseView>, bool), ClientError> {
        let mut asked = serde_json::Map::new();
        if let Some(account) = &filter.account {
            let (name, value) = match account {
                AccountSelector::Reference(reference) => {
                    ("accountReference", reference.to_string())
                }
                AccountSelector::External(external) => {
                    ("issuerAccountExternalReference", external.to_string())
                }
            };
            asked.insert(name.to_owned(), value.into());
        }
        if !filter.ids.is_empty() {
            let ids: Vec<&str> = filter.ids.iter().map(|id| id.as_str()).collect();
            asked.insert("businessCaseIds".to_owned(), json!(ids));
        }
        for (name, at) in [("startTime", filter.start), ("endTime", filter.end)] {
            if let Some(at) = at {
                asked.insert(name.to_owned(), instant(at).into());
            }
        }
        let body = serde_json::Value::from(asked).to_string().into_bytes();
        let answer = self.of_issuer(issuer, filter.account.as_ref(), |of| {
            let inquiry = of
                .at("/inquire-business-cases")
                .query("asOfPosition", filter.as_of.map(|seq| seq.0))
                .body("application/json", body.clone());
            page(inquiry, filter.page, filter.page_size)
        })?;
        Ok((answer.data, answer.more))
    }

    /// As [`crate::Ledger::journal`].
    ///
    /// # Errors
    /// [`ClientError`], or what `visit` returns.
    pub fn journal<E: From<ClientError>>(
        &self,
        issuer: Option<&IssuerId>,
        account: Option<&AccountSelector>,
        mut visit: impl FnMut(JournalView) -> Result<(), E>,
    ) -> Result<(), E> {
        let response = match (issuer, account) {
            (None, None) => self.send(&Question::default().at("/journal"))?,
            (Some(issuer), None) => self.send(&issuer_path(issuer.as_str()).at("/journal"))?,
            (_, Some(account)) => {
                let to_account = |of| account_path(of, account).at("/journal");
                self.found(issuer, Some(account), |of| self.send(&to_account(of)))?
            }
        };
        for line in BufReader::new(response.into_body().into_reader()).split(b'\n') {
            let line = line.map_err(|error| self.unreachable(&error))?;
            let leg = serde_json::from_slice(&line).map_err(|error| self.unreadable(error))?;
            visit(leg)?;
        }
        Ok(())
    }

    /// As [`crate::Ledger::trial_balance`], of the issuers that the caller may see.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn trial_balance(&self) -> Result<TrialBalanceReport, ClientError> {
        Ok(self.ask(&Question::default().at("/trial-balance"))?.data)
    }

    /// As [`crate::Ledger::head`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn head(&self) -> Result<HeadFile, ClientError> {
        Ok(self.ask(&Question::default().at("/head"))?.data)
    }

    /// Whether the service accepts commands.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn status(&self) -> Result<StatusView, ClientError> {
        Ok(self.ask(&Question::default().at("/status"))?.data)
    }

    /// All pages of a list, up to `most` entries.
    fn pages<T: DeserializeOwned>(
        &self,
        most: usize,
        question: impl Fn() -> Question,
    ) -> Result<Vec<T>, ClientError> {
        let mut entries = Vec::new();
        for number in 0.. {
            if entries.len() >= most {
                break;
            }
            let asked = page(question(), number, PAGE_OPERATIONS_MAX.min(most));
            let answer: Answer<Vec<T>> = self.ask(&asked)?;
            entries.extend(answer.data);
            if !answer.more {
                break;
            }
        }
        entries.truncate(most);
        Ok(entries)
    }

    fn of_account<T: DeserializeOwned>(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        question: impl Fn(Question) -> Question,
    ) -> Result<Answer<T>, ClientError> {
        self.of_issuer(issuer, Some(account), |of| {
            question(account_path(of, account))
        })
    }

    fn of_issuer<T: DeserializeOwned>(
        &self,
        issuer: Option<&IssuerId>,
        account: Option<&AccountSelector>,
        question: impl Fn(Question) -> Question,
    ) -> Result<Answer<T>, ClientError> {
        self.found(issuer, account, |of| self.ask(&question(of)))
    }

    /// Asks below the path of the issuer that is meant. It may be left out where there is one only, or where
    /// the engine's own reference names the account, which is unique across issuers.
    fn found<T>(
        &self,
        issuer: Option<&IssuerId>,
        account: Option<&AccountSelector>,
        ask: impl Fn(Question) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        if let Some(issuer) = issuer {
            return ask(issuer_path(issuer.as_str()));
        }
        let issuers = self.issuers()?;
        if let Some(AccountSelector::Reference(_)) = account {
            for issuer in &issuers {
                match ask(issuer_path(&issuer.issuer_id)) {
                    Err(error) if error.is_account_missing() => {}
                    answered => return answered,
                }
            }
            let field = "accountReference".to_owned();
            return Err(ApiError::from(Rejection::AccountNotFound { field }).into());
        }
        match issuers.as_slice() {
            [] => Err(ApiError::from(Rejection::IssuerNotFound).into()),
            [only] => ask(issuer_path(&only.issuer_id)),
            [_, _, ..] => Err(ApiError::IssuerRequired.into()),
        }
    }
}

pub(super) fn issuer_path(issuer: &str) -> Question {
    Question::default().at("/issuers").element(issuer)
}

fn account_path(of: Question, account: &AccountSelector) -> Question {
    match account {
        AccountSelector::Reference(reference) => of.at("/accounts").element(&reference.to_string()),
        AccountSelector::External(external) => of
            .at("/accounts/external-accounts")
            .element(external.as_str()),
    }
}

fn page(list: Question, number: usize, size: usize) -> Question {
    let number = u64::try_from(number).unwrap_or(u64::MAX).min(PAGE_MAX);
    list.query("page", Some(number))
        .query("offset", Some(size.clamp(1, PAGE_OPERATIONS_MAX)))
}

fn sort(newest_first: bool) -> &'static str {
    if newest_first { "desc" } else { "asc" }
}
