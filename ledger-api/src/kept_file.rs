//! Files that are kept elsewhere for years: heads and proofs. Each is one JSON object that names its version
//! and has a checksum of everything else in it, so that a damaged file is not taken for a damaged ledger.
//!
//! The checksum is the crc32c, as eight hexadecimal digits, of the object written without spaces, its fields
//! in their order and the checksum empty. It is against accidents: whoever means to change a file can make it
//! match, and meets the hashes then.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Longest file that is read, in bytes. A record has at most 32 KiB, and is in its proof twice, in digits and
/// in words.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeptFileError {
    /// It is no such file, or was cut.
    #[error("is not a {kind} that can be read: {problem}")]
    Unreadable {
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// It was written by a later version of this program.
    #[error("is a {kind} of version {version}, which this program cannot read")]
    UnsupportedVersion {
        /// What it is.
        kind: &'static str,
        /// The version found.
        version: u64,
    },
    /// Something in it was changed.
    #[error("is a {kind} that was changed after it was written: its checksum is not right")]
    Changed {
        /// What it is.
        kind: &'static str,
    },
}

impl KeptFileError {
    /// Stable name of the kind of error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "FILE_UNREADABLE",
            Self::UnsupportedVersion { .. } => "FILE_UNSUPPORTED_VERSION",
            Self::Changed { .. } => "FILE_CHANGED",
        }
    }
}

/// A file with a version and a checksum.
pub(crate) trait KeptFile: Serialize + DeserializeOwned {
    /// What it is called in errors.
    const KIND: &'static str;
    /// Name of the field that has the version.
    const VERSION_FIELD: &'static str;
    /// The version that this program writes and reads.
    const VERSION: u32;

    /// The field that has the checksum.
    fn checksum(&mut self) -> &mut String;
}

/// Puts the checksum into a file that is to be written.
pub(crate) fn sealed<F: KeptFile>(mut file: F) -> F {
    file.checksum().clear();
    let bytes = serde_json::to_vec(&file).expect("text and numbers can be written as JSON");
    *file.checksum() = format!("{:08x}", crc32c::crc32c(&bytes));
    file
}

/// Reads a file and checks that it is whole.
pub(crate) fn read<F: KeptFile>(text: &str) -> Result<F, KeptFileError> {
    let unreadable = |problem: String| KeptFileError::Unreadable {
        kind: F::KIND,
        problem,
    };
    if text.len() > FILE_BYTES_MAX {
        return Err(unreadable("it is too long".to_owned()));
    }
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let version = json.get(F::VERSION_FIELD).and_then(|value| value.as_u64());
    let version = version.ok_or_else(|| unreadable(format!("it has no {}", F::VERSION_FIELD)))?;
    if version != u64::from(F::VERSION) {
        return Err(KeptFileError::UnsupportedVersion {
            kind: F::KIND,
            version,
        });
    }
    // From the text once more: this refuses a name that is there twice.
    let mut file: F = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let checksum = file.checksum().clone();
    let mut file = sealed(file);
    if *file.checksum() == checksum {
        Ok(file)
    } else {
        Err(KeptFileError::Changed { kind: F::KIND })
    }
}
