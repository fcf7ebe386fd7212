//! The acceptance vectors that the core alone can show, by their numbers in the specification.

use crate::script::check;

/// An issuer with a credit product of every kind of fee that the tables use.
const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02
    product CREDIT EUR PAY_LATER fees=MANUAL_FEE,STATEMENT_FEE limit=10000.00
    open    A1 CREDIT
";

fn check_scene(table: &str) {
    check(&format!("{SCENE}{table}"));
}

/// Vector 2, the seed's balance example.
#[test]
fn a_childs_purchase_lowers_the_open_to_buy_of_the_root_and_not_its_balance() {
    check_scene(
        "
        open     C1 CREDIT under=A1
        purchase C1 250.00           -> posted op=1
        balance  A1                  -> 0.00 otb=9750.00 prevailing=9750.00
        balance  C1                  -> 250.00 otb=9750.00 prevailing=9750.00
        ledger                       -> 1100=250.00 1300=-250.00
    ",
    );
}

/// Vector 5, the seed's fee and its reversal.
#[test]
fn a_fee_and_its_reversal_are_two_operations_and_net_nothing() {
    check_scene("
        fee         A1 15.00 MANUAL_FEE key=c1 ref=1234F123456 value=2023-01-02T00:00:00.000Z -> posted op=1 value=2023-01-02
        balance     A1                                     -> 15.00 otb=9985.00 prevailing=9985.00
        clock       2023-01-02T14:56:16.402Z
        reverse-fee A1 1234F123456 -15.00 key=c2 ref=1234R123456 -> reversed op=2 amount=-15.00 value=2023-01-02
        balance     A1                                     -> 0.00 otb=10000.00 prevailing=10000.00
        ledger      turnover                               -> 1100=15.00/15.00 4100.MANUAL_FEE=15.00/15.00
        status      1                                      -> effective reversed=15.00
        reverse-fee A1 1234F123456 -15.00 key=c3           -> OPERATION_ALREADY_REVERSED externalMatchingOperationReference remembered
        reverse-fee A1 1234F123456 key=c4                  -> OPERATION_ALREADY_REVERSED externalMatchingOperationReference remembered
        balance     A1                                     -> 0.00
    ");
}

/// Vector 6, as far as one writer sees it.
#[test]
fn one_correlation_id_a_hundred_times_is_one_event() {
    check_scene(
        "
        events                                               -> 3
        fee    A1 15.00 MANUAL_FEE key=c1 ref=F1 times=100   -> posted op=1
        events                                               -> 4
        fee    A1 15.00 MANUAL_FEE key=c1 ref=F1 times=100   -> replayed posted op=1
        fee    A1 15.00 NO_FEE key=c2 ref=F2 times=100       -> FEE_TYPE_NOT_ALLOWED
        fee    A1 15.00 NO_FEE key=c2 ref=F2 times=100       -> replayed FEE_TYPE_NOT_ALLOWED
        events                                               -> 5
        # There is no expiry.
        clock  2033-06-01T00:00:00Z
        fee    A1 15.00 MANUAL_FEE key=c1 ref=F1             -> replayed posted op=1
        fee    A1 15.00 NO_FEE key=c2 ref=F2                 -> replayed FEE_TYPE_NOT_ALLOWED
        events                                               -> 5
        balance A1                                           -> 15.00
    ",
    );
}

/// Vector 7.
#[test]
fn a_correlation_id_with_another_amount_is_refused_without_an_event() {
    check_scene("
        fee    A1 15.00 MANUAL_FEE key=c1 ref=F1   -> posted op=1
        fee    A1 16.00 MANUAL_FEE key=c1 ref=F1   -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount unrecorded
        events                                     -> 4
        fee    A1 15.00 MANUAL_FEE key=c1 ref=F1   -> replayed op=1
        balance A1                                 -> 15.00
    ");
}

/// Vector 8.
#[test]
fn a_triplet_names_one_operation_of_the_issuer_for_ever() {
    check_scene("
        open        A2 CREDIT
        fee         A1 15.00 MANUAL_FEE key=c1 ref=F1 text=yearly  -> posted op=1
        fee         A1 15.00 MANUAL_FEE key=c2 ref=F1 text=yearly  -> DUPLICATE_EXTERNAL_TRIPLET externalOperationReference op=1 same_payload=true
        fee         @0 15.00 MANUAL_FEE key=c3 ref=F1 text=yearly  -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=true
        fee         A1 16.00 MANUAL_FEE key=c4 ref=F1 text=yearly  -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=false
        fee         A1 15.00 MANUAL_FEE key=c5 ref=F1              -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=false
        fee         A2 15.00 MANUAL_FEE key=c6 ref=F1 text=yearly  -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=false
        pay         A1 -15.00 key=c7 ref=F1                        -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=false
        reverse-fee A1 F1 key=c8 ref=F1                            -> DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=false
        # Another date or another poster is another triplet.
        fee         A1 1.00 MANUAL_FEE ref=F1 at=2023-01-02T14:20:34.716Z -> posted op=2
        fee         A1 2.00 MANUAL_FEE ref=F1 poster=BANK          -> posted op=3
        reverse-fee A1 F1 key=c9 ref=R1                            -> reversed op=4 amount=-15.00
        # Sent again, a reversal is told so, and not that its original is gone.
        reverse-fee A1 F1 key=c10 ref=R1                           -> DUPLICATE_EXTERNAL_TRIPLET op=4 same_payload=true
        reverse-fee A1 F1 -15.00 key=c11 ref=R1                    -> DUPLICATE_EXTERNAL_TRIPLET op=4 same_payload=false
        fee         A1 15.00 MANUAL_FEE key=c2 ref=F1 text=yearly  -> replayed DUPLICATE_EXTERNAL_TRIPLET op=1 same_payload=true
        balance     A1                                             -> 3.00
        balance     A2                                             -> 0.00
    ");
}

/// Vector 9.
#[test]
fn points_change_no_field_of_money() {
    check_scene(
        "
        program BP units=POINT
        open    B1 CREDIT programs=BP
        fee     B1 15.00 MANUAL_FEE
        balance B1                           -> 15.00 otb=9985.00 prevailing=9985.00
        bonus   B1 none BP points=-250:POINT -> posted op=2 amount=-250 value=2023-01-02
        balance B1                           -> 15.00 otb=9985.00 prevailing=9985.00
        balance B1 value=2023-01-02          -> 15.00
        points  B1 BP POINT                  -> -250
        ledger                               -> 1100=15.00 4100.MANUAL_FEE=-15.00 9100=-250 9900=250
    ",
    );
}

/// Vector 10, first half.
#[test]
fn interest_of_tomorrow_waits_for_the_business_date() {
    check_scene(
        "
        interest A1 14.79 DEBIT value=2023-01-03 -> pending op=1 value=2023-01-03
        status   1                               -> pending reversed=0.00
        balance  A1                              -> 0.00 otb=10000.00 prevailing=10000.00
        balance  A1 value=2023-01-03             -> 14.79
        ledger                                   -> empty
        # The clock alone moves nothing.
        clock    2023-01-05
        balance  A1                              -> 0.00 otb=10000.00
        advance  2023-01-03
        status   1                               -> effective
        balance  A1                              -> 14.79 otb=9985.21 prevailing=9985.21
        balance  A1 value=2023-01-02             -> 0.00
        ledger                                   -> 1100=14.79 4200=-14.79
        advance  2023-01-04
        balance  A1                              -> 14.79
    ",
    );
}

/// Vector 10, second half.
#[test]
fn interest_reversed_while_it_waits_never_takes_effect() {
    check_scene("
        interest         A1 14.79 DEBIT ref=I1 value=2023-01-03 -> pending op=1
        reverse-interest A1 I1                                  -> cancelled op=2 amount=-14.79 value=2023-01-03
        status  1                                               -> cancelled reversed=14.79
        status  2                                               -> cancelled
        balance A1                                              -> 0.00 otb=10000.00
        reverse-interest A1 I1                                  -> OPERATION_ALREADY_REVERSED
        advance 2023-01-03
        status  1                                               -> cancelled
        balance A1                                              -> 0.00 otb=10000.00
        balance A1 value=2023-01-03                             -> 0.00
        advance 2023-02-03
        balance A1                                              -> 0.00 otb=10000.00
        ledger                                                  -> empty
        reverse-interest A1 I1                                  -> OPERATION_ALREADY_REVERSED
    ");
}

/// Vector 12: every table is folded twice and sent in batches of 1, 7 and 1000 (`check`); this one
/// is long enough for that to matter.
#[test]
fn batches_of_any_size_give_the_same_log_and_books_that_balance() {
    let mut table = SCENE.to_owned();
    table.push_str("program BP units=POINT money\nopen B1 CREDIT programs=BP under=A1\n");
    for n in 0..400 {
        let account = if (n / 8) % 3 == 0 { "A1" } else { "B1" };
        table.push_str(&match n % 8 {
            0 => format!("fee {account} 1.0{} MANUAL_FEE ref=F{n}\n", n % 10),
            1 => format!("bonus B1 none BP points=-{}:POINT ref=F{n}\n", n + 1),
            2 => format!(
                "reverse-fee {account} F{} -0.50 ref=F{n} -> reversed\n",
                n - 2
            ),
            3 => format!("interest {account} 2.50 DEBIT value=2023-02-01 ref=F{n}\n"),
            4 => format!("pay {account} -3.00 ref=F{n} key=p{n} times=3\n"),
            5 => format!("bonus B1 -0.50 BP ref=F{n}\n"),
            6 => format!("fee {account} 9.00 NO_FEE -> FEE_TYPE_NOT_ALLOWED\n"),
            _ => format!(
                "reverse-interest {account} F{} ref=F{n} -> cancelled\n",
                n - 4
            ),
        });
        if n == 200 {
            table.push_str("clock 2023-01-03\nadvance 2023-01-03\n");
        }
    }
    table.push_str("advance 2023-02-01\nbalance B1 -> -106.14\n");
    let script = check(&table);
    assert!(script.log.len() > 400 && script.sent.len() > script.log.len());
}
