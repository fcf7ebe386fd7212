//! Value dates and business dates. Source: specification A4 to A6, 2c, rulings 8 and 13.

use crate::script::check;

/// The clock stands at 2023-01-02T14:20:34.715Z; Berlin is one hour ahead.
fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER fees=MANUAL_FEE limit=10000.00
        product PREPAID EUR PAY_BEFORE
        program BP money
        open    A1 CREDIT programs=BP
        open    P1 PREPAID
        {table}"
    ));
}

#[test]
fn a_fee_counts_from_its_external_date_if_that_is_not_past_and_else_from_today() {
    in_scene(
        "
        fee      A1 1.00 MANUAL_FEE at=2022-12-20 -> posted value=2023-01-02
        fee      A1 1.00 MANUAL_FEE at=2023-01-02 -> posted value=2023-01-02
        fee      A1 1.00 MANUAL_FEE at=2023-01-04 -> pending value=2023-01-04
        interest A1 1.00 DEBIT at=2022-12-20      -> posted value=2023-01-02
        interest A1 1.00 DEBIT at=2023-01-04      -> pending value=2023-01-04
        adjust   A1 1.00 ANY at=2022-12-20        -> posted value=2023-01-02
        adjust   A1 1.00 ANY at=2023-01-04        -> pending value=2023-01-04
        purchase A1 1.00 at=2022-12-20            -> posted value=2023-01-02
        purchase A1 1.00 at=2023-01-04            -> pending value=2023-01-04
        load     P1 -1.00 at=2022-12-20           -> posted value=2023-01-02
        load     P1 -1.00 at=2023-01-04           -> pending value=2023-01-04
    ",
    );
}

#[test]
fn a_payment_counts_from_its_external_date() {
    in_scene(
        "
        pay     A1 -1.00 at=2022-12-20 -> posted value=2022-12-20
        pay     A1 -1.00 at=2023-01-02 -> posted value=2023-01-02
        pay     A1 -1.00 at=2023-01-04 -> pending value=2023-01-04
        balance A1                     -> -2.00 otb=10002.00
        balance A1 value=2022-12-31    -> -1.00
        advance 2023-01-04
        balance A1                     -> -3.00 otb=10003.00
    ",
    );
}

#[test]
fn a_bonus_counts_at_once_whatever_its_external_date() {
    in_scene(
        "
        bonus   A1 -1.00 BP at=2022-12-20 -> posted value=2023-01-02
        bonus   A1 -1.00 BP at=2023-01-04 -> posted value=2023-01-02
        balance A1                        -> -2.00
    ",
    );
}

#[test]
fn a_value_date_that_is_given_stands() {
    in_scene(
        "
        fee     A1 1.00 MANUAL_FEE value=2019-06-30 -> posted value=2019-06-30
        fee     A1 1.00 MANUAL_FEE value=2023-01-02 at=2023-01-04 -> posted value=2023-01-02
        pay     A1 -1.00 value=2023-01-03           -> pending value=2023-01-03
        balance A1                                  -> 2.00
        balance A1 value=2019-06-29                 -> 0.00
        balance A1 value=2019-06-30                 -> 1.00
    ",
    );
}

#[test]
fn a_day_begins_at_midnight_of_the_issuers_zone() {
    in_scene(
        "
        fee     A1 1.00 MANUAL_FEE value=2023-01-02T22:59:59.999Z -> posted value=2023-01-02
        fee     A1 1.00 MANUAL_FEE value=2023-01-02T23:00:00.000Z -> pending value=2023-01-03
        fee     A1 1.00 MANUAL_FEE value=2023-01-01T23:00:00Z     -> posted value=2023-01-02
        fee     A1 1.00 MANUAL_FEE at=2023-01-02T22:59:59Z        -> posted value=2023-01-02
        fee     A1 1.00 MANUAL_FEE at=2023-01-02T23:00:00Z        -> pending value=2023-01-03
        # In summer Berlin is two hours ahead.
        pay     A1 -1.00 value=2022-07-01T21:59:59Z               -> posted value=2022-07-01
        pay     A1 -1.00 value=2022-07-01T22:00:00Z               -> posted value=2022-07-02
        issuer  us America/New_York date=2023-01-02
        product CREDIT USD PAY_LATER fees=MANUAL_FEE
        open    A1 CREDIT
        fee     A1 1.00 MANUAL_FEE value=2023-01-03T04:59:59Z     -> posted value=2023-01-02
        fee     A1 1.00 MANUAL_FEE value=2023-01-03T05:00:00Z     -> pending value=2023-01-03
    ",
    );
}

