//! A log in many epochs reads as one, and opening reads no more of it than it must.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use ledger_store::{DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind, scan};
use tempfile::TempDir;

use crate::damage_cases::blocks::open_sled;
use crate::records::{
    EPOCH_RECORDS, Random, block, check_all, fill, in_epochs, in_one_epoch, open_and_check, record,
};

const RECORDS: u64 = 12_000;

/// The epochs on disk, by number.
fn numbers(dir: &Path) -> BTreeSet<u64> {
    let entries = fs::read_dir(dir.join("log")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let numbers = names.map(|name| {
        let number = name.strip_prefix('e').unwrap();
        number.trim_end_matches(".redb").parse().unwrap()
    });
    numbers.collect()
}

/// How many epochs the manifest lists.
fn listed(dir: &Path) -> usize {
    let manifest = fs::read_to_string(dir.join("MANIFEST")).unwrap();
    let epochs = manifest.lines().filter(|line| line.starts_with("epoch "));
    epochs.count()
}

/// The file with the blocks of an epoch.
fn file(store: StoreKind, number: u64) -> String {
    match store {
        StoreKind::Sled => format!("log/e{number:08}/db"),
        StoreKind::Redb => format!("log/e{number:08}.redb"),
    }
}

/// A log of [`RECORDS`] in many epochs, closed in order.
fn closed(store: StoreKind) -> (TempDir, LogHead) {
    let dir = TempDir::new().unwrap();
    let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
    fill(&mut log, RECORDS);
    let head = log.head();
    Box::new(log).close().unwrap();
    (dir, head)
}

/// The same as a crash would leave it.
fn crashed(store: StoreKind) -> (TempDir, LogHead) {
    let (dir, head) = closed(store);
    drop(DiskLog::open(dir.path(), in_epochs(store)).unwrap());
    (dir, head)
}

/// Copies whatever there is, directories too.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

#[test]
fn a_log_goes_on_in_the_next_epoch_when_one_is_full() {
    for store in StoreKind::ALL {
        let (dir, head) = closed(store);
        let epochs = numbers(dir.path());
        // An append is never divided, so an epoch may end before it is full.
        assert!(epochs.len() as u64 >= RECORDS / EPOCH_RECORDS, "{epochs:?}");
        // What was prepared and not needed is gone.
        assert_eq!(listed(dir.path()), epochs.len());
        let (log, last_seq) = open_and_check(dir.path(), in_epochs(store)).unwrap();
        assert_eq!((log.head(), last_seq), (head, RECORDS));
    }
}

#[test]
fn an_append_longer_than_an_epoch_is_not_divided() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let options = LogOptions {
            epoch_records_max: 10,
            ..in_epochs(store)
        };
        let mut log = DiskLog::open(dir.path(), options).unwrap();
        for count in 1..=3 {
            let next = block(log.head(), 25);
            log.append(&[next]).unwrap();
            assert_eq!(listed(dir.path()), count);
        }
        Box::new(log).close().unwrap();
        assert_eq!(open_and_check(dir.path(), options).unwrap().1, 75);
    }
}

#[test]
fn closed_epochs_are_opened_again_when_they_are_read() {
    for store in StoreKind::ALL {
        let (dir, _) = closed(store);
        let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
        let readers: Vec<_> = (0..3)
            .map(|seed| {
                let reader = log.reader();
                thread::spawn(move || {
                    let mut random = Random::new(seed);
                    for _ in 0..60 {
                        let seq = 1 + random.below(RECORDS);
                        let block = reader.block_with(seq).unwrap().unwrap();
                        assert_eq!(block.record(seq), Some(&record(seq)[..]));
                    }
                })
            })
            .collect();
        // Epochs end meanwhile, which closes others.
        fill(&mut log, 2 * RECORDS);
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(check_all(scan(&*log.reader(), 1)), 2 * RECORDS);
        Box::new(log).close().unwrap();
    }
}

#[test]
fn a_prepared_epoch_that_no_manifest_lists_is_discarded() {
    for store in StoreKind::ALL {
        let (dir, _) = crashed(store);
        let right = numbers(dir.path());
        // A whole epoch, as it is before anything is written to it, and half of one.
        let other = TempDir::new().unwrap();
        drop(DiskLog::open(other.path(), in_one_epoch(store)).unwrap());
        let name = |number: usize| match store {
            StoreKind::Sled => format!("log/e{number:08}"),
            StoreKind::Redb => format!("log/e{number:08}.redb"),
        };
        let next = dir.path().join(name(right.len() + 1));
        for is_whole in [true, false] {
            copy(&other.path().join(name(1)), &next);
            if !is_whole {
                let path = dir.path().join(file(store, right.len() as u64 + 1));
                fs::write(path, [0; 100]).unwrap();
            }
            let (log, last_seq) = open_and_check(dir.path(), in_epochs(store)).unwrap();
            assert_eq!(last_seq, RECORDS);
            assert_eq!(numbers(dir.path()), right);
            drop(log);
        }
        // The number is taken again in earnest.
        let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
        fill(&mut log, RECORDS + 2 * EPOCH_RECORDS);
        assert!(listed(dir.path()) > right.len());
        drop(log);
        let recovered = open_and_check(dir.path(), in_epochs(store)).unwrap().1;
        assert_eq!(recovered, RECORDS + 2 * EPOCH_RECORDS);
    }
}

