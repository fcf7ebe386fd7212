//! Messages of the authorization system: what they reserve, what clears it, and how it ends. Source:
//! specification 1.1.8, 2b and 2k.

use crate::script::{Script, check};

fn in_scene(table: &str) -> Script {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT  EUR PAY_LATER fees=MANUAL_FEE
        product PREPAID EUR PAY_BEFORE
        product DEBIT   EUR PAY_NOW
        open    A1 CREDIT limit=100.00
        open    A2 CREDIT limit=100.00
        open    P1 PREPAID
        open    D1 DEBIT
        {table}"
    ))
}

#[test]
fn an_approved_authorization_is_held_until_it_is_cleared() {
    in_scene(
        "
        auth     A1 60.00 case=C1       -> approved code=00 otb=40.00 reserve=60.00
        balance  A1                     -> 0.00 otb=40.00 prevailing=40.00 spendable=40.00 holds=60.00
        case     C1                     -> Active reserve=60.00 billing=60.00 until=2023-01-09 records=1
        purchase A1 60.00 case=C1       -> posted amount=60.00
        balance  A1                     -> 60.00 otb=40.00 holds=0.00
        case     C1                     -> Cancelled reserve=0.00 billing=60.00 records=2
        ledger                          -> 1100=60.00 1300=-60.00
    ",
    );
}

/// Open-to-buy moves by the difference: in one event, so that nobody sees it in between.
#[test]
fn a_clearing_of_another_amount_moves_open_to_buy_by_the_difference() {
    in_scene(
        "
        auth     A1 60.00 case=C1
        auth     A1 30.00 case=C2
        events                          -> 10
        purchase A1 55.00 case=C1       -> posted amount=55.00
        events                          -> 11
        balance  A1                     -> 55.00 otb=15.00 holds=30.00
        purchase A1 42.00 case=C2       -> posted amount=42.00
        balance  A1                     -> 97.00 otb=3.00 holds=0.00
    ",
    );
}

#[test]
fn a_clearing_that_is_not_final_consumes_what_it_clears() {
    in_scene(
        "
        auth     A1 60.00 case=C1
        purchase A1 25.00 case=C1 part  -> posted
        case     C1                     -> Active reserve=35.00 billing=60.00
        balance  A1                     -> 25.00 otb=40.00 holds=35.00
        purchase A1 40.00 case=C1 part  -> posted
        case     C1                     -> Cancelled reserve=0.00
        balance  A1                     -> 65.00 otb=35.00 holds=0.00
        # A refund frees nothing, unless it is the last.
        auth     A1 10.00 case=C2
        purchase A1 -5.00 case=C2 part  -> posted
        case     C2                     -> Active reserve=10.00
        purchase A1 -5.00 case=C2       -> posted
        case     C2                     -> Cancelled reserve=0.00
    ",
    );
}

#[test]
fn a_clearing_without_its_case_leaves_the_hold() {
    in_scene(
        "
        auth     A1 60.00 case=C1
        purchase A1 60.00               -> posted
        balance  A1                     -> 60.00 otb=-20.00 holds=60.00
        purchase A1 1.00 case=C9        -> BUSINESS_CASE_NOT_FOUND authorizationBusinessCaseIdentifier remembered
        purchase A2 1.00 case=C1        -> BUSINESS_CASE_NOT_FOUND authorizationBusinessCaseIdentifier remembered
        # What was cleared is owed, also when nothing is reserved for it any more.
        purchase A1 60.00 case=C1       -> posted
        purchase A1 60.00 case=C1       -> posted
        balance  A1                     -> 180.00 otb=-80.00 holds=0.00
    ",
    );
}

#[test]
fn reversing_a_clearing_reserves_nothing_again() {
    in_scene(
        "
        auth     A1 60.00 case=C1
        purchase A1 60.00 case=C1 ref=P1 -> posted
        reverse-purchase A1 P1           -> reversed amount=-60.00
        balance  A1                      -> 0.00 otb=100.00 holds=0.00
        case     C1                      -> Cancelled reserve=0.00
    ",
    );
}