#[test]
fn an_issuer_starts_at_its_date_or_at_its_day_of_the_clock() {
    check(
        "
        clock  2023-01-02T23:30:00Z
        issuer wl Europe/Berlin
        today          -> 2023-01-03
        issuer uk Europe/London
        today          -> 2023-01-02
        issuer jp Asia/Tokyo date=2022-06-01
        today          -> 2022-06-01
        # Only advancing moves it.
        clock  2023-03-01
        issuer uk Europe/Berlin
        today          -> 2023-01-02
        issuer uk Europe/Berlin date=2023-01-02
        today          -> 2023-01-02
        advance 2023-02-28
        today          -> 2023-02-28
    ",
    );
}

#[test]
fn value_dates_keep_to_the_issuers_limits() {
    in_scene(
        "
        fee     A1 1.00 MANUAL_FEE value=2024-01-02 -> pending
        fee     A1 1.00 MANUAL_FEE value=2024-01-03 -> VALUE_DATE_TOO_FAR valueDate 2024-01-02
        issuer  wl Europe/Berlin ahead=10 back=3
        fee     A1 1.00 MANUAL_FEE value=2023-01-12 -> pending
        fee     A1 1.00 MANUAL_FEE value=2023-01-13 -> VALUE_DATE_TOO_FAR valueDate 2023-01-12
        fee     A1 1.00 MANUAL_FEE value=2022-12-30 -> posted
        fee     A1 1.00 MANUAL_FEE value=2022-12-29 -> VALUE_DATE_BEFORE_LIMIT valueDate 2022-12-30
        # The limits hold for a default too: a payment is worth its external date.
        pay     A1 -1.00 at=2022-12-30              -> posted
        pay     A1 -1.00 at=2022-12-29              -> VALUE_DATE_BEFORE_LIMIT valueDate
        pay     A1 -1.00 at=2023-01-13              -> VALUE_DATE_TOO_FAR valueDate
        issuer  wl Europe/Berlin ahead=0 back=0
        fee     A1 1.00 MANUAL_FEE value=2023-01-03 -> VALUE_DATE_TOO_FAR
        fee     A1 1.00 MANUAL_FEE value=2023-01-01 -> VALUE_DATE_BEFORE_LIMIT
        fee     A1 1.00 MANUAL_FEE                  -> posted value=2023-01-02
        # They count from the business date, wherever the clock stands.
        clock   2023-01-04
        fee     A1 1.00 MANUAL_FEE value=2023-01-04 -> VALUE_DATE_TOO_FAR
        fee     A1 1.00 MANUAL_FEE value=2023-01-02 -> posted
    ",
    );
}

#[test]
fn an_external_date_lies_at_most_a_month_ahead() {
    in_scene(
        "
        pay A1 -1.00 at=2023-02-02T14:20:34.715Z -> pending value=2023-02-02
        pay A1 -1.00 at=2023-02-02T14:20:34.716Z -> EXTERNAL_DATE_IN_FUTURE externalOperationDate
        bonus A1 -1.00 BP at=2023-02-03          -> EXTERNAL_DATE_IN_FUTURE externalOperationDate
        # A business date ahead of the clock counts.
        advance 2023-02-01
        pay A1 -1.00 at=2023-03-03T23:00:00.000Z -> pending
        pay A1 -1.00 at=2023-03-04T23:00:00.001Z -> EXTERNAL_DATE_IN_FUTURE
    ",
    );
}

