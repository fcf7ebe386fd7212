//! The engine against the model, request by request.

use ledger_core::command::Command;
use ledger_core::decide::Answer;
use ledger_core::event::EventBody;
use ledger_core::ids::AccountIndex;
use ledger_core::portfolio::{AccountStatus, PackedAmounts, Portfolio};
use proptest::prelude::*;
use proptests::engine::Engine;
use proptests::model::{Expected, Model, agreement};
use proptests::strategy;

use crate::{config, regressions};

proptest! {
    #![proptest_config(config(10_000, regressions!("answers")))]

    /// The engine gives every request the answer of the model: carried out or refused, why, whether
    /// it was so before, and under which operation id. After it, every account has the amounts of
    /// the model, and every operation its state.
    #[test]
    fn the_engine_answers_as_the_model(steps in strategy::history(1..60)) {
        let mut engine = Engine::default();
        let mut model = Model::default();
        for step in &steps {
            let answer = engine.submit_one(step.request.clone(), step.now);
            let expected = model.submit(&step.request, step.now);
            let agreed = agreement(&answer, &expected);
            prop_assert_eq!(agreed, Ok(()), "{:?}", step.request);
            same_amounts_answered(&answer, &model)?;
            same_accounts(engine.state().portfolio(), &model)?;
            same_accounts(engine.books().portfolio(), &model)?;
            told_what_is_left(&engine, &answer)?;
        }
        same_cases(engine.state().portfolio(), &model)?;
        same_operations(engine.state().portfolio(), &model)?;
    }
}

/// An answer decided now tells the amounts of its account; a repeated one does not.
fn same_amounts_answered(answer: &Answer, model: &Model) -> Result<(), TestCaseError> {
    let Some(amounts) = answer.amounts.map(PackedAmounts::unpack) else {
        let is_about_account = matches!(answer.outcome, Ok(accepted) if accepted.account.is_some());
        prop_assert!(answer.replayed || !is_about_account);
        return Ok(());
    };
    prop_assert!(!answer.replayed);
    if let Ok(accepted) = &answer.outcome {
        let account = accepted.account.and_then(|account| account.index());
        let place = usize::try_from(account.expect("amounts of an account").0).expect("a place");
        prop_assert_eq!(amounts.balance_minor, model.balance(place));
        prop_assert_eq!(amounts.open_to_buy_minor, model.open_to_buy(place));
    }
    Ok(())
}

/// A message tells the open-to-buy that it leaves.
fn told_what_is_left(engine: &Engine, answer: &Answer) -> Result<(), TestCaseError> {
    if let Some(record) = engine.log().last()
        && answer.seq == Some(record.seq)
        && let EventBody::AuthorizationRecorded { decided, .. } = &record.event.body
        && let Some(amounts) = answer.amounts.map(PackedAmounts::unpack)
    {
        prop_assert_eq!(decided.open_to_buy_minor, amounts.open_to_buy_minor);
    }
    Ok(())
}

fn same_cases(portfolio: &Portfolio, model: &Model) -> Result<(), TestCaseError> {
    for expected in model.cases() {
        let issuer = portfolio.issuer_index(&expected.issuer);
        let index = issuer.and_then(|issuer| portfolio.case_by_id(issuer, &expected.id));
        let case = portfolio
            .reserves()
            .case(index.expect("a case of the model"));
        prop_assert_eq!(
            case.account.0,
            u32::try_from(expected.account).expect("a place")
        );
        prop_assert_eq!(i128::from(case.reserve.billing_minor), expected.billing);
        prop_assert_eq!(
            i128::from(case.reserve.minor),
            expected.open,
            "{:?}",
            expected
        );
        prop_assert_eq!(case.reserve.status, expected.status, "{:?}", expected);
        prop_assert_eq!(
            case.account_reserve_minor(),
            model.still_reserved(&expected)
        );
        if let Some(expiry) = expected.expiry {
            prop_assert_eq!(case.reserve.expiry.0, expiry);
        }
    }
    Ok(())
}

