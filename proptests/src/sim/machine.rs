//! One run: clients, the writer's steps, and everything that happens to the machine.

mod opening;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger_core::command::Request;
use ledger_core::decide::Answer;
use ledger_core::ids::Seq;
use ledger_core::time::Timestamp;
use ledger_store::DataDir;
use ledger_store::disk::Disk as _;
use ledger_store::reader::Reader;
use ledger_store::verify::verify;
use ledger_store::writer::{Stepper, SubmitError, Ticket};
use siphasher::sip::SipHasher13;

use super::disk::{Luck, Rates, SimDisk};
use super::ended;
use super::odds::Odds;
use super::promise::{ALIVE, ONCE, Promise, SAME, Violation, broken};
use super::summary::{Outcome, Summary};
use crate::strategy::{self, Step};

/// The data directory.
const DIR: &str = "/ledger";
/// Runs of no more operations are also held against the naive model, whose time grows with their square.
const MODEL_OPERATIONS_MAX: usize = 300;
/// Requests that must succeed at the end, on a good disk.
const LAST_REQUESTS: usize = 20;
const DAY_MS: i64 = 86_400_000;
/// Half-way through one of the last second's milliseconds of a day.
const LAST_MILLISECOND: i64 = DAY_MS - 1;
/// When the writer's thread, to which no batch came, lets the log settle.
const IDLE: Duration = Duration::from_secs(1);

/// Which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many operations the clients have.
    pub operations: usize,
}

impl fmt::Display for Plan {
    /// How to play it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, operations } = self;
        write!(
            f,
            "cargo run -p proptests --release --bin sim -- --seed {seed} --operations {operations}"
        )
    }
}

/// Plays a seed.
///
/// # Errors
/// The first oracle that does not hold.
pub fn run(plan: Plan) -> Result<Outcome, Violation> {
    ended::played(move || {
        let mut machine = Machine::new(plan);
        ended::on(&machine.disk);
        machine.open()?;
        machine.play()?;
        machine.finish()
    })
}

struct Machine {
    luck: Luck,
    odds: Odds,
    disk: SimDisk,
    dir: DataDir,
    clients: Clients,
    now: Timestamp,
    engine: Option<(Stepper, Reader)>,
    promise: Promise,
    /// The directory as it was when it was last closed, and how many records were in it.
    backup: Option<(BTreeMap<PathBuf, Vec<u8>>, usize)>,
    /// Bits turned and writes misplaced before the directory was last put in order.
    damage_before: u64,
    is_bad: bool,
    /// Errors of the disk before the log was last opened.
    errors_before: u64,
    /// On a disk that lies, the last epoch as it once was.
    older: Option<(PathBuf, Vec<u8>)>,
    /// Whether a checkpoint that is not this log's lies beside it.
    has_other_checkpoint: bool,
    /// Whether the power was cut since the log was last open, so that `HEAD` may lag.
    head_may_lag: bool,
    /// On a disk that lies, how many records were shown when, since the log was opened.
    shown_at: Vec<(Duration, usize)>,
    /// When the appender last had a batch, or let the log settle.
    busy_at: Duration,
    summary: Summary,
}

/// What clients have sent and still have to send.
struct Clients {
    steps: VecDeque<Step>,
    /// Without an answer, to be sent again.
    again: VecDeque<Request>,
    in_flight: VecDeque<Flight>,
    /// Answered, some of them, to be sent once more.
    answered: Vec<Request>,
}

struct Flight {
    ticket: Ticket,
    requests: Vec<Request>,
    /// Once it is decided.
    expected: Option<Vec<Answer>>,
}

impl Machine {
    fn new(plan: Plan) -> Self {
        let mut luck = Luck::new(plan.seed);
        let odds = Odds::draw(&mut luck);
        let disk = SimDisk::new(luck.number());
        disk.set_rates(odds.usual.clone());
        let steps = strategy::history_of(plan.seed, plan.operations);
        let model = plan.operations <= MODEL_OPERATIONS_MAX;
        Self {
            luck,
            dir: DataDir::on(Arc::new(disk.clone()), DIR),
            odds,
            disk,
            now: steps.first().map_or(Timestamp(0), |step| step.now),
            clients: Clients {
                steps: steps.into(),
                again: VecDeque::new(),
                in_flight: VecDeque::new(),
                answered: Vec::new(),
            },
            engine: None,
            promise: Promise::new(model),
            backup: None,
            damage_before: 0,
            is_bad: false,
            errors_before: 0,
            older: None,
            has_other_checkpoint: false,
            head_may_lag: false,
            shown_at: Vec::new(),
            busy_at: Duration::ZERO,
            summary: Summary {
                seeds: 1,
                ..Summary::default()
            },
        }
    }

