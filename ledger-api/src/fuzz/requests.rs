//! Commands with arbitrary bodies, carried out one after the other by an engine in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use allocation_counter::measure;
use bolero::TypeGenerator;
use ledger_core::decide::{Answer, Standing};
use ledger_core::event::Record;
use ledger_core::ids::Seq;
use ledger_core::projection::books::Books;
use ledger_core::rejection::Rejection;
use ledger_core::state::LedgerState;
use ledger_core::time::Timestamp;
use ledger_store::deciding::Deciding;
use ledger_store::event_log::EventLog;
use ledger_store::{Block, ChainHash, Framer, MemLog, codec};
use serde_json::{Map, Value, json};

use super::{COMMANDS, allocated_max};
use crate::line;

/// A command: one as it should be, then changed.
#[derive(Debug, TypeGenerator)]
struct Sent {
    command: u8,
    correlation: u8,
    reference: u8,
    matching: u8,
    account: u8,
    amount: i32,
    day: i8,
    changes: Vec<Change>,
}

/// A field, by its place among all there are, that is something else.
#[derive(Debug, TypeGenerator)]
struct Change {
    field: u8,
    what: What,
}

#[derive(Debug, TypeGenerator)]
enum What {
    Removed,
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    Known(u8),
    List(Vec<u8>),
    /// A field that is there under another name.
    Renamed(u8),
    Added(String),
}

/// Texts that some field of some command has a meaning for.
const KNOWN: [&str; 28] = [
    "FEE",
    "BONUS",
    "INT",
    "PAY",
    "BAL_ADJ",
    "RMB",
    "LOAD",
    "UNLOAD",
    "TRN",
    "CREDIT",
    "DEBIT",
    "FULL",
    "PARTIAL",
    "MAX",
    "PAY_LATER",
    "PAY_BEFORE",
    "REVERSAL_ON_DEMAND",
    "2024-02-29",
    "1900-01-01",
    "2199-12-31T23:59:59.999Z",
    "10000000000000000001",
    "1000000000000001",
    "4546172396081630",
    "CLEARING",
    "Authorization",
    "ReserveUpdate",
    "Advice",
    "Decline",
];

/// Carrying out any commands neither panics nor takes more memory than they account for; every refusal has a
/// code and names a field; and the books that come of it are right.
#[test]
fn arbitrary_commands_are_answered_and_leave_the_books_right() {
    bolero::check!()
        .with_type::<Vec<Sent>>()
        .for_each(|sent| carry_out(sent.iter().map(text)));
}

/// Else the law above would hold of refusals alone.
#[test]
fn the_commands_that_are_changed_are_carried_out() {
    let mut engine = Engine::default();
    SCENE.iter().for_each(|line| engine.carry_out(line));
    let mut unchanged = |command: u8, correlation: u8| {
        let sent = Sent {
            command,
            correlation,
            reference: correlation,
            matching: 7,
            account: 0,
            amount: if matches!(command, 9 | 16) { -900 } else { 900 },
            day: 0,
            changes: Vec::new(),
        };
        engine.carry_out(&text(&sent));
        engine.answers.last().expect("an answer").outcome.is_ok()
    };
    // A fee, interest, a payment, an adjustment, a transaction; and the reversal of the fee; an
    // authorization, an update of its reserve, and the clearing of all of it.
    for command in [7, 9, 10, 11, 15, 16, 18, 19, 21] {
        assert!(unchanged(command, command), "command {command}");
    }
    assert!(!unchanged(20, 20), "all that was reserved is cleared");
    assert!(unchanged(22, 22), "an offline reservation");
    engine.check();
}

/// Also a field without a name, or with one that must not be repeated, has to be pointed at.
#[test]
fn a_field_that_cannot_be_named_is_pointed_at() {
    let start = r#"{"issuerId":"i","correlationId":"c","command":"close-account""#;
    for (rest, code, field) in [
        (
            r#","account":{"accountReference":"10000000000000000001"},"":1}"#,
            "INVALID_REQUEST",
            "?",
        ),
        (
            r#","account":{"accountReference":"10000000000000000001"," ":1}}"#,
            "INVALID_REQUEST",
            "account.?",
        ),
        (
            r#","account":{"accountReference":"10000000000000000001"},"4546172396081630":1}"#,
            "PAN_NOT_ALLOWED",
            "?",
        ),
    ] {
        let line = format!("{start}{rest}");
        let refusal = line::parse(&line).expect_err("no command has such a field");
        assert_eq!((refusal.code(), refusal.field()), (code, field));
    }
}

