//! The processes of the stages.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

use crate::cli::CliError;

/// A process that runs a stage.
pub(super) struct Process {
    child: Child,
    answer: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this very program with other arguments.
    pub(super) fn start(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, CliError> {
        let path = std::env::current_exe().map_err(|source| CliError::File {
            path: PathBuf::from("/proc/self/exe"),
            source,
        })?;
        let mut child = Command::new(&path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| CliError::File { path, source })?;
        let answer = child.stdout.take().expect("its standard output is a pipe");
        Ok(Self {
            child,
            answer: BufReader::new(answer),
        })
    }

    /// The result, and the end of the process by itself.
    pub(super) fn finish<T: DeserializeOwned>(mut self) -> Result<T, CliError> {
        let line = self.line()?;
        let ended = self.child.wait();
        if !ended.is_ok_and(|status| status.success()) {
            return Err(CliError::Stage);
        }
        parse(&line)
    }

    /// The result, and then the end of the process wherever it stands.
    pub(super) fn kill<T: DeserializeOwned>(mut self) -> Result<T, CliError> {
        let line = self.line()?;
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map_err(|_| CliError::Stage)?;
        parse(&line)
    }

    fn line(&mut self) -> Result<String, CliError> {
        let mut line = String::new();
        let read = self.answer.read_line(&mut line);
        read.map_err(|_| CliError::Stage)?;
        Ok(line)
    }
}

impl Drop for Process {
    /// Leaves nothing running, however this one ends.
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, CliError> {
    serde_json::from_str(line).map_err(|_| CliError::Stage)
}
