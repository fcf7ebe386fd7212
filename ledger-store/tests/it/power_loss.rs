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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::OnceLock;

use ledger_core::command::Request;
use ledger_store::reader::Reader;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogOptions, StoreError, StoreKind};
use tempfile::TempDir;

use crate::commands::{NOW, SETUP_RECORDS, fee, number, setup};
use crate::records::Random;

const CHILD_DIR: &str = "LEDGER_STORE_TEST_POWER_LOSS_DIR";
const CHILD_STORE: &str = "LEDGER_STORE_TEST_POWER_LOSS_STORE";
/// Small, so that every opening goes through some of them.
const EPOCH_RECORDS: u64 = 100;
/// Batches in each of three openings: the first is closed in order, the others are left as by a crash.
const BATCHES: u64 = 16;
const OPENINGS: u64 = 3;
const BATCH_FEES: u64 = 12;
const SECTOR_BYTES: u64 = 512;
/// States besides those right after each acknowledgement.
const RANDOM_STATES: u64 = 200;
/// Every call that changes a file or a name, or promises to keep it.
const CALLS: &str = "openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,\
                     fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,\
                     unlink,unlinkat,mkdir,mkdirat,rmdir";

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
    };
    recover_with(dir, options)
}

fn submit_batches(dir: &Path, store: StoreKind, batches: Range<u64>) -> Writer {
    let Recovered { log, state, books } = open(dir, store).unwrap();
    let is_new = log.head().last_seq == 0;
    let reader = Reader::new(books, log.reader());
    let writer = Writer::start(Box::new(log), state, reader, || NOW);
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

/// A call that succeeded. Calls are in the order of their ends, counted in lines of the trace.
#[derive(Clone)]
struct Call {
    begin: usize,
    end: usize,
    deed: Deed,
}

/// What a call did. A file is known by the place of its creation, whatever it is named.
#[derive(Clone)]
enum Deed {
    CreateDir(PathBuf),
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
    Resize(usize, u64),
    Write(usize, u64, Vec<u8>),
    Sync(usize),
    SyncDir(PathBuf),
    Acknowledge(u64),
}

impl Deed {
    fn is_of_names(&self) -> bool {
        match self {
            Self::CreateDir(_) | Self::Create(..) | Self::Rename(..) | Self::Unlink(_) => true,
            Self::Resize(..)
            | Self::Write(..)
            | Self::Sync(_)
            | Self::SyncDir(_)
            | Self::Acknowledge(_) => false,
        }
    }
}

struct Trace {
    store: StoreKind,
    calls: Vec<Call>,
    /// The files that have the blocks, one an epoch.
    blocks: BTreeSet<usize>,
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
    trace.get_or_init(|| record_trace(store)).as_ref()
}

fn record_trace(store: StoreKind) -> Option<Trace> {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let notes = dir.path().join("trace");
    let traced = Process::new("strace")
        .args(["-f", "-y", "-xx", "-s", "100000000", "-o"])
        .arg(&notes)
        .args(["-e", &format!("trace={CALLS}")])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "power_loss::child_submits_batches",
            "--nocapture",
        ])
        .env(CHILD_DIR, &data)
        .env(CHILD_STORE, store.name())
        .output();
    let text = fs::read_to_string(&notes).unwrap_or_default();
    if !traced.is_ok_and(|output| output.status.success()) || text.is_empty() {
        eprintln!("skipped: strace is not here, or may not trace");
        return None;
    }
    Some(Parser::new(dir.path()).parse(store, &text))
}

/// Reads what `strace -f -y -xx` wrote.
struct Parser<'a> {
    /// The directory the child worked below.
    root: &'a Path,
    files: HashMap<PathBuf, usize>,
    /// Where the next `write` goes, by descriptor.
    positions: HashMap<String, u64>,
    calls: Vec<Call>,
    blocks: BTreeSet<usize>,
}

