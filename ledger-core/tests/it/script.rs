//! Tables in the words of the domain, run against the engine.
//!
//! A line is a command, a question or the clock; what follows `->` is what must come of it:
//!
//! ```text
//! issuer  wl Europe/Berlin date=2023-01-02
//! product CREDIT EUR PAY_LATER fees=MANUAL_FEE limit=10000.00
//! open    A1 CREDIT
//! fee     A1 15.00 MANUAL_FEE key=c1 ref=F1   -> posted op=1 value=2023-01-02
//! fee     A1 15.00 MANUAL_FEE key=c1 ref=F1   -> replayed op=1
//! fee     A1 15.00 OTHER_FEE                  -> FEE_TYPE_NOT_ALLOWED feeType remembered
//! balance A1                                  -> 15.00 otb=9985.00 prevailing=9985.00
//! ```
//!
//! The first word of an answer must be the first one expected; of the rest it may say more. A refusal
//! says its code, its field, what it means for the correlation id (`malformed`, `unrecorded` or
//! `remembered`) and its message. A command without `->` must be carried out, for the first time.
//!
//! `ref=F1` names a triplet and keeps the date of its first use (`at=`, else the clock); `key=` is
//! the correlation id; `op=N` counts the operations of the log. After each line the books must
//! balance; after the table, the same requests in batches of 1, 7 and 1000 must give the same log.

mod authorizations;
mod commands;
mod line;
mod questions;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ledger_core::command::{AccountSelector, Request};
use ledger_core::decide::{Answer, Batch, Standing, decide};
use ledger_core::event::{EventBody, OperationView, Record};
use ledger_core::ids::{AccountIndex, OperationId, Seq};
use ledger_core::money::{Currency, Unit};
use ledger_core::portfolio::{PackedAmounts, Portfolio};
use ledger_core::projection::books::Books;
use ledger_core::rejection::Rejection;
use ledger_core::state::{LedgerState, Recalled};
use ledger_core::text::{ExternalReference, IssuerId};
use ledger_core::time::Timestamp;

use line::{Line, decimal, instant};

/// Runs a table.
///
/// # Panics
/// With the table, marked where a line did not give what it says.
pub(crate) fn check(table: &str) -> Script {
    let mut script = Script::new();
    script.run(table);
    script.check_batches(&[1, 7, 1000]);
    script
}

/// The engine as a table sees it: a writer, a reader, a log and a clock.
pub(crate) struct Script {
    state: LedgerState,
    books: Books,
    pub(crate) log: Vec<Record>,
    now: Timestamp,
    issuer: String,
    triplets: HashMap<(IssuerId, String), ledger_core::command::Triplet>,
    pub(crate) sent: Vec<(Timestamp, Request)>,
    answers: Vec<Answer>,
    /// Codes of the refusals that were given.
    pub(crate) codes: BTreeSet<&'static str>,
}

impl Script {
    fn new() -> Self {
        Self {
            state: LedgerState::default(),
            books: Books::default(),
            log: Vec::new(),
            now: instant("2023-01-02T14:20:34.715Z"),
            issuer: String::new(),
            triplets: HashMap::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            codes: BTreeSet::new(),
        }
    }

    fn run(&mut self, table: &str) {
        let mut shown = String::new();
        let mut wrong = 0;
        for (number, text) in (1..).zip(table.lines()) {
            shown.push_str(&format!("{number:>3} {}\n", text.trim()));
            let Some(mut line) = Line::parse(number, text) else {
                continue;
            };
            let actual = self.line(&mut line);
            line.end();
            if !is_as_expected(&line, &actual) {
                wrong += 1;
                shown.push_str(&format!("  ^ actual: {actual}\n"));
            }
            self.check_books();
        }
        assert!(wrong == 0, "{wrong} lines gave something else:\n{shown}");
    }

    fn line(&mut self, line: &mut Line<'_>) -> String {
        let times = line
            .option("times")
            .map_or(1, |times| times.parse().expect("a number"));
        match self.ask(line) {
            Some(answer) => answer,
            None => {
                let request = commands::request(self, line);
                self.send(&request, times)
            }
        }
    }

