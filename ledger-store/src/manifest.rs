//! The file `MANIFEST`: which epochs the log has, whether it was closed in order, and the state it was
//! closed in.
//!
//! A storage engine checks its files only while it uses them, and may quietly mend, cut or recreate
//! what it dislikes. So before it sees a closed log, every file that still changes is compared with
//! what it was at closing. Epochs that are full need no such comparison: their blocks are protected by
//! their checksums and the hash chain, and by their end, which is written down here.
//!
//! A text file, one fact a line, the last line a checksum of all lines before it:
//!
//! ```text
//! ledger-store manifest 3
//! state closed
//! store sled
//! epoch log/e00000001 1 2000000 5c1f…(64 digits)
//! epoch log/e00000002 2000001
//! file log/e00000002/db 2621440
//! crc32c 0d4a1185 8a9136aa 62cd8d5b
//! file log/e00000002/conf 10
//! crc32c 2b0b5a17
//! end 5a1f3c7e
//! ```
//!
//! An `epoch` line has its file or directory and its first sequence number and, when it is full, the
//! last one and the hash of its last block; only the last epoch is written to. A `file` line names a
//! file and its length in bytes; the line below has the crc32c of each MiB. The first line and the last
//! keep their form in every version.
//!
//! Version 2 is the same, of a log whose epochs in sled have keys of blocks only. Version 1 knew one
//! epoch only, sled in `log` itself, and had neither `store` nor `epoch` lines.

use std::fmt::Write as _;
use std::path::Path;

use crate::block::ChainHash;
use crate::data_dir::DataDir;
use crate::disk::{Access, DiskFile};
use crate::epoch::{LOG, StoreKind};
use crate::error::StoreError;
use crate::event_log::LogHead;

/// Name of the file that every data directory has.
pub const MANIFEST: &str = "MANIFEST";

/// What the next one is called while it is written.
pub(crate) const MANIFEST_NEW: &str = "MANIFEST.new";
const FIRST_WORDS: &str = "ledger-store manifest ";
pub(crate) const VERSION: u16 = 3;
/// One epoch in `log` itself.
const VERSION_OF_ONE_EPOCH: u16 = 1;
/// How much of a file one checksum covers, and so how exactly damage is located.
const CHUNK_BYTES: usize = 1 << 20;

/// What was under way when the manifest was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The log is being created and holds no record yet.
    Creating,
    /// The log is open, or its process died.
    Open,
    /// The log was closed in order, and nothing may have changed since.
    Closed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Creating, Self::Open, Self::Closed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// The content of `MANIFEST`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The version it was read in. It is always written in the newest one.
    pub(crate) version: u16,
    /// What was under way.
    pub(crate) state: State,
    /// The storage engine of every epoch.
    pub(crate) store: StoreKind,
    /// Every epoch in order; the last one is written to.
    pub(crate) epochs: Vec<EpochEntry>,
    /// The files that may not have changed since.
    pub(crate) files: Vec<FileSum>,
}

/// What the manifest knows of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EpochEntry {
    /// Its file or directory, below the data directory.
    pub(crate) name: String,
    /// Sequence number of its first record.
    pub(crate) first_seq: u64,
    /// Where it ends, once it is full.
    pub(crate) end: Option<LogHead>,
}

/// Length and checksums of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSum {
    /// Path below the data directory, with `/` between its parts.
    pub(crate) name: String,
    bytes: u64,
    chunks: Vec<u32>,
}

impl Manifest {
    /// Reads the manifest, or nothing when there is none.
    pub(crate) fn load(dir: &DataDir) -> Result<Option<Self>, StoreError> {
        let Some(file) = dir.open_present(MANIFEST, Access::Read)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        for_each_chunk(&dir.join(MANIFEST), &*file, |chunk| {
            bytes.extend_from_slice(chunk);
            true
        })?;
        let damaged = || StoreError::damaged(MANIFEST, "is damaged");
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let version = version_of(&text).ok_or_else(damaged)?;
        if version > VERSION {
            return Err(StoreError::UnsupportedVersion {
                place: MANIFEST.to_owned(),
                version,
            });
        }
        let manifest = Self::parse(&text, version).ok_or_else(damaged)?;
        // Writing it again covers every liberty that parsing allows.
        if manifest.render(version) == text {
            Ok(Some(manifest))
        } else {
            Err(damaged())
        }
    }

