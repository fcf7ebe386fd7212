//! Replaying a history: one command a line, in order, each with its outcome.
//!
//! Chunks of lines are read here, parsed by threads beside, and handed to the writer in
//! order; several are on their way at a time. The outcome of a line is told only once it is durable.
//! Nothing a line says stops the replay: a line that cannot be read is counted and told like any other.
//! Sending the same lines again is safe.

pub(crate) mod input;
pub(crate) mod parsing;
mod result_view;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use ledger_core::authorization::AuthorizationResult;
use ledger_core::decide::{Answer, Refusal, Standing};
use ledger_core::ids::{AccountReference, OperationId};
use ledger_core::money::Amount;
use ledger_core::portfolio::{AccountAmounts, PackedAmounts};
use ledger_core::rejection::Rejection;
use ledger_store::writer::Ticket;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::client::ClientError;
use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::line::Expect;
use input::Input;
use parsing::{Chunk, Parsers, Pending, Waiting};

pub use result_view::ResultView;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was carried out.
    Applied,
    /// It was carried out before: the same correlation id, or the same operation under its triplet.
    SkippedDuplicate,
    /// Its correlation id or its triplet was used before for something else.
    Conflict,
    /// A rule refused it.
    Rejected,
    /// It could not be read, or its form alone is wrong.
    Malformed,
}

impl Outcome {
    /// The word that programs are told.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::SkippedDuplicate => "SKIPPED_DUPLICATE",
            Self::Conflict => "CONFLICT",
            Self::Rejected => "REJECTED",
            Self::Malformed => "MALFORMED",
        }
    }
}

/// A line and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineResult {
    /// Number of the line in its input, from 1.
    pub line: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was not applied, now or the first time.
    pub rejection: Option<Rejection>,
    /// The operation it posted, or the one that was there before.
    pub operation: Option<OperationId>,
    /// The account that the command was about, where it was carried out.
    pub account: Option<AccountReference>,
    /// Of a message of the authorization system: whether it was approved, and why not.
    pub authorization: Option<AuthorizationResult>,
    /// Amounts that were expected and not found.
    pub failed: Vec<FailedExpectation>,
}

/// An amount that was expected after a line and not found. Values are minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedExpectation {
    /// `accountBalance` or `openToBuy`.
    pub field: Cow<'static, str>,
    /// What the line expects, in its currency.
    pub expected: String,
    /// What the account shows, in its currency; `none` where it has no such amount.
    pub actual: String,
}

/// Totals of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Lines that are not blank.
    pub lines: u64,
    /// Lines of outcome APPLIED.
    pub applied: u64,
    /// Lines of outcome SKIPPED_DUPLICATE.
    pub skipped_duplicate: u64,
    /// Lines of outcome CONFLICT.
    pub conflict: u64,
    /// Lines of outcome REJECTED.
    pub rejected: u64,
    /// Lines of outcome MALFORMED.
    pub malformed: u64,
    /// Amounts compared.
    pub expectations_checked: u64,
    /// Amounts that differed.
    pub expectations_failed: u64,
    /// Time taken.
    pub seconds: f64,
    /// Lines a second.
    pub operations_per_second: u64,
}

