//! Double entry: two legs for every effective operation, and the trial balance they add up to.
//!
//! One leg is the cardholder's, on the control account of the working mode; the other is the contra
//! account that the issuer's accounting script names. Source: specification 2j.

use std::collections::BTreeMap;

use bincode::{BorrowDecode, Encode};
use compact_str::CompactString;
use hashbrown::{Equivalent, HashMap};

use crate::command::{OperationKind, WorkingMode};
use crate::ids::{CommodityIndex, IssuerIndex};
use crate::money::{Currency, Unit};
use crate::portfolio::{Account, Movement, Portfolio, usize_of};
use crate::text::GlCode;

/// Totals of every general-ledger account, by issuer and unit.
#[derive(Debug, Clone, Default)]
pub struct GeneralLedger {
    totals: Vec<Total>,
    /// Where the totals of the two legs are, the cardholder's and the contra, so that a posting neither
    /// writes nor compares account codes.
    places: HashMap<Booking<CompactString>, [usize; 2]>,
    by_code: BTreeMap<(IssuerIndex, LedgerUnit, GlCode), usize>,
}

/// Where the totals of legs are found again is only remembered, so it need not be compared.
impl PartialEq for GeneralLedger {
    fn eq(&self, other: &Self) -> bool {
        self.totals == other.totals
    }
}

impl Eq for GeneralLedger {}

/// One side of one movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// General-ledger account.
    pub code: GlCode,
    /// Debit positive, credit negative.
    pub value: i64,
    /// What is counted.
    pub unit: LedgerUnit,
}

/// What a general-ledger account counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, BorrowDecode)]
pub enum LedgerUnit {
    /// Minor units of a currency.
    Currency(Currency),
    /// Points of a (program, unit) pair of the issuer.
    Points(CommodityIndex),
}

/// One line of a trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, BorrowDecode)]
pub struct Total {
    /// The issuer.
    pub issuer: IssuerIndex,
    /// What is counted.
    pub unit: LedgerUnit,
    /// General-ledger account.
    pub code: GlCode,
    /// Sum of the debit legs.
    pub debits: i128,
    /// Sum of the credit legs, as a positive number.
    pub credits: i128,
}

/// A promise of the books that does not hold. There is none unless there is a bug or damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discrepancy {
    /// Debits and credits of a unit are not equal.
    Unbalanced {
        /// The issuer.
        issuer: IssuerIndex,
        /// The unit.
        unit: LedgerUnit,
        /// Debits less credits.
        difference: i128,
    },
    /// A control account is not the sum of its accounts.
    ControlDiffers {
        /// The issuer.
        issuer: IssuerIndex,
        /// The unit.
        unit: LedgerUnit,
        /// The control account.
        code: GlCode,
        /// What the general ledger has.
        control: i128,
        /// What the accounts add up to.
        accounts: i128,
    },
}

/// What decides where a movement is booked. With a borrowed text it is looked for, and hashes as the one that
/// is kept.
///
/// Each field is as it lies in the movement or the account. Were one put together first, the processor would have
/// to wait for its parts to be written before it can read it.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
struct Booking<Text> {
    issuer: IssuerIndex,
    unit: Unit,
    currency: Currency,
    working_mode: WorkingMode,
    script: u32,
    kind: OperationKind,
    detail: Option<Text>,
}

impl<Text> Booking<Text> {
    /// The same with another kind of text.
    fn with<Other>(&self, detail: Option<Other>) -> Booking<Other> {
        let Self {
            issuer,
            unit,
            currency,
            working_mode,
            script,
            kind,
            detail: _,
        } = *self;
        Booking {
            issuer,
            unit,
            currency,
            working_mode,
            script,
            kind,
            detail,
        }
    }
}

impl Equivalent<Booking<CompactString>> for Booking<&str> {
    fn equivalent(&self, key: &Booking<CompactString>) -> bool {
        *self == key.with(key.detail.as_deref())
    }
}

/// Control account of pay-later accounts: cardholder receivables.
pub const RECEIVABLES: &str = "1100";
/// Control account of pay-before and pay-now accounts: customer funds.
pub const CUSTOMER_FUNDS: &str = "2100";
/// Control account of loyalty points.
pub const CUSTOMER_POINTS: &str = "9100";
/// Contra account of loyalty points.
const POINTS_ISSUED: &str = "9900";

