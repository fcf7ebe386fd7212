//! What commands carry along. Source: specification 1.1.2, 1.1.4, 1.1.7.

use crate::script::check;

const SCENE: &str = "
    issuer  wl Europe/Berlin date=2023-01-02 origin=PORTAL username=ann
    product CREDIT  EUR PAY_LATER fees=MANUAL_FEE limit=1000.00
    program BP money
    open    A1 CREDIT programs=BP
    pay     A1 -100.00
";

fn in_scene(table: &str) {
    check(&format!("{SCENE}{table}"));
}

#[test]
fn annotations_are_recorded_with_whatever_happened() {
    in_scene(
        "
        notes 1 -> by ann from=PORTAL
        notes 2 -> none
        fee   A1 1.00 MANUAL_FEE ref=F1 username=bob fields=shop:12,area:N
        notes 6 -> by bob from=- fields=area:N,shop:12 iban=-
        reverse-fee A1 F1 username=eve fields=why:wrong -> reversed
        notes 7 -> by eve fields=why:wrong
        # A refusal carries them too.
        fee   A1 1.00 OTHER_FEE fields=shop:12 origin=BATCH -> FEE_TYPE_NOT_ALLOWED feeType remembered
        notes 8 -> by - from=BATCH fields=shop:12
        reimburse A1 10.00 MAX iban=DE89370400440532013000
        notes 9 -> by - fields= iban=DE89370400440532013000
        purchase A1 5.00 brand=VISA rate=0.007087 reconciled=5.00 operated=2023-01-01
        notes 10 -> by - rate=0.007087
    ",
    );
}

#[test]
fn they_belong_to_the_commands_that_have_them() {
    in_scene(
        "
        fee      A1 1.00 MANUAL_FEE iban=DE89370400440532013000 -> INVALID_REQUEST destinationIban malformed
        reimburse A1 1.00 MAX over=A1         -> INVALID_REQUEST overPaymentAccountIdentifier malformed
        fee      A1 1.00 MANUAL_FEE condition=C -> INVALID_REQUEST interestStartDate malformed
        pay      A1 -1.00 brand=VISA          -> INVALID_REQUEST brand malformed
        limit    A1 5.00 fields=a:b           -> INVALID_REQUEST specificFields malformed
        close    A1 print=true                -> INVALID_REQUEST printOnStatement malformed
        advance  2023-01-03 correction=true   -> INVALID_REQUEST correction malformed
        reverse-pay A1 none-such brand=VISA   -> INVALID_REQUEST brand malformed
        interest A1 1.00 DEBIT from=1850-01-01 -> INVALID_REQUEST interestStartDate malformed
        interest A1 1.00 DEBIT to=2250-01-01  -> INVALID_REQUEST interestEndDate malformed
        purchase A1 1.00 operated=1850-01-01  -> INVALID_REQUEST operationDate malformed
        purchase A1 1.00 rated=1850-01-01     -> INVALID_REQUEST exchangeRateDate malformed
        purchase A1 1.00 cash=10000000000000.01 -> AMOUNT_OUT_OF_RANGE cashAmount malformed
        fee      A1 1.00 MANUAL_FEE pan=P     -> INVALID_REQUEST panReference malformed
        limit    A1 5.00 pan=P                -> INVALID_REQUEST panReference malformed
        pay      A1 -1.00 why=R               -> INVALID_REQUEST reimbursementReason malformed
        purchase A1 1.00 reconciled=10000000000000.01 -> AMOUNT_OUT_OF_RANGE reconciliationAmount malformed
        events                                -> 5
        limit    A1 5.00 username=ann         -> done
        interest A1 1.00 DEBIT from=2022-12-01 to=2022-12-31 condition=STD -> posted
        pay      A1 -1.00 over=A1             -> posted
        bonus    A1 -1.00 BP print=false correction=true -> posted
    ",
    );
}

#[test]
fn a_command_has_twenty_specific_fields_at_most() {
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|n| format!("f{n}:v")).collect();
        fields.join(",")
    };
    in_scene(&format!(
        "
        pay A1 -1.00 fields={} -> INVALID_REQUEST specificFields malformed
        pay A1 -1.00 fields={} -> posted
        ",
        fields(21),
        fields(20)
    ));
}

