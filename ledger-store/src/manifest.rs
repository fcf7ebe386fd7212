//! The file `MANIFEST`: whether the log was closed in order, and the state it was closed in.
//!
//! sled checks its files only while it uses them, and may quietly mend, cut or recreate what it
//! dislikes. So before sled sees a closed log, every file is compared with what it was at closing.
//!
//! A text file, one fact a line, the last line a checksum of all lines before it:
//!
//! ```text
//! ledger-store manifest 1
//! state closed
//! file log/db 2621440
//! crc32c 0d4a1185 8a9136aa 62cd8d5b
//! file log/conf 10
//! crc32c 2b0b5a17
//! end 5a1f3c7e
//! ```
//!
//! A `file` line names a file and its length in bytes; the line below has the crc32c of each MiB.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write as _};
use std::path::Path;

use crate::error::StoreError;

/// Name of the file that every data directory has.
pub const MANIFEST: &str = "MANIFEST";

/// What the next one is called while it is written.
pub(crate) const MANIFEST_NEW: &str = "MANIFEST.new";
const FIRST_LINE: &str = "ledger-store manifest 1";
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
    /// What was under way.
    pub(crate) state: State,
    /// The files that may not have changed since.
    pub(crate) files: Vec<FileSum>,
}

/// Length and checksums of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileSum {
    /// Path below the data directory, with `/` between its parts.
    pub(crate) name: String,
    bytes: u64,
    chunks: Vec<u32>,
}

impl Manifest {
    /// Reads the manifest, or nothing when there is none.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(&path)(error)),
        };
        let damaged = || StoreError::damaged(MANIFEST, "is damaged");
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let manifest = Self::parse(&text).ok_or_else(damaged)?;
        // Writing it again covers the checksum and every liberty that parsing allows.
        if manifest.render() == text {
            Ok(Some(manifest))
        } else {
            Err(damaged())
        }
    }

    /// Puts the manifest in place of the one before, durably and in one step.
    pub(crate) fn store(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(MANIFEST_NEW);
        let mut file = File::create(&path).map_err(StoreError::io(&path))?;
        file.write_all(self.render().as_bytes())
            .map_err(StoreError::io(&path))?;
        file.sync_all().map_err(StoreError::io(&path))?;
        fs::rename(&path, dir.join(MANIFEST)).map_err(StoreError::io(&path))?;
        sync_dir(dir)
    }

    /// The recorded file of this name.
    pub(crate) fn file(&self, name: &str) -> Option<&FileSum> {
        self.files.iter().find(|file| file.name == name)
    }

    fn render(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nstate {}\n", self.state.name());
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

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let state = State::named(lines.next()?.strip_prefix("state ")?)?;
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
        Some(Self { state, files })
    }
}

impl FileSum {
    /// Makes the file durable and takes its checksums.
    pub(crate) fn take(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let file = File::open(&path).map_err(StoreError::io(&path))?;
        file.sync_all().map_err(StoreError::io(&path))?;
        let mut sum = Self {
            name: name.to_owned(),
            bytes: 0,
            chunks: Vec::new(),
        };
        for_each_chunk(&path, file, |chunk| {
            sum.bytes += chunk.len() as u64;
            sum.chunks.push(crc32c::crc32c(chunk));
            true
        })?;
        Ok(sum)
    }

    /// Checks that the file is what it was when the checksums were taken.
    ///
    /// A damaged file is named with the first range of bytes that differs.
    pub(crate) fn check(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(&self.name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::damaged(&self.name, "is missing"));
            }
            Err(error) => return Err(StoreError::io(&path)(error)),
        };
        let found = file.metadata().map_err(StoreError::io(&path))?.len();
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
        for_each_chunk(&path, file, |chunk| {
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

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::io(dir))
}

/// Hands out the file a MiB at a time, the last piece shorter, until the visitor has had enough.
fn for_each_chunk(
    path: &Path,
    mut file: File,
    mut visit: impl FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    loop {
        chunk.clear();
        let limit = CHUNK_BYTES as u64;
        let read = (&mut file)
            .take(limit)
            .read_to_end(&mut chunk)
            .map_err(StoreError::io(path))?;
        if read == 0 || !visit(&chunk) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format on disk. Never change what is pinned here; a new version is pinned beside it.
    #[test]
    fn the_text_is_pinned() {
        let manifest = Manifest {
            state: State::Closed,
            files: vec![FileSum {
                name: "log/db".to_owned(),
                bytes: 1_048_579,
                chunks: vec![0x0d4a_1185, 0x2b],
            }],
        };
        expect_test::expect![[r#"
            ledger-store manifest 1
            state closed
            file log/db 1048579
            crc32c 0d4a1185 0000002b
            end 6ac62474
        "#]]
        .assert_eq(&manifest.render());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_detected() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("some"), vec![3; CHUNK_BYTES + 5]).unwrap();
        let files = vec![FileSum::take(dir.path(), "some").unwrap()];
        let manifest = Manifest {
            state: State::Closed,
            files,
        };
        manifest.store(dir.path()).unwrap();
        assert_eq!(
            Manifest::load(dir.path()).unwrap().as_ref(),
            Some(&manifest)
        );
        let path = dir.path().join(MANIFEST);
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert!(Manifest::load(dir.path()).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(Manifest::load(dir.path()).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_changed_file_is_named_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some");
        let whole = vec![3; 2 * CHUNK_BYTES + 5];
        fs::write(&path, &whole).unwrap();
        let sum = FileSum::take(dir.path(), "some").unwrap();
        sum.check(dir.path()).unwrap();
        let outcome = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            sum.check(dir.path()).unwrap_err().to_string()
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
            sum.check(dir.path()).unwrap_err().to_string(),
            "some is missing"
        );
    }
}
