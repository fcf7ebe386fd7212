//! Reimbursement and unload, the operations that are measured by the open-to-buy. Source:
//! specification 1.1.7 and 2b.

use crate::script::check;

fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT  EUR PAY_LATER fees=MANUAL_FEE
        product PREPAID EUR PAY_BEFORE fees=MANUAL_FEE
        open    A1 CREDIT limit=100.00
        open    P1 PREPAID
        {table}"
    ));
}

#[test]
fn a_full_reimbursement_pays_out_the_whole_credit_balance() {
    in_scene(
        "
        reimburse A1 none FULL    -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 0
        pay       A1 -50.00
        reimburse A1 1.00 FULL    -> AMOUNT_FORBIDDEN_FOR_FULL referenceAmount malformed
        reimburse A1 none FULL    -> posted amount=50.00
        balance   A1              -> 0.00 otb=100.00
        reimburse A1 none FULL    -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 0
    ",
    );
}

#[test]
fn a_partial_reimbursement_is_capped() {
    in_scene(
        "
        pay       A1 -50.00
        reimburse A1 20.00 PARTIAL -> posted amount=20.00
        reimburse A1 40.00 PARTIAL -> posted amount=30.00
        reimburse A1 0.01 PARTIAL  -> REIMBURSEMENT_EXCEEDS_ALLOWED
        reimburse A1 none PARTIAL  -> INVALID_REQUEST referenceAmount malformed
        balance   A1               -> 0.00
    ",
    );
}

#[test]
fn a_reimbursement_of_type_max_is_refused_above_what_is_allowed() {
    in_scene(
        "
        pay       A1 -50.00
        reimburse A1 50.01 MAX    -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 5000
        reimburse A1 50.00 MAX    -> posted amount=50.00
        reimburse A1 none MAX     -> INVALID_REQUEST referenceAmount malformed
        balance   A1              -> 0.00
    ",
    );
}

#[test]
fn a_reimbursement_is_limited_to_the_open_to_buy() {
    in_scene(
        "
        open      ROOT CREDIT limit=10.00
        open      CARD CREDIT limit=100.00 under=ROOT
        pay       CARD -50.00
        balance   CARD                -> -50.00 otb=150.00 prevailing=60.00
        purchase  ROOT 25.00
        balance   CARD                -> -50.00 otb=150.00 prevailing=35.00
        reimburse CARD 35.01 MAX      -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 3500
        reimburse CARD 40.00 PARTIAL  -> posted amount=35.00
        balance   ROOT                -> 25.00 otb=0.00
        reimburse CARD none FULL      -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 0
        balance   CARD                -> -15.00
    ",
    );
}

#[test]
fn a_reimbursement_that_is_reversed_can_be_paid_out_again() {
    in_scene(
        "
        pay               A1 -50.00
        reimburse         A1 none FULL ref=M1 -> posted amount=50.00
        reverse-reimburse A1 M1               -> reversed amount=-50.00
        reimburse         A1 none FULL        -> posted amount=50.00
        ledger                                -> 1100=0.00 1310=0.00
    ",
    );
}

#[test]
fn an_unload_takes_no_more_than_is_loaded() {
    in_scene(
        "
        unload  P1 1.00    -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
        load    P1 -30.00  -> posted
        balance P1         -> -30.00 otb=30.00 prevailing=30.00
        unload  P1 30.01   -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 3000
        unload  P1 10.00   -> posted
        fee     P1 15.00 MANUAL_FEE
        unload  P1 5.01    -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 500
        unload  P1 5.00    -> posted
        balance P1         -> 0.00 otb=0.00
        # A fee is owed even where there is nothing left.
        fee     P1 1.00 MANUAL_FEE -> posted
        unload  P1 1.00    -> INSUFFICIENT_OPEN_TO_BUY referenceAmount -100
        ledger             -> 2100=1.00 1310=15.00 4100.MANUAL_FEE=-16.00
    ",
    );
}

#[test]
fn a_load_that_still_waits_cannot_be_unloaded() {
    in_scene(
        "
        load    P1 -30.00 value=2023-01-03 -> pending
        unload  P1 1.00                    -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
        reimburse P1 none FULL             -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 0
        advance 2023-01-03
        unload  P1 1.00                    -> posted
    ",
    );
}

#[test]
fn loads_belong_to_prepaid_accounts() {
    in_scene(
        "
        load         A1 -1.00              -> WORKING_MODE_MISMATCH command remembered
        unload       A1 1.00               -> WORKING_MODE_MISMATCH command remembered
        load         P1 -30.00 ref=L1
        unload       P1 10.00 ref=U1
        reverse-unload P1 U1               -> reversed amount=-10.00
        reverse-load P1 L1                 -> reversed amount=30.00
        balance      P1                    -> 0.00 otb=0.00
    ",
    );
}

#[test]
fn a_payout_that_waits_is_not_paid_out_twice() {
    in_scene(
        "
        pay         A1 -50.00
        reimburse   A1 none FULL value=2023-01-03 ref=M1 -> pending amount=50.00
        reimburse   A1 none FULL                         -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 0
        balance     A1                                   -> -50.00 otb=150.00 spendable=100.00
        reverse-reimburse A1 M1                          -> cancelled
        reimburse   A1 20.00 MAX value=2023-01-03        -> pending amount=20.00
        reimburse   A1 30.01 MAX                         -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 3000
        reimburse   A1 30.00 MAX                         -> posted amount=30.00
        advance     2023-01-03
        balance     A1                                   -> 0.00 otb=100.00 spendable=100.00
        load        P1 -30.00
        unload      P1 30.00 value=2023-01-04            -> pending
        unload      P1 0.01                              -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
    ",
    );
}

#[test]
fn a_reimbursement_is_at_most_what_an_amount_can_be() {
    in_scene(
        "
        open      P2 PREPAID
        load      P2 -10000000000000.00
        reimburse P2 none FULL             -> posted amount=10000000000000.00
        load      P2 -10000000000000.00
        load      P2 -0.01
        reimburse P2 none FULL             -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 1000000000000001
        reimburse P2 10000000000000.00 MAX -> posted amount=10000000000000.00
        balance   P2                       -> -0.01
    ",
    );
}

#[test]
fn what_may_be_reimbursed_is_told_as_far_as_an_answer_can_show() {
    let loads = "load P2 -10000000000000.00\n".repeat(9_224);
    in_scene(&format!(
        "
        open      P2 PREPAID
        {loads}
        reimburse P2 none FULL -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 9223372036854775807
    "
    ));
}