    /// Puts the manifest in place of the one before, durably and in one step.
    pub(crate) fn store(&self, dir: &DataDir) -> Result<(), StoreError> {
        let path = dir.join(MANIFEST_NEW);
        let file = dir.open(MANIFEST_NEW, Access::Replace)?;
        file.write_all_at(self.render(VERSION).as_bytes(), 0)
            .map_err(StoreError::io(&path))?;
        file.sync().map_err(StoreError::io(&path))?;
        drop(file);
        dir.disk()
            .rename(&path, &dir.join(MANIFEST))
            .map_err(StoreError::io(&path))?;
        dir.sync()
    }

    /// The recorded file of this name.
    pub(crate) fn file(&self, name: &str) -> Option<&FileSum> {
        self.files.iter().find(|file| file.name == name)
    }

    fn render(&self, version: u16) -> String {
        let mut text = format!("{FIRST_WORDS}{version}\nstate {}\n", self.state.name());
        if version > VERSION_OF_ONE_EPOCH {
            text += &format!("store {}\n", self.store);
            for epoch in &self.epochs {
                text += &format!("epoch {} {}", epoch.name, epoch.first_seq);
                if let Some(end) = epoch.end {
                    text += &format!(" {} {}", end.last_seq, end.chain);
                }
                text.push('\n');
            }
        }
        for file in &self.files {
            let sums: String = file
                .chunks
                .iter()
                .map(|sum| format!(" {sum:08x}"))
                .collect();
            writeln!(text, "file {} {}\ncrc32c{sums}", file.name, file.bytes)
                .expect("a string takes any text");
        }
        let checksum = crc32c::crc32c(text.as_bytes());
        writeln!(text, "end {checksum:08x}").expect("a string takes any text");
        text
    }

    fn parse(text: &str, version: u16) -> Option<Self> {
        let mut lines = text.lines().skip(1).peekable();
        let state = State::named(lines.next()?.strip_prefix("state ")?)?;
        let (store, epochs) = if version == VERSION_OF_ONE_EPOCH {
            let only = EpochEntry {
                name: LOG.to_owned(),
                first_seq: 1,
                end: None,
            };
            let was_created = state != State::Creating;
            (
                StoreKind::Sled,
                was_created.then_some(only).into_iter().collect(),
            )
        } else {
            let store = lines.next()?.strip_prefix("store ")?.parse().ok()?;
            let mut epochs = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("epoch ")) {
                epochs.push(EpochEntry::parse(line)?);
            }
            (store, epochs)
        };
        let mut files = Vec::new();
        while let Some(entry) = lines.next()?.strip_prefix("file ") {
            let (name, bytes) = entry.rsplit_once(' ')?;
            let sums = lines.next()?.strip_prefix("crc32c")?;
            let chunks = sums
                .split_whitespace()
                .map(|sum| u32::from_str_radix(sum, 16).ok());
            files.push(FileSum {
                name: name.to_owned(),
                bytes: bytes.parse().ok()?,
                chunks: chunks.collect::<Option<_>>()?,
            });
        }
        let is_whole =
            follow_each_other(&epochs) && epochs.is_empty() == (state == State::Creating);
        is_whole.then_some(Self {
            version,
            state,
            store,
            epochs,
            files,
        })
    }
}

/// The version of a manifest whose checksum is right.
fn version_of(text: &str) -> Option<u16> {
    let (above, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let sum = crc32c::crc32c(format!("{above}\n").as_bytes());
    if end != format!("end {sum:08x}") {
        return None;
    }
    let first = text.lines().next()?;
    first.strip_prefix(FIRST_WORDS)?.parse().ok()
}

/// Whether each epoch begins where the one before ends, the first at 1, and all but the last are full.
fn follow_each_other(epochs: &[EpochEntry]) -> bool {
    let mut next_seq = Some(1);
    epochs.iter().all(|epoch| {
        let follows = next_seq == Some(epoch.first_seq);
        next_seq = epoch.end.and_then(|end| end.last_seq.checked_add(1));
        follows
    }) && epochs.last().is_none_or(|last| last.end.is_none())
}

impl EpochEntry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ').skip(1);
        let name = words.next()?.to_owned();
        let first_seq = words.next()?.parse().ok()?;
        let end = match words.next() {
            None => None,
            Some(last_seq) => Some(LogHead {
                last_seq: last_seq.parse().ok()?,
                chain: ChainHash::from_hex(words.next()?)?,
            }),
        };
        Some(Self {
            name,
            first_seq,
            end,
        })
    }
}

