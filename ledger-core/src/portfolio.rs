//! The portfolio: issuers, products, accounts and what they owe, as the log has it so far.
//!
//! Both sides fold it: the writer to decide the next command, readers to answer queries. Applying a
//! record is total: what cannot happen was refused by `decide` and is asserted here.

mod programs;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::command::{
    ConfigureIssuer, DefineBonusProgram, DefineProduct, OperationKind, WorkingMode,
};
use crate::event::ContraKey;
use crate::fingerprint::{Fingerprint, FingerprintIndex};
use crate::ids::{
    AccountIndex, AccountReference, CaseIndex, CommodityIndex, IssuerIndex, OperationId,
    ProductIndex,
};
use crate::money::{Currency, Quantity};
use crate::reserves::{Reserved, Reserves};
use crate::text::{
    BonusProgramReference, BusinessCaseId, ExternalReference, IssuerId, LoyaltyUnit,
    ProductReference,
};
use crate::time::{BusinessDate, Timestamp};

pub(crate) use programs::{ProgramList, ProgramLists};

/// Records of which both folds read ahead what they will change, before any of them is applied.
pub(crate) const TOUCHED_RECORDS_MAX: usize = 256;

/// Issuers and accounts, by place.
#[derive(Debug, Clone, Default)]
pub struct Portfolio {
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) issuer_by_id: HashMap<IssuerId, IssuerIndex>,
    /// What postings read and change of accounts, kept small and together.
    pub(crate) accounts: Vec<Account>,
    /// Accounts by the issuers' references.
    pub(crate) by_external: FingerprintIndex,
    /// Lists of bonus programs that accounts were given.
    pub(crate) program_lists: ProgramLists,
    /// Points of whole hierarchies, by their roots.
    pub(crate) points: BTreeMap<(AccountIndex, CommodityIndex), i128>,
    /// Sum of the balances of the accounts below a root that it pays for; only roots that pay for any.
    pub(crate) paid_minor: BTreeMap<AccountIndex, i128>,
    /// Payouts that wait for their value date; only accounts that have or had any.
    pub(crate) waiting_payouts: HashMap<AccountIndex, WaitingPayouts>,
    /// How much of each operation was reversed, as a magnitude; only those with a reversal.
    pub(crate) reversed: HashMap<OperationId, i64>,
    /// Pending operations that were cancelled, with the reversals that cancelled them.
    pub(crate) cancelled: HashSet<OperationId>,
    /// Business cases and offline reservations.
    pub(crate) reserves: Reserves,
}

/// The references say which accounts the index by reference has, so it need not be compared.
impl PartialEq for Portfolio {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            issuers,
            issuer_by_id,
            accounts,
            by_external: _,
            program_lists,
            points,
            paid_minor,
            waiting_payouts,
            reversed,
            cancelled,
            reserves,
        } = self;
        *issuers == other.issuers
            && *issuer_by_id == other.issuer_by_id
            && *accounts == other.accounts
            && *program_lists == other.program_lists
            && *points == other.points
            && *paid_minor == other.paid_minor
            && *waiting_payouts == other.waiting_payouts
            && *reversed == other.reversed
            && *cancelled == other.cancelled
            && *reserves == other.reserves
    }
}

impl Eq for Portfolio {}

/// One issuer and what it defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its id.
    pub id: IssuerId,
    /// The present business date.
    pub business_date: BusinessDate,
    /// Every configuration, oldest first; the last is in force. An operation is booked by the
    /// accounting script of the configuration it was posted under.
    pub configurations: Vec<ConfigureIssuer>,
    /// Products, in the order of their first definition.
    pub(crate) products: Vec<DefineProduct>,
    pub(crate) product_by_reference: BTreeMap<ProductReference, ProductIndex>,
    /// Bonus programs by name.
    pub programs: BTreeMap<BonusProgramReference, DefineBonusProgram>,
    /// Every (program, unit) pair ever defined; points are counted by place in this list.
    pub commodities: Vec<(BonusProgramReference, LoyaltyUnit)>,
    /// Operations that wait for the business date, by value date. The second key is (original,
    /// operation), so that an original stands next to its reversals.
    pub(crate) pending: BTreeMap<BusinessDate, BTreeMap<(OperationId, OperationId), Pending>>,
}

