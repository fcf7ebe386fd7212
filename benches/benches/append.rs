//! How many records a second does each log append, durable, by records in an append?
//!
//! Blocks are framed beforehand; what is timed is the log alone, with its sync.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_benches::{Operations, blocks_of, decided, timed};
use ledger_core::state::LedgerState;
use ledger_store::{DiskLog, EventLog, Framer, LogOptions, StoreKind};

fn open(store: StoreKind) -> (DiskLog, tempfile::TempDir) {
    let dir = directory();
    let options = LogOptions {
        store: Some(store),
        ..LogOptions::default()
    };
    let log = DiskLog::open(dir.path(), options).expect("a log opens");
    (log, dir)
}

fn appending(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for store in StoreKind::ALL {
        for records in [1, 64, 1_024, 8_192] {
            group.throughput(Throughput::Elements(records as u64));
            group.bench_function(BenchmarkId::new(store.name(), records), |bencher| {
                let (mut log, _dir) = open(store);
                let mut framer = Framer::continuing(log.head().chain);
                let mut operations = Operations::on_accounts(1_000);
                let mut state = LedgerState::default();
                for requests in operations.scene() {
                    let opened = decided(&mut state, requests).records.into_vec();
                    let blocks = blocks_of(&opened, &mut framer);
                    log.append(&blocks).expect("appended");
                }
                bencher.iter_custom(|rounds| {
                    timed(
                        rounds,
                        |_| {
                            let batch = decided(&mut state, operations.next(records));
                            blocks_of(&batch.records, &mut framer)
                        },
                        |blocks| log.append(&blocks).expect("appended"),
                    )
                });
            });
        }
    }
    group.finish();
}

/// In the build directory: where temporary files usually go may be in memory.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = appending
}
criterion_main!(benches);
