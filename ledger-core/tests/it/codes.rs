//! Every code a command can be refused with, the field it names, and what it means for the
//! correlation id.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::script::{Script, check};

/// Codes given at the edge, before there is a typed command; their tests are in `ledger-api`.
const EDGE: [&str; 4] = [
    "CORRELATION_ID_REQUIRED",
    "INVALID_CORRELATION_ID",
    "INVALID_EXPONENT",
    "INVALID_IBAN",
];

const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02 reasons=GOODWILL,DISPUTE_ADJUSTMENT back=30
    product CREDIT  EUR PAY_LATER fees=MANUAL_FEE,STATEMENT_FEE limit=10000.00
    product PREPAID EUR PAY_BEFORE
    product TUNISIA TND PAY_LATER limit=500.000
    program MONEY  money
    program POINTS units=POINT
    program OTHER  money
    open    A1 CREDIT  programs=MONEY,POINTS
    open    P1 PREPAID
    open    GONE CREDIT
    fee     GONE 1.00 MANUAL_FEE ref=G1
    close   GONE
    auth    A1 1.00 case=C1 id=T1
    auth    A1 0.00 case=C2
    reserve A1 R1 1.00
    reserve A1 R2 1.00
    free    A1 R2
    fee     A1 15.00 MANUAL_FEE ref=F1
    adjust  A1 -5.00 GOODWILL   ref=J1
    bonus   A1 -5.00 MONEY      ref=B1
    pay     A1 -5.00            ref=P1
    interest A1 1.00 DEBIT      ref=I1
";