    fn send(&mut self, request: &Request, times: usize) -> String {
        let requests = vec![request.clone(); times];
        self.sent
            .extend(requests.iter().map(|request| (self.now, request.clone())));
        let batch = decide_as_the_writer(&mut self.state, &self.log, requests, self.now);
        for record in batch.records.iter() {
            self.books.apply(record);
        }
        self.log.extend(batch.records.into_vec());
        let [first, again @ ..] = batch.answers.as_slice() else {
            panic!("every request has an answer");
        };
        for answer in again {
            assert!(answer.replayed && answer.outcome == first.outcome && answer.seq == first.seq);
        }
        if let Some(seq) = first.seq.filter(|_| !first.replayed) {
            let account = self.record(seq).account();
            let amounts = account.map(|account| self.portfolio().amounts(account));
            assert_eq!(first.amounts.map(PackedAmounts::unpack), amounts);
        }
        let words = self.describe(first);
        self.answers.extend(batch.answers);
        words
    }

    fn describe(&mut self, answer: &Answer) -> String {
        let replayed = if answer.replayed { "replayed " } else { "" };
        match &answer.outcome {
            Ok(_) => {
                let record = self.record(answer.seq.expect("what was done is recorded"));
                if let Some(words) = self.describe_authorization(record) {
                    return format!("{replayed}{words}");
                }
                let done = record.operation().map_or_else(
                    || "done".to_owned(),
                    |operation| self.describe_operation(record, &operation),
                );
                format!("{replayed}{done}")
            }
            Err(refusal) => {
                let rejection = &refusal.rejection;
                self.codes.insert(rejection.code());
                let standing = match refusal.standing {
                    Standing::Malformed => "malformed",
                    Standing::Unrecorded => "unrecorded",
                    Standing::Remembered => "remembered",
                };
                let mut words = format!("{replayed}{} {}", rejection.code(), rejection.field());
                words.push_str(&format!(" {standing} {rejection}"));
                if let Rejection::DuplicateExternalTriplet {
                    existing,
                    same_payload,
                } = rejection
                {
                    let number = self.operation_number(*existing);
                    words.push_str(&format!(" op={number} same_payload={same_payload}"));
                }
                if let Rejection::DuplicateTransactionId { same_payload }
                | Rejection::DuplicateReservation { same_payload } = rejection
                {
                    words.push_str(&format!(" same_payload={same_payload}"));
                }
                words
            }
        }
    }

    fn describe_operation(&self, record: &Record, operation: &OperationView<'_>) -> String {
        let cancels = matches!(
            record.event.body,
            EventBody::OperationReversed { cancels_pending, .. } if cancels_pending
        );
        let done = match (operation.decided.pending, operation.original) {
            _ if cancels => "cancelled",
            (true, _) => "pending",
            (false, Some(_)) => "reversed",
            (false, None) => "posted",
        };
        let number = self.operation_number(operation.id);
        let quantity = operation.decided.quantity;
        let amount = match quantity.unit {
            Unit::Money => decimal(
                quantity.value.into(),
                self.currency(operation.decided.account),
            ),
            Unit::Points(_) => quantity.value.to_string(),
        };
        let value = operation.decided.value_date;
        let share = if operation.partial { "part" } else { "whole" };
        format!("{done} op={number} amount={amount} value={value} {share}")
    }

    fn issuer_index(&self) -> ledger_core::ids::IssuerIndex {
        let id = IssuerId::new(&self.issuer).expect("an id");
        self.portfolio().issuer_index(&id).expect("an issuer")
    }

    fn named(&self, name: &str) -> AccountIndex {
        let reference = ExternalReference::new(name).expect("an account");
        let found = self
            .portfolio()
            .by_external(self.issuer_index(), &reference);
        found.unwrap_or_else(|| panic!("no account {name}"))
    }

    fn account(&self, issuer: &IssuerId, account: &AccountSelector) -> Option<AccountIndex> {
        let issuer = self.portfolio().issuer_index(issuer)?;
        match account {
            AccountSelector::Reference(reference) => {
                self.portfolio().by_reference(issuer, *reference)
            }
            AccountSelector::External(reference) => self.portfolio().by_external(issuer, reference),
        }
    }

