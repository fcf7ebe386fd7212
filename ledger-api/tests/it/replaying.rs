//! A replay as a whole: nothing depends on how its input is cut, and nothing is left hanging when it
//! ends early.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ledger_api::Ledger;
use ledger_api::generate::{History, generate};
use ledger_api::replay::{LineResult, Outcome, ReplayError, Source, Summary, replay};
use ledger_core::time::Timestamp;

/// 2 January 2026, after everything that the generator posts.
const NOW: Timestamp = Timestamp(1_767_312_000_000);

/// Lines of [`history`] that are wrong.
const WRONG_LINES: usize = 132;

/// A history of several chunks, with blank lines and lines that are wrong.
fn history() -> Vec<u8> {
    let history = History {
        accounts: 50,
        operations: 4_000,
        seed: 5,
    };
    let mut made = Vec::new();
    generate(history, &mut made).expect("memory takes it");
    let mut input = b"\xef\xbb\xbf".to_vec();
    for (place, line) in made.split_inclusive(|byte| *byte == b'\n').enumerate() {
        input.extend_from_slice(line);
        match place % 100 {
            13 => input.extend_from_slice(b"\n"),
            50 => input.extend_from_slice(b" {\"issuerId\":\r\n"),
            70 => input.extend_from_slice(b"\xff{}\n"),
            // Only the first line of an input may begin so.
            90 => input.extend_from_slice(b"\xef\xbb\xbf{}\n"),
            _ => {}
        }
    }
    assert!(input.len() > 1_500_000, "several chunks");
    input.truncate(input.len() - 1);
    input
}

/// Gives so many bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

fn replayed(input: impl Read, source: Source) -> (Vec<LineResult>, Vec<u64>, Summary) {
    let ledger = Ledger::in_memory(|| NOW);
    let (mut results, mut bytes) = (Vec::new(), Vec::new());
    let summary = replay(&ledger, input, source, |told, until| {
        results.extend_from_slice(told);
        bytes.push(until);
        Ok(())
    });
    (results, bytes, summary.expect("it runs to its end"))
}

#[test]
fn however_an_input_is_cut_the_outcomes_are_the_same() {
    let input = history();
    let (results, bytes, summary) = replayed(&*input, Source::File);
    assert!(bytes.len() > 2, "{bytes:?}");
    assert!(bytes.is_sorted());
    assert_eq!(bytes.last().copied(), u64::try_from(input.len()).ok());

    // Every line that is not blank, in order, under its number.
    let lines = input.split(|byte| *byte == b'\n').zip(1..);
    let numbers: Vec<u64> = lines
        .filter(|(line, _)| !line.trim_ascii().is_empty())
        .map(|(_, number)| number)
        .collect();
    let told: Vec<u64> = results.iter().map(|result| result.line).collect();
    assert_eq!(told, numbers);
    let count = |outcome| results.iter().filter(|r| r.outcome == outcome).count();
    assert_eq!(count(Outcome::Malformed), WRONG_LINES);
    assert_eq!(summary.malformed, WRONG_LINES as u64);
    assert_eq!(summary.lines, results.len() as u64);
    assert!(count(Outcome::Applied) > 3_000);
    assert_eq!(results[0].outcome, Outcome::Applied, "behind its mark");

    for (piece, source) in [
        (700, Source::Stream),
        (64 * 1024, Source::Stream),
        (usize::MAX, Source::Stream),
        (100_000, Source::File),
    ] {
        let (again, bytes, _) = replayed(Pieces(&input, piece), source);
        assert!(again == results, "{piece} bytes at a time");
        assert_eq!(bytes.last().copied(), u64::try_from(input.len()).ok());
    }
}

#[test]
fn a_replay_ends_with_what_stopped_it() {
    let input = history();
    let lines = |input: &[u8]| input.split(|byte| *byte == b'\n').count() as u64;

    let ledger = Ledger::in_memory(|| NOW);
    let mut told = 0;
    let stopped = replay(&ledger, &*input, Source::File, |results, _| {
        told += results.len();
        Err(io::ErrorKind::BrokenPipe.into())
    });
    assert!(matches!(stopped, Err(ReplayError::Results(_))));
    assert!((told as u64) < lines(&input));
    // What was on its way is carried out; the rest follows when it is sent again.
    let summary = replay(&ledger, &*input, Source::File, |_, _| Ok(())).expect("it runs");
    assert!(summary.skipped_duplicate >= told as u64 - 50);
    assert_eq!(summary.conflict, 0);

    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::TimedOut.into())
        }
    }
    for source in [Source::File, Source::Stream] {
        let ledger = Ledger::in_memory(|| NOW);
        let stopped = replay(&ledger, input.chain(Failing), source, |_, _| Ok(()));
        assert!(matches!(stopped, Err(ReplayError::Input(_))));
        ledger.close().expect("the ledger is as it was");
    }
}

#[test]
fn a_ledger_that_stops_ends_the_replay() {
    let mut readings = 0;
    let ledger = Ledger::in_memory(move || {
        readings += 1;
        assert!(
            readings <= 2,
            "the clock of this test stops here, as it should"
        );
        NOW
    });
    let input = history();
    let stopped = replay(&ledger, Pieces(&input, 50_000), Source::Stream, |_, _| {
        Ok(())
    });
    assert!(
        matches!(stopped, Err(ReplayError::Ledger(_))),
        "{stopped:?}"
    );
}

/// Threads that wait for each other would make this test wait for ever.
#[test]
fn a_panic_in_who_is_told_comes_through() {
    let input = history();
    let ledger = Ledger::in_memory(|| NOW);
    let told = AssertUnwindSafe(|| {
        replay(&ledger, &*input, Source::File, |_, _| {
            panic!("this test panics here, as it should")
        })
    });
    assert!(catch_unwind(told).is_err());
    ledger.close().expect("the ledger is as it was");
}
