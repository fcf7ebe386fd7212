//! The queue when far more is offered than it holds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ledger_core::command::Request;
use ledger_store::MemLog;
use ledger_store::writer::{
    BATCH_REQUESTS_MAX, QUEUE_REQUESTS_MAX, SUBMISSION_REQUESTS_MAX, SubmitError, Ticket,
};

use crate::commands::{SETUP_RECORDS, fee};
use crate::writer::{Stage, unrecorded};

const CLIENTS: usize = 4;
const SUBMISSION: usize = 256;
/// Decided batches that wait for the log, and the one that the decider holds.
const DECIDED_BATCHES_MAX: usize = 3;

/// Requests of all that wait, without what their longest texts keep elsewhere.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// While the log is held up, four times of what the queue holds is offered by each of some clients. Each
/// request is refused as busy or answered, none twice or never; and what waits never exceeds the bound.
#[test]
fn four_times_the_queue_is_refused_or_answered_and_never_kept() {
    let stage = Stage::new(MemLog::new());
    let held_up = stage.submit_apart(vec![fee(1)]);
    stage.entered.recv().unwrap();

    let (offering, most) = (AtomicBool::new(true), AtomicUsize::new(0));
    let mut tickets: Vec<Ticket> = Vec::new();
    let mut refused = 0;
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while offering.load(Ordering::Acquire) {
                most.fetch_max(stage.writer.waiting(), Ordering::Relaxed);
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| offer(&stage, 4 * QUEUE_REQUESTS_MAX)))
            .collect();
        for client in clients {
            let (taken, busy) = client.join().unwrap();
            tickets.extend(taken);
            refused += busy;
        }
        offering.store(false, Ordering::Release);
        watch.join().unwrap();
    });
    let accepted = tickets.len() * SUBMISSION;
    assert_eq!(refused + accepted, CLIENTS * 4 * QUEUE_REQUESTS_MAX);
    let batch = BATCH_REQUESTS_MAX + SUBMISSION_REQUESTS_MAX;
    assert!(accepted >= QUEUE_REQUESTS_MAX);
    assert!(accepted <= QUEUE_REQUESTS_MAX + DECIDED_BATCHES_MAX * batch);
    let most = most.into_inner();
    assert!(most <= QUEUE_REQUESTS_MAX, "{most} requests were waiting");
    assert_eq!(stage.writer.waiting(), QUEUE_REQUESTS_MAX);
    assert!(QUEUE_REQUESTS_MAX * size_of::<Request>() <= QUEUE_BYTES_MAX);

    let Stage {
        release,
        writer,
        reader,
        ..
    } = stage;
    drop(release);
    assert!(held_up.wait().is_ok());
    // Every second client is slow to hear its answer, which holds up nobody.
    let (slow, others): (Vec<_>, Vec<_>) = tickets
        .into_iter()
        .enumerate()
        .partition(|(n, _)| n % 2 == 0);
    for (_, ticket) in others.into_iter().chain(slow) {
        assert_eq!(ticket.wait().unwrap().len(), SUBMISSION);
    }
    assert_eq!(writer.waiting(), 0);
    assert!(
        writer.submit(vec![fee(2)]).unwrap().wait().unwrap()[0]
            .outcome
            .is_ok()
    );
    assert_eq!(reader.last_seq().map(|seq| seq.0), Some(SETUP_RECORDS + 2));
}

/// Offers so many requests; gives what was taken, and how many were refused.
fn offer(stage: &Stage, requests: usize) -> (Vec<Ticket>, usize) {
    let (mut tickets, mut refused) = (Vec::new(), 0);
    for place in 0..requests / SUBMISSION {
        let first = place * SUBMISSION;
        let submission = (first..first + SUBMISSION).map(|n| unrecorded(n as u128));
        match stage.writer.submit(submission.collect()) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => {
                assert!(matches!(error, SubmitError::Busy));
                assert_eq!(error.code(), "BUSY");
                refused += SUBMISSION;
            }
        }
    }
    (tickets, refused)
}
