//! What does opening cost after a crash, from the checkpoint and without it?
//!
//! By operations in the log. Without a checkpoint every record is read and folded, and a new one made.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_api::Ledger;
use ledger_benches::{NOW, Operations};
use ledger_store::checkpoint::CHECKPOINT;
use std::fs;
use std::path::Path;

const ACCOUNTS: u32 = 100_000;

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    for operations in [200_000, 1_000_000] {
        group.throughput(Throughput::Elements(operations as u64));
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        post(dir.path(), operations);
        let open = || Ledger::open_with_clock(dir.path(), || NOW).expect("it opens again");
        // Dropped rather than closed, so every opening is one after a crash.
        group.bench_function(BenchmarkId::new("with", operations), |bencher| {
            bencher.iter_batched(|| (), |()| open(), BatchSize::PerIteration);
        });
        group.bench_function(BenchmarkId::new("without", operations), |bencher| {
            let remove = || fs::remove_file(dir.path().join(CHECKPOINT)).expect("removed");
            bencher.iter_batched(remove, |()| open(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn post(dir: &Path, count: usize) {
    let ledger = Ledger::open_with_clock(dir, || NOW).expect("a ledger opens");
    let mut operations = Operations::on_accounts(ACCOUNTS);
    let scene: Vec<_> = operations.scene().collect();
    for requests in scene.into_iter().chain([operations.next(count)]) {
        ledger.submit_many(requests).expect("answers");
    }
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = opening
}
criterion_main!(benches);
