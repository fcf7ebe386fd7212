//! What the books come to, small enough to compare between stages.

use std::hash::{DefaultHasher, Hash, Hasher};

use ledger_core::portfolio::Portfolio;
use serde::{Deserialize, Serialize};

use super::workload::Prediction;

/// What the books come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Operations on all accounts.
    pub operations: u64,
    /// Sum of all balances, in minor units.
    pub balance_minor: i64,
    /// Hash of every balance in order, so that no two mistakes cancel out.
    pub balances_hash: u64,
}

impl Totals {
    /// What a portfolio comes to.
    #[must_use]
    pub fn of(portfolio: &Portfolio) -> Self {
        let operations = portfolio.accounts().map(|(_, a)| a.operations).sum();
        Self::new(
            operations,
            portfolio.accounts().map(|(_, a)| a.balance_minor),
        )
    }

    /// What the books must come to.
    #[must_use]
    pub fn predicted(prediction: &Prediction) -> Self {
        let balances = prediction.balances_minor.iter().copied().map(i128::from);
        Self::new(prediction.accepted, balances)
    }

    fn new(operations: u64, balances: impl Iterator<Item = i128>) -> Self {
        let mut hasher = DefaultHasher::new();
        let sum: i128 = balances.inspect(|balance| balance.hash(&mut hasher)).sum();
        Self {
            operations,
            balance_minor: i64::try_from(sum).unwrap_or(i64::MAX),
            balances_hash: hasher.finish(),
        }
    }
}
