//! What the stage is set with: issuers, products, programs, accounts.

use ledger_core::command::{
    ConfigureIssuer, DefineBonusProgram, DefineProduct, OperationKind, ReversalValueDating,
    ScriptRule, WorkingMode,
};
use ledger_core::money::{Amount, Currency};
use ledger_core::text::{
    BonusProgramReference, FeeType, GlCode, LoyaltyUnit, ProductReference, ReasonCode,
};
use ledger_core::time::{BusinessDate, TimeZone};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::FIRST_DAY;

/// An issuer with what it defines.
#[derive(Debug, Clone)]
pub(super) struct IssuerPlan {
    pub(super) configuration: ConfigureIssuer,
    /// Currency of all products but the last.
    pub(super) currency: Currency,
    pub(super) programs: Vec<ProgramPlan>,
    pub(super) accounts: Vec<AccountPlan>,
}

#[derive(Debug, Clone)]
pub(super) struct AccountPlan {
    /// Place in [`PRODUCTS`]; one past the end names none.
    pub(super) product: usize,
    pub(super) limit_minor: Option<i64>,
    pub(super) parent: ParentPick,
    pub(super) programs: Vec<&'static str>,
    pub(super) no_parent_notification: bool,
    pub(super) no_otb_check: bool,
    pub(super) root_pays: bool,
    pub(super) naming: Naming,
}

#[derive(Debug, Clone)]
pub(super) enum ParentPick {
    None,
    External(Index),
    Reference(Index),
    Anyone(u32),
    Both(Index),
}

#[derive(Debug, Clone)]
pub(super) enum Naming {
    Fresh,
    Unnamed,
    /// The name of an earlier account.
    Used(Index),
}

#[derive(Debug, Clone)]
pub(super) struct ProductPlan {
    pub(super) product: usize,
    pub(super) working_mode: WorkingMode,
    pub(super) fee_types: Vec<&'static str>,
    pub(super) limit_minor: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct ProgramPlan {
    pub(super) reference: &'static str,
    pub(super) monetary: bool,
    pub(super) units: Vec<&'static str>,
}

/// Products of every issuer: one of each working mode, and one in another currency.
pub(super) const PRODUCTS: [&str; 4] = ["CREDIT", "PREPAID", "DEBIT", "FOREIGN"];
pub(super) const FEE_TYPES: [&str; 3] = ["ANNUAL", "LATE", "CASH"];
pub(super) const REASONS: [&str; 2] = ["GOODWILL", "ERROR"];
pub(super) const UNITS: [&str; 2] = ["POINT", "MILE"];
pub(super) const PROGRAMS: [&str; 2] = ["MONEYBACK", "CLUB"];

/// A real currency by its code.
pub(super) fn currency(code: &str) -> Currency {
    Currency::from_code(code).expect("a real currency")
}

/// The currency of the product that no other account of the issuer has.
pub(super) fn foreign(main: Currency) -> Currency {
    currency(if main.code() == "USD" { "EUR" } else { "USD" })
}

/// One issuer, one account: the shortest setup.
pub(super) fn simplest() -> IssuerPlan {
    IssuerPlan {
        configuration: ConfigureIssuer {
            time_zone: TimeZone::from_name("UTC").expect("a zone"),
            business_date: Some(FIRST_DAY),
            reversal_value_dating: ReversalValueDating::BusinessDate,
            accounting_script: Vec::new(),
            balance_adjustment_reasons: Vec::new(),
            value_date_ahead_days_max: None,
            value_date_back_days_max: None,
        },
        currency: currency("EUR"),
        programs: Vec::new(),
        accounts: vec![AccountPlan {
            product: 0,
            limit_minor: None,
            parent: ParentPick::None,
            programs: Vec::new(),
            no_parent_notification: false,
            no_otb_check: false,
            root_pays: false,
            naming: Naming::Fresh,
        }],
    }
}

pub(super) fn issuer() -> impl Strategy<Value = IssuerPlan> {
    let programs = (any::<bool>(), any::<bool>()).prop_map(|(money, club_money)| {
        let plan = |reference, monetary, units: &[&'static str]| ProgramPlan {
            reference,
            monetary,
            units: units.to_vec(),
        };
        vec![
            plan(PROGRAMS[0], true, if money { &[] } else { &UNITS[..1] }),
            plan(PROGRAMS[1], club_money, &UNITS),
        ]
    });
    (
        configuration(),
        // Exponents 2, 0 and 3.
        select(vec!["EUR", "JPY", "TND"]),
        programs,
        // Six accounts make hierarchies of two and three levels likely.
        vec(account(), 1..=6),
    )
        .prop_map(|(configuration, code, programs, accounts)| IssuerPlan {
            configuration,
            currency: currency(code),
            programs,
            accounts,
        })
}

fn configuration() -> impl Strategy<Value = ConfigureIssuer> {
    // The model knows the clock changes of these; one is ahead of UTC, one behind.
    let time_zone = select(vec!["UTC", "Europe/Berlin", "America/New_York"])
        .prop_map(|name| TimeZone::from_name(name).expect("a zone"));
    let business_date = prop_oneof![
        3 => Just(Some(FIRST_DAY)),
        1 => Just(None),
        // A history that begins long ago.
        1 => Just(Some(BusinessDate(FIRST_DAY.0 - 365))),
    ];
    let dating = select(vec![
        ReversalValueDating::BusinessDate,
        ReversalValueDating::Original,
    ]);
    let reasons = prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(vec![reason(REASONS[0])]),
    ];
    let ahead = prop_oneof![6 => Just(None), 1 => select(vec![0, 2, 30]).prop_map(Some)];
    let back = prop_oneof![6 => Just(None), 1 => select(vec![0, 2, 30]).prop_map(Some)];
    (
        time_zone,
        business_date,
        dating,
        script(),
        reasons,
        ahead,
        back,
    )
        .prop_map(
            |(time_zone, business_date, dating, script, reasons, ahead, back)| ConfigureIssuer {
                time_zone,
                business_date,
                reversal_value_dating: dating,
                accounting_script: script,
                balance_adjustment_reasons: reasons,
                value_date_ahead_days_max: ahead,
                value_date_back_days_max: back,
            },
        )
}

