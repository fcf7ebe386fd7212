//! Bonuses and loyalty points. Source: specification 1.1.7 and 2g.

use crate::script::check;

fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
        program MILES units=MILE,POINT
        program CASH  money
        program BOTH  money units=POINT
        open    ROOT CREDIT programs=MILES,CASH
        open    CARD CREDIT under=ROOT programs=BOTH
        open    SOLO CREDIT
        {table}"
    ));
}

#[test]
fn points_belong_to_the_hierarchy_and_to_one_program_and_unit() {
    in_scene(
        "
        bonus   CARD none MILES points=-100:MILE -> posted amount=-100
        bonus   ROOT none MILES points=-20:MILE
        bonus   CARD none MILES points=-7:POINT
        bonus   CARD none BOTH points=-1:POINT
        points  CARD MILES MILE   -> -120
        points  ROOT MILES MILE   -> -120
        points  ROOT MILES POINT  -> -7
        points  ROOT BOTH POINT   -> -1
        points  SOLO MILES MILE   -> 0
        balance CARD              -> 0.00 otb=1000.00
        ledger                    -> 9100=-120 9900=120 9100=-7 9100=-1
    ",
    );
}

#[test]
fn a_program_is_allowed_on_its_account_and_below() {
    in_scene(
        "
        bonus CARD -1.00 CASH                 -> posted
        bonus ROOT -1.00 BOTH                 -> BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT
        bonus SOLO -1.00 CASH                 -> BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT
        # Stopping the propagation of money does not stop the program.
        open  SILENT CREDIT under=ROOT noParentNotification
        bonus SILENT -1.00 CASH               -> posted
        bonus SILENT none MILES points=-1:MILE -> posted
        points ROOT MILES MILE                -> -1
    ",
    );
}

#[test]
fn a_debit_claws_points_back_even_below_nothing() {
    in_scene("
        bonus  CARD none MILES points=-100:MILE -> posted
        bonus  CARD none MILES points=30:MILE   -> posted amount=30
        points CARD MILES MILE                  -> -70
        bonus  CARD none MILES points=200:MILE  -> posted
        points CARD MILES MILE                  -> 130
        bonus  CARD 5.00 BOTH                   -> posted amount=5.00
        balance CARD                            -> 5.00 otb=995.00
        ledger turnover                         -> 1100=5.00/0.00 5100=0.00/5.00 9100=230/100 9900=100/230
    ");
}

#[test]
fn points_are_reversed_in_full_and_once() {
    in_scene(
        "
        bonus         CARD none MILES points=-100:MILE ref=B1 -> posted op=1
        bonus         CARD none MILES points=150:MILE         -> posted op=2
        reverse-bonus ROOT B1         -> ORIGINAL_OPERATION_NOT_FOUND
        reverse-bonus CARD B1 1.00    -> REVERSAL_AMOUNT_NOT_ALLOWED malformed
        reverse-bonus CARD B1         -> reversed op=3 amount=100
        points        CARD MILES MILE -> 150
        reverse-bonus CARD B1         -> OPERATION_ALREADY_REVERSED
        bonus         CARD -2.00 BOTH ref=B2
        balance       CARD            -> -2.00
        reverse-bonus CARD B2         -> reversed amount=2.00
        balance       CARD            -> 0.00
    ",
    );
}

#[test]
fn a_unit_or_money_is_allowed_by_the_program_as_it_stands() {
    in_scene(
        "
        bonus   CARD none BOTH points=-1:MILE -> LOYALTY_UNIT_NOT_ALLOWED loyaltyPointAmount.unit
        bonus   ROOT -1.00 MILES              -> MONETARY_BONUS_NOT_ALLOWED
        bonus   ROOT none MILES points=-5:MILE -> posted
        program MILES money units=POINT,YARD
        bonus   ROOT -1.00 MILES              -> posted
        bonus   ROOT none MILES points=-5:MILE -> LOYALTY_UNIT_NOT_ALLOWED
        bonus   ROOT none MILES points=-3:YARD -> posted
        # Points of a unit that is gone are kept.
        points  ROOT MILES MILE               -> -5
        points  ROOT MILES YARD               -> -3
        program MILES money units=MILE
        bonus   ROOT none MILES points=-5:MILE -> posted
        points  ROOT MILES MILE               -> -10
    ",
    );
}

#[test]
fn a_rewarded_operation_is_one_of_the_hierarchy() {
    in_scene(
        "
        purchase ROOT 10.00 ref=T1                  -> posted op=1
        purchase SOLO 10.00 ref=T2                  -> posted op=2
        bonus    CARD -1.00 CASH rewarded=1         -> posted op=3
        bonus    CARD -1.00 CASH rewardedRef=T1     -> posted op=4
        bonus    CARD none MILES points=-1:MILE rewarded=3 -> posted op=5
        bonus    CARD -1.00 CASH rewarded=5         -> posted op=6
        bonus    CARD -1.00 CASH rewarded=2         -> REWARDED_OPERATION_NOT_FOUND
        bonus    CARD -1.00 CASH rewardedRef=T2     -> REWARDED_OPERATION_NOT_FOUND
        bonus    CARD -1.00 CASH rewardedRef=T9     -> REWARDED_OPERATION_NOT_FOUND
        bonus    CARD -1.00 CASH rewarded=9         -> REWARDED_OPERATION_NOT_FOUND
        bonus    CARD -1.00 CASH rewarded=1 rewardedRef=T1 -> REWARDED_REFERENCE_CHOICE
    ",
    );
}

/// Found by the property tests: the batch that creates an issuer also names an older record.
#[test]
fn the_operation_of_another_issuer_is_not_found() {
    in_scene(
        "
        purchase ROOT 10.00 ref=T1                  -> posted op=1
        issuer   other Europe/Berlin date=2023-01-02
        product  CREDIT EUR PAY_LATER
        program  CASH money
        open     A1 CREDIT programs=CASH
        bonus    A1 -1.00 CASH rewarded=1           -> REWARDED_OPERATION_NOT_FOUND
        bonus    A1 -1.00 CASH rewardedRef=T1       -> REWARDED_OPERATION_NOT_FOUND
    ",
    );
}