#[test]
fn an_epoch_with_records_that_no_manifest_lists_is_refused_and_kept() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
        fill(&mut log, EPOCH_RECORDS / 2);
        let older = ["MANIFEST", "HEAD"].map(|name| {
            let path = dir.path().join(name);
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        });
        while listed(dir.path()) < 2 {
            let next = block(log.head(), 100);
            log.append(&[next]).unwrap();
        }
        drop(log);
        for (path, bytes) in older {
            fs::write(path, bytes).unwrap();
        }
        let error = DiskLog::open(dir.path(), in_epochs(store)).unwrap_err();
        let text = "has records, yet MANIFEST does not list it";
        assert!(error.to_string().ends_with(text), "{error}");
        assert!(dir.path().join(file(store, 2)).exists());
    }
}

/// The ends of all blocks, in order.
fn ends(dir: &Path, store: StoreKind) -> Vec<LogHead> {
    let mut ends = Vec::new();
    let opening = DiskLog::begin(dir, in_epochs(store)).unwrap();
    let log = opening.finish(LogHead::EMPTY, &mut |block| {
        ends.push(LogHead {
            last_seq: block.last_seq(),
            chain: block.chain(),
        });
        Ok(())
    });
    drop(log.unwrap());
    ends
}

#[test]
fn a_head_is_reached_where_a_block_ends_with_its_hash() {
    for store in StoreKind::ALL {
        let (dir, head) = crashed(store);
        let ends = ends(dir.path(), store);
        let mut opening = DiskLog::begin(dir.path(), in_epochs(store)).unwrap();
        assert!(opening.reaches(LogHead::EMPTY).unwrap());
        for (end, other) in ends.iter().zip(ends.iter().skip(1)) {
            assert!(opening.reaches(*end).unwrap());
            let last_seq = end.last_seq;
            let wrong = [
                LogHead { last_seq, ..*other },
                LogHead {
                    last_seq: last_seq + 1,
                    ..*end
                },
            ];
            for wrong in wrong {
                assert!(!opening.reaches(wrong).unwrap(), "{wrong:?}");
            }
        }
        for last_seq in [RECORDS + 1, u64::MAX] {
            assert!(!opening.reaches(LogHead { last_seq, ..head }).unwrap());
        }
        let log = opening.finish(LogHead::EMPTY, &mut |_| Ok(())).unwrap();
        assert_eq!(log.head(), head);
    }
}

/// Opens the log from a head on; gives the first and last record that was handed out.
fn open_from(dir: &Path, store: StoreKind, covered: LogHead) -> Result<(u64, u64), StoreError> {
    let mut opening = DiskLog::begin(dir, in_epochs(store))?;
    assert!(opening.reaches(covered)?);
    let (mut first_seq, mut last_seq) = (0, covered.last_seq);
    let log = opening.finish(covered, &mut |block| {
        assert_eq!(block.first_seq(), last_seq + 1);
        if first_seq == 0 {
            first_seq = block.first_seq();
        }
        last_seq = block.last_seq();
        Ok(())
    })?;
    assert_eq!(log.head().last_seq, last_seq);
    Ok((first_seq, last_seq))
}

#[test]
fn only_what_is_not_covered_is_handed_out() {
    for store in StoreKind::ALL {
        let (dir, head) = crashed(store);
        for end in ends(dir.path(), store).into_iter().step_by(5) {
            let seen = open_from(dir.path(), store, end).unwrap();
            assert_eq!(seen, (end.last_seq + 1, RECORDS));
        }
        let seen = open_from(dir.path(), store, head).unwrap();
        assert_eq!(seen, (0, RECORDS));
    }
}

