//! Every call of the disk fails in turn, once or from there on, while the ledger is filled, while it is
//! opened after a crash, and while it is read. Whatever comes of it has a name, and nothing that was
//! acknowledged is lost.
//!
//! The tests try every call of a kind of failure with one of the ways it can end. `LEDGER_NTH_CALL=all`
//! tries each of them.

mod life;

use std::mem;
use std::time::Duration;

use ledger_core::decide::Answer;
use ledger_store::{EventLog, StoreError};
use proptests::sim::disk::{Call, Fault, Lasting, Rates, SimDisk};

use self::life::{Life, Workload};

/// Between two batches, so that `HEAD` is synced now and then.
const PAUSE: Duration = Duration::from_millis(300);

/// Batches after which the log is closed and opened again.
const CLOSED_AFTER: [usize; 2] = [9, 20];

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
struct Failure {
    fault: Fault,
    lasting: Lasting,
    /// Which calls are counted, and fail.
    of: Option<Call>,
}

/// What happens to the process and the machine after the failure.
#[derive(Debug, Clone, Copy)]
enum Aftermath {
    /// The process ends in order, and another goes on in the same machine.
    Restarted,
    /// The process is killed, and another goes on in the same machine.
    Killed,
    /// The power goes, and with it all that was not synced.
    PowerLost,
    /// The process ends in order, and then the power goes; some of what was not synced is there.
    PowerLostInParts,
}

impl Aftermath {
    const ALL: [Self; 4] = [
        Self::Restarted,
        Self::Killed,
        Self::PowerLost,
        Self::PowerLostInParts,
    ];

    /// Those to try after the failure of this call.
    fn after(nth: u64) -> Vec<Self> {
        if std::env::var_os("LEDGER_NTH_CALL").is_some_and(|which| which == "all") {
            return Self::ALL.to_vec();
        }
        let turn = usize::try_from(nth % 4).expect("less than four");
        vec![Self::ALL[turn]]
    }

    fn happen(self, disk: &SimDisk, life: Option<Life>) {
        match self {
            Self::Restarted => {
                drop(life);
                disk.fail_no_more();
                disk.kill();
            }
            Self::Killed => {
                disk.kill();
                drop(life);
                disk.fail_no_more();
            }
            Self::PowerLost => {
                disk.set_rates(losing(1_000_000));
                disk.fail_no_more();
                disk.lose_power();
                drop(life);
            }
            Self::PowerLostInParts => {
                drop(life);
                disk.fail_no_more();
                disk.set_rates(losing(400_000));
                disk.lose_power();
            }
        }
        if !disk.has_power() {
            disk.lose_power();
        }
    }
}

/// How much of what was not synced is lost with the power, or with a sync that fails.
fn losing(lost_ppm: u32) -> Rates {
    Rates {
        lost_ppm,
        torn_ppm: 1_000_000 - lost_ppm,
        ..Rates::default()
    }
}

/// What a test has seen.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    /// Runs in which the failure was reported to somebody.
    reported: u64,
    /// Runs that went on as if nothing had been.
    unnoticed: u64,
}

impl Tally {
    fn print(&self, what: &str) {
        println!("{what}: {self:?}");
        assert!(self.reported > 0, "{what}: nothing failed");
    }
}

/// Opens the ledger and sends what was not acknowledged yet, up to the end; closes it.
///
/// What is left in `life` when it fails is the process that saw the failure.
fn live(
    disk: &SimDisk,
    workload: &Workload,
    acknowledged: &mut usize,
    life: &mut Option<Life>,
) -> Result<(), StoreError> {
    let mut alive = life.insert(Life::open(disk, workload)?);
    while let Some(batch) = workload.batches.get(*acknowledged) {
        let answers = alive.submit(batch)?;
        *acknowledged += 1;
        same_answers(&answers, &batch.answers);
        disk.pass(PAUSE);
        if acknowledged.is_multiple_of(4) {
            alive.log.settle()?;
        }
        if CLOSED_AFTER.contains(acknowledged) {
            if let Some(closing) = life.take() {
                closing.close()?;
            }
            alive = life.insert(Life::open(disk, workload)?);
        }
    }
    life.take().map_or(Ok(()), Life::close)
}