    fn portfolio(&self) -> &Portfolio {
        self.state.portfolio()
    }

    fn currency(&self, account: AccountIndex) -> Currency {
        self.portfolio().account(account).currency
    }

    fn record(&self, seq: Seq) -> &Record {
        &self.log[place(seq)]
    }

    fn operations(&self) -> impl Iterator<Item = OperationId> {
        let operations = self.log.iter().filter_map(Record::operation);
        operations.map(|operation| operation.id)
    }

    fn operation_number(&self, id: OperationId) -> usize {
        1 + self.operations().take_while(|known| *known != id).count()
    }

    /// The id of the operation with this number; one far ahead where there is none yet.
    fn operation_id(&self, number: &str) -> OperationId {
        let number: usize = number.parse().expect("a number");
        let known = self.operations().nth(number - 1);
        known.unwrap_or(OperationId::of(Seq(1_000_000)))
    }

    /// What must hold after every line.
    fn check_books(&self) {
        let portfolio = self.books.portfolio();
        assert_eq!(portfolio, self.state.portfolio(), "reader and writer agree");
        let discrepancies = self.books.general_ledger().discrepancies(portfolio);
        assert_eq!(discrepancies, [], "the books balance");
        for (index, account) in portfolio.accounts() {
            let by_date = self.books.balance_minor(index, None, None);
            assert_eq!(
                by_date, account.balance_minor,
                "the balance is the one of today"
            );
            let below = portfolio
                .accounts()
                .filter(|(_, below)| below.root == index);
            let paid = below.filter(|(place, below)| *place == index || below.root_pays);
            let paid: i128 = paid.map(|(_, below)| below.balance_minor).sum();
            if account.parent.is_none() {
                assert_eq!(portfolio.liable_minor(index), Some(paid));
            }
        }
    }

    /// Sends the same requests again, from nothing, in batches of each size: the records, the answers
    /// and the books must be the same; and so must a second fold of the log.
    pub(crate) fn check_batches(&self, sizes: &[usize]) {
        for size in sizes {
            let (mut state, mut log, mut answers) =
                (LedgerState::default(), Vec::new(), Vec::new());
            for same_time in self.sent.chunk_by(|a, b| a.0 == b.0) {
                for chunk in same_time.chunks(*size) {
                    let requests = chunk.iter().map(|(_, request)| request.clone()).collect();
                    let batch = decide_as_the_writer(&mut state, &log, requests, chunk[0].0);
                    log.extend(batch.records.into_vec());
                    answers.extend(batch.answers);
                }
            }
            assert!(log == self.log, "batches of {size} give another log");
            assert!(
                answers == self.answers,
                "batches of {size} give other answers"
            );
        }
        let mut books = Books::default();
        self.log.iter().for_each(|record| books.apply(record));
        assert!(books == self.books, "a second fold gives other books");
        let folded = LedgerState::replay(&self.log);
        assert_eq!(folded.portfolio(), self.state.portfolio());
        assert_eq!(folded.last_seq(), self.state.last_seq());
    }
}

/// Decides with the records that the state asks for, and no others.
fn decide_as_the_writer(
    state: &mut LedgerState,
    log: &[Record],
    requests: Vec<Request>,
    now: Timestamp,
) -> Batch {
    let list = state.recall_list(&requests);
    let recalled = list
        .into_iter()
        .map(|seq| Arc::new(log[place(seq)].clone()));
    decide(state, requests, now, &Recalled::new(recalled))
}

fn place(seq: Seq) -> usize {
    usize::try_from(seq.0 - 1).expect("a log fits in memory")
}

fn is_as_expected(line: &Line<'_>, actual: &str) -> bool {
    let actual: Vec<_> = actual.split_whitespace().collect();
    let Some(expected) = line.expected else {
        let carried_out = [
            "done",
            "posted",
            "pending",
            "reversed",
            "cancelled",
            "approved",
        ];
        return carried_out.contains(&actual[0]);
    };
    let expected: Vec<_> = expected.split_whitespace().collect();
    // The lines of a ledger have no order that matters.
    let begins = line.verb == "ledger" || expected.first() == actual.first();
    begins && expected.iter().all(|word| actual.contains(word))
}
