//! Records that are whole and yet wrong are named, and a whole log is verified.

use std::fs;
use std::path::Path;

use ledger_core::command::{AdvanceBusinessDate, SetCreditLimit, WorkingMode};
use ledger_core::event::{Decided, Event, EventBody};
use ledger_core::ids::{AccountIndex, CorrelationId, IssuerIndex};
use ledger_core::money::{Quantity, Unit};
use ledger_core::text::IssuerId;
use ledger_core::time::BusinessDate;
use ledger_store::checkpoint::CHECKPOINT;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover, recover_with};
use ledger_store::verify::{Verified, verify};
use ledger_store::{
    BlockBuilder, DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind, codec,
};
use tempfile::TempDir;

use crate::commands::{NOW, TODAY, configuration, eur, euro, fee_operation, opening, product};
use crate::records::in_one_epoch;

fn issuer() -> EventBody {
    EventBody::IssuerConfigured {
        issuer_id: IssuerId::new("BANK").unwrap(),
        configuration: configuration(),
        business_date: TODAY,
    }
}

fn account(index: u32) -> EventBody {
    EventBody::AccountOpened {
        account: AccountIndex(index),
        opening: opening(u64::from(index)),
        currency: euro(),
        working_mode: WorkingMode::PayLater,
        credit_limit_minor: 100_000,
        parent: None,
    }
}

fn fee(account: u32, number: u64) -> EventBody {
    EventBody::OperationPosted {
        decided: Decided {
            account: AccountIndex(account),
            posting_date: None,
            value_date: TODAY,
            quantity: Quantity {
                value: 100,
                unit: Unit::Money,
            },
            pending: false,
            script: 0,
        },
        operation: fee_operation(number, 100),
    }
}

fn advanced(days: i32) -> EventBody {
    EventBody::BusinessDateAdvanced(AdvanceBusinessDate {
        business_date: BusinessDate(TODAY.0 + days),
    })
}

fn limited(account: u32) -> EventBody {
    EventBody::CreditLimitSet {
        account: AccountIndex(account),
        posting_date: None,
        change: SetCreditLimit {
            credit_limit: eur(1),
        },
    }
}

/// An issuer, its product and its account: what a sound log begins with.
fn sound() -> Vec<EventBody> {
    vec![issuer(), EventBody::ProductDefined(product()), account(0)]
}

fn payloads(bodies: Vec<EventBody>) -> Vec<Vec<u8>> {
    let encode = |(number, body)| {
        let event = Event {
            issuer: IssuerIndex(0),
            correlation: CorrelationId(u128::to_be_bytes(number)),
            body,
            annotations: None,
        };
        codec::encode(&event, &mut Vec::new()).to_vec()
    };
    (0..).zip(bodies).map(encode).collect()
}

/// A sound log of 20,003 records.
fn long() -> Vec<Vec<u8>> {
    let mut bodies = sound();
    bodies.extend((0..20_000).map(|number| fee(0, number)));
    payloads(bodies)
}

/// Writes a log of these records, two to a block, or 200 where there are many, with every checksum right.
fn write(dir: &Path, store: StoreKind, payloads: &[Vec<u8>]) {
    let mut log = DiskLog::open(dir, in_one_epoch(store)).unwrap();
    let records = if payloads.len() < 100 { 2 } else { 200 };
    for payloads in payloads.chunks(records) {
        let head = log.head();
        let mut builder = BlockBuilder::new(head.last_seq + 1, NOW.0);
        for payload in payloads {
            builder.push(payload).unwrap();
        }
        log.append(&[builder.seal(head.chain)]).unwrap();
    }
    Box::new(log).close().unwrap();
}

/// What comes of opening such a log, in each store.
fn recovered(payloads: &[Vec<u8>]) -> [Result<u64, StoreError>; 2] {
    StoreKind::ALL.map(|store| {
        let dir = TempDir::new().unwrap();
        write(dir.path(), store, payloads);
        recover(dir.path()).map(|recovered| recovered.log.head().last_seq)
    })
}

