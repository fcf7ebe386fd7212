//! Annotations on disk: their bytes, pinned, where they stand, and how long they can be.
//!
//! Never update the pinned bytes, only add. A new annotation goes to the end.

use std::fmt::Write as _;

use expect_test::expect;
use ledger_core::annotations::{
    AcquisitionMaterial, Annotations, EntryMode, InterestNotes, SPECIFIC_FIELDS_MAX,
    TransactionNotes, ValidationMode,
};
use ledger_core::command::{
    AccountAction, AccountSelector, ConfigureIssuer, OpenAccount, PostBonus, PostDetail,
    PostOperation, PostTransaction, ReverseOperation, ScriptRule, Triplet,
};
use ledger_core::event::{Event, EventBody};
use ledger_core::iban::Iban;
use ledger_core::ids::{AccountIndex, AccountReference};
use ledger_core::labels::{TransactionLabel, TransactionLabels};
use ledger_core::rate::ExchangeRate;
use ledger_core::rejection::Rejection;
use ledger_core::text::{
    BonusProgramReference, Description, ExternalReference, GlCode, IssuerId, Label,
    OperationReference, ReasonCode, ServicePoster, SpecificFieldName, SpecificFieldValue,
};
use ledger_core::time::{BusinessDate, Moment, Timestamp};
use ledger_store::block::RECORD_BYTES_MAX;
use ledger_store::{BlockBuilder, ChainHash, codec};

use crate::commands::{configuration, eur, external, opening};
use crate::golden::{event, hex, label, pin, posted};

fn specific_fields() -> Annotations {
    let field = |name, value| {
        (
            SpecificFieldName::new(name).unwrap(),
            SpecificFieldValue::new(value).unwrap(),
        )
    };
    Annotations {
        specific_fields: [field("b", "2"), field("a", "")].into(),
        ..Annotations::default()
    }
}

fn of_interest(interest: InterestNotes) -> Annotations {
    Annotations {
        interest,
        ..Annotations::default()
    }
}

fn of_transaction(transaction: TransactionNotes) -> Annotations {
    Annotations {
        transaction,
        ..Annotations::default()
    }
}

