//! The bytes of every event, pinned.
//!
//! Never update these, only add. A line that changes is a change of the disk format: logs written
//! before it would be read as something else or not at all. A new variant goes to the end of its
//! enum and to the end of its list here; until it does, the test of its list fails.

use std::fmt::{Debug, Write as _};

use bincode::config::standard;
use bincode::error::{AllowedEnumVariants, DecodeError};
use bincode::{BorrowDecode, Encode};
use expect_test::{Expect, expect};
use ledger_core::authorization::{
    DecidedAuthorization, DeclineReason, RecordAuthorization, Reserve, ReserveStatus, ResultType,
    TransactionSubType, TransactionType,
};
use ledger_core::command::{
    AccountAction, AdjustmentReason, AdvanceBusinessDate, CancelOfflineReservation,
    CreateOfflineReservation, DefineBonusProgram, InterestType, LoyaltyPoints, OperationCode,
    OperationKind, PayingAccountType, PostBonus, PostDetail, PostFee, PostOperation, PostPayment,
    PostTransaction, ReimbursementType, ReversalValueDating, ReverseOperation, ScriptRule,
    SetCreditLimit, WorkingMode,
};
use ledger_core::event::{ContraKey, Decided, Event, EventBody};
use ledger_core::ids::{
    AccountIndex, AccountReference, CommodityIndex, CorrelationId, IssuerIndex, OperationId, Seq,
};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::money::{Quantity, Unit};
use ledger_core::rejection::{Rejection, Sign};
use ledger_core::text::{
    BonusProgramReference, Description, FeeType, GlCode, IssuerId, Label, LoyaltyUnit, ReasonCode,
    ReservationReference,
};
use ledger_core::time::{BusinessDate, Moment, TimeZone, Timestamp};
use ledger_store::{Block, BlockBuilder, ChainHash, codec};

use crate::commands::{
    authorization, clearing, configuration, eur, euro, external, fee_operation, opening, product,
    triplet,
};

const ACCOUNT: AccountIndex = AccountIndex(7);

pub(crate) fn event(body: EventBody) -> Event {
    Event {
        issuer: IssuerIndex(3),
        correlation: CorrelationId(*b"0123456789abcdef"),
        body,
        annotations: None,
    }
}

pub(crate) fn label(text: &str) -> Option<Label> {
    Some(Label::new(text).unwrap())
}

fn reason(text: &str) -> ReasonCode {
    ReasonCode::new(text).unwrap()
}

fn program() -> BonusProgramReference {
    BonusProgramReference::new("P").unwrap()
}

fn unit() -> LoyaltyUnit {
    LoyaltyUnit::new("PT").unwrap()
}

fn decided(unit: Unit) -> Decided {
    Decided {
        account: ACCOUNT,
        posting_date: Some(Timestamp(1_000)),
        value_date: BusinessDate(20_454),
        quantity: Quantity { value: -300, unit },
        pending: true,
        script: 1,
    }
}

fn reverse() -> ReverseOperation {
    ReverseOperation {
        kind: OperationKind::Fee,
        triplet: triplet(2),
        matching: triplet(1),
        reference_amount: Some(eur(-50)),
        reversal_reason: Some(reason("REVERSAL_ON_DEMAND")),
        fee_type: Some(FeeType::new("ANNUAL").unwrap()),
        description: Some(Description::new("back").unwrap()),
        external_code: label("X"),
    }
}

fn post(detail: PostDetail) -> PostOperation {
    PostOperation {
        detail,
        ..fee_operation(1, 250)
    }
}

pub(crate) fn posted(detail: PostDetail) -> EventBody {
    EventBody::OperationPosted {
        decided: decided(Unit::Money),
        operation: post(detail),
    }
}

fn rejected(action: AccountAction, rejection: Rejection) -> EventBody {
    EventBody::OperationRejected {
        account: ACCOUNT,
        posting_date: Some(Timestamp(-1)),
        action: Box::new(action),
        rejection,
    }
}

fn authorization_decided() -> DecidedAuthorization {
    DecidedAuthorization {
        account: ACCOUNT,
        posting_date: Some(Timestamp(1_000)),
        result_type: ResultType::Approval,
        reason: None,
        reserve: Reserve {
            billing_minor: -300,
            minor: 300,
            expiry: BusinessDate(20_461),
            status: ReserveStatus::Active,
        },
        open_to_buy_minor: Some(-70_000),
    }
}

