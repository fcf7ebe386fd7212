//! A history with the answers that a ledger gives when nothing goes wrong, to hold others against.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command_line::{json_lines, ledger, text};

/// What a line of results says, but for the line's number.
pub(crate) type Told = Value;

/// Lines of commands with what is told of each, the first time and again.
pub(crate) struct History {
    pub(crate) lines: Vec<Vec<u8>>,
    first: Vec<Told>,
    again: Vec<Told>,
    accounts: String,
    trial_balance: String,
    records: u64,
}

impl History {
    /// Generates the history `history` in the directory, and replays it twice.
    pub(crate) fn generate(dir: &Path, operations: u64, seed: u64) -> Self {
        let (operations, seed) = (operations.to_string(), seed.to_string());
        let args = ["generate", "--accounts", "40", "--operations", &operations];
        let args = [&args[..], &["--seed", &seed]].concat();
        let history = ledger(dir, &args).stdout;
        fs::write(dir.join("history"), &history).expect("written");
        let replayed = || {
            let args = ["replay", "history", "--data", "model", "--store", "redb"];
            let args = [&args[..], &["--results", "results"]].concat();
            let output = ledger(dir, &args);
            assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
            results(&fs::read(dir.join("results")).expect("read"))
        };
        let (first, again) = (replayed(), replayed());
        let lines = history.split_inclusive(|byte| *byte == b'\n');
        let lines: Vec<_> = lines.map(<[u8]>::to_vec).collect();
        assert_eq!(lines.len(), first.len());
        Self {
            lines,
            first,
            again,
            accounts: asked(dir, "accounts", "model"),
            trial_balance: asked(dir, "trial-balance", "model"),
            records: verified_records(dir, "model"),
        }
    }

    /// How many records the first lines make at least; at most it is one each.
    pub(crate) fn records_min(&self, lines: usize) -> u64 {
        let telling = (0..lines).filter(|line| self.is_telling(*line));
        telling.count() as u64
    }

    /// Whether the line is answered differently when it is sent again, as most are that leave a record.
    fn is_telling(&self, line: usize) -> bool {
        self.first[line] != self.again[line]
    }

    /// Asserts that the answers to the lines from `start` on are those of a log that has the first
    /// lines, no fewer than `acknowledged`, and not those after them. Gives how many lines it had.
    pub(crate) fn check(&self, start: usize, told: &[Told], acknowledged: usize) -> usize {
        let mut had = None;
        for (line, told) in (start..).zip(told) {
            if !self.is_telling(line) {
                assert_eq!(*told, self.first[line], "line {line}");
                continue;
            }
            let is_first = *told == self.first[line];
            assert!(is_first || *told == self.again[line], "line {line}: {told}");
            if is_first {
                assert!(
                    line >= acknowledged,
                    "line {line} was acknowledged and lost"
                );
                had.get_or_insert(line);
            } else {
                assert_eq!(had, None, "line {line} is there, one before it is not");
            }
        }
        had.unwrap_or(start + told.len())
    }

    /// Sends all lines, and asserts that the ledger is then as if nothing had ever happened to it.
    pub(crate) fn complete(&self, dir: &Path, data: &str, acknowledged: usize) {
        let args = ["replay", "history", "--data", data, "--results", "results"];
        let output = ledger(dir, &args);
        assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
        let told = results(&fs::read(dir.join("results")).expect("read"));
        assert_eq!(told.len(), self.lines.len());
        self.check(0, &told, acknowledged);
        assert_eq!(asked(dir, "accounts", data), self.accounts);
        assert_eq!(asked(dir, "trial-balance", data), self.trial_balance);
        assert_eq!(verified_records(dir, data), self.records);
    }
}

/// How many records the ledger has, all of which `verify` went over.
pub(crate) fn verified_records(dir: &Path, data: &str) -> u64 {
    let verified: Value = serde_json::from_str(&asked(dir, "verify", data)).expect("JSON");
    verified["records"].as_u64().expect("a number")
}

fn asked(dir: &Path, command: &str, data: &str) -> String {
    let output = ledger(dir, &[command, "--data", data, "--json"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{command}: {errors}");
    text(&output.stdout)
}

/// The results in what a replay wrote; its last line may be cut off, and its summary is another thing.
pub(crate) fn results(written: &[u8]) -> Vec<Told> {
    let whole = written.split_inclusive(|byte| *byte == b'\n');
    let whole = whole.filter(|line| line.starts_with(b"{\"line\"") && line.ends_with(b"\n"));
    json_lines(&whole.collect::<Vec<_>>().concat())
        .into_iter()
        .map(|mut told| {
            let fields = told.as_object_mut().expect("an object");
            fields.remove("line");
            // The text may name an amount of the moment, and what was expected is compared once only.
            fields.remove("message");
            fields.remove("expectationsFailed");
            told
        })
        .collect()
}
