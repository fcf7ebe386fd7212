//! What does it cost to turn an event into bytes and back, and to frame and check a block of them?

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger_benches::{Operations, blocks_of, decided, state_of};
use ledger_core::command::OperationKind;
use ledger_core::event::Record;
use ledger_store::{Block, ChainHash, Framer, codec};
use std::hint::black_box;

/// Operations as they come from the engine, about half of them purchases.
fn records(count: usize) -> Vec<Record> {
    let mut operations = Operations::on_accounts(1_000);
    let mut state = state_of(&operations);
    decided(&mut state, operations.next(count))
        .records
        .into_vec()
}

fn encoding(criterion: &mut Criterion) {
    let records = records(1_000);
    let mut group = criterion.benchmark_group("encode");
    for (name, record) in one_of_each(&records) {
        let mut buffer = Vec::new();
        let length = codec::encode(&record.event, &mut buffer).len();
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| codec::encode(black_box(&record.event), &mut buffer).len());
        });
    }
    group.finish();
}

fn decoding(criterion: &mut Criterion) {
    let records = records(1_000);
    let mut group = criterion.benchmark_group("decode");
    for (name, record) in one_of_each(&records) {
        let only = blocks_of(std::slice::from_ref(record), &mut first_blocks());
        let bytes = only[0].record(record.seq.0).map_or(0, <[u8]>::len);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| codec::decode(black_box(&only[0]), record.seq.0).expect("a record"));
        });
    }
    group.finish();
}

/// Framing takes encoding, a checksum a record and the hash; checking takes both again, and no
/// decoding.
fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("block");
    for count in [64, 512] {
        let records = records(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("frame", count), |bencher| {
            bencher.iter(|| blocks_of(black_box(&records), &mut first_blocks()));
        });
        let blocks = blocks_of(&records, &mut first_blocks());
        group.bench_function(BenchmarkId::new("check", count), |bencher| {
            bencher.iter(|| {
                let mut chain = ChainHash::EMPTY;
                for block in &blocks {
                    let bytes = black_box(block.bytes()).to_vec();
                    let read = Block::decode(bytes, block.first_seq()).expect("a block");
                    read.verify_chain(chain).expect("the next block");
                    chain = read.chain();
                }
                chain
            });
        });
    }
    group.finish();
}

fn first_blocks() -> Framer {
    Framer::continuing(ChainHash::EMPTY)
}

fn one_of_each(records: &[Record]) -> Vec<(&'static str, &Record)> {
    let kinds = [
        ("purchase", OperationKind::Transaction),
        ("payment", OperationKind::Payment),
        ("fee", OperationKind::Fee),
    ];
    let of_kind = |kind| {
        let is_it = |record: &&Record| record.operation().is_some_and(|o| o.kind == kind);
        records.iter().find(is_it).expect("one in four at least")
    };
    kinds.map(|(name, kind)| (name, of_kind(kind))).into()
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = encoding, decoding, blocks
}
criterion_main!(benches);