/// All labels of a transaction.
fn labels() -> TransactionLabels {
    [
        (TransactionLabel::MerchantCategoryCode, "5411"),
        (TransactionLabel::CardAcceptorName, "Shop"),
        (TransactionLabel::CardAcceptorCity, "Brno"),
        (TransactionLabel::CardAcceptorCountry, "CZ"),
        (TransactionLabel::CardAcceptorIdCode, "id"),
        (TransactionLabel::ApprovalCode, "ap"),
        (TransactionLabel::AcquirerReferenceData, "ar"),
        (TransactionLabel::CardReference, "cr"),
        (TransactionLabel::MaskedPan, "454617******1630"),
    ]
    .into_iter()
    .fold(TransactionLabels::new(), |labels, (of, text)| {
        labels.with(of, &Label::new(text).unwrap())
    })
}

/// A message with everything.
fn message() -> RecordAuthorization {
    RecordAuthorization {
        financial_type: label("Purchase"),
        transaction_amount: Some(eur(2)),
        result_type: Some(ResultType::Other),
        result_code: label("05"),
        approval_code: label("ap"),
        reserve_expiry_date: Some(BusinessDate(20_461)),
        merchant_category_code: label("5411"),
        card_acceptor_name: label("Shop"),
        card_acceptor_city: label("Brno"),
        card_acceptor_country: label("CZ"),
        card_acceptor_id_code: label("id"),
        card_reference: label("cr"),
        masked_pan: label("454617******1630"),
        ..authorization(1, 300)
    }
}

fn reservation() -> ReservationReference {
    ReservationReference::new("R1").unwrap()
}

fn bodies() -> Vec<EventBody> {
    vec![
        EventBody::IssuerConfigured {
            issuer_id: IssuerId::new("BANK").unwrap(),
            configuration: configuration(),
            business_date: BusinessDate(-2),
        },
        EventBody::ProductDefined(product()),
        EventBody::BonusProgramDefined(DefineBonusProgram {
            reference: program(),
            monetary: true,
            loyalty_units: vec![unit()],
        }),
        EventBody::BusinessDateAdvanced(AdvanceBusinessDate {
            business_date: BusinessDate(20_455),
        }),
        EventBody::AccountOpened {
            account: ACCOUNT,
            opening: opening(1),
            currency: euro(),
            working_mode: WorkingMode::PayLater,
            credit_limit_minor: 100_000,
            parent: Some(AccountIndex(6)),
        },
        EventBody::CreditLimitSet {
            account: ACCOUNT,
            posting_date: Some(Timestamp(1_000)),
            change: SetCreditLimit {
                credit_limit: eur(5_000_000_000),
            },
        },
        EventBody::AccountClosed {
            account: ACCOUNT,
            posting_date: None,
        },
        posted(PostDetail::Unload),
        EventBody::OperationReversed {
            decided: decided(Unit::Money),
            original: OperationId::of(Seq(9)),
            contra: ContraKey {
                kind: OperationKind::Fee,
                detail: Some(reason("ANNUAL")),
            },
            cancels_pending: true,
            partial: false,
            reversal: Box::new(reverse()),
        },
        rejected(AccountAction::Close, Rejection::AccountClosed),
        EventBody::AuthorizationRecorded {
            decided: Box::new(authorization_decided()),
            message: Box::new(message()),
        },
        EventBody::OperationCleared {
            decided: decided(Unit::Money),
            released_minor: 250,
            operation: Box::new(clearing(1, 250)),
        },
        EventBody::OfflineReservationCreated {
            account: ACCOUNT,
            posting_date: Some(Timestamp(1_000)),
            reservation: CreateOfflineReservation {
                reference: reservation(),
                amount: eur(250),
            },
        },
        EventBody::OfflineReservationCancelled {
            account: ACCOUNT,
            posting_date: Some(Timestamp(1_000)),
            cancellation: CancelOfflineReservation {
                reference: reservation(),
            },
            released_minor: 250,
        },
    ]
}

