//! `ledger serve` in a process of its own, and commands that are given to it and to directories.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::command_line::text;

/// A service on a port that was free. Dropped, it is killed.
pub(super) struct Served {
    child: Child,
    pub(super) url: String,
    output: Vec<JoinHandle<String>>,
}

impl Served {
    /// Serves the ledger `d` of a directory.
    pub(super) fn start(dir: &Path) -> Self {
        Self::with(dir, &["--listen", "127.0.0.1:0", "--data", "d"])
    }

    /// Starts a service and waits until it listens.
    pub(super) fn with(dir: &Path, args: &[&str]) -> Self {
        let mut child = command(dir, &[&["serve"], args].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stderr = child.stderr.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let errors = thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).expect("read");
            text(&said)
        });
        let mut line = String::new();
        stdout.read_line(&mut line).expect("text");
        let Some(url) = line.trim_end().strip_prefix("listening at ") else {
            panic!("it does not listen: {line}{}", errors.join().expect("read"));
        };
        let url = url.to_owned();
        let rest = thread::spawn(move || {
            let mut said = String::new();
            stdout.read_to_string(&mut said).expect("text");
            said
        });
        Self {
            child,
            url,
            output: vec![rest, errors],
        }
    }

    /// Asks it to stop, and waits until it has closed the ledger.
    pub(super) fn stop(mut self) {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(told.expect("kill runs").success());
        let status = self.child.wait().expect("it ends");
        let said: Vec<_> = self.output.drain(..).map(JoinHandle::join).collect();
        assert!(status.success(), "{said:?}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary, without what the environment may say of services.
pub(super) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
    command
        .current_dir(dir)
        .args(args)
        .env_remove("LEDGER_URL")
        .env_remove("LEDGER_TOKEN");
    command
}

/// What it printed, what it complained of, and what it exited with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

impl Said {
    /// The code at the end of the complaint.
    pub(super) fn error(&self) -> &str {
        let code = self.err.trim_end().rsplit_once('[');
        code.map_or("", |(_, code)| code.trim_end_matches(']'))
    }
}

pub(super) fn say(dir: &Path, args: &[&str]) -> Said {
    let output = command(dir, args).stdin(Stdio::null()).output();
    output.expect("the binary runs").into()
}

/// With something to read on standard input.
pub(super) fn say_to(dir: &Path, args: &[&str], input: &str) -> Said {
    let mut child = command(dir, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

fn line(
    issuer: &str,
    correlation: &str,
    command: &str,
    account: Option<&str>,
    body: &Value,
) -> String {
    let mut line = json!({
        "issuerId": issuer, "correlationId": correlation, "command": command, "body": body,
        "postingDate": "2023-01-02T14:00:00Z",
    });
    if let Some(account) = account {
        line["account"] = json!({"issuerAccountExternalReference": account});
    }
    format!("{line}\n")
}

fn eur(cents: i64) -> Value {
    json!({"value": cents, "exponent": 2, "isoCode": "EUR"})
}

pub(super) fn fee(issuer: &str, correlation: &str, account: &str, cents: i64) -> String {
    let body = json!({
        "feeType": "MANUAL_FEE", "referenceAmount": eur(cents),
        "externalOperationDate": "2023-01-02T14:20:34.715Z",
        "externalOperationReference": format!("F-{correlation}"),
        "externalOperationServicePoster": "ISSUER",
    });
    line(
        issuer,
        correlation,
        "post-fee-operation",
        Some(account),
        &body,
    )
}

pub(super) fn message(correlation: &str, case: &str, minute: u32, cents: i64) -> String {
    let body = json!({
        "transactionId": correlation, "businessCaseId": case, "transactionType": "Authorization",
        "transactionDate": format!("2023-01-02T12:{minute:02}:00Z"),
        "totalBillingAmount": eur(cents), "financialType": "Purchase", "cardAcceptorName": "HOTEL",
    });
    line("wl", correlation, "record-authorization", Some("A1"), &body)
}

/// An issuer with the accounts A1 and `A 2/ü`.
pub(super) fn furnished(issuer: &str) -> String {
    let zone = json!({"timeZone": "Europe/Berlin", "businessDate": "2023-01-02"});
    let product = json!({
        "productReference": "CLASSIC", "currency": "EUR", "workingMode": "PAY_LATER",
        "feeTypes": ["MANUAL_FEE"],
    });
    let account = |name: &str| {
        json!({"issuerAccountExternalReference": name, "productReference": "CLASSIC",
            "creditLimitAmount": eur(100_000)})
    };
    [
        ("configure-issuer", zone),
        ("define-product", product),
        ("open-account", account("A1")),
        ("open-account", account("A 2/ü")),
    ]
    .iter()
    .zip(1..)
    .map(|((command, body), number)| line(issuer, &format!("s{number}"), command, None, body))
    .collect()
}

/// Two issuers whose lines take turns, refusals, lines that cannot be read, and a business case.
pub(super) fn scene() -> String {
    let mut lines = furnished("wl") + &furnished("two/2");
    for number in 0..12 {
        let issuer = ["wl", "two/2"][number % 2];
        lines += &fee(issuer, &format!("c{number}"), "A1", 1_000);
        lines += &fee(issuer, &format!("d{number}"), "A 2/ü", 0);
        lines += &fee(issuer, &format!("e{number}"), "A9", 1_000);
        lines += "no JSON\n\n";
    }
    lines += &fee("wl", "c0", "A1", 1_001);
    lines += &fee("wl", "c0", "A1", 1_000);
    lines += &fee("nobody", "c1", "A1", 1_000);
    lines += &message("T1", "HOTEL", 1, 30_000);
    lines += &message("T2", "SHOP", 2, 90_000);
    lines += &message("T3", "HOTEL", 3, 1_000);
    lines
}
