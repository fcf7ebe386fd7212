//! What the histories are made of: a law that is never put to the test says nothing.

use std::collections::BTreeMap;

use ledger_core::command::{AccountAction, Command};
use ledger_core::event::{EventBody, Record};
use ledger_core::ids::IssuerIndex;
use ledger_core::text::BusinessCaseId;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use proptests::strategy;

use crate::run;

/// Refusals that histories must reach. The rest need text that the strategy does not write (card
/// numbers, unreadable ids) or sixteen levels of accounts.
const AIMED_AT: [&str; 46] = [
    "ACCOUNT_ALREADY_EXISTS",
    "ACCOUNT_CLOSED",
    "ACCOUNT_NOT_FOUND",
    "ADJUSTMENT_REASON_NOT_ALLOWED",
    "ADJUSTMENT_REASON_REQUIRED",
    "AMOUNT_FORBIDDEN_FOR_FULL",
    "AMOUNT_OUT_OF_RANGE",
    "AMOUNT_SIGN_INVALID",
    "AMOUNT_ZERO",
    "BONUS_AMOUNT_CHOICE",
    "BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT",
    "BONUS_PROGRAM_NOT_FOUND",
    "BUSINESS_CASE_NOT_FOUND",
    "BUSINESS_DATE_NOT_ADVANCING",
    "CURRENCY_MISMATCH",
    "DUPLICATE_EXTERNAL_TRIPLET",
    "DUPLICATE_OFFLINE_RESERVATION",
    "DUPLICATE_TRANSACTION_ID",
    "EXTERNAL_DATE_IN_FUTURE",
    "FEE_TYPE_NOT_ALLOWED",
    "IDEMPOTENCY_PAYLOAD_MISMATCH",
    "INSUFFICIENT_OPEN_TO_BUY",
    "INSUFFICIENT_OWN_FUNDS",
    "INTEREST_TYPE_SIGN_MISMATCH",
    "INVALID_REQUEST",
    "INVALID_REVERSAL_REASON",
    "ISSUER_NOT_FOUND",
    "LOYALTY_UNIT_NOT_ALLOWED",
    "MONETARY_BONUS_NOT_ALLOWED",
    "OFFLINE_RESERVATION_NOT_ACTIVE",
    "OFFLINE_RESERVATION_NOT_FOUND",
    "OPERATION_ALREADY_REVERSED",
    "ORIGINAL_KIND_MISMATCH",
    "ORIGINAL_OPERATION_NOT_FOUND",
    "PRODUCT_NOT_FOUND",
    "REIMBURSEMENT_EXCEEDS_ALLOWED",
    "RESERVE_NOT_ACTIVE",
    "REVERSAL_AMOUNT_NOT_ALLOWED",
    "REVERSAL_EXCEEDS_REMAINING",
    "REVERSAL_NOT_REVERSIBLE",
    "REWARDED_OPERATION_NOT_FOUND",
    "REWARDED_REFERENCE_CHOICE",
    "SERVICE_POSTER_RESERVED",
    "VALUE_DATE_BEFORE_LIMIT",
    "VALUE_DATE_TOO_FAR",
    "WORKING_MODE_MISMATCH",
];