impl FileSum {
    /// Makes the file durable and takes its checksums.
    pub(crate) fn take(dir: &DataDir, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let file = dir.open(name, Access::Read)?;
        file.sync_or_forget().map_err(StoreError::io(&path))?;
        let mut sum = Self {
            name: name.to_owned(),
            bytes: 0,
            chunks: Vec::new(),
        };
        for_each_chunk(&path, &*file, |chunk| {
            sum.bytes += chunk.len() as u64;
            sum.chunks.push(crc32c::crc32c(chunk));
            true
        })?;
        Ok(sum)
    }

    /// Checks that the file is what it was when the checksums were taken.
    ///
    /// A damaged file is named with the first range of bytes that differs.
    pub(crate) fn check(&self, dir: &DataDir) -> Result<(), StoreError> {
        let path = dir.join(&self.name);
        let Some(file) = dir.open_present(&self.name, Access::Read)? else {
            return Err(StoreError::damaged(&self.name, "is missing"));
        };
        let found = file.len().map_err(StoreError::io(&path))?;
        if found != self.bytes {
            let what = format!(
                "differs from the state it was closed in, bytes {}..{}",
                found.min(self.bytes),
                found.max(self.bytes)
            );
            return Err(StoreError::damaged(&self.name, what));
        }
        let mut sums = self.chunks.iter();
        let mut at = 0;
        let mut changed = None;
        for_each_chunk(&path, &*file, |chunk| {
            let range = at..at + chunk.len() as u64;
            at = range.end;
            if sums.next() != Some(&crc32c::crc32c(chunk)) {
                changed = Some(range);
            }
            changed.is_none()
        })?;
        match changed {
            None => Ok(()),
            Some(range) => Err(StoreError::damaged(
                &self.name,
                format!(
                    "differs from the state it was closed in, bytes {}..{}",
                    range.start, range.end
                ),
            )),
        }
    }
}

