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
//!
//! What a process finds when it opens the log counts as acknowledged from then on: it shows that to
//! everybody. `LEDGER_POWER_STATES` and `LEDGER_SEED` ask for more states, and for others.

mod trace;

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ledger_core::command::Request;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::verify::verify;
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogOptions, StoreError, StoreKind};
use tempfile::TempDir;

use self::trace::{Call, Deed, Trace};
use crate::commands::{NOW, SETUP_RECORDS, fee, number, setup};
use crate::effort;
use crate::records::Random;

const CHILD_DIR: &str = "LEDGER_STORE_TEST_POWER_LOSS_DIR";
const CHILD_STORE: &str = "LEDGER_STORE_TEST_POWER_LOSS_STORE";
const CHILD_OPENINGS: &str = "LEDGER_STORE_TEST_POWER_LOSS_OPENINGS";
/// Small, so that every opening goes through some of them.
const EPOCH_RECORDS: u64 = 140;
/// Batches in each opening.
const BATCHES: u64 = 16;
const BATCH_FEES: u64 = 12;
const SECTOR_BYTES: u64 = 512;
/// States besides those right after each acknowledgement.
const RANDOM_STATES: u64 = 160;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    /// One process opens three times: the first is closed in order, the others are let go.
    Openings,
    /// Processes are killed within a call: right before a sync of what was written, and before a write.
    /// What they leave is opened by the next, which ends in order.
    Kills,
}

impl Recording {
    const ALL: [Self; 2] = [Self::Openings, Self::Kills];

    /// How often each process opens, and at which call it is killed.
    fn processes(self) -> &'static [(&'static str, Option<&'static str>)] {
        match self {
            Self::Openings => &[("3", None)],
            Self::Kills => &[
                ("1", Some("fdatasync:signal=KILL:when=4")),
                ("1", Some("fdatasync:signal=KILL:when=14")),
                ("1", Some("pwrite64:signal=KILL:when=12")),
                ("1", None),
            ],
        }
    }
}