#[test]
fn a_replayed_history_is_measured_by_its_own_dates() {
    in_scene("
        clock   2024-06-01
        advance 2024-06-01
        issuer  wl Europe/Berlin ahead=10 back=3
        fee     A1 1.00 MANUAL_FEE posted=2023-03-10 at=2023-03-10 -> posted value=2023-03-10
        fee     A1 2.00 MANUAL_FEE posted=2023-03-10 at=2023-03-01 -> posted value=2023-03-10
        fee     A1 4.00 MANUAL_FEE posted=2023-03-10 at=2023-03-09 value=2023-03-20 -> posted value=2023-03-20
        fee     A1 8.00 MANUAL_FEE posted=2023-03-10 at=2023-03-09 value=2023-03-21 -> VALUE_DATE_TOO_FAR valueDate 2023-03-20
        fee     A1 8.00 MANUAL_FEE posted=2023-03-10 at=2023-03-09 value=2023-03-06 -> VALUE_DATE_BEFORE_LIMIT valueDate 2023-03-07
        bonus   A1 -0.50 BP posted=2023-03-11       -> EXTERNAL_DATE_IN_FUTURE
        bonus   A1 -0.50 BP posted=2023-03-11 at=2023-03-11 -> posted value=2023-03-11
        fee     A1 8.00 MANUAL_FEE posted=2024-06-03 at=2024-06-01 -> posted value=2024-06-01
        # Also where the business date is behind them.
        fee     A1 9.00 MANUAL_FEE posted=2024-06-10 at=2024-06-09 value=2024-06-06 -> VALUE_DATE_BEFORE_LIMIT valueDate 2024-06-07
        fee     A1 9.00 MANUAL_FEE posted=2024-06-10 at=2024-06-09 value=2024-06-21 -> VALUE_DATE_TOO_FAR valueDate 2024-06-20
        # What the engine chooses by itself is not measured.
        fee     A1 8.00 MANUAL_FEE posted=2024-06-10 at=2024-05-20 ref=LATE -> posted value=2024-06-01
        reverse-fee A1 LATE posted=2024-06-10 at=2024-06-10 -> reversed value=2024-06-01
        pay     A1 -8.00 posted=2024-06-10 at=2024-06-06 -> VALUE_DATE_BEFORE_LIMIT valueDate 2024-06-07
        balance A1                                  -> 14.50
        balance A1 known=2023-03-10T11:59:59.999Z   -> 0.00
        balance A1 known=2023-03-10T12:00:00Z       -> 7.00
        balance A1 known=2023-03-10T12:00:00Z value=2023-03-19 -> 3.00
        balance A1 known=2024-06-30 value=2023-03-11 -> 2.50
    ");
}

#[test]
fn a_balance_is_asked_on_two_axes_at_once() {
    in_scene(
        "
        fee         A1 10.00 MANUAL_FEE ref=F1             -> posted value=2023-01-02
        clock       2023-01-05
        advance     2023-01-05
        fee         A1 1.00 MANUAL_FEE value=2023-01-01    -> posted
        clock       2023-01-08
        advance     2023-01-08
        reverse-fee A1 F1 -4.00                            -> reversed value=2023-01-08
        balance     A1                                     -> 7.00
        balance     A1 value=2023-01-01                    -> 1.00
        balance     A1 value=2023-01-01 known=2023-01-04   -> 0.00
        balance     A1 value=2023-01-07                    -> 11.00
        balance     A1 value=2023-01-08 known=2023-01-07   -> 11.00
        balance     A1 known=2023-01-04                    -> 10.00
        balance     A1 known=2023-01-02T14:20:34.714Z      -> 0.00
    ",
    );
}

#[test]
fn pending_operations_take_effect_on_their_day_however_far_the_date_moves() {
    in_scene(
        "
        fee     A1 1.00 MANUAL_FEE value=2023-01-03 -> pending op=1
        fee     A1 2.00 MANUAL_FEE value=2023-01-05 -> pending op=2
        fee     A1 4.00 MANUAL_FEE value=2023-02-05 -> pending op=3
        advance 2023-01-04
        balance A1                                  -> 1.00
        advance 2023-02-04
        balance A1                                  -> 3.00
        status  3                                   -> pending
        balance A1 value=2023-01-04                 -> 1.00
        # Another issuer's date is its own.
        issuer  other Europe/Berlin date=2023-01-02
        advance 2024-01-01
        issuer  wl Europe/Berlin
        balance A1                                  -> 3.00
        advance 2023-02-05
        balance A1                                  -> 7.00
    ",
    );
}

#[test]
fn a_reversal_in_a_replayed_history_counts_from_its_posting_day() {
    in_scene(
        "
        clock       2024-06-01
        advance     2024-06-01
        fee         A1 4.00 MANUAL_FEE posted=2023-03-10 at=2023-03-10 ref=F1 -> posted value=2023-03-10
        reverse-fee A1 F1 -1.00 posted=2023-03-12 at=2023-03-12               -> reversed value=2023-03-12
        reverse-fee A1 F1                                                     -> reversed value=2024-06-01
        balance     A1 value=2023-03-11                                       -> 4.00
        balance     A1 value=2023-03-12                                       -> 3.00
        balance     A1 known=2023-03-11                                       -> 4.00
        balance     A1                                                        -> 0.00
        ",
    );
}

#[test]
fn a_clock_that_runs_backwards_is_held_at_the_last_record() {
    in_scene(
        "
        clock   2023-01-02T15:00:00Z
        fee     A1 1.00 MANUAL_FEE
        clock   2023-01-02T14:59:00Z
        fee     A1 2.00 MANUAL_FEE
        balance A1 known=2023-01-02T14:59:59.999Z -> 0.00
        balance A1 known=2023-01-02T15:00:00Z     -> 3.00
        ",
    );
}