/// Rules for different operations: two for the same are refused, and with them the issuer that most
/// of a history is about.
fn script() -> impl Strategy<Value = Vec<ScriptRule>> {
    vec(script_rule(), 0..=3).prop_map(|mut rules| {
        rules.sort_by(|a, b| (a.kind, &a.detail).cmp(&(b.kind, &b.detail)));
        rules.dedup_by(|a, b| (a.kind, &a.detail) == (b.kind, &b.detail));
        rules
    })
}

fn script_rule() -> impl Strategy<Value = ScriptRule> {
    let detail = prop_oneof![
        2 => Just(None),
        1 => select(vec![FEE_TYPES[0], FEE_TYPES[1], REASONS[0], "DEBIT"]).prop_map(Some),
    ];
    // Few codes, so that kinds meet on one account, also with the standard script. The control
    // account is refused.
    let contra = prop_oneof![
        30 => select(vec!["4100", "5900", "X1"]),
        1 => Just("1100"),
    ];
    (select(OperationKind::ALL.to_vec()), detail, contra).prop_map(|(kind, detail, contra)| {
        // A fee type says no interest, and seldom stands there: the issuer is refused with it.
        let detail = match (kind, detail) {
            (OperationKind::Interest, Some(other)) if other != "DEBIT" && other != FEE_TYPES[0] => {
                Some("CREDIT")
            }
            (_, detail) => detail,
        };
        ScriptRule {
            kind,
            detail: detail.map(reason),
            contra: GlCode::new(contra).expect("a code"),
        }
    })
}