#[test]
fn what_is_covered_is_not_even_opened() {
    for store in StoreKind::ALL {
        let (dir, head) = crashed(store);
        let last = ends(dir.path(), store);
        let covered = last[last.len() - 2];
        for number in 1..=3 {
            fs::write(dir.path().join(file(store, number)), [1; 5_000]).unwrap();
        }
        for covered in [covered, head] {
            open_from(dir.path(), store, covered).unwrap();
        }
        let error = DiskLog::open(dir.path(), in_epochs(store)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), "STORE_DAMAGED", "{text}");
        assert!(text.starts_with(&file(store, 1)), "{text}");
    }
}

/// A log of the same records in other blocks, so that all its hashes are others.
fn other(store: StoreKind, last_seq: u64) -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
    while log.head().last_seq < last_seq {
        let next = block(log.head(), 250);
        log.append(&[next]).unwrap();
    }
    drop(log);
    dir
}

#[test]
fn a_head_file_that_speaks_of_other_records_is_contradicted() {
    for store in StoreKind::ALL {
        let (dir, head) = crashed(store);
        let right = fs::read(dir.path().join("HEAD")).unwrap();
        // Behind what is covered and behind the last record, at both, and ahead.
        let cases = [
            (1_250, "has other records up to 1250 than HEAD says"),
            (RECORDS, "has other records up to 12000 than HEAD says"),
            (
                RECORDS + 250,
                "ends with record 12000, yet HEAD has record 12250",
            ),
        ];
        for (last_seq, what) in cases {
            let wrong = fs::read(other(store, last_seq).path().join("HEAD")).unwrap();
            for covered in [LogHead::EMPTY, head] {
                fs::write(dir.path().join("HEAD"), &wrong).unwrap();
                let error = open_from(dir.path(), store, covered).unwrap_err();
                assert_eq!(error.code(), "STORE_DAMAGED");
                assert!(error.to_string().ends_with(what), "{error}");
            }
        }
        fs::write(dir.path().join("HEAD"), right).unwrap();
        open_from(dir.path(), store, head).unwrap();
    }
}

#[test]
fn an_older_head_file_is_met_before_what_is_covered() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_epochs(store)).unwrap();
        let mut older = Vec::new();
        for last_seq in [1_000, 5_000] {
            fill(&mut log, last_seq);
            older.push(fs::read(dir.path().join("HEAD")).unwrap());
        }
        fill(&mut log, RECORDS);
        let head = log.head();
        drop(log);
        // A power cut may set the file back.
        for older in older {
            for covered in [LogHead::EMPTY, head] {
                fs::write(dir.path().join("HEAD"), &older).unwrap();
                assert_eq!(open_from(dir.path(), store, covered).unwrap().1, RECORDS);
            }
        }
    }
}

#[test]
fn an_epoch_of_another_log_is_refused() {
    for store in StoreKind::ALL {
        let (dir, head) = crashed(store);
        let foreign = other(store, RECORDS);
        fs::copy(
            foreign.path().join(file(store, 2)),
            dir.path().join(file(store, 2)),
        )
        .unwrap();
        let error = DiskLog::open(dir.path(), in_epochs(store)).unwrap_err();
        assert!(error.to_string().contains(&file(store, 2)), "{error}");
        // Where it is covered, it is found by who reads it.
        let mut opening = DiskLog::begin(dir.path(), in_epochs(store)).unwrap();
        assert!(opening.reaches(head).unwrap());
        let log = opening.finish(head, &mut |_| Ok(())).unwrap();
        let seq = EPOCH_RECORDS + EPOCH_RECORDS / 2;
        let error = log.reader().block_with(seq).unwrap_err();
        assert_eq!(error.code(), "STORE_DAMAGED");
        assert!(error.to_string().contains(&file(store, 2)), "{error}");
    }
}

#[test]
fn a_missing_epoch_is_named() {
    for store in StoreKind::ALL {
        for left in [closed, crashed] {
            let (dir, _) = left(store);
            fs::remove_file(dir.path().join(file(store, 2))).unwrap();
            let error = DiskLog::open(dir.path(), in_epochs(store)).unwrap_err();
            assert_eq!(error.to_string(), format!("{} is missing", file(store, 2)));
        }
    }
}

/// Turns a log into what version 0.1 left: one epoch, in `log` itself.
fn to_version_1(dir: &Path, state: &str) {
    let log = dir.join("log");
    fs::rename(log.join("e00000001"), dir.join("only")).unwrap();
    fs::remove_dir(&log).unwrap();
    fs::rename(dir.join("only"), &log).unwrap();
    let mut text = format!("ledger-store manifest 1\nstate {state}\n");
    let names: &[&str] = match state {
        "closed" => &["HEAD", "log/conf", "log/db"],
        _ => &["log/conf"],
    };
    for name in names {
        let bytes = fs::read(dir.join(name)).unwrap();
        let sums = bytes.chunks(1 << 20).map(crc32c::crc32c);
        let sums: String = sums.map(|sum| format!(" {sum:08x}")).collect();
        text += &format!("file {name} {}\ncrc32c{sums}\n", bytes.len());
    }
    text += &format!("end {:08x}\n", crc32c::crc32c(text.as_bytes()));
    fs::write(dir.join("MANIFEST"), text).unwrap();
}

