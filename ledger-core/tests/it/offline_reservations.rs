//! Offline reservations. Source: specification 2b and 2k, acceptance vector 4.

use crate::script::check;

fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT  EUR PAY_LATER
        product PREPAID EUR PAY_BEFORE
        product DEBIT   EUR PAY_NOW
        open    A1 CREDIT limit=1000.00
        open    P1 PREPAID
        open    D1 DEBIT
        {table}"
    ));
}

/// Acceptance vector 4: 200, another 100, the first cancelled.
#[test]
fn reservations_add_up_and_are_given_back() {
    in_scene(
        "
        reserve A1 R1 200.00 -> done
        balance A1           -> 0.00 offline=200.00 otb=800.00 spendable=800.00
        reserve A1 R2 100.00 -> done
        balance A1           -> 0.00 offline=300.00 otb=700.00
        free    A1 R1        -> done
        balance A1           -> 0.00 offline=100.00 otb=900.00
        auth    A1 900.01 case=C1 -> declined
        auth    A1 900.00 case=C1 -> approved
    ",
    );
}

#[test]
fn a_prepaid_account_reserves_no_more_than_its_free_funds() {
    in_scene(
        "
        load    P1 -50.00
        reserve P1 R1 50.01  -> INSUFFICIENT_OWN_FUNDS amount remembered 5000
        reserve P1 R1 30.00  -> done
        auth    P1 15.00 case=C1
        reserve P1 R2 5.01   -> INSUFFICIENT_OWN_FUNDS amount remembered 500
        reserve P1 R2 5.00   -> done
        unload  P1 0.01      -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 0
        balance P1           -> -50.00 otb=0.00 holds=15.00 offline=35.00 payable=0.00
        # A credit account reserves on credit, also below zero.
        reserve A1 R3 1500.00 -> done
        balance A1           -> 0.00 otb=-500.00
    ",
    );
}

#[test]
fn a_debit_account_reserves_its_own_funds_and_pays_them_out_no_more() {
    in_scene(
        "
        pay       D1 -50.00
        reserve   D1 R9 50.01  -> INSUFFICIENT_OWN_FUNDS amount remembered 5000
        reserve   D1 R1 20.00  -> done
        balance   D1           -> -50.00 otb=none offline=20.00 payable=30.00
        reimburse D1 30.01 MAX -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 3000
    ",
    );
}

#[test]
fn a_reservation_counts_on_its_account_alone() {
    in_scene(
        "
        open    CARD CREDIT limit=500.00 under=A1
        reserve CARD R1 100.00
        balance CARD           -> 0.00 otb=400.00 offline=100.00
        balance A1             -> 0.00 otb=1000.00 offline=0.00
    ",
    );
}

#[test]
fn a_reservation_is_named_once_and_ended_once() {
    in_scene(
        "
        reserve A1 R1 1.00 key=k -> done
        reserve A1 R1 1.00 key=k -> replayed done
        reserve A1 R1 2.00 key=k -> IDEMPOTENCY_PAYLOAD_MISMATCH amount unrecorded
        reserve A1 R2 1.00 key=k -> IDEMPOTENCY_PAYLOAD_MISMATCH offlineReservationReference unrecorded
        reserve A1 R1 1.00       -> DUPLICATE_OFFLINE_RESERVATION offlineReservationReference remembered same_payload=true
        reserve D1 R1 1.00       -> DUPLICATE_OFFLINE_RESERVATION offlineReservationReference remembered same_payload=false
        free    A1 R9            -> OFFLINE_RESERVATION_NOT_FOUND offlineReservationReference remembered
        free    D1 R1            -> OFFLINE_RESERVATION_NOT_FOUND offlineReservationReference remembered
        free    A1 R1 key=f      -> done
        free    A1 R1 key=f      -> replayed done
        free    A1 R2 key=f      -> IDEMPOTENCY_PAYLOAD_MISMATCH offlineReservationReference unrecorded
        free    A1 R1            -> OFFLINE_RESERVATION_NOT_ACTIVE offlineReservationReference remembered
        reserve A1 R1 1.00       -> DUPLICATE_OFFLINE_RESERVATION offlineReservationReference remembered
        balance A1               -> 0.00 otb=1000.00 offline=0.00
    ",
    );
}

#[test]
fn a_closed_account_gives_free_what_it_reserved() {
    in_scene(
        "
        reserve A1 R1 1.00 -> done
        close   A1
        reserve A1 R2 1.00 -> ACCOUNT_CLOSED account remembered
        free    A1 R1      -> done
    ",
    );
}
