//! Cutting the power at any moment loses nothing that was acknowledged, on the real store.
//!
//! A child process runs under `strace`, which notes everything it asks of the kernel. From the notes
//! the test makes states of the disk that a power cut could leave, and opens each. The model is a
//! file system that keeps no more than it must, as ext4 in its default mode may:
//!
//! - What was written to a file before an `fsync` or `fdatasync` of it is there, and so is its size.
//!   `sync_file_range` promises nothing.
//! - Of what was written later, each write is there, is not, or is there in some of its sectors of
//!   512 bytes. A file is as long as what is there of it. A change of its length is there or is not.
//! - Names change in the order of the journal: a cut leaves the first few changes. Those before an
//!   `fsync` of their directory, or of the very file they name, are among them.

mod trace;

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ledger_core::command::Request;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogOptions, StoreError, StoreKind};
use tempfile::TempDir;

use self::trace::{Call, Deed, Trace};
use crate::commands::{NOW, SETUP_RECORDS, fee, number, setup};
use crate::records::Random;

const CHILD_DIR: &str = "LEDGER_STORE_TEST_POWER_LOSS_DIR";
const CHILD_STORE: &str = "LEDGER_STORE_TEST_POWER_LOSS_STORE";
/// Small, so that every opening goes through some of them.
const EPOCH_RECORDS: u64 = 140;
/// Batches in each of three openings: the first is closed in order, the others are left as by a crash.
const BATCHES: u64 = 16;
const OPENINGS: u64 = 3;
const BATCH_FEES: u64 = 12;
const SECTOR_BYTES: u64 = 512;
/// States besides those right after each acknowledgement.
const RANDOM_STATES: u64 = 160;
/// Not a test of its own: the process whose power is cut.
#[test]
fn child_submits_batches() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let dir = Path::new(&dir);
    let store = env::var(CHILD_STORE).unwrap().parse().unwrap();
    submit_batches(dir, store, 0..BATCHES).close().unwrap();
    for opening in 1..OPENINGS {
        let first = opening * BATCHES;
        drop(submit_batches(dir, store, first..first + BATCHES));
    }
}

fn open(dir: &Path, store: StoreKind) -> Result<Recovered, StoreError> {
    let options = LogOptions {
        store: Some(store),
        epoch_records_max: EPOCH_RECORDS,
        ..LogOptions::default()
    };
    recover_with(dir, options)
}

fn submit_batches(dir: &Path, store: StoreKind, batches: Range<u64>) -> Writer {
    let recovered = open(dir, store).unwrap();
    let is_new = recovered.log.head().last_seq == 0;
    let (writer, _) = recovered.start(|| NOW);
    let submit = |requests: Vec<Request>| {
        let answers = writer.submit(requests).unwrap().wait().unwrap();
        println!("acknowledged {}", answers.last().unwrap().seq.unwrap().0);
    };
    if is_new {
        submit(setup());
    }
    for batch in batches {
        let first = batch * BATCH_FEES;
        submit((first..first + BATCH_FEES).map(fee).collect());
    }
    writer
}

/// How much of what is not certain a state has.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Nothing,
    Everything,
    Some,
}

/// The trace of one child in this store, or nothing where there is no `strace`.
fn trace(store: StoreKind) -> Option<&'static Trace> {
    static TRACES: [OnceLock<Option<Trace>>; 2] = [OnceLock::new(), OnceLock::new()];
    let trace = match store {
        StoreKind::Sled => &TRACES[0],
        StoreKind::Redb => &TRACES[1],
    };
    trace.get_or_init(|| trace::record(store)).as_ref()
}

impl Trace {
    /// Makes the disk as it may be when the power is cut before the call at `cut`.
    fn leave(&self, cut: usize, luck: Luck, random: &mut Random, root: &Path) {
        let calls = &self.calls[..cut];
        let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
        for (at, call) in calls.iter().enumerate() {
            let file = match &call.deed {
                Deed::Write(file, ..) | Deed::Resize(file, _) => *file,
                Deed::CreateDir(_)
                | Deed::Create(..)
                | Deed::Rename(..)
                | Deed::Unlink(_)
                | Deed::Sync(_)
                | Deed::SyncDir(_)
                | Deed::Acknowledge(_) => continue,
            };
            let is_certain = calls[at..].iter().any(|later| {
                matches!(later.deed, Deed::Sync(synced) if synced == file) && later.begin > call.end
            });
            let content = contents.entry(file).or_default();
            let luck = if is_certain { Luck::Everything } else { luck };
            if let Deed::Write(_, offset, bytes) = &call.deed {
                write(content, *offset, bytes, luck, random);
            } else if let Deed::Resize(_, length) = call.deed {
                resize(content, length, luck, random);
            }
        }
        for (path, file) in self.names(calls, luck, random) {
            let path = root.join(path);
            match file {
                None => fs::create_dir(path).unwrap(),
                Some(file) => fs::write(path, contents.remove(&file).unwrap_or_default()).unwrap(),
            }
        }
    }