/// Over fixed histories, two postings and reversals in five are carried out, every refusal aimed at
/// occurs, and so do the rarer turns of a history.
#[test]
fn histories_reach_what_the_laws_are_about() {
    let mut runner = TestRunner::deterministic();
    let histories = strategy::history(1..60);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut operations = 0_u32;
    let mut accepted = 0_u32;
    for _ in 0..500 {
        let tree = histories.new_tree(&mut runner).expect("a history");
        let steps = tree.current();
        let (engine, answers) = run(&steps);
        for (step, answer) in steps.iter().zip(&answers) {
            let is_operation = matches!(
                &step.request.command,
                Command::OnAccount(on)
                    if matches!(on.action, AccountAction::Post(_) | AccountAction::Reverse(_))
            );
            operations += u32::from(is_operation);
            match &answer.outcome {
                Ok(_) => accepted += u32::from(is_operation),
                Err(refusal) => note(&mut seen, refusal.rejection.code()),
            }
            if answer.replayed {
                note(&mut seen, "replayed");
            }
        }
        for record in engine.log() {
            note_record(&mut seen, &record.event.body);
        }
        for (_, account) in engine.state().portfolio().accounts() {
            note(&mut seen, &format!("level {}", account.depth));
        }
        let log: Vec<_> = engine.log().cloned().collect();
        for id in log.iter().filter_map(begun_case) {
            let portfolio = engine.state().portfolio();
            let case = portfolio.case_by_id(id.0, id.1).expect("it was begun");
            let status = portfolio.reserves().case(case).account_reserve_status();
            note(&mut seen, &format!("case {}", status.code()));
        }
    }
    assert!(
        accepted * 100 >= operations * 40,
        "{accepted} of {operations} operations were carried out: {seen:#?}"
    );
    for code in AIMED_AT {
        assert!(seen.contains_key(code), "no {code}: {seen:#?}");
    }
    for (turn, least) in [
        ("replayed", 100),
        ("pending", 100),
        ("posting date", 200),
        ("points", 50),
        ("partial reversal", 100),
        ("reversal of a pending original", 20),
        ("cancellation", 20),
        ("cancellation after a part", 1),
        ("business date", 100),
        ("Approval", 400),
        ("INSUFFICIENT_OPEN_TO_BUY declined", 50),
        ("ACCOUNT_CLOSED declined", 1),
        ("cleared", 50),
        ("pending clearing", 20),
        ("case Active", 100),
        ("case Expired", 20),
        ("case Cancelled", 50),
        ("reservation", 50),
        ("end of a reservation", 20),
        ("level 1", 50),
        ("level 2", 10),
    ] {
        let times = seen.get(turn).copied().unwrap_or(0);
        assert!(times >= least, "{turn} only {times} times: {seen:#?}");
    }
}

fn note(seen: &mut BTreeMap<String, u32>, what: &str) {
    *seen.entry(what.to_owned()).or_insert(0) += 1;
}

fn note_record(seen: &mut BTreeMap<String, u32>, body: &EventBody) {
    match body {
        EventBody::OperationPosted { decided, operation } => {
            note(seen, operation.detail.kind().code());
            if decided.pending {
                note(seen, "pending");
            }
            if decided.posting_date.is_some() {
                note(seen, "posting date");
            }
            if operation.reference_amount.is_none()
                && operation.detail.kind() == ledger_core::command::OperationKind::Bonus
            {
                note(seen, "points");
            }
        }
        EventBody::OperationReversed {
            decided,
            cancels_pending,
            reversal,
            ..
        } => {
            note(seen, &format!("reversal of {}", reversal.kind.code()));
            if reversal.reference_amount.is_some() {
                note(seen, "partial reversal");
            }
            if decided.pending {
                note(seen, "reversal of a pending original");
            }
            if *cancels_pending {
                note(seen, "cancellation");
                if reversal.reference_amount.is_some() {
                    note(seen, "cancellation after a part");
                }
            }
        }
        EventBody::BusinessDateAdvanced(_) => note(seen, "business date"),
        EventBody::AuthorizationRecorded { decided, .. } => {
            note(seen, decided.result_type.code());
            if let Some(reason) = decided.reason {
                note(seen, &format!("{} declined", reason.code()));
            }
        }
        EventBody::OperationCleared {
            decided,
            released_minor,
            ..
        } if *released_minor > 0 => {
            note(seen, "cleared");
            if decided.pending {
                note(seen, "pending clearing");
            }
        }
        EventBody::OfflineReservationCreated { .. } => note(seen, "reservation"),
        EventBody::OfflineReservationCancelled { .. } => note(seen, "end of a reservation"),
        EventBody::IssuerConfigured { .. }
        | EventBody::ProductDefined(_)
        | EventBody::BonusProgramDefined(_)
        | EventBody::AccountOpened { .. }
        | EventBody::CreditLimitSet { .. }
        | EventBody::AccountClosed { .. }
        | EventBody::OperationRejected { .. }
        | EventBody::OperationCleared { .. } => {}
    }
}

/// The case that a record gives an authorization of.
fn begun_case(record: &Record) -> Option<(IssuerIndex, &BusinessCaseId)> {
    let EventBody::AuthorizationRecorded { message, .. } = &record.event.body else {
        return None;
    };
    Some((record.event.issuer, &message.business_case))
}
