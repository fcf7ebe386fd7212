//! How many operations a second can be decided and applied, in memory, on one thread?
//!
//! By operations decided at a time: the batch is the unit of work, and the pass over it that looks for
//! what was used before brings into the processor's cache what deciding needs.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_benches::{Operations, decided, state_of, timed};
use std::hint::black_box;

fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for batch in [1, 64, 1_024, 8_192] {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
            let mut operations = Operations::on_accounts(100_000);
            let mut state = state_of(&operations);
            bencher.iter_custom(|rounds| {
                timed(
                    rounds,
                    |_| operations.next(batch),
                    |requests| {
                        black_box(decided(&mut state, requests));
                    },
                )
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = deciding
}
criterion_main!(benches);
