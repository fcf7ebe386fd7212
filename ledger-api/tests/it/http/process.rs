//! A service in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::desk::Client;

/// `ledger serve`, on a port that was free. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) client: Client,
    output: Option<[JoinHandle<String>; 2]>,
}

impl Process {
    /// Starts it on a directory, and waits until it listens.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
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
        let address = loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).expect("text") == 0 {
                let errors = errors.join().expect("read");
                panic!("it does not listen: {said}{errors}");
            }
            said.push_str(&line);
            if let Some((_, address)) = line.trim_end().split_once("listening at ") {
                break address.to_owned();
            }
        };
        let lines = thread::spawn(move || {
            stdout.read_to_string(&mut said).expect("text");
            said
        });
        Self {
            child,
            client: Client::new(&address),
            output: Some([lines, errors]),
        }
    }

    /// Kills it without a warning.
    #[expect(dead_code, reason = "until the test that kills")]
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
