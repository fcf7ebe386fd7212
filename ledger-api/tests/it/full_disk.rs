//! A disk that gets full, and gets space again.
//!
//! The disk is a file system in memory of a few MiB, which only root may mount; elsewhere the test says
//! that it is skipped.

use std::path::Path;
use std::process::Command;

use ledger_api::replay::{Source, replay};
use ledger_api::{ApiError, Ledger, LedgerOptions, line};
use ledger_core::command::Request;
use ledger_store::StoreKind;

use crate::command_line::{ledger, text};

const FEES_IN_A_BATCH: u64 = 500;
/// More than any of these disks holds.
const BATCHES_MAX: u64 = 2_000;

/// A file system of its own, until dropped.
struct Disk {
    mounted: tempfile::TempDir,
}

impl Disk {
    /// Mounts it, where that is allowed.
    fn of(size: &str) -> Option<Self> {
        let mounted = tempfile::tempdir().expect("a directory");
        let disk = Self { mounted };
        if disk.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]) {
            return Some(disk);
        }
        eprintln!("skipped: nothing may be mounted here");
        None
    }

    fn grow(&self, size: &str) {
        assert!(self.mount(&["-o", &format!("remount,size={size}")]));
    }

    fn mount(&self, args: &[&str]) -> bool {
        let mut command = Command::new("mount");
        let output = command.args(args).arg(self.mounted.path()).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.mounted.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn open(dir: &Path, store: StoreKind) -> Result<Ledger, ledger_store::StoreError> {
    let options = LedgerOptions {
        store: Some(store),
        ..LedgerOptions::default()
    };
    Ledger::open_with(dir, options)
}

fn scene(ledger: &Ledger) {
    for line in [
        r#"{"issuerId":"fd","correlationId":"s1","command":"configure-issuer","body":{"timeZone":"UTC"}}"#,
        r#"{"issuerId":"fd","correlationId":"s2","command":"define-product","body":{"productReference":"CARD","currency":"EUR","workingMode":"PAY_LATER","feeTypes":["ANNUAL"]}}"#,
        r#"{"issuerId":"fd","correlationId":"s3","command":"open-account","body":{"issuerAccountExternalReference":"A1","productReference":"CARD","creditLimitAmount":{"value":100000000,"exponent":2,"isoCode":"EUR"}}}"#,
    ] {
        let answer = ledger.execute(line).expect("an answer");
        answer.outcome.expect("accepted");
    }
}

fn fees(batch: u64) -> Vec<Request> {
    let fee = |number| {
        line::parse(&fee_line(number))
            .expect("the line is right")
            .request
    };
    (batch * FEES_IN_A_BATCH..(batch + 1) * FEES_IN_A_BATCH)
        .map(fee)
        .collect()
}

fn fee_line(number: u64) -> String {
    format!(
        r#"{{"issuerId":"fd","correlationId":"f{number}","command":"post-fee-operation","account":{{"issuerAccountExternalReference":"A1"}},"body":{{"feeType":"ANNUAL","referenceAmount":{{"value":1,"exponent":2,"isoCode":"EUR"}},"externalOperationDate":"2026-01-01T00:00:00Z","externalOperationReference":"r{number}","externalOperationServicePoster":"CORE"}}}}"#
    )
}

/// The balance, in cents: as many as fees were posted.
fn balance(ledger: &Ledger) -> u64 {
    let accounts = ledger.accounts();
    u64::try_from(accounts[0].account_balance.value).expect("small")
}

/// Posts batches until one fails; gives how many were acknowledged, and why no more.
fn post_until_full(ledger: &Ledger, first: u64) -> (u64, ApiError) {
    for batch in first..first + BATCHES_MAX {
        if let Err(error) = ledger.submit_many(fees(batch)) {
            return (batch, error);
        }
    }
    panic!("the disk did not get full");
}

fn survive_a_full_disk(store: StoreKind, small: &str, large: &str) {
    let Some(disk) = Disk::of(small) else { return };
    let dir = disk.mounted.path().join("ledger");
    let ledger = open(&dir, store).expect("opened");
    scene(&ledger);
    let (batches, error) = post_until_full(&ledger, 0);
    let acknowledged = batches * FEES_IN_A_BATCH;
    assert_eq!(error.code(), "OUTCOME_UNKNOWN");
    let full = "No space left on device";
    assert!(error.to_string().contains(full), "{error}");
    assert!(acknowledged > 0);

    // From now on it only answers, and says why.
    let refused = ledger.submit_many(fees(batches)).expect_err("read only");
    assert_eq!(refused.code(), "SERVICE_UNAVAILABLE");
    assert!(refused.to_string().contains(full), "{refused}");
    assert_eq!(balance(&ledger), acknowledged);
    let closing = ledger.close().expect_err("it had failed");
    assert!(closing.to_string().contains(full), "{closing}");

    reopen_while_full(&disk, store, acknowledged);
    disk.grow(large);
    let ledger = open(&dir, store).expect("opened");
    // The batch whose outcome was unknown is there as a whole, or in blocks, or not at all.
    let found = balance(&ledger);
    assert!((acknowledged..=acknowledged + FEES_IN_A_BATCH).contains(&found));
    ledger.verify().expect("sound");
    let answers = ledger.submit_many(fees(batches)).expect("space again");
    assert!(answers.iter().all(|answer| answer.outcome.is_ok()));
    ledger
        .submit_many(fees(batches + 1))
        .expect("posting goes on");
    assert_eq!(balance(&ledger), acknowledged + 2 * FEES_IN_A_BATCH);
    ledger.close().expect("closed");
    println!("full disk, {store}: {acknowledged} fees acknowledged when it was full, 0 lost");
}

/// Opening either serves what there is or says what is wrong, as often as it is tried; and harms nothing.
fn reopen_while_full(disk: &Disk, store: StoreKind, acknowledged: u64) {
    for _ in 0..3 {
        match open(&disk.mounted.path().join("ledger"), store) {
            Ok(ledger) => {
                assert!(balance(&ledger) >= acknowledged);
                eprintln!(
                    "{store}: opened on the full disk; closed: {:?}",
                    ledger.close()
                );
            }
            Err(error) => {
                eprintln!("{store}: refused on the full disk: {error}");
                assert_eq!(error.code(), "STORE_IO", "{error}");
            }
        }
        let args = ["accounts", "--data", "ledger", "--json"];
        let output = ledger(disk.mounted.path(), &args);
        let (out, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(!errors.contains("panicked"), "{errors}");
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(out.contains("A1"), "{out}");
    }
}

/// Of a replay that a full disk ends, everything is told that was durable before, but of the chunk it ended in.
#[test]
fn a_replay_tells_what_was_durable_when_the_disk_got_full() {
    let Some(disk) = Disk::of("12m") else { return };
    let ledger = open(&disk.mounted.path().join("ledger"), StoreKind::Redb).expect("opened");
    scene(&ledger);
    let lines: String = (0..200_000).map(|number| fee_line(number) + "\n").collect();
    let mut told = 0;
    let ended = replay(&ledger, lines.as_bytes(), Source::File, |results, _| {
        told += results.len() as u64;
        Ok(())
    });
    let error = ended.expect_err("the disk is too small");
    let line = lines.find('\n').expect("a line") + 1;
    let chunk = u64::try_from(512 * 1024 / line + 1).expect("few");
    let durable = balance(&ledger);
    assert!(told <= durable, "{told} of {durable}: {error}");
    assert!(durable - told <= chunk, "{told} of {durable}: {error}");
}

/// Questions are answered however little space is left; the status says that there is too little.
fn answer_whatever_is_left(store: StoreKind) {
    let Some(disk) = Disk::of("100m") else { return };
    let dir = disk.mounted.path();
    let ledger_of = open(&dir.join("ledger"), store).expect("opened");
    scene(&ledger_of);
    for batch in 0..20 {
        ledger_of.submit_many(fees(batch)).expect("posted");
    }
    ledger_of.close().expect("closed");
    let mut statuses = Vec::new();
    for left in [0, 40, 300, 1_200, 3_000, 20_000] {
        let fill = std::fs::File::create(dir.join("fill")).expect("created");
        let free = rustix::fs::fstatvfs(&fill).expect("told");
        let free = free.f_bavail * free.f_frsize;
        let filled = free.saturating_sub(left * 1_024);
        rustix::fs::fallocate(&fill, rustix::fs::FallocateFlags::empty(), 0, filled)
            .expect("filled");
        for args in [
            &["accounts"][..],
            &["verify"],
            &["head"],
            &["operations", "--external", "A1"],
        ] {
            let output = ledger(dir, &[args, &["--data", "ledger"]].concat());
            let errors = text(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{left} KiB, {args:?}: {errors}"
            );
        }
        let output = ledger(dir, &["status", "--data", "ledger"]);
        let said = text(&output.stdout);
        assert!(
            said.starts_with("CLOSED, 10003 records"),
            "{left} KiB: {said}"
        );
        let is_well = !said.contains("No space left on device");
        assert_eq!(output.status.code(), Some(i32::from(!is_well)), "{said}");
        statuses.push(is_well);
    }
    assert!(!statuses[0], "nothing can be written");
    assert!(statuses[5], "there is enough");
}

#[test]
fn questions_are_answered_however_little_space_is_left() {
    for store in StoreKind::ALL {
        answer_whatever_is_left(store);
    }
}

#[test]
fn a_full_disk_stops_posting_and_loses_nothing_on_sled() {
    survive_a_full_disk(StoreKind::Sled, "40m", "200m");
}

#[test]
fn a_full_disk_stops_posting_and_loses_nothing_on_redb() {
    survive_a_full_disk(StoreKind::Redb, "12m", "100m");
}
