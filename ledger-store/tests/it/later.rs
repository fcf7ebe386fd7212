//! What a later program wrote is refused by name, and not taken for damage.

use std::fs;
use std::path::Path;

use ledger_store::block::BlockDamage;
use ledger_store::{Block, DiskLog, EventLog, LogHead, LogOptions, StoreError, StoreKind};
use tempfile::TempDir;

use crate::records::{block, fill, in_one_epoch};

fn filled(dir: &Path) {
    let mut log = DiskLog::open(dir, in_one_epoch(StoreKind::Redb)).unwrap();
    fill(&mut log, 100);
    Box::new(log).close().unwrap();
}

fn refusal(dir: &Path) -> (String, u16) {
    let error = DiskLog::open(dir, LogOptions::default()).unwrap_err();
    let StoreError::UnsupportedVersion { place, version } = error else {
        panic!("{error}");
    };
    (place, version)
}

#[test]
fn a_later_manifest_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    filled(dir.path());
    let path = dir.path().join("MANIFEST");
    let text = fs::read_to_string(&path).unwrap();
    let (above, _) = text.split_once("end ").unwrap();
    let above = above.replace("manifest 3", "manifest 4");
    let sum = crc32c::crc32c(above.as_bytes());
    fs::write(&path, format!("{above}end {sum:08x}\n")).unwrap();
    assert_eq!(refusal(dir.path()), ("MANIFEST".to_owned(), 4));
}

#[test]
fn a_later_head_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    filled(dir.path());
    // As after a crash, so that HEAD is not compared with its closing.
    drop(DiskLog::open(dir.path(), LogOptions::default()).unwrap());
    let path = dir.path().join("HEAD");
    let mut bytes = fs::read(&path).unwrap();
    for slot in bytes.chunks_mut(512) {
        slot[4..6].copy_from_slice(&2_u16.to_le_bytes());
        let sum = crc32c::crc32c(&slot[..56]);
        slot[56..60].copy_from_slice(&sum.to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    assert_eq!(refusal(dir.path()), ("HEAD".to_owned(), 2));
}

/// A block whose header has another byte, and the checksum that belongs to it.
fn with_header(at: usize, byte: u8) -> Result<Block, BlockDamage> {
    let mut bytes = block(LogHead::EMPTY, 3).bytes().to_vec();
    bytes[at] = byte;
    let sum = crc32c::crc32c(&bytes[..32]);
    bytes[32..36].copy_from_slice(&sum.to_le_bytes());
    Block::decode(bytes, 1)
}

#[test]
fn a_later_block_and_a_later_codec_are_refused_by_name() {
    let error = StoreError::from(with_header(4, 2).unwrap_err());
    assert_eq!(error.code(), "STORE_UNSUPPORTED_VERSION");
    let error = StoreError::from(with_header(6, 2).unwrap_err());
    assert!(error.to_string().contains("codec"), "{error}");
    assert!(with_header(6, 1).is_ok());
}