/// The same decisions; a replay does not tell the amounts.
fn same_answers(answers: &[Answer], expected: &[Answer]) {
    assert_eq!(answers.len(), expected.len());
    for (answer, expected) in answers.iter().zip(expected) {
        assert_eq!(answer.seq, expected.seq);
        assert_eq!(answer.outcome, expected.outcome);
    }
}

/// A failure of the disk is called that, and not damage, for which somebody would restore a backup.
fn is_named(error: &StoreError, failure: Failure) {
    assert!(
        matches!(error, StoreError::Io { .. }),
        "{failure:?} gave {error:?}"
    );
}

/// After a failed append nothing is taken any more, and what is read is right.
fn is_read_only(life: &mut Life, workload: &Workload, acknowledged: usize) {
    if life.is_poisoned {
        let appended = life.log.append(&[]);
        assert!(matches!(appended, Err(StoreError::Poisoned)));
    }
    for seq in 1..=workload.records_after(acknowledged) {
        // It may not be read any more, but not as another.
        if let Ok(record) = life.record(seq as u64) {
            assert_eq!(record.as_ref(), Some(&workload.records[seq - 1]));
        }
    }
}

/// Opens the ledger without failures: everything acknowledged is there, and at most a batch more. Then it
/// takes all that is left, and keeps that even when the power goes.
fn recovers(disk: &SimDisk, workload: &Workload, mut acknowledged: usize) {
    let life = Life::open(disk, workload).expect("it opens");
    let found = usize::try_from(life.log.head().last_seq).expect("a small log");
    let least = workload.records_after(acknowledged);
    let most = workload.records_after((acknowledged + 1).min(workload.batches.len()));
    assert!(
        found == least || found == most,
        "{found} records of {least} acknowledged and {most} sent"
    );
    life.check(workload);
    drop(life);
    let mut life = None;
    live(disk, workload, &mut acknowledged, &mut life).expect("the disk does not fail");
    disk.set_rates(losing(1_000_000));
    disk.lose_power();
    let life = Life::open(disk, workload).expect("it opens");
    assert_eq!(life.log.head().last_seq, workload.records.len() as u64);
    life.check(workload);
}

/// Fails call after call of a filling, until one is filled before the failure.
fn every_call_of_a_filling(what: &str, failure: Failure) {
    let workload = Workload::new();
    let mut tally = Tally::default();
    let mut is_reached = true;
    let mut nth = 0;
    while mem::take(&mut is_reached) {
        nth += 1;
        for aftermath in Aftermath::after(nth) {
            let disk = SimDisk::new(nth);
            disk.set_rates(losing(1_000_000));
            disk.fail_at(nth, failure.of, failure.lasting, failure.fault);
            let (mut acknowledged, mut life) = (0, None);
            let outcome = live(&disk, &workload, &mut acknowledged, &mut life);
            is_reached |= disk.calls(failure.of) >= nth;
            tally.runs += 1;
            match outcome {
                Ok(()) => {
                    assert_eq!(acknowledged, workload.batches.len());
                    tally.unnoticed += 1;
                }
                Err(error) => {
                    eprintln!("call {nth}, {aftermath:?}: {error}");
                    is_named(&error, failure);
                    tally.reported += 1;
                }
            }
            if let Some(life) = &mut life {
                is_read_only(life, &workload, acknowledged);
            }
            aftermath.happen(&disk, life);
            recovers(&disk, &workload, acknowledged);
        }
    }
    tally.print(what);
}

#[test]
fn a_call_of_a_filling_fails_once() {
    every_call_of_a_filling(
        "a call fails once",
        Failure {
            fault: Fault::Error,
            lasting: Lasting::Once,
            of: None,
        },
    );
}
