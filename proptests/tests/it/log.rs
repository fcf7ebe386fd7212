//! The log is enough: everything is a fold of it, and it survives its encoding.

use bincode::config::standard;
use ledger_core::event::Event;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use proptest::prelude::*;
use proptests::strategy;

use crate::{config, regressions, run};

proptest! {
    #![proptest_config(config(3_000, regressions!("log")))]

    /// Folding the log from nothing gives the state the writer had and the books the readers had.
    #[test]
    fn replay_equals_live(steps in strategy::history(1..60)) {
        let (engine, _) = run(&steps);
        let replayed = LedgerState::replay(engine.log());
        prop_assert_eq!(replayed.portfolio(), engine.state().portfolio());
        prop_assert_eq!(replayed.last_seq(), engine.state().last_seq());
        let mut books = Books::default();
        for record in engine.log() {
            books.apply(record);
        }
        prop_assert_eq!(&books, engine.books());
        prop_assert_eq!(books.portfolio(), replayed.portfolio());
    }

    /// A writer that starts again from the log answers as one that never stopped.
    #[test]
    fn a_restart_is_invisible(steps in strategy::history(1..60), at in any::<prop::sample::Index>()) {
        let (_, expected) = run(&steps);
        let (before, after) = steps.split_at(at.index(steps.len()));
        let (engine, mut answers) = run(before);
        let mut engine = engine.restarted();
        for step in after {
            answers.push(engine.submit_one(step.request.clone(), step.now));
        }
        prop_assert_eq!(answers, expected);
    }

    /// Books and writer restored from a checkpoint are those that read the whole log, and go on as they
    /// would.
    #[test]
    fn a_checkpoint_is_invisible(
        steps in strategy::history(1..60),
        at in any::<prop::sample::Index>(),
        band_accounts in 1_usize..8,
        end in any::<prop::sample::Index>(),
    ) {
        let (_, expected) = run(&steps);
        let (before, after) = steps.split_at(at.index(steps.len()));
        let (engine, mut answers) = run(before);
        let end = end.index(engine.log().count() + 1);
        let (books, portfolio) = (engine.books().clone(), engine.state().portfolio().clone());
        let mut engine = engine.restored(band_accounts, end);
        prop_assert_eq!(engine.books(), &books);
        prop_assert_eq!(engine.state().portfolio(), &portfolio);
        for step in after {
            answers.push(engine.submit_one(step.request.clone(), step.now));
        }
        prop_assert_eq!(answers, expected);
    }

    /// Every event is read back from its bytes as it was written, and nothing is left over.
    #[test]
    fn events_survive_their_encoding(steps in strategy::history(1..60)) {
        let (engine, _) = run(&steps);
        for record in engine.log() {
            let bytes = bincode::encode_to_vec(&record.event, standard()).expect("an event encodes");
            let (event, read): (Event, usize) =
                bincode::borrow_decode_from_slice(&bytes, standard()).expect("its bytes decode");
            prop_assert_eq!(&event, &record.event);
            prop_assert_eq!(read, bytes.len());
        }
    }
}