/// Whether a code is a control account, which only the engine books on.
#[must_use]
pub fn is_control(code: &GlCode) -> bool {
    matches!(
        code.as_str(),
        RECEIVABLES | CUSTOMER_FUNDS | CUSTOMER_POINTS
    )
}

/// The two legs of a movement: the cardholder's, then the contra.
#[must_use]
pub fn legs(portfolio: &Portfolio, movement: &Movement<'_>) -> [Leg; 2] {
    let account = portfolio.account(movement.account);
    let unit = unit_of(account, movement);
    let value = movement.quantity.value;
    let control = GlCode::of_the_engine(control_of(account, unit));
    let contra = contra_of(portfolio, account.issuer, unit, movement);
    [
        Leg {
            code: control,
            value,
            unit,
        },
        Leg {
            code: contra,
            value: -value,
            unit,
        },
    ]
}

/// Name of a standard account, for people.
#[must_use]
pub fn name_of(code: &GlCode) -> &'static str {
    match code.as_str().split('.').next().unwrap_or_default() {
        "1100" => "Cardholder receivables",
        "1300" => "Scheme settlement clearing",
        "1310" => "Payments suspense",
        "2100" => "Customer funds",
        "4100" => "Fee income",
        "4200" => "Interest income",
        "5100" => "Bonus expense",
        "5200" => "Interest expense",
        "5900" => "Adjustments and goodwill",
        "9100" => "Customer points",
        "9900" => "Points issued",
        _ => "",
    }
}

impl GeneralLedger {
    /// Books a movement.
    pub fn book(&mut self, portfolio: &Portfolio, movement: &Movement<'_>) {
        let account = portfolio.account(movement.account);
        let booking = Booking {
            issuer: account.issuer,
            unit: movement.quantity.unit,
            currency: account.currency,
            working_mode: account.working_mode,
            script: movement.script,
            kind: movement.kind,
            detail: movement.detail,
        };
        let places = match self.places.get(&booking) {
            Some(places) => *places,
            None => {
                let legs = legs(portfolio, movement);
                let places = legs.map(|leg| self.place(account.issuer, leg.unit, leg.code));
                let key = booking.with(booking.detail.map(CompactString::new));
                self.places.insert(key, places);
                places
            }
        };
        let value = i128::from(movement.quantity.value);
        for (place, value) in places.into_iter().zip([value, -value]) {
            let total = &mut self.totals[place];
            if value > 0 {
                total.debits += value;
            } else {
                total.credits -= value;
            }
        }
    }

    /// The general ledger that has these totals, in the order of their first booking.
    #[must_use]
    pub fn restored(totals: Vec<Total>) -> Self {
        let keys = totals.iter().map(|t| (t.issuer, t.unit, t.code.clone()));
        Self {
            by_code: keys.zip(0..).collect(),
            places: HashMap::new(),
            totals,
        }
    }

    /// Every total, in the order of its first booking.
    #[must_use]
    pub fn totals(&self) -> &[Total] {
        &self.totals
    }

    /// The trial balance: every account that was ever booked on, by issuer, unit and code.
    pub fn trial_balance(&self) -> impl Iterator<Item = &Total> {
        self.by_code.values().map(|place| &self.totals[*place])
    }

