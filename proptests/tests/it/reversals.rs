//! What is given back, and time that only moves forward.

use std::collections::HashMap;

use ledger_core::event::EventBody;
use ledger_core::ids::OperationId;
use proptest::prelude::*;
use proptests::strategy;

use crate::{config, regressions, run};

proptest! {
    #![proptest_config(config(3_000, regressions!("reversals")))]

    /// The reversals of an operation never give back more than it was, never its opposite, and never
    /// anything on another account or in another unit.
    #[test]
    fn a_reversal_group_never_exceeds_its_original(steps in strategy::history(1..60)) {
        let (engine, _) = run(&steps);
        let mut originals = HashMap::new();
        for record in engine.log() {
            match &record.event.body {
                EventBody::OperationPosted { decided, .. }
                | EventBody::OperationCleared { decided, .. } => {
                    let remaining = i128::from(decided.quantity.value);
                    originals.insert(OperationId::of(record.seq), (decided, remaining));
                }
                EventBody::OperationReversed { decided, original, .. } => {
                    let found = originals.get_mut(original);
                    let (posted, remaining) = found.expect("an original is a posting before it");
                    let side = remaining.signum();
                    prop_assert_ne!(side, 0, "nothing was left of {}", original);
                    *remaining += i128::from(decided.quantity.value);
                    prop_assert!(*remaining == 0 || remaining.signum() == side);
                    prop_assert!(i128::from(decided.quantity.value).signum() == -side);
                    prop_assert_eq!(decided.account, posted.account);
                    prop_assert_eq!(decided.quantity.unit, posted.quantity.unit);
                    prop_assert_eq!(decided.script, posted.script);
                }
                EventBody::IssuerConfigured { .. }
                | EventBody::ProductDefined(_)
                | EventBody::BonusProgramDefined(_)
                | EventBody::BusinessDateAdvanced(_)
                | EventBody::AccountOpened { .. }
                | EventBody::CreditLimitSet { .. }
                | EventBody::AccountClosed { .. }
                | EventBody::OperationRejected { .. }
                | EventBody::AuthorizationRecorded { .. }
                | EventBody::OfflineReservationCreated { .. }
                | EventBody::OfflineReservationCancelled { .. } => {}
            }
        }
    }

    /// Places have no gaps and recording times never go back, whatever the clock does.
    #[test]
    fn the_log_is_in_order(steps in strategy::history(1..60)) {
        let (engine, _) = run(&steps);
        let mut last = None;
        for (place, record) in (1_u64..).zip(engine.log()) {
            prop_assert_eq!(record.seq.0, place);
            prop_assert!(last <= Some(record.recorded_at));
            last = Some(record.recorded_at);
        }
    }
}