#[test]
fn the_same_command_may_be_tried_again_by_another_user() {
    in_scene(
        "
        pay A1 -1.00 key=k ref=P1 username=ann origin=PORTAL fields=a:b -> posted op=2
        pay A1 -1.00 key=k ref=P1 username=bob origin=BATCH fields=a:b  -> replayed posted op=2
        pay A1 -1.00 key=k ref=P1 fields=a:b                            -> replayed posted op=2
        # Whose name is kept is the first one's.
        notes 6                                                         -> by ann from=PORTAL
        pay A1 -1.00 key=l ref=P1 username=bob fields=a:b
            -> DUPLICATE_EXTERNAL_TRIPLET externalOperationReference op=2 same_payload=true
        "
        .replace("\n            ->", " ->")
        .as_str(),
    );
}

#[test]
fn every_other_annotation_is_compared() {
    in_scene(
        "
        pay A1 -1.00 key=k ref=P1 fields=a:b over=A1 -> posted
        pay A1 -1.00 key=k ref=P1 fields=a:c over=A1 -> IDEMPOTENCY_PAYLOAD_MISMATCH specificFields unrecorded
        pay A1 -1.00 key=k ref=P1 over=A1            -> IDEMPOTENCY_PAYLOAD_MISMATCH specificFields
        pay A1 -1.00 key=k ref=P1 fields=a:b         -> IDEMPOTENCY_PAYLOAD_MISMATCH overPaymentAccountIdentifier
        pay A1 -1.00 key=k ref=P1 fields=a:b over=@0 -> IDEMPOTENCY_PAYLOAD_MISMATCH overPaymentAccountIdentifier
        pay A1 -2.00 key=k ref=P1 fields=a:c over=A1 -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        pay A1 -1.00 key=k ref=P1 fields=a:b over=A1 print=true -> IDEMPOTENCY_PAYLOAD_MISMATCH printOnStatement
        pay A1 -1.00 key=k ref=P1 fields=a:b over=A1 correction=false -> IDEMPOTENCY_PAYLOAD_MISMATCH correction
        pay A1 -1.00 key=m ref=P1 fields=a:c over=A1 -> DUPLICATE_EXTERNAL_TRIPLET externalOperationReference same_payload=false
        reimburse A1 1.00 MAX key=r ref=R1 iban=DE89370400440532013000 -> posted
        reimburse A1 1.00 MAX key=r ref=R1           -> IDEMPOTENCY_PAYLOAD_MISMATCH destinationIban
        interest A1 1.00 DEBIT key=i ref=I1 from=2022-12-01 to=2022-12-31 condition=S -> posted
        interest A1 1.00 DEBIT key=i ref=I1 from=2022-12-02 to=2022-12-31 condition=S -> IDEMPOTENCY_PAYLOAD_MISMATCH interestStartDate
        interest A1 1.00 DEBIT key=i ref=I1 from=2022-12-01 condition=S -> IDEMPOTENCY_PAYLOAD_MISMATCH interestEndDate
        interest A1 1.00 DEBIT key=i ref=I1 from=2022-12-01 to=2022-12-31 -> IDEMPOTENCY_PAYLOAD_MISMATCH interestCondition
        purchase A1 1.00 key=t ref=T1 rate=0.5       -> posted
        purchase A1 1.00 key=t ref=T1 rate=0.50      -> IDEMPOTENCY_PAYLOAD_MISMATCH exchangeRate
        purchase A1 1.00 key=t ref=T1 rate=0.5 brand=V -> IDEMPOTENCY_PAYLOAD_MISMATCH brand
        purchase A1 1.00 key=t ref=T1 rate=0.5 reconciled=1.00 -> IDEMPOTENCY_PAYLOAD_MISMATCH reconciliationAmount
        purchase A1 1.00 key=t ref=T1 rate=0.5 operated=2023-01-01 -> IDEMPOTENCY_PAYLOAD_MISMATCH operationDate
        purchase A1 1.00 key=t ref=T1 rate=0.5 cash=1.00 -> IDEMPOTENCY_PAYLOAD_MISMATCH cashAmount
        purchase A1 1.00 key=t ref=T1 rate=0.5 terminal=T -> IDEMPOTENCY_PAYLOAD_MISMATCH terminalId
        purchase A1 1.00 key=t ref=T1 rate=0.5 pan=P -> IDEMPOTENCY_PAYLOAD_MISMATCH panReference
        reimburse A1 1.00 MAX key=r ref=R1 iban=DE89370400440532013000 why=R -> IDEMPOTENCY_PAYLOAD_MISMATCH reimbursementReason
    ",
    );
}
