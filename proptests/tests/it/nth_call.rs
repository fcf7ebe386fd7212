//! Every call of the disk fails in turn, once or from there on, while the ledger is filled, while it is
//! opened after a crash, and while it is read. Whatever comes of it has a name, and nothing that was
//! acknowledged is lost.
//!
//! The tests try every call of a kind of failure with one of the ways it can end, and without the work that
//! the store does in the background. `LEDGER_NTH_CALL=all` tries each way, with that work and without.

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
        if tries_all() {
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

fn tries_all() -> bool {
    std::env::var_os("LEDGER_NTH_CALL").is_some_and(|which| which == "all")
}

/// What is sent, to a store without work in the background and perhaps to one with it.
fn workloads() -> Vec<Workload> {
    let backgrounds: &[bool] = if tries_all() {
        &[false, true]
    } else {
        &[false]
    };
    backgrounds
        .iter()
        .map(|background| Workload::new(*background))
        .collect()
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
    fn note(&mut self, outcome: Result<(), StoreError>, failure: Failure) {
        self.runs += 1;
        match outcome {
            Ok(()) => self.unnoticed += 1,
            Err(error) => {
                is_named(&error, failure);
                self.reported += 1;
            }
        }
    }

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
    let least = workload.records_after(*acknowledged) as u64;
    assert!(
        alive.log.head().last_seq >= least,
        "acknowledged records are lost"
    );
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

/// Opens the ledger without failures: everything acknowledged is there, and at most a batch more. What was
/// found is found again when the power goes at once, what it takes then is kept when the power goes right
/// after it, and so is all that is left when it was closed. In odd runs the power does not go at once, so
/// that what is taken rests on what the failure left.
fn recovers(disk: &SimDisk, workload: &Workload, mut acknowledged: usize, run: u64) {
    let mut life = Life::open(disk, workload).expect("it opens");
    let found = usize::try_from(life.log.head().last_seq).expect("a small log");
    let least = workload.records_after(acknowledged);
    let most = workload.records_after((acknowledged + 1).min(workload.batches.len()));
    assert!(
        found == least || found == most,
        "{found} records of {least} acknowledged and {most} sent"
    );
    life.check(workload);
    disk.set_rates(losing(1_000_000));
    if run.is_multiple_of(2) {
        disk.lose_power();
        drop(life);
        life = Life::open(disk, workload).expect("it opens");
        let found_again = usize::try_from(life.log.head().last_seq).expect("a small log");
        assert_eq!(found_again, found, "records were shown and are lost");
    }
    for batch in workload.batches.iter().skip(acknowledged).take(2) {
        let answers = life.submit(batch).expect("the disk does not fail");
        acknowledged += 1;
        same_answers(&answers, &batch.answers);
    }
    disk.lose_power();
    drop(life);

    let mut life = None;
    live(disk, workload, &mut acknowledged, &mut life).expect("the disk does not fail");
    disk.lose_power();
    let life = Life::open(disk, workload).expect("it opens");
    assert_eq!(life.log.head().last_seq, workload.records.len() as u64);
    life.check(workload);
}

/// Fails call after call of a filling, until one is filled before the failure.
fn every_call_of_a_filling(what: &str, failure: Failure) {
    let mut tally = Tally::default();
    for workload in workloads() {
        let mut is_reached = true;
        let mut nth = 0;
        while mem::take(&mut is_reached) {
            nth += 1;
            for aftermath in Aftermath::after(nth) {
                is_reached |= fails_while_filled(&workload, failure, nth, aftermath, &mut tally);
            }
        }
    }
    tally.print(what);
}

/// Tells whether there were so many calls.
fn fails_while_filled(
    workload: &Workload,
    failure: Failure,
    nth: u64,
    aftermath: Aftermath,
    tally: &mut Tally,
) -> bool {
    let disk = SimDisk::new(nth);
    disk.set_rates(losing(1_000_000));
    disk.fail_at(nth, failure.of, failure.lasting, failure.fault);
    let (mut acknowledged, mut life) = (0, None);
    let outcome = live(&disk, workload, &mut acknowledged, &mut life);
    let is_reached = disk.calls(failure.of) >= nth;
    tally.note(outcome, failure);
    if let Some(life) = &mut life {
        is_read_only(life, workload, acknowledged);
    }
    aftermath.happen(&disk, life);
    recovers(&disk, workload, acknowledged, tally.runs / 4);
    is_reached
}

/// Where the ledger is when the power goes, and what was acknowledged by then.
struct Left {
    disk: SimDisk,
    acknowledged: usize,
}

impl Left {
    /// A ledger that was left after so many batches, closed or not.
    fn after(workload: &Workload, batches: usize, is_closed: bool, lost_ppm: u32) -> Self {
        let disk = SimDisk::new(batches as u64);
        disk.set_rates(losing(lost_ppm));
        let mut life = Life::open(&disk, workload).expect("it opens");
        for batch in &workload.batches[..batches] {
            life.submit(batch).expect("the disk does not fail");
            disk.pass(PAUSE);
        }
        if is_closed {
            life.close().expect("the disk does not fail");
            // So that the checkpoint is there too, which is never synced.
            disk.kill();
        } else {
            disk.lose_power();
            drop(life);
        }
        Self {
            disk,
            acknowledged: batches,
        }
    }

    fn again(&self) -> SimDisk {
        let disk = SimDisk::new(self.acknowledged as u64);
        disk.restore(&self.disk.files());
        disk.set_rates(losing(1_000_000));
        disk
    }
}

/// Fails call after call of an opening, after each of several endings.
fn every_call_of_an_opening(what: &str, failure: Failure) {
    let mut tally = Tally::default();
    for workload in workloads() {
        let all = workload.batches.len();
        let endings = [
            (0, false, 1_000_000),
            (1, false, 1_000_000),
            (all / 2, false, 1_000_000),
            (all / 2 + 1, false, 400_000),
            (all / 2, true, 1_000_000),
            (all, false, 400_000),
        ];
        for (batches, is_closed, lost_ppm) in endings {
            let left = Left::after(&workload, batches, is_closed, lost_ppm);
            let mut is_reached = true;
            let mut nth = 0;
            while mem::take(&mut is_reached) {
                nth += 1;
                for aftermath in Aftermath::after(nth) {
                    let disk = left.again();
                    disk.fail_at(nth, failure.of, failure.lasting, failure.fault);
                    let mut life = None;
                    let opened = Life::open(&disk, &workload).map(|opened| life = Some(opened));
                    is_reached |= disk.calls(failure.of) >= nth;
                    tally.note(opened, failure);
                    aftermath.happen(&disk, life);
                    recovers(&disk, &workload, left.acknowledged, tally.runs / 4);
                }
            }
        }
    }
    tally.print(what);
}

/// Fails read after read while every record is read, from the last to the first.
#[test]
fn a_read_of_a_query_fails() {
    let workload = Workload::new(false);
    let left = Left::after(&workload, workload.batches.len(), true, 1_000_000);
    for lasting in [Lasting::Once, Lasting::ForGood] {
        let failure = Failure {
            fault: Fault::Error,
            lasting,
            of: Some(Call::Read),
        };
        let mut tally = Tally::default();
        let mut is_reached = true;
        let mut nth = 0;
        while mem::take(&mut is_reached) {
            nth += 1;
            let disk = left.again();
            let life = Life::open(&disk, &workload).expect("it opens");
            let before = disk.calls(failure.of);
            disk.fail_at(nth, failure.of, lasting, failure.fault);
            let mut has_failed = false;
            for (at, expected) in workload.records.iter().enumerate().rev() {
                match life.record(at as u64 + 1) {
                    Ok(record) => assert_eq!(record.as_ref(), Some(expected)),
                    Err(error) => {
                        is_named(&error, failure);
                        has_failed = true;
                    }
                }
            }
            is_reached = disk.calls(failure.of) - before >= nth;
            tally.runs += 1;
            tally.reported += u64::from(has_failed);
            tally.unnoticed += u64::from(!has_failed);
            disk.fail_no_more();
            drop(life);
            recovers(&disk, &workload, left.acknowledged, nth);
        }
        tally.print("a read of a query fails");
    }
}

/// The disk is full for some batches, and then has space again.
#[test]
fn a_full_disk_gets_space_again() {
    let workload = Workload::new(false);
    let mut tally = Tally::default();
    let failure = Failure {
        fault: Fault::Full,
        lasting: Lasting::ForGood,
        of: None,
    };
    for full_from in 0..workload.batches.len() {
        for aftermath in Aftermath::ALL {
            let disk = SimDisk::new(full_from as u64);
            disk.set_rates(losing(1_000_000));
            let mut life = None;
            let mut acknowledged = 0;
            let mut outcome = Life::open(&disk, &workload).map(|opened| {
                life = Some(opened);
            });
            while let (Some(alive), Some(batch)) = (&mut life, workload.batches.get(acknowledged)) {
                if acknowledged == full_from {
                    disk.set_full(true);
                }
                outcome = alive.submit(batch).map(drop);
                if outcome.is_err() {
                    break;
                }
                acknowledged += 1;
                disk.pass(PAUSE);
            }
            tally.note(outcome, failure);
            if let Some(life) = &mut life {
                is_read_only(life, &workload, acknowledged);
            }
            aftermath.happen(&disk, life);
            // Opening while it is still full works, or says why.
            if let Err(error) = Life::open(&disk, &workload) {
                is_named(&error, failure);
            }
            disk.set_full(false);
            recovers(&disk, &workload, acknowledged, tally.runs / 4);
        }
    }
    tally.print("a full disk gets space again");
}

/// A test of each kind of failure.
macro_rules! every_call {
    ($($name:ident: $what:ident, $fault:expr, $lasting:expr, $of:expr;)*) => {$(
        #[test]
        fn $name() {
            let failure = Failure { fault: $fault, lasting: $lasting, of: $of };
            $what(stringify!($name), failure);
        }
    )*};
}

every_call! {
    a_call_of_a_filling_fails_once:
        every_call_of_a_filling, Fault::Error, Lasting::Once, None;
    every_call_of_a_filling_fails_from_one_on:
        every_call_of_a_filling, Fault::Error, Lasting::ForGood, None;
    the_power_goes_at_a_call_of_a_filling:
        every_call_of_a_filling, Fault::Power, Lasting::ForGood, None;
    a_write_of_a_filling_finds_no_space:
        every_call_of_a_filling, Fault::Full, Lasting::Once, Some(Call::Write);
    no_write_of_a_filling_finds_space_from_one_on:
        every_call_of_a_filling, Fault::Full, Lasting::ForGood, Some(Call::Write);
    a_file_of_a_filling_cannot_grow:
        every_call_of_a_filling, Fault::Full, Lasting::ForGood, Some(Call::SetLen);
    a_write_of_a_filling_is_short:
        every_call_of_a_filling, Fault::Short, Lasting::Once, Some(Call::Write);
    every_write_of_a_filling_is_short_from_one_on:
        every_call_of_a_filling, Fault::Short, Lasting::ForGood, Some(Call::Write);
    a_call_of_an_opening_fails_once:
        every_call_of_an_opening, Fault::Error, Lasting::Once, None;
    every_call_of_an_opening_fails_from_one_on:
        every_call_of_an_opening, Fault::Error, Lasting::ForGood, None;
    the_power_goes_at_a_call_of_an_opening:
        every_call_of_an_opening, Fault::Power, Lasting::ForGood, None;
    a_write_of_an_opening_finds_no_space:
        every_call_of_an_opening, Fault::Full, Lasting::ForGood, Some(Call::Write);
    a_write_of_an_opening_is_short:
        every_call_of_an_opening, Fault::Short, Lasting::Once, Some(Call::Write);
}