    /// Takes steps until the clients have nothing left to send and everything is answered.
    fn play(&mut self) -> Result<(), Violation> {
        while !self.clients.are_done() {
            let micros = self.luck.below(40_000);
            self.disk.pass(Duration::from_micros(micros));
            if !self.disk.has_power() {
                self.cut_power()?;
            } else if self.stepper().failure().is_some() {
                self.stopped()?;
            } else if self.luck.strikes(self.odds.crash_ppm) {
                self.crash()?;
            } else if self.luck.strikes(self.odds.close_ppm) {
                self.close()?;
            } else {
                self.weather();
                self.remember_epoch();
                self.settle_if_idle();
                self.step()?;
            }
        }
        Ok(())
    }

    /// One step of the writer, of a client, or of a reader.
    fn step(&mut self) -> Result<(), Violation> {
        match self.luck.below(100) {
            0..40 => self.submit(),
            40..60 => self.decide()?,
            60..77 => {
                let batches = 1 + self.luck.place(3);
                if self.stepper().waiting().1 > 0 {
                    self.busy_at = self.disk.elapsed();
                }
                self.stepper().append(batches);
            }
            77..95 => {
                self.stepper().publish();
                self.show();
            }
            95..99 => self.read()?,
            _ => self.stepper().settle(),
        }
        self.collect()
    }

    fn settle_if_idle(&mut self) {
        let now = self.disk.elapsed();
        if now.saturating_sub(self.busy_at) >= IDLE {
            self.stepper().settle();
            self.busy_at = now;
        }
    }

    fn stepper(&mut self) -> &mut Stepper {
        &mut self.engine.as_mut().expect("it is open between steps").0
    }

    fn reader(&self) -> &Reader {
        &self.engine.as_ref().expect("it is open between steps").1
    }