/// Hands out the file a MiB at a time, the last piece shorter, until the visitor has had enough.
fn for_each_chunk(
    path: &Path,
    file: &dyn DiskFile,
    mut visit: impl FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let length = file.len().map_err(StoreError::io(path))?;
    let mut chunk = Vec::new();
    let mut at = 0;
    while at < length {
        let part = (length - at).min(CHUNK_BYTES as u64);
        chunk.resize(usize::try_from(part).unwrap_or(CHUNK_BYTES), 0);
        file.read_exact_at(&mut chunk, at)
            .map_err(StoreError::io(path))?;
        if !visit(&chunk) {
            return Ok(());
        }
        at += part;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests damage files")]
mod tests {
    use std::fs;

    use super::*;

    /// The format on disk. Never change what is pinned here; a new version is pinned beside it.
    fn sum(name: &str) -> FileSum {
        FileSum {
            name: name.to_owned(),
            bytes: 1_048_579,
            chunks: vec![0x0d4a_1185, 0x2b],
        }
    }

    fn epochs() -> Vec<EpochEntry> {
        let end = LogHead {
            last_seq: 2_000_000,
            chain: ChainHash::from_bytes([0xab; 32]),
        };
        let entry = |name: &str, first_seq, end| EpochEntry {
            name: name.to_owned(),
            first_seq,
            end,
        };
        vec![
            entry("log/e00000001", 1, Some(end)),
            entry("log/e00000002", 2_000_001, None),
        ]
    }

    #[test]
    fn the_text_is_pinned() {
        let manifest = Manifest {
            version: VERSION,
            state: State::Closed,
            store: StoreKind::Sled,
            epochs: epochs(),
            files: vec![sum("log/e00000002/db")],
        };
        expect_test::expect![[r#"
            ledger-store manifest 3
            state closed
            store sled
            epoch log/e00000001 1 2000000 abababababababababababababababababababababababababababababababab
            epoch log/e00000002 2000001
            file log/e00000002/db 1048579
            crc32c 0d4a1185 0000002b
            end d0a517af
        "#]]
        .assert_eq(&manifest.render(VERSION));
    }

    #[test]
    fn the_text_of_version_1_is_read() {
        let manifest = Manifest {
            version: VERSION_OF_ONE_EPOCH,
            state: State::Closed,
            store: StoreKind::Sled,
            epochs: vec![EpochEntry {
                name: "log".to_owned(),
                first_seq: 1,
                end: None,
            }],
            files: vec![sum("log/db")],
        };
        let text = manifest.render(VERSION_OF_ONE_EPOCH);
        expect_test::expect![[r#"
            ledger-store manifest 1
            state closed
            file log/db 1048579
            crc32c 0d4a1185 0000002b
            end 6ac62474
        "#]]
        .assert_eq(&text);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MANIFEST), text).unwrap();
        assert_eq!(
            Manifest::load(&DataDir::from(dir.path())).unwrap(),
            Some(manifest)
        );
    }

    fn load(text: &str) -> Result<Option<Manifest>, StoreError> {
        let dir = tempfile::tempdir().unwrap();
        let sum = crc32c::crc32c(text.as_bytes());
        fs::write(dir.path().join(MANIFEST), format!("{text}end {sum:08x}\n")).unwrap();
        Manifest::load(&DataDir::from(dir.path()))
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let error = load("ledger-store manifest 4\nanything at all\n").unwrap_err();
        assert_eq!(error.code(), "STORE_UNSUPPORTED_VERSION");
        assert_eq!(
            error.to_string(),
            "MANIFEST has format version 4, which this program cannot read"
        );
    }

    #[test]
    fn epochs_that_do_not_follow_each_other_are_damage() {
        let chain = "ab".repeat(32);
        let full = format!("epoch log/e00000001 1 9 {chain}\n");
        let cases = [
            ("a gap", format!("{full}epoch log/e00000002 11\n")),
            ("an overlap", format!("{full}epoch log/e00000002 9\n")),
            ("a late beginning", "epoch log/e00000001 2\n".to_owned()),
            ("a full last one", full.clone()),
            ("two open ones", "epoch a 1\nepoch b 2\n".to_owned()),
        ];
        for (case, epochs) in cases {
            let text = format!("{FIRST_WORDS}2\nstate open\nstore redb\n{epochs}");
            let error = load(&text).expect_err(case).to_string();
            assert_eq!(error, "MANIFEST is damaged", "{case}");
        }
        let text = format!("{FIRST_WORDS}2\nstate open\nstore redb\n{full}epoch b 10\n");
        let manifest = load(&text).unwrap().unwrap();
        assert_eq!(manifest.epochs.len(), 2);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_detected() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("some"), vec![3; CHUNK_BYTES + 5]).unwrap();
        let files = vec![FileSum::take(&DataDir::from(dir.path()), "some").unwrap()];
        let manifest = Manifest {
            version: VERSION,
            state: State::Closed,
            store: StoreKind::Redb,
            epochs: epochs(),
            files,
        };
        manifest.store(&DataDir::from(dir.path())).unwrap();
        assert_eq!(
            Manifest::load(&DataDir::from(dir.path())).unwrap().as_ref(),
            Some(&manifest)
        );
        let path = dir.path().join(MANIFEST);
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert!(
                Manifest::load(&DataDir::from(dir.path())).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(
                Manifest::load(&DataDir::from(dir.path())).is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn a_changed_file_is_named_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        let whole = vec![3; 2 * CHUNK_BYTES + 5];
        fs::write(&path, &whole).unwrap();
        let sum = FileSum::take(&DataDir::from(dir.path()), "some").unwrap();
        sum.check(&DataDir::from(dir.path())).unwrap();
        let outcome = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            sum.check(&DataDir::from(dir.path()))
                .unwrap_err()
                .to_string()
        };
        let mut changed = whole.clone();
        changed[CHUNK_BYTES + 1] = 4;
        let differs = "some differs from the state it was closed in, bytes";
        assert_eq!(outcome(&changed), format!("{differs} 1048576..2097152"));
        assert_eq!(outcome(&whole[..9]), format!("{differs} 9..2097157"));
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(outcome(&longer), format!("{differs} 2097157..2097158"));
        fs::remove_file(&path).unwrap();
        assert_eq!(
            sum.check(&DataDir::from(dir.path()))
                .unwrap_err()
                .to_string(),
            "some is missing"
        );
    }
}
