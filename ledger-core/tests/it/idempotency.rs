//! The two idempotency keys, and what is remembered of a refusal. Source: specification 2e, rulings
//! 4 and 5.

use ledger_core::command::Triplet;
use ledger_core::fingerprint::Fingerprint;
use ledger_core::ids::{CorrelationId, IssuerIndex};
use ledger_core::text::{OperationReference, ServicePoster};
use ledger_core::time::Timestamp;

use crate::script::check;

fn in_scene(table: &str) {
    check(&format!(
        "
        issuer  wl Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER fees=MANUAL_FEE,STATEMENT_FEE limit=1000.00
        program BP money units=POINT,MILE
        program BQ money units=POINT
        open    A1 CREDIT programs=BP,BQ
        open    A2 CREDIT
        {table}"
    ));
}

#[test]
fn a_remembered_refusal_stands_after_its_cause_is_gone() {
    in_scene(
        "
        fee         A1 1.00 NEW_FEE key=c1 ref=F1    -> FEE_TYPE_NOT_ALLOWED remembered
        product     CREDIT EUR PAY_LATER fees=MANUAL_FEE,NEW_FEE
        fee         A1 1.00 NEW_FEE key=c1 ref=F1    -> replayed FEE_TYPE_NOT_ALLOWED remembered
        # A refused command takes no triplet: under a new id it may go.
        fee         A1 1.00 NEW_FEE key=c2 ref=F1    -> posted op=1
        fee         A1 1.00 NEW_FEE key=c1 ref=F1    -> replayed FEE_TYPE_NOT_ALLOWED
        reimburse   A1 none FULL key=c3 ref=M1       -> REIMBURSEMENT_EXCEEDS_ALLOWED remembered
        pay         A1 -9.00
        reimburse   A1 none FULL key=c3 ref=M1       -> replayed REIMBURSEMENT_EXCEEDS_ALLOWED
        reverse-fee A1 F2 key=c4 ref=R2              -> ORIGINAL_OPERATION_NOT_FOUND remembered
        fee         A1 1.00 MANUAL_FEE ref=F2        -> posted
        reverse-fee A1 F2 key=c4 ref=R2              -> replayed ORIGINAL_OPERATION_NOT_FOUND
        refusals    A1                               -> 3
        refusals    A2                               -> 0
    ",
    );
}

#[test]
fn an_acceptance_stands_after_the_account_is_closed() {
    in_scene(
        "
        fee   A1 1.00 MANUAL_FEE key=c1 ref=F1 -> posted op=1
        close A1 key=c2                        -> done
        fee   A1 1.00 MANUAL_FEE key=c1 ref=F1 -> replayed posted op=1
        close A1 key=c2                        -> replayed done
        close A1 key=c3                        -> ACCOUNT_CLOSED remembered
    ",
    );
}

#[test]
fn a_refusal_that_was_not_recorded_may_be_tried_again() {
    in_scene(
        "
        fee     A3 1.00 MANUAL_FEE key=c1 ref=F1      -> ACCOUNT_NOT_FOUND unrecorded
        open    A3 GOLD key=c2                        -> PRODUCT_NOT_FOUND unrecorded
        fee     A1 0.00 MANUAL_FEE key=c3             -> AMOUNT_ZERO malformed
        fee     A1 -1.00 MANUAL_FEE key=c3            -> AMOUNT_SIGN_INVALID malformed
        advance 2023-01-01 key=c4                     -> BUSINESS_DATE_NOT_ADVANCING unrecorded
        fee     A1 1.00 MANUAL_FEE issuer=new key=c5  -> ISSUER_NOT_FOUND unrecorded
        product GOLD EUR PAY_LATER fees=MANUAL_FEE
        open    A3 GOLD key=c2                        -> done
        fee     A3 1.00 MANUAL_FEE key=c1 ref=F1      -> posted op=1
        fee     A1 1.00 MANUAL_FEE key=c3             -> posted op=2
        advance 2023-01-03 key=c4                     -> done
        fee     A3 1.00 MANUAL_FEE key=c1 ref=F1      -> replayed op=1
        open    A3 GOLD key=c2                        -> replayed done
        advance 2023-01-03 key=c4                     -> replayed done
        refusals A1                                   -> 0
    ",
    );
}