/// Not a test of its own: the process whose power is cut.
#[test]
fn child_submits_batches() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let dir = Path::new(&dir);
    let store = env::var(CHILD_STORE).unwrap().parse().unwrap();
    let openings: u64 = env::var(CHILD_OPENINGS).unwrap().parse().unwrap();
    submit_batches(dir, store, BATCHES).close().unwrap();
    for _ in 1..openings {
        drop(submit_batches(dir, store, BATCHES));
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

/// Submits so many batches after those that are there.
fn submit_batches(dir: &Path, store: StoreKind, batches: u64) -> Writer {
    let recovered = open(dir, store).unwrap();
    let last_seq = recovered.log.head().last_seq;
    println!("acknowledged {last_seq}");
    let (writer, _) = recovered.start(|| NOW);
    let submit = |requests: Vec<Request>| {
        let answers = writer.submit(requests).unwrap().wait().unwrap();
        println!("acknowledged {}", answers.last().unwrap().seq.unwrap().0);
    };
    if last_seq == 0 {
        submit(setup());
    }
    let done = last_seq.saturating_sub(SETUP_RECORDS) / BATCH_FEES;
    for batch in done..done + batches {
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

/// The trace of some processes on this store, or nothing where there is no `strace`.
fn trace(store: StoreKind, recording: Recording) -> Option<&'static Trace> {
    static TRACES: [[OnceLock<Option<Trace>>; 2]; 2] =
        [const { [const { OnceLock::new() }; 2] }; 2];
    let of_store = match store {
        StoreKind::Sled => &TRACES[0],
        StoreKind::Redb => &TRACES[1],
    };
    let trace = match recording {
        Recording::Openings => &of_store[0],
        Recording::Kills => &of_store[1],
    };
    trace
        .get_or_init(|| trace::record(store, recording))
        .as_ref()
}

impl Trace {
    /// Makes the disk as it may be when the power is cut before the call at `cut`.
    fn leave(&self, cut: usize, luck: Luck, random: &mut Random, root: &Path) {
        let calls = &self.calls[..cut];
        let mut synced: HashMap<usize, usize> = HashMap::new();
        for call in calls {
            if let Deed::Sync(file) = call.deed {
                let begin = synced.entry(file).or_default();
                *begin = call.begin.max(*begin);
            }
        }
        let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
        for call in calls {
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
            let is_certain = synced.get(&file).is_some_and(|begin| *begin > call.end);
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

    /// Nothing but what is certain after each acknowledgement, and so many states more.
    fn cases(&self, states: u64, random: &mut Random) -> Vec<(usize, Luck)> {
        let after = self.after_each_acknowledgement();
        assert!(after.len() as u64 > BATCHES, "{} batches", after.len());
        let strict = after.into_iter().map(|cut| (cut, Luck::Nothing));
        let mut cases: Vec<_> = strict.collect();
        for state in 0..states {
            let cut = random.below(self.calls.len() as u64 + 1);
            let luck = [Luck::Some, Luck::Some, Luck::Nothing, Luck::Everything]
                [usize::try_from(state % 4).unwrap()];
            cases.push((usize::try_from(cut).unwrap(), luck));
        }
        cases
    }

    /// What is wrong when the log is opened after a cut, if anything is.
    fn open_after(&self, cut: usize, luck: Luck, random: &mut Random) -> Result<Opened, String> {
        let root = TempDir::new().unwrap();
        self.leave(cut, luck, random, root.path());
        let (acknowledged, under_way) = self.acknowledged(cut);
        let Recovered { log, books, .. } = match open(&root.path().join("data"), self.store) {
            Ok(recovered) => recovered,
            // A creation that was never acknowledged may be refused, by name.
            Err(error) if acknowledged == 0 && error.code() == "STORE_DAMAGED" => {
                return Ok(Opened::Refused);
            }
            Err(error) => return Err(format!("{acknowledged} acknowledged, then: {error}")),
        };
        let last_seq = log.head().last_seq;
        // A submission is one block, so it is there or it is not. One that a process left behind when it
        // was killed may be there too, before the one that is under way.
        let is_batch = last_seq == 0 || (last_seq - SETUP_RECORDS).is_multiple_of(BATCH_FEES);
        if !(acknowledged..=under_way).contains(&last_seq) || !is_batch {
            return Err(format!("{acknowledged} acknowledged, {last_seq} recovered"));
        }
        let reader = Reader::new(books, log.reader());
        let verified = verify(&reader).map_err(|error| error.to_string())?;
        assert_eq!(verified.records, last_seq);
        for (seq, record) in (1..).zip(reader.records()) {
            let record = record.unwrap();
            assert_eq!(record.seq.0, seq);
            if seq > SETUP_RECORDS {
                assert_eq!(number(record.event.correlation), seq - SETUP_RECORDS - 1);
            }
        }
        Ok(Opened::Right)
    }
}

/// What came of opening a log.
#[derive(Debug)]
enum Opened {
    Right,
    Refused,
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
    let states = effort::count("LEDGER_POWER_STATES", RANDOM_STATES);
    let seed = effort::seed();
    let mut random = Random::new(seed.wrapping_add(3));
    let (mut count, mut refused, mut acknowledged) = (0, 0, 0);
    let mut wrong = Vec::new();
    for recording in Recording::ALL {
        let Some(trace) = trace(store, recording) else {
            return;
        };
        assert!(trace.blocks.len() > 4, "{} epochs", trace.blocks.len());
        for (cut, luck) in trace.cases(states / 2, &mut random) {
            count += 1;
            acknowledged += trace.acknowledged(cut).0;
            match trace.open_after(cut, luck, &mut random) {
                Ok(Opened::Right) => {}
                Ok(Opened::Refused) => refused += 1,
                Err(what) => {
                    wrong.push(format!(
                        "{recording:?}, cut before call {cut}, {luck:?}: {what}"
                    ));
                }
            }
        }
    }
    println!(
        "power loss, {store}, seed {seed}: {count} states, {acknowledged} records acknowledged in them, \
         {} lost or wrong, {refused} refused by name before anything was acknowledged",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
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
    let Some(trace) = trace(StoreKind::Sled, Recording::Openings) else {
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
        let Some(trace) = trace(store, Recording::Openings) else {
            return;
        };
        let mut random = Random::new(6);
        for cut in trace.after_each_acknowledgement().into_iter().step_by(8) {
            let root = TempDir::new().unwrap();
            let data = root.path().join("data");
            trace.leave(cut, Luck::Some, &mut random, root.path());
            let left = open(&data, store).unwrap().log.head().last_seq;
            submit_batches(&data, store, 1).close().unwrap();
            let last_seq = open(&data, store).unwrap().log.head().last_seq;
            assert_eq!(last_seq, left.max(SETUP_RECORDS) + BATCH_FEES);
        }
    }
}

/// What a store does without syncing; without this the tests above might prove nothing.
#[test]
fn without_a_sync_the_log_would_lose_acknowledged_records() {
    for store in StoreKind::ALL {
        let Some(trace) = trace(store, Recording::Openings) else {
            return;
        };
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
            // Before anything was acknowledged there is nothing to lose.
            if unsynced.acknowledged(cut).0 == 0 {
                continue;
            }
            let outcome = unsynced.open_after(cut, Luck::Nothing, &mut random);
            assert!(outcome.is_err(), "{outcome:?} recovered from nothing");
        }
    }
}
