//! The file `HEAD`: where the durable log ends, kept outside sled.
//!
//! sled may answer a cut file with an empty database and no error. `HEAD` is what contradicts it.
//! It is written after every append and before the append is acknowledged, so it survives the death
//! of the process; it is synced about once a second and at closing, so a power cut may leave it
//! behind the log. It is never ahead, since the log is synced first.

use std::time::Duration;

use crate::block::ChainHash;
use crate::data_dir::DataDir;
use crate::disk::{Access, DiskFile};
use crate::error::StoreError;
use crate::event_log::LogHead;

/// Name of the file in the data directory.
pub(crate) const HEAD: &str = "HEAD";

const MAGIC: [u8; 4] = *b"LGHD";
const FORMAT_VERSION: u16 = 1;
/// One disk sector, which disks write whole or not at all.
const SLOT_BYTES: usize = 512;
const FIELDS_BYTES: usize = 56;
/// How long a power cut may set `HEAD` back.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Whether the process that wrote `HEAD` ended in an orderly way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastExit {
    /// Nothing was under way, so both slots must be whole.
    Closed,
    /// The newer slot may have been torn while it was written.
    Crashed,
}

/// `HEAD`, open for writing.
#[derive(Debug)]
pub(crate) struct HeadFile {
    dir: DataDir,
    file: Box<dyn DiskFile>,
    generation: u64,
    synced_generation: u64,
    /// In the time of the disk.
    synced_at: Duration,
}

impl HeadFile {
    /// Creates the file for an empty log; the caller makes its name durable.
    pub(crate) fn create(dir: &DataDir) -> Result<Self, StoreError> {
        let mut head = Self {
            dir: dir.clone(),
            file: dir.open(HEAD, Access::Replace)?,
            generation: 0,
            synced_generation: 0,
            synced_at: dir.disk().elapsed(),
        };
        head.renew(LogHead::EMPTY)?;
        Ok(head)
    }

    /// Opens the file and reads where the log must at least reach to.
    pub(crate) fn load(dir: &DataDir, last_exit: LastExit) -> Result<(Self, LogHead), StoreError> {
        let path = dir.join(HEAD);
        let file = dir.open(HEAD, Access::Write)?;
        let length = file.len().map_err(StoreError::io(&path))?;
        if length != 2 * SLOT_BYTES as u64 {
            return Err(StoreError::damaged(
                HEAD,
                format!("is {length} bytes long instead of 1024"),
            ));
        }
        let mut bytes = [0; 2 * SLOT_BYTES];
        file.read_exact_at(&mut bytes, 0)
            .map_err(StoreError::io(&path))?;
        let (even, odd) = bytes.split_at(SLOT_BYTES);
        if let Some(version) = newer_version(even).or_else(|| newer_version(odd)) {
            return Err(StoreError::UnsupportedVersion {
                place: HEAD.to_owned(),
                version,
            });
        }
        let newest = choose(even, odd, last_exit)?;
        let generation = newest.generation;
        Ok((
            Self {
                dir: dir.clone(),
                file,
                generation,
                synced_generation: generation,
                synced_at: dir.disk().elapsed(),
            },
            newest.head,
        ))
    }

    /// Notes where the log ends now, in the older of the two slots.
    pub(crate) fn store(&mut self, head: LogHead) -> Result<(), StoreError> {
        let generation = self.generation + 1;
        let at = if generation.is_multiple_of(2) {
            0
        } else {
            SLOT_BYTES as u64
        };
        self.file
            .write_all_at(&encode(Slot { generation, head }), at)
            .map_err(StoreError::io(&self.dir.join(HEAD)))?;
        self.generation = generation;
        self.sync_when_due()
    }

    /// Syncs what was stored, unless that was done a moment ago.
    pub(crate) fn sync_when_due(&mut self) -> Result<(), StoreError> {
        let unsynced_for = self.dir.disk().elapsed().saturating_sub(self.synced_at);
        if unsynced_for >= SYNC_EVERY && self.synced_generation != self.generation {
            self.sync()
        } else {
            Ok(())
        }
    }

    /// Writes both slots anew and syncs them, which also mends a torn one.
    pub(crate) fn renew(&mut self, head: LogHead) -> Result<(), StoreError> {
        self.store(head)?;
        self.store(head)?;
        self.sync()
    }

    /// Makes what was stored survive a power cut.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.file
            .sync()
            .map_err(StoreError::io(&self.dir.join(HEAD)))?;
        self.synced_generation = self.generation;
        self.synced_at = self.dir.disk().elapsed();
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    generation: u64,
    head: LogHead,
}

/// Picks the newer slot.
///
/// One damaged slot is damage, because the newer one, once lost, would let a shorter log pass. The
/// exception is the newer slot after a crash: a power cut may have torn it, and the older one only
/// promises less. Being behind is what a power cut does to this file anyway.
fn choose(even: &[u8], odd: &[u8], last_exit: LastExit) -> Result<Slot, StoreError> {
    match (decode(even, 0), decode(odd, 1)) {
        (Some(even), Some(odd)) => Ok(if even.generation > odd.generation {
            even
        } else {
            odd
        }),
        (Some(whole), None) => accept_torn(whole, odd, last_exit),
        (None, Some(whole)) => accept_torn(whole, even, last_exit),
        (None, None) => Err(StoreError::damaged(HEAD, "is damaged in both of its slots")),
    }
}

