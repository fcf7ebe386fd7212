//! Resetting a balance. Source: specification 1.1.2, row 18; 1.1.4, kind RST_BAL.

use crate::script::check;

const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02
    product CREDIT  EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
    product PREPAID EUR PAY_BEFORE
    open    A1 CREDIT
    open    P1 PREPAID
";

fn in_scene(table: &str) {
    check(&format!("{SCENE}{table}"));
}

#[test]
fn a_reset_brings_the_balance_to_zero() {
    in_scene(
        "
        purchase A1 70.00
        pay      A1 -30.00
        reset    A1       -> posted amount=-40.00 value=2023-01-02
        balance  A1       -> 0.00 otb=1000.00
        ledger            -> 1100=0.00 1300=-70.00 1310=30.00 5900=40.00
        load     P1 -25.00
        reset    P1       -> posted amount=25.00
        balance  P1       -> 0.00 otb=0.00
        ledger            -> 2100=0.00 5900=15.00
    ",
    );
}

#[test]
fn there_is_nothing_to_reset_in_a_balance_of_zero() {
    in_scene(
        "
        reset    A1 key=k ref=R1 -> BALANCE_ALREADY_ZERO account remembered
        purchase A1 1.00
        # The refusal is remembered under its id.
        reset    A1 key=k ref=R1 -> replayed BALANCE_ALREADY_ZERO account
        reset    A1              -> posted amount=-1.00
        reset    A1              -> BALANCE_ALREADY_ZERO account remembered
    ",
    );
}

/// A balance may be what no single operation can bring to zero.
#[test]
fn a_reset_is_no_larger_than_an_amount_may_be() {
    in_scene(
        "
        purchase A1 10000000000000.00
        reset    A1                   -> posted amount=-10000000000000.00
        purchase A1 10000000000000.00
        purchase A1 0.01
        reset    A1                   -> AMOUNT_OUT_OF_RANGE accountBalance remembered
        pay      A1 -0.02
        reset    A1                   -> posted amount=-9999999999999.99
    ",
    );
}

#[test]
fn the_engine_alone_finds_amount_and_day() {
    in_scene(
        "
        purchase A1 1.00
        reset    A1 1.00              -> INVALID_REQUEST referenceAmount malformed
        reset    A1 value=2023-01-02  -> INVALID_REQUEST valueDate malformed
        reset    A1 poster=CAS        -> SERVICE_POSTER_RESERVED externalOperationServicePoster malformed
        reset    A1 text=Goodwill posted=2022-12-30 ref=R1 at=2022-12-30 -> posted amount=-1.00 value=2022-12-30
    ",
    );
}

#[test]
fn what_is_pending_is_not_reset() {
    in_scene(
        "
        purchase A1 10.00
        fee      A1 5.00 MANUAL_FEE value=2023-01-03
        reset    A1            -> posted amount=-10.00
        balance  A1            -> 0.00
        advance  2023-01-03
        balance  A1            -> 5.00
    ",
    );
}

#[test]
fn a_reset_is_an_operation_like_others() {
    in_scene(
        "
        purchase A1 10.00
        reset    A1 key=k ref=R1 -> posted op=2 amount=-10.00
        reset    A1 key=k ref=R1 -> replayed posted op=2 amount=-10.00
        reset    A1 ref=R1       -> DUPLICATE_EXTERNAL_TRIPLET externalOperationReference op=2 same_payload=true
        reset    A1 key=k ref=R1 text=other -> IDEMPOTENCY_PAYLOAD_MISMATCH description
        # Given back whole, or not at all.
        reverse-reset A1 R1 5.00 -> REVERSAL_AMOUNT_NOT_ALLOWED referenceAmount malformed
        reverse-fee   A1 R1      -> ORIGINAL_KIND_MISMATCH command
        reverse-reset A1 R1      -> reversed amount=10.00
        balance  A1              -> 10.00
        ledger                   -> 1100=10.00 1300=-10.00 5900=0.00
        close    A1
        reset    A1              -> ACCOUNT_CLOSED account
    ",
    );
}

#[test]
fn an_issuer_may_book_resets_elsewhere() {
    check(
        "
        issuer   wl Europe/Berlin date=2023-01-02 script=RST_BAL>5950
        product  CREDIT EUR PAY_LATER limit=10.00
        open     A1 CREDIT
        purchase A1 3.00
        reset    A1
        ledger   -> 1100=0.00 1300=-3.00 5950=3.00
    ",
    );
}