/// Until it is accepted, what a pending clearing consumes stays reserved, whatever becomes of its case.
#[test]
fn a_clearing_that_waits_keeps_its_reserve_waiting() {
    in_scene(
        "
        auth     A1 60.00 case=C1 expires=2023-01-03
        purchase A1 50.00 case=C1 value=2023-01-05 -> pending
        case     C1                     -> Active reserve=60.00
        balance  A1                     -> 0.00 otb=40.00 holds=60.00
        take-back A1 case=C1            -> RESERVE_NOT_ACTIVE businessCaseId remembered
        advance  2023-01-04
        case     C1                     -> Active reserve=60.00
        balance  A1                     -> 0.00 otb=40.00 holds=60.00
        advance  2023-01-05
        case     C1                     -> Cancelled reserve=0.00
        balance  A1                     -> 50.00 otb=50.00 holds=0.00
    ",
    );
}

#[test]
fn cancelling_a_clearing_that_waits_frees_its_reserve() {
    in_scene(
        "
        auth     A1 60.00 case=C1
        purchase A1 20.00 case=C1 part value=2023-01-05 ref=P1 -> pending
        balance  A1                     -> 0.00 otb=40.00 holds=60.00
        reverse-purchase A1 P1          -> cancelled
        case     C1                     -> Active reserve=40.00
        balance  A1                     -> 0.00 otb=60.00 holds=40.00
    ",
    );
}

#[test]
fn a_request_above_what_may_be_spent_is_declined_and_recorded() {
    in_scene(
        "
        auth    A1 100.01 case=C1 id=T1 key=k -> declined INSUFFICIENT_OPEN_TO_BUY code=51 otb=100.00 reserve=0.00
        auth    A1 100.01 case=C1 id=T1 key=k -> replayed declined INSUFFICIENT_OPEN_TO_BUY
        case    C1                      -> None reserve=0.00 billing=0.00 records=1
        balance A1                      -> 0.00 otb=100.00 holds=0.00
        take-back A1 case=C1            -> RESERVE_NOT_ACTIVE businessCaseId remembered
        auth    A1 100.00 case=C1       -> approved otb=0.00
        auth    A1 0.01 case=C2         -> declined
        # Nothing is asked of the limit by an inquiry, or by a refund to come.
        auth    A1 0.00 case=C3         -> approved reserve=0.00
        auth    A1 -20.00 case=C4       -> approved otb=0.00 reserve=0.00
        case    C4                      -> None reserve=0.00 billing=-20.00
        balance A1                      -> 0.00 otb=0.00 holds=100.00
    ",
    );
}

#[test]
fn an_advice_is_booked_as_it_was_decided_outside() {
    in_scene(
        "
        auth    A1 150.00 case=C1 advice=Approval code=000 -> approved code=000 otb=-50.00 reserve=150.00
        auth    A1 10.00 case=C2 advice=Decline code=05    -> declined code=05 reserve=0.00
        auth    A1 10.00 case=C3 advice=PickUp             -> other code=none reserve=0.00
        balance A1                      -> 0.00 otb=-50.00 holds=150.00
        take-back A1 case=C1 advice=Decline -> declined reserve=150.00
        case    C1                      -> Active reserve=150.00 records=2
        auth    A1 1.00 case=C4 advice=none     -> INVALID_REQUEST resultType malformed
        auth    A1 1.00 case=C4 result=Approval -> INVALID_REQUEST resultType malformed
        auth    A1 1.00 case=C4 code=00         -> INVALID_REQUEST resultCode malformed
    ",
    );
}

#[test]
fn the_messages_of_a_case_change_its_reserve() {
    in_scene(
        "
        auth           A1 20.00 case=C1 -> approved reserve=20.00
        auth           A1 15.00 case=C1 -> approved reserve=35.00 otb=65.00
        case           C1               -> Active reserve=35.00 billing=35.00
        reserve-update A1 50.00 case=C1 -> approved reserve=50.00 otb=50.00
        reserve-update A1 100.01 case=C1 -> declined INSUFFICIENT_OPEN_TO_BUY reserve=50.00
        reserve-update A1 100.00 case=C1 -> approved reserve=100.00 otb=0.00
        take-back      A1 30.00 case=C1 -> approved reserve=70.00
        case           C1               -> Active reserve=70.00 billing=70.00
        # What is confirmed has happened.
        confirm        A1 110.00 case=C1 -> approved reserve=110.00 otb=-10.00
        confirm        A1 case=C1       -> approved reserve=110.00
        roll-back      A1 10.00 case=C1 -> approved reserve=100.00
        roll-back      A1 999.00 case=C1 -> approved reserve=0.00
        case           C1               -> Cancelled reserve=0.00 billing=0.00 records=10
        confirm        A1 1.00 case=C1  -> RESERVE_NOT_ACTIVE businessCaseId remembered
        balance        A1               -> 0.00 otb=100.00 holds=0.00
    ",
    );
}