fn details() -> Vec<PostDetail> {
    let payment = PostPayment {
        channel: Some(reason("DIRECT_DEBIT")),
        reason: label("rent"),
        sepa: Some(true),
    };
    vec![
        PostDetail::Fee(PostFee {
            fee_type: FeeType::new("ANNUAL").unwrap(),
            sub_fee_type: label("S"),
            frequency: label("F"),
            adjustment: true,
            adjustment_reason: Some(AdjustmentReason::DisputeResult),
        }),
        PostDetail::Bonus(Box::new(PostBonus {
            program: program(),
            points: Some(LoyaltyPoints {
                unit: unit(),
                value: -12,
            }),
            rewarded_operation: Some(OperationId::of(Seq(5))),
            rewarded_triplet: Some(triplet(5)),
        })),
        PostDetail::Interest(InterestType::Debit),
        PostDetail::Payment(payment.clone()),
        PostDetail::BalanceAdjustment {
            reason: reason("GOODWILL"),
        },
        PostDetail::Reimbursement(ReimbursementType::Partial),
        PostDetail::Load(payment),
        PostDetail::Unload,
        PostDetail::Transaction(PostTransaction {
            operation_code: OperationCode::NormalPurchase,
            transaction_amount: Some(eur(1)),
            transaction_date: Some(Timestamp(2)),
            labels: labels(),
        }),
        PostDetail::ResetBalance,
        clearing(1, 250).detail,
    ]
}

fn actions() -> Vec<AccountAction> {
    vec![
        AccountAction::SetCreditLimit(SetCreditLimit {
            credit_limit: eur(0),
        }),
        AccountAction::Close,
        AccountAction::Post(post(PostDetail::Unload)),
        AccountAction::Reverse(Box::new(reverse())),
        AccountAction::RecordAuthorization(Box::new(authorization(1, 300))),
        AccountAction::CreateOfflineReservation(CreateOfflineReservation {
            reference: reservation(),
            amount: eur(250),
        }),
        AccountAction::CancelOfflineReservation(CancelOfflineReservation {
            reference: reservation(),
        }),
    ]
}

fn rejections() -> Vec<Rejection> {
    let field = || "f".to_owned();
    let original = OperationId::of(Seq(9));
    let limit = BusinessDate(20_454);
    vec![
        Rejection::InvalidRequest {
            field: field(),
            problem: "p".to_owned(),
        },
        Rejection::CardNumberNotAllowed { field: field() },
        Rejection::CorrelationIdRequired,
        Rejection::InvalidCorrelationId,
        Rejection::IdempotencyPayloadMismatch { field: field() },
        Rejection::IssuerNotFound,
        Rejection::AccountNotFound { field: field() },
        Rejection::AccountClosed,
        Rejection::DuplicateExternalTriplet {
            existing: original,
            same_payload: true,
        },
        Rejection::ServicePosterReserved,
        Rejection::ExternalDateInFuture,
        Rejection::CurrencyMismatch {
            field: field(),
            expected: "EUR".to_owned(),
            given: "CZK".to_owned(),
        },
        Rejection::InvalidExponent {
            field: field(),
            currency: "EUR".to_owned(),
            expected: 2,
            given: -3,
        },
        Rejection::AmountZero { field: field() },
        Rejection::AmountOutOfRange { field: field() },
        Rejection::AmountSignInvalid {
            field: field(),
            expected: Sign::Negative,
        },
        Rejection::FeeTypeNotAllowed,
        Rejection::AdjustmentReasonRequired,
        Rejection::AdjustmentReasonNotAllowed,
        Rejection::ValueDateTooFar { limit },
        Rejection::ValueDateBeforeLimit { limit },
        Rejection::InvalidReversalReason,
        Rejection::OriginalOperationNotFound,
        Rejection::OriginalKindMismatch {
            kind: OperationKind::Payment,
            field: field(),
        },
        Rejection::ReversalNotReversible,
        Rejection::OperationAlreadyReversed { original },
        Rejection::ReversalExceedsRemaining {
            remaining_minor: 77,
        },
        Rejection::ReversalAmountNotAllowed,
        Rejection::BonusProgramNotFound,
        Rejection::BonusProgramNotAllowedForAccount,
        Rejection::MonetaryBonusNotAllowed,
        Rejection::BonusAmountChoice,
        Rejection::LoyaltyUnitNotAllowed,
        Rejection::RewardedReferenceChoice,
        Rejection::RewardedOperationNotFound,
        Rejection::InterestTypeInvalid,
        Rejection::InterestTypeSignMismatch,
        Rejection::WorkingModeMismatch { field: field() },
        Rejection::InsufficientOpenToBuy {
            available_minor: -5,
        },
        Rejection::ReimbursementExceedsAllowed {
            allowed_minor: 70_000,
        },
        Rejection::AmountForbiddenForFull,
        Rejection::ProductNotFound,
        Rejection::AccountAlreadyExists,
        Rejection::HierarchyTooDeep { levels_max: 16 },
        Rejection::BusinessDateNotAdvancing { present: limit },
        Rejection::InvalidIban { field: field() },
        Rejection::BalanceAlreadyZero,
        Rejection::BusinessCaseNotFound { field: field() },
        Rejection::ReserveNotActive,
        Rejection::DuplicateTransactionId { same_payload: true },
        Rejection::DuplicateReservation {
            same_payload: false,
        },
        Rejection::ReservationNotFound,
        Rejection::ReservationNotActive,
        Rejection::InsufficientOwnFunds {
            available_minor: -5,
        },
    ]
}

