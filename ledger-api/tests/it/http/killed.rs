//! Killing the service under load loses nothing that it answered, and changes no answer.
//!
//! Several callers post, are refused, send messages and whole lists of lines, until the process is killed; then
//! the next one is started on the same directory. Each caller says again the last of what it was answered, must get
//! the same bytes, and goes on with the call that was cut off, which may have been carried out or not. In the
//! end everything is said once more, and the log holds each command once.
//!
//! `LEDGER_KILL_CYCLES` and `LEDGER_SEED` ask for more, and for other moments.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::{Value, json};

use super::desk::{Client, ISSUER, Said, Told, eur, fee, on, purchase};
use super::process::Process;
use crate::effort;
use crate::history::verified_records;

const CALLERS: usize = 6;
/// Lines of one call with many.
const LINES: usize = 20;
/// An issuer, a product, a program.
const SCENE_RECORDS: u64 = 3;
/// The account that all callers post to.
const SHARED: &str = "SHARED";

/// What a caller says in one call.
struct Call {
    target: String,
    said: Said,
    /// Events that come of it.
    records: u64,
    /// Cents that come onto the shared account.
    cents: i64,
}

/// One who calls, and all it was answered. Its calls follow each other in an order that is always the same.
struct Caller {
    number: usize,
    answers: Vec<Told>,
}

fn below(random: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(random.next_u64() % limit as u64).expect("small")
}

impl Caller {
    fn account(&self) -> String {
        format!("A{}", self.number)
    }

    fn call(&self, place: usize) -> Call {
        let name = format!("{}-{place}", self.number);
        let command = |target, body: &Value| Call {
            target,
            said: Said::command(&name, body),
            records: 1,
            cents: 0,
        };
        let own = |what: &str| on(&self.account(), what);
        match place % 5 {
            0 => Call {
                cents: 7,
                ..command(on(SHARED, "post-fee-operation"), &fee(&name, 7))
            },
            1 => command(own("post-transaction-operation"), &purchase(&name, 1)),
            // A refusal is answered for ever, too.
            2 => {
                let mut body = fee(&name, 7);
                body["feeType"] = json!("NO_SUCH_FEE");
                command(own("post-fee-operation"), &body)
            }
            3 => command(
                own("record-authorization"),
                &json!({
                    "transactionId": name, "businessCaseId": name, "transactionType": "Authorization",
                    "transactionSubType": "Request", "totalBillingAmount": eur(1),
                    "transactionDate": "2023-01-02T09:00:00Z",
                }),
            ),
            _ => {
                let lines = (0..LINES).map(|line| {
                    let name = format!("{name}-{line}");
                    json!({
                        "issuerId": "1234", "correlationId": name, "command": "post-fee-operation",
                        "account": {"issuerAccountExternalReference": SHARED}, "body": fee(&name, 1),
                    })
                    .to_string()
                });
                let lines: Vec<_> = lines.collect();
                Call {
                    target: format!("{ISSUER}/bulk-operations"),
                    said: Said::text("application/x-ndjson", &lines.join("\n")),
                    records: LINES as u64,
                    cents: LINES as i64,
                }
            }
        }
    }

    /// Says again what was answered from a place on, and goes on until the service is gone, or all of the calls
    /// up to a place were answered.
    fn go_on(&mut self, client: &Client, from: usize, until: usize, answered: &Sender<()>) {
        for place in from..until {
            let Call { target, said, .. } = self.call(place);
            let Ok(told) = client.try_call("POST", &target, &said) else {
                return;
            };
            match self.answers.get(place) {
                Some(before) => again(before, &told),
                None => {
                    let expected = if place % 5 == 2 { 400 } else { 200 };
                    assert_eq!(told.status, expected, "{}", told.text());
                    self.answers.push(told);
                }
            }
            // Once enough was answered, nobody counts.
            let _ = answered.send(());
        }
    }
}

