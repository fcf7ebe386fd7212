//! Damage to a data directory, as the command line meets it: everything is as it was, or it says what
//! is damaged and where. Never a panic, never a shorter or different answer.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command_line::{ledger, text};

/// A ledger of about ten thousand records that was closed in order.
fn undamaged(dir: &Path, store: &str) -> PathBuf {
    let args = [
        "generate",
        "--accounts",
        "100",
        "--operations",
        "10000",
        "--seed",
        "3",
    ];
    fs::write(dir.join("history"), ledger(dir, &args).stdout).expect("written");
    let args = ["replay", "history", "--data", "undamaged", "--store", store];
    let output = ledger(dir, &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    dir.join("undamaged")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Files of the ledger, relative to its directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(dir).expect("inside").to_owned());
            }
        }
    }
    found.sort();
    found
}

struct Answers {
    accounts: String,
    trial_balance: String,
    verify: String,
}

fn answers(dir: &Path) -> Answers {
    let of = |command: &str| text(&ledger(dir, &[command, "--data", "d", "--json"]).stdout);
    Answers {
        accounts: of("accounts"),
        trial_balance: of("trial-balance"),
        verify: of("verify"),
    }
}

/// Checks one damaged copy at `d`. `why` describes the damage.
fn check(dir: &Path, before: &Answers, why: &str) {
    // Each command opens its own copy: opening may change what the next one finds.
    copy(&dir.join("d"), &dir.join("spare"));
    for (command, expected) in [
        ("verify", &before.verify),
        ("accounts", &before.accounts),
        ("trial-balance", &before.trial_balance),
    ] {
        fs::remove_dir_all(dir.join("d")).expect("removed");
        copy(&dir.join("spare"), &dir.join("d"));
        let output = ledger(dir, &[command, "--data", "d", "--json"]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!err.contains("panicked"), "{why}: {command}: {err}");
        match output.status.code() {
            Some(0) => assert_eq!(&out, expected, "{why}: {command} answers differently"),
            Some(2) => {
                assert_eq!(out, "", "{why}: {command} answers and fails");
                let names_it = ["log", "HEAD", "MANIFEST", "record", "block"];
                assert!(
                    names_it.iter().any(|n| err.contains(n)),
                    "{why}: {command}: {err}"
                );
            }
            code => panic!("{why}: {command} ended with {code:?}: {err}"),
        }
    }
    fs::remove_dir_all(dir.join("spare")).expect("removed");
    fs::remove_dir_all(dir.join("d")).expect("removed");
}

/// A ledger of about ten thousand records whose process was killed once all were acknowledged.
fn killed(dir: &Path, store: &str) -> PathBuf {
    let args = [
        "generate",
        "--accounts",
        "100",
        "--operations",
        "10000",
        "--seed",
        "3",
    ];
    let history = ledger(dir, &args).stdout;
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .current_dir(dir)
        .args([
            "replay",
            "-",
            "--data",
            "killed",
            "--store",
            store,
            "--results",
            "/dev/stdout",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = child.stdin.take().expect("a pipe");
    let acknowledged = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = history.split(|byte| *byte == b'\n').count() - 1;
    // Written from another thread, since both pipes can be full at once. The pipe stays open, so the
    // process waits for more when it is killed.
    let sender = std::thread::spawn(move || {
        input.write_all(&history).expect("sent");
        input
    });
    assert_eq!(acknowledged.lines().take(lines).count(), lines);
    child.kill().expect("killed");
    child.wait().expect("it ends");
    drop(sender.join());
    dir.join("killed")
}

#[test]
fn damage_after_a_close_is_named_or_harmless_in_sled() {
    check_damage(
        undamaged,
        "sled",
        &["log/e00000001/db", "log/e00000001/conf"],
    );
}

#[test]
fn damage_after_a_close_is_named_or_harmless_in_redb() {
    check_damage(undamaged, "redb", &["log/e00000001.redb"]);
}

#[test]
fn damage_after_a_kill_is_named_or_harmless_in_sled() {
    check_damage(killed, "sled", &["log/e00000001/db", "log/e00000001/conf"]);
}

#[test]
fn damage_after_a_kill_is_named_or_harmless_in_redb() {
    check_damage(killed, "redb", &["log/e00000001.redb"]);
}

fn check_damage(make: fn(&Path, &str) -> PathBuf, store: &str, epoch: &[&str]) {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let undamaged = make(dir, store);
    copy(&undamaged, &dir.join("d"));
    let before = answers(dir);
    fs::remove_dir_all(dir.join("d")).expect("removed");

    let names = files(&undamaged);
    for place in ["CHECKPOINT", "HEAD", "MANIFEST"].iter().chain(epoch) {
        assert!(
            names.contains(&PathBuf::from(*place)),
            "{place} in {names:?}"
        );
    }
    for name in &names {
        let bytes = fs::read(undamaged.join(name)).expect("read");
        let shown = name.display();
        let written: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for part in [0, 1, 3, 7, 9] {
            let Some(at) = written.get(written.len().saturating_sub(1) * part / 9) else {
                continue;
            };
            copy(&undamaged, &dir.join("d"));
            let mut damaged = bytes.clone();
            damaged[*at] ^= 1 << part.min(7);
            fs::write(dir.join("d").join(name), damaged).expect("written");
            // What the checkpoint covers is not read at opening, so once more without it.
            copy(&dir.join("d"), &dir.join("bare"));
            check(dir, &before, &format!("a bit of {shown} flipped at {at}"));
            fs::rename(dir.join("bare"), dir.join("d")).expect("moved");
            fs::remove_file(dir.join("d/CHECKPOINT")).expect("removed");
            check(
                dir,
                &before,
                &format!("the same, of {shown}, without a checkpoint"),
            );
        }
        for keep in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            copy(&undamaged, &dir.join("d"));
            fs::write(dir.join("d").join(name), &bytes[..keep]).expect("written");
            check(dir, &before, &format!("{shown} cut to {keep} bytes"));
        }
        copy(&undamaged, &dir.join("d"));
        fs::remove_file(dir.join("d").join(name)).expect("removed");
        check(dir, &before, &format!("{shown} removed"));
    }
}