#[test]
fn a_reserve_that_ends_tells_how() {
    in_scene(
        "
        auth           A1 10.00 case=C1
        auth           A1 10.00 case=C2
        auth           A1 10.00 case=C3
        auth           A1 10.00 case=C4
        take-back      A1 case=C1       -> approved reserve=0.00
        reserve-expiry A1 case=C2       -> approved reserve=0.00
        reserve-update A1 0.00 case=C3  -> approved reserve=0.00
        reserve-expiry A1 4.00 case=C4  -> approved reserve=6.00
        case C1                         -> Cancelled billing=0.00
        case C2                         -> Expired billing=10.00
        case C3                         -> Cancelled billing=0.00
        case C4                         -> Active reserve=6.00 billing=10.00
        # An authorization may go on with a case that reserves nothing any more.
        auth A1 5.00 case=C2            -> approved reserve=5.00
        case C2                         -> Active reserve=5.00 billing=15.00
    ",
    );
}

#[test]
fn only_an_authorization_begins_a_case() {
    in_scene(
        "
        auth           A1 10.00 case=C1
        take-back      A1 case=C9       -> BUSINESS_CASE_NOT_FOUND businessCaseId remembered
        take-back      A2 case=C1       -> BUSINESS_CASE_NOT_FOUND businessCaseId remembered
        auth           A2 10.00 case=C1 -> BUSINESS_CASE_NOT_FOUND businessCaseId remembered
        reserve-update A1 1.00 case=C9  -> BUSINESS_CASE_NOT_FOUND
        confirm        A1 1.00 case=C9  -> BUSINESS_CASE_NOT_FOUND
        roll-back      A1 case=C9       -> BUSINESS_CASE_NOT_FOUND
        reserve-expiry A1 case=C9       -> BUSINESS_CASE_NOT_FOUND
        case C9                         -> unknown
    ",
    );
}

/// The last day counts; the day after does not.
#[test]
fn a_reserve_expires_with_the_business_date() {
    in_scene(
        "
        auth    A1 10.00 case=C1
        auth    A1 20.00 case=C2 expires=2023-01-03
        auth    A2 30.00 case=C3 expires=2023-01-03
        purchase A1 5.00 case=C2 part
        advance 2023-01-03
        balance A1                      -> 5.00 otb=70.00 holds=25.00
        auth    A1 1.00 case=C4 expires=2023-01-03 -> approved reserve=1.00
        case    C4                      -> Active until=2023-01-03
        advance 2023-01-04
        case    C2                      -> Expired reserve=0.00 billing=20.00 until=2023-01-03
        balance A1                      -> 5.00 otb=85.00 holds=10.00
        balance A2                      -> 0.00 otb=100.00 holds=0.00
        # Late, but owed.
        purchase A1 15.00 case=C2       -> posted
        advance 2023-01-10
        case    C1                      -> Expired
        balance A1                      -> 20.00 otb=80.00 holds=0.00
    ",
    );
}

#[test]
fn a_message_may_move_the_last_day() {
    in_scene(
        "
        auth           A1 10.00 case=C1 expires=2023-01-20
        auth           A1 10.00 case=C1                    -> approved
        case           C1                                  -> Active until=2023-01-20
        reserve-update A1 10.00 case=C1 expires=2023-01-04 -> approved
        confirm        A1 9.00 case=C1                     -> approved
        case           C1                                  -> Active until=2023-01-04
        advance        2023-01-05
        case           C1                                  -> Expired
        auth           A1 10.00 case=C1                    -> approved
        case           C1                                  -> Active until=2023-01-12
    ",
    );
}