/// Refusals of commands that have no valid form: nothing is recorded.
const MALFORMED: &str = "
    fee      A1 none MANUAL_FEE             -> INVALID_REQUEST referenceAmount malformed
    reverse-fee A1 F1 reason=none           -> INVALID_REQUEST reversalReason malformed
    bonus    A1 -1.00 MONEY value=2023-01-03 -> INVALID_REQUEST valueDate malformed
    open     X1 CREDIT under=A1 underReference=0 -> INVALID_REQUEST parentAccountReference malformed
    issuer   wl Europe/Berlin script=FEE>1100 -> INVALID_REQUEST accountingScript malformed
    issuer   wl Europe/Berlin script=PAY>2100 -> INVALID_REQUEST accountingScript malformed
    issuer   wl Europe/Berlin script=PAY>9100 -> INVALID_REQUEST accountingScript malformed
    fee      A1 1.00 MANUAL_FEE poster=CAS  -> SERVICE_POSTER_RESERVED externalOperationServicePoster malformed
    fee      A1 1.00 MANUAL_FEE poster=WLP-CAS -> SERVICE_POSTER_RESERVED externalOperationServicePoster malformed
    reverse-fee A1 F1 poster=ITP            -> SERVICE_POSTER_RESERVED externalOperationServicePoster malformed
    fee      A1 0.00 MANUAL_FEE             -> AMOUNT_ZERO referenceAmount malformed
    reverse-fee A1 F1 0.00                  -> AMOUNT_ZERO referenceAmount malformed
    bonus    A1 none POINTS points=0:POINT  -> AMOUNT_ZERO loyaltyPointAmount malformed
    fee      A1 10000000000000.01 MANUAL_FEE -> AMOUNT_OUT_OF_RANGE referenceAmount malformed
    pay      A1 -10000000000000.01          -> AMOUNT_OUT_OF_RANGE referenceAmount malformed
    bonus    A1 none POINTS points=-1000000000000001:POINT -> AMOUNT_OUT_OF_RANGE loyaltyPointAmount malformed
    limit    A1 10000000000000.01           -> AMOUNT_OUT_OF_RANGE creditLimitAmount malformed
    fee      A1 -1.00 MANUAL_FEE            -> AMOUNT_SIGN_INVALID referenceAmount malformed
    load     P1 1.00                        -> AMOUNT_SIGN_INVALID referenceAmount malformed
    unload   P1 -1.00                       -> AMOUNT_SIGN_INVALID referenceAmount malformed
    reimburse A1 -1.00 MAX                  -> AMOUNT_SIGN_INVALID referenceAmount malformed
    limit    A1 -0.01                       -> AMOUNT_SIGN_INVALID creditLimitAmount malformed
    product  X EUR PAY_LATER limit=-0.01    -> AMOUNT_SIGN_INVALID defaultCreditLimitAmount malformed
    product  X EUR PAY_LATER limit=1.000 currency=TND -> CURRENCY_MISMATCH defaultCreditLimitAmount malformed
    product  X EUR PAY_BEFORE limit=1.00    -> WORKING_MODE_MISMATCH defaultCreditLimitAmount malformed
    fee      A1 1.00 MANUAL_FEE adjustment  -> ADJUSTMENT_REASON_REQUIRED adjustmentReason malformed
    reverse-fee A1 F1 reason=TURNOVER       -> INVALID_REVERSAL_REASON reversalReason malformed
    purchase A1 1.00 jpy=1000000000000001   -> AMOUNT_OUT_OF_RANGE transactionAmount malformed
    purchase A1 1.00 bought=1899-12-31T23:59:59Z -> INVALID_REQUEST transactionDate malformed
    purchase A1 1.00 case=C1 bought=2200-01-01T00:00:00Z -> INVALID_REQUEST transactionDate malformed
    reverse-pay A1 P1 reason=BY_MISTAKE     -> INVALID_REVERSAL_REASON reversalReason malformed
    reverse-bonus A1 B1 5.00                -> REVERSAL_AMOUNT_NOT_ALLOWED referenceAmount malformed
    reverse-interest A1 I1 -1.00            -> REVERSAL_AMOUNT_NOT_ALLOWED referenceAmount malformed
    reverse-pay A1 P1 5.00                  -> REVERSAL_AMOUNT_NOT_ALLOWED referenceAmount malformed
    bonus    A1 -1.00 MONEY points=-1:POINT -> BONUS_AMOUNT_CHOICE referenceAmount malformed
    bonus    A1 none MONEY                  -> BONUS_AMOUNT_CHOICE referenceAmount malformed
    bonus    A1 -1.00 MONEY rewarded=1 rewardedRef=F1 -> REWARDED_REFERENCE_CHOICE rewardedOperationIdentifier malformed
    interest A1 -1.00 DEBIT                 -> INTEREST_TYPE_SIGN_MISMATCH referenceAmount malformed
    interest A1 1.00 CREDIT                 -> INTEREST_TYPE_SIGN_MISMATCH referenceAmount malformed
    issuer   wl Europe/Berlin script=INT:debit>7100 -> INTEREST_TYPE_INVALID interestType malformed
    issuer   wl Europe/Berlin script=INT:CREDIT>7100,INT:Z>7100 -> INTEREST_TYPE_INVALID interestType malformed
    purchase A1 1.00 maskedPan=454617239608163* -> PAN_NOT_ALLOWED maskedPan malformed
    purchase A1 1.00 maskedPan=45461723960816 -> PAN_NOT_ALLOWED maskedPan malformed
    purchase A1 1.00 maskedPan=454617*2396*1630 -> PAN_NOT_ALLOWED maskedPan malformed
    reimburse A1 1.00 FULL                  -> AMOUNT_FORBIDDEN_FOR_FULL referenceAmount malformed
    auth     A1 none case=C1                -> INVALID_REQUEST totalBillingAmount malformed
    reserve-update A1 none case=C1          -> INVALID_REQUEST totalBillingAmount malformed
    auth     A1 1.00 case=C1 sent=1899-12-31 -> INVALID_REQUEST transactionDate malformed
    auth     A1 1.00 case=C1 expires=2200-01-01 -> INVALID_REQUEST reserveExpiryDate malformed
    auth     A1 1.00 case=C1 jpy=1000000000000001 -> AMOUNT_OUT_OF_RANGE totalAmount malformed
    auth     A1 10000000000000.01 case=C1   -> AMOUNT_OUT_OF_RANGE totalBillingAmount malformed
    take-back A1 -1.00 case=C1              -> AMOUNT_SIGN_INVALID totalBillingAmount malformed
    confirm  A1 -1.00 case=C1               -> AMOUNT_SIGN_INVALID totalBillingAmount malformed
    reserve  A1 R9 0.00                     -> AMOUNT_ZERO amount malformed
    reserve  A1 R9 -1.00                    -> AMOUNT_SIGN_INVALID amount malformed
    reserve  A1 R9 10000000000000.01        -> AMOUNT_OUT_OF_RANGE amount malformed
    purchase A1 0.00 case=C1                -> AMOUNT_ZERO referenceAmount malformed
";

