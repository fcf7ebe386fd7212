//! Sums, each taken over the whole list. Source: specification 2b, 2c.5, 2g.

use std::collections::BTreeMap;

use ledger_core::command::{Command, OperationKind, PayingAccountType, WorkingMode};
use ledger_core::ids::OperationId;
use ledger_core::text::{BonusProgramReference, IssuerId, LoyaltyUnit};
use ledger_core::time::{BusinessDate, Timestamp};

use super::{Fact, Line, Model, Operation, seq_of};

/// Whose points, and of which program and unit: (root account, program, unit).
pub type PointsKey = (usize, BonusProgramReference, LoyaltyUnit);

impl Model {
    /// Number of accounts.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.openings().count()
    }

    /// Business date of the issuer of an account.
    #[must_use]
    pub fn business_date_of(&self, account: usize) -> BusinessDate {
        BusinessDate(self.business_date(self.opening(account).0))
    }

    /// Effective money operations, with the account each was posted on.
    fn effective<'a>(
        &'a self,
        issuer: &'a IssuerId,
    ) -> impl Iterator<Item = (usize, &'a Operation)> {
        let business_date = self.business_date(issuer);
        self.operations()
            .filter(move |(_, line, operation)| {
                line.request.issuer == *issuer
                    && operation.points.is_none()
                    && operation.value_date <= business_date
            })
            .map(|(_, line, operation)| (posted_on(line), operation))
    }

    /// Sum of the operations posted on the account itself.
    #[must_use]
    pub fn balance(&self, account: usize) -> i128 {
        self.effective(self.opening(account).0)
            .filter(|(on, _)| *on == account)
            .map(|(_, operation)| i128::from(operation.value))
            .sum()
    }

    /// The balance by value date `valued`, of operations posted up to `known`.
    #[must_use]
    pub fn balance_at(&self, account: usize, valued: BusinessDate, known: Timestamp) -> i128 {
        self.operations()
            .filter(|(_, line, operation)| {
                posted_on(line) == account
                    && operation.points.is_none()
                    && operation.value_date <= valued.0
                    && operation.posted_at <= known
            })
            .map(|(_, _, operation)| i128::from(operation.value))
            .sum()
    }

    /// The balances that an account has to pay: its own, and those below that say their root pays. None
    /// for an account below a root that says so.
    #[must_use]
    pub fn liable(&self, account: usize) -> Option<i128> {
        let says_root = |at: usize| self.opening(at).1.paying == PayingAccountType::RootPays;
        let payer = |at: usize| if says_root(at) { self.root(at) } else { at };
        let paid = (0..self.accounts()).filter(|at| payer(*at) == account);
        (payer(account) == account).then(|| paid.map(|at| self.balance(at)).sum())
    }

    /// Permanent credit limit in force.
    #[must_use]
    pub fn limit(&self, account: usize) -> i64 {
        self.lines
            .iter()
            .filter(|line| line.account == Some(account))
            .filter_map(|line| match &line.fact {
                Fact::Opened(opened) => Some(opened.limit_minor),
                Fact::LimitSet { minor } => Some(*minor),
                _ => None,
            })
            .next_back()
            .expect("an opened account")
    }

    /// Open-to-buy: limit − holds − offline − accepted + payments; none for debit accounts.
    #[must_use]
    pub fn open_to_buy(&self, account: usize) -> Option<i128> {
        let (issuer, _, opened) = self.opening(account);
        let limit = match opened.working_mode {
            WorkingMode::PayNow => return None,
            WorkingMode::PayBefore => 0,
            WorkingMode::PayLater => i128::from(self.limit(account)),
        };
        let mut accepted = 0;
        let mut payments = 0;
        for (on, operation) in self.effective(issuer) {
            if !self.notifies(on, account) {
                continue;
            }
            let value = i128::from(operation.value);
            if operation.kind == OperationKind::Payment {
                payments -= value;
            } else {
                accepted += value;
            }
        }
        let held = self.held(|on| self.notifies(on, account)) + self.offline(account);
        Some(limit - held - accepted + payments)
    }

    /// Whether operations on `below` count in the open-to-buy of `above`: no account on the way up
    /// keeps them to itself.
    fn notifies(&self, below: usize, above: usize) -> bool {
        if below == above {
            return true;
        }
        let (_, opening, opened) = self.opening(below);
        !opening.no_parent_notification
            && opened
                .parent
                .is_some_and(|parent| self.notifies(parent, above))
    }

    fn ancestors(&self, account: usize) -> Vec<usize> {
        let mut line = vec![account];
        while let Some(parent) = self.opening(line[line.len() - 1]).2.parent {
            line.push(parent);
        }
        line
    }

    pub(super) fn root(&self, account: usize) -> usize {
        let line = self.ancestors(account);
        line[line.len() - 1]
    }

    /// Levels from the root down to the account.
    pub(super) fn levels(&self, account: usize) -> usize {
        self.ancestors(account).len()
    }

    pub(super) fn has_program(&self, account: usize, program: &BonusProgramReference) -> bool {
        self.ancestors(account)
            .into_iter()
            .any(|at| self.opening(at).1.bonus_programs.contains(program))
    }

    /// The lower of the open-to-buys of the account and its root.
    #[must_use]
    pub fn prevailing(&self, account: usize) -> Option<i128> {
        [account, self.root(account)]
            .into_iter()
            .filter_map(|at| self.open_to_buy(at))
            .min()
    }

    /// Reimbursements and unloads that wait, on accounts that `counts` takes.
    fn waiting_payouts(&self, counts: impl Fn(usize) -> bool) -> i128 {
        self.operations()
            .filter(|(number, line, operation)| {
                matches!(
                    operation.kind,
                    OperationKind::Reimbursement | OperationKind::Unload
                ) && operation.reverses.is_none()
                    && operation.value_date > self.business_date(&line.request.issuer)
                    && !self.is_undone(*number)
                    && counts(posted_on(line))
            })
            .map(|(_, _, operation)| i128::from(operation.value))
            .sum()
    }

    /// The lowest open-to-buy that is checked on the way up, as far as operations are notified, less
    /// what waits to be paid out.
    #[must_use]
    pub fn spendable(&self, account: usize) -> Option<i128> {
        self.ancestors(account)
            .into_iter()
            .filter(|at| self.notifies(account, *at) && !self.opening(*at).1.no_otb_check)
            .filter_map(|at| {
                let waiting = self.waiting_payouts(|below| self.notifies(below, at));
                self.open_to_buy(at).map(|otb| otb - waiting)
            })
            .min()
    }

    /// Credit balance less what waits to be paid out and, where own funds are spent, what is reserved of
    /// them; limited to what may be spent.
    #[must_use]
    pub fn reimbursable(&self, account: usize) -> i128 {
        let mut credit = -self.balance(account) - self.waiting_payouts(|on| on == account);
        if self.opening(account).2.working_mode != WorkingMode::PayLater {
            credit -= self.held(|on| on == account) + self.offline(account);
        }
        self.spendable(account)
            .map_or(credit, |most| credit.min(most))
            .max(0)
    }

    /// Points that are not zero, of every hierarchy.
    #[must_use]
    pub fn points(&self) -> BTreeMap<PointsKey, i128> {
        let mut sums = BTreeMap::new();
        for (_, line, operation) in self.operations() {
            if let Some((program, unit)) = &operation.points
                && operation.value_date <= self.business_date(&line.request.issuer)
            {
                let root = self.root(posted_on(line));
                let key = (root, program.clone(), unit.clone());
                *sums.entry(key).or_insert(0) += i128::from(operation.value);
            }
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }

    /// How much of the operation on a line was reversed, as a magnitude.
    pub(super) fn reversed(&self, original: usize) -> i128 {
        self.operations()
            .filter(|(_, _, operation)| operation.reverses == Some(original))
            .map(|(_, _, operation)| i128::from(operation.value).abs())
            .sum()
    }

    /// Whether everything of the original on a line has been given back.
    pub(super) fn is_undone(&self, original: usize) -> bool {
        self.operations()
            .find(|(line, ..)| *line == original)
            .is_some_and(|(_, _, operation)| {
                self.reversed(original) == i128::from(operation.value).abs()
            })
    }

    /// Every operation: its id, account, value date, what was reversed of it, its original or itself,
    /// and whether it still waits or was cancelled while it waited.
    #[must_use]
    pub fn statuses(&self) -> Vec<OperationStatus> {
        self.operations()
            .map(|(number, line, operation)| {
                let original = operation.reverses.unwrap_or(number);
                let undone = self.is_undone(original);
                let waits = operation.value_date > self.business_date(&line.request.issuer);
                OperationStatus {
                    id: OperationId::of(seq_of(number)),
                    account: posted_on(line),
                    value_date: BusinessDate(operation.value_date),
                    reversed: self.reversed(number),
                    original: OperationId::of(seq_of(original)),
                    pending: waits && !undone,
                    ahead: waits,
                    undone,
                }
            })
            .collect()
    }

    /// Whether operations may be posted on an account.
    #[must_use]
    pub fn is_active(&self, account: usize) -> bool {
        !self.is_closed(account)
    }

    /// Operations posted on an account, waiting ones and reversals too.
    #[must_use]
    pub fn operation_count(&self, account: usize) -> usize {
        self.operations()
            .filter(|(_, line, _)| posted_on(line) == account)
            .count()
    }

    /// The commands written down, in order.
    pub fn recorded_commands(&self) -> impl Iterator<Item = &Command> {
        self.lines.iter().map(|line| &line.request.command)
    }
}

/// Where one operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationStatus {
    /// The operation.
    pub id: OperationId,
    /// Its account.
    pub account: usize,
    /// When it counts from.
    pub value_date: BusinessDate,
    /// How much of it was reversed, as a magnitude.
    pub reversed: i128,
    /// The operation it reverses, or itself.
    pub original: OperationId,
    /// Whether it will become effective.
    pub pending: bool,
    /// Whether its value date is still ahead.
    pub ahead: bool,
    /// Whether its original was given back in full.
    pub undone: bool,
}

pub(super) fn posted_on(line: &Line) -> usize {
    line.account.expect("an operation has an account")
}