    fn submit(&mut self) {
        let count = 1 + self.luck.place(self.odds.submission_max);
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            if let Some(request) = self.clients.again.pop_front() {
                requests.push(request);
            } else if let Some(step) = self.clients.steps.pop_front() {
                let passed = u64::try_from(step.now.0 - self.now.0).unwrap_or(0);
                self.summary.virtual_time += Duration::from_millis(passed);
                self.now = step.now;
                requests.push(step.request);
            }
            // A client that did not hear the answer, though it was given.
            if self.luck.below(50) == 0 && !self.clients.answered.is_empty() {
                let which = self.luck.place(self.clients.answered.len());
                requests.push(self.clients.answered[which].clone());
            }
        }
        if requests.is_empty() {
            return;
        }
        self.summary.operations += requests.len() as u64;
        if let Ok(ticket) = self.stepper().submit(requests.clone()) {
            self.clients.in_flight.push_back(Flight {
                ticket,
                requests,
                expected: None,
            });
        } else {
            self.clients.again.extend(requests);
        }
    }

    fn decide(&mut self) -> Result<(), Violation> {
        let batch = 1 + self.luck.place(self.odds.batch_max);
        let now = self.clock();
        let waiting = self.clients.in_flight.iter_mut();
        let waiting = waiting.filter(|flight| flight.expected.is_none());
        for flight in waiting.take(batch) {
            let expected = flight.requests.iter();
            let expected = expected.map(|request| self.promise.expect(request, now));
            flight.expected = Some(expected.collect::<Result<_, _>>()?);
        }
        self.stepper().decide(batch, now);
        Ok(())
    }

    /// What the clock says, which is not always the time.
    fn clock(&mut self) -> Timestamp {
        let left = self.clients.steps.len();
        if self.odds.year_ahead && left < 200 && self.luck.below(100) == 0 {
            self.odds.year_ahead = false;
            self.summary.clock_oddities += 1;
            return Timestamp(self.now.0 + 365 * DAY_MS);
        }
        if !self.luck.strikes(self.odds.clock_ppm) {
            return self.now;
        }
        self.summary.clock_oddities += 1;
        match self.luck.below(3) {
            0 => Timestamp(self.now.0 - DAY_MS / 24),
            1 => Timestamp(self.now.0 - self.now.0.rem_euclid(DAY_MS) + LAST_MILLISECOND),
            _ => Timestamp(self.now.0 - self.now.0.rem_euclid(DAY_MS)),
        }
    }

    /// What readers see may be told to anybody.
    fn show(&mut self) {
        let seen = self.reader().last_seq().map_or(0, |seq| seq.0);
        self.promise.show(place(seen));
        if self.odds.lies {
            let shown = self.promise.shown();
            self.shown_at.push((self.disk.elapsed(), shown));
        }
    }

    /// A reader looks at a record, and at all books. A store that met an error of the disk may have stopped, and
    /// answers nothing of its epoch until the log is opened again.
    fn read(&mut self) -> Result<(), Violation> {
        let seen = self.promise.shown();
        if seen == 0 {
            return Ok(());
        }
        self.summary.reads += 1;
        let seq = Seq(1 + self.luck.below(seen as u64));
        let errors = self.errors();
        match self.reader().record(seq) {
            Ok(Some(record)) => self.promise.check_record(&record)?,
            Ok(None) => return Err(broken(ALIVE, format!("{seq:?} was shown and is not there"))),
            Err(_) if self.errors() > errors || self.is_damaged() => {}
            Err(_) if self.errors() > self.errors_before => return self.crash(),
            Err(error) => return Err(broken(ALIVE, format!("reading {seq:?}: {error}"))),
        }
        self.promise.check_books(&self.reader().books())
    }

    /// Takes the answers that have come.
    fn collect(&mut self) -> Result<(), Violation> {
        let mut left = VecDeque::new();
        while let Some(mut flight) = self.clients.in_flight.pop_front() {
            match flight.ticket.answered() {
                None => left.push_back(flight),
                Some(Ok(answers)) => {
                    self.summary.acknowledged += answers.len() as u64;
                    if flight.expected.as_ref() != Some(&answers) {
                        let what = format!("{answers:?} instead of {:?}", flight.expected);
                        return Err(broken(ONCE, what));
                    }
                    self.check_answered(&answers)?;
                    let which = self.luck.place(flight.requests.len());
                    self.clients
                        .answered
                        .push(flight.requests.swap_remove(which));
                }
                Some(Err(SubmitError::Stopped { .. } | SubmitError::OutcomeUnknown { .. })) => {
                    self.give_up_or_repeat(flight.requests);
                }
                Some(Err(error @ (SubmitError::Busy | SubmitError::TooManyRequests))) => {
                    return Err(broken(ALIVE, error.to_string()));
                }
            }
        }
        self.clients.in_flight = left;
        Ok(())
    }

    /// No answer tells of a record that readers do not see yet.
    fn check_answered(&self, answers: &[Answer]) -> Result<(), Violation> {
        let seen = self.promise.shown() as u64;
        match answers
            .iter()
            .find(|answer| answer.seq.is_some_and(|seq| seq.0 > seen))
        {
            None => Ok(()),
            Some(answer) => Err(broken(
                ONCE,
                format!("{answer:?} was given before it was shown"),
            )),
        }
    }

    /// Clients that were not answered send again, most of them.
    fn give_up_or_repeat(&mut self, requests: Vec<Request>) {
        if self.luck.below(10) > 0 {
            self.clients.again.extend(requests);
        }
    }

    fn weather(&mut self) {
        if self.luck.strikes(self.odds.bad_ppm) {
            self.is_bad = !self.is_bad;
        } else if self.is_bad && self.luck.below(20) == 0 {
            self.is_bad = false;
        }
        self.disk.set_rates(self.rates());
        if self.luck.strikes(self.odds.full_ppm) {
            self.disk.set_full(true);
        } else if self.luck.below(10) == 0 {
            self.disk.set_full(false);
        }
    }

    fn rates(&self) -> Rates {
        if self.is_bad {
            self.odds.bad.clone()
        } else {
            self.odds.usual.clone()
        }
    }

    /// The writer stopped at an error: it accepts nothing, says why, and readers still see what is durable.
    fn stopped(&mut self) -> Result<(), Violation> {
        self.summary.stops += 1;
        let appended = self.reader().last_seq();
        while self.stepper().waiting() != (0, 0, 0) {
            let now = self.now;
            self.stepper().decide(usize::MAX, now);
            self.stepper().append(usize::MAX);
            self.stepper().publish();
            self.show();
        }
        self.collect()?;
        match self.stepper().submit(Vec::new()) {
            Err(SubmitError::Stopped { reason: Some(_) }) => {}
            other => return Err(broken(ALIVE, format!("a stopped writer gave {other:?}"))),
        }
        if self.reader().last_seq() < appended {
            return Err(broken(ALIVE, "readers see less than before"));
        }
        self.read()?;
        self.crash()
    }

    /// The process or the machine dies, and the log is opened again.
    fn crash(&mut self) -> Result<(), Violation> {
        if self.luck.below(3) > 0 {
            return self.cut_power();
        }
        self.summary.kills += 1;
        let older = self.older.take();
        if self.luck.below(2) == 0 {
            self.disk.kill();
            self.engine = None;
        } else {
            // It ends without closing, but not at once.
            self.engine = None;
            self.disk.kill();
        }
        if let Some((path, bytes)) = older {
            self.disk.take_back(&path, bytes);
        }
        self.open()
    }

    /// Remembers an epoch as it is, on a disk that lies.
    fn remember_epoch(&mut self) {
        if self.odds.lies && self.luck.below(100) == 0 {
            let epochs = self.disk.files().into_iter();
            let mut epochs = epochs.filter(|(path, _)| path.starts_with("/ledger/log"));
            self.older = epochs.next_back();
        }
    }

    fn cut_power(&mut self) -> Result<(), Violation> {
        self.lose_power();
        self.engine = None;
        self.open()
    }

    fn lose_power(&mut self) {
        self.disk.lose_power();
        self.head_may_lag = true;
        // What was remembered is from before.
        self.older = None;
    }

    /// Closes in order, and keeps a copy of the directory.
    fn close(&mut self) -> Result<(), Violation> {
        let now = self.now;
        let waiting = self.clients.in_flight.iter_mut();
        for flight in waiting.filter(|flight| flight.expected.is_none()) {
            let expected = flight.requests.iter();
            let expected = expected.map(|request| self.promise.expect(request, now));
            flight.expected = Some(expected.collect::<Result<_, _>>()?);
        }
        let (stepper, reader) = self.engine.take().expect("it is open between steps");
        let errors = self.errors();
        let closed = stepper.close(now);
        self.promise
            .show(place(reader.last_seq().map_or(0, |seq| seq.0)));
        drop(reader);
        self.collect()?;
        match closed {
            Ok(()) => {
                self.summary.closings += 1;
                // Whoever copies a log verifies it first; what a full epoch holds is not read in closing.
                if self.odds.lies && !self.is_damaged() {
                    self.backup = Some((self.disk.files(), self.promise.shown()));
                }
            }
            Err(error) if self.errors() == errors && !self.is_damaged() => {
                return Err(broken(ALIVE, format!("closing: {error}")));
            }
            Err(_) => {}
        }
        if self.disk.has_power() && self.luck.below(2) == 0 {
            self.disk.kill();
            self.open()
        } else {
            self.cut_power()
        }
    }

    /// Errors that the disk gave so far, power cuts included.
    fn errors(&self) -> u64 {
        let injected = self.disk.injected();
        injected.read_errors
            + injected.write_errors
            + injected.sync_errors
            + injected.other_errors
            + u64::from(!self.disk.has_power())
    }

    fn damage(&self) -> u64 {
        let injected = self.disk.injected();
        injected.flips + injected.misdirected + injected.taken_back
    }

    fn is_damaged(&self) -> bool {
        self.damage() > self.damage_before || self.has_other_checkpoint
    }

    /// After the faults: the log opens, requests succeed, and once closed it opens the same.
    fn finish(mut self) -> Result<Outcome, Violation> {
        self.odds.usual = self.odds.calm();
        self.is_bad = false;
        self.cut_power()?;
        let requests: Vec<Request> = self
            .clients
            .answered
            .iter()
            .rev()
            .take(LAST_REQUESTS)
            .cloned()
            .collect();
        for request in requests {
            let now = self.now;
            let expected = self.promise.expect(&request, now)?;
            let mut ticket = match self.stepper().submit(vec![request]) {
                Ok(ticket) => ticket,
                Err(error) => return Err(broken(ALIVE, error.to_string())),
            };
            self.stepper().decide(1, now);
            self.stepper().append(1);
            self.stepper().publish();
            self.show();
            let answers = ticket.answered();
            if !matches!(&answers, Some(Ok(answers)) if *answers == [expected]) {
                return Err(broken(
                    ALIVE,
                    format!("a request on a good disk got {answers:?}"),
                ));
            }
        }
        self.close()?;
        let (_, reader) = self.engine.as_ref().expect("it was opened again");
        let verified = verify(reader).map_err(|error| broken(SAME, error.to_string()))?;
        self.summary.records = verified.records;
        self.summary.injected = self.disk.injected();
        self.summary.virtual_time += self.disk.elapsed();
        let mut hasher = SipHasher13::new();
        verified.chain.as_bytes().hash(&mut hasher);
        self.disk.calls(None).hash(&mut hasher);
        self.summary.counts().hash(&mut hasher);
        Ok(Outcome {
            summary: self.summary,
            hash: hasher.finish(),
        })
    }
}

impl Clients {
    fn are_done(&self) -> bool {
        self.steps.is_empty() && self.again.is_empty() && self.in_flight.is_empty()
    }
}

fn place(seq: u64) -> usize {
    usize::try_from(seq).expect("a place fits the address space")
}
