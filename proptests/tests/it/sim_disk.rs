//! The simulated disk itself: what it keeps, what it loses, and that it does so again.

#![expect(
    clippy::unwrap_used,
    reason = "a call that fails where it should not is a failed test"
)]

use std::path::Path;
use std::time::Duration;

use ledger_store::disk::{Access, Disk, DiskFile, Entry};
use proptests::sim::disk::{Call, Fault, Lasting, Rates, SimDisk};

const DIR: &str = "/data";
const FILE: &str = "/data/file";

/// Everything that was not synced is lost when the power goes.
fn forgetful() -> Rates {
    Rates {
        lost_ppm: 1_000_000,
        ..Rates::default()
    }
}

/// A disk with a durable, empty directory.
fn disk(rates: Rates) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.set_rates(rates);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn create(disk: &SimDisk, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(Path::new(FILE), Access::Create).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

/// Reading asks the disk, so it counts as calls.
fn read(disk: &SimDisk) -> Vec<u8> {
    let file = disk.open(Path::new(FILE), Access::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn durable(disk: &SimDisk, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = create(disk, bytes);
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file
}

#[test]
fn what_was_synced_survives_and_the_rest_is_lost() {
    let disk = disk(forgetful());
    let file = durable(&disk, b"kept");
    file.write_all_at(b"lost", 4).unwrap();
    assert_eq!(read(&disk), b"keptlost");
    disk.lose_power();
    assert_eq!(read(&disk), b"kept");
}

#[test]
fn the_death_of_a_process_loses_nothing() {
    let disk = disk(forgetful());
    let file = create(&disk, b"written");
    disk.kill();
    assert_eq!(read(&disk), b"written");
    assert!(file.write_all_at(b"late", 0).is_err());
}

#[test]
fn a_name_is_durable_only_with_its_directory() {
    let disk = disk(forgetful());
    let file = create(&disk, b"written");
    file.sync().unwrap();
    disk.lose_power();
    assert_eq!(disk.entry(Path::new(FILE)).unwrap(), None);

    drop(durable(&disk, b"again"));
    disk.rename(Path::new(FILE), Path::new("/data/other"))
        .unwrap();
    disk.lose_power();
    assert_eq!(
        disk.entry(Path::new(FILE)).unwrap(),
        Some(Entry::File),
        "the renaming was not synced"
    );
    disk.remove_file(Path::new(FILE)).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.lose_power();
    assert_eq!(disk.names(Path::new(DIR)).unwrap(), Vec::<String>::new());
}

#[test]
fn a_sector_is_whole_even_where_a_write_is_torn() {
    let mut torn = 0;
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        disk.set_rates(Rates {
            torn_ppm: 1_000_000,
            ..Rates::default()
        });
        let file = durable(&disk, &[0; 2_048]);
        file.write_all_at(&[1; 2_048], 0).unwrap();
        file.write_all_at(&[2; 1_024], 512).unwrap();
        disk.lose_power();
        let bytes = read(&disk);
        let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        for (sector, first) in bytes.chunks(512).zip(&sectors) {
            assert!(sector.iter().all(|byte| byte == first));
        }
        assert!(sectors[0] < 2 && sectors[3] < 2);
        torn += usize::from(sectors.iter().any(|sector| *sector != sectors[0]));
    }
    assert!(torn > 150, "{torn} of 200 were torn");
}

#[test]
fn a_length_may_be_lost_with_what_was_written_there() {
    let disk = disk(forgetful());
    let file = durable(&disk, &[7; 1_000]);
    file.set_len(10).unwrap();
    file.write_all_at(&[8; 10], 2_000).unwrap();
    assert_eq!(read(&disk).len(), 2_010);
    disk.lose_power();
    assert_eq!(read(&disk), [7; 1_000]);
}

#[test]
fn after_a_failed_sync_the_next_one_brings_nothing_back() {
    let disk = disk(forgetful());
    let file = durable(&disk, b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.fail_at(1, Some(Call::Sync), Lasting::Once, Fault::Error);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(read(&disk), b"new", "the kernel still shows it");
    disk.drop_caches();
    assert_eq!(read(&disk), b"old");
}

#[test]
fn a_call_fails_once_or_for_good_and_shortly() {
    let disk = disk(forgetful());
    let file = create(&disk, b"");
    disk.fail_at(2, Some(Call::Write), Lasting::Once, Fault::Short);
    file.write_all_at(b"first.", 0).unwrap();
    let error = file.write_all_at(b"second", 6).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    assert_eq!(read(&disk), b"first.sec");
    file.write_all_at(b"third", 6).unwrap();
    disk.fail_at(1, None, Lasting::ForGood, Fault::Full);
    for _ in 0..3 {
        let error = file.write_all_at(b"fourth", 6).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(28));
    }
    disk.fail_no_more();
    file.write_all_at(b"fourth", 6).unwrap();
}

#[test]
fn a_full_disk_overwrites_and_does_not_grow() {
    let disk = disk(Rates::default());
    let file = create(&disk, b"12345678");
    disk.set_full(true);
    assert!(file.write_all_at(b"9", 8).is_err());
    file.write_all_at(b"8765", 0).unwrap();
    disk.set_full(false);
    file.write_all_at(b"9", 8).unwrap();
    assert_eq!(read(&disk), b"876556789");
}

#[test]
fn without_power_nothing_works_until_the_next_start() {
    let disk = disk(forgetful());
    let file = durable(&disk, b"kept");
    disk.fail_at(1, Some(Call::Write), Lasting::Once, Fault::Power);
    assert!(file.write_all_at(b"lost", 0).is_err());
    assert!(!disk.has_power());
    assert!(file.sync().is_err() && disk.entry(Path::new(FILE)).is_err());
    disk.lose_power();
    assert_eq!(read(&disk), b"kept");
}

#[test]
fn turned_bits_and_strayed_writes_show_after_the_start() {
    let disk = disk(Rates {
        flip_ppm: 1_000_000,
        ..Rates::default()
    });
    let file = durable(&disk, &[0; 4_096]);
    assert_eq!(read(&disk), [0; 4_096], "it is cached");
    disk.lose_power();
    let turned: u32 = read(&disk).iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(turned, 1);
    drop(file);

    disk.set_rates(Rates {
        misdirected_ppm: 1_000_000,
        ..Rates::default()
    });
    let before = disk.injected().misdirected;
    for at in 0..8 {
        let file = disk.open(Path::new(FILE), Access::Write).unwrap();
        file.write_all_at(&[9; 512], at * 512).unwrap();
        file.sync().unwrap();
    }
    assert!(disk.injected().misdirected > before);
    disk.lose_power();
    assert!(
        read(&disk)
            .chunks(512)
            .any(|sector| sector != vec![9; sector.len()])
    );
}

#[test]
fn a_lock_is_held_until_it_is_dropped_or_its_process_dies() {
    let disk = disk(Rates::default());
    let first = create(&disk, b"");
    let second = disk.open(Path::new(FILE), Access::Write).unwrap();
    assert!(first.try_lock().unwrap());
    assert!(!second.try_lock().unwrap());
    drop(first);
    assert!(second.try_lock().unwrap());
    disk.kill();
    let third = disk.open(Path::new(FILE), Access::Write).unwrap();
    assert!(third.try_lock().unwrap());
}

#[test]
fn a_copy_put_back_is_all_durable() {
    let disk = disk(forgetful());
    drop(durable(&disk, b"copied"));
    let copy = disk.files();
    drop(durable(&disk, b"later on"));
    disk.restore(&copy);
    disk.lose_power();
    assert_eq!(read(&disk), b"copied");
    assert_eq!(disk.files(), copy);
}

/// One life of a disk under every fault at once.
fn life(seed: u64) -> (Vec<bool>, Vec<Option<Vec<u8>>>, Duration) {
    let disk = SimDisk::new(seed);
    disk.set_rates(Rates {
        read_error_ppm: 50_000,
        write_error_ppm: 50_000,
        short_ppm: 300_000,
        sync_error_ppm: 50_000,
        other_error_ppm: 50_000,
        slow_sync_ppm: 100_000,
        slow_sync_max: Duration::from_secs(2),
        misdirected_ppm: 10_000,
        flip_ppm: 10_000,
        power_ppm: 5_000,
        torn_ppm: 900_000,
        lost_ppm: 400_000,
    });
    let (mut outcomes, mut found) = (Vec::new(), Vec::new());
    for round in 0..40_u64 {
        let _ = disk.create_dir_all(Path::new(DIR));
        let _ = disk.sync_dir(Path::new("/"));
        if let Ok(file) = disk.open(Path::new(FILE), Access::Create) {
            for at in 0..20 {
                outcomes.push(
                    file.write_all_at(&[round.to_le_bytes()[0]; 700], at * 300)
                        .is_ok(),
                );
                outcomes.push(file.sync().is_ok());
            }
            outcomes.push(disk.sync_dir(Path::new(DIR)).is_ok());
        }
        disk.lose_power();
        found.push(disk.files().remove(Path::new(FILE)));
    }
    (outcomes, found, disk.elapsed())
}

#[test]
fn the_same_seed_is_the_same_life() {
    assert_eq!(life(7), life(7));
    assert_ne!(life(7), life(8));
}

#[test]
fn the_calls_of_one_file_do_not_depend_on_those_of_another() {
    let outcomes = |others: usize| {
        let disk = disk(Rates::default());
        let file = create(&disk, b"");
        disk.set_rates(Rates {
            write_error_ppm: 300_000,
            ..Rates::default()
        });
        let write = |at: u64| {
            for _ in 0..others {
                let _ = disk.open(Path::new("/data/other"), Access::Create);
            }
            file.write_all_at(b"x", at).is_ok()
        };
        (0..100).map(write).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(0), outcomes(3));
    assert!(outcomes(0).contains(&false));
}