/// The option fields that the events above leave empty, and the variants they leave out.
fn others() -> Vec<(&'static str, EventBody)> {
    let moment = |value_date| {
        let operation = PostOperation {
            value_date: Some(value_date),
            description: Some(Description::new("žluťoučký").unwrap()),
            external_code: label("X"),
            reference_amount: None,
            ..post(PostDetail::Unload)
        };
        let decided = decided(Unit::Points(CommodityIndex(4)));
        EventBody::OperationPosted { decided, operation }
    };
    let mut issuer = configuration();
    issuer.time_zone = TimeZone::from_name("Europe/Prague").unwrap();
    issuer.business_date = None;
    issuer.reversal_value_dating = ReversalValueDating::Original;
    issuer.accounting_script = vec![ScriptRule {
        kind: OperationKind::Transaction,
        detail: Some(reason("D")),
        contra: GlCode::new("4100").unwrap(),
    }];
    issuer.balance_adjustment_reasons = vec![reason("GOODWILL")];
    issuer.value_date_ahead_days_max = Some(10);
    issuer.value_date_back_days_max = Some(300);
    let mut child = opening(2);
    child.credit_limit = Some(eur(1));
    child.parent = Some(external(1));
    child.parent_reference = Some(AccountReference::of(ACCOUNT));
    child.bonus_programs = vec![program()];
    child.no_parent_notification = true;
    child.no_otb_check = true;
    let mut paid = opening(3);
    paid.paying = PayingAccountType::RootPays;
    let mut paid_unchecked = paid.clone();
    paid_unchecked.no_otb_check = true;
    let opened = |opening| EventBody::AccountOpened {
        account: ACCOUNT,
        opening,
        currency: euro(),
        working_mode: WorkingMode::PayLater,
        credit_limit_minor: 0,
        parent: Some(AccountIndex(6)),
    };
    vec![
        ("points, a day", moment(Moment::Day(BusinessDate(20_454)))),
        (
            "points, an instant",
            moment(Moment::Instant(Timestamp(1 << 40))),
        ),
        (
            "an issuer with everything",
            EventBody::IssuerConfigured {
                issuer_id: IssuerId::new("BANK").unwrap(),
                configuration: issuer,
                business_date: BusinessDate(20_454),
            },
        ),
        (
            "an account with everything",
            EventBody::AccountOpened {
                account: ACCOUNT,
                opening: child,
                currency: euro(),
                working_mode: WorkingMode::PayNow,
                credit_limit_minor: i64::MAX,
                parent: None,
            },
        ),
        ("an account that its root pays for", opened(paid)),
        ("the same, unchecked", opened(paid_unchecked)),
        (
            "an authorization that was declined",
            EventBody::AuthorizationRecorded {
                decided: Box::new(DecidedAuthorization {
                    posting_date: None,
                    result_type: ResultType::Decline,
                    reason: Some(DeclineReason::AccountClosed),
                    open_to_buy_minor: None,
                    ..authorization_decided()
                }),
                message: Box::new(RecordAuthorization {
                    transaction_type: TransactionType::ReserveExpiry,
                    sub_type: TransactionSubType::Request,
                    billing_amount: None,
                    result_type: None,
                    ..authorization(1, 300)
                }),
            },
        ),
    ]
}

