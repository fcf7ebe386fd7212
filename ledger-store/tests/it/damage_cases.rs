//! Any number of damages, drawn by chance: to a ledger closed in order, and to one whose process was
//! killed. Each leaves the right answers or is refused by name; no wrong answer is served.
//!
//! `LEDGER_DAMAGE_CASES` and `LEDGER_SEED` ask for more, and for others.

pub(crate) mod blocks;
mod scene;

use std::fs;
use std::ops::AddAssign;
use std::path::Path;

use ledger_store::checkpoint::CHECKPOINT;
use ledger_store::reader::Reader;
use ledger_store::recovery::recover_with;
use ledger_store::verify::verify;
use ledger_store::{EventLog, StoreError, StoreKind};
use tempfile::TempDir;

use self::scene::Scene;
use crate::effort;
use crate::files::Files;
use crate::records::Random;

const SECTOR_BYTES: usize = 512;
/// Blocks that are read by themselves in each case.
const BLOCKS_READ: u64 = 6;

/// What came of some cases.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    harmless: u64,
    refused_at_opening: u64,
    named_when_read: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.harmless += other.harmless;
        self.refused_at_opening += other.refused_at_opening;
        self.named_when_read += other.named_when_read;
    }
}

fn place(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).unwrap()
}

fn pick<'a, T>(random: &mut Random, among: &'a [T]) -> &'a T {
    &among[place(random, among.len())]
}

/// A sector that has something in it, if there is one.
fn sector(random: &mut Random, bytes: &[u8], unit: usize) -> usize {
    let sectors = bytes.chunks(unit).enumerate();
    let filled = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
    let filled: Vec<_> = filled.map(|(at, _)| at).collect();
    if filled.is_empty() {
        return place(random, bytes.len().div_ceil(unit));
    }
    *pick(random, &filled)
}

/// Changes the bytes of a file; tells what was done.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) -> String {
    let length = bytes.len();
    let unit = [SECTOR_BYTES, 4096][place(random, 2)];
    match random.below(11) {
        0..3 => {
            let in_use = sector(random, bytes, SECTOR_BYTES) * SECTOR_BYTES;
            let within = place(random, (length - in_use).min(SECTOR_BYTES));
            let at = [place(random, length), in_use + within][place(random, 2)];
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        3..5 => {
            let begin = sector(random, bytes, SECTOR_BYTES) * SECTOR_BYTES;
            let end = length.min(begin + SECTOR_BYTES * (1 + place(random, 8)));
            bytes[begin..end].fill(0);
            format!("bytes {begin} to {end} zeroed")
        }
        5..7 => {
            let few = 1 + place(random, length.min(5000));
            let kept = [place(random, length), length - few][place(random, 2)];
            bytes.truncate(kept);
            format!("cut from {length} to {kept} bytes")
        }
        7 => {
            let more = 1 + place(random, 5000);
            let filling = [0, 0xa5][place(random, 2)];
            bytes.resize(length + more, filling);
            format!("{more} bytes of {filling} added")
        }
        8 => {
            bytes.clear();
            "emptied".to_owned()
        }
        kind => {
            let (one, other) = (sector(random, bytes, unit), sector(random, bytes, unit));
            let part = |at: usize| at * unit..length.min((at + 1) * unit);
            let (first, second) = (bytes[part(one)].to_vec(), bytes[part(other)].to_vec());
            let common = first.len().min(second.len());
            bytes[part(other)][..common].copy_from_slice(&first[..common]);
            if kind == 9 {
                bytes[part(one)][..common].copy_from_slice(&second[..common]);
                return format!("units {one} and {other} of {unit} bytes exchanged");
            }
            format!("unit {one} of {unit} bytes repeated as {other}")
        }
    }
}

/// Damages a copy of what was left; tells how.
fn damage(scene: &Scene, dir: &Path, random: &mut Random) -> String {
    let names: Vec<_> = scene.left.files.keys().collect();
    let name = *pick(random, &names);
    let path = dir.join(name);
    match random.below(20) {
        0..10 => {
            let mut bytes = fs::read(&path).unwrap();
            if bytes.is_empty() {
                return format!("{name} was empty, and still is");
            }
            let how = spoil(random, &mut bytes);
            fs::write(&path, bytes).unwrap();
            format!("{name}: {how}")
        }
        10 => {
            fs::remove_file(path).unwrap();
            format!("{name} missing")
        }
        11 => {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            format!("{name} replaced by a directory")
        }
        12 => {
            let folder = pick(random, &scene.left.directories);
            fs::remove_dir_all(dir.join(folder)).unwrap();
            if random.below(2) == 0 {
                return format!("{folder} missing");
            }
            fs::write(dir.join(folder), []).unwrap();
            format!("{folder} replaced by a file")
        }
        13..16 => {
            let (when, files) = pick(random, &scene.others);
            exchange(dir, name, files);
            format!("{name} {when}")
        }
        _ => blocks::damage(scene, dir, random),
    }
}

/// Puts the file of another directory in place of this one's.
fn exchange(dir: &Path, name: &str, other: &Files) {
    match other.files.get(name) {
        Some(bytes) => fs::write(dir.join(name), bytes).unwrap(),
        None => fs::remove_file(dir.join(name)).unwrap(),
    }
}

