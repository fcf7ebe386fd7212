//! The books: what readers see. A fold of the durable log: the portfolio, each account's history,
//! and the general ledger.

use std::collections::HashMap;

use crate::event::{EventBody, Record};
use crate::ids::{AccountIndex, Seq};
use crate::money::Unit;
use crate::portfolio::{Portfolio, usize_of};
use crate::projection::general_ledger::GeneralLedger;
use crate::projection::history::{Entry, History};
use crate::time::{BusinessDate, Timestamp};

/// Everything queries are answered from, as of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    portfolio: Portfolio,
    histories: Vec<History>,
    /// Remembered refusals, by account.
    refused: HashMap<AccountIndex, Vec<Seq>>,
    general_ledger: GeneralLedger,
    last_seq: Option<Seq>,
}

impl Books {
    /// Folds one record in.
    pub fn apply(&mut self, record: &Record) {
        let general_ledger = &mut self.general_ledger;
        self.portfolio.apply(record, &mut |portfolio, movement| {
            general_ledger.book(portfolio, &movement);
        });
        self.last_seq = Some(record.seq);
        match &record.event.body {
            EventBody::AccountOpened { .. } => {
                self.histories.push(History::default());
            }
            EventBody::OperationRejected { account, .. } => {
                self.refused.entry(*account).or_default().push(record.seq);
            }
            EventBody::OperationPosted { .. } | EventBody::OperationReversed { .. } => {
                self.note(record);
            }
            EventBody::IssuerConfigured { .. }
            | EventBody::ProductDefined(_)
            | EventBody::BonusProgramDefined(_)
            | EventBody::BusinessDateAdvanced(_)
            | EventBody::CreditLimitSet { .. }
            | EventBody::AccountClosed { .. } => {}
        }
    }

    fn note(&mut self, record: &Record) {
        let operation = record
            .operation()
            .expect("the record posts or reverses an operation");
        let minor = match operation.decided.quantity.unit {
            Unit::Money => operation.decided.quantity.value,
            Unit::Points(_) => 0,
        };
        self.histories[usize_of(operation.decided.account.0)].add(Entry {
            posted_at: operation.posting_date,
            seq: record.seq,
            value_date: operation.decided.value_date,
            minor,
        });
    }

    /// Issuers, accounts, live balances.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// Totals of double entry.
    #[must_use]
    pub fn general_ledger(&self) -> &GeneralLedger {
        &self.general_ledger
    }

    /// Operations of an account that this book has.
    #[must_use]
    pub fn history(&self, account: AccountIndex) -> &History {
        &self.histories[usize_of(account.0)]
    }

    /// Remembered refusals of an account that this book has, oldest first.
    #[must_use]
    pub fn refused(&self, account: AccountIndex) -> &[Seq] {
        self.refused.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Balance of an account in minor units: operations with a value date of at most `valued`
    /// (absent: the business date), posted at or before `known` (absent: all).
    #[must_use]
    pub fn balance_minor(
        &self,
        account: AccountIndex,
        valued: Option<BusinessDate>,
        known: Option<Timestamp>,
    ) -> i128 {
        let issuer = self.portfolio.account(account).issuer;
        let valued = valued.unwrap_or(self.portfolio.issuer(issuer).business_date);
        self.history(account).balance(Some(valued), known)
    }

    /// Memory held for the histories of all accounts, in bytes.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        let each = self.histories.iter().map(History::retained_bytes);
        each.sum::<usize>() + self.histories.capacity() * size_of::<History>()
    }

    /// Place of the last record folded in, if there is one.
    #[must_use]
    pub fn last_seq(&self) -> Option<Seq> {
        self.last_seq
    }
}