/// An operation that waits for its value date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) account: AccountIndex,
    pub(crate) quantity: Quantity,
    pub(crate) contra: ContraKey,
    pub(crate) script: u32,
}

/// One account and its live sums. Sums count effective operations only.
///
/// A posting touches one of these at random among all accounts, so what few accounts have is kept elsewhere in the
/// portfolio. The issuer's reference is here, since many commands name the account by it; when the account was opened fills
/// what is left of two lines of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(128))]
pub struct Account {
    /// Sum of the operations posted on this account.
    pub balance_minor: i128,
    /// Sum of the operations other than payments posted here or below, as far as they propagate.
    pub accepted_minor: i128,
    /// Sum of the payments posted here or below, with the sign turned: a positive number.
    pub payments_minor: i128,
    /// Permanent credit limit in minor units.
    pub credit_limit_minor: i64,
    /// Number of operations posted on the account, pending and reversals included.
    pub operations: u64,
    /// The issuer.
    pub issuer: IssuerIndex,
    /// The product.
    pub product: ProductIndex,
    /// The account above, if any.
    pub parent: Option<AccountIndex>,
    /// The top of the hierarchy; itself without a parent.
    pub root: AccountIndex,
    /// Bonus programs given to the account and all below it, if any.
    pub(crate) programs: Option<ProgramList>,
    /// The issuer's own reference, if it gave one.
    pub external_reference: Option<ExternalReference>,
    /// When the opening was recorded.
    pub opened_at: Timestamp,
    /// The currency of every amount of the account.
    pub currency: Currency,
    /// Levels above the account.
    pub depth: u8,
    /// When the holder pays.
    pub working_mode: WorkingMode,
    /// Whether operations may be posted.
    pub status: AccountStatus,
    /// Whether operations stop here instead of counting in the parent's open-to-buy.
    pub no_parent_notification: bool,
    /// Whether the own open-to-buy is left out when an operation is checked.
    pub no_otb_check: bool,
    /// Whether the root pays what is owed here; never true of a root.
    pub root_pays: bool,
}

/// Two lines of the processor's cache that it fetches together; a posting waits for those it touches.
const _: () = assert!(size_of::<Account>() == 128);

/// Reimbursements and unloads that wait for their value date. They count in no balance yet, but what
/// they will pay out cannot be paid out twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingPayouts {
    /// Posted on the account.
    pub own_minor: i128,
    /// Posted on the account or below, as far as operations propagate.
    pub below_minor: i128,
}

/// Status of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// Operations may be posted.
    Active,
    /// No activity.
    Closed,
}

/// The balance and the open-to-buy of one account at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountAmounts {
    /// Balance in minor units; positive: the holder owes.
    pub balance_minor: i128,
    /// Open-to-buy in minor units; none where the working mode has none.
    pub open_to_buy_minor: Option<i128>,
    /// The account's currency.
    pub currency: Currency,
}

/// [`AccountAmounts`] in little more than half the room: each answer has them, and is written to memory that is
/// seldom at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedAmounts {
    balance_minor: [u8; 16],
    open_to_buy_minor: [u8; 16],
    has_open_to_buy: bool,
    currency: Currency,
}

impl From<AccountAmounts> for PackedAmounts {
    fn from(amounts: AccountAmounts) -> Self {
        Self {
            balance_minor: amounts.balance_minor.to_le_bytes(),
            open_to_buy_minor: amounts.open_to_buy_minor.unwrap_or(0).to_le_bytes(),
            has_open_to_buy: amounts.open_to_buy_minor.is_some(),
            currency: amounts.currency,
        }
    }
}

impl PackedAmounts {
    /// The amounts.
    #[must_use]
    pub fn unpack(self) -> AccountAmounts {
        let open_to_buy_minor = i128::from_le_bytes(self.open_to_buy_minor);
        AccountAmounts {
            balance_minor: i128::from_le_bytes(self.balance_minor),
            open_to_buy_minor: self.has_open_to_buy.then_some(open_to_buy_minor),
            currency: self.currency,
        }
    }
}

/// An operation that became effective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement<'a> {
    /// The operation.
    pub operation: OperationId,
    /// Its account.
    pub account: AccountIndex,
    /// What it moved.
    pub quantity: Quantity,
    /// When it counts from.
    pub value_date: BusinessDate,
    /// Which configuration of the issuer books it.
    pub script: u32,
    /// Kind of the operation, or of the original it reverses.
    pub kind: OperationKind,
    /// What selects the contra account besides the kind.
    pub detail: Option<&'a str>,
}

