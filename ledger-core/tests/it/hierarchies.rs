//! Open-to-buy across a hierarchy. Source: specification 2b.

use crate::script::check;

const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02
    product CREDIT  EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
    product PREPAID EUR PAY_BEFORE fees=MANUAL_FEE
    product DEBIT   EUR PAY_NOW
";

fn in_scene(table: &str) {
    check(&format!("{SCENE}{table}"));
}

#[test]
fn an_operation_counts_in_the_open_to_buy_of_all_above() {
    in_scene(
        "
        open     COMPANY  CREDIT limit=5000.00
        open     DIVISION CREDIT limit=2000.00 under=COMPANY
        open     CARD     CREDIT limit=1000.00 under=DIVISION
        purchase CARD 300.00
        balance  CARD     -> 300.00 otb=700.00 prevailing=700.00 spendable=700.00
        balance  DIVISION -> 0.00 otb=1700.00 prevailing=1700.00
        balance  COMPANY  -> 0.00 otb=4700.00 prevailing=4700.00
        pay      CARD -100.00
        balance  CARD     -> 200.00 otb=800.00
        balance  COMPANY  -> 0.00 otb=4800.00
        # What happens above does not reach below.
        purchase COMPANY 50.00
        balance  COMPANY  -> 50.00 otb=4750.00
        balance  CARD     -> 200.00 otb=800.00
    ",
    );
}

#[test]
fn the_prevailing_open_to_buy_is_the_lower_of_the_accounts_and_the_roots() {
    in_scene(
        "
        open     COMPANY  CREDIT limit=500.00
        open     DIVISION CREDIT limit=100.00 under=COMPANY
        open     CARD     CREDIT limit=1000.00 under=DIVISION
        purchase CARD 50.00
        # The middle counts in what may be spent only.
        balance  CARD     -> 50.00 otb=950.00 prevailing=450.00 spendable=50.00
        purchase COMPANY 600.00
        balance  CARD     -> 50.00 otb=950.00 prevailing=-150.00 spendable=-150.00
        balance  COMPANY  -> 600.00 otb=-150.00 prevailing=-150.00
    ",
    );
}

#[test]
fn propagation_stops_at_an_account_that_does_not_notify_its_parent() {
    in_scene(
        "
        open     COMPANY    CREDIT limit=5000.00
        open     DIVISION   CREDIT limit=4000.00 under=COMPANY
        open     DEPARTMENT CREDIT limit=2000.00 under=DIVISION noParentNotification
        open     CARD       CREDIT under=DEPARTMENT
        purchase CARD 300.00
        pay      CARD -100.00
        fee      DEPARTMENT 10.00 MANUAL_FEE
        balance  CARD       -> 200.00 otb=800.00 prevailing=800.00
        balance  DEPARTMENT -> 10.00 otb=1790.00
        balance  DIVISION   -> 0.00 otb=4000.00
        balance  COMPANY    -> 0.00 otb=5000.00
        # Above, and beside, nothing changes.
        purchase DIVISION 1.00
        balance  COMPANY    -> 0.00 otb=4999.00
        # What may be spent does not look beyond either.
        purchase COMPANY 9999.00
        balance  CARD       -> 200.00 otb=800.00 prevailing=-5000.00 spendable=800.00
    ",
    );
}

/// The source's example: the check is off on the cards and on at the root.
#[test]
fn two_prepaid_cards_share_the_load_of_their_root() {
    in_scene(
        "
        open    ROOT  PREPAID
        open    CARD1 PREPAID under=ROOT noOtbCheck
        open    CARD2 PREPAID under=ROOT noOtbCheck
        load    ROOT -100.00
        balance CARD1         -> 0.00 otb=0.00 prevailing=0.00 spendable=100.00
        unload  CARD1 60.00   -> posted
        balance ROOT          -> -100.00 otb=40.00
        balance CARD1         -> 60.00 otb=-60.00 spendable=40.00
        unload  CARD2 50.00   -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 4000
        unload  CARD2 40.00   -> posted
        unload  CARD1 0.01    -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
        balance ROOT          -> -100.00 otb=0.00
    ",
    );
}