fn accept_torn(whole: Slot, torn: &[u8], last_exit: LastExit) -> Result<Slot, StoreError> {
    let was_newer = field::<8>(torn, 8) == (whole.generation + 1).to_le_bytes();
    if last_exit == LastExit::Crashed && was_newer {
        Ok(whole)
    } else {
        Err(StoreError::damaged(HEAD, "is damaged in one of its slots"))
    }
}

fn encode(slot: Slot) -> [u8; SLOT_BYTES] {
    // Slot, integers little endian; slot 0 holds even generations, slot 1 odd ones:
    //    +0  [u8; 4]   magic "LGHD"
    //    +4  u16       format version
    //    +6  [u8; 2]   reserved, zero
    //    +8  u64       generation, one more for each writing
    //   +16  u64       sequence number of the last durable record
    //   +24  [u8; 32]  hash of the block that ends with that record
    //   +56  u32       crc32c of the 56 bytes before it
    //   +60            zeros up to 512 bytes
    let mut bytes = [0; SLOT_BYTES];
    bytes[0..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(&slot.generation.to_le_bytes());
    bytes[16..24].copy_from_slice(&slot.head.last_seq.to_le_bytes());
    bytes[24..56].copy_from_slice(slot.head.chain.as_bytes());
    let checksum = crc32c::crc32c(&bytes[..FIELDS_BYTES]);
    bytes[56..60].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], index: u64) -> Option<Slot> {
    let slot = Slot {
        generation: u64::from_le_bytes(field(bytes, 8)),
        head: LogHead {
            last_seq: u64::from_le_bytes(field(bytes, 16)),
            chain: ChainHash::from_bytes(field(bytes, 24)),
        },
    };
    // Encoding it again covers the checksum, the padding and every reserved byte at once.
    (encode(slot) == bytes && slot.generation % 2 == index).then_some(slot)
}

/// The version of a slot that a later program wrote. The first fields and their checksum keep their place.
fn newer_version(slot: &[u8]) -> Option<u16> {
    let version = u16::from_le_bytes(field(slot, 4));
    let is_whole = slot.starts_with(&MAGIC)
        && crc32c::crc32c(&slot[..FIELDS_BYTES]) == u32::from_le_bytes(field(slot, FIELDS_BYTES));
    (is_whole && version > FORMAT_VERSION).then_some(version)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slot is 512 bytes long")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format on disk. Never change what is pinned here; a new version is pinned beside it.
    #[test]
    fn the_bytes_of_a_slot_are_pinned() {
        let head = LogHead {
            last_seq: 0x0102_0304,
            chain: ChainHash::from_bytes([0xab; 32]),
        };
        let slot = encode(Slot {
            generation: 7,
            head,
        });
        let (written, rest) = slot.split_at(FIELDS_BYTES + 4);
        assert!(rest.iter().all(|byte| *byte == 0));
        let hex: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
        expect_test::expect!["4c4748440100000007000000000000000403020100000000abababababababababababababababababababababababababababababababab2ece82a1"].assert_eq(&hex);
    }

    fn slot(generation: u64, last_seq: u64) -> [u8; SLOT_BYTES] {
        encode(Slot {
            generation,
            head: LogHead {
                last_seq,
                chain: ChainHash::from_bytes([7; 32]),
            },
        })
    }

    #[test]
    fn the_newer_slot_wins() {
        let newest = |even: [u8; SLOT_BYTES], odd: [u8; SLOT_BYTES]| {
            choose(&even, &odd, LastExit::Closed).unwrap().head.last_seq
        };
        assert_eq!(newest(slot(4, 40), slot(5, 50)), 50);
        assert_eq!(newest(slot(6, 60), slot(5, 50)), 60);
        // After a power cut the slots may be of any two moments.
        assert_eq!(newest(slot(1000, 99), slot(5, 50)), 99);
    }

    #[test]
    fn any_flipped_bit_is_damage_after_closing() {
        for bit in 0..SLOT_BYTES * 8 {
            let mut even = slot(4, 40);
            even[bit / 8] ^= 1 << (bit % 8);
            assert!(choose(&even, &slot(5, 50), LastExit::Closed).is_err());
            assert!(choose(&even, &slot(3, 30), LastExit::Closed).is_err());
        }
    }

    #[test]
    fn after_a_crash_only_the_newer_slot_may_be_torn() {
        let mut newer = slot(6, 60);
        newer[20..].fill(0);
        let accepted = choose(&newer, &slot(5, 50), LastExit::Crashed).unwrap();
        assert_eq!(accepted.head.last_seq, 50);
        let mut older = slot(4, 40);
        older[20..].fill(0);
        assert!(choose(&older, &slot(5, 50), LastExit::Crashed).is_err());
        assert!(choose(&newer, &newer, LastExit::Crashed).is_err());
    }

    /// Whether a later program wrote a slot is only known of one that is whole.
    #[test]
    fn a_flipped_bit_of_the_version_is_damage_and_no_later_version() {
        let mut later = slot(4, 40);
        later[4] = 2;
        assert_eq!(newer_version(&later), None);
        let checksum = crc32c::crc32c(&later[..FIELDS_BYTES]);
        later[56..60].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(newer_version(&later), Some(2));
    }
}
