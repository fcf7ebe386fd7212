//! Damage of any kind is either without effect or named, and never answered with other records.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger_store::{DiskLog, EventLog, LogOptions, StoreError, StoreKind};
use tempfile::TempDir;

use crate::crash::append_and_kill;
use crate::files::Files;
use crate::records::{Random, fill, in_epochs, in_one_epoch, open_and_check};

const RECORDS: u64 = 10_000;

/// What was left, and what must be found in it.
struct Original {
    left: Files,
    options: LogOptions,
    /// Where it may be found to end: nothing that was acknowledged may be missing.
    last_seq: RangeInclusive<u64>,
}

impl Original {
    fn read(dir: &Path, options: LogOptions, last_seq: u64) -> Self {
        Self {
            left: Files::read(dir),
            options,
            last_seq: last_seq..=last_seq,
        }
    }

    /// A copy with the change made to it.
    fn damaged(&self, damage: impl FnOnce(&Path)) -> TempDir {
        let dir = TempDir::new().unwrap();
        self.left.write(dir.path());
        damage(dir.path());
        dir
    }

    /// Asserts that a damaged copy either has every record or is refused by name.
    fn check(&self, case: &str, damage: impl FnOnce(&Path)) -> Result<(), StoreError> {
        let dir = self.damaged(damage);
        let outcome = open_and_check(dir.path(), self.options);
        match &outcome {
            Ok((_, last_seq)) => assert!(
                self.last_seq.contains(last_seq),
                "{case}: ends with record {last_seq}, not {:?}",
                self.last_seq
            ),
            Err(error) => {
                let text = error.to_string();
                let names = ["log/e0", "log is", "HEAD", "MANIFEST", "record "];
                assert!(
                    names.iter().any(|name| text.contains(name)),
                    "{case}: the error names nothing: {text}"
                );
            }
        }
        outcome.map(drop)
    }

    /// The files that hold anything; the lock file is empty.
    fn names(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self
            .left
            .files
            .iter()
            .filter(|(_, bytes)| !bytes.is_empty());
        files.map(|(name, bytes)| (name.as_str(), &bytes[..]))
    }
}

/// A log closed in order, opened once in between so that sled has a snapshot too.
fn closed(options: LogOptions) -> Original {
    let dir = TempDir::new().unwrap();
    for last_seq in [RECORDS / 2, RECORDS] {
        let mut log = DiskLog::open(dir.path(), options).unwrap();
        fill(&mut log, last_seq);
        Box::new(log).close().unwrap();
    }
    Original::read(dir.path(), options, RECORDS)
}

/// What kill -9 leaves: the files of a log that is still open, after an acknowledged append.
fn crashed(options: LogOptions) -> Original {
    let dir = TempDir::new().unwrap();
    let mut log = DiskLog::open(dir.path(), options).unwrap();
    fill(&mut log, RECORDS / 2);
    Box::new(log).close().unwrap();
    let mut log = DiskLog::open(dir.path(), options).unwrap();
    fill(&mut log, RECORDS);
    Original::read(dir.path(), options, RECORDS)
}

/// The same without any earlier opening, so that sled has no snapshot to compare with.
fn crashed_at_first(options: LogOptions) -> Original {
    let dir = TempDir::new().unwrap();
    let mut log = DiskLog::open(dir.path(), options).unwrap();
    fill(&mut log, RECORDS);
    Original::read(dir.path(), options, RECORDS)
}

