//! What 64 tasks submit at the same moment happens once.

use std::sync::Arc;

use ledger_api::Ledger;
use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::event::EventBody;
use ledger_core::rejection::Rejection;
use ledger_store::StoreKind;
use tokio::sync::Barrier;

use crate::bank::{balance, fee, open, reversal, scene};

const TASKS: usize = 64;
const ROUNDS: usize = 40;

/// Has each task submit its request when all are ready.
async fn at_once(ledger: &Arc<Ledger>, request: impl Fn(usize) -> Request) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(TASKS));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (ledger, barrier) = (Arc::clone(ledger), Arc::clone(&barrier));
            let request = request(task);
            tokio::spawn(async move {
                barrier.wait().await;
                ledger.submit_async(request).await.expect("an answer")
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a task ends"));
    }
    answers
}

/// The answer to the one that was applied, and those to all others.
fn split(answers: Vec<Answer>) -> (Answer, Vec<Answer>) {
    let is_first = |answer: &Answer| answer.outcome.is_ok() && !answer.replayed;
    let (mut applied, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(is_first);
    assert_eq!(applied.len(), 1, "{others:?}");
    (applied.remove(0), others)
}

fn refusals(answers: &[Answer]) -> impl Iterator<Item = &Rejection> {
    answers.iter().map(|answer| {
        let refusal = answer.outcome.as_ref().expect_err("only one is applied");
        &refusal.rejection
    })
}

/// Has rounds of tasks use an account, checks that the log has what was applied once each, and gives the
/// balance of the account.
async fn rounds(
    store: StoreKind,
    round: impl AsyncFn(&Arc<Ledger>, usize),
    is_counted: impl Fn(&EventBody) -> bool,
) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Arc::new(open(dir.path(), store));
    tokio::task::block_in_place(|| scene(&ledger, 1));
    for number in 0..ROUNDS {
        round(&ledger, number).await;
    }
    let records = ledger.reader().records();
    let events = records.map(|record| record.expect("a sound record").event.body);
    assert_eq!(events.filter(is_counted).count(), ROUNDS);
    ledger.verify().expect("everything adds up");
    let ledger = Arc::into_inner(ledger).expect("the tasks have ended");
    ledger.close().expect("it closes");
}

fn is_posted(event: &EventBody) -> bool {
    matches!(event, EventBody::OperationPosted { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_correlation_id_with_one_content_is_applied_once_and_answered_alike() {
    for store in StoreKind::ALL {
        let round = async |ledger: &Arc<Ledger>, round: usize| {
            let (id, reference) = (format!("c{round}"), format!("F{round}"));
            let answers = at_once(ledger, |_| fee(0, &id, &reference, 1_500)).await;
            let (applied, others) = split(answers);
            for answer in others {
                assert!(answer.replayed);
                assert_eq!(
                    (&answer.outcome, answer.seq),
                    (&applied.outcome, applied.seq)
                );
            }
            assert_eq!(balance(ledger, 0), 1_500 * (round as i128 + 1));
        };
        rounds(store, round, is_posted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_correlation_id_with_other_contents_is_applied_once_and_in_conflict_after() {
    for store in StoreKind::ALL {
        let round = async |ledger: &Arc<Ledger>, round: usize| {
            let (id, reference) = (format!("c{round}"), format!("F{round}"));
            let cents = |task| 100 + i64::try_from(task).expect("small");
            let answers = at_once(ledger, |task| fee(0, &id, &reference, cents(task))).await;
            let (_, others) = split(answers);
            for refusal in refusals(&others) {
                assert_eq!(refusal.code(), "IDEMPOTENCY_PAYLOAD_MISMATCH");
                assert_eq!(refusal.field(), "referenceAmount");
            }
        };
        rounds(store, round, is_posted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_triplet_under_many_correlation_ids_is_applied_once_and_skipped_after() {
    for store in StoreKind::ALL {
        let round = async |ledger: &Arc<Ledger>, round: usize| {
            let reference = format!("F{round}");
            let id = |task| format!("c{round} {task}");
            let answers = at_once(ledger, |task| fee(0, &id(task), &reference, 100)).await;
            let (applied, others) = split(answers);
            let operation = applied.outcome.expect("applied").operation;
            for refusal in refusals(&others) {
                let Rejection::DuplicateExternalTriplet {
                    existing,
                    same_payload: true,
                } = refusal
                else {
                    panic!("{refusal:?}");
                };
                assert_eq!(Some(*existing), operation);
            }
        };
        rounds(store, round, is_posted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_operation_is_reversed_once_however_many_try() {
    for store in StoreKind::ALL {
        let round = async |ledger: &Arc<Ledger>, round: usize| {
            let original = format!("F{round}");
            let posted = ledger.submit_async(fee(0, &original, &original, 700)).await;
            posted.expect("an answer").outcome.expect("posted");
            let name = |task| format!("R{round} {task}");
            let request = |task| reversal(0, &name(task), &name(task), &original);
            let (_, others) = split(at_once(ledger, request).await);
            for refusal in refusals(&others) {
                assert_eq!(refusal.code(), "OPERATION_ALREADY_REVERSED");
            }
            assert_eq!(balance(ledger, 0), 0);
        };
        let is_reversed = |event: &EventBody| matches!(event, EventBody::OperationReversed { .. });
        rounds(store, round, is_reversed).await;
    }
}
