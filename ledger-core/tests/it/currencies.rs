//! Amounts in currencies with other exponents than two, and the largest amounts.

use crate::script::check;

#[test]
fn amounts_are_minor_units_of_their_currency() {
    check(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product YEN   JPY PAY_LATER fees=MANUAL_FEE limit=500000
        product DINAR TND PAY_LATER fees=MANUAL_FEE limit=1000.000
        product EURO  EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
        open    J1 YEN
        open    T1 DINAR
        open    E1 EURO
        fee     J1 1500 MANUAL_FEE ref=J     -> posted amount=1500
        fee     T1 1.505 MANUAL_FEE ref=T    -> posted amount=1.505
        fee     E1 15.05 MANUAL_FEE          -> posted amount=15.05
        balance J1                           -> 1500 otb=498500
        balance T1                           -> 1.505 otb=998.495
        balance E1                           -> 15.05 otb=984.95
        reverse-fee J1 J -1                  -> reversed amount=-1
        reverse-fee T1 T -0.001              -> reversed amount=-0.001
        reverse-fee T1 T -1.505              -> REVERSAL_EXCEEDS_REMAINING only 1504
        reverse-fee T1 T                     -> reversed amount=-1.504
        # One trial balance for each currency.
        ledger                               -> 1100=1499 1100=0.000 1100=15.05
        fee     J1 1.00 MANUAL_FEE currency=EUR  -> CURRENCY_MISMATCH referenceAmount EUR, JPY
        fee     E1 1 MANUAL_FEE currency=JPY     -> CURRENCY_MISMATCH referenceAmount JPY, EUR
        open    X1 YEN under=E1              -> CURRENCY_MISMATCH productReference
    ",
    );
}

#[test]
fn a_purchase_abroad_counts_in_the_accounts_currency() {
    check("
        issuer   wl Europe/Berlin date=2022-12-05
        product  EURO EUR PAY_LATER fees=MARKUP_FEE limit=1000.00
        open     E1 EURO
        clock    2022-12-05T09:37:27.670Z
        purchase E1 55.09 jpy=8335 poster=ITP at=2022-12-05T09:37:27.644Z mcc=7011 approval=103725 -> posted value=2022-12-05
        fee      E1 1.10 MARKUP_FEE          -> posted
        balance  E1                          -> 56.19 otb=943.81
        ledger                               -> 1100=56.19 1300=-55.09 4100.MARKUP_FEE=-1.10
    ");
}

#[test]
fn sums_go_beyond_the_largest_amount() {
    let mut table = "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER
        open    A1 CREDIT limit=10000000000000.00
        adjust  A1 10000000000000.00 ANY -> posted
        balance A1                       -> 10000000000000.00 otb=0.00
        adjust  A1 10000000000000.01 ANY -> AMOUNT_OUT_OF_RANGE
        adjust  A1 -10000000000000.01 ANY -> AMOUNT_OUT_OF_RANGE
        "
    .to_owned();
    // Ten thousand times 10^15 does not fit an i64.
    table.push_str(&"adjust A1 10000000000000.00 ANY\n".repeat(9_999));
    table.push_str("balance A1 -> 100000000000000000.00 otb=-99990000000000000.00\n");
    table.push_str("ledger -> 1100=100000000000000000.00 5900=-100000000000000000.00\n");
    check(&table);
}
