//! What is done to accounts: postings, reversals, and how a request is changed before it is resent.

use ledger_core::command::{OperationKind, ReimbursementType};
use ledger_core::money::Amount;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::portfolio::{FEE_TYPES, PROGRAMS, REASONS, UNITS};

/// A posting.
#[derive(Debug, Clone)]
pub(super) struct PostMove {
    pub(super) kind: OperationKind,
    pub(super) size: i64,
    pub(super) sign: SignPick,
    pub(super) currency: CurrencyPick,
    pub(super) value_date: ValuePick,
    pub(super) triplet: TripletPick,
    pub(super) flavour: Flavour,
}

/// Choices that only some kinds look at.
#[derive(Debug, Clone)]
pub(super) struct Flavour {
    /// Whether a fee is an adjustment, and whether it says why.
    pub(super) adjustment: (bool, bool),
    pub(super) fee_type: &'static str,
    pub(super) reason: &'static str,
    pub(super) reimbursement: ReimbursementType,
    pub(super) program: &'static str,
    /// Points instead of money; `Some(None)`: neither, to be refused.
    pub(super) points: BonusForm,
    pub(super) rewarded: RewardedPick,
    /// Whether the amount is left out or given against the rule.
    pub(super) misplaced_amount: bool,
    pub(super) reserved_poster: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum BonusForm {
    Money,
    Points(&'static str),
    Both,
    Neither,
}

#[derive(Debug, Clone)]
pub(super) enum RewardedPick {
    None,
    Triplet(Index),
    /// The id of the operation at a place of the log, should there be one.
    Id(u64),
    Both(Index),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum SignPick {
    /// As the kind has it, where it has one; else a debit.
    Usual,
    /// A credit, where the kind allows one.
    Credit,
    /// Against the rule of the kind.
    Wrong,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum CurrencyPick {
    Own,
    Other,
}

/// A value date, relative to the business date.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValuePick {
    Absent,
    Day(i32),
    /// An instant that many milliseconds from UTC midnight of that day.
    Instant(i32, i64),
}

#[derive(Debug, Clone)]
pub(super) enum TripletPick {
    /// A new reference, dated that many milliseconds from noon of the business date.
    Fresh(i64),
    /// The triplet of an earlier operation.
    Used(Index),
    /// Nearly that of an earlier operation: another date, reference or poster.
    Near(Index, usize),
}

/// A reversal.
#[derive(Debug, Clone)]
pub(super) struct ReverseMove {
    /// Which earlier posting, counted from the latest.
    pub(super) target: usize,
    pub(super) part: Part,
    pub(super) triplet: TripletPick,
    pub(super) slip: Slip,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// No amount: all that remains.
    Rest,
    /// The whole of the original.
    Whole,
    /// Half of the original.
    Half,
    One,
    OneMoreThanWhole,
    /// The sign of the original.
    WrongSign,
    Zero,
}

/// What is wrong with a reversal.
#[derive(Debug, Clone)]
pub(super) enum Slip {
    None,
    OtherKind(OperationKind),
    OtherAccount,
    /// The original is itself a reversal.
    OfReversal,
    OtherCurrency,
    /// A fee type, right or wrong for a fee and never right for another kind.
    FeeType(&'static str),
    NoReason,
    OddReason,
    UnknownOriginal,
}

/// What changes in a request that is sent again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// A new correlation id: only the triplet tells.
    Correlation,
    CorrelationAndAmount,
    CorrelationAndPostingDate,
    /// A new correlation id, and another annotation.
    CorrelationAndNote,
    /// Who gave it, which is no change.
    User,
    /// An annotation.
    Note,
    Amount,
    Description,
    ExternalCode,
    ValueDate,
    PostingDate,
    TripletDate,
    Account,
    /// The account's other name, which is no change.
    Selector,
    Flag,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

pub(super) fn posting() -> impl Strategy<Value = PostMove> {
    // Weighted by how many rules a kind has. Reimbursements and unloads need a credit balance, which
    // payments and loads make, so these are frequent too.
    let kind = prop_oneof![
        12 => Just(OperationKind::Fee),
        7 => Just(OperationKind::Bonus),
        3 => Just(OperationKind::Interest),
        12 => Just(OperationKind::Payment),
        9 => Just(OperationKind::BalanceAdjustment),
        4 => Just(OperationKind::Reimbursement),
        4 => Just(OperationKind::Load),
        2 => Just(OperationKind::Unload),
        2 => Just(OperationKind::ResetBalance),
        5 => Just(OperationKind::Transaction),
    ];
    let sign = prop_oneof![
        16 => Just(SignPick::Usual),
        6 => Just(SignPick::Credit),
        1 => Just(SignPick::Wrong),
    ];
    let currency = prop_oneof![40 => Just(CurrencyPick::Own), 1 => Just(CurrencyPick::Other)];
    (
        kind,
        size(),
        sign,
        currency,
        value_date(),
        triplet(),
        flavour(),
    )
        .prop_map(
            |(kind, size, sign, currency, value_date, triplet, flavour)| PostMove {
                kind,
                size,
                sign,
                currency,
                value_date,
                triplet,
                flavour,
            },
        )
}

/// Magnitudes.
pub(super) fn size() -> impl Strategy<Value = i64> {
    prop_oneof![
        // Small against the limits (50 000), so that most pass and sums still reach them.
        24 => 1..=20_000_i64,
        6 => Just(1),
        4 => Just(60_000),
        3 => Just(Amount::MINOR_MAX),
        // Refused by their form.
        1 => select(vec![0, Amount::MINOR_MAX + 1, i64::MAX]),
    ]
}

fn value_date() -> impl Strategy<Value = ValuePick> {
    let day = prop_oneof![
        // Around today: past, today, and pending for an advance or two.
        10 => -3..=4,
        // At the limits that issuers set (2, 30, 365), and one past them.
        2 => select(vec![-400, -365, -31, -30, 29, 30, 31, 32, 364, 365, 366, 367]),
    ];
    // Around midnight in each of the zones.
    let in_day = select(vec![
        0,
        HOUR_MS,
        4 * HOUR_MS,
        5 * HOUR_MS,
        22 * HOUR_MS,
        23 * HOUR_MS,
        DAY_MS - 1,
    ]);
    prop_oneof![
        4 => Just(ValuePick::Absent),
        4 => day.clone().prop_map(ValuePick::Day),
        2 => (day, in_day).prop_map(|(day, in_day)| ValuePick::Instant(day, in_day)),
    ]
}

fn triplet() -> impl Strategy<Value = TripletPick> {
    let date = prop_oneof![
        16 => -2 * DAY_MS..=0,
        4 => 0..=2 * DAY_MS,
        // At the tolerance for dates ahead (31 days), and far beyond it.
        1 => select(vec![30 * DAY_MS, 31 * DAY_MS, 32 * DAY_MS, 400 * DAY_MS, -400 * DAY_MS]),
    ];
    prop_oneof![
        20 => date.prop_map(TripletPick::Fresh),
        1 => any::<Index>().prop_map(TripletPick::Used),
        1 => (any::<Index>(), 0_usize..3).prop_map(|(of, part)| TripletPick::Near(of, part)),
    ]
}

fn flavour() -> impl Strategy<Value = Flavour> {
    let adjustment = (prop::bool::weighted(0.3), prop::bool::weighted(0.8));
    let fee_type = prop_oneof![10 => select(FEE_TYPES[..2].to_vec()), 1 => Just(FEE_TYPES[2])];
    let reimbursement = select(vec![
        ReimbursementType::Full,
        ReimbursementType::Partial,
        ReimbursementType::Max,
    ]);
    let program = prop_oneof![12 => select(PROGRAMS.to_vec()), 1 => Just("NONE")];
    let points = prop_oneof![
        5 => Just(BonusForm::Money),
        6 => select(UNITS.to_vec()).prop_map(BonusForm::Points),
        1 => select(vec![BonusForm::Both, BonusForm::Neither]),
    ];
    let rewarded = prop_oneof![
        8 => Just(RewardedPick::None),
        2 => any::<Index>().prop_map(RewardedPick::Triplet),
        // A history records some eighty commands.
        2 => (1_u64..100).prop_map(RewardedPick::Id),
        1 => any::<Index>().prop_map(RewardedPick::Both),
    ];
    (
        adjustment,
        fee_type,
        select(REASONS.to_vec()),
        reimbursement,
        program,
        points,
        rewarded,
        prop::bool::weighted(0.03),
        prop::bool::weighted(0.015),
    )
        .prop_map(
            |(
                adjustment,
                fee_type,
                reason,
                reimbursement,
                program,
                points,
                rewarded,
                misplaced_amount,
                reserved_poster,
            )| Flavour {
                adjustment,
                fee_type,
                reason,
                reimbursement,
                program,
                points,
                rewarded,
                misplaced_amount,
                reserved_poster,
            },
        )
}

pub(super) fn reversal() -> impl Strategy<Value = ReverseMove> {
    let target = prop_oneof![
        // The latest few, so that one original meets several reversals.
        4 => 0_usize..3,
        2 => 0_usize..20,
    ];
    let part = prop_oneof![
        6 => Just(Part::Rest),
        3 => Just(Part::Whole),
        4 => Just(Part::Half),
        3 => Just(Part::One),
        1 => Just(Part::OneMoreThanWhole),
        1 => Just(Part::WrongSign),
        1 => Just(Part::Zero),
    ];
    let slip = prop_oneof![
        3 => select(OperationKind::ALL.to_vec()).prop_map(Slip::OtherKind),
        3 => Just(Slip::OtherAccount),
        3 => Just(Slip::OfReversal),
        1 => Just(Slip::OtherCurrency),
        2 => select(FEE_TYPES.to_vec()).prop_map(Slip::FeeType),
        1 => Just(Slip::NoReason),
        1 => Just(Slip::OddReason),
        1 => Just(Slip::UnknownOriginal),
    ];
    let slip = prop_oneof![4 => Just(Slip::None), 1 => slip];
    (target, part, triplet(), slip).prop_map(|(target, part, triplet, slip)| ReverseMove {
        target,
        part,
        triplet,
        slip,
    })
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    select(vec![
        // Twice, since it has three outcomes: the operation is there, was refused, or differs.
        Change::Correlation,
        Change::Correlation,
        Change::CorrelationAndAmount,
        Change::CorrelationAndPostingDate,
        Change::CorrelationAndNote,
        Change::User,
        Change::Note,
        Change::Amount,
        Change::Description,
        Change::ExternalCode,
        Change::ValueDate,
        Change::PostingDate,
        Change::TripletDate,
        Change::Account,
        Change::Selector,
        Change::Flag,
    ])
}
