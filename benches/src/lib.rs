//! What the benchmarks have in common: operations of `ledger bench`'s workload, and ledgers that hold
//! some.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use ledger_api::Ledger;
use ledger_api::bench::plan::{Plan, Share};
use ledger_api::bench::workload::{FIRST_DATE, Lane, Prediction, Workload};
use ledger_core::command::{AccountSelector, AdvanceBusinessDate, Command, Request};
use ledger_core::decide::{Batch, decide_prepared};
use ledger_core::event::{Event, EventBody, Record};
use ledger_core::ids::{AccountIndex, AccountReference, CorrelationId, IssuerIndex, Seq};
use ledger_core::state::{LedgerState, Prepared, Recalled};
use ledger_core::text::IssuerId;
use ledger_core::time::{BusinessDate, Timestamp};
use ledger_store::deciding::GO_REQUESTS_MAX;
use ledger_store::{Block, Framer, StoreKind};

/// When everything happens, unless a benchmark says otherwise: a day after the first operations were
/// performed outside.
pub const NOW: Timestamp = Timestamp(FIRST_DATE.0 + DAY_MILLIS);

const DAY_MILLIS: i64 = 86_400_000;

/// Operations of one client, none reversed or sent again.
#[derive(Debug)]
pub struct Operations {
    workload: Workload,
    lane: Lane,
    prediction: Prediction,
}

impl Operations {
    /// Operations spread over so many accounts.
    #[must_use]
    pub fn on_accounts(accounts: u32) -> Self {
        let workload = Workload::new(Plan {
            // As many as a benchmark may ask for.
            operations: 1 << 40,
            accounts,
            batch: 1,
            clients: 1,
            reversals: Share::NONE,
            duplicates: Share::NONE,
            hot: Share::NONE,
            seed: 1,
            store: StoreKind::Sled,
        });
        Self {
            lane: workload.lanes().swap_remove(0),
            prediction: workload.prediction(),
            workload,
        }
    }

    /// The commands that open the accounts.
    pub fn scene(&self) -> impl Iterator<Item = Vec<Request>> {
        self.workload.scene()
    }

    /// The next operations.
    pub fn next(&mut self, count: usize) -> Vec<Request> {
        self.lane.next(count, &mut self.prediction)
    }
}

/// A state with the accounts of `operations`, and nothing on them.
#[must_use]
pub fn state_of(operations: &Operations) -> LedgerState {
    let mut state = LedgerState::default();
    for requests in operations.scene() {
        decided(&mut state, requests);
    }
    state
}

/// Decides requests that name nothing earlier, in goes of as many as the engine takes.
pub fn decided(state: &mut LedgerState, mut requests: Vec<Request>) -> Batch {
    let mut batch = Batch::default();
    let mut prepared = Prepared::default();
    for go in requests.chunks_mut(GO_REQUESTS_MAX) {
        state.prepare(go, &mut prepared);
        // Nothing is named again, so what is looked at is looked at in vain.
        let seen = prepared.recall_list().iter();
        let recalled = Recalled::new(seen.map(|seq| Arc::new(unrelated(*seq))));
        decide_prepared(state, go, &prepared, NOW, &recalled, &mut batch);
    }
    batch
}

/// A record under keys that no operation has.
fn unrelated(seq: Seq) -> Record {
    Record {
        seq,
        recorded_at: NOW,
        event: Event {
            issuer: IssuerIndex(u32::MAX),
            correlation: CorrelationId([0; 16]),
            body: EventBody::BusinessDateAdvanced(AdvanceBusinessDate {
                business_date: business_date(0),
            }),
            annotations: None,
        },
    }
}

/// Records framed as the engine frames a batch.
#[must_use]
pub fn blocks_of(records: &[Record], framer: &mut Framer) -> Vec<Block> {
    let mut blocks = Vec::new();
    let framed = framer.frame(records, &mut blocks);
    framed.expect("every record fits into an empty block");
    blocks
}

/// How long each benchmark runs: long enough to tell twice from once, short enough to run them all.
#[must_use]
pub fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
}

/// Time of `work` over so many inputs, which are all made beforehand: made in between, they would give
/// the engine time that is not counted.
pub fn timed<T>(rounds: u64, make: impl FnMut(u64) -> T, work: impl FnMut(T)) -> Duration {
    let inputs: Vec<_> = (0..rounds).map(make).collect();
    let started = Instant::now();
    inputs.into_iter().for_each(work);
    started.elapsed()
}

/// The account of a ledger that [`year_on_one_account`] made.
#[must_use]
pub fn the_account() -> AccountSelector {
    AccountSelector::Reference(AccountReference::of(AccountIndex(0)))
}

/// A ledger in an empty directory whose one account was posted to evenly over a year of business
/// dates.
#[must_use]
pub fn year_on_one_account(dir: &Path, count: usize) -> Ledger {
    let clock = Arc::new(AtomicI64::new(NOW.0));
    let now = {
        let clock = Arc::clone(&clock);
        move || Timestamp(clock.load(Ordering::Relaxed))
    };
    let ledger = Ledger::open_with_clock(dir, now).expect("a ledger opens");
    let mut operations = Operations::on_accounts(1);
    let submit = |requests| {
        let answers = ledger.submit_many(requests).expect("answers");
        assert!(answers.iter().all(|answer| answer.outcome.is_ok()));
    };
    operations.scene().for_each(submit);
    for day in 1..=DAYS {
        let today = NOW.0 + day * DAY_MILLIS;
        clock.store(today, Ordering::Relaxed);
        submit(vec![advance_to(day, today)]);
        let days = usize::try_from(DAYS).expect("a year is short");
        let until = |day: i64| count * usize::try_from(day).expect("a day of the year") / days;
        submit(operations.next(until(day) - until(day - 1)));
    }
    ledger
}

/// Days over which [`year_on_one_account`] posts.
pub const DAYS: i64 = 365;

/// The business date on a day of that year.
#[must_use]
pub fn business_date(day: i64) -> BusinessDate {
    let days = (NOW.0 + day * DAY_MILLIS) / DAY_MILLIS;
    BusinessDate(i32::try_from(days).expect("a day of this century"))
}

fn advance_to(day: i64, today: i64) -> Request {
    Request {
        issuer: IssuerId::new("bench").expect("a short name"),
        correlation: CorrelationId(u128::from(today.unsigned_abs()).to_be_bytes()),
        command: Command::AdvanceBusinessDate(AdvanceBusinessDate {
            business_date: business_date(day),
        }),
        annotations: None,
    }
}