impl<'a> Parser<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            files: HashMap::new(),
            positions: HashMap::new(),
            calls: Vec::new(),
            blocks: BTreeSet::new(),
        }
    }

    fn parse(mut self, store: StoreKind, text: &str) -> Trace {
        let mut unfinished = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let (thread, call) = line.split_once(' ').unwrap();
            let call = call.trim_start();
            if let Some(begun) = call.strip_suffix("<unfinished ...>") {
                unfinished.insert(thread, (at, begun));
            } else if let Some(resumed) = call.strip_prefix("<... ") {
                let (begin, begun) = unfinished.remove(thread).unwrap();
                let rest = resumed.split_once("resumed>").unwrap().1;
                self.take(begin, at, &format!("{begun}{rest}"));
            } else if !call.starts_with(['+', '-']) {
                self.take(at, at, call);
            }
        }
        Trace {
            store,
            calls: self.calls,
            blocks: self.blocks,
        }
    }

    fn take(&mut self, begin: usize, end: usize, call: &str) {
        let (name, rest) = call.split_once('(').unwrap();
        let Some((arguments, result)) = rest.rsplit_once(" = ") else {
            return;
        };
        if result.starts_with(['-', '?']) {
            return;
        }
        let texts: Vec<_> = arguments
            .split('"')
            .skip(1)
            .step_by(2)
            .map(unescape)
            .collect();
        let descriptor = arguments.split('<').next().unwrap();
        let named = texts.first().and_then(|text| self.below(text));
        let opened = angled(arguments);
        let deed = match name {
            "write"
                if opened
                    .as_deref()
                    .is_some_and(|path| path.starts_with(b"pipe:")) =>
            {
                let line = String::from_utf8_lossy(&texts[0]).into_owned();
                let acknowledged = line.split_once("acknowledged ");
                acknowledged.map(|(_, seq)| Deed::Acknowledge(seq.trim().parse().unwrap()))
            }
            "openat" => {
                let descriptor = result.split('<').next().unwrap();
                self.positions.insert(descriptor.to_owned(), 0);
                named.and_then(|path| self.open(path, arguments))
            }
            "mkdir" => named.map(Deed::CreateDir),
            "rename" => named.map(|from| {
                let to = self.below(&texts[1]).unwrap();
                let file = self.files.remove(&from).unwrap();
                self.files.insert(to.clone(), file);
                Deed::Rename(from, to, file)
            }),
            "unlink" => named.map(|path| self.unlink(path)),
            "rmdir" => named.map(Deed::Unlink),
            // In a directory that is open, or by its whole path.
            "unlinkat" => {
                let at = opened.map_or(PathBuf::new(), |dir| path_of(&dir));
                let path = at.join(path_of(&texts[0]));
                let path = self.below(path.as_os_str().as_encoded_bytes());
                path.map(|path| self.unlink(path))
            }
            _ => match opened.and_then(|path| self.below(&path)) {
                Some(path) => Some(self.on_descriptor(name, descriptor, &path, arguments, texts)),
                None => {
                    assert!(
                        named.is_none(),
                        "the model does not know {name} of {named:?}"
                    );
                    None
                }
            },
        };
        self.calls
            .extend(deed.map(|deed| Call { begin, end, deed }));
    }

    /// An opening is a deed when it creates the file.
    fn open(&mut self, path: PathBuf, arguments: &str) -> Option<Deed> {
        assert!(!arguments.contains("O_APPEND"), "the model does not append");
        if !arguments.contains("O_CREAT") {
            return None;
        }
        if self.files.contains_key(&path) {
            assert!(
                !arguments.contains("O_TRUNC"),
                "the model does not empty {path:?}"
            );
            return None;
        }
        let file = self.calls.len();
        let name = path.file_name().unwrap().to_string_lossy();
        if name == "db" || name.ends_with(".redb") {
            self.blocks.insert(file);
        }
        self.files.insert(path.clone(), file);
        Some(Deed::Create(path, file))
    }

    fn unlink(&mut self, path: PathBuf) -> Deed {
        self.files.remove(&path);
        Deed::Unlink(path)
    }

    fn on_descriptor(
        &mut self,
        name: &str,
        descriptor: &str,
        path: &Path,
        arguments: &str,
        mut texts: Vec<Vec<u8>>,
    ) -> Deed {
        let file = self.files.get(path).copied();
        match (name, file) {
            ("fsync" | "fdatasync", Some(file)) => Deed::Sync(file),
            ("fsync", None) => Deed::SyncDir(path.to_owned()),
            ("ftruncate", Some(file)) => {
                let length = arguments.rsplit_once(", ").unwrap().1;
                let length = length.trim_end_matches([')', ' ']).parse().unwrap();
                Deed::Resize(file, length)
            }
            ("pwrite64", Some(file)) => {
                let at = arguments.rsplit_once(", ").unwrap().1;
                let at = at.trim_end_matches([')', ' ']).parse().unwrap();
                Deed::Write(file, at, texts.remove(0))
            }
            ("write", Some(file)) => {
                let bytes = texts.remove(0);
                let position = self.positions.get_mut(descriptor).unwrap();
                let at = *position;
                *position += bytes.len() as u64;
                Deed::Write(file, at, bytes)
            }
            _ => panic!("the model does not know {name} of {path:?}"),
        }
    }

    /// The path relative to the root, if it is the root or below it.
    fn below(&self, path: &[u8]) -> Option<PathBuf> {
        path_of(path)
            .strip_prefix(self.root)
            .ok()
            .map(Path::to_owned)
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The path that `-y` adds to the first descriptor.
fn angled(arguments: &str) -> Option<Vec<u8>> {
    let (descriptor, rest) = arguments.split_once('<')?;
    let is_number = descriptor.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| unescape(rest.split('>').next().unwrap()))
}

/// The bytes of a text that `-xx` wrote in hexadecimal only.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.split("\\x").skip(1);
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
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
