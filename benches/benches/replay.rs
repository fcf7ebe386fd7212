//! How fast is a history folded again: by the writer's state, by the readers' books, and from the disk
//! by opening a ledger that was left as by a crash?

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_api::Ledger;
use ledger_benches::{NOW, Operations, decided};
use ledger_core::event::Record;
use ledger_core::projection::books::Books;
use ledger_core::state::LedgerState;

const OPERATIONS: usize = 200_000;
const ACCOUNTS: u32 = 20_000;

fn folding(criterion: &mut Criterion) {
    let records = records();
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("state", |bencher| {
        bencher.iter_with_large_drop(|| LedgerState::replay(&records));
    });
    group.bench_function("books", |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut books = Books::default();
            records.iter().for_each(|record| books.apply(record));
            books
        });
    });
    group.bench_function("open_after_crash", |bencher| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        drop(ledger_in(dir.path()));
        // Dropped rather than closed, so every opening is one after a crash.
        bencher.iter_batched(
            || (),
            |()| Ledger::open(dir.path()).expect("it opens again"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn records() -> Vec<Record> {
    let mut operations = Operations::on_accounts(ACCOUNTS);
    let mut state = LedgerState::default();
    let scene: Vec<_> = operations.scene().collect();
    scene
        .into_iter()
        .chain([operations.next(OPERATIONS)])
        .flat_map(|requests| decided(&mut state, requests).records.into_vec())
        .collect()
}

fn ledger_in(dir: &std::path::Path) -> Ledger {
    let ledger = Ledger::open_with_clock(dir, || NOW).expect("a ledger opens");
    let mut operations = Operations::on_accounts(ACCOUNTS);
    let scene: Vec<_> = operations.scene().collect();
    for requests in scene.into_iter().chain([operations.next(OPERATIONS)]) {
        ledger.submit_many(requests).expect("answers");
    }
    ledger
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = folding
}
criterion_main!(benches);
