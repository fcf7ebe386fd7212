//! Who pays, and how much. Source: specification 2b, `liableBalance` and test vector (ii).

use crate::script::check;

const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02
    product CREDIT EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
    program BP units=POINT
    open    ROOT CREDIT
    open    A    CREDIT under=ROOT rootPays programs=BP
    open    B    CREDIT under=ROOT rootPays
";

fn in_scene(table: &str) {
    check(&format!("{SCENE}{table}"));
}

#[test]
fn a_paying_account_owes_the_balances_of_all_it_pays_for() {
    in_scene(
        "
        liable   ROOT -> 0.00
        purchase A 70.00
        balance  ROOT -> 0.00
        liable   ROOT -> 70.00
        purchase ROOT 100.00
        balance  ROOT -> 100.00
        liable   ROOT -> 170.00
        purchase B 50.00
        balance  ROOT -> 100.00
        liable   ROOT -> 220.00
        balance  A    -> 70.00
        liable   A    -> none
        liable   B    -> none
    ",
    );
}

#[test]
fn an_account_that_pays_itself_is_not_the_roots_to_pay() {
    in_scene(
        "
        open     C CREDIT under=ROOT
        open     D CREDIT under=C rootPays
        open     E CREDIT rootPays
        purchase C 10.00
        purchase D 20.00
        purchase E 40.00
        liable   ROOT -> 20.00
        liable   C    -> 10.00
        liable   D    -> none
        # A root pays itself, whatever is asked.
        liable   E    -> 40.00
    ",
    );
}

#[test]
fn it_follows_the_balances_whatever_moves_them() {
    in_scene(
        "
        purchase A 70.00 ref=T1
        pay      A -30.00
        liable   ROOT -> 40.00
        bonus    A none BP points=-5:POINT
        liable   ROOT -> 40.00
        fee      B 5.00 MANUAL_FEE value=2023-01-04
        liable   ROOT -> 40.00
        advance  2023-01-04
        liable   ROOT -> 45.00
        reverse-purchase A T1
        liable   ROOT -> -25.00
        reset    A
        liable   ROOT -> 5.00
    ",
    );
}

#[test]
fn who_pays_is_part_of_the_command() {
    check(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER
        open    ROOT CREDIT
        open    A CREDIT under=ROOT rootPays key=k -> done
        open    A CREDIT under=ROOT rootPays key=k -> replayed done
        open    A CREDIT under=ROOT key=k          -> IDEMPOTENCY_PAYLOAD_MISMATCH payingAccountType
        ",
    );
}
