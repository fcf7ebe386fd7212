//! The checkpoint spares reading the log, and is never more than that.

use std::fs;
use std::path::Path;

use ledger_core::annotations::{Annotations, SPECIFIC_FIELDS_MAX};
use ledger_core::command::{
    AccountAction, AccountSelector, Command, OnAccount, OperationKind, PostOperation, Request,
    ReverseOperation,
};
use ledger_core::ids::AccountIndex;
use ledger_core::projection::books::Books;
use ledger_core::text::{ReasonCode, SpecificFieldName, SpecificFieldValue};
use ledger_core::time::{BusinessDate, Moment, Timestamp};
use ledger_store::checkpoint::CHECKPOINT;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogHead, LogOptions, StoreKind};
use tempfile::TempDir;

use crate::commands::{NOW, TODAY, external, fee, fee_operation, opening, request, setup, triplet};
use crate::records::Random;

/// Fees in a batch.
const BATCH: u64 = 100;

fn open(dir: &Path, store: StoreKind) -> Recovered {
    let options = LogOptions {
        store: Some(store),
        ..LogOptions::default()
    };
    recover_with(dir, options).unwrap()
}

/// Posts fees, numbered from `first` on, in so many batches.
fn post(writer: &Writer, first: u64, batches: u64) {
    if first == 0 {
        writer.submit(setup()).unwrap().wait().unwrap();
    }
    for batch in 0..batches {
        let first = first + batch * BATCH;
        let fees = (first..first + BATCH).map(fee).collect();
        writer.submit(fees).unwrap().wait().unwrap();
    }
}

/// A closed log of three sessions, with a time of its own for each batch.
fn three_sessions(store: StoreKind) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for session in 0..3 {
        let mut now = Timestamp(NOW.0 + i64::try_from(session).unwrap() * 1_000_000);
        let (writer, _) = open(dir.path(), store).start(move || {
            now.0 += 1_000;
            now
        });
        post(&writer, session * 3 * BATCH, 3);
        writer.close().unwrap();
    }
    dir
}