/// Why a replay stopped before the end of its input.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The input could not be read.
    #[error("the input cannot be read: {0}")]
    Input(#[source] io::Error),
    /// The results could not be written.
    #[error("the results cannot be written: {0}")]
    Results(#[source] io::Error),
    /// The ledger has no answer.
    #[error(transparent)]
    Ledger(#[from] ApiError),
    /// The service has no answer.
    #[error(transparent)]
    Service(#[from] ClientError),
}

/// Chunks on their way at a time, some sixty thousand usual lines: two batches for each thread of the writer, and
/// some that wait. The queue holds as many.
const CHUNKS_IN_FLIGHT: usize = 60;

/// Where a replay's input comes from, which decides when it may wait for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// All lines are there; chunks are always filled.
    File,
    /// Lines arrive as somebody writes them; whatever has arrived is carried out and answered before
    /// waiting for more.
    Stream,
}

/// Carries out the lines of an input in order and tells `told` the outcomes, in order, some at a time.
///
/// `told` gets the bytes of input behind them too, for showing progress. The next lines may not come
/// before it has passed the outcomes on.
///
/// # Errors
/// [`ReplayError`]. Lines told before it are durable; replaying the input again is safe.
pub fn replay(
    ledger: &Ledger,
    input: impl Read,
    source: Source,
    told: impl FnMut(&[LineResult], u64) -> io::Result<()>,
) -> Result<Summary, ReplayError> {
    let mut replay = Replay {
        ledger,
        told,
        parsing: VecDeque::new(),
        in_flight: VecDeque::new(),
        lines_before: 0,
        results: Vec::new(),
        spare: Vec::new(),
        summary: Summary::default(),
    };
    let started = Instant::now();
    // However this ends, the parsers end with it: nothing keeps them waiting once `parsers` is gone.
    thread::scope(|scope| {
        let parsers = Parsers::start(scope);
        let ran = replay.run(input, source, &parsers);
        // What was handed in before it ended may be durable, and is told all the same, up to what is not. What went
        // wrong first says more than what followed from it.
        if !matches!(ran, Ok(()) | Err(ReplayError::Results(_))) {
            let _ = replay.settle(0);
        }
        ran
    })?;
    let mut summary = replay.summary;
    summary.take_time(started.elapsed());
    Ok(summary)
}

struct Replay<'a, T> {
    ledger: &'a Ledger,
    told: T,
    /// Chunks that are being parsed, in order.
    parsing: VecDeque<Pending>,
    /// Chunks that were handed in, each with the number of lines before it.
    in_flight: VecDeque<(Chunk, u64, Ticket)>,
    /// Lines of the chunks that were handed in.
    lines_before: u64,
    /// The results of one chunk; kept for its memory, as is what `spare` holds.
    results: Vec<LineResult>,
    spare: Vec<Vec<u8>>,
    summary: Summary,
}

impl<T: FnMut(&[LineResult], u64) -> io::Result<()>> Replay<'_, T> {
    fn run(
        &mut self,
        input: impl Read,
        source: Source,
        parsers: &Parsers,
    ) -> Result<(), ReplayError> {
        let mut input = Input::new(input, source);
        let mut is_first = true;
        loop {
            // Reading on would wait for the sender, who may be waiting for our answers.
            if source == Source::Stream {
                self.settle_all()?;
            }
            let memory = self.spare.pop().unwrap_or_default();
            let Some(lines) = input.next(memory).map_err(ReplayError::Input)? else {
                return self.settle_all();
            };
            self.parsing.push_back(parsers.parse(lines, is_first));
            is_first = false;
            while self.parsing.len() >= parsers.chunks_max()
                || self.parsing.front().is_some_and(Pending::is_ready)
            {
                self.submit_next()?;
            }
            self.settle(CHUNKS_IN_FLIGHT)?;
        }
    }

    fn settle_all(&mut self) -> Result<(), ReplayError> {
        while !self.parsing.is_empty() {
            self.submit_next()?;
        }
        self.settle(0)
    }

    /// Waits for the next chunk to be parsed, and hands it in.
    fn submit_next(&mut self) -> Result<(), ReplayError> {
        let Some(pending) = self.parsing.pop_front() else {
            return Ok(());
        };
        let mut chunk = pending.wait();
        self.spare.push(std::mem::take(&mut chunk.source.bytes));
        let lines_before = self.lines_before;
        self.lines_before += chunk.lines_in_all;
        if !chunk.lines.is_empty() {
            let requests = std::mem::take(&mut chunk.requests);
            let ticket = self.ledger.ticket_when_free(requests)?;
            self.in_flight.push_back((chunk, lines_before, ticket));
        }
        Ok(())
    }

    /// Waits for answers until at most `left` chunks are on their way.
    fn settle(&mut self, left: usize) -> Result<(), ReplayError> {
        while self.in_flight.len() > left {
            let Some((chunk, lines_before, ticket)) = self.in_flight.pop_front() else {
                break;
            };
            let mut answers = ticket.wait().map_err(ApiError::from)?.into_iter();
            self.results.clear();
            for waiting in chunk.lines {
                let result = match waiting {
                    Waiting::Malformed { line, rejection } => {
                        malformed(lines_before + line, rejection)
                    }
                    Waiting::Submitted { line, expect } => {
                        let answer = answers.next().expect("every request has an answer");
                        let (result, checked) = judged(lines_before + line, answer, expect);
                        self.summary.expectations_checked += checked;
                        self.summary.expectations_failed += result.failed.len() as u64;
                        result
                    }
                };
                self.summary.count(result.outcome);
                self.results.push(result);
            }
            (self.told)(&self.results, chunk.source.end).map_err(ReplayError::Results)?;
        }
        Ok(())
    }
}

/// A line that cannot be read.
pub(crate) fn malformed(line: u64, rejection: Rejection) -> LineResult {
    LineResult {
        line,
        outcome: Outcome::Malformed,
        rejection: Some(rejection),
        operation: None,
        account: None,
        authorization: None,
        failed: Vec::new(),
    }
}

/// What the answer to a line means, and how many amounts were compared.
pub(crate) fn judged(line: u64, answer: Answer, expect: Expect) -> (LineResult, u64) {
    let amounts = answer.amounts.map(PackedAmounts::unpack);
    let accepted = answer.outcome.as_ref().ok();
    let authorization = accepted.and_then(|accepted| accepted.authorization);
    let account = accepted.and_then(|accepted| accepted.account);
    let (outcome, rejection, operation) = outcome_of(answer);
    let (failed, checked) = match outcome {
        // A line that should have been applied and was refused is still held to what it expects.
        Outcome::Applied | Outcome::Rejected => compare(expect, amounts),
        // What was carried out before, or was meant for something else, says nothing about now.
        Outcome::SkippedDuplicate | Outcome::Conflict | Outcome::Malformed => (Vec::new(), 0),
    };
    let result = LineResult {
        line,
        outcome,
        rejection,
        operation,
        account,
        authorization,
        failed,
    };
    (result, checked)
}