#[test]
fn either_name_of_an_account_is_the_same_command() {
    in_scene(
        "
        fee A1 1.00 MANUAL_FEE key=c1 ref=F1 -> posted op=1
        fee @0 1.00 MANUAL_FEE key=c1 ref=F1 -> replayed op=1
        fee A2 1.00 MANUAL_FEE key=c1 ref=F1 -> IDEMPOTENCY_PAYLOAD_MISMATCH account
        fee A9 1.00 MANUAL_FEE key=c1 ref=F1 -> IDEMPOTENCY_PAYLOAD_MISMATCH account
    ",
    );
}

#[test]
fn issuers_have_their_own_correlation_ids_and_triplets() {
    in_scene(
        "
        fee     A1 1.00 MANUAL_FEE key=c1 ref=F1 -> posted op=1
        issuer  other Europe/Berlin date=2023-01-02
        product CREDIT EUR PAY_LATER fees=MANUAL_FEE
        fee     A1 1.00 MANUAL_FEE key=c1 ref=F1 -> ACCOUNT_NOT_FOUND
        fee     @0 1.00 MANUAL_FEE               -> ACCOUNT_NOT_FOUND accountReference
        open    A1 CREDIT
        fee     A1 2.00 MANUAL_FEE key=c1 ref=F1 -> posted op=2
        reverse-fee A1 F1                        -> reversed amount=-2.00
        balance A1                               -> 0.00
        fee     A1 1.00 MANUAL_FEE key=c1 ref=F1 issuer=wl -> replayed op=1
    ",
    );
}

