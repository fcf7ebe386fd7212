//! The writer under thousands of orders in which its threads and its clients can run.
//!
//! `cargo test -p ledger-store --features schedules --lib schedules`; `LEDGER_SCHEDULES` asks for more of them.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger_core::event::Record;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use shuttle::thread;

use super::*;
use crate::block::Block;
use crate::commands::{NOW, SETUP_RECORDS, fee, number, setup};
use crate::event_log::{LogHead, LogReader};
use crate::mem_log::MemLog;

/// A log that holds everyone up before each append, and fails once it made some.
struct SlowLog {
    log: MemLog,
    appended: Arc<AtomicU64>,
}

impl EventLog for SlowLog {
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        // Others may run for as long as the schedule likes.
        thread::yield_now();
        self.log.append(blocks)?;
        self.appended
            .store(self.log.head().last_seq, Ordering::SeqCst);
        thread::yield_now();
        Ok(())
    }

    fn head(&self) -> LogHead {
        self.log.head()
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.log.reader()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Box::new(self.log).close()
    }
}

/// What clients do.
#[derive(Clone, Copy)]
struct Scene {
    clients: u64,
    /// Submissions of each: the first is of one fee that all submit, the others of its own.
    submissions: u64,
    /// Requests of each submission.
    requests: u64,
    /// Successful appends until the log fails.
    appends: Option<u64>,
    /// Clients wait for room, instead of being refused.
    waits: bool,
}

impl Scene {
    /// Whether all requests have room in the queue at a time.
    fn fits(self) -> bool {
        self.clients * self.submissions * self.requests <= QUEUE_REQUESTS_MAX as u64
    }
}

const EVERYONE: Scene = Scene {
    clients: 3,
    submissions: 2,
    requests: 1,
    appends: None,
    waits: false,
};

#[test]
fn of_duplicates_one_is_applied_and_the_queue_has_room_for_all() {
    explore(Scene {
        submissions: 1,
        ..EVERYONE
    });
}

#[test]
fn a_full_queue_refuses() {
    explore(Scene {
        requests: 2,
        ..EVERYONE
    });
}

#[test]
fn a_full_queue_lets_wait() {
    explore(Scene {
        requests: 2,
        waits: true,
        ..EVERYONE
    });
}

#[test]
fn after_a_failed_append_everybody_is_told_and_nothing_is_accepted() {
    for appends in 1..=3 {
        for waits in [false, true] {
            explore(Scene {
                appends: Some(appends),
                requests: 2,
                waits,
                ..EVERYONE
            });
        }
    }
}

fn explore(scene: Scene) {
    let asked = env::var("LEDGER_SCHEDULES").ok();
    let schedules = asked.map_or(500, |number| number.parse().expect("a number"));
    shuttle::check_random(move || play(scene), schedules);
    // Few switches in the wrong places find what chance does not.
    shuttle::check_pct(move || play(scene), schedules, 3);
}

/// What a client was told of one fee: the place of its record, and whether that was an answer given before.
type Told = (u64, u64, bool);

fn play(scene: Scene) {
    let appended = Arc::new(AtomicU64::new(0));
    let log = SlowLog {
        log: scene
            .appends
            .map_or_else(MemLog::new, MemLog::failing_after),
        appended: Arc::clone(&appended),
    };
    let reader = Reader::new(Books::default(), log.reader());
    let state = LedgerState::default();
    let writer = Arc::new(Writer::start(Box::new(log), state, reader.clone(), || NOW));
    let set_up = writer.submit_when_free(setup()).and_then(Ticket::wait);
    assert_eq!(
        set_up.expect("the first append succeeds").len() as u64,
        SETUP_RECORDS
    );

    let clients: Vec<_> = (0..scene.clients)
        .map(|client| {
            let (writer, reader, appended) =
                (Arc::clone(&writer), reader.clone(), Arc::clone(&appended));
            thread::spawn(move || be_client(client, scene, &writer, &reader, &appended))
        })
        .collect();
    let mut told = Vec::new();
    for client in clients {
        told.extend(client.join().expect("a client ends"));
    }
    assert_eq!(writer.waiting(), 0, "everybody was answered");
    let failed = writer.failure.reason().is_some();
    assert!(scene.appends.is_some() || !failed);
    let writer = Arc::into_inner(writer).expect("the clients have ended");
    assert_eq!(writer.close().is_err(), failed);

    let records: Result<Vec<Record>, _> = reader.records().collect();
    let records = records.expect("what was appended");
    assert_eq!(records.len() as u64, appended.load(Ordering::SeqCst));
    agrees(&told, &records);
}

/// Submits, and gives what it was told.
fn be_client(
    client: u64,
    scene: Scene,
    writer: &Writer,
    reader: &Reader,
    appended: &AtomicU64,
) -> Vec<Told> {
    let mut told = Vec::new();
    let mut is_stopped = false;
    for submission in 0..scene.submissions {
        let own = 1 + client * 100 + submission * 10;
        let first = if submission == 0 { 0 } else { own };
        let requests: Vec<_> = (0..scene.requests)
            .map(|place| fee(first + place))
            .collect();
        let ticket = match scene.waits {
            true => writer.submit_when_free(requests),
            false => writer.submit(requests),
        };
        assert!(writer.waiting() <= QUEUE_REQUESTS_MAX);
        let outcome = match ticket {
            Ok(ticket) => {
                assert!(!is_stopped, "something was accepted after a failure");
                ticket.wait()
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(answers) => {
                assert_eq!(answers.len() as u64, scene.requests);
                for (place, answer) in (first..).zip(answers) {
                    let seq = answer.seq.expect("fees are recorded").0;
                    assert!(answer.outcome.is_ok());
                    assert!(
                        appended.load(Ordering::SeqCst) >= seq,
                        "answered before it was durable"
                    );
                    assert!(reader.durable().0 >= seq, "answered before it was shown");
                    told.push((place, seq, answer.replayed));
                }
            }
            Err(SubmitError::Busy) => assert!(!scene.waits && !scene.fits()),
            Err(SubmitError::Stopped { .. } | SubmitError::OutcomeUnknown { .. }) => {
                assert!(scene.appends.is_some());
                is_stopped = true;
            }
            Err(SubmitError::TooManyRequests) => panic!("a submission is short"),
        }
    }
    told
}

/// Every fee has at most one record; whoever was told of it was told of that one, and only one of them that it
/// is new.
fn agrees(told: &[Told], records: &[Record]) {
    let skipped = usize::try_from(SETUP_RECORDS).expect("small");
    let mut places = BTreeMap::new();
    for record in &records[skipped..] {
        let before = places.insert(number(record.event.correlation), record.seq.0);
        assert_eq!(before, None, "a fee was recorded twice");
    }
    for (fee, seq) in &places {
        let of_fee = told.iter().filter(|(told, ..)| told == fee);
        let new = of_fee.filter(|(_, _, replayed)| !replayed).count();
        assert!(new <= 1, "fee {fee} at {seq} was new to {new} clients");
    }
    for (fee, seq, _) in told {
        assert_eq!(
            places.get(fee),
            Some(seq),
            "what was answered is in the log"
        );
    }
}
