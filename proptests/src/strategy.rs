//! Random histories: commands in the order a caller sends them, never states.
//!
//! A history is drawn in two steps. First come `Move`s, small descriptions such as "reverse half of
//! the operation before last", independent of each other so that shrinking can drop any of them. Then
//! the `Director` turns them into requests one after another, looking at the requests before but
//! never at what the engine made of them. So a move may well be refused; the weights below keep
//! enough of them acceptable that histories get somewhere, and `tests/it/shares.rs` measures it.

mod action;
mod director;
mod portfolio;
mod reserves;

use ledger_core::command::Request;
use ledger_core::time::{BusinessDate, Timestamp};
use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use action::{Change, PostMove, ReverseMove};
use director::Director;
use portfolio::{AccountPlan, IssuerPlan};
use reserves::{ClearMove, MessageMove, ReservationMove};

/// One request and when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The reading of the clock; it may run backwards.
    pub now: Timestamp,
    /// What is sent.
    pub request: Request,
}

/// The day histories start on, 2024-02-27: a leap day is two days off and a change to summer time
/// two weeks off in New York, a month off in Berlin.
pub const FIRST_DAY: BusinessDate = BusinessDate(19_780);

/// Noon UTC of [`FIRST_DAY`].
pub const FIRST_NOON: Timestamp = Timestamp(19_780 * DAY_MS + 12 * HOUR_MS);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Histories of a small portfolio: its setup, and then as many moves as `moves` says.
pub fn history(moves: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    let second = prop_oneof![
        // One issuer: shorter counterexamples.
        2 => Just(None),
        3 => (any::<Index>(), portfolio::issuer()).prop_map(Some),
    ];
    (portfolio::issuer(), second, vec(one_move(), moves)).prop_map(|(first, second, moves)| {
        let mut director = Director::default();
        director.set_up(0, first);
        // The second issuer arrives in the middle, so that one batch may hold both an issuer's first
        // command and operations of the other.
        let (at, mut second) = match second {
            Some((at, plan)) => (at.index(moves.len() + 1), Some(plan)),
            None => (usize::MAX, None),
        };
        for (place, one) in moves.into_iter().enumerate() {
            if place == at {
                director.set_up(1, second.take().expect("one arrival"));
            }
            director.perform(one);
        }
        director.into_steps()
    })
}

/// The one history of so many moves that belongs to a seed.
///
/// # Panics
/// When no history can be drawn, which no strategy here allows.
#[must_use]
pub fn history_of(seed: u64, moves: usize) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tree = history(moves..=moves).new_tree(&mut runner);
    tree.expect("nothing is filtered").current()
}

/// The requests of a history, all to be sent at one time.
#[must_use]
pub fn requests(steps: &[Step]) -> Vec<Request> {
    steps.iter().map(|step| step.request.clone()).collect()
}

/// Histories of one account that is posted on over and over, with posting dates in any order: long
/// enough for the blocks of its history (64 entries, and 16 such blocks), which short ones never reach.
pub fn long_history(postings: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    let posting = (
        -1_000_i64..=1_000,
        // Few days, so that blocks hold several entries of one.
        prop_oneof![9 => -20_i32..=0, 1 => 1_i32..=20],
        prop_oneof![
            // In order, like a live ledger.
            6 => Just(None),
            // A replayed history: late by a little or a lot, or at the very same instant.
            3 => (0_i64..=40).prop_map(Some),
            1 => (0_i64..=4_000).prop_map(Some),
        ],
    );
    vec(posting, postings).prop_map(|postings| {
        let mut director = Director::default();
        director.set_up(0, portfolio::simplest());
        for (minor, day, late) in postings {
            director.adjust(minor, day, late);
        }
        director.into_steps()
    })
}

/// One thing a caller does.
#[derive(Debug, Clone)]
struct Move {
    clock_ms: i64,
    issuer: IssuerPick,
    account: AccountPick,
    correlation: CorrelationPick,
    /// Posting date, relative to the clock.
    posting_ms: Option<i64>,
    deed: Deed,
}

#[derive(Debug, Clone, Copy)]
enum IssuerPick {
    First,
    /// The second, if it has arrived; else the first.
    Second,
    SecondEvenIfUnknown,
}