#[test]
fn a_record_that_contradicts_those_before_it_is_named() {
    let cases = [
        ("an account opened out of order", account(5)),
        ("an account opened twice", account(0)),
        ("a business date that goes back", advanced(-1)),
        ("a business date that stands still", advanced(0)),
        ("a fee on an account that is not there", fee(9, 1)),
        ("a limit of an account that is not there", limited(9)),
        (
            "a refusal on an account that is not there",
            EventBody::AccountClosed {
                account: AccountIndex(9),
                posting_date: None,
            },
        ),
    ];
    for (case, wrong) in cases {
        let mut bodies = sound();
        bodies.extend([fee(0, 0), wrong, fee(0, 2)]);
        for outcome in recovered(&payloads(bodies)) {
            let error = outcome.expect_err(case);
            assert_eq!(error.code(), "STORE_DAMAGED", "{case}");
            let named = "record 5 contradicts the records before it";
            assert_eq!(error.to_string(), named, "{case}");
        }
    }
    let unknown_issuer = payloads(vec![EventBody::ProductDefined(product())]);
    for outcome in recovered(&unknown_issuer) {
        let error = outcome.unwrap_err().to_string();
        assert_eq!(error, "record 1 contradicts the records before it");
    }
}

/// Records are folded many at a time.
#[test]
fn of_records_that_are_wrong_the_first_is_named() {
    let sound = long();
    for outcome in recovered(&sound) {
        assert_eq!(outcome.unwrap(), 20_003);
    }
    let contradicting = |numbers: &[usize]| {
        let wrong = payloads(vec![fee(9, 0)]);
        let mut payloads = sound.clone();
        for number in numbers {
            payloads[number - 1].clone_from(&wrong[0]);
        }
        payloads
    };
    for numbers in [&[12_345][..], &[4, 5], &[8_000, 8_300, 19_000]] {
        let named = format!("record {} contradicts the records before it", numbers[0]);
        let mut payloads = contradicting(numbers);
        // Of the same many as the contradiction, or of later ones.
        payloads[numbers[0] + 1].clear();
        for outcome in recovered(&payloads) {
            assert_eq!(outcome.unwrap_err().to_string(), named);
        }
    }
    // What books it does not exist, which only readers look up.
    let EventBody::OperationPosted {
        mut decided,
        operation,
    } = fee(0, 0)
    else {
        unreachable!("a fee is posted")
    };
    decided.script = 7;
    let unbooked = payloads(vec![EventBody::OperationPosted { decided, operation }]);
    for others in [&[][..], &[17_000], &[16_999, 17_000]] {
        let mut payloads = contradicting(others);
        payloads[16_500 - 1].clone_from(&unbooked[0]);
        for outcome in recovered(&payloads) {
            let named = "record 16500 contradicts the records before it";
            assert_eq!(outcome.unwrap_err().to_string(), named);
        }
    }
    let mut payloads = contradicting(&[8_400]);
    payloads[8_399 - 1].clear();
    for outcome in recovered(&payloads) {
        let error = outcome.unwrap_err().to_string();
        assert!(error.starts_with("record 8399 is not an event"), "{error}");
    }
}

#[test]
fn what_says_where_a_log_ends_is_left_as_it_was_when_the_log_is_refused() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let mut bodies = sound();
        bodies.push(fee(9, 0));
        write(dir.path(), store, &payloads(bodies));
        let head = || fs::read(dir.path().join("HEAD")).unwrap();
        let before = head();
        recover(dir.path()).unwrap_err();
        assert!(head() == before, "{store}");
    }
}

/// As many as are folded three times, so that the checkpoint ends where each of the first two does.
#[test]
fn a_checkpoint_is_written_while_a_long_log_is_folded() {
    let sound = long();
    let options = LogOptions {
        checkpoint_records: 5_000,
        ..LogOptions::default()
    };
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        write(dir.path(), store, &sound);
        let checkpoint = dir.path().join(CHECKPOINT);
        let all = recover_with(dir.path(), options).unwrap();
        assert_eq!(all.covered, LogHead::EMPTY);
        let (books, head) = (all.books.clone(), all.log.head());
        drop(all);
        // The rest is written at closing.
        let again = recover(dir.path()).unwrap();
        assert_eq!(again.covered.last_seq, 2 * 8_200);
        assert!(again.books == books);
        drop(again);

        // It ends within a block, where one record is no event.
        let broken = TempDir::new().unwrap();
        let mut payloads = sound.clone();
        payloads[16_390 - 1].clear();
        write(broken.path(), store, &payloads);
        recover_with(broken.path(), options).unwrap_err();
        fs::copy(broken.path().join(CHECKPOINT), &checkpoint).unwrap();
        let mended = recover(dir.path()).unwrap();
        assert_eq!(mended.covered.last_seq, 8_200);
        assert_eq!(mended.log.head(), head);
        assert!(mended.books == books);
    }
}