#[test]
fn a_replayed_authorization_whose_time_is_over_holds_nothing() {
    in_scene(
        "
        auth    A1 10.00 case=C1 posted=2022-12-01 -> approved reserve=0.00 otb=100.00
        case    C1                      -> Expired reserve=0.00 billing=10.00 until=2022-12-08
        auth    A1 10.00 case=C2 posted=2022-12-30 -> approved reserve=10.00
        case    C2                      -> Active until=2023-01-06
    ",
    );
}

#[test]
fn holds_count_upward_as_operations_propagate() {
    in_scene(
        "
        open    ROOT CREDIT limit=50.00
        open    CARD CREDIT limit=100.00 under=ROOT
        open    SOLO CREDIT limit=100.00 under=ROOT noParentNotification
        auth    CARD 30.00 case=C1      -> approved otb=70.00
        auth    SOLO 90.00 case=C2      -> approved otb=10.00
        balance ROOT                    -> 0.00 otb=20.00 holds=30.00
        balance CARD                    -> 0.00 otb=70.00 prevailing=20.00 spendable=20.00
        auth    CARD 20.01 case=C3      -> declined INSUFFICIENT_OPEN_TO_BUY
        purchase CARD 30.00 case=C1
        balance ROOT                    -> 0.00 otb=20.00 holds=0.00
    ",
    );
}

#[test]
fn an_account_without_a_check_is_limited_by_those_above() {
    in_scene(
        "
        open    ROOT PREPAID
        open    CARD PREPAID under=ROOT noOtbCheck
        load    ROOT -50.00
        auth    CARD 50.00 case=C1      -> approved otb=-50.00
        auth    CARD 0.01 case=C2       -> declined INSUFFICIENT_OPEN_TO_BUY
        balance ROOT                    -> -50.00 otb=0.00 holds=50.00
    ",
    );
}

#[test]
fn what_is_held_is_not_paid_out() {
    in_scene(
        "
        load      P1 -50.00
        auth      P1 30.00 case=C1      -> approved otb=20.00
        unload    P1 20.01              -> INSUFFICIENT_OPEN_TO_BUY referenceAmount 2000
        reimburse P1 20.01 MAX          -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount 2000
        unload    P1 20.00              -> posted
        # A debit account has no open-to-buy that would say so.
        pay       D1 -50.00
        auth      D1 30.00 case=C2      -> approved otb=none reserve=30.00
        balance   D1                    -> -50.00 otb=none holds=30.00 payable=20.00
        reimburse D1 none FULL          -> posted amount=20.00
    ",
    );
}

#[test]
fn a_payout_that_waits_is_not_reserved_as_well() {
    in_scene(
        "
        load    P1 -50.00
        unload  P1 20.00 value=2023-01-03 -> pending
        auth    P1 30.01 case=C1        -> declined
        auth    P1 30.00 case=C1        -> approved
    ",
    );
}

#[test]
fn a_debit_account_is_not_checked() {
    in_scene("auth D1 1000.00 case=C1 -> approved otb=none reserve=1000.00");
}

#[test]
fn a_closed_account_declines_and_gives_free() {
    in_scene(
        "
        auth           A1 10.00 case=C1
        auth           A1 10.00 case=C2
        close          A1
        auth           A1 1.00 case=C3  -> declined ACCOUNT_CLOSED code=62 reserve=0.00
        auth           A1 1.00 case=C3 advice=Approval -> declined ACCOUNT_CLOSED
        auth           A1 0.00 case=C3  -> declined ACCOUNT_CLOSED
        reserve-update A1 11.00 case=C1 -> declined ACCOUNT_CLOSED reserve=10.00
        confirm        A1 11.00 case=C1 -> declined ACCOUNT_CLOSED reserve=10.00
        confirm        A1 10.00 case=C1 -> approved reserve=10.00
        reserve-update A1 9.00 case=C1  -> approved reserve=9.00
        take-back      A1 case=C1       -> approved reserve=0.00
        purchase       A1 10.00 case=C2 -> ACCOUNT_CLOSED account remembered
        advance        2023-01-10
        case           C2               -> Expired
    ",
    );
}

