//! Posting throughput: deciding alone, the whole engine without a disk, and durable.
//!
//! `cargo bench -p ledger-benches`. Rates are postings a second; every durable row includes the sync
//! that its answers wait for. Compare rows of one run only.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_api::Ledger;
use ledger_benches::{NOW, Workload};
use ledger_core::command::Request;
use ledger_core::decide::decide;
use ledger_core::state::{LedgerState, Recalled};
use ledger_store::writer::Ticket;

/// Postings handed in at a time.
const BATCHES: [u64; 4] = [1, 64, 1_024, 8_192];
/// Submissions kept on their way at a time, so that deciding and syncing overlap.
const IN_FLIGHT: usize = 4;

fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for batch in BATCHES {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
            let mut workload = Workload::new().expect("a workload");
            let mut state = LedgerState::default();
            let nothing = Recalled::default();
            decide(&mut state, workload.scene(), NOW, &nothing);
            bencher.iter_custom(|rounds| {
                timed(rounds, &mut workload, batch, |requests| {
                    let Some(requests) = requests else { return };
                    black_box(state.recall_list(&requests));
                    black_box(decide(&mut state, requests, NOW, &nothing));
                })
            });
        });
    }
    group.finish();
}

fn in_memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("in_memory");
    for batch in BATCHES {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
            posting(bencher, &Ledger::in_memory(|| NOW), batch);
        });
    }
    group.finish();
}

fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable");
    for batch in BATCHES {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
            let dir = tempfile::tempdir().expect("a directory");
            let ledger = Ledger::open_with_clock(dir.path(), || NOW).expect("a ledger opens");
            posting(bencher, &ledger, batch);
        });
    }
    group.finish();
}

fn posting(bencher: &mut criterion::Bencher<'_>, ledger: &Ledger, batch: u64) {
    let mut workload = Workload::new().expect("a workload");
    ledger
        .submit_many(workload.scene())
        .expect("accounts are opened");
    // One posting at a time is the case of a caller who waits for each answer.
    let in_flight = if batch == 1 { 1 } else { IN_FLIGHT };
    bencher.iter_custom(|rounds| {
        let mut on_their_way: VecDeque<Ticket> = VecDeque::new();
        let settle = |ticket: Ticket| {
            assert!(
                ticket
                    .wait()
                    .expect("answers")
                    .iter()
                    .all(|answer| answer.outcome.is_ok())
            );
        };
        timed(rounds, &mut workload, batch, |requests| {
            let Some(requests) = requests else {
                return on_their_way.drain(..).for_each(settle);
            };
            on_their_way.push_back(ledger.ticket_when_free(requests).expect("there is room"));
            if on_their_way.len() >= in_flight {
                on_their_way.drain(..1).for_each(settle);
            }
        })
    });
}

/// Time of `work` over so many batches and, with none, of waiting for the last of them. The batches
/// are made beforehand: made in between, they would give the engine time that is not counted.
fn timed(
    rounds: u64,
    workload: &mut Workload,
    batch: u64,
    mut work: impl FnMut(Option<Vec<Request>>),
) -> Duration {
    let batches: Vec<_> = (0..rounds).map(|_| workload.postings(batch)).collect();
    let started = Instant::now();
    for requests in batches {
        work(Some(requests));
    }
    work(None);
    started.elapsed()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = deciding, in_memory, durable
}
criterion_main!(benches);
