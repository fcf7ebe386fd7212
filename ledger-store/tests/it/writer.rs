//! The writer with logs that block, fail and run full.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use ledger_core::command::{AdvanceBusinessDate, Command, Request};
use ledger_core::decide::Answer;
use ledger_core::ids::{CorrelationId, Seq};
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;
use ledger_core::text::IssuerId;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover};
use ledger_store::writer::{
    BATCH_REQUESTS_MAX, QUEUE_REQUESTS_MAX, SUBMISSION_REQUESTS_MAX, SubmitError, Ticket, Writer,
};
use ledger_store::{Block, EventLog, LogHead, LogReader, MemLog, StoreError};
use tempfile::TempDir;

use crate::commands::{NOW, SETUP_RECORDS, TODAY, fee, fee_of, number, setup};

/// A log in memory that waits in every append until it is released.
struct GatedLog {
    log: MemLog,
    entered: Sender<()>,
    release: Receiver<()>,
    tally: Arc<Tally>,
}

/// What was asked of a log.
#[derive(Default)]
struct Tally {
    appends: AtomicUsize,
    closed: AtomicBool,
}

impl EventLog for GatedLog {
    fn append(&mut self, blocks: &[Block]) -> Result<(), StoreError> {
        self.tally.appends.fetch_add(1, Ordering::SeqCst);
        // A test that dropped its ends of the channels has opened the gate for good.
        let _ = self.entered.send(());
        let _ = self.release.recv();
        self.log.append(blocks)
    }

    fn head(&self) -> LogHead {
        self.log.head()
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.log.reader()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.tally.closed.store(true, Ordering::SeqCst);
        Box::new(self.log).close()
    }
}

/// A writer on a gated log, with the handles that steer and watch it.
pub(crate) struct Stage {
    pub(crate) reader: Reader,
    /// The appender is in an append.
    pub(crate) entered: Receiver<()>,
    /// Lets one append go on; dropping it lets all go on.
    pub(crate) release: Sender<()>,
    /// The decider begins a batch; every earlier batch is then on its way to the appender.
    batches: Receiver<()>,
    tally: Arc<Tally>,
    // Last: the gate is dropped, and so opened, before the writer waits for the log to end.
    pub(crate) writer: Writer,
}

impl Stage {
    /// A writer whose bank is set up, on a log that waits from then on.
    pub(crate) fn new(log: MemLog) -> Self {
        let (entered_in, entered) = unbounded();
        let (release, release_out) = unbounded();
        let (batches_in, batches) = unbounded();
        let tally = Arc::new(Tally::default());
        let log = GatedLog {
            log,
            entered: entered_in,
            release: release_out,
            tally: Arc::clone(&tally),
        };
        let reader = Reader::new(Books::default(), log.reader());
        let now = move || {
            let _ = batches_in.send(());
            NOW
        };
        let writer = Writer::start(Box::new(log), LedgerState::default(), reader.clone(), now);
        release.send(()).unwrap();
        writer.submit(setup()).unwrap().wait().unwrap();
        entered.recv().unwrap();
        batches.recv().unwrap();
        Self {
            writer,
            reader,
            entered,
            release,
            batches,
            tally,
        }
    }

    /// Submits a batch of its own: returns when the decider has begun it.
    pub(crate) fn submit_apart(&self, requests: Vec<Request>) -> Ticket {
        let ticket = self.writer.submit(requests).unwrap();
        self.batches.recv().unwrap();
        ticket
    }

    fn last_seq(&self) -> u64 {
        self.reader.last_seq().map_or(0, |seq| seq.0)
    }
}

fn in_memory() -> (Writer, Reader) {
    let log = MemLog::new();
    let reader = Reader::new(Books::default(), log.reader());
    let writer = Writer::start(
        Box::new(log),
        LedgerState::default(),
        reader.clone(),
        || NOW,
    );
    writer.submit(setup()).unwrap().wait().unwrap();
    (writer, reader)
}

/// A request that is answered without a record.
pub(crate) fn unrecorded(correlation: u128) -> Request {
    Request {
        issuer: IssuerId::new("NOBODY").unwrap(),
        correlation: CorrelationId(correlation.to_be_bytes()),
        command: Command::AdvanceBusinessDate(AdvanceBusinessDate {
            business_date: TODAY,
        }),
        annotations: None,
    }
}

fn is_waiting(answers: std::pin::Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(answers.poll(&mut context), Poll::Pending)
}

