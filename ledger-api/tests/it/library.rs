//! The ledger as a library: answers, concurrency, reopening, stopping.

use std::sync::Arc;

use ledger_api::{ApiError, Ledger, line};
use ledger_core::command::{AccountSelector, Request};
use ledger_core::decide::Answer;
use ledger_core::text::ExternalReference;
use ledger_core::time::Timestamp;

/// 2 January 2023, 15:00 in Berlin.
const NOW: Timestamp = Timestamp(1_672_668_000_000);

fn scene(ledger: &Ledger) {
    for line in [
        r#"{"issuerId":"wl","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"Europe/Berlin"}}"#,
        r#"{"issuerId":"wl","correlationId":"s2","command":"define-product","body":{"productReference":"CLASSIC","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["MANUAL_FEE"]}}"#,
        r#"{"issuerId":"wl","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CLASSIC","creditLimitAmount":{"value":1000000,"exponent":2,"isoCode":"EUR"}}}"#,
    ] {
        ledger
            .execute(line)
            .expect("an answer")
            .outcome
            .expect("accepted");
    }
}

fn fee(correlation: &str, reference: &str, cents: i64) -> Request {
    let line = format!(
        r#"{{"issuerId":"wl","correlationId":"{correlation}","command":"post-fee-operation","account":{{"issuerAccountExternalReference":"A1"}},"body":{{"feeType":"MANUAL_FEE","referenceAmount":{{"value":{cents},"exponent":2,"isoCode":"EUR"}},"externalOperationDate":"2023-01-02T14:20:34.715Z","externalOperationReference":"{reference}","externalOperationServicePoster":"ISSUER"}}}}"#
    );
    line::parse(&line).expect("the line is right").request
}

fn balance(ledger: &Ledger) -> i128 {
    let account = AccountSelector::External(ExternalReference::new("A1").expect("a reference"));
    ledger
        .balance(None, &account, None, None)
        .expect("the account exists")
        .account_balance
        .value
}

/// Acceptance vector 6.
#[test]
fn one_correlation_id_sent_a_hundred_times_at_once_is_one_operation() {
    let ledger = Arc::new(Ledger::in_memory(|| NOW));
    scene(&ledger);
    let senders: Vec<_> = (0..100)
        .map(|_| {
            let ledger = Arc::clone(&ledger);
            std::thread::spawn(move || ledger.submit(fee("c1", "F1", 1_500)).expect("an answer"))
        })
        .collect();
    let answers: Vec<Answer> = senders
        .into_iter()
        .map(|sender| sender.join().expect("a sender ends"))
        .collect();
    let first = answers[0].outcome.clone().expect("accepted");
    assert!(answers.iter().all(|answer| answer.outcome == Ok(first)));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert_eq!(balance(&ledger), 1_500);
    assert_eq!(ledger.accounts()[0].operations, 1);
}

#[test]
fn one_triplet_sent_at_once_under_many_ids_is_one_operation() {
    let ledger = Arc::new(Ledger::in_memory(|| NOW));
    scene(&ledger);
    let senders: Vec<_> = (0..64)
        .map(|n| {
            let ledger = Arc::clone(&ledger);
            std::thread::spawn(move || ledger.submit(fee(&format!("c{n}"), "F1", 1_500)))
        })
        .collect();
    let mut codes: Vec<_> = senders
        .into_iter()
        .map(|sender| {
            sender
                .join()
                .expect("a sender ends")
                .expect("an answer")
                .outcome
        })
        .map(|outcome| outcome.map_or_else(|refusal| refusal.rejection.code(), |_| "posted"))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes.iter().filter(|code| **code == "posted").count(), 1);
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == "DUPLICATE_EXTERNAL_TRIPLET")
            .count(),
        63
    );
    assert_eq!(balance(&ledger), 1_500);
}

#[test]
fn answers_and_balances_are_the_same_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("a new ledger opens");
    scene(&ledger);
    let first = ledger.submit(fee("c1", "F1", 1_500)).expect("an answer");
    let refused = ledger.submit(fee("c2", "F1", 700)).expect("an answer");
    ledger.close().expect("it closes");

    let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("it opens again");
    assert_eq!(balance(&ledger), 1_500);
    for (request, before) in [
        (fee("c1", "F1", 1_500), first),
        (fee("c2", "F1", 700), refused),
    ] {
        let again = ledger.submit(request).expect("an answer");
        assert!(again.replayed);
        assert_eq!((again.outcome, again.seq), (before.outcome, before.seq));
    }
    ledger.verify().expect("it verifies");
    ledger.close().expect("it closes");
}

/// A ledger that was dropped, not closed, is as after a crash; nothing acknowledged is lost.
#[test]
fn a_ledger_that_was_not_closed_opens_with_everything_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("a new ledger opens");
    scene(&ledger);
    ledger.submit(fee("c1", "F1", 1_500)).expect("an answer");
    drop(ledger);
    let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("it opens again");
    assert_eq!(balance(&ledger), 1_500);
    ledger.verify().expect("it verifies");
}