/// Asserts that what can be had of the ledger is right; gives what was refused.
fn check(scene: &Scene, dir: &Path, random: &mut Random) -> Count {
    let mut count = Count::default();
    let recovered = match recover_with(dir, scene.options) {
        Ok(recovered) => recovered,
        Err(error) => {
            assert_named(scene, &error);
            count.refused_at_opening = 1;
            return count;
        }
    };
    let head = recovered.log.head();
    let mut ends = scene.ends.iter();
    let books = ends.find_map(|(end, books)| (*end == head).then_some(books));
    let books = books.unwrap_or_else(|| panic!("ends with record {}", head.last_seq));
    assert!(recovered.books == *books, "other books");
    assert!(recovered.state.portfolio() == books.portfolio());
    let log = recovered.log.reader();
    for _ in 0..BLOCKS_READ {
        let seq = 1 + random.below(head.last_seq);
        match log.block_with(seq) {
            Ok(block) => {
                let right = &scene.blocks[&block.as_ref().unwrap().first_seq()];
                assert!(block.unwrap().bytes() == right, "another record {seq}");
            }
            Err(error) => assert_named(scene, &error),
        }
    }
    match verify(&Reader::new(recovered.books, log)) {
        Ok(verified) => {
            assert_eq!(verified.chain, head.chain);
            count.harmless = 1;
        }
        Err(error) => {
            assert_named(scene, &error);
            count.named_when_read = 1;
        }
    }
    count
}

/// What is refused names a file, a record or a block.
fn assert_named(scene: &Scene, error: &StoreError) {
    let text = error.to_string();
    let files = scene.left.files.keys().chain(&scene.left.directories);
    let mut names = files.map(String::as_str).chain(["record ", "block "]);
    assert!(
        names.any(|name| text.contains(name)),
        "names nothing: {text}"
    );
}

fn damage_by_chance(store: StoreKind) {
    let cases = effort::count("LEDGER_DAMAGE_CASES", 60);
    let seed = effort::seed();
    let scenes = scene::all(store);
    let mut counts = Vec::new();
    for (at, scene) in scenes.iter().enumerate() {
        let mut total = Count::default();
        for case in (0..cases).filter(|case| *case % scenes.len() as u64 == at as u64) {
            let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(case));
            let dir = TempDir::new().unwrap();
            scene.left.write(dir.path());
            let how = damage(scene, dir.path(), &mut random);
            // Said only when the case fails.
            println!("{store} {}, case {case}: {how}", scene.name);
            total += check(scene, dir.path(), &mut random);
        }
        counts.push((scene.name, total));
    }
    let mut sum = Count::default();
    for (name, count) in counts {
        eprintln!("damage, {store} {name}: {count:?}");
        sum += count;
    }
    let Count {
        harmless,
        refused_at_opening,
        named_when_read,
    } = sum;
    println!(
        "damage, {store}, seed {seed}: {cases} cases, {refused_at_opening} refused at opening, \
         {named_when_read} named when read, {harmless} harmless, 0 wrong answers"
    );
    assert!(refused_at_opening > 0 && named_when_read > 0 && harmless > 0);
}

#[test]
fn damage_by_chance_is_harmless_or_named_in_sled() {
    damage_by_chance(StoreKind::Sled);
}

#[test]
fn damage_by_chance_is_harmless_or_named_in_redb() {
    damage_by_chance(StoreKind::Redb);
}

/// Opening believes the checkpoint and does not read what it covers.
#[test]
fn a_block_of_another_log_is_not_served_behind_the_checkpoint() {
    for store in StoreKind::ALL {
        let scene = scene::killed_in_one_epoch(store);
        let dir = TempDir::new().unwrap();
        scene.left.write(dir.path());
        let mut keys = scene.blocks.keys();
        let (foreign, after) = (*keys.nth(5).unwrap(), *keys.next().unwrap());
        blocks::put_foreign(&scene, dir.path(), foreign);
        let recovered = recover_with(dir.path(), scene.options).unwrap();
        assert!(recovered.covered.last_seq > after, "{store}");
        let log = recovered.log.reader();
        for seq in [after, foreign] {
            let error = log.block_with(seq).unwrap_err().to_string();
            let named = format!("the block of records {seq} to {}", seq + 24);
            let what = "does not continue the hash chain of the records before it";
            assert_eq!(error, format!("{named} {what}"), "{store}");
        }
        log.block_with(foreign - 1).unwrap();
        log.block_with(after + 25).unwrap();
    }
}

#[test]
fn a_block_of_another_log_is_refused_where_no_checkpoint_covers_it() {
    for store in StoreKind::ALL {
        let scene = scene::killed_in_one_epoch(store);
        let dir = TempDir::new().unwrap();
        scene.left.write(dir.path());
        let foreign = *scene.blocks.keys().nth(5).unwrap();
        blocks::put_foreign(&scene, dir.path(), foreign);
        fs::remove_file(dir.path().join(CHECKPOINT)).unwrap();
        let error = recover_with(dir.path(), scene.options).unwrap_err();
        let named = format!("the block of records {foreign} to {}", foreign + 24);
        let what = "does not continue the hash chain of the records before it";
        assert_eq!(error.to_string(), format!("{named} {what}"), "{store}");
    }
}

#[test]
fn no_panic_text_of_damage_by_chance_reaches_standard_error() {
    crate::quiet::check("damage_cases::damage_by_chance_is_harmless_or_named_in_sled");
    crate::quiet::check("damage_cases::damage_by_chance_is_harmless_or_named_in_redb");
}