fn edit(path: PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip(original: &Original, name: &str, bit: usize) -> Result<(), StoreError> {
    original.check(&format!("{name}, bit {bit} flipped"), |dir| {
        edit(dir.join(name), |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
    })
}

fn cut(original: &Original, name: &str, length: usize) -> Result<(), StoreError> {
    original.check(&format!("{name} cut to {length} bytes"), |dir| {
        edit(dir.join(name), |bytes| bytes.truncate(length));
    })
}

/// Positions all over a file, and as many at bytes that are not zero.
fn positions(bytes: &[u8], count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut pick = |limit: usize| usize::try_from(random.below(limit as u64)).unwrap();
    let filled: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    let anywhere: Vec<_> = (0..count / 2).map(|_| pick(bytes.len() * 8)).collect();
    let telling = (0..count - count / 2).map(|_| filled[pick(filled.len())] * 8 + pick(8));
    anywhere.into_iter().chain(telling).collect()
}

fn lengths(bytes: &[u8]) -> Vec<usize> {
    let whole = bytes.len();
    let tails = [1, 2, 4, 5, 32, 100, 511, 512, 4096, 5000, 60_000, 600_000];
    let mut lengths: Vec<_> = tails
        .iter()
        .filter_map(|tail| whole.checked_sub(*tail))
        .collect();
    lengths.extend([0, 1, whole / 10, whole / 2, whole * 9 / 10]);
    lengths
}

/// Flips, cuts, removals and zeroed pages in every file; tells how many were refused.
fn damage_everything(original: &Original, flips: usize, seed: u64) -> (usize, usize) {
    let mut outcomes = damage_files(original, |_| true, flips, seed);
    for name in &original.left.directories {
        // sled makes the place for blobs again, and there is nothing in it.
        if !name.ends_with("/blobs") {
            outcomes.push(original.check(&format!("{name} removed"), |dir| {
                fs::remove_dir_all(dir.join(name)).unwrap()
            }));
        }
    }
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    (refused, outcomes.len())
}

fn damage_files(
    original: &Original,
    is_meant: fn(&str) -> bool,
    flips: usize,
    seed: u64,
) -> Vec<Result<(), StoreError>> {
    let mut outcomes = Vec::new();
    for (name, bytes) in original.names().filter(|(name, _)| is_meant(name)) {
        for bit in positions(bytes, flips, seed) {
            outcomes.push(flip(original, name, bit));
        }
        for length in lengths(bytes) {
            outcomes.push(cut(original, name, length));
        }
        outcomes.push(original.check(&format!("{name} removed"), |dir| {
            fs::remove_file(dir.join(name)).unwrap();
        }));
        outcomes.push(original.check(&format!("{name} longer"), |dir| {
            edit(dir.join(name), |bytes| bytes.push(0));
        }));
        let pages: Vec<_> = bytes.chunks(4096).enumerate().collect();
        let filled: Vec<_> = pages
            .iter()
            .filter(|(_, page)| page.iter().any(|b| *b != 0))
            .collect();
        for &&(page, content) in
            [0, filled.len() / 3, filled.len() / 2, filled.len() - 1].map(|index| &filled[index])
        {
            outcomes.push(
                original.check(&format!("{name}, page {page} zeroed"), |dir| {
                    edit(dir.join(name), |bytes| {
                        bytes[page * 4096..page * 4096 + content.len()].fill(0);
                    });
                }),
            );
        }
    }
    outcomes
}

#[test]
fn undamaged_copies_open() {
    for store in StoreKind::ALL {
        for options in [in_one_epoch(store), in_epochs(store)] {
            for left in [closed, crashed, crashed_at_first] {
                let original = left(options);
                original.check("nothing changed", |_| ()).unwrap();
            }
        }
    }
}

#[test]
fn a_closed_log_is_the_same_or_refused_in_sled() {
    let (refused, cases) = damage_everything(&closed(in_one_epoch(StoreKind::Sled)), 60, 1);
    // Only a missing snapshot is harmless.
    assert_eq!(refused, cases - 1);
}

#[test]
fn a_closed_log_is_the_same_or_refused_in_redb() {
    let (refused, cases) = damage_everything(&closed(in_one_epoch(StoreKind::Redb)), 60, 1);
    assert_eq!(refused, cases);
}

fn check_crashed(original: &Original, flips: usize, seed: u64) {
    let (refused, cases) = damage_everything(original, flips, seed);
    assert!(refused > cases / 2, "{refused} of {cases}");
}

#[test]
fn a_log_left_by_a_crash_is_the_same_or_refused_in_sled() {
    check_crashed(&crashed(in_one_epoch(StoreKind::Sled)), 60, 2);
}

#[test]
fn a_log_left_by_a_crash_of_its_first_opening_is_the_same_or_refused_in_sled() {
    check_crashed(&crashed_at_first(in_one_epoch(StoreKind::Sled)), 60, 3);
}

#[test]
fn a_log_left_by_a_crash_is_the_same_or_refused_in_redb() {
    check_crashed(&crashed(in_one_epoch(StoreKind::Redb)), 100, 2);
}

#[test]
fn a_log_in_many_epochs_is_the_same_or_refused() {
    for store in StoreKind::ALL {
        // Three of them: what is full, what was read last and what is written to.
        let options = LogOptions {
            epoch_records_max: RECORDS * 2 / 5,
            ..in_epochs(store)
        };
        let is_meant = |name: &str| name.starts_with("log/e00000001") || name == "MANIFEST";
        damage_files(&closed(options), is_meant, 6, 5);
        damage_files(&crashed(options), is_meant, 6, 6);
    }
}

#[test]
fn a_log_left_by_a_killed_process_is_the_same_or_refused() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let acknowledged = append_and_kill(dir.path(), store, 1, Duration::ZERO);
        // The last group may be there without having been acknowledged, so ask what is there.
        let left = Original::read(dir.path(), in_epochs(store), 0);
        let last_seq = acknowledged..=open_and_check(dir.path(), left.options).unwrap().1;
        damage_everything(&Original { last_seq, ..left }, 8, 4);
    }
}