fn code(outcome: &Result<Vec<Answer>, SubmitError>) -> &'static str {
    outcome.as_ref().map_or_else(SubmitError::code, |_| "OK")
}

#[test]
fn after_a_failed_append_nobody_is_told_more_than_is_known() {
    let stage = Stage::new(MemLog::failing_after(1));
    let failing = stage.submit_apart(vec![fee(1), fee(2)]);
    stage.entered.recv().unwrap();
    // Two more wait behind the append: a replay of what fails, and something new.
    let replay = stage.submit_apart(vec![fee(1)]);
    let behind = stage.submit_apart(vec![fee(3)]);
    stage.release.send(()).unwrap();
    for ticket in [failing, replay, behind] {
        let outcome = ticket.wait();
        assert_eq!(code(&outcome), "OUTCOME_UNKNOWN");
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("the log was told to fail"), "{text}");
    }
    for _ in 0..3 {
        let refused = stage.writer.submit(vec![fee(4)]).unwrap_err();
        assert_eq!(refused.code(), "SERVICE_UNAVAILABLE");
        let refused = stage.writer.submit_when_free(vec![fee(1)]).unwrap_err();
        assert_eq!(refused.code(), "SERVICE_UNAVAILABLE");
    }
    assert_eq!(stage.last_seq(), SETUP_RECORDS);
    assert_eq!(stage.reader.record(Seq(SETUP_RECORDS + 1)).unwrap(), None);
    assert_eq!(stage.reader.records().count() as u64, SETUP_RECORDS);
    let tally = Arc::clone(&stage.tally);
    // Closing tells why it stopped, not only that it did.
    assert_eq!(stage.writer.close().unwrap_err().code(), "STORE_IO");
    // The setup and the failure; nothing was appended after it.
    assert_eq!(tally.appends.load(Ordering::SeqCst), 2);
}

#[test]
fn no_answer_overtakes_the_records_it_rests_on() {
    let stage = Stage::new(MemLog::new());
    let posted = stage.submit_apart(vec![fee(1)]);
    stage.entered.recv().unwrap();
    // A replay, a conflict and a refusal without a record each rest on what is not durable yet.
    let others = stage.submit_apart(vec![fee(1), fee_of(1, 200), unrecorded(1)]);
    let last = stage.submit_apart(vec![fee_of(2, 0)]);
    let mut posted = pin!(posted.answers());
    let mut others = pin!(others.answers());
    let mut last = pin!(last.answers());
    assert!(
        is_waiting(posted.as_mut()) && is_waiting(others.as_mut()) && is_waiting(last.as_mut())
    );
    assert_eq!(
        stage.last_seq(),
        SETUP_RECORDS,
        "readers see what is not durable"
    );

    stage.release.send(()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let first = runtime.block_on(posted).unwrap();
    assert_eq!(
        stage.last_seq(),
        SETUP_RECORDS + 1,
        "an answer came before readers saw it"
    );
    let others = runtime.block_on(others).unwrap();
    assert!(others[0].replayed);
    assert_eq!(
        (others[0].seq, &others[0].outcome),
        (first[0].seq, &first[0].outcome)
    );
    let codes = others[1..].iter().map(|answer| {
        let refusal = answer.outcome.as_ref().unwrap_err();
        refusal.rejection.code()
    });
    let codes: Vec<_> = codes.collect();
    assert_eq!(codes, ["IDEMPOTENCY_PAYLOAD_MISMATCH", "ISSUER_NOT_FOUND"]);
    assert!(runtime.block_on(last).unwrap()[0].outcome.is_err());
}

#[test]
fn a_full_queue_refuses_or_waits() {
    let stage = Stage::new(MemLog::new());
    let blocked = stage.submit_apart(vec![fee(1)]);
    stage.entered.recv().unwrap();
    // Each is a batch, and several of them fill the queue to the last request.
    const MANY: usize = QUEUE_REQUESTS_MAX / 8;
    assert!((BATCH_REQUESTS_MAX..=SUBMISSION_REQUESTS_MAX).contains(&MANY));
    let many = || (0..MANY as u128).map(unrecorded).collect::<Vec<_>>();
    // Two decided batches wait for the log and the decider holds a third; then the queue fills.
    let submissions = 3 + QUEUE_REQUESTS_MAX / MANY;
    let fill = (0..submissions).map(|_| stage.writer.submit_when_free(many()).unwrap());
    let tickets: Vec<_> = fill.collect();
    let full = stage.writer.submit(vec![fee(2)]).unwrap_err();
    assert_eq!(full.code(), "BUSY");
    assert!(stage.writer.submit(many()).is_err());

    let released = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let ticket = stage.writer.submit_when_free(vec![fee(2)]).unwrap();
            assert!(
                released.load(Ordering::SeqCst),
                "a full queue took a request"
            );
            ticket.wait().unwrap()
        });
        released.store(true, Ordering::SeqCst);
        stage.release.send(()).unwrap();
        stage.release.send(()).unwrap();
        assert!(waiting.join().unwrap()[0].outcome.is_ok());
    });
    assert!(blocked.wait().is_ok());
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap().len(), MANY);
    }
    assert_eq!(stage.last_seq(), SETUP_RECORDS + 2);
}

