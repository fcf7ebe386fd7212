//! A file of commands, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ledger_api::replay::Source;

use super::CliError;

/// Commands, one a line.
pub(super) struct Input<'a> {
    pub(super) path: &'a Path,
    pub(super) read: Box<dyn Read>,
    pub(super) source: Source,
    /// Length, where it is known.
    pub(super) bytes: Option<u64>,
}

impl<'a> Input<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, CliError> {
        if is_standard_input(path) {
            let read = Box::new(io::stdin());
            return Ok(Self {
                path,
                read,
                source: Source::Stream,
                bytes: None,
            });
        }
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        // A named pipe is written as it is read, like standard input.
        let is_file = metadata.is_file();
        let source = if is_file {
            Source::File
        } else {
            Source::Stream
        };
        let bytes = is_file.then_some(metadata.len());
        Ok(Self {
            path,
            read: Box::new(file),
            source,
            bytes,
        })
    }
}

/// Whether the path is `-`.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