/// What is there before: an issuer, a product, a program and two accounts.
static SCENE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let bodies = [
        (
            "configure-issuer",
            json!({"timeZone": "Europe/Prague", "businessDate": "2025-01-01"}),
        ),
        (
            "define-product",
            json!({"productReference": "P", "currency": "EUR", "workingMode": "PAY_LATER", "feeTypes": ["F"],
                "defaultCreditLimitAmount": amount(1_000_000)}),
        ),
        (
            "define-bonus-program",
            json!({"bonusProgramReference": "B", "monetary": true, "loyaltyUnits": ["POINT"]}),
        ),
        (
            "open-account",
            json!({"issuerAccountExternalReference": "A0", "productReference": "P", "bonusProgramReferences": ["B"]}),
        ),
        (
            "open-account",
            json!({"issuerAccountExternalReference": "A1", "productReference": "P", "parentExternalReference": "A0"}),
        ),
    ];
    let line = |(place, (command, body)): (usize, (&str, Value))| {
        json!({"issuerId": "i", "correlationId": format!("scene {place}"), "command": command, "body": body})
            .to_string()
    };
    bodies.into_iter().enumerate().map(line).collect()
});

fn amount(minor: i64) -> Value {
    json!({"value": minor, "exponent": 2, "isoCode": "EUR"})
}

fn text(sent: &Sent) -> String {
    let lines: Vec<_> = COMMANDS.lines().collect();
    let line = lines[usize::from(sent.command) % lines.len()];
    let mut line: Value = serde_json::from_str(line).expect("commands as they should be");
    line["correlationId"] = json!(format!("c{}", sent.correlation));
    if line.get("account").is_some() {
        line["account"] =
            json!({"issuerAccountExternalReference": format!("A{}", sent.account % 2)});
    }
    let body = line["body"].as_object_mut();
    let body = body.map_or(Map::new(), std::mem::take);
    line["body"] = Value::Object(
        body.into_iter()
            .map(|field| coherent(sent, field))
            .collect(),
    );
    for change in &sent.changes {
        let mut fields = Vec::new();
        paths(&line, &mut Vec::new(), &mut fields);
        if let Some(path) = fields.get(usize::from(change.field) % fields.len().max(1)) {
            apply(&mut line, path, &change.what);
        }
    }
    line.to_string()
}

/// The field as it goes together with the other commands of a sequence.
fn coherent(sent: &Sent, (name, value): (String, Value)) -> (String, Value) {
    let date = "2025-01-01T10:00:00Z";
    let value = match name.as_str() {
        "referenceAmount" => amount(sent.amount.into()),
        "externalOperationReference" => json!(format!("r{}", sent.reference)),
        "externalMatchingOperationReference" => json!(format!("r{}", sent.matching)),
        "transactionId" | "offlineReservationReference" => json!(format!("r{}", sent.reference)),
        "businessCaseId" | "authorizationBusinessCaseIdentifier" => {
            json!(format!("b{}", sent.matching))
        }
        "totalBillingAmount" | "amount" => amount(sent.amount.into()),
        "externalOperationDate" | "externalMatchingOperationDate" => json!(date),
        "valueDate" | "businessDate" | "reserveExpiryDate" => {
            json!(format!("2025-01-{:02}", sent.day.rem_euclid(31) + 1))
        }
        "adjustment" => json!(false),
        "adjustmentReason" if sent.amount % 2 == 0 => Value::Null,
        _ => value,
    };
    (name, value)
}

/// A step into a value: the name of a field, or the place of an element.
type Path = Vec<String>;

fn paths(value: &Value, at: &mut Path, found: &mut Vec<Path>) {
    if let Some(fields) = value.as_object() {
        for (name, value) in fields {
            at.push(name.clone());
            found.push(at.clone());
            paths(value, at, found);
            at.pop();
        }
    }
}