#[test]
fn a_submission_is_bounded() {
    let (writer, _) = in_memory();
    let requests = |count: usize| (0..count as u128).map(unrecorded).collect::<Vec<_>>();
    let most = writer.submit(requests(SUBMISSION_REQUESTS_MAX)).unwrap();
    assert_eq!(most.wait().unwrap().len(), SUBMISSION_REQUESTS_MAX);
    let over = requests(SUBMISSION_REQUESTS_MAX + 1);
    assert_eq!(
        writer.submit(over.clone()).unwrap_err().code(),
        "TOO_MANY_REQUESTS"
    );
    assert_eq!(
        writer.submit_when_free(over).unwrap_err().code(),
        "TOO_MANY_REQUESTS"
    );
    assert!(
        writer
            .submit(Vec::new())
            .unwrap()
            .wait()
            .unwrap()
            .is_empty()
    );
}

/// Submits fees that wait behind a closed gate, ends the writer, and gives what became of them.
fn end_with_tickets_outstanding(end: fn(Writer)) -> (Vec<u64>, Arc<Tally>) {
    let stage = Stage::new(MemLog::new());
    let submit = |number| stage.writer.submit(vec![fee(number)]).unwrap();
    let tickets: Vec<_> = (1..=50).map(submit).collect();
    stage.entered.recv().unwrap();
    // Ending waits for the log, so the gate must be open.
    drop(stage.release);
    end(stage.writer);
    let answered = tickets.into_iter().map(|ticket| {
        let mut answers = pin!(ticket.answers());
        let mut context = Context::from_waker(Waker::noop());
        match answers.as_mut().poll(&mut context) {
            Poll::Ready(answers) => answers.unwrap()[0].seq.unwrap().0,
            Poll::Pending => panic!("the writer ended before it answered"),
        }
    });
    let answered = answered.collect();
    assert_eq!(stage.reader.last_seq(), Some(Seq(SETUP_RECORDS + 50)));
    (answered, stage.tally)
}

#[test]
fn closing_answers_everything_and_then_closes_the_log() {
    let (answered, tally) = end_with_tickets_outstanding(|writer| writer.close().unwrap());
    assert_eq!(
        answered,
        (SETUP_RECORDS + 1..=SETUP_RECORDS + 50).collect::<Vec<_>>()
    );
    assert!(tally.closed.load(Ordering::SeqCst));
}

#[test]
fn dropping_answers_everything_and_leaves_the_log_as_a_crash_would() {
    let (answered, tally) = end_with_tickets_outstanding(drop);
    assert_eq!(
        answered,
        (SETUP_RECORDS + 1..=SETUP_RECORDS + 50).collect::<Vec<_>>()
    );
    assert!(!tally.closed.load(Ordering::SeqCst));
}

#[test]
fn answers_come_in_the_order_of_each_threads_requests() {
    const THREADS: u64 = 6;
    const SUBMISSIONS: u64 = 150;
    let (writer, reader) = in_memory();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (writer, reader) = (&writer, &reader);
            scope.spawn(move || {
                let mut next = thread * 10_000;
                let mut submitted = Vec::new();
                for round in 0..SUBMISSIONS {
                    let numbers: Vec<_> = (0..round % 4).map(|place| next + place).collect();
                    next += round % 4;
                    let requests = numbers.iter().copied().map(fee).collect();
                    submitted.push((writer.submit_when_free(requests).unwrap(), numbers));
                }
                let mut last = None;
                for (ticket, numbers) in submitted {
                    let answers = ticket.wait().unwrap();
                    assert_eq!(answers.len(), numbers.len());
                    for (answer, number_sent) in answers.iter().zip(numbers) {
                        let record = reader.record(answer.seq.unwrap()).unwrap().unwrap();
                        assert_eq!(number(record.event.correlation), number_sent);
                        assert!(answer.seq > last, "a later request was decided earlier");
                        last = answer.seq;
                    }
                }
            });
        }
    });
    let fees = THREADS * (0..SUBMISSIONS).map(|round| round % 4).sum::<u64>();
    assert_eq!(reader.records().count() as u64, SETUP_RECORDS + fees);
    writer.close().unwrap();
}

