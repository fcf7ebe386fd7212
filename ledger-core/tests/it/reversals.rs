//! Reversals. Source: specification 2d and ruling 6.

use crate::script::check;

fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER fees=MANUAL_FEE,STATEMENT_FEE limit=10000.00
        program BP money
        open    A1 CREDIT programs=BP
        open    A2 CREDIT
        {table}"
    ));
}

#[test]
fn parts_of_a_fee_are_reversed_up_to_the_whole() {
    in_scene("
        fee         A1 15.00 MANUAL_FEE ref=F1 -> posted op=1
        reverse-fee A1 F1 -4.00                -> reversed op=2 amount=-4.00 part
        reverse-fee A1 F1 -11.01               -> REVERSAL_EXCEEDS_REMAINING referenceAmount only 1100
        reverse-fee A1 F1 -15.00               -> REVERSAL_EXCEEDS_REMAINING referenceAmount only 1100
        reverse-fee A1 F1 -1.00                -> reversed op=3
        status      1                          -> effective reversed=5.00
        balance     A1                         -> 10.00 otb=9990.00
        reverse-fee A1 F1 -10.00               -> reversed op=4 part
        reverse-fee A1 F1 -0.01                -> OPERATION_ALREADY_REVERSED
        balance     A1                         -> 0.00 otb=10000.00
    ");
}

#[test]
fn a_reversal_without_an_amount_takes_what_remains() {
    in_scene(
        "
        fee            A1 15.00 MANUAL_FEE ref=F1
        reverse-fee    A1 F1 -4.00             -> reversed amount=-4.00
        reverse-fee    A1 F1                   -> reversed amount=-11.00 part
        reverse-fee    A1 F1                   -> OPERATION_ALREADY_REVERSED
        fee            A1 15.00 MANUAL_FEE ref=F2
        reverse-fee    A1 F2                   -> reversed amount=-15.00 whole
        adjust         A1 -8.00 GOODWILL ref=J1
        reverse-adjust A1 J1 3.00              -> reversed amount=3.00
        reverse-adjust A1 J1                   -> reversed amount=5.00
        reverse-adjust A1 J1 0.01              -> OPERATION_ALREADY_REVERSED
        balance        A1                      -> 0.00
    ",
    );
}

#[test]
fn a_reversal_has_the_sign_opposite_to_its_original() {
    in_scene(
        "
        fee            A1 15.00 MANUAL_FEE ref=F1
        reverse-fee    A1 F1 15.00             -> AMOUNT_SIGN_INVALID referenceAmount negative
        fee            A1 -6.00 MANUAL_FEE adjustment reason=COMMERCIAL_ADJUSTMENT ref=F2
        reverse-fee    A1 F2 -6.00             -> AMOUNT_SIGN_INVALID referenceAmount positive
        reverse-fee    A1 F2 2.00              -> reversed amount=2.00
        reverse-fee    A1 F2                   -> reversed amount=4.00
        adjust         A1 8.00 GOODWILL ref=J1
        reverse-adjust A1 J1 8.00              -> AMOUNT_SIGN_INVALID referenceAmount negative
        reverse-adjust A1 J1 -8.00             -> reversed amount=-8.00
        balance        A1                      -> 15.00
    ",
    );
}

#[test]
fn bonus_interest_and_the_other_kinds_are_reversed_in_full() {
    in_scene(
        "
        bonus            A1 -5.00 BP ref=B1
        interest         A1 2.00 DEBIT ref=I1
        interest         A1 -1.00 CREDIT ref=I2
        pay              A1 -7.00 ref=P1
        purchase         A1 9.00 ref=T1
        balance          A1                    -> -2.00 otb=10002.00
        reimburse        A1 none FULL ref=M1   -> posted amount=2.00
        reverse-bonus    A1 B1                 -> reversed amount=5.00
        reverse-interest A1 I1                 -> reversed amount=-2.00
        reverse-interest A1 I2                 -> reversed amount=1.00
        reverse-pay      A1 P1                 -> reversed amount=7.00
        reverse-purchase A1 T1                 -> reversed amount=-9.00
        reverse-reimburse A1 M1                -> reversed amount=-2.00
        balance          A1                    -> 0.00 otb=10000.00
    ",
    );
}

#[test]
fn a_reversal_names_an_operation_of_its_account_and_kind() {
    in_scene(
        "
        fee              A1 15.00 MANUAL_FEE ref=F1
        reverse-fee      A2 F1                     -> ORIGINAL_OPERATION_NOT_FOUND
        reverse-fee      A1 F1 matchingPoster=BANK -> ORIGINAL_OPERATION_NOT_FOUND
        reverse-fee      A1 F1 matchingAt=2023-01-02T14:20:34.714Z -> ORIGINAL_OPERATION_NOT_FOUND
        reverse-interest A1 F1                     -> ORIGINAL_KIND_MISMATCH command FEE
        reverse-fee      A1 F1 feeType=STATEMENT_FEE -> ORIGINAL_KIND_MISMATCH feeType
        reverse-fee      A1 F1 feeType=MANUAL_FEE  -> reversed
        balance          A1                        -> 0.00
    ",
    );
}

#[test]
fn a_reversal_is_not_reversed() {
    in_scene(
        "
        fee         A1 15.00 MANUAL_FEE ref=F1
        reverse-fee A1 F1 -5.00 ref=R1
        reverse-fee A1 R1              -> REVERSAL_NOT_REVERSIBLE
        reverse-fee A1 R1 5.00         -> REVERSAL_NOT_REVERSIBLE
        # What it gave back can be taken again as a new fee.
        fee         A1 5.00 MANUAL_FEE -> posted
        balance     A1                 -> 15.00
    ",
    );
}

#[test]
fn parts_of_a_pending_fee_wait_with_it() {
    in_scene(
        "
        fee         A1 15.00 MANUAL_FEE ref=F1 value=2023-01-05 -> pending op=1
        reverse-fee A1 F1 -4.00                -> pending op=2 amount=-4.00 value=2023-01-05
        status      1                          -> pending reversed=4.00
        balance     A1                         -> 0.00 otb=10000.00
        balance     A1 value=2023-01-05        -> 11.00
        advance     2023-01-05
        status      2                          -> effective
        balance     A1                         -> 11.00 otb=9989.00
        reverse-fee A1 F1                      -> reversed amount=-11.00 value=2023-01-05
        balance     A1                         -> 0.00
        ledger      turnover                   -> 1100=15.00/15.00 4100.MANUAL_FEE=15.00/15.00
    ",
    );
}

#[test]
fn a_pending_fee_reversed_in_parts_and_then_in_full_never_takes_effect() {
    in_scene(
        "
        fee         A1 15.00 MANUAL_FEE ref=F1 value=2023-01-05 -> pending op=1
        fee         A1 1.00 MANUAL_FEE ref=F2 value=2023-01-05  -> pending op=2
        reverse-fee A1 F1 -4.00                -> pending op=3
        reverse-fee A1 F1 -11.01               -> REVERSAL_EXCEEDS_REMAINING
        reverse-fee A1 F1                      -> cancelled op=4 amount=-11.00 value=2023-01-05
        status      1                          -> cancelled reversed=15.00
        status      3                          -> cancelled
        status      4                          -> cancelled
        status      2                          -> pending
        advance     2023-01-06
        balance     A1                         -> 1.00 otb=9999.00
        ledger      turnover                   -> 1100=1.00/0.00 4100.MANUAL_FEE=0.00/1.00
        reverse-fee A1 F1                      -> OPERATION_ALREADY_REVERSED
    ",
    );
}

#[test]
fn a_reversal_counts_from_today_or_from_its_original_as_the_issuer_says() {
    in_scene(
        "
        fee         A1 10.00 MANUAL_FEE ref=F1
        fee         A1 20.00 MANUAL_FEE ref=F2
        advance     2023-01-09
        reverse-fee A1 F1                      -> reversed value=2023-01-09
        balance     A1 value=2023-01-08        -> 30.00
        issuer      wl Europe/Berlin reversalValueDating=ORIGINAL
        reverse-fee A1 F2 -5.00                -> reversed value=2023-01-02
        balance     A1 value=2023-01-01        -> 0.00
        balance     A1 value=2023-01-08        -> 25.00
        balance     A1                         -> 15.00
        # A pending original is cancelled all the same.
        fee         A1 1.00 MANUAL_FEE ref=F3 value=2023-01-10 -> pending
        reverse-fee A1 F3                      -> cancelled value=2023-01-10
        issuer      wl Europe/Berlin
        reverse-fee A1 F2                      -> reversed amount=-15.00 value=2023-01-09
        balance     A1                         -> 0.00
    ",
    );
}

#[test]
fn a_refused_reversal_leaves_the_whole_original_to_reverse() {
    in_scene(
        "
        fee         A1 15.00 MANUAL_FEE ref=F1
        reverse-fee A1 F1 -20.00 ref=R1        -> REVERSAL_EXCEEDS_REMAINING
        reverse-fee A1 F1 1.00 ref=R1          -> AMOUNT_SIGN_INVALID
        status      1                          -> effective reversed=0.00
        reverse-fee A1 F1 ref=R1               -> reversed op=2 amount=-15.00
    ",
    );
}

#[test]
fn a_closed_account_has_no_reversals() {
    in_scene(
        "
        fee         A1 15.00 MANUAL_FEE ref=F1
        close       A1
        reverse-fee A1 F1                      -> ACCOUNT_CLOSED account remembered
        balance     A1                         -> 15.00
    ",
    );
}

/// The history is replayed after the fact, so nothing waits any more; and yet on no day may the
/// reversal count without what it reverses.
#[test]
fn a_reversal_never_counts_before_its_original() {
    check(
        "
        issuer      wl Europe/Berlin date=2024-06-01
        product     CREDIT EUR PAY_LATER fees=MANUAL_FEE
        open        A1 CREDIT
        fee         A1 4.00 MANUAL_FEE ref=F1 at=2023-03-10 posted=2023-03-10 value=2023-03-20
        reverse-fee A1 F1 at=2023-03-12 posted=2023-03-12  -> reversed value=2023-03-20
        balance     A1 value=2023-03-15                    -> 0.00
        balance     A1 value=2023-03-20                    -> 0.00
    ",
    );
}
