//! Reading what one wrote, and reading as of then.

use serde_json::{Value, json};

use super::desk::{Desk, ISSUER, eur, fee, on};

const ALL: &str = "operations?startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";

#[test]
fn every_answer_says_how_far_the_log_reached() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let posted = desk
        .client
        .done(&on("A1", "post-fee-operation"), &fee("F1", 1_500));
    let position = posted.header("X-Ledger-Position").expect("a position");
    assert_eq!(position, desk.position().to_string());
    // The record is the operation.
    let operation: u64 = posted.operation().parse().expect("a number");
    assert_eq!(operation, 1_000_000_000_000_000 + desk.position());
    for target in [
        on("A1", "balance"),
        on("A1", ALL),
        ISSUER.to_owned(),
        format!("{ISSUER}/accounts"),
        format!("{ISSUER}/trial-balance"),
        format!("{ISSUER}/event-stores"),
        // Beyond the end there is nothing, and the end is where it is.
        format!("{ISSUER}/event-stores?fromPosition=1000"),
    ] {
        let told = desk.client.get(&target);
        assert_eq!(told.header("X-Ledger-Position"), Some(position), "{target}");
        assert_eq!(told.header("Cache-Control"), Some("no-store"), "{target}");
    }
}

#[test]
fn a_question_waits_for_the_position_it_asks_for() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let next = desk.position() + 1;
    let client = desk.client.another();
    let asking = std::thread::spawn(move || {
        let told = client.get(&on("A1", &format!("balance?minPosition={next}")));
        told.data()["accountBalance"].clone()
    });
    desk.client
        .done(&on("A1", "post-fee-operation"), &fee("F1", 1_500));
    assert_eq!(asking.join().expect("it is answered"), eur(1_500));
}

#[test]
fn a_position_that_the_log_does_not_reach_has_no_answer() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    for target in [
        on("A1", "balance?minPosition=1000"),
        on("A1", &format!("{ALL}&asOfPosition=1000")),
    ] {
        let (status, code, _) = desk.client.get(&target).refusal();
        assert_eq!((status, code.as_str()), (409, "POSITION_NOT_REACHED"));
    }
}

#[test]
fn a_list_as_of_a_position_shows_nothing_later() {
    let desk = Desk::with_accounts(&[("A1", None)]);
    let mut positions = Vec::new();
    for reference in ["F1", "F2", "F3"] {
        desk.client
            .done(&on("A1", "post-fee-operation"), &fee(reference, 100));
        positions.push(desk.position());
    }
    for (count, position) in (1..).zip(positions) {
        let told = desk
            .client
            .get(&on("A1", &format!("{ALL}&asOfPosition={position}")));
        let shown: Vec<Value> = serde_json::from_value(told.data()).expect("a list");
        let references: Vec<_> = shown
            .iter()
            .map(|operation| operation["externalOperationReference"].clone())
            .collect();
        let expected = [json!("F1"), json!("F2"), json!("F3")];
        assert_eq!(references, expected[..count]);
    }
}