/// One of each, in the order of their tags.
fn each() -> Vec<Annotations> {
    let none = Annotations::default;
    let interest = InterestNotes::default;
    let notes = TransactionNotes::default;
    vec![
        Annotations {
            origin: label("O"),
            ..none()
        },
        Annotations {
            username: label("U"),
            ..none()
        },
        specific_fields(),
        Annotations {
            print_on_statement: Some(false),
            ..none()
        },
        Annotations {
            correction: Some(true),
            ..none()
        },
        Annotations {
            destination_iban: Iban::new("NO9386011117947"),
            ..none()
        },
        Annotations {
            over_payment_account: Some(AccountSelector::External(external(4))),
            ..none()
        },
        of_interest(InterestNotes {
            start_date: Some(Moment::Day(BusinessDate(20_454))),
            ..interest()
        }),
        of_interest(InterestNotes {
            end_date: Some(Moment::Instant(Timestamp(70_000))),
            ..interest()
        }),
        of_interest(InterestNotes {
            condition: label("C"),
            ..interest()
        }),
        of_transaction(TransactionNotes {
            brand: label("B"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            card_scheme: label("S"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            card_type_code: label("T"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            card_acceptor_zip_code: label("Z"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            acquisition_material: Some(AcquisitionMaterial::Pos),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            entry_mode: Some(EntryMode::Magstripe),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            validation_mode: Some(ValidationMode::Unknown),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            exchange_rate: ExchangeRate::new("0.007087"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            reconciliation_amount: Some(eur(5509)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            point_of_sale_environment: label(" "),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            mail_phone_ecommerce_and_payment_indicator: label(""),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            operation_date: Some(Timestamp(2)),
            ..notes()
        }),
        Annotations {
            pan_reference: label("P"),
            ..none()
        },
        Annotations {
            reimbursement_reason: label("R"),
            ..none()
        },
        of_transaction(TransactionNotes {
            issuer_card_external_reference: label("E"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            cash_amount: Some(eur(1)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            poi_amount: Some(eur(2)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            gratuity_amount: Some(eur(3)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            surcharge_amount: Some(eur(4)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            exchange_rate_date: Some(Timestamp(5)),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            exchange_rate_source: label("X"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            terminal_id: label("T"),
            ..notes()
        }),
        of_transaction(TransactionNotes {
            scheme_transaction_identifier: label("I"),
            ..notes()
        }),
    ]
}

fn with(annotations: Annotations) -> Event {
    Event {
        annotations: annotations.carried(),
        ..event(posted(PostDetail::Unload))
    }
}

fn encoded(event: &Event) -> Vec<u8> {
    codec::encode(event, &mut Vec::new()).to_vec()
}

#[test]
fn the_bytes_of_every_annotation_are_what_they_were() {
    let plain = encoded(&event(posted(PostDetail::Unload)));
    let mut text = String::new();
    let mut all = Vec::new();
    for (tag, annotations) in each().into_iter().enumerate() {
        let event = with(annotations);
        let bytes = encoded(&event);
        let (before, behind) = bytes.split_at(plain.len());
        assert_eq!(before, plain, "the event stands before, as without");
        writeln!(text, "{tag}: {}", hex(behind)).unwrap();
        assert_eq!(codec::decode_event(&bytes).as_ref(), Some(&event));
        all.extend_from_slice(behind);
    }
    expect![[r#"
        0: 00014f
        1: 010155
        2: 020201610001620132
        3: 0300
        4: 0401
        5: 050f4e4f39333836303131313137393437
        6: 0601024134
        7: 0700fbcc9f
        8: 0801fce0220200
        9: 090143
        10: 0a0142
        11: 0b0153
        12: 0c0154
        13: 0d015a
        14: 0e01
        15: 0f03
        16: 1002
        17: 11fbaf1b06
        18: 12fb0a2bfbd203
        19: 130120
        20: 1400
        21: 1504
        22: 160150
        23: 170152
        24: 180145
        25: 1902fbd203
        26: 1a04fbd203
        27: 1b06fbd203
        28: 1c08fbd203
        29: 1d0a
        30: 1e0158
        31: 1f0154
        32: 200149
    "#]]
    .assert_eq(&text);

    // Together they stand in the order of their tags.
    let together = [plain, all].concat();
    let event = codec::decode_event(&together).unwrap();
    assert_eq!(encoded(&event), together);
    assert_eq!(event.annotations.unwrap().username, label("U"));
}

#[test]
fn the_bytes_of_the_codes_of_transactions_are_what_they_were() {
    let mut text = String::new();
    pin(
        &mut text,
        AcquisitionMaterial::CODES
            .iter()
            .map(|(_, code)| *code)
            .collect(),
    );
    pin(
        &mut text,
        EntryMode::CODES.iter().map(|(_, code)| *code).collect(),
    );
    pin(
        &mut text,
        ValidationMode::CODES
            .iter()
            .map(|(_, code)| *code)
            .collect(),
    );
    pin(
        &mut text,
        vec![
            AccountSelector::Reference(AccountReference::of(AccountIndex(7))),
            AccountSelector::External(external(4)),
        ],
    );
    expect![[r#"
        AcquisitionMaterial: Atm=00 Pos=01 VoicePhone=02 Manual=03 UnattendedTerminal=04 Mobile=05 Internet=06 Unknown=07
        EntryMode: Unknown=00 Ocr=01 Manual=02 Magstripe=03 Contactless=04 Chip=05 Barcode=06
        ValidationMode: Pin=00 Signature=01 Unknown=02
        AccountSelector: Reference=00fd0800e8890423c78a External=01024134
    "#]].assert_eq(&text);
}

#[test]
fn there_is_one_way_to_write_annotations() {
    let plain = encoded(&event(posted(PostDetail::Unload)));
    assert!(codec::decode_event(&plain).unwrap().annotations.is_none());
    for (what, behind) in [
        ("twice", &[1, 1, b'U', 1, 1, b'U'][..]),
        ("out of order", &[1, 1, b'U', 0, 1, b'O']),
        ("no fields", &[2, 0]),
        ("fields out of order", &[2, 2, 1, b'b', 0, 1, b'a', 0]),
        ("a field twice", &[2, 2, 1, b'a', 0, 1, b'a', 0]),
        ("a tag alone", &[3]),
        ("no truth value", &[3, 2]),
        ("a later one", &[33, 1]),
        ("a long tag", &[251, 1, 0, 1, b'U']),
    ] {
        let bytes = [&plain, behind].concat();
        assert_eq!(codec::decode_event(&bytes), None, "{what}");
        let mut builder = BlockBuilder::new(1, 42);
        builder.push(&bytes).unwrap();
        let block = builder.seal(ChainHash::EMPTY);
        assert!(codec::decode(&block, 1).is_err(), "{what}");
    }
}

/// Text as long as its kind allows.
macro_rules! longest {
    ($kind:ty) => {
        <$kind>::new(&"x".repeat(<$kind>::BYTES_MAX)).unwrap()
    };
}

fn longest_annotations() -> Annotations {
    let long = || Some(longest!(Label));
    let fields = (0..SPECIFIC_FIELDS_MAX).map(|n| {
        let name = format!("{n:0>width$}", width = SpecificFieldName::BYTES_MAX);
        let value = longest!(SpecificFieldValue);
        (SpecificFieldName::new(&name).unwrap(), value)
    });
    let at = Some(Moment::Instant(Timestamp(i64::MIN)));
    Annotations {
        origin: long(),
        username: long(),
        specific_fields: fields.collect(),
        print_on_statement: Some(true),
        correction: Some(true),
        destination_iban: Iban::new("MT84MALT011000012345MTLCAST001S"),
        over_payment_account: Some(AccountSelector::External(longest!(ExternalReference))),
        interest: InterestNotes {
            start_date: at,
            end_date: at,
            condition: long(),
        },
        transaction: TransactionNotes {
            brand: long(),
            card_scheme: long(),
            card_type_code: long(),
            card_acceptor_zip_code: long(),
            acquisition_material: Some(AcquisitionMaterial::Unknown),
            entry_mode: Some(EntryMode::Unknown),
            validation_mode: Some(ValidationMode::Unknown),
            exchange_rate: ExchangeRate::new("0.123456789012345678"),
            reconciliation_amount: Some(eur(i64::MAX)),
            point_of_sale_environment: long(),
            mail_phone_ecommerce_and_payment_indicator: long(),
            operation_date: Some(Timestamp(i64::MIN)),
            issuer_card_external_reference: long(),
            cash_amount: Some(eur(i64::MAX)),
            poi_amount: Some(eur(i64::MAX)),
            gratuity_amount: Some(eur(i64::MAX)),
            surcharge_amount: Some(eur(i64::MAX)),
            exchange_rate_date: Some(Timestamp(i64::MIN)),
            exchange_rate_source: long(),
            terminal_id: long(),
            scheme_transaction_identifier: long(),
        },
        pan_reference: long(),
        reimbursement_reason: long(),
    }
}

/// The longest there can be, and more: no command may have all annotations at once.
fn longest_bodies() -> Vec<EventBody> {
    let long = || Some(longest!(Label));
    let triplet = || Triplet {
        date: Timestamp(i64::MIN),
        reference: longest!(OperationReference),
        service_poster: longest!(ServicePoster),
    };
    let transaction = PostTransaction {
        operation_code: ledger_core::command::OperationCode::Load,
        transaction_amount: Some(eur(i64::MAX)),
        transaction_date: Some(Timestamp(i64::MIN)),
        labels: TransactionLabel::ALL
            .into_iter()
            .fold(TransactionLabels::new(), |labels, of| {
                labels.with(of, &longest!(Label))
            }),
    };
    let bonus = PostBonus {
        program: longest!(BonusProgramReference),
        points: None,
        rewarded_operation: None,
        rewarded_triplet: Some(triplet()),
    };
    let post = |detail| {
        AccountAction::Post(PostOperation {
            triplet: triplet(),
            reference_amount: Some(eur(i64::MIN)),
            value_date: Some(Moment::Instant(Timestamp(i64::MIN))),
            description: Some(longest!(Description)),
            external_code: long(),
            detail,
        })
    };
    let reverse = ReverseOperation {
        kind: ledger_core::command::OperationKind::Fee,
        triplet: triplet(),
        matching: triplet(),
        reference_amount: Some(eur(i64::MIN)),
        reversal_reason: Some(longest!(ReasonCode)),
        fee_type: None,
        description: Some(longest!(Description)),
        external_code: long(),
    };
    let rejected = |action| EventBody::OperationRejected {
        account: AccountIndex(u32::MAX),
        posting_date: Some(Timestamp(i64::MIN)),
        action: Box::new(action),
        rejection: Rejection::CurrencyMismatch {
            field: "f".repeat(256),
            expected: "EUR".to_owned(),
            given: "CZK".to_owned(),
        },
    };
    vec![
        rejected(post(PostDetail::Transaction(transaction))),
        rejected(post(PostDetail::Bonus(Box::new(bonus)))),
        rejected(AccountAction::Reverse(Box::new(reverse))),
    ]
}

#[test]
fn the_longest_command_with_annotations_fits_a_record() {
    for body in longest_bodies() {
        let length = encoded(&Event {
            annotations: longest_annotations().carried(),
            ..event(body)
        })
        .len();
        assert!(length <= RECORD_BYTES_MAX, "{length} bytes");
    }
    // Commands that are not on accounts may say who gave them and no more.
    let by = Annotations {
        specific_fields: std::collections::BTreeMap::new(),
        origin: Some(longest!(Label)),
        username: Some(longest!(Label)),
        ..Annotations::default()
    };
    let rule = ScriptRule {
        kind: ledger_core::command::OperationKind::Fee,
        detail: Some(longest!(ReasonCode)),
        contra: longest!(GlCode),
    };
    let configuration = ConfigureIssuer {
        accounting_script: vec![rule; 100],
        balance_adjustment_reasons: vec![longest!(ReasonCode); 100],
        ..configuration()
    };
    let opening = OpenAccount {
        bonus_programs: vec![longest!(BonusProgramReference); 100],
        ..opening(1)
    };
    for body in [
        EventBody::IssuerConfigured {
            issuer_id: longest!(IssuerId),
            configuration,
            business_date: BusinessDate(i32::MIN),
        },
        EventBody::AccountOpened {
            account: AccountIndex(u32::MAX),
            opening,
            currency: crate::commands::euro(),
            working_mode: ledger_core::command::WorkingMode::PayLater,
            credit_limit_minor: i64::MAX,
            parent: None,
        },
    ] {
        let length = encoded(&Event {
            annotations: by.clone().carried(),
            ..event(body)
        })
        .len();
        assert!(length <= RECORD_BYTES_MAX, "{length} bytes");
    }
}
