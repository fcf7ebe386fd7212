//! The state hash: the same for the same state, another for any other, and the same for ever.

use std::collections::HashSet;

use expect_test::expect;
use ledger_core::ids::Seq;
use ledger_core::portfolio::Portfolio;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;

use crate::script::{Script, check};

/// Something of everything that a state has; every command of it is recorded.
fn everything() -> Script {
    check(
        "
        issuer  wl Europe/Berlin date=2023-01-02 script=FEE>4199 reasons=ERROR
        product CREDIT  EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
        product PREPAID JPY PAY_BEFORE
        program MILES units=MILE,POINT
        program CASH  money
        open    ROOT CREDIT programs=MILES,CASH
        open    CARD CREDIT under=ROOT noOtbCheck
        open    SOLO PREPAID
        open    -    CREDIT under=ROOT noParentNotification
        limit   CARD 50.00
        fee     CARD 15.00 MANUAL_FEE ref=F1
        fee     ROOT 5.00 MANUAL_FEE ref=F2 value=2023-01-05
        fee     ROOT 6.00 MANUAL_FEE ref=F3 value=2023-01-05
        bonus   CARD none MILES points=-100:MILE
        pay     ROOT -90.00
        reimburse ROOT 10.00 MAX value=2023-01-05
        reverse-fee CARD F1 -4.00
        reverse-fee ROOT F2
        close   SOLO
        fee     SOLO 1 MANUAL_FEE -> ACCOUNT_CLOSED
        issuer  other Asia/Tokyo date=2023-01-02
        issuer  wl Europe/Berlin reversalValueDating=ORIGINAL ahead=10 back=20
    ",
    )
}

/// The canonical encoding; if this fails, no head kept before says anything any more.
#[test]
fn golden_hashes() {
    let empty = LedgerState::default().state_hash().to_string();
    expect!["aad3dea0d061d209d2f2a588cf6a178dbb63ddabd48c299f5d0846e1c1ed5c8a"].assert_eq(&empty);
    let script = everything();
    let hash = LedgerState::replay(&script.log).state_hash();
    expect!["c8044ae5b8d3b98a0d0e61cf560b8eb32d2d344a44b6f7ae930ae8a1ca754c8a"]
        .assert_eq(&hash.to_string());
}

/// Something of everything that is reserved.
fn everything_reserved() -> Script {
    check(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT  EUR PAY_LATER limit=1000.00
        open    ROOT CREDIT
        open    CARD CREDIT under=ROOT
        auth    CARD 10.00 case=C1
        auth    CARD 20.00 case=C2 expires=2023-01-03
        auth    ROOT 30.00 case=C3
        auth    ROOT 9999.00 case=C4 -> declined
        auth    ROOT -5.00 case=C5
        purchase CARD 4.00 case=C1 part
        purchase ROOT 30.00 case=C3 value=2023-01-09
        take-back CARD 1.00 case=C1
        reserve ROOT R1 7.00
        reserve CARD R2 8.00
        free    CARD R2
        advance 2023-01-04
    ",
    )
}

#[test]
fn the_golden_hash_of_what_is_reserved() {
    let hash = LedgerState::replay(&everything_reserved().log).state_hash();
    expect!["6236c265f7e543ad1cd1739a6f1f302642f03e95a140b28957323db0011dc37d"]
        .assert_eq(&hash.to_string());
}

#[test]
fn every_record_of_what_is_reserved_changes_the_hash() {
    let script = everything_reserved();
    let mut portfolio = Portfolio::default();
    let mut hashes = HashSet::from([portfolio.state_hash(Seq(0))]);
    for record in &script.log {
        portfolio.apply(record, &mut |_, _| {});
        assert!(
            hashes.insert(portfolio.state_hash(Seq(0))),
            "record {}",
            record.seq.0
        );
    }
}

#[test]
fn readers_have_the_hash_of_the_writer() {
    for script in [everything(), everything_reserved()] {
        readers_follow(&script);
    }
}

fn readers_follow(script: &Script) {
    let mut books = Books::default();
    let mut state = LedgerState::default();
    assert_eq!(books.state_hash(), state.state_hash());
    for record in &script.log {
        books.apply(record);
        state.apply(record);
        assert_eq!(books.state_hash(), state.state_hash());
    }
}

/// The place of the last record is part of the state, so two of them are compared at the same place.
#[test]
fn every_record_changes_the_hash_but_a_refusal() {
    let script = everything();
    let mut portfolio = Portfolio::default();
    let mut hashes = HashSet::from([portfolio.state_hash(Seq(0))]);
    let mut refused = 0;
    for record in &script.log {
        let before = portfolio.clone();
        portfolio.apply(record, &mut |_, _| {});
        let is_new = hashes.insert(portfolio.state_hash(Seq(0)));
        assert_eq!(is_new, portfolio != before, "record {}", record.seq.0);
        refused += usize::from(!is_new);
    }
    assert_eq!(refused, 1, "the scene has one refusal");
    assert_ne!(portfolio.state_hash(Seq(1)), portfolio.state_hash(Seq(2)));
}