/// Refusals of commands that cannot be placed: nothing is recorded.
const UNRECORDED: &str = "
    fee      A1 16.00 MANUAL_FEE key=used   -> posted
    fee      A1 17.00 MANUAL_FEE key=used   -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount unrecorded
    fee      A1 1.00 MANUAL_FEE issuer=none -> ISSUER_NOT_FOUND issuerId unrecorded
    advance  2023-01-03 issuer=none         -> ISSUER_NOT_FOUND issuerId unrecorded
    fee      A9 1.00 MANUAL_FEE             -> ACCOUNT_NOT_FOUND issuerAccountExternalReference unrecorded
    fee      @9 1.00 MANUAL_FEE             -> ACCOUNT_NOT_FOUND accountReference unrecorded
    open     X1 CREDIT under=A9             -> ACCOUNT_NOT_FOUND parentExternalReference unrecorded
    open     X1 CREDIT underReference=9     -> ACCOUNT_NOT_FOUND parentAccountReference unrecorded
    open     X1 CREDIT under=GONE           -> ACCOUNT_CLOSED account unrecorded
    open     X1 TUNISIA under=A1            -> CURRENCY_MISMATCH productReference unrecorded
    open     X1 CREDIT limit=1.000 currency=TND -> CURRENCY_MISMATCH creditLimitAmount unrecorded
    open     X1 PREPAID limit=1.00          -> WORKING_MODE_MISMATCH creditLimitAmount unrecorded
    open     X1 CREDIT limit=-1.00          -> AMOUNT_SIGN_INVALID creditLimitAmount malformed
    open     X1 CREDIT programs=MONEY,NONE  -> BONUS_PROGRAM_NOT_FOUND bonusProgramReference unrecorded
    open     X1 NONE                        -> PRODUCT_NOT_FOUND productReference unrecorded
    open     A1 CREDIT                      -> ACCOUNT_ALREADY_EXISTS issuerAccountExternalReference unrecorded
    advance  2023-01-02                     -> BUSINESS_DATE_NOT_ADVANCING businessDate unrecorded 2023-01-02
    advance  2022-12-31                     -> BUSINESS_DATE_NOT_ADVANCING businessDate unrecorded 2023-01-02
    issuer   wl Europe/Berlin date=2023-01-03 -> BUSINESS_DATE_NOT_ADVANCING businessDate unrecorded
";