    /// The names that are there, directories before what is in them.
    fn names(
        &self,
        calls: &[Call],
        luck: Luck,
        random: &mut Random,
    ) -> BTreeMap<PathBuf, Option<usize>> {
        let of_names = calls.iter().filter(|call| call.deed.is_of_names());
        let of_names: Vec<_> = of_names.collect();
        let is_synced = |call: &Call| {
            let later = calls.iter().filter(|later| later.begin > call.end);
            later
                .into_iter()
                .any(|later| keeps(&later.deed, &call.deed))
        };
        let certain = of_names.iter().rposition(|call| is_synced(call));
        let certain = certain.map_or(0, |last| last + 1);
        let kept = match luck {
            Luck::Nothing => certain,
            Luck::Everything => of_names.len(),
            Luck::Some => {
                let uncertain = (of_names.len() - certain) as u64;
                certain + usize::try_from(random.below(uncertain + 1)).unwrap()
            }
        };
        let mut names = BTreeMap::new();
        for call in &of_names[..kept] {
            match &call.deed {
                Deed::CreateDir(path) => {
                    names.insert(path.clone(), None);
                }
                Deed::Create(path, file) => {
                    names.insert(path.clone(), Some(*file));
                }
                Deed::Rename(from, to, file) => {
                    names.remove(from);
                    names.insert(to.clone(), Some(*file));
                }
                Deed::Unlink(path) => {
                    names.remove(path);
                }
                Deed::Resize(..)
                | Deed::Write(..)
                | Deed::Sync(_)
                | Deed::SyncDir(_)
                | Deed::Acknowledge(_) => {}
            }
        }
        names
    }

    /// Last record acknowledged before a cut, and the one that was then under way.
    fn acknowledged(&self, cut: usize) -> (u64, u64) {
        let seq = |call: &Call| match call.deed {
            Deed::Acknowledge(seq) => Some(seq),
            Deed::CreateDir(_)
            | Deed::Create(..)
            | Deed::Rename(..)
            | Deed::Unlink(_)
            | Deed::Resize(..)
            | Deed::Write(..)
            | Deed::Sync(_)
            | Deed::SyncDir(_) => None,
        };
        let before = self.calls[..cut].iter().rev().find_map(seq).unwrap_or(0);
        (
            before,
            self.calls[cut..].iter().find_map(seq).unwrap_or(before),
        )
    }

    /// The cuts right after each acknowledgement.
    fn after_each_acknowledgement(&self) -> Vec<usize> {
        let calls = (1..).zip(&self.calls);
        let acknowledgements = calls.filter(|(_, call)| matches!(call.deed, Deed::Acknowledge(_)));
        acknowledgements.map(|(cut, _)| cut).collect()
    }

    /// What is wrong when the log is opened after a cut, if anything is.
    fn open_after(&self, cut: usize, luck: Luck, random: &mut Random) -> Result<u64, String> {
        let root = TempDir::new().unwrap();
        self.leave(cut, luck, random, root.path());
        let (acknowledged, under_way) = self.acknowledged(cut);
        let Recovered { log, books, .. } = match open(&root.path().join("data"), self.store) {
            Ok(recovered) => recovered,
            // A creation that was never acknowledged may be refused, by name.
            Err(error) if acknowledged == 0 && error.code() == "STORE_DAMAGED" => return Ok(0),
            Err(error) => return Err(format!("{acknowledged} acknowledged, then: {error}")),
        };
        let last_seq = log.head().last_seq;
        // A submission is one block, so it is there or it is not.
        if last_seq != acknowledged && last_seq != under_way {
            return Err(format!("{acknowledged} acknowledged, {last_seq} recovered"));
        }
        for (seq, record) in (1..).zip(Reader::new(books, log.reader()).records()) {
            let record = record.unwrap();
            assert_eq!(record.seq.0, seq);
            if seq > SETUP_RECORDS {
                assert_eq!(number(record.event.correlation), seq - SETUP_RECORDS - 1);
            }
        }
        Ok(last_seq)
    }
}

/// Whether a sync keeps a change of names.
fn keeps(sync: &Deed, change: &Deed) -> bool {
    match (sync, change) {
        (Deed::Sync(synced), Deed::Create(_, file) | Deed::Rename(_, _, file)) => synced == file,
        (
            Deed::SyncDir(dir),
            Deed::CreateDir(path) | Deed::Create(path, _) | Deed::Unlink(path),
        ) => path.parent() == Some(dir),
        (Deed::SyncDir(dir), Deed::Rename(_, to, _)) => to.parent() == Some(dir),
        _ => false,
    }
}

/// Changes the length of the content, if that arrives.
fn resize(content: &mut Vec<u8>, length: u64, luck: Luck, random: &mut Random) {
    let arrives = match luck {
        Luck::Nothing => false,
        Luck::Everything => true,
        Luck::Some => random.below(2) == 0,
    };
    if arrives {
        content.resize(usize::try_from(length).unwrap(), 0);
    }
}