#[derive(Debug, Clone)]
enum Deed {
    Post(PostMove),
    Reverse(ReverseMove),
    /// A message of the authorization system.
    Authorize(MessageMove),
    /// A purchase that clears a business case.
    Clear(PostMove, ClearMove),
    /// An offline reservation, or its end.
    Reserve(ReservationMove),
    /// Sends an earlier request again, changed or not.
    Resend {
        which: Index,
        change: Option<Change>,
    },
    Advance(i32),
    Limit(i64),
    Close,
    Open(AccountPlan),
    Configure(Box<IssuerPlan>),
    Product(portfolio::ProductPlan),
    Program(portfolio::ProgramPlan),
}

#[derive(Debug, Clone)]
enum AccountPick {
    /// An account of the issuer, by the issuer's name if it has one.
    External(Index),
    /// An account of the issuer, by the engine's reference.
    Reference(Index),
    /// Any place, perhaps another issuer's account or none.
    Anyone(u32),
}

#[derive(Debug, Clone)]
enum CorrelationPick {
    Fresh,
    Used(Index),
}

fn one_move() -> impl Strategy<Value = Move> {
    let clock_ms = prop_oneof![
        // Several requests in one millisecond are the usual case for a batch.
        6 => Just(0),
        3 => 1..=HOUR_MS,
        1 => Just(DAY_MS),
        // A clock that was set back.
        1 => -HOUR_MS..0,
    ];
    let account = prop_oneof![
        12 => any::<Index>().prop_map(AccountPick::External),
        6 => any::<Index>().prop_map(AccountPick::Reference),
        // Half of the twelve places exist in a typical history.
        1 => (0_u32..12).prop_map(AccountPick::Anyone),
    ];
    let correlation = prop_oneof![
        // Collisions by accident; those on purpose are `Deed::Resend`.
        30 => Just(CorrelationPick::Fresh),
        1 => any::<Index>().prop_map(CorrelationPick::Used),
    ];
    let posting_ms = prop_oneof![
        // Live traffic has none; what has one is a replayed history, in any order.
        13 => Just(None),
        2 => Just(Some(0)),
        3 => prop::sample::select(vec![-400 * DAY_MS, -30 * DAY_MS, -2 * DAY_MS, -HOUR_MS])
            .prop_map(Some),
        1 => prop::sample::select(vec![HOUR_MS, 3 * DAY_MS]).prop_map(Some),
    ];
    // Most go to the first issuer, so that its hierarchies fill up.
    let issuer = prop_oneof![
        24 => Just(IssuerPick::First),
        6 => Just(IssuerPick::Second),
        1 => Just(IssuerPick::SecondEvenIfUnknown),
    ];
    (clock_ms, issuer, account, correlation, posting_ms, deed()).prop_map(
        |(clock_ms, issuer, account, correlation, posting_ms, deed)| Move {
            clock_ms,
            issuer,
            account,
            correlation,
            posting_ms,
            deed,
        },
    )
}

fn deed() -> impl Strategy<Value = Deed> {
    let change = prop_oneof![
        // Sent again unchanged: the case that idempotency exists for.
        3 => Just(None),
        2 => action::change().prop_map(Some),
    ];
    let days = prop_oneof![
        6 => 1..=3,
        // Past the usual horizons, and over a leap day a year on.
        1 => prop::sample::select(vec![14, 31, 366]),
        // Not forward.
        1 => -1..=0,
    ];
    prop_oneof![
        100 => action::posting().prop_map(Deed::Post),
        38 => action::reversal().prop_map(Deed::Reverse),
        36 => reserves::message().prop_map(Deed::Authorize),
        22 => (action::posting(), reserves::clearing())
            .prop_map(|(post, clear)| Deed::Clear(post, clear)),
        14 => reserves::reservation().prop_map(Deed::Reserve),
        20 => (any::<Index>(), change).prop_map(|(which, change)| Deed::Resend { which, change }),
        14 => days.prop_map(Deed::Advance),
        6 => portfolio::limit_minor().prop_map(Deed::Limit),
        // Rare, since it ends an account for good.
        1 => Just(Deed::Close),
        6 => portfolio::account().prop_map(Deed::Open),
        2 => portfolio::issuer().prop_map(|plan| Deed::Configure(Box::new(plan))),
        2 => portfolio::product().prop_map(Deed::Product),
        2 => portfolio::program().prop_map(Deed::Program),
    ]
}
