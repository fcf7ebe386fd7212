//! Balances on two axes of time, and double entry.

use ledger_core::ids::AccountIndex;
use ledger_core::money::Currency;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::projection::general_ledger::{LedgerUnit, Total};
use ledger_core::time::{BusinessDate, Timestamp};
use proptest::prelude::*;
use proptests::engine::Engine;
use proptests::model::{LedgerLine, Model};
use proptests::strategy::{self, FIRST_DAY, FIRST_NOON, Step};

use crate::{config, regressions};

/// Value dates and instants to ask about: around the history, and anywhere in the years around it.
fn questions() -> impl Strategy<Value = Vec<(BusinessDate, Timestamp)>> {
    let valued = prop_oneof![4 => -5_i32..=20, 1 => -500_i32..=900];
    let known = prop_oneof![
        3 => -86_400_000_i64..=3 * 86_400_000,
        2 => 0_i64..=2_000,
        1 => -410 * 86_400_000_i64..=410 * 86_400_000,
    ];
    let question = (valued, known).prop_map(|(days, ms)| {
        (
            BusinessDate(FIRST_DAY.0 + days),
            Timestamp(FIRST_NOON.0 + ms),
        )
    });
    proptest::collection::vec(question, 1..20)
}

proptest! {
    #![proptest_config(config(5_000, regressions!("books")))]

    /// The balance by value date V, known at K, is the sum of the operations of the account that
    /// have a value date of at most V and were posted at or before K.
    #[test]
    fn a_balance_at_v_and_k_is_a_plain_sum(
        steps in strategy::history(1..60),
        questions in questions(),
    ) {
        same_balances(&steps, &questions)?;
    }

    /// The live balance is the balance at the business date, everything known; and the balance as of a position
    /// is the live balance that there was then, whatever came since.
    #[test]
    fn the_live_balance_is_the_balance_at_the_business_date(steps in strategy::history(1..60)) {
        let mut engine = Engine::default();
        let mut seen = Vec::new();
        for step in steps {
            engine.submit_one(step.request, step.now);
            let books = engine.books();
            for (index, account) in books.portfolio().accounts() {
                prop_assert_eq!(books.balance_minor(index, None, None), account.balance_minor);
                let today = books.portfolio().issuer(account.issuer).business_date;
                let asked = books.balance_minor(index, Some(today), Some(Timestamp(i64::MAX)));
                prop_assert_eq!(asked, account.balance_minor);
                seen.extend(books.last_seq().map(|at| (at, index, account.balance_minor)));
            }
        }
        let books = engine.books();
        for (at, index, balance) in seen {
            let then = books.balance_minor_at(index, at, None, None);
            prop_assert_eq!(then, balance, "account {:?} at {:?}", index, at);
        }
    }

    /// After every request, debits equal credits in every unit and every control account is the sum
    /// of its accounts; every account of the trial balance has what the model books on it.
    #[test]
    fn the_trial_balance_sums_to_zero(steps in strategy::history(1..60)) {
        let mut engine = Engine::default();
        let mut model = Model::default();
        for step in &steps {
            engine.submit_one(step.request.clone(), step.now);
            model.submit(&step.request, step.now);
            let books = engine.books();
            let ledger = books.general_ledger();
            prop_assert_eq!(ledger.discrepancies(books.portfolio()), []);
            let sum: i128 = ledger.trial_balance().map(|total| total.debits - total.credits).sum();
            prop_assert_eq!(sum, 0);
        }
        let mut nets = std::collections::BTreeMap::new();
        let books = engine.books();
        for total in books.general_ledger().trial_balance() {
            *nets.entry(named(books.portfolio(), total)).or_insert(0) +=
                total.debits - total.credits;
        }
        nets.retain(|_, net| *net != 0);
        prop_assert_eq!(nets, model.trial_balance());
    }
}

proptest! {
    // Each case is some hundred times as long as one above.
    #![proptest_config(config(300, regressions!("long_histories")))]

    /// The law of V and K holds where histories are kept in blocks, and where entries come late.
    #[test]
    fn a_long_history_gives_plain_sums(
        steps in strategy::long_history(60..400),
        questions in questions(),
    ) {
        same_balances(&steps, &questions)?;
    }
}

proptest! {
    #![proptest_config(config(24, regressions!("longest_histories")))]

    /// The same where blocks are made of blocks (from 1 024 entries on).
    #[test]
    fn a_history_of_blocks_of_blocks_gives_plain_sums(
        steps in strategy::long_history(1_000..1_300),
        questions in questions(),
    ) {
        same_balances(&steps, &questions)?;
    }
}

fn same_balances(
    steps: &[Step],
    questions: &[(BusinessDate, Timestamp)],
) -> Result<(), TestCaseError> {
    let mut engine = Engine::default();
    let mut model = Model::default();
    for step in steps {
        engine.submit_one(step.request.clone(), step.now);
        model.submit(&step.request, step.now);
    }
    let books = engine.books();
    // A random instant rarely meets a posting: ask at the very millisecond of each, and just before.
    let edges = engine.log().filter_map(|record| {
        let operation = record.operation()?;
        Some((operation.decided.value_date, operation.posting_date))
    });
    let edges: Vec<_> = edges.take(30).collect();
    let around = edges.iter().flat_map(|(valued, known)| {
        let before = Timestamp(known.0 - 1);
        let day_before = BusinessDate(valued.0 - 1);
        [(*valued, *known), (*valued, before), (day_before, *known)]
    });
    for (valued, known) in questions.iter().copied().chain(around) {
        for place in 0..model.accounts() {
            same_balance(books, &model, place, (valued, known))?;
        }
    }
    Ok(())
}

fn same_balance(
    books: &Books,
    model: &Model,
    place: usize,
    (valued, known): (BusinessDate, Timestamp),
) -> Result<(), TestCaseError> {
    let index = AccountIndex(u32::try_from(place).expect("a place"));
    let found = books.balance_minor(index, Some(valued), Some(known));
    let expected = model.balance_at(place, valued, known);
    prop_assert_eq!(
        found,
        expected,
        "account {} at {:?}, {:?}",
        place,
        valued,
        known
    );
    Ok(())
}

/// A line of the trial balance by the names that the model uses.
fn named(portfolio: &Portfolio, total: &Total) -> LedgerLine {
    let issuer = portfolio.issuer(total.issuer);
    let unit = match total.unit {
        LedgerUnit::Currency(currency) => Currency::code(currency).to_owned(),
        LedgerUnit::Points(commodity) => {
            let place = usize::try_from(commodity.0).expect("a place");
            let (program, unit) = &issuer.commodities[place];
            format!("{program}/{unit}")
        }
    };
    (issuer.id.clone(), unit, total.code.as_str().to_owned())
}