#[test]
fn of_concurrent_duplicates_one_is_carried_out_and_the_rest_replay_it() {
    const THREADS: usize = 16;
    const NUMBERS: u64 = 40;
    let (writer, reader) = in_memory();
    let answers: Vec<Vec<Answer>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let submit = |number| writer.submit(vec![fee(number)]).unwrap();
                    let tickets: Vec<_> = (0..NUMBERS).map(submit).collect();
                    let wait = |ticket: Ticket| ticket.wait().unwrap().remove(0);
                    tickets.into_iter().map(wait).collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for number in 0..usize::try_from(NUMBERS).unwrap() {
        let same: Vec<_> = answers.iter().map(|thread| &thread[number]).collect();
        let carried_out = same.iter().filter(|answer| !answer.replayed).count();
        assert_eq!(carried_out, 1, "fee {number}");
        assert!(same.iter().all(|answer| answer.outcome == same[0].outcome));
        assert!(same.iter().all(|answer| answer.seq == same[0].seq));
    }
    assert_eq!(reader.records().count() as u64, SETUP_RECORDS + NUMBERS);
}

/// A file system in memory of a given size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing when this process may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let args = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = Process::new("mount").args(args).arg(at).output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then(|| Self(at.to_owned()))
    }

    fn enlarge(&self, size: &str) {
        let options = format!("remount,size={size}");
        let enlarged = Process::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status();
        assert!(enlarged.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Process::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_stops_the_writer_and_loses_nothing() {
    let mount_point = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(mount_point.path(), "2m") else {
        eprintln!("skipped: a file system of two megabytes cannot be mounted here");
        return;
    };
    let dir = mount_point.path().join("ledger");
    let Recovered {
        log, state, books, ..
    } = recover(&dir).unwrap();
    let reader = Reader::new(books, log.reader());
    let writer = Writer::start(Box::new(log), state, reader.clone(), || NOW);
    writer.submit(setup()).unwrap().wait().unwrap();
    let mut acknowledged = SETUP_RECORDS;
    let mut submitted = 0;
    let failure = loop {
        assert!(submitted < 1_000_000, "the disk is never full");
        let requests = (submitted..submitted + 500).map(fee).collect();
        submitted += 500;
        match writer.submit(requests).unwrap().wait() {
            Ok(answers) => acknowledged = answers.last().unwrap().seq.unwrap().0,
            Err(error) => break error,
        }
    };
    assert_eq!(failure.code(), "OUTCOME_UNKNOWN", "{failure}");
    assert_eq!(
        writer.submit(vec![fee(0)]).unwrap_err().code(),
        "SERVICE_UNAVAILABLE"
    );
    assert_eq!(reader.last_seq(), Some(Seq(acknowledged)));
    drop(writer);

    disk.enlarge("64m");
    let Recovered {
        log, state, books, ..
    } = recover(&dir).unwrap();
    let recovered = log.head().last_seq;
    assert!(
        recovered >= acknowledged,
        "{acknowledged} acknowledged, {recovered} recovered"
    );
    assert!(recovered <= SETUP_RECORDS + submitted);
    let reader = Reader::new(books, log.reader());
    for record in reader
        .records()
        .skip(usize::try_from(SETUP_RECORDS).unwrap())
    {
        let record = record.unwrap();
        assert_eq!(
            number(record.event.correlation),
            record.seq.0 - SETUP_RECORDS - 1
        );
    }
    // Whoever was told nothing sends the same again and is told now, once and for all.
    let writer = Writer::start(Box::new(log), state, reader, || NOW);
    let again = writer.submit(
        (0..submitted)
            .map(fee)
            .skip(usize::try_from(submitted).unwrap() - 500)
            .collect(),
    );
    for answer in again.unwrap().wait().unwrap() {
        assert_eq!(answer.replayed, answer.seq.unwrap().0 <= recovered);
    }
    writer.close().unwrap();
}