/// The name of a variant, without its fields.
fn name(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Asserts that these are all variants of their enum, in the order of the disk format, by what the
/// codec itself takes for one.
fn all_variants<T>(values: Vec<T>) -> Vec<T>
where
    T: Encode + Debug + for<'de> BorrowDecode<'de, ()>,
{
    for (place, value) in values.iter().enumerate() {
        let bytes = bincode::encode_to_vec(value, standard()).unwrap();
        assert_eq!(
            usize::from(bytes[0]),
            place,
            "{} is out of order",
            name(value)
        );
    }
    let beyond = bincode::borrow_decode_from_slice::<T, _>(&[250], standard());
    let error = beyond.map(|(value, _)| value).unwrap_err();
    let DecodeError::UnexpectedVariant {
        allowed: AllowedEnumVariants::Range { min: 0, max },
        type_name,
        ..
    } = error
    else {
        panic!("the codec gave {error:?} for a variant there cannot be");
    };
    assert_eq!(
        usize::try_from(*max).unwrap() + 1,
        values.len(),
        "{type_name} has a variant that is not in its list"
    );
    values
}

/// Compares the events' bytes with the pinned ones, and reads them back through a sealed block.
fn check(events: Vec<(String, EventBody)>, pinned: Expect) {
    let mut text = String::new();
    let mut builder = BlockBuilder::new(1, 42);
    let mut buffer = Vec::new();
    for (name, body) in &events {
        let bytes = codec::encode(&event(body.clone()), &mut buffer).to_vec();
        writeln!(text, "{name}: {}", hex(&bytes)).unwrap();
        builder.push(&bytes).unwrap();
    }
    pinned.assert_eq(&text);

    let stored = builder.seal(ChainHash::EMPTY).bytes().to_vec();
    let block = Block::decode(stored, 1).unwrap();
    assert_eq!(codec::decode_all(&block).count(), events.len());
    for ((name, body), record) in events.into_iter().zip(codec::decode_all(&block)) {
        let record = record.unwrap();
        let expected = event(body);
        assert_eq!(record.event.body, expected.body, "{name}");
        assert_eq!(record.event.issuer, expected.issuer);
        assert_eq!(record.event.correlation, expected.correlation);
        assert_eq!(record.recorded_at, Timestamp(42));
    }
}

/// An event of every variant, of every kind of posting, of every action and rejection, as pinned.
pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let bodies = bodies()
        .into_iter()
        .chain(details().into_iter().map(posted))
        .chain(
            actions()
                .into_iter()
                .map(|action| rejected(action, Rejection::AccountClosed)),
        )
        .chain(
            rejections()
                .into_iter()
                .map(|why| rejected(AccountAction::Close, why)),
        );
    bodies
        .map(|body| codec::encode(&event(body), &mut Vec::new()).to_vec())
        .collect()
}

fn named<T: Debug>(values: Vec<T>, body: fn(T) -> EventBody) -> Vec<(String, EventBody)> {
    let with_name = |value| (name(&value), body(value));
    values.into_iter().map(with_name).collect()
}

