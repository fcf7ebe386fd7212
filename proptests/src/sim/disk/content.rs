//! The bytes of one file: what the kernel shows, what would be left without power, and the way between.

use std::ops::Range;

use super::faults::{Injected, Rates};
use super::luck::Luck;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A file's content.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What reads show.
    pub(super) cached: Vec<u8>,
    /// What is on the disk itself.
    durable: Vec<u8>,
    /// What happened since, in order.
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    /// The sectors it touches.
    fn sectors(&self) -> Range<usize> {
        match self {
            Self::Write { at, bytes } => at / SECTOR..(at + bytes.len()).div_ceil(SECTOR),
            Self::Length(_) => 0..0,
        }
    }
}

/// What becomes of a change on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    /// Each sector by itself.
    Torn,
}

impl Content {
    /// A file that is all durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self {
            cached: bytes.clone(),
            durable: bytes,
            unsynced: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        if bytes.is_empty() {
            return;
        }
        put(&mut self.cached, bytes, at);
        let bytes = bytes.to_vec();
        self.unsynced.push(Change::Write { at, bytes });
    }

    pub(super) fn set_len(&mut self, length: usize) {
        if length != self.cached.len() {
            self.cached.resize(length, 0);
            self.unsynced.push(Change::Length(length));
        }
    }

    /// Everything reaches the disk, though not always the place it was meant for.
    pub(super) fn sync(&mut self, rates: &Rates, luck: &mut Luck, injected: &mut Injected) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(length) => self.durable.resize(length, 0),
                Change::Write { at, bytes } => {
                    let end = at + bytes.len();
                    if self.durable.len() < end {
                        self.durable.resize(end, 0);
                    }
                    let at = self.landing(at, bytes.len(), rates, luck, injected);
                    put(&mut self.durable, &bytes, at);
                }
            }
        }
        if luck.strikes(rates.flip_ppm) && self.flip(luck) {
            injected.flips += 1;
        }
    }

    /// Where a write lands that was meant for a place.
    fn landing(
        &self,
        at: usize,
        length: usize,
        rates: &Rates,
        luck: &mut Luck,
        injected: &mut Injected,
    ) -> usize {
        let room = (self.durable.len() - length) / SECTOR;
        if room == 0 || !luck.strikes(rates.misdirected_ppm) {
            return at;
        }
        let landed = luck.place(room + 1) * SECTOR;
        injected.misdirected += u64::from(landed != at);
        landed
    }

    /// Turns one bit of what is on the disk, if there is any; tells whether there is. What is cached
    /// still shows it as it was.
    pub(super) fn flip(&mut self, luck: &mut Luck) -> bool {
        if self.durable.is_empty() {
            return false;
        }
        let at = luck.place(self.durable.len());
        self.durable[at] ^= 1 << luck.below(8);
        true
    }

    /// A sync that fails: some of what was not durable became so, and of the rest the kernel thinks that
    /// it is. It will never be written any more.
    pub(super) fn fail_sync(&mut self, rates: &Rates, luck: &mut Luck, injected: &mut Injected) {
        self.reach_disk_in_parts(rates, luck, injected);
    }

    /// The power goes: of what was not synced some is there, some not, and some in parts.
    pub(super) fn lose_power(&mut self, rates: &Rates, luck: &mut Luck, injected: &mut Injected) {
        if self.unsynced.is_empty() && self.cached == self.durable {
            return;
        }
        self.reach_disk_in_parts(rates, luck, injected);
        self.cached.clone_from(&self.durable);
    }

    /// The kernel forgets what it need not remember: what it thinks is on the disk.
    pub(super) fn drop_cache(&mut self) {
        self.cached.clone_from(&self.durable);
        for change in &self.unsynced {
            match change {
                Change::Write { at, bytes } => put(&mut self.cached, bytes, *at),
                Change::Length(length) => self.cached.resize(*length, 0),
            }
        }
    }

    /// A page is written as it stands, so a sector holds what the changes up to some one of them made of
    /// it. Which one is drawn for each sector, and so is how much of the length got there.
    fn reach_disk_in_parts(&mut self, rates: &Rates, luck: &mut Luck, injected: &mut Injected) {
        let changes = std::mem::take(&mut self.unsynced);
        let fates: Vec<Fate> = changes
            .iter()
            .map(|change| {
                let fate = fate(change, rates, luck);
                injected.note(fate == Fate::Lost, fate == Fate::Torn);
                fate
            })
            .collect();
        injected.reordered += fates
            .windows(2)
            .filter(|pair| pair[0] == Fate::Lost && pair[1] != Fate::Lost)
            .count() as u64;
        let sectors = changes.iter().map(|change| change.sectors().end).max();
        // The last change that got there, counted from one, for each sector and for the length.
        let mut last = vec![0; sectors.unwrap_or(0)];
        let mut last_length = 0;
        let mut length = self.durable.len();
        let mut lengths = vec![length];
        for (at, (change, fate)) in changes.iter().zip(&fates).enumerate() {
            length = match change {
                Change::Write { at, bytes } => length.max(at + bytes.len()),
                Change::Length(length) => *length,
            };
            lengths.push(length);
            for sector in change.sectors() {
                if *fate == Fate::Kept || *fate == Fate::Torn && luck.below(2) == 0 {
                    last[sector] = at + 1;
                }
            }
            if *fate != Fate::Lost {
                last_length = at + 1;
            }
        }
        for (at, change) in changes.iter().enumerate() {
            match change {
                Change::Length(length) if at < last_length => self.durable.resize(*length, 0),
                Change::Length(_) => {}
                Change::Write { at: place, bytes } => {
                    for sector in change.sectors().filter(|sector| at < last[*sector]) {
                        put_sector(&mut self.durable, bytes, *place, sector);
                    }
                }
            }
        }
        self.durable.resize(lengths[last_length], 0);
    }
}

fn fate(change: &Change, rates: &Rates, luck: &mut Luck) -> Fate {
    let can_tear = change.sectors().len() > 1;
    if can_tear && luck.strikes(rates.torn_ppm) {
        Fate::Torn
    } else if luck.strikes(rates.lost_ppm) {
        Fate::Lost
    } else {
        Fate::Kept
    }
}

fn put(content: &mut Vec<u8>, bytes: &[u8], at: usize) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// Puts the part of a write that lies in one sector.
fn put_sector(content: &mut Vec<u8>, bytes: &[u8], at: usize, sector: usize) {
    let from = at.max(sector * SECTOR);
    let to = (at + bytes.len()).min((sector + 1) * SECTOR);
    put(content, &bytes[from - at..to - at], from);
}