    /// Checks that debits equal credits in every unit, and every control account its accounts.
    #[must_use]
    pub fn discrepancies(&self, portfolio: &Portfolio) -> Vec<Discrepancy> {
        let mut found = Vec::new();
        let mut sums: BTreeMap<(IssuerIndex, LedgerUnit), i128> = BTreeMap::new();
        let mut controls: BTreeMap<(IssuerIndex, LedgerUnit, GlCode), (i128, i128)> =
            BTreeMap::new();
        for total in self.trial_balance() {
            let net = total.debits - total.credits;
            *sums.entry((total.issuer, total.unit)).or_insert(0) += net;
            if is_control(&total.code) {
                controls.insert((total.issuer, total.unit, total.code.clone()), (net, 0));
            }
        }
        // There are few sums and many accounts, and the writer may wait for this to end.
        let mut sums_of_accounts: BTreeMap<_, i128> = BTreeMap::new();
        for (_, account) in portfolio.accounts() {
            let currency = LedgerUnit::Currency(account.currency);
            let control = (account.issuer, currency, control_of(account, currency));
            *sums_of_accounts.entry(control).or_default() += account.balance_minor;
        }
        for ((root, commodity), points) in &portfolio.points {
            let issuer = portfolio.account(*root).issuer;
            let control = (issuer, LedgerUnit::Points(*commodity), CUSTOMER_POINTS);
            *sums_of_accounts.entry(control).or_default() += points;
        }
        for ((issuer, unit, code), sum) in sums_of_accounts {
            let control = (issuer, unit, GlCode::of_the_engine(code));
            controls.entry(control).or_default().1 += sum;
        }
        for ((issuer, unit), difference) in sums {
            if difference != 0 {
                found.push(Discrepancy::Unbalanced {
                    issuer,
                    unit,
                    difference,
                });
            }
        }
        for ((issuer, unit, code), (control, accounts)) in controls {
            if control != accounts {
                found.push(Discrepancy::ControlDiffers {
                    issuer,
                    unit,
                    code,
                    control,
                    accounts,
                });
            }
        }
        found
    }

    /// Where the total of a code is, a new one if there is none yet.
    fn place(&mut self, issuer: IssuerIndex, unit: LedgerUnit, code: GlCode) -> usize {
        let next = self.totals.len();
        let entry = self.by_code.entry((issuer, unit, code.clone()));
        let place = *entry.or_insert(next);
        if place == next {
            self.totals.push(Total {
                issuer,
                unit,
                code,
                debits: 0,
                credits: 0,
            });
        }
        place
    }
}

fn unit_of(account: &Account, movement: &Movement<'_>) -> LedgerUnit {
    match movement.quantity.unit {
        Unit::Money => LedgerUnit::Currency(account.currency),
        Unit::Points(commodity) => LedgerUnit::Points(commodity),
    }
}

fn control_of(account: &Account, unit: LedgerUnit) -> &'static str {
    match (unit, account.working_mode) {
        (LedgerUnit::Points(_), _) => CUSTOMER_POINTS,
        (LedgerUnit::Currency(_), WorkingMode::PayLater) => RECEIVABLES,
        (LedgerUnit::Currency(_), WorkingMode::PayBefore | WorkingMode::PayNow) => CUSTOMER_FUNDS,
    }
}

fn contra_of(
    portfolio: &Portfolio,
    issuer: IssuerIndex,
    unit: LedgerUnit,
    movement: &Movement<'_>,
) -> GlCode {
    if matches!(unit, LedgerUnit::Points(_)) {
        return GlCode::of_the_engine(POINTS_ISSUED);
    }
    let configurations = &portfolio.issuer(issuer).configurations;
    let rules = &configurations[usize_of(movement.script)].accounting_script;
    let of_kind = || rules.iter().filter(|rule| rule.kind == movement.kind);
    let exact = of_kind().find(|rule| {
        rule.detail.is_some() && rule.detail.as_ref().map(|d| d.as_str()) == movement.detail
    });
    exact
        .or_else(|| of_kind().find(|rule| rule.detail.is_none()))
        .map_or_else(|| standard_contra(movement), |rule| rule.contra.clone())
}

fn standard_contra(movement: &Movement<'_>) -> GlCode {
    match movement.kind {
        OperationKind::Fee => GlCode::of_the_engine(&format!(
            "4100.{}",
            movement.detail.expect("a fee has a type")
        )),
        OperationKind::Bonus => GlCode::of_the_engine("5100"),
        OperationKind::Interest if movement.detail == Some("DEBIT") => {
            GlCode::of_the_engine("4200")
        }
        OperationKind::Interest => GlCode::of_the_engine("5200"),
        OperationKind::Payment
        | OperationKind::Reimbursement
        | OperationKind::Load
        | OperationKind::Unload => GlCode::of_the_engine("1310"),
        OperationKind::BalanceAdjustment | OperationKind::ResetBalance => {
            GlCode::of_the_engine("5900")
        }
        OperationKind::Transaction => GlCode::of_the_engine("1300"),
    }
}