/// Asserts that an answer is the one given before.
fn again(before: &Told, told: &Told) {
    assert_eq!(told.status, before.status);
    if told.header("Content-Type") == Some("application/x-ndjson") {
        assert_eq!(results(told, Some(true)), results(before, None));
    } else {
        assert!(told.is_replayed(), "{}", told.text());
        assert_eq!(told.text(), before.text());
        let position = "X-Ledger-Position";
        assert_eq!(told.header(position), before.header(position));
    }
}

/// The results of many lines, but for whether they were answered before, which must be as told.
fn results(told: &Told, replayed: Option<bool>) -> Vec<Value> {
    let text = told.text();
    let results = text.lines().map(|line| {
        let mut result: Value = serde_json::from_str(line).expect("JSON");
        let fields = result.as_object_mut().expect("an object");
        let was = fields.remove("replayed").is_some();
        assert!(replayed.is_none_or(|replayed| was == replayed), "{line}");
        let outcome = if was { "SKIPPED_DUPLICATE" } else { "APPLIED" };
        assert_eq!(fields.remove("outcome"), Some(json!(outcome)), "{line}");
        result
    });
    let results: Vec<_> = results.collect();
    assert_eq!(results.len(), LINES);
    results
}

/// Lets all call at once until so many calls were answered and some time is over, and then ends the process.
fn cycle(process: Process, callers: &mut [Caller], random: &mut ChaCha8Rng) {
    let enough = 1 + below(random, 250);
    let delay = Duration::from_micros(below(random, 4_000).try_into().expect("small"));
    let is_told_first = below(random, 4) == 0;
    let (sender, answered) = mpsc::channel();
    let written = thread::scope(|scope| {
        for caller in callers {
            let from = caller.answers.len().saturating_sub(below(random, 40));
            let (client, sender) = (process.client.another(), sender.clone());
            scope.spawn(move || caller.go_on(&client, from, usize::MAX, &sender));
        }
        drop(sender);
        assert_eq!(answered.iter().take(enough).count(), enough);
        drop(answered);
        thread::sleep(delay);
        if is_told_first {
            // Then it is killed while it stops.
            process.terminate();
            thread::sleep(delay);
        }
        process.kill()
    });
    assert!(!written.contains("panicked"), "{written}");
}

fn survive_being_killed(store: &str) {
    let cycles = effort::count("LEDGER_KILL_CYCLES", 6);
    let seed = effort::seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("d");
    let start = || Process::start_with(&data, &["--store", store]);
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|number| Caller {
            number,
            answers: Vec::new(),
        })
        .collect();

    let process = start();
    process.client.set_up("2023-01-02");
    process.client.open(SHARED, None);
    for caller in &callers {
        process.client.open(&caller.account(), None);
    }
    cycle(process, &mut callers, &mut random);
    for _ in 1..cycles {
        cycle(start(), &mut callers, &mut random);
        if below(&mut random, 3) == 0 {
            verified_records(dir.path(), "d");
        }
    }

    // What was cut off last is said again, and everything before.
    let process = start();
    thread::scope(|scope| {
        for caller in &mut callers {
            let client = process.client.another();
            let until = caller.answers.len() + 1;
            scope.spawn(move || caller.go_on(&client, 0, until, &mpsc::channel().0));
        }
    });
    let calls: Vec<Call> = callers
        .iter()
        .flat_map(|caller| (0..caller.answers.len()).map(|place| caller.call(place)))
        .collect();
    let cents = calls.iter().map(|call| call.cents).sum();
    assert_eq!(process.client.balance(SHARED)["accountBalance"], eur(cents));
    process.kill();
    let records: u64 = calls.iter().map(|call| call.records).sum();
    let scene = SCENE_RECORDS + 1 + CALLERS as u64;
    assert_eq!(verified_records(dir.path(), "d"), scene + records);
    println!(
        "kill -9 of the service, {store}, seed {seed}: {cycles} cycles, {} calls of {CALLERS} callers answered, \
         0 lost, 0 changed",
        calls.len()
    );
}

#[test]
fn what_was_answered_survives_a_kill_of_the_service_on_sled() {
    survive_being_killed("sled");
}

#[test]
fn what_was_answered_survives_a_kill_of_the_service_on_redb() {
    survive_being_killed("redb");
}