#[test]
fn a_log_of_version_1_opens_and_goes_on() {
    for state in ["closed", "open"] {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_one_epoch(StoreKind::Sled)).unwrap();
        fill(&mut log, 4_000);
        Box::new(log).close().unwrap();
        to_version_1(dir.path(), state);
        let (mut log, last_seq) = open_and_check(
            dir.path(),
            LogOptions {
                epoch_records_max: 5_000,
                ..LogOptions::default()
            },
        )
        .unwrap();
        assert_eq!((log.store(), last_seq), (StoreKind::Sled, 4_000));
        fill(&mut log, 9_000);
        assert!(dir.path().join("log/e00000002/db").exists());
        Box::new(log).close().unwrap();
        let options = in_epochs(StoreKind::Sled);
        let (log, last_seq) = open_and_check(dir.path(), options).unwrap();
        assert_eq!(last_seq, 9_000);
        // And after a crash.
        drop(log);
        assert_eq!(open_and_check(dir.path(), options).unwrap().1, 9_000);
        // What was there before is still held against its checksums.
        let path = dir.path().join("log/conf");
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = DiskLog::open(dir.path(), options).unwrap_err().to_string();
        assert!(error.starts_with("log/conf differs"), "{error}");
    }
}

/// Turns a log in sled that was left open into what version 2 left: every key is that of a block.
fn to_version_2(dir: &Path) {
    let db = open_sled(&dir.join("log/e00000001"));
    let keys = db.iter().keys().map(Result::unwrap);
    let spacers: Vec<_> = keys.filter(|key| key.len() == 9).collect();
    assert!(!spacers.is_empty());
    for spacer in spacers {
        assert!(db.remove(spacer).unwrap().unwrap().is_empty());
    }
    db.flush().unwrap();
    let path = dir.join("MANIFEST");
    let text = fs::read_to_string(&path).unwrap();
    let (above, _) = text.split_once("end ").unwrap();
    let mut text = above.replace("manifest 3", "manifest 2");
    text += &format!("end {:08x}\n", crc32c::crc32c(text.as_bytes()));
    fs::write(path, text).unwrap();
}

#[test]
fn a_log_of_version_2_opens_and_goes_on() {
    let options = in_one_epoch(StoreKind::Sled);
    let dir = TempDir::new().unwrap();
    let mut log = DiskLog::open(dir.path(), options).unwrap();
    fill(&mut log, 4_000);
    drop(log);
    to_version_2(dir.path());
    let (mut log, last_seq) = open_and_check(dir.path(), options).unwrap();
    assert_eq!(last_seq, 4_000);
    // From here on an earlier program would take it for damaged.
    let manifest = fs::read_to_string(dir.path().join("MANIFEST")).unwrap();
    assert!(
        manifest.starts_with("ledger-store manifest 3\nstate open\n"),
        "{manifest}"
    );
    fill(&mut log, 9_000);
    Box::new(log).close().unwrap();
    assert_eq!(open_and_check(dir.path(), options).unwrap().1, 9_000);
}

#[test]
fn a_key_that_is_neither_of_a_block_nor_a_spacer_is_damage() {
    let options = in_one_epoch(StoreKind::Sled);
    for (key, value) in [
        ([0, 0, 0, 0, 0, 0, 0, 77, 0], &[7][..]),
        ([0, 0, 0, 0, 0, 0, 0, 77, 1], &[]),
    ] {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), options).unwrap();
        fill(&mut log, 400);
        drop(log);
        let db = open_sled(&dir.path().join("log/e00000001"));
        db.insert(key, value).unwrap();
        db.flush().unwrap();
        drop(db);
        let error = open_and_check(dir.path(), options).unwrap_err().to_string();
        assert!(
            error.contains("has a key of 9 bytes instead of 8"),
            "{error}"
        );
    }
}

#[test]
fn a_small_log_prepares_nothing() {
    for store in StoreKind::ALL {
        let dir = TempDir::new().unwrap();
        let mut log = DiskLog::open(dir.path(), in_one_epoch(store)).unwrap();
        fill(&mut log, 20_000);
        drop(log);
        assert_eq!(numbers(dir.path()), BTreeSet::from([1]));
        let bytes = fs::metadata(dir.path().join(file(store, 1))).unwrap().len();
        assert!(bytes < 16 << 20, "{bytes} bytes");
    }
}