fn apply(line: &mut Value, path: &Path, what: &What) {
    let Some((name, parents)) = path.split_last() else {
        return;
    };
    let mut holder = line;
    for parent in parents {
        holder = &mut holder[parent.as_str()];
    }
    let Some(fields) = holder.as_object_mut() else {
        return;
    };
    let known = |place: u8| KNOWN[usize::from(place) % KNOWN.len()];
    let value = match what {
        What::Removed => {
            fields.remove(name);
            return;
        }
        What::Renamed(place) => {
            let value = fields.remove(name).unwrap_or_default();
            fields.insert(known(*place).to_owned(), value);
            return;
        }
        What::Added(other) => {
            let value = fields[name].clone();
            fields.insert(other.clone(), value);
            return;
        }
        What::Null => Value::Null,
        What::Bool(value) => json!(value),
        What::Integer(value) => json!(value),
        What::Text(text) => json!(text),
        What::Known(place) => json!(known(*place)),
        What::List(places) => places.iter().map(|place| known(*place)).collect(),
    };
    fields.insert(name.clone(), value);
}

fn carry_out(lines: impl Iterator<Item = String>) {
    let mut engine = Engine::default();
    SCENE.iter().for_each(|line| engine.carry_out(line));
    for line in lines {
        engine.carry_out(&line);
    }
    engine.check();
}

/// 2025-01-02T00:00:00Z.
const NOW: Timestamp = Timestamp(1_735_776_000_000);
/// What carrying out one command may allocate besides reading it: histories and indexes grow by steps.
const DECIDING_ALLOCATED_MAX: u64 = 1 << 20;

struct Engine {
    deciding: Deciding,
    books: Books,
    records: Vec<Record>,
    answers: Vec<Answer>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            deciding: Deciding::new(LedgerState::default(), MemLog::new().reader()),
            books: Books::default(),
            records: Vec::new(),
            answers: Vec::new(),
        }
    }
}

impl Engine {
    fn carry_out(&mut self, text: &str) {
        let mut outcome = Ok(());
        let allocated = measure(|| outcome = self.submit(text));
        assert!(
            allocated.bytes_max <= allocated_max(text) + DECIDING_ALLOCATED_MAX,
            "{} bytes for a command of {}",
            allocated.bytes_max,
            text.len()
        );
        if let Err(refusal) = outcome {
            says_what_is_wrong(&refusal);
        }
    }

    fn submit(&mut self, text: &str) -> Result<(), Rejection> {
        let request = line::parse(text)?.request;
        // Nothing is durable here, so everything decided stays at hand.
        let mut batch = self.deciding.begin(Seq(0), 1);
        self.deciding
            .decide(vec![request], NOW, &mut batch)
            .expect("nothing is read back");
        let records: Arc<Vec<Record>> = self.deciding.end(batch.records);
        self.books.apply_all(&records);
        self.records.extend(records.iter().cloned());
        assert_eq!(batch.answers.len(), 1, "every command has one answer");
        for answer in batch.answers {
            if let Err(refusal) = &answer.outcome {
                says_what_is_wrong(&refusal.rejection);
                assert_eq!(
                    answer.seq.is_some(),
                    refusal.standing == Standing::Remembered
                );
            }
            self.answers.push(answer);
        }
        Ok(())
    }

    /// What was decided is what the log will say, and it adds up.
    fn check(&self) {
        let mut blocks: Vec<Block> = Vec::new();
        Framer::continuing(ChainHash::EMPTY)
            .frame(&self.records, &mut blocks)
            .expect("a command makes a record that fits");
        let read = blocks.iter().flat_map(codec::decode_all);
        let read: Vec<Record> = read.collect::<Result<_, _>>().expect("what was encoded");
        assert_eq!(read, self.records);
        let mut keys = BTreeSet::new();
        for record in &read {
            let is_new = keys.insert(format!("{:?}", record.event.correlation));
            assert!(is_new, "a correlation id has two records");
            let Some(key) = record.second_key() else {
                continue;
            };
            let is_new = keys.insert(format!("{key:?}"));
            assert!(is_new, "a name outside was taken twice");
        }
        let state = LedgerState::replay(&read);
        assert_eq!(state.portfolio(), self.deciding.state().portfolio());
        assert_eq!(state.portfolio(), self.books.portfolio());
        let discrepancies = self
            .books
            .general_ledger()
            .discrepancies(self.books.portfolio());
        assert!(discrepancies.is_empty(), "{discrepancies:?}");
    }
}

fn says_what_is_wrong(refusal: &Rejection) {
    let is_code = |code: &str| {
        !code.is_empty()
            && code
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    assert!(is_code(refusal.code()), "{refusal:?}");
    assert!(!refusal.field().is_empty(), "{refusal:?}");
    assert!(!refusal.to_string().is_empty(), "{refusal:?}");
}