#[test]
fn the_bytes_of_every_event_are_what_they_were() {
    let events = named(all_variants(bodies()), |body| body);
    check(
        events,
        expect![[r#"
        IssuerConfigured: 0330313233343536373839616263646566000442414e4b0355544301fbcc9f000000000003
        ProductDefined: 0330313233343536373839616263646566010443415244fbd203000106414e4e55414c01fc400d0300fbd203
        BonusProgramDefined: 03303132333435363738396162636465660201500101025054
        BusinessDateAdvanced: 033031323334353637383961626364656603fbce9f
        AccountOpened: 03303132333435363738396162636465660407010241310443415244000000000000fbd20300fc400d03000106
        CreditLimitSet: 0330313233343536373839616263646566050701fbd007fd00e40b5402000000fbd203
        AccountClosed: 0330313233343536373839616263646566060700
        OperationPosted: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000007
        OperationReversed: 0330313233343536373839616263646566080701fbd007fbcc9ffb5702000101fd0980c6a47e8d0300000106414e4e55414c010000fd0050b5ed3603000002723204434f5245fd0050b5ed3603000002723104434f52450163fbd2030112524556455253414c5f4f4e5f44454d414e440106414e4e55414c01046261636b010158
        OperationRejected: 0330313233343536373839616263646566090701010107
        AuthorizationRecorded: 03303132333435363738396162636465660a0701fbd0070000fb5702fb5802fbda9f0101fcdf22020002743102633100010108507572636861736501fb5802fbd2030104fbd203fd0050b5ed360300000104010230350102617001fbda9f010435343131010453686f70010442726e6f0102435a010269640102637201103435343631372a2a2a2a2a2a31363330
        OperationCleared: 03303132333435363738396162636465660b0701fbd007fbcc9ffb5702000101fbf401fd0050b5ed360300000272310343415301fbf401fbd2030000000a05000000000000000000000002633100
        OfflineReservationCreated: 03303132333435363738396162636465660c0701fbd007025231fbf401fbd203
        OfflineReservationCancelled: 03303132333435363738396162636465660d0701fbd007025231fbf401
    "#]],
    );
}

#[test]
fn the_bytes_of_every_kind_of_posting_are_what_they_were() {
    check(
        named(all_variants(details()), posted),
        expect![[r#"
        Fee: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd2030000000006414e4e55414c010153010146010103
        Bonus: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd203000000010150010250541701fd0580c6a47e8d030001fd0050b5ed3603000002723504434f5245
        Interest: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd2030000000201
        Payment: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000003010c4449524543545f4445424954010472656e740101
        BalanceAdjustment: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd2030000000408474f4f4457494c4c
        Reimbursement: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd2030000000501
        Load: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000006010c4449524543545f4445424954010472656e740101
        Unload: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000007
        Transaction: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000008050102fbd2030104010435343131010453686f70010442726e6f0102435a0102696401026170010261720102637201103435343631372a2a2a2a2a2a31363330
        ResetBalance: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd20300000009
        Clearing: 0330313233343536373839616263646566070701fbd007fbcc9ffb5702000101fd0050b5ed3603000002723104434f524501fbf401fbd2030000000a05000000000000000000000002633100
    "#]],
    );
}

#[test]
fn the_bytes_of_every_action_are_what_they_were() {
    let events = named(all_variants(actions()), |action| {
        rejected(action, Rejection::AccountClosed)
    });
    check(
        events,
        expect![[r#"
        SetCreditLimit: 0330313233343536373839616263646566090701010000fbd20307
        Close: 0330313233343536373839616263646566090701010107
        Post: 03303132333435363738396162636465660907010102fd0050b5ed3603000002723104434f524501fbf401fbd2030000000707
        Reverse: 0330313233343536373839616263646566090701010300fd0050b5ed3603000002723204434f5245fd0050b5ed3603000002723104434f52450163fbd2030112524556455253414c5f4f4e5f44454d414e440106414e4e55414c01046261636b01015807
        RecordAuthorization: 0330313233343536373839616263646566090701010402743102633100010001fb5802fbd20300fd0050b5ed3603000001000000000000000000000007
        CreateOfflineReservation: 03303132333435363738396162636465660907010105025231fbf401fbd20307
        CancelOfflineReservation: 0330313233343536373839616263646566090701010602523107
    "#]],
    );
}

#[test]
fn the_bytes_of_every_rejection_are_what_they_were() {
    let events = named(all_variants(rejections()), |rejection| {
        rejected(AccountAction::Close, rejection)
    });
    check(
        events,
        expect![[r#"
        InvalidRequest: 033031323334353637383961626364656609070101010001660170
        CardNumberNotAllowed: 03303132333435363738396162636465660907010101010166
        CorrelationIdRequired: 0330313233343536373839616263646566090701010102
        InvalidCorrelationId: 0330313233343536373839616263646566090701010103
        IdempotencyPayloadMismatch: 03303132333435363738396162636465660907010101040166
        IssuerNotFound: 0330313233343536373839616263646566090701010105
        AccountNotFound: 03303132333435363738396162636465660907010101060166
        AccountClosed: 0330313233343536373839616263646566090701010107
        DuplicateExternalTriplet: 0330313233343536373839616263646566090701010108fd0980c6a47e8d030001
        ServicePosterReserved: 0330313233343536373839616263646566090701010109
        ExternalDateInFuture: 033031323334353637383961626364656609070101010a
        CurrencyMismatch: 033031323334353637383961626364656609070101010b01660345555203435a4b
        InvalidExponent: 033031323334353637383961626364656609070101010c0166034555520205
        AmountZero: 033031323334353637383961626364656609070101010d0166
        AmountOutOfRange: 033031323334353637383961626364656609070101010e0166
        AmountSignInvalid: 033031323334353637383961626364656609070101010f016601
        FeeTypeNotAllowed: 0330313233343536373839616263646566090701010110
        AdjustmentReasonRequired: 0330313233343536373839616263646566090701010111
        AdjustmentReasonNotAllowed: 0330313233343536373839616263646566090701010112
        ValueDateTooFar: 0330313233343536373839616263646566090701010113fbcc9f
        ValueDateBeforeLimit: 0330313233343536373839616263646566090701010114fbcc9f
        InvalidReversalReason: 0330313233343536373839616263646566090701010115
        OriginalOperationNotFound: 0330313233343536373839616263646566090701010116
        OriginalKindMismatch: 0330313233343536373839616263646566090701010117030166
        ReversalNotReversible: 0330313233343536373839616263646566090701010118
        OperationAlreadyReversed: 0330313233343536373839616263646566090701010119fd0980c6a47e8d0300
        ReversalExceedsRemaining: 033031323334353637383961626364656609070101011a9a
        ReversalAmountNotAllowed: 033031323334353637383961626364656609070101011b
        BonusProgramNotFound: 033031323334353637383961626364656609070101011c
        BonusProgramNotAllowedForAccount: 033031323334353637383961626364656609070101011d
        MonetaryBonusNotAllowed: 033031323334353637383961626364656609070101011e
        BonusAmountChoice: 033031323334353637383961626364656609070101011f
        LoyaltyUnitNotAllowed: 0330313233343536373839616263646566090701010120
        RewardedReferenceChoice: 0330313233343536373839616263646566090701010121
        RewardedOperationNotFound: 0330313233343536373839616263646566090701010122
        InterestTypeInvalid: 0330313233343536373839616263646566090701010123
        InterestTypeSignMismatch: 0330313233343536373839616263646566090701010124
        WorkingModeMismatch: 03303132333435363738396162636465660907010101250166
        InsufficientOpenToBuy: 033031323334353637383961626364656609070101012609
        ReimbursementExceedsAllowed: 0330313233343536373839616263646566090701010127fce0220200
        AmountForbiddenForFull: 0330313233343536373839616263646566090701010128
        ProductNotFound: 0330313233343536373839616263646566090701010129
        AccountAlreadyExists: 033031323334353637383961626364656609070101012a
        HierarchyTooDeep: 033031323334353637383961626364656609070101012b10
        BusinessDateNotAdvancing: 033031323334353637383961626364656609070101012cfbcc9f
        InvalidIban: 033031323334353637383961626364656609070101012d0166
        BalanceAlreadyZero: 033031323334353637383961626364656609070101012e
        BusinessCaseNotFound: 033031323334353637383961626364656609070101012f0166
        ReserveNotActive: 0330313233343536373839616263646566090701010130
        DuplicateTransactionId: 033031323334353637383961626364656609070101013101
        DuplicateReservation: 033031323334353637383961626364656609070101013200
        ReservationNotFound: 0330313233343536373839616263646566090701010133
        ReservationNotActive: 0330313233343536373839616263646566090701010134
        InsufficientOwnFunds: 033031323334353637383961626364656609070101013509
    "#]],
    );
}

#[test]
fn the_bytes_of_every_optional_field_are_what_they_were() {
    let others = others().into_iter();
    let events = others.map(|(name, body)| (name.to_owned(), body)).collect();
    check(
        events,
        expect![[r#"
        points, a day: 0330313233343536373839616263646566070701fbd007fbcc9ffb570201040101fd0050b5ed3603000002723104434f5245000100fbcc9f010dc5be6c75c5a56f75c48d6bc3bd01015807
        points, an instant: 0330313233343536373839616263646566070701fbd007fbcc9ffb570201040101fd0050b5ed3603000002723104434f5245000101fd0000000000020000010dc5be6c75c5a56f75c48d6bc3bd01015807
        an issuer with everything: 0330313233343536373839616263646566000442414e4b0d4575726f70652f5072616775650001010801014404343130300108474f4f4457494c4c010a01fb2c01fbcc9f
        an account with everything: 033031323334353637383961626364656604070102413204434152440102fbd2030102413101fd0800e8890423c78a0101500101fbd20302fdfeffffffffffffff00
        an account that its root pays for: 03303132333435363738396162636465660407010241330443415244000000000002fbd20300000106
        the same, unchecked: 03303132333435363738396162636465660407010241330443415244000000000003fbd20300000106
        an authorization that was declined: 03303132333435363738396162636465660a0700010101fb5702fb5802fbda9f01000274310263310500000000fd0050b5ed360300000000000000000000000000
    "#]],
    );
}

#[test]
fn the_bytes_of_every_small_enum_are_what_they_were() {
    let mut text = String::new();
    pin(
        &mut text,
        vec![Unit::Money, Unit::Points(CommodityIndex(4))],
    );
    pin(
        &mut text,
        vec![
            Moment::Day(BusinessDate(-1)),
            Moment::Instant(Timestamp(70_000)),
        ],
    );
    pin(&mut text, OperationKind::ALL.to_vec());
    pin(
        &mut text,
        vec![
            WorkingMode::PayLater,
            WorkingMode::PayBefore,
            WorkingMode::PayNow,
        ],
    );
    pin(
        &mut text,
        vec![
            ReversalValueDating::BusinessDate,
            ReversalValueDating::Original,
        ],
    );
    pin(
        &mut text,
        vec![
            AdjustmentReason::ErrorDuringAcquisition,
            AdjustmentReason::InvalidOperation,
            AdjustmentReason::CommercialAdjustment,
            AdjustmentReason::DisputeResult,
            AdjustmentReason::ConfigurationReprocessing,
        ],
    );
    pin(&mut text, vec![InterestType::Credit, InterestType::Debit]);
    pin(
        &mut text,
        vec![
            ReimbursementType::Full,
            ReimbursementType::Partial,
            ReimbursementType::Max,
        ],
    );
    pin(
        &mut text,
        vec![
            OperationCode::CashAdvance,
            OperationCode::CashBack,
            OperationCode::CashWithdrawal,
            OperationCode::Credit,
            OperationCode::FundTransfer,
            OperationCode::NormalPurchase,
            OperationCode::RefundPurchase,
            OperationCode::Load,
        ],
    );
    pin(
        &mut text,
        vec![Sign::Positive, Sign::Negative, Sign::NotNegative],
    );
    pin(
        &mut text,
        TransactionType::CODES.map(|(_, value)| value).to_vec(),
    );
    pin(
        &mut text,
        TransactionSubType::CODES.map(|(_, value)| value).to_vec(),
    );
    pin(
        &mut text,
        ResultType::CODES.map(|(_, value)| value).to_vec(),
    );
    pin(
        &mut text,
        vec![
            DeclineReason::InsufficientOpenToBuy,
            DeclineReason::AccountClosed,
        ],
    );
    pin(
        &mut text,
        vec![
            ReserveStatus::None,
            ReserveStatus::Active,
            ReserveStatus::Expired,
            ReserveStatus::Cancelled,
        ],
    );
    expect![[r#"
        Unit: Money=00 Points=0104
        Moment: Day=0001 Instant=01fce0220200
        OperationKind: Fee=00 Bonus=01 Interest=02 Payment=03 BalanceAdjustment=04 Reimbursement=05 Load=06 Unload=07 Transaction=08 ResetBalance=09
        WorkingMode: PayLater=00 PayBefore=01 PayNow=02
        ReversalValueDating: BusinessDate=00 Original=01
        AdjustmentReason: ErrorDuringAcquisition=00 InvalidOperation=01 CommercialAdjustment=02 DisputeResult=03 ConfigurationReprocessing=04
        InterestType: Credit=00 Debit=01
        ReimbursementType: Full=00 Partial=01 Max=02
        OperationCode: CashAdvance=00 CashBack=01 CashWithdrawal=02 Credit=03 FundTransfer=04 NormalPurchase=05 RefundPurchase=06 Load=07
        Sign: Positive=00 Negative=01 NotNegative=02
        TransactionType: Authorization=00 Reversal=01 Confirmation=02 Rollback=03 ReserveUpdate=04 ReserveExpiry=05
        TransactionSubType: Request=00 Advice=01
        ResultType: Approval=00 Decline=01 Referral=02 PickUp=03 Other=04
        DeclineReason: InsufficientOpenToBuy=00 AccountClosed=01
        ReserveStatus: None=00 Active=01 Expired=02 Cancelled=03
    "#]].assert_eq(&text);
}

/// Writes a line for an enum, with its variants and their bytes.
pub(crate) fn pin<T>(text: &mut String, values: Vec<T>)
where
    T: Encode + Debug + for<'de> BorrowDecode<'de, ()>,
{
    let type_name = std::any::type_name::<T>();
    write!(text, "{}:", type_name.rsplit(':').next().unwrap()).unwrap();
    for value in all_variants(values) {
        let bytes = bincode::encode_to_vec(&value, standard()).unwrap();
        write!(text, " {}={}", name(&value), hex(&bytes)).unwrap();
    }
    text.push('\n');
}