pub(super) fn account() -> impl Strategy<Value = AccountPlan> {
    let product = prop_oneof![
        18 => 0_usize..3,
        // Under a parent, refused for its currency.
        1 => Just(3),
        // No such product.
        1 => Just(PRODUCTS.len()),
    ];
    let parent = prop_oneof![
        2 => Just(ParentPick::None),
        3 => any::<Index>().prop_map(ParentPick::External),
        2 => any::<Index>().prop_map(ParentPick::Reference),
    ];
    let parent = prop_oneof![
        30 => parent,
        1 => (0_u32..12).prop_map(ParentPick::Anyone),
        1 => any::<Index>().prop_map(ParentPick::Both),
    ];
    let naming = prop_oneof![
        20 => Just(Naming::Fresh),
        2 => Just(Naming::Unnamed),
        1 => any::<Index>().prop_map(Naming::Used),
    ];
    (
        product,
        prop_oneof![2 => Just(None), 1 => limit_minor().prop_map(Some)],
        parent,
        // Both programs are likely somewhere on the way up, and missing often enough.
        prop_oneof![1 => Just(PROGRAMS.to_vec()), 1 => subsequence(PROGRAMS.to_vec(), 0..=2)],
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.4),
        naming,
    )
        .prop_map(
            |(product, limit_minor, parent, programs, silent, unchecked, root_pays, naming)| {
                AccountPlan {
                    product,
                    limit_minor,
                    parent,
                    programs,
                    no_parent_notification: silent,
                    no_otb_check: unchecked,
                    root_pays,
                    naming,
                }
            },
        )
}

pub(super) fn limit_minor() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0),
        12 => 1..=100_000_i64,
        1 => Just(Amount::MINOR_MAX),
        1 => select(vec![-1, Amount::MINOR_MAX + 1]),
    ]
}

pub(super) fn product() -> impl Strategy<Value = ProductPlan> {
    let modes = vec![
        WorkingMode::PayLater,
        WorkingMode::PayBefore,
        WorkingMode::PayNow,
    ];
    (
        0..PRODUCTS.len(),
        select(modes),
        subsequence(FEE_TYPES.to_vec(), 0..=3),
        prop::option::of(limit_minor()),
    )
        .prop_map(
            |(product, working_mode, fee_types, limit_minor)| ProductPlan {
                product,
                working_mode,
                fee_types,
                limit_minor,
            },
        )
}

pub(super) fn program() -> impl Strategy<Value = ProgramPlan> {
    (
        select(PROGRAMS.to_vec()),
        any::<bool>(),
        subsequence(UNITS.to_vec(), 0..=2),
    )
        .prop_map(|(reference, monetary, units)| ProgramPlan {
            reference,
            monetary,
            units,
        })
}

impl ProductPlan {
    /// The product at a place of [`PRODUCTS`], as the setup defines it.
    pub(super) fn standard(product: usize) -> Self {
        let working_mode = match product {
            1 => WorkingMode::PayBefore,
            2 => WorkingMode::PayNow,
            _ => WorkingMode::PayLater,
        };
        Self {
            product,
            working_mode,
            // One type is missing, to be refused.
            fee_types: FEE_TYPES[..2].to_vec(),
            limit_minor: (product == 0).then_some(50_000),
        }
    }

    pub(super) fn command(&self, main: Currency) -> DefineProduct {
        let currency = if self.product == 3 {
            foreign(main)
        } else {
            main
        };
        DefineProduct {
            reference: product_reference(self.product),
            currency,
            working_mode: self.working_mode,
            fee_types: self.fee_types.iter().map(|name| fee_type(name)).collect(),
            default_credit_limit: self.limit_minor.map(|minor| Amount { minor, currency }),
        }
    }
}

impl ProgramPlan {
    pub(super) fn command(&self) -> DefineBonusProgram {
        DefineBonusProgram {
            reference: program_reference(self.reference),
            monetary: self.monetary,
            loyalty_units: self.units.iter().map(|name| loyalty_unit(name)).collect(),
        }
    }
}

pub(super) fn product_reference(product: usize) -> ProductReference {
    let name = PRODUCTS.get(product).unwrap_or(&"NONE");
    ProductReference::new(name).expect("a name")
}

pub(super) fn program_reference(name: &str) -> BonusProgramReference {
    BonusProgramReference::new(name).expect("a name")
}

pub(super) fn fee_type(name: &str) -> FeeType {
    FeeType::new(name).expect("a name")
}

pub(super) fn loyalty_unit(name: &str) -> LoyaltyUnit {
    LoyaltyUnit::new(name).expect("a name")
}

pub(super) fn reason(name: &str) -> ReasonCode {
    ReasonCode::new(name).expect("a name")
}