#[test]
fn without_the_exemption_each_prepaid_card_has_its_own_load_only() {
    in_scene(
        "
        open    ROOT PREPAID
        open    CARD PREPAID under=ROOT
        load    ROOT -100.00
        unload  CARD 1.00     -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
        load    CARD -20.00
        balance CARD          -> -20.00 otb=20.00 prevailing=20.00
        balance ROOT          -> -100.00 otb=120.00
        unload  CARD 20.00    -> posted
        balance ROOT          -> -100.00 otb=100.00
    ",
    );
}

/// Example (ii) of the source, as far as balances go; the liable balance is their sum.
#[test]
fn a_paying_account_keeps_its_own_balance() {
    in_scene(
        "
        open     ROOT CREDIT
        open     A CREDIT under=ROOT
        open     B CREDIT under=ROOT
        purchase A 70.00
        balance  ROOT -> 0.00 otb=930.00
        purchase ROOT 100.00
        balance  ROOT -> 100.00 otb=830.00
        purchase B 50.00
        balance  ROOT -> 100.00 otb=780.00
        balance  A    -> 70.00 otb=930.00 prevailing=780.00
        balance  B    -> 50.00 otb=950.00 prevailing=780.00
        ledger        -> 1100=220.00
    ",
    );
}

#[test]
fn pending_operations_and_reversals_propagate_when_they_take_effect() {
    in_scene(
        "
        open        ROOT CREDIT
        open        CARD CREDIT under=ROOT
        fee         CARD 10.00 MANUAL_FEE ref=F1 value=2023-01-03 -> pending
        pay         CARD -4.00 ref=P1
        balance     ROOT -> 0.00 otb=1004.00
        advance     2023-01-03
        balance     ROOT -> 0.00 otb=994.00
        reverse-fee CARD F1
        reverse-pay CARD P1
        balance     ROOT -> 0.00 otb=1000.00
        balance     CARD -> 0.00 otb=1000.00
    ",
    );
}

#[test]
fn a_debit_account_has_no_open_to_buy() {
    in_scene(
        "
        open     D1 DEBIT
        purchase D1 25.00
        balance  D1 -> 25.00 otb=none prevailing=none spendable=none
        open     ROOT CREDIT
        open     D2 DEBIT under=ROOT
        purchase D2 25.00
        balance  D2 -> 25.00 otb=none prevailing=975.00 spendable=975.00
        ledger      -> 2100=50.00 1300=-50.00
    ",
    );
}

#[test]
fn operations_that_are_owed_anyway_are_booked_over_the_limit() {
    in_scene(
        "
        open     A1 CREDIT limit=10.00
        purchase A1 15.00           -> posted
        fee      A1 5.00 MANUAL_FEE -> posted
        interest A1 1.00 DEBIT      -> posted
        adjust   A1 2.00 ANY        -> posted
        balance  A1                 -> 23.00 otb=-13.00 prevailing=-13.00
        limit    A1 100.00
        balance  A1                 -> 23.00 otb=77.00
        limit    A1 0.00
        balance  A1                 -> 23.00 otb=-23.00
    ",
    );
}

#[test]
fn a_limit_is_the_accounts_or_else_the_products_at_opening() {
    in_scene(
        "
        product PLAIN EUR PAY_LATER
        open    A1 CREDIT
        open    A2 CREDIT limit=5.00
        open    A3 CREDIT limit=0.00
        open    A4 PLAIN
        open    A5 PREPAID
        product CREDIT EUR PAY_LATER limit=1.00
        open    A6 CREDIT
        balance A1 -> 0.00 otb=1000.00
        balance A2 -> 0.00 otb=5.00
        balance A3 -> 0.00 otb=0.00
        balance A4 -> 0.00 otb=0.00
        balance A5 -> 0.00 otb=0.00
        balance A6 -> 0.00 otb=1.00
    ",
    );
}