fn compare(expect: Expect, amounts: Option<AccountAmounts>) -> (Vec<FailedExpectation>, u64) {
    let balance = amounts.map(|amounts| (amounts.balance_minor, amounts.currency));
    let open_to_buy = amounts.and_then(|amounts| {
        amounts
            .open_to_buy_minor
            .map(|minor| (minor, amounts.currency))
    });
    let (mut failed, mut checked) = (Vec::new(), 0);
    for (field, expected, actual) in [
        ("accountBalance", expect.account_balance, balance),
        ("openToBuy", expect.open_to_buy, open_to_buy),
    ] {
        let Some(expected) = expected else { continue };
        checked += 1;
        if actual != Some((i128::from(expected.minor), expected.currency)) {
            failed.push(FailedExpectation::new(field, expected, actual));
        }
    }
    (failed, checked)
}

impl Summary {
    /// Sets the time that a replay took.
    pub(crate) fn take_time(&mut self, taken: Duration) {
        self.seconds = taken.as_secs_f64();
        let rate = u128::from(self.lines) * 1_000_000 / taken.as_micros().max(1);
        self.operations_per_second = u64::try_from(rate).unwrap_or(u64::MAX);
    }

    pub(crate) fn count(&mut self, outcome: Outcome) {
        self.lines += 1;
        *match outcome {
            Outcome::Applied => &mut self.applied,
            Outcome::SkippedDuplicate => &mut self.skipped_duplicate,
            Outcome::Conflict => &mut self.conflict,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Malformed => &mut self.malformed,
        } += 1;
    }

    /// Totals of this replay and another one, the time of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let lines = self.lines + other.lines;
        let seconds = Duration::from_secs_f64(self.seconds)
            .saturating_add(Duration::from_secs_f64(other.seconds));
        let rate = u128::from(lines) * 1_000_000 / seconds.as_micros().max(1);
        Self {
            lines,
            applied: self.applied + other.applied,
            skipped_duplicate: self.skipped_duplicate + other.skipped_duplicate,
            conflict: self.conflict + other.conflict,
            rejected: self.rejected + other.rejected,
            malformed: self.malformed + other.malformed,
            expectations_checked: self.expectations_checked + other.expectations_checked,
            expectations_failed: self.expectations_failed + other.expectations_failed,
            seconds: seconds.as_secs_f64(),
            operations_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
        }
    }
}

impl FailedExpectation {
    fn new(
        field: &'static str,
        expected: Amount,
        actual: Option<(i128, ledger_core::money::Currency)>,
    ) -> Self {
        Self {
            field: field.into(),
            expected: format!("{} {}", expected.minor, expected.currency.code()),
            actual: match actual {
                Some((minor, currency)) => format!("{minor} {}", currency.code()),
                None => "none".to_owned(),
            },
        }
    }
}

/// What an answer means for a line of a batch.
///
/// Source: specification, A18 and 2e: in a batch, an operation that is there already under its
/// triplet is a duplicate to skip if it is the same, and a conflict if it is not. So is a message of
/// the authorization system under its transaction id, and an offline reservation under its reference.
fn outcome_of(answer: Answer) -> (Outcome, Option<Rejection>, Option<OperationId>) {
    let replayed = answer.replayed;
    let Refusal {
        rejection,
        standing,
    } = match answer.outcome {
        Ok(accepted) if replayed => return (Outcome::SkippedDuplicate, None, accepted.operation),
        Ok(accepted) => return (Outcome::Applied, None, accepted.operation),
        Err(refusal) => *refusal,
    };
    let is_mismatch = matches!(rejection, Rejection::IdempotencyPayloadMismatch { .. });
    let (existing, same_payload) = if let Rejection::DuplicateExternalTriplet {
        existing,
        same_payload,
    } = &rejection
    {
        (Some(*existing), Some(*same_payload))
    } else if let Rejection::DuplicateTransactionId { same_payload }
    | Rejection::DuplicateReservation { same_payload } = &rejection
    {
        (None, Some(*same_payload))
    } else {
        (None, is_mismatch.then_some(false))
    };
    let outcome = match same_payload {
        _ if standing == Standing::Malformed => Outcome::Malformed,
        _ if replayed => Outcome::SkippedDuplicate,
        Some(true) => Outcome::SkippedDuplicate,
        Some(false) => Outcome::Conflict,
        None => Outcome::Rejected,
    };
    (outcome, Some(rejection), existing)
}
