//! A service in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::desk::Client;

/// `ledger serve`, on ports that were free. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) client: Client,
    /// One who calls the listener for those who run the service.
    pub(crate) operator: Client,
    output: Option<[JoinHandle<String>; 2]>,
}

impl Process {
    /// Starts it on a directory, and waits until it listens.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// As [`Self::start`], with flags besides.
    pub(crate) fn start_with(data: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--metrics-listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stderr = child.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut errors = Vec::new();
            stderr.read_to_end(&mut errors).expect("read");
            String::from_utf8_lossy(&errors).into_owned()
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        let mut address = None;
        let (address, operators) = loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).expect("text") == 0 {
                let errors = errors.join().expect("read");
                panic!("it does not listen: {said}{errors}");
            }
            said.push_str(&line);
            let line = line.trim_end();
            if let Some((_, found)) = line.split_once("listening at ") {
                address = Some(found.to_owned());
            }
            if let Some((_, found)) = line.split_once("metrics at ") {
                let address = address.expect("it is told first");
                break (address, found.trim_end_matches("/metrics").to_owned());
            }
        };
        let lines = thread::spawn(move || {
            stdout.read_to_string(&mut said).expect("text");
            said
        });
        Self {
            child,
            client: Client::new(&address),
            operator: Client::new(&operators),
            output: Some([lines, errors]),
        }
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("killed");
        self.end().1
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(told.expect("kill runs").success());
    }

    /// Waits until it has ended; gives everything that it wrote.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ends");
        let output = self.output.take().expect("it ends once");
        let output = output.map(|written| written.join().expect("read"));
        (status, output.concat())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
