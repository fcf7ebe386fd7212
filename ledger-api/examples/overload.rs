//! Offers a ledger more than it can carry out, and prints what comes of it.
//!
//! `cargo run --release -p ledger-api --example overload -- [DIRECTORY [SECONDS [STORE]]]` first finds out what
//! the ledger carries out when everyone waits for room, and then offers as much, and four times as much, to be
//! refused as busy where the queue is full. The directory should be on a real disk, and empty.

use std::env;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ledger_api::ledger::LedgerOptions;
use ledger_api::{ApiError, Ledger, line};
use ledger_core::command::{AccountAction, Command, Request};
use ledger_core::ids::CorrelationId;
use ledger_core::text::OperationReference;
use ledger_store::writer::{QUEUE_REQUESTS_MAX, SubmitError, Ticket};

/// Requests that a client hands in together.
const SUBMISSION: u64 = 16;
/// How often what should have been offered is made up for.
const TICK: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let dir = arguments
        .next()
        .map_or("target/overload".into(), PathBuf::from);
    let seconds = arguments.next().map_or(Ok(10), |number| number.parse())?;
    let store = arguments.next().map(|name| name.parse()).transpose()?;
    let options = LedgerOptions {
        store,
        ..LedgerOptions::default()
    };
    let ledger = Ledger::open_with(dir, options)?;
    for line in include_str!("quickstart.jsonl").lines().take(3) {
        ledger.execute(line)?;
    }
    let fees = Fees::new(include_str!("quickstart.jsonl"))?;
    let time = Duration::from_secs(seconds);
    let capacity = run(&ledger, &fees, "when free", None, time)?;
    for times in [1, 4] {
        let rate = times * capacity;
        run(&ledger, &fees, &format!("{times} x"), Some(rate), time)?;
    }
    ledger.close()?;
    Ok(())
}

/// Makes fees, no two alike.
struct Fees {
    first: Request,
    made: AtomicU64,
    session: u64,
}

impl Fees {
    fn new(lines: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let line = lines.lines().nth(3).ok_or("the fourth line posts a fee")?;
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?;
        Ok(Self {
            first: line::parse(line)?.request,
            made: AtomicU64::new(0),
            session: now.as_secs(),
        })
    }

    fn next(&self) -> Vec<Request> {
        let place = self.made.fetch_add(SUBMISSION, Ordering::Relaxed);
        (place..place + SUBMISSION)
            .map(|place| self.fee(place))
            .collect()
    }

    fn fee(&self, place: u64) -> Request {
        let mut request = self.first.clone();
        let number = u128::from(self.session) << 64 | u128::from(place);
        request.correlation = CorrelationId(number.to_be_bytes());
        if let Command::OnAccount(on) = &mut request.command
            && let AccountAction::Post(post) = &mut on.action
        {
            let reference = format!("{:x}-{place:x}", self.session);
            post.triplet.reference =
                OperationReference::new(&reference).expect("short and printable");
        }
        request
    }
}

/// Offers at a rate, or as there is room, and prints what came of it; gives what was answered a second.
fn run(
    ledger: &Ledger,
    fees: &Fees,
    name: &str,
    rate: Option<u64>,
    time: Duration,
) -> Result<u64, ApiError> {
    let (tickets, accepted) = mpsc::channel::<Ticket>();
    let began = Instant::now();
    let (offered, refused, answered) = thread::scope(|scope| {
        let answered = scope.spawn(move || {
            let mut answered = 0;
            for ticket in accepted {
                answered += u64::from(ticket.wait().is_ok()) * SUBMISSION;
            }
            answered
        });
        let (mut offered, mut refused, mut shown) = (0, 0, 0);
        while began.elapsed() < time {
            match rate {
                None => {
                    let _ = tickets.send(ledger.ticket_when_free(fees.next())?);
                    offered += SUBMISSION;
                }
                Some(rate) => {
                    let due = began.elapsed().as_millis() * u128::from(rate) / 1_000;
                    while u128::from(offered) < due {
                        offered += SUBMISSION;
                        match ledger.ticket(fees.next()) {
                            Ok(ticket) => drop(tickets.send(ticket)),
                            Err(ApiError::Submit(SubmitError::Busy)) => refused += SUBMISSION,
                            Err(error) => return Err(error),
                        }
                    }
                    thread::sleep(TICK);
                }
            }
            let second = began.elapsed().as_secs();
            if second > shown {
                shown = second;
                println!(
                    "{name:>10} {second:>3} s: {:>6} of {QUEUE_REQUESTS_MAX} waiting, {} MiB resident",
                    ledger.waiting(),
                    resident_mib()
                );
            }
        }
        drop(tickets);
        let answered = answered.join().expect("it only waits");
        Ok((offered, refused, answered))
    })?;
    let millis = began.elapsed().as_millis();
    let per_second = |count: u64| u128::from(count) * 1_000 / millis;
    println!(
        "{name:>10}: {} offered, {} refused, {} answered a second",
        per_second(offered),
        per_second(refused),
        per_second(answered)
    );
    assert_eq!(
        offered,
        refused + answered,
        "every request is refused or answered"
    );
    Ok(u64::try_from(per_second(answered)).expect("a rate"))
}

fn resident_mib() -> u64 {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.ok().and_then(|status| status.vmrss).unwrap_or(0) / 1_024
}