/// Puts into the content what arrives of a write.
fn write(content: &mut Vec<u8>, offset: u64, bytes: &[u8], luck: Luck, random: &mut Random) {
    let whole = match luck {
        Luck::Nothing => return,
        Luck::Everything => true,
        Luck::Some => match random.below(3) {
            0 => return,
            arrives => arrives == 1,
        },
    };
    let mut begin = 0;
    while begin < bytes.len() {
        let at = offset + begin as u64;
        let sector_left = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).unwrap();
        let end = bytes
            .len()
            .min(begin + if whole { bytes.len() } else { sector_left });
        if whole || random.below(2) == 0 {
            let at = usize::try_from(at).unwrap();
            let length = content.len().max(at + end - begin);
            content.resize(length, 0);
            content[at..at + end - begin].copy_from_slice(&bytes[begin..end]);
        }
        begin = end;
    }
}

fn survive_a_power_cut(store: StoreKind) {
    let Some(trace) = trace(store) else { return };
    assert!(trace.blocks.len() > 4, "{} epochs", trace.blocks.len());
    let mut random = Random::new(4);
    let after = trace.after_each_acknowledgement();
    assert_eq!(after.len() as u64, OPENINGS * BATCHES + 1);
    let strict = after.into_iter().map(|cut| (cut, Luck::Nothing));
    let mut cases: Vec<_> = strict.collect();
    for state in 0..RANDOM_STATES {
        let cut = random.below(trace.calls.len() as u64 + 1);
        let luck = [Luck::Some, Luck::Some, Luck::Nothing, Luck::Everything]
            [usize::try_from(state % 4).unwrap()];
        cases.push((usize::try_from(cut).unwrap(), luck));
    }
    let mut wrong = Vec::new();
    for &(cut, luck) in &cases {
        if let Err(what) = trace.open_after(cut, luck, &mut random) {
            wrong.push(format!("cut before call {cut}, {luck:?}: {what}"));
        }
    }
    let (count, all) = (wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{count} of {all} states: {wrong:#?}");
}

#[test]
fn acknowledged_records_survive_a_power_cut_in_sled() {
    survive_a_power_cut(StoreKind::Sled);
}

#[test]
fn acknowledged_records_survive_a_power_cut_in_redb() {
    survive_a_power_cut(StoreKind::Redb);
}

/// The test above would prove less if no epoch were ever given room.
#[test]
fn the_traced_log_has_epochs_with_room() {
    let Some(trace) = trace(StoreKind::Sled) else {
        return;
    };
    let rooms = trace.calls.iter().filter(|call| match &call.deed {
        Deed::Write(file, _, bytes) => {
            trace.blocks.contains(file) && bytes.len() > 4096 && bytes.iter().all(|byte| *byte == 0)
        }
        Deed::CreateDir(_)
        | Deed::Create(..)
        | Deed::Rename(..)
        | Deed::Unlink(_)
        | Deed::Resize(..)
        | Deed::Sync(_)
        | Deed::SyncDir(_)
        | Deed::Acknowledge(_) => false,
    });
    assert!(rooms.count() > 2);
}

#[test]
fn a_log_left_by_a_power_cut_goes_on() {
    for store in StoreKind::ALL {
        let Some(trace) = trace(store) else { return };
        let mut random = Random::new(6);
        for cut in trace.after_each_acknowledgement().into_iter().step_by(8) {
            let root = TempDir::new().unwrap();
            let data = root.path().join("data");
            trace.leave(cut, Luck::Some, &mut random, root.path());
            let left = open(&data, store).unwrap().log.head().last_seq;
            let batch = left / BATCH_FEES;
            submit_batches(&data, store, batch..batch + 1)
                .close()
                .unwrap();
            let last_seq = open(&data, store).unwrap().log.head().last_seq;
            assert_eq!(last_seq, left + BATCH_FEES);
        }
    }
}

/// What a store does without syncing; without this the tests above might prove nothing.
#[test]
fn without_a_sync_the_log_would_lose_acknowledged_records() {
    for store in StoreKind::ALL {
        let Some(trace) = trace(store) else { return };
        let is_sync =
            |call: &&Call| matches!(call.deed, Deed::Sync(file) if trace.blocks.contains(&file));
        let calls = trace.calls.iter().filter(|call| !is_sync(call));
        let unsynced = Trace {
            store,
            calls: calls.cloned().collect(),
            blocks: trace.blocks.clone(),
        };
        let mut random = Random::new(5);
        for cut in unsynced
            .after_each_acknowledgement()
            .into_iter()
            .step_by(10)
        {
            let outcome = unsynced.open_after(cut, Luck::Nothing, &mut random);
            assert!(outcome.is_err(), "{outcome:?} recovered from nothing");
        }
    }
}
