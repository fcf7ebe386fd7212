//! What one line of JSON costs: reading it into a request, with no engine behind it.
//!
//! `cargo bench -p ledger-benches --bench line_parsing`. The lines are those of `ledger generate`:
//! the whole mix, then each common command by itself.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_api::generate::{History, generate};
use ledger_api::line;

/// Enough lines that every command is among them, few enough that they stay in the cache.
const HISTORY: History = History {
    accounts: 100,
    operations: 2_000,
    seed: 7,
};

/// The commands that histories are made of.
const COMMANDS: [&str; 8] = [
    "open-account",
    "advance-business-date",
    "post-transaction-operation",
    "post-payment-operation",
    "post-fee-operation",
    "post-bonus-operation",
    "post-load-operation",
    "reverse-transaction-operation",
];

fn line_parsing(criterion: &mut Criterion) {
    let mut history = Vec::new();
    generate(HISTORY, &mut history).expect("memory takes it");
    let history = String::from_utf8(history).expect("text");
    let all: Vec<&str> = history.lines().collect();

    let mut group = criterion.benchmark_group("line_parsing");
    let mut bench = |name: &str, lines: &[&str]| {
        assert!(!lines.is_empty(), "the history has lines of {name}");
        let bytes: usize = lines.iter().map(|line| line.len()).sum();
        group.throughput(Throughput::ElementsAndBytes {
            elements: u64::try_from(lines.len()).unwrap_or(0),
            bytes: u64::try_from(bytes).unwrap_or(0),
        });
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                for line in lines {
                    black_box(line::parse(line).expect("the generator writes what can be read"));
                }
            });
        });
    };
    bench("mix", &all);
    for command in COMMANDS {
        let named = format!(r#""command":"{command}""#);
        let lines: Vec<&str> = all
            .iter()
            .copied()
            .filter(|line| line.contains(&named))
            .collect();
        bench(command, &lines);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = line_parsing
}
criterion_main!(benches);
