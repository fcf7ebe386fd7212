//! Killing the real binary at any moment loses nothing that its client was told.
//!
//! The client sends a history and notes what it is told. The process is killed while it opens, while it
//! carries out, while it closes; then it is started again on the same directory, and sent again the end
//! of what it had acknowledged, and on from there. From the answers the client sees what was recovered:
//! everything acknowledged, nothing that was not sent, and the first of it without a gap.
//!
//! `LEDGER_KILL_CYCLES` and `LEDGER_SEED` ask for more, and for other moments.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use crate::effort;
use crate::history::{History, results, verified_records};

const OPERATIONS: u64 = 12_000;
const SIGKILL: i32 = 9;

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after it was started.
    Started(Duration),
    /// When so many lines were answered, and a little later.
    Answered(usize, Duration),
    /// So long after its input ended, which makes it close.
    Ended(Duration),
}

/// One ledger, through all its processes.
struct Life<'a> {
    history: &'a History,
    dir: &'a Path,
    store: &'a str,
    data: String,
    /// Lines known to be durable.
    acknowledged: usize,
    /// Lines that any process may have got.
    sent: usize,
}

#[derive(Debug, Default)]
struct Count {
    ledgers: u64,
    in_opening: u64,
    at_work: u64,
    in_closing: u64,
    ended_before: u64,
    acknowledged: usize,
}

impl Count {
    /// Whether processes were killed while opening, at work, and while closing; else the law holds of less.
    fn has_every_moment(&self) -> bool {
        self.in_opening > 0 && self.at_work > 0 && self.in_closing > 0
    }
}

/// Processes that are killed beyond those asked for, at most, until one was killed at each moment.
const MORE_CYCLES_MAX: u64 = 240;

fn below(random: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(random.next_u64() % limit as u64).expect("small")
}

fn moment(random: &mut ChaCha8Rng, lines: usize) -> Moment {
    let micros = |random: &mut ChaCha8Rng, limit| {
        Duration::from_micros(below(random, limit).try_into().expect("small"))
    };
    match below(random, 10) {
        0..3 => Moment::Started(micros(random, 60_000)),
        3..7 => Moment::Answered(1 + below(random, lines), micros(random, 3_000)),
        _ => Moment::Ended(micros(random, 25_000)),
    }
}

impl Life<'_> {
    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_ledger"))
            .current_dir(self.dir)
            .args(["replay", "-", "--results", "/dev/stdout", "--json"])
            .args(["--data", &self.data, "--store", self.store])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    }

    /// Lets a process go on until it is killed, and checks what it said.
    fn cycle(&mut self, random: &mut ChaCha8Rng, count: &mut Count) {
        let start = self.acknowledged.saturating_sub(below(random, 300));
        let end = (self.acknowledged + 1 + below(random, 1_500)).min(self.history.lines.len());
        let moment = moment(random, end - start);
        let mut child = self.start();
        let mut feeding = Some(self.feed(&mut child, start..end, random));
        let lines = read_lines(&mut child);
        let mut written = Vec::new();
        match moment {
            Moment::Started(delay) => thread::sleep(delay),
            Moment::Answered(count, delay) => {
                written.extend(lines.iter().take(count));
                thread::sleep(delay);
            }
            Moment::Ended(delay) => {
                written.extend(lines.iter().take(end - start));
                // The pipe ends with what feeds it.
                drop(feeding.take().map(JoinHandle::join));
                thread::sleep(delay);
            }
        }
        child.kill().expect("killed");
        drop(feeding.map(JoinHandle::join));
        written.extend(lines.iter());
        let mut errors = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut errors).expect("text");
        let status = child.wait().expect("it ends");
        assert!(!errors.contains("panicked"), "{moment:?}: {errors}");
        let is_killed = status.signal() == Some(SIGKILL);
        assert!(
            is_killed || matches!(status.code(), Some(0 | 1)),
            "{moment:?}: {status}: {errors}"
        );

        let told = results(&written.concat());
        self.history.check(start, &told, self.acknowledged);
        count.acknowledged += (start + told.len()).saturating_sub(self.acknowledged);
        self.acknowledged = self.acknowledged.max(start + told.len());
        self.sent = self.sent.max(end);
        match moment {
            _ if !is_killed => count.ended_before += 1,
            Moment::Started(_) if told.is_empty() => count.in_opening += 1,
            Moment::Ended(_) => count.in_closing += 1,
            Moment::Started(_) | Moment::Answered(..) => count.at_work += 1,
        }
    }

    /// Writes the lines to the process in pieces; gives the pipe back, so that it stays open.
    fn feed(
        &self,
        child: &mut Child,
        lines: Range<usize>,
        random: &mut ChaCha8Rng,
    ) -> JoinHandle<ChildStdin> {
        let mut input = child.stdin.take().expect("a pipe");
        let mut pieces = Vec::new();
        let mut rest = &self.history.lines[lines];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + below(random, 200)).min(rest.len()));
            pieces.push(piece.concat());
            rest = after;
        }
        thread::spawn(move || {
            for piece in pieces {
                // Nobody reads it any more once the process is killed.
                if input.write_all(&piece).is_err() {
                    break;
                }
            }
            input
        })
    }

    /// Asks for everything to be checked, and that there is neither too little nor too much.
    fn verify(&self) {
        // Killed while it was created, it may not be there yet.
        if self.acknowledged == 0 && !self.dir.join(&self.data).join("MANIFEST").exists() {
            return;
        }
        let records = verified_records(self.dir, &self.data);
        let least = self.history.records_min(self.acknowledged);
        let most = self.sent as u64;
        assert!(
            (least..=most).contains(&records),
            "{records} records, not {least} to {most}"
        );
    }
}