#[test]
fn no_panic_text_of_a_contradiction_reaches_standard_error() {
    let name = "recovery::a_record_that_contradicts_those_before_it_is_named";
    crate::quiet::check(name);
}

#[test]
fn a_record_that_is_not_exactly_an_event_is_named() {
    let unknown_kind = |payload: &mut Vec<u8>| {
        // The kind stands after the issuer (one byte) and the correlation id (sixteen).
        payload[17] = 200;
    };
    type Spoil = fn(&mut Vec<u8>);
    let cases: [(&str, Spoil, &str); 4] = [
        (
            "another kind",
            unknown_kind,
            "record 4 is not an event of this version",
        ),
        (
            "cut short",
            |payload| payload.truncate(20),
            "record 4 is not an event",
        ),
        (
            "empty",
            Vec::clear,
            "record 4 is not an event of this version",
        ),
        (
            "trailing",
            |payload| payload.push(0),
            "record 4 is not an event of this version",
        ),
    ];
    for (case, spoil, named) in cases {
        let mut bodies = sound();
        bodies.extend([fee(0, 0), fee(0, 1)]);
        let mut payloads = payloads(bodies);
        spoil(&mut payloads[3]);
        for outcome in recovered(&payloads) {
            let error = outcome.expect_err(case);
            assert_eq!(error.code(), "STORE_DAMAGED", "{case}");
            assert!(error.to_string().starts_with(named), "{case}: {error}");
        }
    }
}

#[test]
fn a_hostile_length_is_named_without_asking_for_its_memory() {
    // A text of 2^63 bytes where the issuer's id should be.
    let mut payload = vec![0; 17];
    payload.extend([0, 253]);
    payload.extend((1_u64 << 63).to_le_bytes());
    for outcome in recovered(&[payload]) {
        let text = outcome.unwrap_err().to_string();
        assert!(
            text.starts_with("record 1 is not an event of this version"),
            "{text}"
        );
    }
}

#[test]
fn verifying_a_sound_log_counts_what_it_went_over() {
    StoreKind::ALL.into_iter().for_each(verify_a_sound_log);
}

fn verify_a_sound_log(store: StoreKind) {
    let dir = TempDir::new().unwrap();
    let mut bodies = sound();
    bodies.push(account(1));
    bodies.extend((0..7).map(|number| fee(u32::from(number % 2 == 0), number)));
    bodies.push(advanced(1));
    write(dir.path(), store, &payloads(bodies));
    let Recovered { log, books, .. } = recover(dir.path()).unwrap();
    let reader = Reader::new(books, log.reader());
    let expected = Verified {
        blocks: 6,
        records: 12,
        accounts: 2,
        chain: log.head().chain,
    };
    assert_eq!(verify(&reader).unwrap(), expected);
}

#[test]
fn verifying_compares_the_log_with_what_readers_see() {
    StoreKind::ALL.into_iter().for_each(verify_other_books);
}

fn verify_other_books(store: StoreKind) {
    let dir = TempDir::new().unwrap();
    write(dir.path(), store, &payloads(sound()));
    let Recovered { log, mut books, .. } = recover(dir.path()).unwrap();
    // Readers are shown an operation that is not in the log.
    let event = |body| Event {
        issuer: IssuerIndex(0),
        correlation: CorrelationId([0; 16]),
        body,
        annotations: None,
    };
    let other = TempDir::new().unwrap();
    let mut longer = sound();
    longer.push(fee(0, 0));
    write(other.path(), store, &payloads(longer));
    let ahead = recover(other.path()).unwrap().books;
    let reader = Reader::new(ahead, log.reader());
    let error = verify(&reader).unwrap_err().to_string();
    assert_eq!(error, "record 4 is not in the log any more");
    // Or another limit than the log has.
    let last = recover(other.path()).unwrap();
    let mut record = Reader::new(last.books, last.log.reader())
        .records()
        .nth(2)
        .unwrap()
        .unwrap();
    record.event = event(limited(0));
    books.apply(&record);
    let reader = Reader::new(books, log.reader());
    let error = verify(&reader).unwrap_err().to_string();
    assert_eq!(error, "the books differ from what the log adds up to");
}