#[test]
fn a_fee_under_a_used_id_names_the_field_that_differs() {
    in_scene("
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> posted
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> replayed
        fee A1 5.01 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        fee A1 5.00 STATEMENT_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH feeType
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-01 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationDate
        fee A1 5.00 MANUAL_FEE key=k ref=G at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationReference
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d poster=BANK -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationServicePoster
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-03 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH valueDate
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 text=a code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH valueDate
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=z code=b subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH description
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a subFeeType=c frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationCode
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=z frequency=d -> IDEMPOTENCY_PAYLOAD_MISMATCH subFeeType
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c -> IDEMPOTENCY_PAYLOAD_MISMATCH frequency
        fee A1 5.00 MANUAL_FEE adjustment key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d reason=INVALID_OPERATION -> IDEMPOTENCY_PAYLOAD_MISMATCH adjustment
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d reason=INVALID_OPERATION -> IDEMPOTENCY_PAYLOAD_MISMATCH adjustmentReason
        fee A1 5.00 MANUAL_FEE key=k ref=F at=2023-01-02 value=2023-01-02 text=a code=b subFeeType=c frequency=d posted=2023-01-01 -> IDEMPOTENCY_PAYLOAD_MISMATCH postingDate
        pay A1 5.00 key=k ref=F -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        reverse-fee A1 F key=k  -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        close A1 key=k          -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        # Which command comes before what it is about.
        pay A2 5.00 key=k ref=F -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        advance 2023-01-03 key=k -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        # Even a command that would be malformed.
        fee A1 0.00 MANUAL_FEE key=k ref=F -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        events -> 7
    ");
}

#[test]
fn the_other_operations_under_a_used_id_name_the_field_that_differs() {
    in_scene("
        pay      A1 -5.00 key=p ref=P channel=CASH reason=a sepa=true
        pay      A1 -5.00 key=p ref=P channel=CHEQUE reason=a sepa=true -> IDEMPOTENCY_PAYLOAD_MISMATCH paymentChannel
        pay      A1 -5.00 key=p ref=P channel=CASH reason=z sepa=true   -> IDEMPOTENCY_PAYLOAD_MISMATCH paymentReason
        pay      A1 -5.00 key=p ref=P channel=CASH reason=a sepa=false  -> IDEMPOTENCY_PAYLOAD_MISMATCH sepa
        adjust   A1 -5.00 GOODWILL key=j ref=J
        adjust   A1 -5.00 DISPUTE key=j ref=J         -> IDEMPOTENCY_PAYLOAD_MISMATCH balanceAdjustmentReason
        interest A1 5.00 DEBIT key=i ref=I
        interest A1 5.00 CREDIT key=i ref=I           -> IDEMPOTENCY_PAYLOAD_MISMATCH interestType
        reimburse A1 1.00 MAX key=m ref=M
        reimburse A1 1.00 PARTIAL key=m ref=M         -> IDEMPOTENCY_PAYLOAD_MISMATCH reimbursementType
        reimburse A1 none FULL key=m ref=M            -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        bonus    A1 none BP points=-5:POINT key=b ref=B rewardedRef=P
        bonus    A1 none BP points=-6:POINT key=b ref=B rewardedRef=P -> IDEMPOTENCY_PAYLOAD_MISMATCH loyaltyPointAmount
        bonus    A1 none BP points=-5:MILE key=b ref=B rewardedRef=P  -> IDEMPOTENCY_PAYLOAD_MISMATCH loyaltyPointAmount
        bonus    A1 none BQ points=-5:POINT key=b ref=B rewardedRef=P -> IDEMPOTENCY_PAYLOAD_MISMATCH bonusProgramReference
        bonus    A1 none BP points=-5:POINT key=b ref=B rewarded=1    -> IDEMPOTENCY_PAYLOAD_MISMATCH rewardedOperationIdentifier
        bonus    A1 none BP points=-5:POINT key=b ref=B               -> IDEMPOTENCY_PAYLOAD_MISMATCH rewardedExternalMatchingOperationDate
        bonus    A1 -5.00 BP key=b ref=B                              -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        purchase A1 5.00 key=t ref=T jpy=800 mcc=7011 acceptor=a city=b country=392 acceptorId=c approval=d arn=e card=f maskedPan=454617******1630 bought=2023-01-01
        purchase A1 5.00 key=t ref=T jpy=800 mcc=7011 acceptor=a city=b country=392 acceptorId=c approval=d arn=e card=f maskedPan=454617******1630 bought=2023-01-01 -> replayed
        purchase A1 5.00 key=t ref=T jpy=801 -> IDEMPOTENCY_PAYLOAD_MISMATCH transactionAmount
        purchase A1 5.00 key=t ref=T jpy=800 operationCode=CASH_WITHDRAWAL -> IDEMPOTENCY_PAYLOAD_MISMATCH operationCode
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-02 -> IDEMPOTENCY_PAYLOAD_MISMATCH transactionDate
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-01 mcc=7012 -> IDEMPOTENCY_PAYLOAD_MISMATCH merchantCategoryCode
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-01 mcc=7011 acceptor=z -> IDEMPOTENCY_PAYLOAD_MISMATCH cardAcceptorName
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-01 mcc=7011 acceptor=a city=z -> IDEMPOTENCY_PAYLOAD_MISMATCH cardAcceptorCity
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-01 mcc=7011 acceptor=a city=b country=1 -> IDEMPOTENCY_PAYLOAD_MISMATCH cardAcceptorCountry
        purchase A1 5.00 key=t ref=T jpy=800 bought=2023-01-01 mcc=7011 acceptor=a city=b country=392 -> IDEMPOTENCY_PAYLOAD_MISMATCH cardAcceptorIdCode
    ");
}

#[test]
fn a_reversal_under_a_used_id_names_the_field_that_differs() {
    in_scene("
        fee         A1 5.00 MANUAL_FEE ref=F
        fee         A1 5.00 MANUAL_FEE ref=G
        reverse-fee A1 F -2.00 key=r ref=R feeType=MANUAL_FEE text=a code=b -> reversed
        reverse-fee A1 F -2.00 key=r ref=R feeType=MANUAL_FEE text=a code=b -> replayed
        reverse-fee A1 F -3.00 key=r ref=R feeType=MANUAL_FEE text=a code=b -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        reverse-fee A1 F key=r ref=R feeType=MANUAL_FEE text=a code=b       -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        reverse-fee A1 G -2.00 key=r ref=R feeType=MANUAL_FEE text=a code=b -> IDEMPOTENCY_PAYLOAD_MISMATCH externalMatchingOperationReference
        reverse-fee A1 F -2.00 key=r ref=R matchingAt=2023-01-01            -> IDEMPOTENCY_PAYLOAD_MISMATCH externalMatchingOperationDate
        reverse-fee A1 F -2.00 key=r ref=R matchingPoster=BANK              -> IDEMPOTENCY_PAYLOAD_MISMATCH externalMatchingOperationServicePoster
        reverse-fee A1 F -2.00 key=r ref=S feeType=MANUAL_FEE text=a code=b -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationReference
        reverse-fee A1 F -2.00 key=r ref=R reason=none                      -> IDEMPOTENCY_PAYLOAD_MISMATCH reversalReason
        reverse-fee A1 F -2.00 key=r ref=R text=a code=b                    -> IDEMPOTENCY_PAYLOAD_MISMATCH feeType
        reverse-fee A1 F -2.00 key=r ref=R feeType=MANUAL_FEE code=b        -> IDEMPOTENCY_PAYLOAD_MISMATCH description
        reverse-fee A1 F -2.00 key=r ref=R feeType=MANUAL_FEE text=a code=z -> IDEMPOTENCY_PAYLOAD_MISMATCH externalOperationCode
        reverse-adjust A1 F -2.00 key=r ref=R                               -> IDEMPOTENCY_PAYLOAD_MISMATCH command
        balance     A1                                                      -> 8.00
    ");
}

#[test]
fn commands_that_set_the_scene_under_a_used_id_name_the_field_that_differs() {
    in_scene("
        issuer  wl Europe/Berlin key=i ahead=9 back=9 reasons=A
        issuer  wl Europe/Berlin key=i ahead=9 back=9 reasons=A -> replayed
        issuer  wl Europe/London key=i             -> IDEMPOTENCY_PAYLOAD_MISMATCH timeZone
        issuer  wl Europe/Berlin key=i date=2023-01-02 -> IDEMPOTENCY_PAYLOAD_MISMATCH businessDate
        issuer  wl Europe/Berlin key=i reversalValueDating=ORIGINAL -> IDEMPOTENCY_PAYLOAD_MISMATCH reversalValueDating
        issuer  wl Europe/Berlin key=i script=FEE>1 -> IDEMPOTENCY_PAYLOAD_MISMATCH accountingScript
        issuer  wl Europe/Berlin key=i reasons=B   -> IDEMPOTENCY_PAYLOAD_MISMATCH balanceAdjustmentReasons
        issuer  wl Europe/Berlin key=i reasons=A   -> IDEMPOTENCY_PAYLOAD_MISMATCH maxForwardValueDays
        issuer  wl Europe/Berlin key=i reasons=A ahead=9 -> IDEMPOTENCY_PAYLOAD_MISMATCH maxBackValueDays
        product X EUR PAY_LATER key=p fees=A limit=1.00
        product Y EUR PAY_LATER key=p              -> IDEMPOTENCY_PAYLOAD_MISMATCH productReference
        product X JPY PAY_LATER key=p              -> IDEMPOTENCY_PAYLOAD_MISMATCH currency
        product X EUR PAY_NOW key=p                -> IDEMPOTENCY_PAYLOAD_MISMATCH workingMode
        product X EUR PAY_LATER key=p              -> IDEMPOTENCY_PAYLOAD_MISMATCH feeTypes
        product X EUR PAY_LATER key=p fees=A       -> IDEMPOTENCY_PAYLOAD_MISMATCH defaultCreditLimitAmount
        program X key=b units=POINT
        program Y key=b                            -> IDEMPOTENCY_PAYLOAD_MISMATCH bonusProgramReference
        program X key=b money                      -> IDEMPOTENCY_PAYLOAD_MISMATCH monetary
        program X key=b                            -> IDEMPOTENCY_PAYLOAD_MISMATCH loyaltyUnits
        open    X CREDIT key=o limit=1.00 under=A1 programs=BP noOtbCheck
        open    Y CREDIT key=o                     -> IDEMPOTENCY_PAYLOAD_MISMATCH issuerAccountExternalReference
        open    X OTHER key=o                      -> IDEMPOTENCY_PAYLOAD_MISMATCH productReference
        open    X CREDIT key=o                     -> IDEMPOTENCY_PAYLOAD_MISMATCH creditLimitAmount
        open    X CREDIT key=o limit=1.00          -> IDEMPOTENCY_PAYLOAD_MISMATCH parentExternalReference
        open    X CREDIT key=o limit=1.00 under=A1 underReference=0 -> IDEMPOTENCY_PAYLOAD_MISMATCH parentAccountReference
        open    X CREDIT key=o limit=1.00 under=A1 -> IDEMPOTENCY_PAYLOAD_MISMATCH bonusProgramReferences
        open    X CREDIT key=o limit=1.00 under=A1 programs=BP noParentNotification -> IDEMPOTENCY_PAYLOAD_MISMATCH noParentNotification
        open    X CREDIT key=o limit=1.00 under=A1 programs=BP -> IDEMPOTENCY_PAYLOAD_MISMATCH noOtbCheck
        advance 2023-01-03 key=a
        advance 2023-01-04 key=a                   -> IDEMPOTENCY_PAYLOAD_MISMATCH businessDate
        limit   A1 5.00 key=l
        limit   A1 6.00 key=l                      -> IDEMPOTENCY_PAYLOAD_MISMATCH creditLimitAmount
        limit   A1 5.00 key=l                      -> replayed
        open    X CREDIT key=l                     -> IDEMPOTENCY_PAYLOAD_MISMATCH command
    ");
}

#[test]
fn a_remembered_refusal_is_compared_like_an_acceptance() {
    in_scene(
        "
        fee A1 1.00 NO_FEE key=c1 ref=F1 -> FEE_TYPE_NOT_ALLOWED
        fee A1 2.00 NO_FEE key=c1 ref=F1 -> IDEMPOTENCY_PAYLOAD_MISMATCH referenceAmount
        fee A1 1.00 MANUAL_FEE key=c1 ref=F1 -> IDEMPOTENCY_PAYLOAD_MISMATCH feeType
        fee A1 1.00 NO_FEE key=c1 ref=F1 -> replayed FEE_TYPE_NOT_ALLOWED
    ",
    );
}

/// Before status and rules: those may have changed by what the first sending did.
#[test]
fn a_used_triplet_is_told_before_anything_else() {
    in_scene(
        "
        pay       A1 -5.00
        reimburse A1 5.00 MAX ref=M1        -> posted op=2
        reimburse A1 5.00 MAX ref=M1        -> DUPLICATE_EXTERNAL_TRIPLET op=2 same_payload=true
        fee       A1 1.00 MANUAL_FEE ref=F1 -> posted op=3
        close     A1
        fee       A1 1.00 MANUAL_FEE ref=F1 -> DUPLICATE_EXTERNAL_TRIPLET op=3 same_payload=true
        fee       A1 1.00 NO_FEE ref=F1     -> DUPLICATE_EXTERNAL_TRIPLET op=3 same_payload=false
        fee       A1 1.00 MANUAL_FEE ref=F2 -> ACCOUNT_CLOSED
        ",
    );
}

/// What an index of keys keeps of a hash.
const KEPT_BITS: u32 = 40;

#[test]
fn keys_that_an_index_cannot_tell_apart_are_told_apart_by_their_records() {
    let kept = |key: Fingerprint| key.to_bits() >> (u64::BITS - KEPT_BITS);
    let correlation = |key: &str| {
        let mut id = [0; 16];
        id[..key.len()].copy_from_slice(key.as_bytes());
        kept(Fingerprint::of_correlation(
            IssuerIndex(0),
            CorrelationId(id),
        ))
    };
    let triplet = |reference| {
        let triplet = Triplet {
            date: Timestamp(1_672_653_600_000),
            reference: OperationReference::new(reference).expect("a reference"),
            service_poster: ServicePoster::new("ISSUER").expect("a poster"),
        };
        kept(Fingerprint::of_triplet(IssuerIndex(0), &triplet))
    };
    assert_eq!(correlation("k430027"), correlation("k525902"));
    assert_eq!(triplet("R185313"), triplet("R367231"));
    in_scene(
        "
        fee A1 1.00 MANUAL_FEE key=k430027 ref=R185313 at=2023-01-02T10:00:00Z -> posted op=1
        fee A1 2.00 MANUAL_FEE key=k525902 ref=R367231 at=2023-01-02T10:00:00Z -> posted op=2
        fee A1 1.00 MANUAL_FEE key=k430027 ref=R185313 at=2023-01-02T10:00:00Z -> replayed op=1
        fee A1 2.00 MANUAL_FEE key=k525902 ref=R367231 at=2023-01-02T10:00:00Z -> replayed op=2
        fee A1 2.00 MANUAL_FEE key=c1 ref=R367231 at=2023-01-02T10:00:00Z -> DUPLICATE_EXTERNAL_TRIPLET op=2 same_payload=true
        ",
    );
}

#[test]
fn the_command_that_brings_an_issuer_into_being_is_known_again() {
    in_scene(
        "
        issuer new Europe/Berlin key=n
        issuer new Europe/Berlin key=n -> replayed done
        issuer new Europe/London key=n -> IDEMPOTENCY_PAYLOAD_MISMATCH timeZone
        events                         -> 7
        ",
    );
}