/// Refusals by a business rule: recorded, and answered for ever.
const REMEMBERED: &str = "
    reset    P1                             -> BALANCE_ALREADY_ZERO account remembered
    fee      GONE 1.00 MANUAL_FEE           -> ACCOUNT_CLOSED account remembered
    reverse-fee GONE G1                     -> ACCOUNT_CLOSED account remembered
    limit    GONE 1.00                      -> ACCOUNT_CLOSED account remembered
    close    GONE                           -> ACCOUNT_CLOSED account remembered
    fee      A1 15.00 MANUAL_FEE ref=F1     -> DUPLICATE_EXTERNAL_TRIPLET externalOperationReference remembered op=2 same_payload=true
    fee      A1 1.00 MANUAL_FEE at=2023-02-03 -> EXTERNAL_DATE_IN_FUTURE externalOperationDate remembered
    reverse-fee A1 F1 at=2023-02-03         -> EXTERNAL_DATE_IN_FUTURE externalOperationDate remembered
    fee      A1 1.000 MANUAL_FEE currency=TND -> CURRENCY_MISMATCH referenceAmount remembered TND, EUR
    reverse-fee A1 F1 -1.000 currency=TND   -> CURRENCY_MISMATCH referenceAmount remembered
    limit    A1 1.000 currency=TND          -> CURRENCY_MISMATCH creditLimitAmount remembered
    reverse-fee A1 F1 1.00                  -> AMOUNT_SIGN_INVALID referenceAmount remembered
    reverse-adjust A1 J1 -1.00              -> AMOUNT_SIGN_INVALID referenceAmount remembered
    fee      A1 1.00 NO_FEE                 -> FEE_TYPE_NOT_ALLOWED feeType remembered
    adjust   A1 1.00 WHIM                   -> ADJUSTMENT_REASON_NOT_ALLOWED balanceAdjustmentReason remembered
    fee      A1 1.00 MANUAL_FEE value=2024-01-03 -> VALUE_DATE_TOO_FAR valueDate remembered 2024-01-02
    fee      A1 1.00 MANUAL_FEE value=2022-12-02 -> VALUE_DATE_BEFORE_LIMIT valueDate remembered 2022-12-03
    reverse-fee A1 F9                       -> ORIGINAL_OPERATION_NOT_FOUND externalMatchingOperationReference remembered
    reverse-fee P1 F1                       -> ORIGINAL_OPERATION_NOT_FOUND externalMatchingOperationReference remembered
    reverse-fee A1 J1                       -> ORIGINAL_KIND_MISMATCH command remembered BAL_ADJ
    reverse-adjust A1 F1                    -> ORIGINAL_KIND_MISMATCH command remembered FEE
    reverse-fee A1 F1 feeType=STATEMENT_FEE -> ORIGINAL_KIND_MISMATCH feeType remembered
    reverse-adjust A1 J1 feeType=MANUAL_FEE -> ORIGINAL_KIND_MISMATCH feeType remembered
    reverse-fee A1 F1 -15.01                -> REVERSAL_EXCEEDS_REMAINING referenceAmount remembered 1500
    reverse-bonus A1 B1 ref=RB1             -> reversed
    reverse-bonus A1 B1                     -> OPERATION_ALREADY_REVERSED externalMatchingOperationReference remembered
    reverse-bonus A1 RB1                    -> REVERSAL_NOT_REVERSIBLE externalMatchingOperationReference remembered
    bonus    A1 -1.00 NONE                  -> BONUS_PROGRAM_NOT_FOUND bonusProgramReference remembered
    bonus    A1 -1.00 OTHER                 -> BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT bonusProgramReference remembered
    bonus    P1 -1.00 MONEY                 -> BONUS_PROGRAM_NOT_ALLOWED_FOR_ACCOUNT bonusProgramReference remembered
    bonus    A1 -1.00 POINTS                -> MONETARY_BONUS_NOT_ALLOWED referenceAmount remembered
    bonus    A1 none POINTS points=-1:MILE  -> LOYALTY_UNIT_NOT_ALLOWED loyaltyPointAmount.unit remembered
    bonus    A1 none MONEY points=-1:POINT  -> LOYALTY_UNIT_NOT_ALLOWED loyaltyPointAmount.unit remembered
    bonus    A1 -1.00 MONEY rewarded=999    -> REWARDED_OPERATION_NOT_FOUND rewardedOperationIdentifier remembered
    bonus    A1 -1.00 MONEY rewardedRef=F9  -> REWARDED_OPERATION_NOT_FOUND rewardedOperationIdentifier remembered
    bonus    A1 -1.00 MONEY rewarded=1      -> REWARDED_OPERATION_NOT_FOUND rewardedOperationIdentifier remembered
    load     A1 -1.00                       -> WORKING_MODE_MISMATCH command remembered
    unload   A1 1.00                        -> WORKING_MODE_MISMATCH command remembered
    limit    P1 1.00                        -> WORKING_MODE_MISMATCH creditLimitAmount remembered
    unload   P1 1.00                        -> INSUFFICIENT_OPEN_TO_BUY referenceAmount remembered 0
    reimburse A1 1.00 MAX                   -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount remembered 0
    reimburse A1 none FULL                  -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount remembered
    reimburse A1 1.00 PARTIAL               -> REIMBURSEMENT_EXCEEDS_ALLOWED referenceAmount remembered
    auth     A1 1.00 case=C1 id=T1          -> DUPLICATE_TRANSACTION_ID transactionId remembered same_payload=true
    auth     A1 1.000 case=C1 currency=TND  -> CURRENCY_MISMATCH totalBillingAmount remembered
    take-back A1 case=C9                    -> BUSINESS_CASE_NOT_FOUND businessCaseId remembered
    take-back A1 case=C2                    -> RESERVE_NOT_ACTIVE businessCaseId remembered
    purchase A1 1.00 case=C9                -> BUSINESS_CASE_NOT_FOUND authorizationBusinessCaseIdentifier remembered
    reserve  A1 R1 1.00                     -> DUPLICATE_OFFLINE_RESERVATION offlineReservationReference remembered
    reserve  A1 R9 1.000 currency=TND       -> CURRENCY_MISMATCH amount remembered
    reserve  P1 R9 0.01                     -> INSUFFICIENT_OWN_FUNDS amount remembered 0
    reserve  GONE R9 0.01                   -> ACCOUNT_CLOSED account remembered
    free     A1 R9                          -> OFFLINE_RESERVATION_NOT_FOUND offlineReservationReference remembered
    free     A1 R2                          -> OFFLINE_RESERVATION_NOT_ACTIVE offlineReservationReference remembered
