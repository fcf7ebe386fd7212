//! A head that was kept elsewhere tells the log it is of from every other.

use ledger_core::command::Request;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use ledger_store::kept_head::{Difference, HeadError, KeptHead};
use ledger_store::reader::Reader;
use ledger_store::tree::TreeHash;
use ledger_store::verify::{verify_after, verify_against};
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogHead, MemLog};

use crate::commands::{NOW, fee, fee_of, setup};

/// A log in which these were submitted one at a time, so that each has a block.
fn written(requests: impl IntoIterator<Item = Request>) -> (Writer, Reader) {
    let log = MemLog::new();
    let reader = Reader::new(Books::default(), log.reader());
    let state = LedgerState::default();
    let writer = Writer::start(Box::new(log), state, reader.clone(), || NOW);
    for request in requests {
        writer.submit(vec![request]).unwrap().wait().unwrap();
    }
    (writer, reader)
}

fn fees(count: u64) -> impl Iterator<Item = Request> {
    setup().into_iter().chain((1..=count).map(fee))
}

#[test]
fn a_head_is_of_its_log_for_as_long_as_it_grows() {
    let (writer, reader) = written([]);
    let mut heads = vec![KeptHead::take(&reader).unwrap()];
    assert_eq!(heads[0], KeptHead::of_nothing());
    for request in fees(20) {
        writer.submit(vec![request]).unwrap().wait().unwrap();
        heads.push(KeptHead::take(&reader).unwrap());
    }
    for (head, sequence) in heads.iter().zip(0..) {
        assert_eq!(head.log.last_seq, sequence);
        assert_eq!(verify_against(&reader, head).unwrap().records, 23);
        let after = verify_after(&reader, head).unwrap();
        assert_eq!(after.records, 23 - sequence);
        assert_eq!(after.chain, heads[23].log.chain);
    }
}

#[test]
fn a_head_that_differs_in_anything_is_refused() {
    let (_writer, reader) = written(fees(9));
    let head = KeptHead::take(&reader).unwrap();
    let earlier = KeptHead::take(&written(fees(4)).1).unwrap();
    assert!(verify_against(&reader, &earlier).is_ok());
    let table: [(KeptHead, Difference, bool); 6] = [
        (
            KeptHead {
                state: head.state,
                ..earlier
            },
            Difference::State,
            true,
        ),
        (
            KeptHead {
                tree_root: TreeHash::from_bytes([1; 32]),
                ..earlier
            },
            Difference::Tree,
            true,
        ),
        (
            KeptHead {
                recorded_at: None,
                ..earlier
            },
            Difference::RecordedAt,
            false,
        ),
        (
            KeptHead {
                log: LogHead {
                    chain: head.log.chain,
                    ..earlier.log
                },
                ..earlier
            },
            Difference::Chain,
            false,
        ),
        (
            KeptHead {
                state: earlier.state,
                ..KeptHead::of_nothing()
            },
            Difference::State,
            true,
        ),
        (
            KeptHead {
                recorded_at: head.recorded_at,
                ..KeptHead::of_nothing()
            },
            Difference::RecordedAt,
            false,
        ),
    ];
    for (changed, expected, only_whole) in table {
        let error = verify_against(&reader, &changed).unwrap_err();
        assert_eq!(error.code(), "LOG_NOT_OF_HEAD");
        assert!(
            matches!(error, HeadError::Differs { difference, .. } if difference == expected),
            "{error}"
        );
        // State and tree cannot be seen without what is before the head.
        assert_eq!(
            verify_after(&reader, &changed).is_ok(),
            only_whole,
            "{expected}"
        );
    }
}

/// Every checksum of it is right, and its chain; it is just not what happened.
#[test]
fn a_log_that_was_written_anew_is_not_the_one_of_the_head() {
    let (_writer, reader) = written(fees(9));
    let head = KeptHead::take(&reader).unwrap();
    let rewritten = setup().into_iter().chain((1..=20).map(|number| {
        // One of them is a cent less.
        fee_of(number, if number == 5 { 99 } else { 100 })
    }));
    let (_writer, other) = written(rewritten);
    ledger_store::verify::verify(&other).unwrap();
    for error in [
        verify_against(&other, &head).unwrap_err(),
        verify_after(&other, &head).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "the log is not the one of the head: another chain hash at record 12"
        );
    }
}

#[test]
fn a_log_that_lost_its_end_is_not_the_one_of_the_head() {
    let (_writer, reader) = written(fees(9));
    let head = KeptHead::take(&reader).unwrap();
    let (_writer, shorter) = written(fees(8));
    for error in [
        verify_against(&shorter, &head).unwrap_err(),
        verify_after(&shorter, &head).unwrap_err(),
    ] {
        assert_eq!(error.code(), "LOG_ENDS_BEFORE_HEAD");
        assert_eq!(
            error.to_string(),
            "the log ends with record 11, yet the head is of record 12"
        );
    }
}

/// The same records in other blocks have the same state and tree, but are another log.
#[test]
fn a_head_ends_where_a_block_does() {
    let (_writer, reader) = written(fees(9));
    let head = KeptHead::take(&reader).unwrap();
    let (writer, other) = written(setup());
    let all = (1..=12).map(fee).collect();
    writer.submit(all).unwrap().wait().unwrap();
    let error = verify_against(&other, &head).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log is not the one of the head: no block ends at record 12"
    );
    let error = verify_after(&other, &head).unwrap_err();
    assert!(error.to_string().contains("no block ends"), "{error}");
}

/// Readers are shown a part of a block at times; the head is then of the whole block.
#[test]
fn a_head_taken_in_the_midst_of_a_block_is_of_its_end() {
    let (writer, reader) = written(setup());
    writer
        .submit((1..=100).map(fee).collect())
        .unwrap()
        .wait()
        .unwrap();
    let whole = KeptHead::take(&reader).unwrap();
    for shown in [1, 3, 50, 103] {
        let mut books = Books::default();
        for record in reader.records().take(shown) {
            books.apply(&record.unwrap());
        }
        let log = reader_log(&reader);
        let early = Reader::new(books, log);
        let head = KeptHead::take(&early).unwrap();
        if shown > 3 {
            assert_eq!(head, whole);
        }
        verify_against(&reader, &head).unwrap();
        verify_against(&early, &head).unwrap();
        ledger_store::verify::verify(&early).unwrap();
    }
}

/// The blocks of a log, in a log of their own.
fn reader_log(reader: &Reader) -> std::sync::Arc<dyn ledger_store::LogReader> {
    let mut framer = ledger_store::Framer::continuing(ledger_store::ChainHash::EMPTY);
    let mut log = MemLog::new();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let (setup, fees) = records.split_at(3);
    for batch in setup.chunks(1).chain([fees]) {
        let mut blocks = Vec::new();
        framer.frame(batch, &mut blocks).unwrap();
        log.append(&blocks).unwrap();
    }
    log.reader()
}
