//! What a process asked of the kernel, as `strace` notes it.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ledger_store::StoreKind;
use tempfile::TempDir;

use super::{CHILD_DIR, CHILD_OPENINGS, CHILD_STORE, Luck, Recording};
use crate::files::Files;
use crate::records::Random;

/// Every call that changes a file or a name, or promises to keep it.
const CALLS: &str = "openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,\
                     fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,\
                     unlink,unlinkat,mkdir,mkdirat,rmdir";

/// A call that succeeded. Calls are in the order of their ends, counted in lines of the trace.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) deed: Deed,
}

/// What a call did. A file is known by the place of its creation, whatever it is named.
#[derive(Clone)]
pub(super) enum Deed {
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
    pub(super) fn is_of_names(&self) -> bool {
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

pub(super) struct Trace {
    pub(super) store: StoreKind,
    pub(super) calls: Vec<Call>,
    /// The files that have the blocks, one an epoch.
    pub(super) blocks: BTreeSet<usize>,
}

/// The trace of processes that keep their log in this store, or nothing where there is no `strace`.
pub(super) fn record(store: StoreKind, recording: Recording) -> Option<Trace> {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let mut text = String::new();
    for (openings, killed_at) in recording.processes() {
        let notes = dir.path().join("trace");
        let injected = killed_at.map(|call| ["-e".to_owned(), format!("inject={call}")]);
        let traced = Command::new("strace")
            .args(["-f", "-y", "-xx", "-s", "100000000", "-o"])
            .arg(&notes)
            .args(["-e", &format!("trace={CALLS}")])
            .args(injected.iter().flatten())
            .arg(env::current_exe().unwrap())
            .args(["--exact", "power_loss::child_submits_batches"])
            .arg("--nocapture")
            .env(CHILD_DIR, &data)
            .env(CHILD_STORE, store.name())
            .env(CHILD_OPENINGS, openings)
            .output();
        let noted = fs::read_to_string(&notes).unwrap_or_default();
        if noted.is_empty() {
            eprintln!("skipped: strace is not here, or may not trace");
            return None;
        }
        let status = traced.unwrap().status;
        assert_eq!(
            status.success(),
            killed_at.is_none(),
            "{killed_at:?}: {status}"
        );
        text += &noted;
    }
    let trace = Parser::new(dir.path()).parse(store, &text);
    trace.assert_complete(&data);
    Some(trace)
}

impl Trace {
    /// With all luck, what the trace makes is what the processes made: nothing escaped it.
    fn assert_complete(&self, data: &Path) {
        let made = TempDir::new().unwrap();
        let all = self.calls.len();
        self.leave(all, Luck::Everything, &mut Random::new(0), made.path());
        let (made, real) = (Files::read(&made.path().join("data")), Files::read(data));
        let names = |files: &Files| files.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&made), names(&real));
        for (name, bytes) in &real.files {
            assert!(made.files[name] == *bytes, "{name} was changed unnoticed");
        }
    }
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
