//! Records that can be told apart and recomputed from their sequence number alone.

use std::path::Path;

use ledger_store::{
    Block, BlockBuilder, DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind, scan,
};

/// Sizes that blocks take in turn: single records, odd runs, nearly full blocks.
const BLOCK_SIZES: [u64; 6] = [1, 7, 64, 233, 256, 20];

/// Records of an epoch where a test wants many of them; less than the appends of [`fill`] in a row.
pub(crate) const EPOCH_RECORDS: u64 = 1_500;

/// A log in this store, with small epochs.
pub(crate) fn in_epochs(store: StoreKind) -> LogOptions {
    LogOptions {
        store: Some(store),
        epoch_records_max: EPOCH_RECORDS,
        ..LogOptions::default()
    }
}

/// A log in this store, with epochs as they are.
pub(crate) fn in_one_epoch(store: StoreKind) -> LogOptions {
    LogOptions {
        store: Some(store),
        ..LogOptions::default()
    }
}

/// The record with this number, 60 to 120 bytes of it.
pub(crate) fn record(seq: u64) -> Vec<u8> {
    let mut random = Random::new(seq);
    let length = 60 + random.below(61);
    (0..length)
        .map(|_| random.next().to_le_bytes()[0])
        .collect()
}

/// A block of consecutive records that follows `head`.
pub(crate) fn block(head: LogHead, count: u64) -> Block {
    let mut builder = BlockBuilder::new(head.last_seq + 1, 1_700_000_000_000);
    for seq in head.last_seq + 1..=head.last_seq + count {
        builder.push(&record(seq)).unwrap();
    }
    builder.seal(head.chain)
}

/// Appends groups of mixed blocks until the log ends with the record `last_seq`.
pub(crate) fn fill(log: &mut dyn EventLog, last_seq: u64) {
    let mut sizes = BLOCK_SIZES.into_iter().cycle();
    while log.head().last_seq < last_seq {
        let mut head = log.head();
        let mut group = Vec::new();
        for size in sizes.by_ref().take(3) {
            let count = size.min(last_seq - head.last_seq);
            if count > 0 {
                let block = block(head, count);
                head = LogHead {
                    last_seq: block.last_seq(),
                    chain: block.chain(),
                };
                group.push(block);
            }
        }
        log.append(&group).unwrap();
    }
}

/// Asserts that these blocks are the records from 1 on; gives the last.
pub(crate) fn check_all(blocks: impl Iterator<Item = Result<Block, StoreError>>) -> u64 {
    let mut last_seq = 0;
    for block in blocks {
        check(&block.unwrap(), &mut last_seq);
    }
    last_seq
}

/// Opens the log, asserts that it has nothing but right records, and gives the last.
pub(crate) fn open_and_check(
    dir: &Path,
    options: LogOptions,
) -> Result<(DiskLog, u64), StoreError> {
    let mut last_seq = 0;
    let log = DiskLog::begin(dir, options)?.finish(LogHead::EMPTY, &mut |block| {
        check(block, &mut last_seq);
        Ok(())
    })?;
    assert_eq!(log.head().last_seq, last_seq);
    assert_eq!(check_all(scan(&*log.reader(), 1)), last_seq);
    Ok((log, last_seq))
}

fn check(block: &Block, last_seq: &mut u64) {
    for (seq, payload) in block.records() {
        assert_eq!(seq, *last_seq + 1, "the sequence has a gap");
        assert!(
            payload == record(seq),
            "record {seq} is not what was written"
        );
        *last_seq = seq;
    }
}

/// A small deterministic generator (SplitMix64), so that a failure can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