#[test]
fn damage_after_closing_is_named_with_its_bytes() {
    let cases = [
        (StoreKind::Sled, "log/e00000001/db"),
        (StoreKind::Redb, "log/e00000001.redb"),
    ];
    for (store, name) in cases {
        let error = flip(&closed(in_one_epoch(store)), name, 8 * 70_000).unwrap_err();
        let text = "differs from the state it was closed in, bytes 0..1048576";
        assert_eq!(error.to_string(), format!("{name} {text}"));
        assert_eq!(error.code(), "STORE_DAMAGED");
    }
}

#[test]
fn a_refused_closed_log_is_left_as_it_was() {
    let names = ["log/e00000001/db", "log/e00000001.redb"];
    for (store, name) in StoreKind::ALL.into_iter().zip(names) {
        let original = closed(in_one_epoch(store));
        let dir = original.damaged(|dir| edit(dir.join(name), |bytes| bytes[70_000] ^= 1));
        let before = Files::read(dir.path()).files;
        DiskLog::open(dir.path(), original.options).unwrap_err();
        let after = Files::read(dir.path()).files;
        assert!(after == before);
    }
}

#[test]
fn an_unfinished_creation_is_begun_anew() {
    for (store, name) in [
        (StoreKind::Sled, "log/e00000001/db"),
        (StoreKind::Redb, "log/e00000001.redb"),
    ] {
        let options = in_one_epoch(store);
        let created = {
            let dir = TempDir::new().unwrap();
            drop(DiskLog::open(dir.path(), options).unwrap());
            Original::read(dir.path(), options, 0)
        };
        let text = format!("ledger-store manifest 3\nstate creating\nstore {store}\n");
        let creating = format!("{text}end {:08x}\n", crc32c::crc32c(text.as_bytes()));
        let dir = created.damaged(|dir| {
            fs::write(dir.join("MANIFEST"), &creating).unwrap();
            edit(dir.join(name), |bytes| bytes.truncate(100));
        });
        open_and_check(dir.path(), options).unwrap();
        // But never a log that has records.
        let dir =
            closed(options).damaged(|dir| fs::write(dir.join("MANIFEST"), &creating).unwrap());
        let error = DiskLog::open(dir.path(), options).unwrap_err();
        assert!(
            error.to_string().contains("HEAD has record 10000"),
            "{error}"
        );
    }
}

#[test]
fn an_unfinished_creation_keeps_to_the_store_that_was_chosen() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let text = format!("ledger-store manifest 3\nstate creating\nstore {store}\n");
        let creating = format!("{text}end {:08x}\n", crc32c::crc32c(text.as_bytes()));
        fs::write(dir.path().join("MANIFEST"), creating).unwrap();
        // Whoever opens it next has no opinion, as a query has none.
        let log = DiskLog::open(dir.path(), LogOptions::default()).unwrap();
        assert_eq!(log.store(), store);
    }
}

#[test]
fn a_snapshot_cut_off_by_a_kill_is_harmless() {
    crashed(in_one_epoch(StoreKind::Sled))
        .check("half a snapshot left behind", |dir| {
            let snapshot = "log/e00000001/snap.00FFFFFFFFFFFFFF.generating";
            fs::write(dir.join(snapshot), [1; 40]).unwrap();
        })
        .unwrap();
}

#[test]
fn no_panic_text_reaches_standard_error() {
    let name = "damage::a_log_left_by_a_crash_of_its_first_opening_is_the_same_or_refused_in_sled";
    crate::quiet::check(name);
}
