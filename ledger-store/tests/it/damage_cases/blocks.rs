//! Blocks that are whole, in the wrong place: written through the store itself, so that every checksum
//! of the store is right.

use std::collections::BTreeMap;
use std::path::Path;

use ledger_store::StoreKind;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::scene::Scene;
use super::{pick, place};
use crate::records::Random;

const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");

type Blocks = BTreeMap<u64, Vec<u8>>;

/// Puts a block of an epoch where it does not belong; tells which.
pub(super) fn damage(scene: &Scene, dir: &Path, random: &mut Random) -> String {
    let epochs = epochs(scene);
    let name = *pick(random, &epochs);
    let mut how = String::new();
    change(scene, &dir.join(name), |blocks| {
        how = misplace(scene, blocks, random)
    });
    format!("{name}: {how}")
}

/// Puts a block of another log in place of one of the first epoch.
pub(super) fn put_foreign(scene: &Scene, dir: &Path, first_seq: u64) {
    change(scene, &dir.join(epochs(scene)[0]), |blocks| {
        blocks.insert(first_seq, scene.other_blocks[&first_seq].clone());
    });
}

fn epochs(scene: &Scene) -> Vec<&str> {
    let names = scene.left.files.keys().map(String::as_str);
    match scene.options.store.unwrap() {
        StoreKind::Sled => names.filter_map(|name| name.strip_suffix("/db")).collect(),
        StoreKind::Redb => names.filter(|name| name.ends_with(".redb")).collect(),
    }
}

fn change(scene: &Scene, epoch: &Path, change: impl FnOnce(&mut Blocks)) {
    match scene.options.store.unwrap() {
        StoreKind::Sled => in_sled(epoch, change),
        StoreKind::Redb => in_redb(epoch, change),
    }
}

fn misplace(scene: &Scene, blocks: &mut Blocks, random: &mut Random) -> String {
    let keys: Vec<_> = blocks.keys().copied().collect();
    let Some(last) = keys.last() else {
        return "no block to misplace".to_owned();
    };
    let at = place(random, keys.len());
    let (one, next) = (keys[at], keys[(at + 1) % keys.len()]);
    match random.below(7) {
        0 => {
            let (first, second) = (blocks[&one].clone(), blocks[&next].clone());
            blocks.insert(one, second);
            blocks.insert(next, first);
            format!("blocks {one} and {next} exchanged")
        }
        1 => {
            blocks.insert(next, blocks[&one].clone());
            format!("block {one} repeated in place of block {next}")
        }
        2 => {
            blocks.insert(one + 1, blocks[&one].clone());
            format!("block {one} repeated behind itself")
        }
        3 => {
            blocks.remove(&one);
            format!("block {one} missing")
        }
        4 => {
            blocks.remove(last);
            format!("the last block, {last}, missing")
        }
        5 => {
            let beyond = scene.ends[0].0.last_seq + 1;
            blocks.insert(beyond, scene.other_blocks[&beyond].clone());
            format!("block {beyond} of another log added")
        }
        _ => {
            blocks.insert(one, scene.other_blocks[&one].clone());
            format!("block {one} of another log")
        }
    }
}

fn in_sled(epoch: &Path, change: impl FnOnce(&mut Blocks)) {
    let db = open_sled(epoch);
    // What else there is, is no block.
    let entries = db
        .iter()
        .map(Result::unwrap)
        .filter(|(key, _)| key.len() == 8);
    let key = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let before: Blocks = entries.map(|(k, v)| (key(&k), v.to_vec())).collect();
    let mut after = before.clone();
    change(&mut after);
    for first_seq in before.keys().filter(|key| !after.contains_key(key)) {
        db.remove(first_seq.to_be_bytes()).unwrap();
    }
    for (first_seq, block) in after {
        if before.get(&first_seq) != Some(&block) {
            db.insert(first_seq.to_be_bytes(), block).unwrap();
        }
    }
    db.flush().unwrap();
}

/// An epoch in sled, as the log opens it.
pub(crate) fn open_sled(epoch: &Path) -> sled::Db {
    let config = sled::Config::new()
        .path(epoch)
        .segment_size(16 << 20)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None)
        .use_compression(false);
    config.open().unwrap()
}

fn in_redb(epoch: &Path, change: impl FnOnce(&mut Blocks)) {
    let db = Database::open(epoch).unwrap();
    let Ok(entries) = db.begin_read().unwrap().open_table(BLOCKS) else {
        // It was being prepared when the process was killed.
        return;
    };
    let entries = entries.iter().unwrap().map(Result::unwrap);
    let before: Blocks = entries
        .map(|(key, block)| (key.value(), block.value().to_vec()))
        .collect();
    let mut after = before.clone();
    change(&mut after);
    let transaction = db.begin_write().unwrap();
    {
        let mut table = transaction.open_table(BLOCKS).unwrap();
        for first_seq in before.keys().filter(|key| !after.contains_key(key)) {
            table.remove(first_seq).unwrap();
        }
        for (first_seq, block) in &after {
            table.insert(first_seq, &block[..]).unwrap();
        }
    }
    transaction.commit().unwrap();
}