impl Portfolio {
    /// The issuer with this id.
    #[must_use]
    pub fn issuer_index(&self, id: &IssuerId) -> Option<IssuerIndex> {
        self.issuer_by_id.get(id).copied()
    }

    /// The issuer at this place, which this portfolio gave.
    #[must_use]
    pub fn issuer(&self, index: IssuerIndex) -> &Issuer {
        &self.issuers[usize_of(index.0)]
    }

    pub(crate) fn issuer_mut(&mut self, index: IssuerIndex) -> &mut Issuer {
        &mut self.issuers[usize_of(index.0)]
    }

    /// Every issuer, in the order of their first configuration.
    pub fn issuers(&self) -> impl Iterator<Item = (IssuerIndex, &Issuer)> {
        (0_u32..).map(IssuerIndex).zip(&self.issuers)
    }

    /// The account at this place, which this portfolio gave.
    #[must_use]
    pub fn account(&self, index: AccountIndex) -> &Account {
        &self.accounts[usize_of(index.0)]
    }

    /// Whether there is an account at this place.
    pub(crate) fn has(&self, index: AccountIndex) -> bool {
        usize_of(index.0) < self.accounts.len()
    }

    pub(crate) fn account_mut(&mut self, index: AccountIndex) -> &mut Account {
        &mut self.accounts[usize_of(index.0)]
    }

    /// Every account, in the order of opening.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountIndex, &Account)> {
        (0_u32..).map(AccountIndex).zip(&self.accounts)
    }

    /// The account of `issuer` with the engine's reference.
    #[must_use]
    pub fn by_reference(
        &self,
        issuer: IssuerIndex,
        reference: AccountReference,
    ) -> Option<AccountIndex> {
        let index = reference.index()?;
        let account = self.accounts.get(usize_of(index.0))?;
        (account.issuer == issuer).then_some(index)
    }

    /// The account of `issuer` with the issuer's reference.
    #[must_use]
    pub fn by_external(
        &self,
        issuer: IssuerIndex,
        reference: &ExternalReference,
    ) -> Option<AccountIndex> {
        self.by_hashed_external(
            issuer,
            reference,
            Fingerprint::of_external(issuer, reference),
        )
    }

    /// As [`Self::by_external`], of a reference whose fingerprint is at hand.
    pub(crate) fn by_hashed_external(
        &self,
        issuer: IssuerIndex,
        reference: &ExternalReference,
        fingerprint: Fingerprint,
    ) -> Option<AccountIndex> {
        self.with_external(fingerprint).find(|index| {
            let account = self.account(*index);
            account.issuer == issuer && account.external_reference.as_ref() == Some(reference)
        })
    }

    /// The accounts whose references have this fingerprint.
    pub(crate) fn with_external(
        &self,
        fingerprint: Fingerprint,
    ) -> impl Iterator<Item = AccountIndex> {
        let places = self.by_external.candidates(fingerprint);
        places.filter_map(|place| u32::try_from(place.0 - 1).ok().map(AccountIndex))
    }

    /// Reads an account: its sums and what it is lie on two lines of the processor's cache.
    pub(crate) fn touch(&self, index: AccountIndex) -> i128 {
        let account = self.account(index);
        account.balance_minor ^ i128::from(account.root.0)
    }

    /// The issuer's own reference of an account, if it gave one.
    #[must_use]
    pub fn external_reference(&self, index: AccountIndex) -> Option<&ExternalReference> {
        self.account(index).external_reference.as_ref()
    }

    /// When the opening of an account was recorded.
    #[must_use]
    pub fn opened_at(&self, index: AccountIndex) -> Timestamp {
        self.account(index).opened_at
    }

    /// The product of an account, as it is defined now.
    #[must_use]
    pub fn product(&self, index: AccountIndex) -> &DefineProduct {
        let account = self.account(index);
        &self.issuer(account.issuer).products[usize_of(account.product.0)]
    }

    /// Bonus programs given to an account and all below it.
    #[must_use]
    pub fn bonus_programs(&self, index: AccountIndex) -> &[BonusProgramReference] {
        let list = self.account(index).programs;
        list.map_or(&[], |list| self.program_lists.list(list))
    }

    /// Points of the hierarchy under a root, by (program, unit) pair of its issuer.
    pub fn points(&self, root: AccountIndex) -> impl Iterator<Item = (CommodityIndex, i128)> {
        let all = (root, CommodityIndex(0))..=(root, CommodityIndex(u32::MAX));
        self.points
            .range(all)
            .map(|((_, commodity), points)| (*commodity, *points))
    }

    /// What the holder of a paying account has to pay, in minor units: the balances of all accounts that
    /// are paid by it, its own included. None for an account that its root pays for.
    ///
    /// Source: issuer API, "Retrieve Financial Information", field `liableBalance`.
    #[must_use]
    pub fn liable_minor(&self, index: AccountIndex) -> Option<i128> {
        let account = self.account(index);
        let paid = || self.paid_minor.get(&index).copied().unwrap_or(0);
        (!account.root_pays).then(|| account.balance_minor + paid())
    }

    /// Payouts of an account that wait for their value date.
    #[must_use]
    pub fn waiting_payouts(&self, index: AccountIndex) -> WaitingPayouts {
        self.waiting_payouts
            .get(&index)
            .copied()
            .unwrap_or_default()
    }

    /// Business cases and offline reservations.
    #[must_use]
    pub fn reserves(&self) -> &Reserves {
        &self.reserves
    }

    /// What is reserved on an account by authorizations and offline reservations.
    #[must_use]
    pub fn reserved(&self, index: AccountIndex) -> Reserved {
        let reserved = &self.reserves.reserved;
        reserved.get(&index).copied().unwrap_or_default()
    }

    /// The business case of an issuer with this id.
    #[must_use]
    pub fn case_by_id(&self, issuer: IssuerIndex, id: &BusinessCaseId) -> Option<CaseIndex> {
        let issuer_of = |account| self.account(account).issuer;
        self.reserves.find(issuer, id, issuer_of)
    }

    /// Whether an operation still waits for its value date. `original` is the operation it reverses,
    /// or itself.
    #[must_use]
    pub fn is_pending(
        &self,
        issuer: IssuerIndex,
        at: BusinessDate,
        (original, id): (OperationId, OperationId),
    ) -> bool {
        self.issuer(issuer)
            .pending
            .get(&at)
            .is_some_and(|day| day.contains_key(&(original, id)))
    }

    /// Whether an operation was cancelled while it was pending.
    #[must_use]
    pub fn is_cancelled(&self, id: OperationId) -> bool {
        self.cancelled.contains(&id)
    }

    /// How much of an operation was reversed, as a magnitude.
    #[must_use]
    pub fn reversed_minor(&self, id: OperationId) -> i64 {
        self.reversed.get(&id).copied().unwrap_or(0)
    }
}

