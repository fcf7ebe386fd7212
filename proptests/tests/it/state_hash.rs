//! The state hash says neither less nor more than the state.

use ledger_core::event::{EventBody, Record};
use ledger_core::ids::Seq;
use ledger_core::portfolio::Portfolio;
use ledger_core::state::LedgerState;
use proptest::prelude::*;
use proptest::sample::Index;
use proptests::engine::Engine;
use proptests::strategy::{self, FIRST_NOON};

use crate::{config, regressions, run};

proptest! {
    #![proptest_config(config(2_000, regressions!("state_hash")))]

    /// Writer, reader, full replay, and both restored from a checkpoint have one hash.
    #[test]
    fn however_the_state_came_about_its_hash_is_the_same(
        steps in strategy::history(1..60),
        band_accounts in 1_usize..8,
        end in any::<Index>(),
    ) {
        let (engine, _) = run(&steps);
        let hash = engine.state().state_hash();
        prop_assert_eq!(engine.books().state_hash(), hash);
        prop_assert_eq!(LedgerState::replay(engine.log()).state_hash(), hash);
        let end = end.index(engine.log().count() + 1);
        let restored = engine.restored(band_accounts, end);
        prop_assert_eq!(restored.state().state_hash(), hash);
        prop_assert_eq!(restored.books().state_hash(), hash);
    }

    /// And so has a writer that took the requests in other batches.
    #[test]
    fn batching_leaves_no_trace_in_the_hash(
        steps in strategy::history(1..60),
        cut in any::<Index>(),
    ) {
        let requests = strategy::requests(&steps);
        let (first, second) = requests.split_at(cut.index(requests.len() + 1));
        let mut cut_up = Engine::default();
        cut_up.submit(first.to_vec(), FIRST_NOON);
        cut_up.submit(second.to_vec(), FIRST_NOON);
        let mut singly = Engine::default();
        for request in requests {
            singly.submit_one(request, FIRST_NOON);
        }
        prop_assert_eq!(cut_up.state().state_hash(), singly.state().state_hash());
    }

    /// Two states of one history have one hash exactly when they are equal. The place of the last record
    /// is given, since it alone would tell them apart.
    #[test]
    fn equal_hashes_are_equal_states(
        steps in strategy::history(1..60),
        places in any::<[Index; 2]>(),
    ) {
        let (engine, _) = run(&steps);
        let records = engine.log().count();
        let [one, other] = places.map(|place| portfolio_after(&engine, place.index(records + 1)));
        let same_hash = one.state_hash(Seq(1)) == other.state_hash(Seq(1));
        prop_assert_eq!(same_hash, one == other);
    }

    /// A history in which one amount was another ends in a state with another hash.
    #[test]
    fn another_amount_gives_another_hash(
        steps in strategy::history(1..60),
        which in any::<Index>(),
        more in 1_i64..1_000,
    ) {
        let (engine, _) = run(&steps);
        let mut log: Vec<Record> = engine.log().cloned().collect();
        let postings: Vec<_> = (0..log.len()).filter(|at| is_uncancelled(&engine, &log[*at])).collect();
        prop_assume!(!postings.is_empty());
        let record = &mut log[postings[which.index(postings.len())]];
        if let EventBody::OperationPosted { decided, .. } = &mut record.event.body {
            decided.quantity.value += more;
        }
        let changed = LedgerState::replay(&log);
        prop_assert_ne!(changed.state_hash(), engine.state().state_hash());
    }
}

fn portfolio_after(engine: &Engine, records: usize) -> Portfolio {
    let mut portfolio = Portfolio::default();
    for record in engine.log().take(records) {
        portfolio.apply(record, &mut |_, _| {});
    }
    portfolio
}

/// What was cancelled while it was pending is in no sum, with whatever amount.
fn is_uncancelled(engine: &Engine, record: &Record) -> bool {
    let posted = matches!(record.event.body, EventBody::OperationPosted { .. });
    let operation = record.operation().filter(|_| posted);
    operation.is_some_and(|operation| !engine.state().portfolio().is_cancelled(operation.id))
}
