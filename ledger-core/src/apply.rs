//! Applying a record to the portfolio. Total: every rule was checked when the record was decided, so
//! what is wrong here is damage or a bug, and stops the fold with the promise that was broken.

use crate::command::{DefineProduct, OperationKind, PayingAccountType, PostDetail, WorkingMode};
use crate::decide::index_of;
use crate::event::{ContraKey, Decided, EventBody, Record};
use crate::fingerprint::Fingerprint;
use crate::ids::{AccountIndex, IssuerIndex, OperationId, ProductIndex, Seq};
use crate::money::{Quantity, Unit};
use crate::portfolio::{Account, AccountStatus, Issuer, Movement, Pending, Portfolio, usize_of};
use crate::reserves::Change;
use crate::time::BusinessDate;

impl Portfolio {
    /// Folds one record in. `moved` is told each operation that this makes effective, in order.
    pub fn apply(&mut self, record: &Record, moved: &mut impl FnMut(&Self, Movement<'_>)) {
        let issuer = record.event.issuer;
        match &record.event.body {
            EventBody::IssuerConfigured {
                issuer_id,
                configuration,
                business_date,
            } => {
                if usize_of(issuer.0) == self.issuers.len() {
                    self.issuer_by_id.insert(issuer_id.clone(), issuer);
                    self.issuers
                        .push(Issuer::new(issuer_id.clone(), *business_date));
                }
                self.issuer_mut(issuer)
                    .configurations
                    .push(configuration.clone());
            }
            EventBody::ProductDefined(product) => {
                self.issuer_mut(issuer).define(product.clone());
            }
            EventBody::BonusProgramDefined(program) => {
                let issuer = self.issuer_mut(issuer);
                for unit in &program.loyalty_units {
                    if issuer.commodity(&program.reference, unit).is_none() {
                        issuer
                            .commodities
                            .push((program.reference.clone(), unit.clone()));
                    }
                }
                issuer
                    .programs
                    .insert(program.reference.clone(), program.clone());
            }
            EventBody::BusinessDateAdvanced(advance) => {
                self.advance(issuer, advance.business_date, moved);
            }
            EventBody::AccountOpened { account, .. } => self.open(*account, record),
            EventBody::CreditLimitSet {
                account, change, ..
            } => {
                self.account_mut(*account).credit_limit_minor = change.credit_limit.minor;
            }
            EventBody::AccountClosed { account, .. } => {
                self.account_mut(*account).status = AccountStatus::Closed;
            }
            EventBody::OperationPosted { decided, operation } => {
                let id = OperationId::of(record.seq);
                self.post(issuer, id, decided, &operation.detail, moved);
            }
            EventBody::OperationCleared {
                decided,
                released_minor,
                operation,
            } => {
                let id = OperationId::of(record.seq);
                self.release(issuer, id, decided, *released_minor, &operation.detail);
                self.post(issuer, id, decided, &operation.detail, moved);
            }
            EventBody::OperationReversed {
                decided,
                original,
                contra,
                cancels_pending,
                ..
            } => {
                let id = OperationId::of(record.seq);
                self.account_mut(decided.account).operations += 1;
                let part = decided.quantity.value.checked_abs();
                let part = part.expect("an amount is within its limits");
                *self.reversed.entry(*original).or_insert(0) += part;
                if *cancels_pending {
                    self.cancel(issuer, decided.value_date, *original);
                    self.cancelled.insert(id);
                } else if decided.pending {
                    self.wait(issuer, (*original, id), decided, contra.clone());
                } else {
                    let contra = (contra.kind, contra.detail.as_ref().map(|d| d.as_str()));
                    self.take_effect(id, decided, contra, moved);
                }
            }
            EventBody::AuthorizationRecorded { decided, message } => {
                let known = self.case_by_id(issuer, &message.business_case);
                let case = known.unwrap_or_else(|| {
                    self.reserves
                        .begin(issuer, decided.account, &message.business_case)
                });
                let change = self.reserves.set(issuer, case, decided.reserve);
                self.hold(change);
            }
            EventBody::OfflineReservationCreated {
                account,
                reservation,
                ..
            } => self.reserves.reserve(issuer, *account, reservation),
            EventBody::OfflineReservationCancelled { cancellation, .. } => {
                self.reserves.cancel(issuer, &cancellation.reference);
            }
            EventBody::OperationRejected { .. } => {}
        }
    }

    /// Counts a posting of money that takes effect at once.
    pub(crate) fn post_at_once(
        &mut self,
        index: AccountIndex,
        quantity: Quantity,
        kind: OperationKind,
    ) {
        self.account_mut(index).operations += 1;
        self.add(index, quantity, kind);
    }

    fn post(
        &mut self,
        issuer: IssuerIndex,
        id: OperationId,
        decided: &Decided,
        detail: &PostDetail,
        moved: &mut impl FnMut(&Self, Movement<'_>),
    ) {
        self.account_mut(decided.account).operations += 1;
        if decided.pending {
            self.wait(issuer, (id, id), decided, detail.contra_key());
        } else {
            let contra = (detail.kind(), detail.contra_detail());
            self.take_effect(id, decided, contra, moved);
        }
    }

    /// Takes from a business case what a clearing consumes. If the clearing waits for its value date,
    /// so does open-to-buy: the amount stays reserved until it is accepted.
    fn release(
        &mut self,
        issuer: IssuerIndex,
        id: OperationId,
        decided: &Decided,
        released_minor: i64,
        detail: &PostDetail,
    ) {
        let PostDetail::Clearing(clearing) = detail else {
            unreachable!("what clears a business case names it")
        };
        let case = self.case_by_id(issuer, &clearing.business_case);
        let case = case.expect("a clearing names a case that exists");
        let change = self.reserves.clear(issuer, case, released_minor);
        if decided.pending {
            self.reserves.keep(id, case, released_minor);
        } else {
            self.hold(change);
        }
    }

    /// Counts a change of what business cases reserve on their account and, as far as operations
    /// propagate, on those above.
    fn hold(&mut self, change: Change) {
        let Change { account, minor } = change;
        if minor == 0 {
            return;
        }
        let reserved = &mut self.reserves.reserved;
        reserved.entry(account).or_default().own_minor += minor;
        let mut at = Some(account);
        while let Some(place) = at {
            let reserved = &mut self.reserves.reserved;
            reserved.entry(place).or_default().below_minor += minor;
            at = self.account(place).notified();
        }
    }

    /// Adds postings of money that counted at once, of which nothing is known any more but the sums of
    /// payments and of all others. With them and those applied already the account has so many operations.
    pub(crate) fn restore_operations(
        &mut self,
        index: AccountIndex,
        operations: usize,
        accepted_minor: i128,
        payments_minor: i128,
    ) {
        self.account_mut(index).operations = operations as u64;
        self.add_to_balance(index, accepted_minor + payments_minor);
        self.for_each_notified(index, |account| {
            account.accepted_minor += accepted_minor;
            account.payments_minor -= payments_minor;
        });
    }

    fn open(&mut self, index: AccountIndex, record: &Record) {
        let EventBody::AccountOpened {
            opening,
            currency,
            working_mode,
            credit_limit_minor,
            parent,
            ..
        } = &record.event.body
        else {
            return;
        };
        assert_eq!(
            usize_of(index.0),
            self.accounts.len(),
            "accounts are opened in order"
        );
        let issuer = record.event.issuer;
        let product = self.issuer(issuer).product(&opening.product);
        let (product, _) = product.expect("an account is opened under a defined product");
        let programs = self.program_lists.place_of(&opening.bonus_programs);
        let above = parent.map(|parent| self.account(parent));
        let account = Account {
            balance_minor: 0,
            accepted_minor: 0,
            payments_minor: 0,
            credit_limit_minor: *credit_limit_minor,
            operations: 0,
            issuer,
            product,
            parent: *parent,
            root: above.map_or(index, |above| above.root),
            programs,
            external_reference: opening.external_reference.clone(),
            opened_at: record.recorded_at,
            currency: *currency,
            depth: above.map_or(0, |above| above.depth + 1),
            working_mode: *working_mode,
            status: AccountStatus::Active,
            no_parent_notification: opening.no_parent_notification,
            no_otb_check: opening.no_otb_check,
            root_pays: opening.paying == PayingAccountType::RootPays && parent.is_some(),
        };
        if account.root_pays {
            self.paid_minor.entry(account.root).or_insert(0);
        }
        self.accounts.push(account);
        if let Some(external) = &opening.external_reference {
            // Places in an index of keys count from 1.
            let place = Seq(u64::from(index.0) + 1);
            self.by_external
                .insert(Fingerprint::of_external(issuer, external), place);
        }
    }

    fn advance(
        &mut self,
        index: IssuerIndex,
        to: BusinessDate,
        moved: &mut impl FnMut(&Self, Movement<'_>),
    ) {
        let issuer = self.issuer_mut(index);
        assert!(
            to > issuer.business_date,
            "the business date only moves forward"
        );
        issuer.business_date = to;
        let still_waiting = issuer
            .pending
            .split_off(&BusinessDate(to.0.saturating_add(1)));
        let due = std::mem::replace(&mut issuer.pending, still_waiting);
        for change in self.reserves.expire(index, to) {
            self.hold(change);
        }
        for (value_date, operations) in due {
            for ((_, id), pending) in operations {
                self.hold_payout(&pending, -1);
                self.let_go(id);
                self.add(pending.account, pending.quantity, pending.contra.kind);
                let movement = Movement {
                    operation: id,
                    account: pending.account,
                    quantity: pending.quantity,
                    value_date,
                    script: pending.script,
                    kind: pending.contra.kind,
                    detail: pending.contra.detail.as_ref().map(|detail| detail.as_str()),
                };
                moved(self, movement);
            }
        }
    }

    fn wait(
        &mut self,
        issuer: IssuerIndex,
        key: (OperationId, OperationId),
        decided: &Decided,
        contra: ContraKey,
    ) {
        let pending = Pending {
            account: decided.account,
            quantity: decided.quantity,
            contra,
            script: decided.script,
        };
        self.hold_payout(&pending, 1);
        self.issuer_mut(issuer)
            .pending
            .entry(decided.value_date)
            .or_default()
            .insert(key, pending);
    }

    fn cancel(&mut self, issuer: IssuerIndex, value_date: BusinessDate, original: OperationId) {
        let pending = &mut self.issuers[usize_of(issuer.0)].pending;
        let day = pending.get_mut(&value_date);
        let day = day.expect("a pending original waits on the value date of its reversal");
        let group = (original, OperationId::FIRST)..=(original, OperationId::LAST);
        let keys: Vec<_> = day.range(group).map(|(key, _)| *key).collect();
        let cancelled: Vec<_> = keys.iter().filter_map(|key| day.remove(key)).collect();
        if day.is_empty() {
            pending.remove(&value_date);
        }
        for (_, id) in keys {
            self.cancelled.insert(id);
            self.let_go(id);
        }
        for pending in &cancelled {
            self.hold_payout(pending, -1);
        }
    }

    /// Lets go what was kept reserved for a clearing that waits no longer.
    fn let_go(&mut self, id: OperationId) {
        if let Some(change) = self.reserves.let_go(id) {
            self.hold(change);
        }
    }

    /// Holds a waiting payout against what may be paid out (`times` 1), or lets it go (-1).
    fn hold_payout(&mut self, pending: &Pending, times: i128) {
        if !pending.contra.kind.is_payout() {
            return;
        }
        let value = i128::from(pending.quantity.value) * times;
        self.waiting_payouts
            .entry(pending.account)
            .or_default()
            .own_minor += value;
        let mut at = Some(pending.account);
        while let Some(place) = at {
            self.waiting_payouts.entry(place).or_default().below_minor += value;
            at = self.account(place).notified();
        }
    }

    fn take_effect(
        &mut self,
        id: OperationId,
        decided: &Decided,
        (kind, detail): (OperationKind, Option<&str>),
        moved: &mut impl FnMut(&Self, Movement<'_>),
    ) {
        self.add(decided.account, decided.quantity, kind);
        let movement = Movement {
            operation: id,
            account: decided.account,
            quantity: decided.quantity,
            value_date: decided.value_date,
            script: decided.script,
            kind,
            detail,
        };
        moved(self, movement);
    }

    /// Adds an effective operation to its account and, as far as it propagates, to those above.
    fn add(&mut self, index: AccountIndex, quantity: Quantity, kind: OperationKind) {
        let value = i128::from(quantity.value);
        match quantity.unit {
            Unit::Points(commodity) => {
                let root = self.account(index).root;
                *self.points.entry((root, commodity)).or_insert(0) += value;
            }
            Unit::Money => {
                self.add_to_balance(index, value);
                self.for_each_notified(index, |account| match kind {
                    OperationKind::Payment => account.payments_minor -= value,
                    OperationKind::Fee
                    | OperationKind::Bonus
                    | OperationKind::Interest
                    | OperationKind::BalanceAdjustment
                    | OperationKind::Reimbursement
                    | OperationKind::Load
                    | OperationKind::Unload
                    | OperationKind::Transaction
                    | OperationKind::ResetBalance => account.accepted_minor += value,
                });
            }
        }
    }

    fn add_to_balance(&mut self, index: AccountIndex, value: i128) {
        let account = self.account_mut(index);
        account.balance_minor += value;
        if account.root_pays {
            let root = account.root;
            *self.paid_minor.entry(root).or_insert(0) += value;
        }
    }

    /// Visits the account and those above it, as far as its operations propagate.
    fn for_each_notified(&mut self, index: AccountIndex, mut visit: impl FnMut(&mut Account)) {
        let mut at = Some(index);
        while let Some(place) = at {
            let account = self.account_mut(place);
            visit(account);
            at = account.notified();
        }
    }
}

impl Issuer {
    fn new(id: crate::text::IssuerId, business_date: BusinessDate) -> Self {
        Self {
            id,
            business_date,
            configurations: Vec::new(),
            products: Vec::new(),
            product_by_reference: std::collections::BTreeMap::new(),
            programs: std::collections::BTreeMap::new(),
            commodities: Vec::new(),
            pending: std::collections::BTreeMap::new(),
        }
    }
}

impl Issuer {
    fn define(&mut self, product: DefineProduct) {
        let next = ProductIndex(index_of(self.products.len()));
        let known = self.product_by_reference.entry(product.reference.clone());
        let index = *known.or_insert(next);
        if index == next {
            self.products.push(product);
        } else {
            self.products[usize_of(index.0)] = product;
        }
    }
}

impl Account {
    /// The account above, if operations propagate to it.
    #[must_use]
    pub fn notified(&self) -> Option<AccountIndex> {
        if self.no_parent_notification {
            None
        } else {
            self.parent
        }
    }

    /// Credit limit that counts: prepaid accounts have none.
    #[must_use]
    pub fn active_credit_limit_minor(&self) -> i64 {
        match self.working_mode {
            WorkingMode::PayLater | WorkingMode::PayNow => self.credit_limit_minor,
            WorkingMode::PayBefore => 0,
        }
    }
}
