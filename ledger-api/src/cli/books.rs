//! What questions are put to: the ledger of a directory, or a service. The answers are the same.

use ledger_api::client::Client;
use ledger_api::queries::OperationFilter;
use ledger_api::queries::authorizations::AuthorizationFilter;
use ledger_api::queries::business_cases::BusinessCaseFilter;
use ledger_api::views::authorizations::{AuthorizationView, BusinessCaseView};
use ledger_api::views::{AccountView, BalanceView, JournalView, OperationView, TrialBalanceReport};
use ledger_core::command::AccountSelector;
use ledger_core::text::{IssuerId, TransactionId};
use ledger_core::time::{BusinessDate, Timestamp};

use ledger_api::Ledger;

use super::place::{Place, PlaceArgs};
use super::{CliError, Ended, with_ledger};

/// Whoever answers.
pub(super) enum Books<'a> {
    Directory(&'a Ledger),
    Service(&'a Client),
}

/// Questions, each as [`Ledger`] answers it.
impl Books<'_> {
    /// Has `work` ask its questions: of an existing ledger, which is opened for it and closed again, or of
    /// a service.
    pub(super) fn with(
        args: &PlaceArgs,
        work: impl FnOnce(&Books<'_>) -> Result<Ended, CliError>,
    ) -> Result<Ended, CliError> {
        match args.place()? {
            Place::Directory(data) => with_ledger(&data, |ledger| work(&Books::Directory(ledger))),
            Place::Service(client) => work(&Books::Service(&client)),
        }
    }

    pub(super) fn accounts(&self) -> Result<Vec<AccountView>, CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.accounts()),
            Self::Service(client) => Ok(client.accounts(usize::MAX)?),
        }
    }

    pub(super) fn balance(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> Result<BalanceView, CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.balance(issuer, account, valued, known)?),
            Self::Service(client) => Ok(client.balance(issuer, account, valued, known)?),
        }
    }

    pub(super) fn operations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: OperationFilter,
    ) -> Result<(Vec<OperationView>, bool), CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.operations(issuer, account, filter)?),
            Self::Service(client) => Ok(client.operations(issuer, account, filter)?),
        }
    }

    pub(super) fn authorizations(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        filter: AuthorizationFilter,
    ) -> Result<(Vec<AuthorizationView>, bool), CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.authorizations(issuer, account, filter)?),
            Self::Service(client) => Ok(client.authorizations(issuer, account, filter)?),
        }
    }

    pub(super) fn authorization(
        &self,
        issuer: Option<&IssuerId>,
        account: &AccountSelector,
        id: &TransactionId,
    ) -> Result<AuthorizationView, CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.authorization(issuer, account, id)?),
            Self::Service(client) => Ok(client.authorization(issuer, account, id)?),
        }
    }

    pub(super) fn business_cases(
        &self,
        issuer: Option<&IssuerId>,
        filter: &BusinessCaseFilter,
    ) -> Result<(Vec<BusinessCaseView>, bool), CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.business_cases(issuer, filter)?),
            Self::Service(client) => Ok(client.business_cases(issuer, filter)?),
        }
    }

    pub(super) fn journal(
        &self,
        issuer: Option<&IssuerId>,
        account: Option<&AccountSelector>,
        visit: impl FnMut(JournalView) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        match self {
            Self::Directory(ledger) => ledger.journal(issuer, account, visit),
            Self::Service(client) => client.journal(issuer, account, visit),
        }
    }

    pub(super) fn trial_balance(&self) -> Result<TrialBalanceReport, CliError> {
        match self {
            Self::Directory(ledger) => Ok(ledger.trial_balance()),
            Self::Service(client) => Ok(client.trial_balance()?),
        }
    }
}