#[test]
fn a_transaction_id_is_used_once() {
    in_scene(
        "
        auth A1 10.00 case=C1 id=T1 key=k -> approved
        auth A1 10.00 case=C1 id=T1 key=k -> replayed approved
        auth A1 11.00 case=C1 id=T1 key=k -> IDEMPOTENCY_PAYLOAD_MISMATCH totalBillingAmount unrecorded
        auth A1 10.00 case=C1 id=T1       -> DUPLICATE_TRANSACTION_ID transactionId remembered same_payload=true
        auth A1 10.00 case=C2 id=T1       -> DUPLICATE_TRANSACTION_ID transactionId remembered same_payload=false
        auth A2 10.00 case=C1 id=T1       -> DUPLICATE_TRANSACTION_ID transactionId remembered same_payload=false
        take-back A1 case=C1 id=T1        -> DUPLICATE_TRANSACTION_ID transactionId remembered same_payload=false
        # A refused message has not taken its id; and another issuer's ids are its own.
        auth A2 10.00 case=C1 id=T2       -> BUSINESS_CASE_NOT_FOUND
        auth A1 10.00 case=C1 id=T2       -> approved
        issuer other Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER
        open A1 CREDIT limit=100.00
        auth A1 10.00 case=C1 id=T1       -> approved reserve=10.00
        case C1                           -> Active reserve=10.00 records=1
    ",
    );
}

#[test]
fn a_clearing_is_another_command_than_a_transaction_without_a_case() {
    in_scene(
        "
        auth     A1 10.00 case=C1
        auth     A1 10.00 case=C2
        purchase A1 10.00 case=C1 key=k ref=P1      -> posted
        purchase A1 10.00 case=C1 key=k ref=P1      -> replayed posted
        purchase A1 10.00 key=k ref=P1              -> IDEMPOTENCY_PAYLOAD_MISMATCH authorizationBusinessCaseIdentifier
        purchase A1 10.00 case=C2 key=k ref=P1      -> IDEMPOTENCY_PAYLOAD_MISMATCH authorizationBusinessCaseIdentifier
        purchase A1 10.00 case=C1 part key=k ref=P1 -> IDEMPOTENCY_PAYLOAD_MISMATCH finalClearing
        purchase A1 10.00 case=C1 ref=P1            -> DUPLICATE_EXTERNAL_TRIPLET same_payload=true
        purchase A1 10.00 ref=P1                    -> DUPLICATE_EXTERNAL_TRIPLET same_payload=false
    ",
    );
}

#[test]
fn reserves_stay_within_what_an_amount_can_be() {
    in_scene(
        "
        auth A1 10000000000000.00 case=C1 advice=Approval -> approved
        auth A1 0.01 case=C1 advice=Approval              -> AMOUNT_OUT_OF_RANGE totalBillingAmount remembered
        auth A1 -10000000000000.00 case=C2                -> approved
        auth A1 -0.01 case=C2                             -> AMOUNT_OUT_OF_RANGE totalBillingAmount remembered
        # Sums over cases have no such limit.
        auth A1 10000000000000.00 case=C3 advice=Approval -> approved
        balance A1                      -> 0.00 otb=-19999999999900.00 holds=20000000000000.00
        auth A1 10000000000000.01 case=C4                 -> AMOUNT_OUT_OF_RANGE totalBillingAmount malformed
    ",
    );
}

#[test]
fn messages_are_listed_by_when_they_were_sent() {
    in_scene(
        "
        auth A1 1.00 case=C1 id=T3 sent=2023-01-02T12:00:03Z
        auth A1 1.00 case=C1 id=T1 sent=2023-01-02T12:00:01Z
        auth A1 1.00 case=C2 id=T2 sent=2023-01-02T12:00:02Z
        auth A2 1.00 case=C3 id=T4 sent=2023-01-02T12:00:02Z
        auth A1 999.00 case=C2 id=T5 sent=2023-01-02T12:00:02Z -> declined
        messages A1                                       -> T1 T2 T5 T3
        messages A1 start=2023-01-02T12:00:02Z            -> T2 T5 T3
        messages A1 end=2023-01-02T12:00:02Z              -> T1
        messages A1 start=2023-01-02T12:00:02Z end=2023-01-02T12:00:03Z -> T2 T5
        messages P1                                       -> none
    ",
    );
}
