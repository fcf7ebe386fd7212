//! What can go wrong with the disk, how often, and how often it did.

use std::io;
use std::ops::AddAssign;
use std::time::Duration;

/// How often calls go wrong, in parts per million of the calls that could; all zero is a disk that never
/// fails, though it forgets what was not synced.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// A read fails.
    pub read_error_ppm: u32,
    /// A write or a change of length fails.
    pub write_error_ppm: u32,
    /// Of the writes that fail, those of which a part was written.
    pub short_ppm: u32,
    /// A sync of a file fails; what was not durable may then be lost, and is never written again.
    pub sync_error_ppm: u32,
    /// Any other call fails: opening, renaming, syncing a directory …
    pub other_error_ppm: u32,
    /// A sync takes up to `slow_sync_max` instead of next to nothing.
    pub slow_sync_ppm: u32,
    /// The longest sync.
    pub slow_sync_max: Duration,
    /// A write lands in another place of its file.
    pub misdirected_ppm: u32,
    /// With a sync, a bit somewhere in the file turns.
    pub flip_ppm: u32,
    /// The power goes at a call that changes something.
    pub power_ppm: u32,
    /// When the power goes: of unsynced writes longer than a sector, those of which parts are kept.
    pub torn_ppm: u32,
    /// When the power goes: of the other unsynced writes, and of changes of a directory, those lost.
    pub lost_ppm: u32,
}

/// What a call does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Changing the length of a file.
    SetLen,
    /// Making a file durable.
    Sync,
    /// Creating, renaming or removing something.
    Entry,
    /// Making a directory durable.
    SyncDir,
    /// Opening, and everything that only asks.
    Ask,
}

impl Call {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::Entry,
        Self::SyncDir,
        Self::Ask,
    ];

    /// Whether the disk may be another one after it.
    pub(super) fn changes(self) -> bool {
        match self {
            Self::Write | Self::SetLen | Self::Sync | Self::Entry | Self::SyncDir => true,
            Self::Read | Self::Ask => false,
        }
    }
}

/// What is wrong with a call that is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device reports an error (EIO).
    Error,
    /// There is no space left (ENOSPC).
    Full,
    /// A write writes half, and reports an error. Other calls only report it.
    Short,
    /// The power goes: nothing works until the next start.
    Power,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        // Linux's numbers, so that the text is that of the real one.
        match self {
            Self::Error | Self::Short => io::Error::from_raw_os_error(5),
            Self::Full => io::Error::from_raw_os_error(28),
            Self::Power => io::Error::other("the machine has no power"),
        }
    }
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// This call alone.
    Once,
    /// Every later call too.
    ForGood,
}

/// A fault at a call that is known by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appointment {
    pub(super) nth: u64,
    /// Counts these calls only.
    pub(super) of: Option<Call>,
    pub(super) lasting: Lasting,
    pub(super) fault: Fault,
}

/// How often each fault was injected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Injected {
    /// Times the power went.
    pub power_losses: u64,
    /// Unsynced writes of which parts were kept.
    pub torn: u64,
    /// Unsynced writes that were lost.
    pub lost: u64,
    /// Unsynced writes lost while a later one of the same file was kept.
    pub reordered: u64,
    /// Changes of directories that were lost.
    pub lost_entries: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes and changes of length that failed.
    pub write_errors: u64,
    /// Of them, those of which a part was written.
    pub short_writes: u64,
    /// Of them, those for want of space.
    pub full: u64,
    /// Syncs of files that failed.
    pub sync_errors: u64,
    /// Other calls that failed.
    pub other_errors: u64,
    /// Syncs that took long.
    pub slow_syncs: u64,
    /// Writes that landed elsewhere.
    pub misdirected: u64,
    /// Files put back to what they were before.
    pub taken_back: u64,
    /// Bits turned.
    pub flips: u64,
}

impl Injected {
    pub(super) fn note(&mut self, lost: bool, torn: bool) {
        self.lost += u64::from(lost);
        self.torn += u64::from(torn);
    }

    pub(super) fn note_error(&mut self, call: Call, fault: Fault) {
        self.full += u64::from(fault == Fault::Full);
        match call {
            Call::Read => self.read_errors += 1,
            Call::Write | Call::SetLen => self.write_errors += 1,
            Call::Sync => self.sync_errors += 1,
            Call::Entry | Call::SyncDir | Call::Ask => self.other_errors += 1,
        }
    }
}

impl AddAssign<&Self> for Injected {
    fn add_assign(&mut self, other: &Self) {
        self.power_losses += other.power_losses;
        self.torn += other.torn;
        self.lost += other.lost;
        self.reordered += other.reordered;
        self.lost_entries += other.lost_entries;
        self.read_errors += other.read_errors;
        self.write_errors += other.write_errors;
        self.short_writes += other.short_writes;
        self.full += other.full;
        self.sync_errors += other.sync_errors;
        self.other_errors += other.other_errors;
        self.slow_syncs += other.slow_syncs;
        self.misdirected += other.misdirected;
        self.taken_back += other.taken_back;
        self.flips += other.flips;
    }
}