fn same_accounts(portfolio: &Portfolio, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(portfolio.accounts().count(), model.accounts());
    let mut points = std::collections::BTreeMap::new();
    for (place, (index, account)) in portfolio.accounts().enumerate() {
        prop_assert_eq!(
            account.balance_minor,
            model.balance(place),
            "balance of {}",
            place
        );
        prop_assert_eq!(
            portfolio.open_to_buy(index),
            model.open_to_buy(place),
            "open-to-buy of {}",
            place
        );
        prop_assert_eq!(
            portfolio.liable_minor(index),
            model.liable(place),
            "what is to be paid by {}",
            place
        );
        prop_assert_eq!(
            portfolio.prevailing_open_to_buy(index),
            model.prevailing(place),
            "prevailing open-to-buy of {}",
            place
        );
        prop_assert_eq!(
            portfolio.spendable(index),
            model.spendable(place),
            "spendable of {}",
            place
        );
        prop_assert_eq!(portfolio.reimbursable(index), model.reimbursable(place));
        let offline = portfolio.reserved(index).offline_minor;
        prop_assert_eq!(offline, model.offline(place), "offline on {}", place);
        prop_assert_eq!(account.credit_limit_minor, model.limit(place));
        prop_assert_eq!(
            account.status == AccountStatus::Active,
            model.is_active(place)
        );
        let issuer = portfolio.issuer(account.issuer);
        prop_assert_eq!(issuer.business_date, model.business_date_of(place));
        let operations = usize::try_from(account.operations).expect("a count");
        prop_assert_eq!(operations, model.operation_count(place));
        for (commodity, sum) in portfolio.points(index) {
            let named = usize::try_from(commodity.0).expect("a place");
            let (program, unit) = issuer.commodities[named].clone();
            points.insert((place, program, unit), sum);
        }
    }
    points.retain(|_, sum| *sum != 0);
    prop_assert_eq!(points, model.points());
    Ok(())
}

fn same_operations(portfolio: &Portfolio, model: &Model) -> Result<(), TestCaseError> {
    for status in model.statuses() {
        let account = AccountIndex(u32::try_from(status.account).expect("a place"));
        let issuer = portfolio.account(account).issuer;
        let key = (status.original, status.id);
        let pending = portfolio.is_pending(issuer, status.value_date, key);
        prop_assert_eq!(pending, status.pending, "{:?}", status);
        let reversed = i128::from(portfolio.reversed_minor(status.id));
        prop_assert_eq!(reversed, status.reversed, "{:?}", status);
        // What is still ahead of the business date and not pending was cancelled; what was given
        // back in parts is not.
        let cancelled = portfolio.is_cancelled(status.id);
        if status.ahead {
            prop_assert_eq!(cancelled, status.undone, "{:?}", status);
        }
        prop_assert!(!cancelled || status.undone, "{:?}", status);
    }
    Ok(())
}

/// The model itself keeps to what its module says: a refused scene leaves nothing behind.
#[test]
fn a_refused_issuer_command_is_not_written_down() {
    let steps = proptest::test_runner::TestRunner::deterministic();
    let mut runner = steps;
    let history = strategy::history(40..41);
    let tree = proptest::strategy::Strategy::new_tree(&history, &mut runner).expect("a history");
    let mut model = Model::default();
    let mut expected = 0;
    for step in proptest::strategy::ValueTree::current(&tree) {
        let answer = model.submit(&step.request, step.now);
        let recorded = matches!(
            &answer,
            Expected::Accepted {
                replayed: false,
                ..
            } | Expected::Refused {
                replayed: false,
                seq: Some(_),
                ..
            }
        );
        expected += usize::from(recorded);
        let on_account = matches!(step.request.command, Command::OnAccount(_));
        if matches!(&answer, Expected::Refused { .. }) && !on_account {
            assert!(!recorded);
        }
    }
    assert_eq!(model.recorded_commands().count(), expected);
}