";

fn in_scene(table: &str) -> Script {
    check(&format!("{SCENE}{table}"))
}

#[test]
fn a_malformed_command_is_refused_and_not_recorded() {
    let before = in_scene("").log.len();
    assert_eq!(in_scene(MALFORMED).log.len(), before);
}

#[test]
fn a_command_that_cannot_be_placed_is_refused_and_not_recorded() {
    let before = in_scene("").log.len();
    // The first line of the table is a posting.
    assert_eq!(in_scene(UNRECORDED).log.len(), before + 1);
}

#[test]
fn a_refusal_by_a_business_rule_is_recorded() {
    let before = in_scene("").log.len();
    let lines = REMEMBERED.lines().filter(|line| !line.trim().is_empty());
    assert_eq!(in_scene(REMEMBERED).log.len(), before + lines.count());
}

/// Sixteen levels are allowed, and the seventeenth is not.
fn deep_hierarchy() -> String {
    let mut table = "open L1 CREDIT\n".to_owned();
    for level in 2..=16 {
        writeln!(table, "open L{level} CREDIT under=L{}", level - 1).expect("a string");
    }
    table
        + "open L17 CREDIT under=L16 -> HIERARCHY_TOO_DEEP parentExternalReference unrecorded 16\n"
}

#[test]
fn a_hierarchy_has_at_most_sixteen_levels() {
    in_scene(&deep_hierarchy());
}

#[test]
fn a_list_has_at_most_a_hundred_entries() {
    let list = |entries: usize| vec!["X"; entries].join(",");
    let rules = |entries: usize| {
        let rules: Vec<_> = (0..entries).map(|n| format!("FEE:X{n}>4199")).collect();
        rules.join(",")
    };
    let (hundred, more) = (list(100), list(101));
    in_scene(&format!(
        "
        product Y EUR PAY_LATER fees={hundred}
        product Y EUR PAY_LATER fees={more}             -> INVALID_REQUEST feeTypes malformed
        program Y units={hundred}
        program Y units={more}                          -> INVALID_REQUEST loyaltyUnits malformed
        open    Y1 CREDIT programs={more}               -> INVALID_REQUEST bonusProgramReferences malformed
        issuer  wl Europe/Berlin reasons={more}         -> INVALID_REQUEST balanceAdjustmentReasons malformed
        issuer  wl Europe/Berlin script={}              -> INVALID_REQUEST accountingScript malformed
        issuer  wl Europe/Berlin script={} reasons={hundred}
        ",
        rules(101),
        rules(100),
    ));
}

/// A new code breaks this test until a table above has a line for it.
#[test]
fn every_code_has_a_table_line() {
    let mut given = BTreeSet::from(EDGE);
    for table in [MALFORMED, UNRECORDED, REMEMBERED, &deep_hierarchy()] {
        let codes = in_scene(table).codes;
        assert!(codes.is_disjoint(&BTreeSet::from(EDGE)), "{codes:?}");
        given.extend(codes);
    }
    let source = include_str!("../../src/rejection.rs");
    let known: BTreeSet<_> = source
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .filter(|code| {
            code.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .collect();
    assert!(
        known.len() > 40,
        "the codes are read off their source: {known:?}"
    );
    assert_eq!(given, known);
}

#[test]
fn two_rules_of_a_script_are_not_for_the_same_operations() {
    in_scene(
        "
        issuer wl Europe/Berlin script=FEE>4199,FEE:X>4200,FEE:Y>4200
        issuer wl Europe/Berlin script=FEE>4199,FEE>4200     -> INVALID_REQUEST accountingScript malformed
        issuer wl Europe/Berlin script=FEE:X>4199,FEE:X>4199 -> INVALID_REQUEST accountingScript malformed
        ",
    );
}

#[test]
fn dates_of_other_centuries_are_slips() {
    in_scene(
        "
        fee A1 1.00 MANUAL_FEE value=0025-01-09  -> INVALID_REQUEST valueDate malformed
        fee A1 1.00 MANUAL_FEE value=2200-01-01  -> INVALID_REQUEST valueDate malformed
        fee A1 1.00 MANUAL_FEE at=1899-12-31     -> INVALID_REQUEST externalOperationDate malformed
        fee A1 1.00 MANUAL_FEE posted=2200-01-02 -> INVALID_REQUEST postingDate malformed
        advance 2200-01-01                       -> INVALID_REQUEST businessDate malformed
        ",
    );
}