/// What the whole log adds up to, with the head.
fn from_the_log(dir: &Path, store: StoreKind) -> (Books, LogHead) {
    let bare = tempfile::tempdir().unwrap();
    copy(dir, bare.path());
    fs::remove_file(bare.path().join(CHECKPOINT)).unwrap();
    let recovered = open(bare.path(), store);
    assert_eq!(recovered.covered, LogHead::EMPTY);
    (recovered.books, recovered.log.head())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_closed_log_opens_from_its_checkpoint_alone() {
    for store in StoreKind::ALL {
        let dir = three_sessions(store);
        let (books, head) = from_the_log(dir.path(), store);
        // Opened and closed without a record in between, as every query does.
        for _ in 0..2 {
            let recovered = open(dir.path(), store);
            assert_eq!(recovered.covered, head, "{store}");
            assert!(recovered.books == books);
            assert_eq!(recovered.state.portfolio(), books.portfolio());
            recovered.start(|| NOW).0.close().unwrap();
        }
    }
}

/// Three bands of accounts, the middle one with few operations, in two chunks: operations of many amounts and
/// dates, recorded out of posting order too, reversals, and refusals.
#[test]
fn accounts_of_several_bands_are_restored_each_with_what_is_its_own() {
    const ACCOUNTS: u64 = 9_000;
    let store = StoreKind::Redb;
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(11);
    let mut fees = Vec::new();
    for number in 0..4_000 {
        let account = 1 + match random.below(100) {
            0 => 4_096 + random.below(4_096),
            1..50 => random.below(4_096),
            _ => 8_192 + random.below(ACCOUNTS - 8_192),
        };
        fees.push(fee_on(account, number, &mut random));
        // The second of them is refused, since all is reversed then.
        if number % 50 == 0 {
            fees.push(reversal_on(account, number, 100_000 + number));
            fees.push(reversal_on(account, number, 200_000 + number));
        }
    }
    let openings = (2..=ACCOUNTS).map(|n| request(2_000_000 + n, Command::OpenAccount(opening(n))));
    let mut requests = setup();
    requests.extend(openings);
    let (first, second) = fees.split_at(2_500);
    requests.extend_from_slice(first);
    for requests in [requests, second.to_vec()] {
        let (writer, _) = open(dir.path(), store).start(|| NOW);
        for requests in requests.chunks(5_000) {
            writer.submit(requests.to_vec()).unwrap().wait().unwrap();
        }
        writer.close().unwrap();
    }
    let (books, head) = from_the_log(dir.path(), store);
    let refused = |account| books.refused(AccountIndex(account)).len();
    assert!((5_000..9_000).map(refused).sum::<usize>() > 0);
    let recovered = open(dir.path(), store);
    assert_eq!(recovered.covered, head);
    assert!(recovered.books == books);
    assert_eq!(recovered.state.portfolio(), books.portfolio());
    let (writer, reader) = recovered.start(|| NOW);
    // Nothing is posted again, neither under its own correlation id nor under another.
    writer.submit(fees.clone()).unwrap().wait().unwrap();
    for (number, fee) in (300_000..).zip(&mut fees) {
        fee.correlation = request(number, fee.command.clone()).correlation;
    }
    writer.submit(fees).unwrap().wait().unwrap();
    let length = |books: &Books| {
        (0..9_000)
            .map(|n| books.history(AccountIndex(n)).len())
            .sum()
    };
    let before: usize = length(&books);
    assert_eq!(before, 4_080);
    assert_eq!(length(&reader.books()), before);
    writer.close().unwrap();
}

/// What no statement shows is kept whole until then, with all that it carries along.
#[test]
fn a_chunk_is_written_before_what_is_pending_takes_much_memory() {
    const SUBMISSION: u64 = 1_000;
    let field = |number: usize| {
        let name = SpecificFieldName::new(&format!("field {number}")).unwrap();
        (name, SpecificFieldValue::new(&"v".repeat(256)).unwrap())
    };
    let annotations = Some(Box::new(Annotations {
        specific_fields: (0..SPECIFIC_FIELDS_MAX).map(field).collect(),
        print_on_statement: Some(false),
        ..Annotations::default()
    }));
    let long = |number| Request {
        annotations: annotations.clone(),
        ..fee(number)
    };
    for store in StoreKind::ALL {
        let dir = tempfile::tempdir().unwrap();
        let (writer, _) = open(dir.path(), store).start(|| NOW);
        writer.submit(setup()).unwrap().wait().unwrap();
        let mut posted = 0;
        while fs::metadata(dir.path().join(CHECKPOINT)).unwrap().len() == 0 {
            let fees = (posted..posted + SUBMISSION).map(long).collect();
            let answers = writer.submit(fees).unwrap().wait().unwrap();
            assert!(answers.iter().all(|answer| answer.outcome.is_ok()));
            posted += SUBMISSION;
            assert!(posted < 10 * SUBMISSION, "{posted} fees and no chunk");
        }
        writer.close().unwrap();
        let (books, head) = from_the_log(dir.path(), store);
        let recovered = open(dir.path(), store);
        assert_eq!(recovered.covered, head, "{store}");
        assert!(recovered.books == books);
        assert_eq!(books.history(AccountIndex(0)).len() as u64, posted);
    }
}

fn fee_on(account: u64, number: u64, random: &mut Random) -> Request {
    let minor = 1 + i64::try_from(random.below(70_000)).unwrap();
    let earlier = i64::try_from(random.below(1_000_000)).unwrap();
    let days_ago = i32::try_from(random.below(20)).unwrap();
    let value_date = Moment::Day(BusinessDate(TODAY.0 - days_ago));
    let on = OnAccount {
        account: AccountSelector::External(external(account)),
        posting_date: Some(Timestamp(NOW.0 - earlier)),
        action: AccountAction::Post(PostOperation {
            value_date: Some(value_date),
            ..fee_operation(number, minor)
        }),
    };
    request(number, Command::OnAccount(on))
}

fn reversal_on(account: u64, of: u64, number: u64) -> Request {
    let reversal = ReverseOperation {
        kind: OperationKind::Fee,
        triplet: triplet(number),
        matching: triplet(of),
        reference_amount: None,
        reversal_reason: Some(ReasonCode::new("REVERSAL_ON_DEMAND").unwrap()),
        fee_type: None,
        description: None,
        external_code: None,
    };
    let on = OnAccount {
        account: AccountSelector::External(external(account)),
        posting_date: None,
        action: AccountAction::Reverse(Box::new(reversal)),
    };
    request(number, Command::OnAccount(on))
}

#[test]
fn a_checkpoint_goes_on_where_a_lost_part_was_read_from_the_log() {
    for store in StoreKind::ALL {
        let dir = three_sessions(store);
        let (books, head) = from_the_log(dir.path(), store);
        let path = dir.path().join(CHECKPOINT);
        let bytes = fs::read(&path).unwrap();
        // The last chunk is cut, as by a power cut; then the whole is read and closed.
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let recovered = open(dir.path(), store);
        assert!(recovered.covered.last_seq > 0 && recovered.covered.last_seq < head.last_seq);
        assert!(recovered.books == books);
        recovered.start(|| NOW).0.close().unwrap();
        assert_eq!(open(dir.path(), store).covered, head, "{store}");
    }
}

#[test]
fn a_wrong_checkpoint_costs_time_and_nothing_else() {
    let store = StoreKind::Redb;
    let dir = three_sessions(store);
    let (books, head) = from_the_log(dir.path(), store);
    let path = dir.path().join(CHECKPOINT);
    let bytes = fs::read(&path).unwrap();
    let mut random = Random::new(7);
    let mut believed = 0;
    for case in 0..300 {
        let mut damaged = bytes.clone();
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        match case % 3 {
            0 => damaged[at] ^= 1 << random.below(8),
            1 => damaged.truncate(at),
            _ => damaged[at..].fill(0),
        }
        fs::write(&path, damaged).unwrap();
        let recovered = open(dir.path(), store);
        assert!(recovered.books == books, "case {case} at {at}");
        assert_eq!(recovered.state.portfolio(), books.portfolio());
        assert_eq!(recovered.log.head(), head);
        believed += u32::from(recovered.covered == head);
    }
    // Most bytes of these chunks are padding.
    assert!(believed < 200, "{believed} of 300 were taken as they are");
}

/// The first chunk is made one of another version, sound otherwise.
#[test]
fn a_checkpoint_of_another_version_is_made_again() {
    let store = StoreKind::Redb;
    let dir = three_sessions(store);
    let (books, head) = from_the_log(dir.path(), store);
    let path = dir.path().join(CHECKPOINT);
    let bytes = fs::read(&path).unwrap();
    let version = u16::from_le_bytes([bytes[4], bytes[5]]);
    let with_version = |version: u16| {
        let mut bytes = bytes.clone();
        bytes[4..6].copy_from_slice(&version.to_le_bytes());
        let mut link = blake3::Hasher::new();
        link.update(&[0; 32]).update(&bytes[..72]);
        bytes[72..104].copy_from_slice(link.finalize().as_bytes());
        bytes
    };
    assert_eq!(
        with_version(version),
        bytes,
        "the link is made as it should be"
    );
    for other in [version - 1, version + 1] {
        fs::write(&path, with_version(other)).unwrap();
        let recovered = open(dir.path(), store);
        assert_eq!(recovered.covered, LogHead::EMPTY, "version {other}");
        assert!(recovered.books == books);
        recovered.start(|| NOW).0.close().unwrap();
        assert_eq!(open(dir.path(), store).covered, head);
    }
}

#[test]
fn the_checkpoint_of_another_log_is_not_believed() {
    for store in StoreKind::ALL {
        let dir = three_sessions(store);
        let other = tempfile::tempdir().unwrap();
        let (writer, _) = open(other.path(), store).start(|| NOW);
        // The same number of records, but others.
        post(&writer, 0, 2);
        post(&writer, 10_000, 7);
        writer.close().unwrap();
        let (books, head) = from_the_log(dir.path(), store);
        fs::copy(other.path().join(CHECKPOINT), dir.path().join(CHECKPOINT)).unwrap();
        let recovered = open(dir.path(), store);
        assert_eq!(recovered.covered, LogHead::EMPTY, "{store}");
        assert!(recovered.books == books);
        assert_eq!(recovered.log.head(), head);
    }
}

/// It was written of durable records, so it is what is left of them.
#[test]
fn a_checkpoint_beyond_the_log_is_refused_until_it_is_deleted() {
    for store in StoreKind::ALL {
        let dir = three_sessions(store);
        let (books, head) = from_the_log(dir.path(), store);
        let earlier = tempfile::tempdir().unwrap();
        copy(dir.path(), earlier.path());
        let (writer, _) = open(dir.path(), store).start(|| NOW);
        post(&writer, 9 * BATCH, 1);
        writer.close().unwrap();
        // All but the checkpoint is of an earlier moment, and sound.
        let path = earlier.path().join(CHECKPOINT);
        fs::copy(dir.path().join(CHECKPOINT), &path).unwrap();
        let options = LogOptions {
            store: Some(store),
            ..LogOptions::default()
        };
        let checkpoint = fs::read(&path).unwrap();
        for _ in 0..2 {
            let error = recover_with(earlier.path(), options).unwrap_err();
            assert_eq!(error.code(), "STORE_DAMAGED");
            let last_seq = head.last_seq;
            let named = format!(
                "CHECKPOINT was written when the log had {} records, yet the log ends with record \
                 {last_seq}: restore a copy, or delete CHECKPOINT to go on without what is lost",
                last_seq + BATCH
            );
            assert_eq!(error.to_string(), named, "{store}");
            assert!(fs::read(&path).unwrap() == checkpoint, "{store}");
        }
        fs::remove_file(&path).unwrap();
        let recovered = open(earlier.path(), store);
        assert_eq!(recovered.log.head(), head, "{store}");
        assert!(recovered.books == books);
    }
}
