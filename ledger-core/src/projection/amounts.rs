//! Open-to-buy and what follows from it.
//!
//! Source: specification 2b. `openToBuy = limit − holds − offline reservations − accepted + payments`,
//! where holds count as far as operations propagate, and offline reservations on their account alone.

use crate::command::WorkingMode;
use crate::ids::AccountIndex;
use crate::portfolio::{AccountAmounts, Portfolio};
use crate::text::BonusProgramReference;

impl Portfolio {
    /// Open-to-buy in minor units, negative when over limit; none for debit accounts, which have
    /// none.
    #[must_use]
    #[inline]
    pub fn open_to_buy(&self, index: AccountIndex) -> Option<i128> {
        let account = self.account(index);
        let limit = i128::from(account.active_credit_limit_minor());
        match account.working_mode {
            WorkingMode::PayNow => None,
            WorkingMode::PayLater | WorkingMode::PayBefore => {
                let reserved = self.reserved(index);
                let held = reserved.below_minor + reserved.offline_minor;
                Some(limit - held - account.accepted_minor + account.payments_minor)
            }
        }
    }

    /// The lower of the open-to-buy of the account and that of its root.
    #[must_use]
    pub fn prevailing_open_to_buy(&self, index: AccountIndex) -> Option<i128> {
        let root = self.account(index).root;
        lowest(self.open_to_buy(index), self.open_to_buy(root))
    }

    /// What may be spent: the lowest open-to-buy on the way up, as far as operations propagate,
    /// leaving out accounts whose check is switched off, and less the payouts that wait for their
    /// value date. None when nothing limits it.
    #[must_use]
    pub fn spendable(&self, index: AccountIndex) -> Option<i128> {
        let mut least = None;
        let mut at = Some(index);
        while let Some(place) = at {
            let account = self.account(place);
            if !account.no_otb_check {
                let open_to_buy = self.open_to_buy(place);
                let free = open_to_buy.map(|otb| otb - self.waiting_payouts(place).below_minor);
                least = lowest(least, free);
            }
            at = account.notified();
        }
        least
    }

    /// What may be paid out: the credit balance less the payouts that wait for their value date,
    /// limited to what may be spent; never negative. On an account that spends its own funds, what is
    /// reserved of them is not paid out either, also where no open-to-buy limits it.
    #[must_use]
    pub fn reimbursable(&self, index: AccountIndex) -> i128 {
        let account = self.account(index);
        let reserved = match account.working_mode {
            WorkingMode::PayLater => 0,
            WorkingMode::PayBefore | WorkingMode::PayNow => {
                let reserved = self.reserved(index);
                reserved.own_minor + reserved.offline_minor
            }
        };
        let waiting = self.waiting_payouts(index).own_minor;
        let credit_balance = -account.balance_minor - waiting - reserved;
        let spendable = self.spendable(index);
        let limited = spendable.map_or(credit_balance, |most| most.min(credit_balance));
        limited.max(0)
    }

    /// Balance and open-to-buy together.
    #[must_use]
    pub fn amounts(&self, index: AccountIndex) -> AccountAmounts {
        AccountAmounts {
            balance_minor: self.account(index).balance_minor,
            open_to_buy_minor: self.open_to_buy(index),
            currency: self.account(index).currency,
        }
    }

    /// Whether a bonus program was given to the account or to one above it.
    #[must_use]
    pub fn has_program(&self, index: AccountIndex, program: &BonusProgramReference) -> bool {
        let mut at = Some(index);
        while let Some(place) = at {
            if self.bonus_programs(place).contains(program) {
                return true;
            }
            at = self.account(place).parent;
        }
        false
    }
}

fn lowest(a: Option<i128>, b: Option<i128>) -> Option<i128> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
