//! Ledgers to be damaged, and what is to be found in them.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ledger_core::projection::books::Books;
use ledger_store::recovery::recover_with;
use ledger_store::writer::Writer;
use ledger_store::{EventLog, LogHead, LogOptions, StoreKind, scan};
use tempfile::TempDir;

use crate::commands::{NOW, fee, setup};
use crate::files::Files;
use crate::records::in_one_epoch;

const CHILD_DIR: &str = "LEDGER_STORE_TEST_DAMAGE_DIR";
const CHILD_OPTIONS: &str = "LEDGER_STORE_TEST_DAMAGE_OPTIONS";

const BATCHES: u64 = 24;
const BATCH_FEES: u64 = 25;
/// Four of them by the end.
const SMALL_EPOCH_RECORDS: u64 = 160;
/// Where the fees of the other log begin.
const OTHER_FEES: u64 = 100_000;

/// A ledger that some process left.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) options: LogOptions,
    pub(super) left: Files,
    /// Directories that files may come from: of other moments, and of another ledger.
    pub(super) others: Vec<(&'static str, Files)>,
    /// Where it ends and what it adds up to; then the same of a later moment, which a log that comes
    /// from there may show.
    pub(super) ends: [(LogHead, Books); 2],
    /// By first record, to the later moment.
    pub(super) blocks: BTreeMap<u64, Vec<u8>>,
    /// Those of another log, and one more.
    pub(super) other_blocks: BTreeMap<u64, Vec<u8>>,
}

/// Closed in order and left by a kill, in one epoch and in several.
pub(super) fn all(store: StoreKind) -> Vec<Scene> {
    let several = LogOptions {
        store: Some(store),
        epoch_records_max: SMALL_EPOCH_RECORDS,
        ..LogOptions::default()
    };
    vec![
        closed("closed, one epoch", in_one_epoch(store)),
        killed_in_one_epoch(store),
        closed("closed, epochs", several),
        killed("killed, epochs", several),
    ]
}

pub(super) fn killed_in_one_epoch(store: StoreKind) -> Scene {
    killed("killed, one epoch", in_one_epoch(store))
}

fn post(dir: &Path, options: LogOptions, first_fee: u64, batches: u64) -> Writer {
    let recovered = recover_with(dir, options).unwrap();
    let is_new = recovered.log.head().last_seq == 0;
    let (writer, _) = recovered.start(|| NOW);
    if is_new {
        writer.submit(setup()).unwrap().wait().unwrap();
    }
    post_more(&writer, first_fee, batches);
    writer
}

fn post_more(writer: &Writer, first_fee: u64, batches: u64) {
    for batch in 0..batches {
        let first = first_fee + batch * BATCH_FEES;
        let fees = (first..first + BATCH_FEES).map(fee).collect();
        writer.submit(fees).unwrap().wait().unwrap();
    }
}

fn closed(name: &'static str, options: LogOptions) -> Scene {
    let dir = TempDir::new().unwrap();
    let mut moments = Vec::new();
    for session in 0..4 {
        let batches = BATCHES / 4;
        let first = session * batches * BATCH_FEES;
        post(dir.path(), options, first, batches).close().unwrap();
        moments.push(Files::read(dir.path()));
    }
    let now = moments.pop().unwrap();
    let [early, middle, late] = moments.try_into().ok().unwrap();
    // What is damaged is of the third moment, so that there is a future too.
    let others = vec![
        ("of the first closing", early),
        ("of the closing before", middle),
        ("of a later closing", now),
    ];
    Scene::of(name, options, late, others)
}

fn killed(name: &'static str, options: LogOptions) -> Scene {
    let dir = TempDir::new().unwrap();
    let first = BATCHES / 2 * BATCH_FEES;
    post(dir.path(), options, 0, BATCHES / 2).close().unwrap();
    let early = Files::read(dir.path());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "damage_cases::scene::child_posts_until_killed"])
        .arg("--nocapture")
        .env(CHILD_DIR, dir.path())
        .env(
            CHILD_OPTIONS,
            format!("{first} {}", options.epoch_records_max),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut go_on = child.stdin.take().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut posted = || {
        let told = told.by_ref().map(Result::unwrap);
        assert!(told.into_iter().any(|line| line.ends_with("posted")));
        Files::read(dir.path())
    };
    let middle = posted();
    go_on.write_all(b"\n").unwrap();
    let left = posted();
    go_on.write_all(b"\n").unwrap();
    let later = posted();
    child.kill().unwrap();
    child.wait().unwrap();
    let others = vec![
        ("of a closing", early),
        ("of an earlier moment", middle),
        ("of a later moment", later),
    ];
    Scene::of(name, options, left, others)
}

/// Not a test of its own: the process that is killed. It stands still while its files are read, so they
/// are what is left when it is killed then.
#[test]
fn child_posts_until_killed() {
    let Some(dir) = env::var_os(CHILD_DIR) else {
        return;
    };
    let options = env::var(CHILD_OPTIONS).unwrap();
    let (first, epoch) = options.split_once(' ').unwrap();
    let options = LogOptions {
        store: None,
        epoch_records_max: epoch.parse().unwrap(),
        ..LogOptions::default()
    };
    let mut first: u64 = first.parse().unwrap();
    let batches = BATCHES / 4;
    let writer = post(Path::new(&dir), options, first, batches);
    loop {
        println!("posted");
        std::io::stdin().read_exact(&mut [0]).unwrap();
        first += batches * BATCH_FEES;
        post_more(&writer, first, batches);
    }
}

impl Scene {
    fn of(
        name: &'static str,
        options: LogOptions,
        left: Files,
        mut others: Vec<(&'static str, Files)>,
    ) -> Self {
        let later = &others.last().unwrap().1;
        let mut blocks = BTreeMap::new();
        let ends = [&left, later].map(|files| {
            let dir = TempDir::new().unwrap();
            files.write(dir.path());
            let recovered = recover_with(dir.path(), options).unwrap();
            blocks = blocks_of(&recovered.log);
            (recovered.log.head(), recovered.books)
        });
        let other = TempDir::new().unwrap();
        post(other.path(), options, OTHER_FEES, BATCHES + 1)
            .close()
            .unwrap();
        others.push(("of another log", Files::read(other.path())));
        let other_blocks = blocks_of(&recover_with(other.path(), options).unwrap().log);
        Self {
            name,
            options,
            left,
            others,
            ends,
            blocks,
            other_blocks,
        }
    }
}

fn blocks_of(log: &dyn EventLog) -> BTreeMap<u64, Vec<u8>> {
    let reader = log.reader();
    let blocks = scan(&*reader, 1).map(Result::unwrap);
    let blocks = blocks.map(|block| (block.first_seq(), block.bytes().to_vec()));
    blocks.collect()
}