impl Issuer {
    /// The configuration in force.
    #[must_use]
    pub fn configuration(&self) -> &ConfigureIssuer {
        self.configurations
            .last()
            .expect("an issuer is created by its first configuration")
    }

    /// The product with this reference, as it is defined now.
    #[must_use]
    pub fn product(&self, reference: &ProductReference) -> Option<(ProductIndex, &DefineProduct)> {
        let index = *self.product_by_reference.get(reference)?;
        Some((index, &self.products[usize_of(index.0)]))
    }

    /// Place of the configuration in force, which books the operations posted now.
    #[must_use]
    pub fn script(&self) -> u32 {
        u32::try_from(self.configurations.len() - 1).expect("fewer than 2^32 configurations")
    }

    /// Place of a (program, unit) pair.
    #[must_use]
    pub fn commodity(
        &self,
        program: &BonusProgramReference,
        unit: &LoyaltyUnit,
    ) -> Option<CommodityIndex> {
        let place = self
            .commodities
            .iter()
            .position(|(p, u)| p == program && u == unit)?;
        u32::try_from(place).ok().map(CommodityIndex)
    }

    /// The (program, unit) pair at a place, which this issuer gave.
    #[must_use]
    pub fn commodity_at(&self, index: CommodityIndex) -> (&BonusProgramReference, &LoyaltyUnit) {
        let (program, unit) = &self.commodities[usize_of(index.0)];
        (program, unit)
    }
}

pub(crate) fn usize_of(index: u32) -> usize {
    usize::try_from(index).expect("an index fits the address space")
}
