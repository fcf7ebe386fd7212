//! Double entry: accounting scripts and control accounts. Source: specification 2j, ruling 10.

use crate::script::check;

const SCENE: &str = "
    product CREDIT  EUR PAY_LATER fees=MANUAL_FEE,STATEMENT_FEE limit=1000.00
    product PREPAID EUR PAY_BEFORE fees=MANUAL_FEE
    program BP money units=POINT
    open    A1 CREDIT programs=BP
    open    P1 PREPAID
";

fn with_script(issuer: &str, table: &str) {
    check(&format!(
        "issuer wl Europe/Berlin date=2023-01-02 {issuer}{SCENE}{table}"
    ));
}

#[test]
fn every_kind_has_its_standard_contra_account() {
    with_script("", "
        fee       A1 1.00 MANUAL_FEE      -> posted
        ledger                            -> 1100=1.00 4100.MANUAL_FEE=-1.00
        fee       A1 2.00 STATEMENT_FEE   -> posted
        ledger                            -> 1100=3.00 4100.MANUAL_FEE=-1.00 4100.STATEMENT_FEE=-2.00
        bonus     A1 -4.00 BP             -> posted
        ledger                            -> 1100=-1.00 5100=4.00
        interest  A1 8.00 DEBIT           -> posted
        ledger                            -> 1100=7.00 4200=-8.00
        interest  A1 -16.00 CREDIT        -> posted
        ledger                            -> 1100=-9.00 4200=-8.00 5200=16.00
        pay       A1 -32.00               -> posted
        ledger                            -> 1100=-41.00 1310=32.00
        reimburse A1 40.00 MAX            -> posted
        ledger                            -> 1100=-1.00 1310=-8.00
        purchase  A1 64.00                -> posted
        ledger                            -> 1100=63.00 1300=-64.00
        adjust    A1 -128.00 GOODWILL     -> posted
        ledger                            -> 1100=-65.00 5900=128.00
        load      P1 -256.00              -> posted
        ledger                            -> 1100=-65.00 2100=-256.00 1310=248.00
        unload    P1 56.00                -> posted
        fee       P1 1.00 MANUAL_FEE      -> posted
        ledger                            -> 2100=-199.00 1310=192.00 4100.MANUAL_FEE=-2.00
        bonus     A1 none BP points=-5:POINT -> posted
        ledger                            -> 9100=-5 9900=5
    ");
}

/// A fee type is no card number and yet may be one together with the account's `4100.`.
#[test]
fn a_fee_type_is_never_too_odd_to_be_booked() {
    for fee_type in ["2023-2024-2", "111111111007", "#1111/1111/1007", "0"] {
        with_script(
            "",
            &format!(
                "
        product ODD EUR PAY_LATER fees={fee_type}
        open    A2 ODD
        fee     A2 1.00 {fee_type}  -> posted
        ledger                      -> 1100=1.00 4100.{fee_type}=-1.00
    "
            ),
        );
    }
}

#[test]
fn a_rule_for_one_fee_type_goes_before_a_rule_for_all() {
    with_script(
        "script=FEE>4199,FEE:MANUAL_FEE>4150",
        "
        fee    A1 1.00 MANUAL_FEE      -> posted
        fee    A1 2.00 STATEMENT_FEE   -> posted
        ledger                         -> 1100=3.00 4150=-1.00 4199=-2.00
    ",
    );
}

#[test]
fn rules_know_interest_types_and_adjustment_reasons() {
    with_script("script=INT:CREDIT>5210,BAL_ADJ:DISPUTE>5910,PAY>1311,BONUS>5300", "
        interest A1 8.00 DEBIT         -> posted
        interest A1 -1.00 CREDIT       -> posted
        adjust   A1 2.00 DISPUTE       -> posted
        adjust   A1 4.00 GOODWILL      -> posted
        pay      A1 -16.00             -> posted
        bonus    A1 -32.00 BP          -> posted
        ledger                         -> 1100=-35.00 4200=-8.00 5210=1.00 5910=-2.00 5900=-4.00 1311=16.00 5300=32.00
        # A rule for bonuses in money does not move points.
        bonus    A1 none BP points=-5:POINT -> posted
        ledger                         -> 9100=-5 9900=5 5300=32.00
    ");
}

#[test]
fn a_reversal_mirrors_the_legs_of_its_original_after_the_script_changed() {
    with_script(
        "script=FEE>4111",
        "
        fee         A1 10.00 MANUAL_FEE ref=F1 -> posted
        fee         A1 1.00 MANUAL_FEE ref=F2 value=2023-01-05 -> pending
        issuer      wl Europe/Berlin script=FEE>4222
        reverse-fee A1 F1 -4.00                -> reversed
        ledger      turnover                   -> 1100=10.00/4.00 4111=4.00/10.00
        fee         A1 7.00 MANUAL_FEE ref=F3  -> posted
        ledger                                 -> 1100=13.00 4111=-6.00 4222=-7.00
        issuer      wl Europe/Berlin
        reverse-fee A1 F1                      -> reversed
        reverse-fee A1 F3 -3.00                -> reversed
        ledger                                 -> 1100=4.00 4111=0.00 4222=-4.00
        # A pending operation is booked by the script under which it was posted.
        reverse-fee A1 F2 -0.25                -> pending
        advance     2023-01-05
        ledger                                 -> 1100=4.75 4111=-0.75 4222=-4.00
        reverse-fee A1 F2                      -> reversed
        ledger                                 -> 1100=4.00 4111=0.00 4222=-4.00
        fee         A1 1.00 MANUAL_FEE         -> posted
        ledger                                 -> 1100=5.00 4100.MANUAL_FEE=-1.00
    ",
    );
}

#[test]
fn a_control_account_is_never_a_contra_account() {
    with_script("", "
        issuer wl Europe/Berlin script=FEE>1100      -> INVALID_REQUEST accountingScript malformed
        issuer wl Europe/Berlin script=PAY>1310,FEE:MANUAL_FEE>2100 -> INVALID_REQUEST accountingScript malformed
        issuer wl Europe/Berlin script=BONUS>9100    -> INVALID_REQUEST accountingScript malformed
        issuer wl Europe/Berlin script=FEE>1100.1    -> done
        fee    A1 1.00 MANUAL_FEE                    -> posted
        ledger                                       -> 1100=1.00 1100.1=-1.00
    ");
}

/// The check itself is made after every line of every table.
#[test]
fn control_accounts_add_up_over_working_modes_and_issuers() {
    with_script(
        "",
        "
        fee      A1 10.00 MANUAL_FEE
        load     P1 -30.00
        issuer   other Europe/Berlin date=2023-01-02
        product  CREDIT EUR PAY_LATER fees=MANUAL_FEE
        open     A1 CREDIT
        fee      A1 3.00 MANUAL_FEE
        ledger                   -> 1100=3.00 4100.MANUAL_FEE=-3.00
        issuer   wl Europe/Berlin
        ledger                   -> 1100=10.00 2100=-30.00 1310=30.00 4100.MANUAL_FEE=-10.00
        # A product that changes its working mode leaves its accounts where they are.
        product  CREDIT EUR PAY_NOW fees=MANUAL_FEE
        fee      A1 1.00 MANUAL_FEE
        ledger                   -> 1100=11.00 2100=-30.00
        open     N1 CREDIT
        fee      N1 1.00 MANUAL_FEE
        ledger                   -> 1100=11.00 2100=-29.00
    ",
    );
}