#[test]
fn more_requests_than_one_submission_holds_are_carried_out_in_order() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let requests = (0..20_000)
        .map(|n| fee(&format!("c{n}"), &format!("F{n}"), 1))
        .collect();
    let answers = ledger.submit_many(requests).expect("answers");
    let places: Vec<_> = answers.iter().map(|answer| answer.seq).collect();
    assert_eq!(places.len(), 20_000);
    assert!(places.is_sorted());
    assert_eq!(balance(&ledger), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn async_callers_get_their_answers() {
    let ledger = Ledger::in_memory(|| NOW);
    tokio::task::block_in_place(|| scene(&ledger));
    let one = ledger
        .submit_async(fee("c1", "F1", 1_500))
        .await
        .expect("an answer");
    let many = ledger
        .submit_many_async(vec![fee("c1", "F1", 1_500), fee("c2", "F2", 1)])
        .await;
    let many = many.expect("answers");
    assert_eq!(one.outcome, many[0].outcome);
    assert!(many[0].replayed && !many[1].replayed);
    assert_eq!(balance(&ledger), 1_501);
}

/// A reversal finds an original that was decided in the same batch, not durable yet.
#[test]
fn originals_are_found_while_they_are_on_their_way_to_the_disk() {
    let ledger = Ledger::in_memory(|| NOW);
    scene(&ledger);
    let reversal = r#"{"issuerId":"wl","correlationId":"r1","command":"reverse-fee-operation","account":{"issuerAccountExternalReference":"A1"},"body":{"reversalReason":"REVERSAL_ON_DEMAND","externalMatchingOperationDate":"2023-01-02T14:20:34.715Z","externalMatchingOperationReference":"F1","externalMatchingOperationServicePoster":"ISSUER","externalOperationDate":"2023-01-02T14:20:34.715Z","externalOperationReference":"R1","externalOperationServicePoster":"ISSUER"}}"#;
    let reversal = line::parse(reversal).expect("the line is right").request;
    let tickets: Vec<_> = [fee("c1", "F1", 1_500), reversal, fee("c1", "F1", 1_500)]
        .into_iter()
        .map(|request| ledger.ticket(vec![request]).expect("there is room"))
        .collect();
    let answers: Vec<_> = tickets
        .into_iter()
        .flat_map(|ticket| ticket.wait().expect("answers"))
        .collect();
    assert!(
        answers.iter().all(|answer| answer.outcome.is_ok()),
        "{answers:?}"
    );
    assert!(answers[2].replayed);
    assert_eq!(balance(&ledger), 0);
}

#[test]
fn an_open_directory_is_not_opened_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(dir.path()).expect("a new ledger opens");
    let second = Ledger::open(dir.path()).expect_err("it is in use");
    assert_eq!(second.code(), "STORE_LOCKED");
    ledger.close().expect("it closes");
    Ledger::open(dir.path())
        .expect("it is free again")
        .close()
        .expect("it closes");
}

#[test]
fn questions_about_nothing_are_answered_by_code() {
    let ledger = Ledger::in_memory(|| NOW);
    let account = AccountSelector::External(ExternalReference::new("A9").expect("a reference"));
    let code = |result: Result<_, ApiError>| {
        result
            .map(|_: ledger_api::views::BalanceView| ())
            .expect_err("nothing there")
            .code()
    };
    assert_eq!(
        code(ledger.balance(None, &account, None, None)),
        "ISSUER_NOT_FOUND"
    );
    scene(&ledger);
    assert_eq!(
        code(ledger.balance(None, &account, None, None)),
        "ACCOUNT_NOT_FOUND"
    );
    ledger
        .execute(r#"{"issuerId":"two","correlationId":"1","command":"configure-issuer","body":{"timeZone":"UTC"}}"#)
        .expect("an answer");
    assert_eq!(
        code(ledger.balance(None, &account, None, None)),
        "ISSUER_REQUIRED"
    );
}

/// A defect in a writer's thread, here a clock that fails, ends the writer and not the callers.
#[test]
fn a_writer_that_died_is_reported_to_everyone() {
    let mut readings = 0;
    let ledger = Ledger::in_memory(move || {
        readings += 1;
        assert!(
            readings <= 3,
            "the clock of this test stops here, as it should"
        );
        NOW
    });
    scene(&ledger);
    let code = |result: Result<Answer, ApiError>| result.expect_err("no answer").code();
    assert_eq!(
        code(ledger.submit(fee("c1", "F1", 1_500))),
        "OUTCOME_UNKNOWN"
    );
    // The thread may not have ended yet.
    let next = code(ledger.submit(fee("c2", "F2", 1_500)));
    assert!(
        ["OUTCOME_UNKNOWN", "SERVICE_UNAVAILABLE"].contains(&next),
        "{next}"
    );
    assert_eq!(
        ledger.close().expect_err("it had stopped").code(),
        "STORE_WRITER_DIED"
    );
}
