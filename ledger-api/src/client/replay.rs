//! Replaying a history into a service: lines are handed in many at a time, and each has its outcome.

use std::borrow::Cow;
use std::io::{self, Read};
use std::time::Instant;

use ledger_core::ids::{AccountReference, OperationId};
use ledger_core::text::IssuerId;

use super::queries::issuer_path;
use super::{Client, ClientError};
use crate::http::bulk::{BULK_LINES_MAX, ResultLine};
use crate::http::router::BULK_BYTES_MAX;
use crate::line::LINE_BYTES_MAX;
use crate::replay::input::Input;
use crate::replay::parsing::parse_line;
use crate::replay::{ReplayError, ResultView, Source, Summary, malformed};

/// Bytes of the lines of a call; one more line always fits what the service takes.
const CALL_BYTES_MAX: usize = BULK_BYTES_MAX - LINE_BYTES_MAX - 1;

impl Client {
    /// Has the lines of an input carried out in order and tells `told` the outcomes, in order, some at a time.
    ///
    /// `told` gets the bytes of input behind them too, for showing progress. One call is made after the other,
    /// each with the next lines of one issuer. A call that broke off is made again, so a line may be told as
    /// a duplicate that its own first try applied.
    ///
    /// # Errors
    /// [`ReplayError`]. Lines told before it are durable; replaying the input again is safe.
    pub fn replay(
        &self,
        input: impl Read,
        source: Source,
        told: impl FnMut(&[ResultView<'_>], u64) -> io::Result<()>,
    ) -> Result<Summary, ReplayError> {
        let started = Instant::now();
        let mut replay = Replay {
            client: self,
            told,
            issuer: None,
            sent: Vec::new(),
            body: Vec::new(),
            results: Vec::new(),
            end: 0,
            summary: Summary::default(),
        };
        replay.run(input, source)?;
        let mut summary = replay.summary;
        summary.take_time(started.elapsed());
        Ok(summary)
    }
}

struct Replay<'a, T> {
    client: &'a Client,
    told: T,
    /// Whose lines the next call has.
    issuer: Option<IssuerId>,
    /// Their numbers in the input.
    sent: Vec<u64>,
    /// The lines themselves.
    body: Vec<u8>,
    /// Lines that cannot be read and need not be sent, with the number of those before that are.
    results: Vec<(usize, ResultView<'static>)>,
    /// Bytes of input up to here.
    end: u64,
    summary: Summary,
}

impl<T: FnMut(&[ResultView<'_>], u64) -> io::Result<()>> Replay<'_, T> {
    fn run(&mut self, input: impl Read, source: Source) -> Result<(), ReplayError> {
        let mut input = Input::new(input, source);
        let mut number = 0;
        let mut memory = Vec::new();
        while let Some(lines) = input.next(memory).map_err(ReplayError::Input)? {
            for line in lines.bytes.split_inclusive(|byte| *byte == b'\n') {
                number += 1;
                self.take(line, number)?;
            }
            self.end = lines.end;
            // Reading on would wait for the sender, who may be waiting for our answers.
            if source == Source::Stream {
                self.settle()?;
            }
            memory = lines.bytes;
        }
        self.settle()
    }

    /// Takes a line, after handing in those before it if it cannot go with them.
    fn take(&mut self, bytes: &[u8], number: u64) -> Result<(), ReplayError> {
        let Some((text, parsed)) = parse_line(bytes, number == 1) else {
            return Ok(());
        };
        match parsed {
            Err(rejection) => {
                let result = malformed(number, rejection);
                let view = owned(ResultView::of(&result));
                self.results.push((self.sent.len(), view));
            }
            Ok(line) => {
                let issuer = line.request.issuer;
                let is_full = self.sent.len() == BULK_LINES_MAX || self.body.len() > CALL_BYTES_MAX;
                if is_full || self.issuer.as_ref() != Some(&issuer) {
                    self.settle()?;
                    self.issuer = Some(issuer);
                }
                self.sent.push(number);
                self.body.extend_from_slice(text);
                if !text.ends_with(b"\n") {
                    self.body.push(b'\n');
                }
            }
        }
        // A file of nothing that can be read must not fill the memory either.
        if self.results.len() >= BULK_LINES_MAX {
            self.settle()?;
        }
        Ok(())
    }

    /// Hands in the lines that wait, and tells the outcomes of all.
    fn settle(&mut self) -> Result<(), ReplayError> {
        let answers = match &self.issuer {
            Some(issuer) if !self.sent.is_empty() => {
                let body = std::mem::take(&mut self.body);
                self.client.carry_out(issuer, body, self.sent.len())?
            }
            Some(_) | None => Vec::new(),
        };
        let count = self.results.len() + answers.len();
        let mut unsent = std::mem::take(&mut self.results).into_iter().peekable();
        let mut told = Vec::with_capacity(count);
        for (place, (answer, number)) in answers.into_iter().zip(self.sent.drain(..)).enumerate() {
            while let Some((_, view)) = unsent.next_if(|(before, _)| *before <= place) {
                told.push(view);
            }
            self.summary.expectations_checked += answer.expectations_checked;
            told.push(view_of(answer, number));
        }
        told.extend(unsent.map(|(_, view)| view));
        for view in &told {
            self.summary.count(view.outcome);
            self.summary.expectations_failed += view.expectations_failed.len() as u64;
        }
        if told.is_empty() {
            return Ok(());
        }
        (self.told)(&told, self.end).map_err(ReplayError::Results)
    }
}

impl Client {
    /// Has lines of one issuer carried out.
    fn carry_out(
        &self,
        issuer: &IssuerId,
        body: Vec<u8>,
        lines: usize,
    ) -> Result<Vec<ResultLine<'static>>, ClientError> {
        let call = issuer_path(issuer.as_str())
            .at("/bulk-operations")
            .body("application/x-ndjson", body);
        let bytes = self.read_whole(self.send(&call)?)?;
        let results = bytes.split(|byte| *byte == b'\n');
        let results = results
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(|error| self.unreadable(error)));
        let results: Vec<_> = results.collect::<Result<_, _>>()?;
        if results.len() != lines {
            let problem = format!("{} results for {lines} lines", results.len());
            return Err(self.unreadable(problem));
        }
        Ok(results)
    }
}

fn view_of(answer: ResultLine<'static>, line: u64) -> ResultView<'static> {
    let operation_id = answer.operation_id.and_then(|id| id.parse().ok());
    let operation_id = operation_id.and_then(OperationId::from_number);
    let account = answer.account_reference.and_then(|of| of.parse().ok());
    ResultView {
        line,
        outcome: answer.outcome,
        code: answer.code,
        field: answer.field,
        operation_id,
        account_reference: account
            .map(AccountReference::from_number)
            .filter(|_| operation_id.is_none()),
        result_type: answer.result_type,
        decline_reason: answer.decline_reason,
        message: answer.message,
        expectations_failed: answer.expectations_failed,
    }
}

fn owned(view: ResultView<'_>) -> ResultView<'static> {
    let text = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
    ResultView {
        line: view.line,
        outcome: view.outcome,
        code: text(view.code),
        field: text(view.field),
        operation_id: view.operation_id,
        account_reference: view.account_reference,
        result_type: text(view.result_type),
        decline_reason: text(view.decline_reason),
        message: text(view.message),
        expectations_failed: Cow::Owned(view.expectations_failed.into_owned()),
    }
}
