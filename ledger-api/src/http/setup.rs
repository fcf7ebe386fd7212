//! What is wrong with the files that a service is set up from.

use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

/// A file, or a value, that a service cannot be set up from. Names the file or the key.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file does not hold what it must.
    #[error("{} {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A value of the configuration is not possible, or contradicts another.
    #[error("{key}: {problem}")]
    Value {
        /// The key, as the configuration file has it.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The configuration cannot be read; names key and source.
    #[error("the configuration cannot be read: {0}")]
    Configuration(String),
    /// The machine has no randomness to give.
    #[error("no randomness can be had")]
    Randomness,
}

impl SetupError {
    pub(crate) fn at(path: &Path, problem: String) -> Self {
        Self::File {
            path: path.to_owned(),
            problem,
        }
    }

    pub(crate) fn value(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Value {
            key,
            problem: problem.into(),
        }
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String, SetupError> {
    fs::read_to_string(path).map_err(|source| SetupError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
