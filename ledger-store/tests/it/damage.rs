//! Damage of any kind is either without effect or named, and never answered with other records.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ledger_store::{EventLog, SledLog, StoreError};
use tempfile::TempDir;

use crate::crash::append_and_kill;
use crate::records::{Random, fill, open_and_check};

const RECORDS: u64 = 10_000;
const DIRECTORIES: [&str; 2] = ["log", "log/blobs"];

/// A data directory held in memory, so that each case gets a fresh copy of it.
struct Original {
    files: BTreeMap<String, Vec<u8>>,
    last_seq: u64,
}

impl Original {
    fn read(dir: &Path, last_seq: u64) -> Self {
        let mut files = BTreeMap::new();
        for below in ["", "log/"] {
            for entry in fs::read_dir(dir.join(below)).unwrap() {
                let name = format!("{below}{}", entry.unwrap().file_name().to_str().unwrap());
                if dir.join(&name).is_file() {
                    files.insert(name.clone(), fs::read(dir.join(&name)).unwrap());
                }
            }
        }
        Self { files, last_seq }
    }

    /// A copy with the change made to it.
    fn damaged(&self, damage: impl FnOnce(&Path)) -> TempDir {
        let dir = TempDir::new().unwrap();
        for name in DIRECTORIES {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for (name, bytes) in &self.files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        damage(dir.path());
        dir
    }

    /// Asserts that a damaged copy either has every record or is refused by name.
    fn check(&self, case: &str, damage: impl FnOnce(&Path)) -> Result<(), StoreError> {
        let dir = self.damaged(damage);
        let outcome = open_and_check(dir.path());
        match &outcome {
            Ok((_, last_seq)) => assert_eq!(*last_seq, self.last_seq, "{case}"),
            Err(error) => {
                let text = error.to_string();
                let names = [
                    "log/db",
                    "log/conf",
                    "log/snap.",
                    "log is",
                    "HEAD",
                    "MANIFEST",
                ];
                assert!(
                    names.iter().any(|name| text.contains(name)) || text.contains("record "),
                    "{case}: the error names nothing: {text}"
                );
            }
        }
        outcome.map(drop)
    }

    /// The files that hold anything; the lock file is empty.
    fn names(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter().filter(|(_, bytes)| !bytes.is_empty());
        files.map(|(name, bytes)| (name.as_str(), &bytes[..]))
    }
}

/// A log closed in order, opened once in between so that sled has a snapshot too.
fn closed() -> &'static Original {
    static CLOSED: OnceLock<Original> = OnceLock::new();
    CLOSED.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        for last_seq in [RECORDS / 2, RECORDS] {
            let mut log = SledLog::open(dir.path()).unwrap();
            fill(&mut log, last_seq);
            Box::new(log).close().unwrap();
        }
        Original::read(dir.path(), RECORDS)
    })
}

/// What kill -9 leaves: the files of a log that is still open, after an acknowledged append.
fn crashed() -> &'static Original {
    static CRASHED: OnceLock<Original> = OnceLock::new();
    CRASHED.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let mut log = SledLog::open(dir.path()).unwrap();
        fill(&mut log, RECORDS / 2);
        Box::new(log).close().unwrap();
        let mut log = SledLog::open(dir.path()).unwrap();
        fill(&mut log, RECORDS);
        Original::read(dir.path(), RECORDS)
    })
}

/// The same without any earlier opening, so that sled has no snapshot to compare with.
fn crashed_at_first() -> &'static Original {
    static CRASHED: OnceLock<Original> = OnceLock::new();
    CRASHED.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let mut log = SledLog::open(dir.path()).unwrap();
        fill(&mut log, RECORDS);
        Original::read(dir.path(), RECORDS)
    })
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
    let mut outcomes = Vec::new();
    for (name, bytes) in original.names() {
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
    outcomes.push(original.check("log removed", |dir| {
        fs::remove_dir_all(dir.join("log")).unwrap()
    }));
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    (refused, outcomes.len())
}

#[test]
fn undamaged_copies_open() {
    for original in [closed(), crashed(), crashed_at_first()] {
        original.check("nothing changed", |_| ()).unwrap();
    }
}

#[test]
fn a_closed_log_is_the_same_or_refused() {
    let (refused, cases) = damage_everything(closed(), 60, 1);
    // Only a missing snapshot is harmless.
    assert_eq!(refused, cases - 1);
}

#[test]
fn a_log_left_by_a_crash_is_the_same_or_refused() {
    let (refused, cases) = damage_everything(crashed(), 60, 2);
    assert!(refused > cases / 2, "{refused} of {cases}");
}

#[test]
fn a_log_left_by_a_crash_of_its_first_opening_is_the_same_or_refused() {
    let (refused, cases) = damage_everything(crashed_at_first(), 60, 3);
    assert!(refused > cases / 2, "{refused} of {cases}");
}

#[test]
fn a_log_left_by_a_killed_process_is_the_same_or_refused() {
    let dir = TempDir::new().unwrap();
    append_and_kill(dir.path(), None);
    // The last group may be there without having been acknowledged, so ask what is there.
    let files = Original::read(dir.path(), 0).files;
    let last_seq = open_and_check(dir.path()).unwrap().1;
    damage_everything(&Original { files, last_seq }, 12, 4);
}

#[test]
fn damage_after_closing_is_named_with_its_bytes() {
    let error = flip(closed(), "log/db", 8 * 1_048_580).unwrap_err();
    assert_eq!(
        error.to_string(),
        "log/db differs from the state it was closed in, bytes 1048576..2097152"
    );
    assert_eq!(error.code(), "STORE_DAMAGED");
}

#[test]
fn a_refused_closed_log_is_left_as_it_was() {
    let dir = closed().damaged(|dir| edit(dir.join("log/db"), |bytes| bytes[70_000] ^= 1));
    let before = Original::read(dir.path(), 0).files;
    SledLog::open(dir.path()).unwrap_err();
    assert!(Original::read(dir.path(), 0).files == before);
}

#[test]
fn an_unfinished_creation_is_begun_anew() {
    let created = {
        let dir = TempDir::new().unwrap();
        drop(SledLog::open(dir.path()).unwrap());
        Original::read(dir.path(), 0)
    };
    let text = "ledger-store manifest 1\nstate creating\n";
    let creating = format!("{text}end {:08x}\n", crc32c::crc32c(text.as_bytes()));
    let dir = created.damaged(|dir| {
        fs::write(dir.join("MANIFEST"), &creating).unwrap();
        edit(dir.join("log/db"), |bytes| bytes.truncate(100));
    });
    open_and_check(dir.path()).unwrap();
    // But never a log that has records.
    let dir = closed().damaged(|dir| fs::write(dir.join("MANIFEST"), &creating).unwrap());
    let error = SledLog::open(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("HEAD has record 10000"),
        "{error}"
    );
}

#[test]
fn a_snapshot_cut_off_by_a_kill_is_harmless() {
    crashed()
        .check("half a snapshot left behind", |dir| {
            fs::write(dir.join("log/snap.00FFFFFFFFFFFFFF.generating"), [1; 40]).unwrap();
        })
        .unwrap();
}

#[test]
fn no_panic_text_reaches_standard_error() {
    let name = "damage::a_log_left_by_a_crash_of_its_first_opening_is_the_same_or_refused";
    crate::quiet::check(name);
}