/// The lines that the process writes, each as soon as it is there.
fn read_lines(child: &mut Child) -> Receiver<Vec<u8>> {
    let output = child.stdout.take().expect("a pipe");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            let length = output.read_until(b'\n', &mut line).expect("read");
            if length == 0 || sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn survive_being_killed(store: &str) {
    let cycles = effort::count("LEDGER_KILL_CYCLES", 12);
    let seed = effort::seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let temporary = tempfile::tempdir().expect("a directory");
    let history = History::generate(temporary.path(), OPERATIONS, seed);
    let mut count = Count::default();
    let mut done = 0;
    // Where a process opens or closes in no time it takes more of them to be killed in it.
    while done < cycles || (!count.has_every_moment() && done < cycles + MORE_CYCLES_MAX) {
        let mut life = Life {
            history: &history,
            dir: temporary.path(),
            store,
            data: format!("killed-{}", count.ledgers),
            acknowledged: 0,
            sent: 0,
        };
        count.ledgers += 1;
        // Some are killed again and again, some while they are young.
        let left = cycles.saturating_sub(done).max(1);
        for _ in 0..[1, 2, 5, 25][below(&mut random, 4)].min(left) {
            done += 1;
            life.cycle(&mut random, &mut count);
            // Otherwise the next process is the first to see what this one left.
            if below(&mut random, 2) == 0 {
                life.verify();
            }
        }
        history.complete(temporary.path(), &life.data, life.acknowledged);
        fs::remove_dir_all(temporary.path().join(&life.data)).expect("removed");
    }
    assert!(count.has_every_moment(), "{count:?} in {done} cycles");
    let Count {
        ledgers,
        in_opening,
        at_work,
        in_closing,
        ended_before,
        acknowledged,
    } = count;
    println!(
        "kill -9 of the binary, {store}, seed {seed}: {done} cycles on {ledgers} ledgers, \
         {in_opening} in opening, {at_work} at work, {in_closing} in closing, {ended_before} ended before; \
         {acknowledged} lines acknowledged, 0 lost, 0 wrong"
    );
}

#[test]
fn what_was_acknowledged_survives_a_kill_of_the_binary_on_sled() {
    survive_being_killed("sled");
}

#[test]
fn what_was_acknowledged_survives_a_kill_of_the_binary_on_redb() {
    survive_being_killed("redb");
}
