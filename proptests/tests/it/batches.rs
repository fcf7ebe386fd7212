//! Batches, and requests sent again.

use ledger_core::decide::{Answer, Standing};
use ledger_core::event::Record;
use proptest::prelude::*;
use proptest::sample::Index;
use proptests::engine::Engine;
use proptests::strategy::{self, FIRST_NOON};

use crate::{config, regressions, run};

proptest! {
    #![proptest_config(config(5_000, regressions!("batches")))]

    /// How requests are cut into batches is not seen: the records and the answers are the same.
    #[test]
    fn batching_is_invisible(
        steps in strategy::history(1..60),
        cuts in proptest::collection::vec(any::<Index>(), 0..6),
    ) {
        let requests = strategy::requests(&steps);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(requests.len() + 1)).collect();
        cuts.push(requests.len());
        cuts.sort_unstable();

        let mut cut_up = Engine::default();
        let mut answers = Vec::new();
        let mut from = 0;
        for to in cuts {
            answers.extend(cut_up.submit(requests[from..to].to_vec(), FIRST_NOON));
            from = to;
        }
        let mut singly = Engine::default();
        let expected: Vec<_> = requests
            .into_iter()
            .map(|request| singly.submit_one(request, FIRST_NOON))
            .collect();
        prop_assert_eq!(answers, expected);
        let log: Vec<&Record> = cut_up.log().collect();
        let expected: Vec<&Record> = singly.log().collect();
        prop_assert_eq!(log, expected);
        prop_assert_eq!(cut_up.state().portfolio(), singly.state().portfolio());
    }

    /// Sending a whole history again does nothing, and gives every recorded request its first answer
    /// marked as a replay. What was refused unrecorded may be refused otherwise now, and is the only
    /// thing that may happen now; so the second time round is compared with the third.
    #[test]
    fn resubmitting_applies_nothing(steps in strategy::history(1..60)) {
        let (mut engine, first) = run(&steps);
        let end = steps.iter().map(|step| step.now).max().expect("a setup");
        let recorded_before = engine.log().count();
        let requests = strategy::requests(&steps);
        let second = engine.submit(requests.clone(), end);
        let mut fresh = 0;
        for (first, again) in first.iter().zip(&second) {
            if is_recorded(first) {
                // Amounts are those of the moment of deciding, so a replay has none.
                let expected = Answer { replayed: true, amounts: None, ..first.clone() };
                prop_assert_eq!(again, &expected);
            } else if again.seq.is_some() && !again.replayed {
                fresh += 1;
            }
        }
        prop_assert_eq!(engine.log().count(), recorded_before + fresh);

        // From here on everything that can be recorded is, but for what waits for another's doing:
        // a few rounds settle that, each shorter than the one before.
        let mut recorded = engine.log().count();
        for _ in 0..requests.len() {
            engine.submit(requests.clone(), end);
            let now = engine.log().count();
            if now == recorded {
                break;
            }
            recorded = now;
        }
        let settled = engine.submit(requests.clone(), end);
        let portfolio = engine.state().portfolio().clone();
        let again = engine.submit(requests, end);
        prop_assert_eq!(&settled, &again);
        prop_assert_eq!(engine.log().count(), recorded);
        prop_assert_eq!(engine.state().portfolio(), &portfolio);
        for answer in again {
            prop_assert!(answer.replayed || !is_recorded(&answer));
        }
    }
}

fn is_recorded(answer: &Answer) -> bool {
    match &answer.outcome {
        Ok(_) => true,
        Err(refusal) => refusal.standing == Standing::Remembered,
    }
}
