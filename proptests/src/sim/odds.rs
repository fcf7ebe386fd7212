//! What a seed is like: how often things go wrong in it, drawn once.

use std::time::Duration;

use ledger_store::{LogOptions, StoreKind};

use super::disk::{Luck, Rates};

/// One in so many seeds has a disk that turns bits and puts bytes in wrong places. Such a disk breaks the
/// promise of durability, and what is left to hold is that the damage is noticed.
const LIARS: u64 = 4;

/// The character of a seed.
#[derive(Debug)]
pub(super) struct Odds {
    /// The disk at most times.
    pub(super) usual: Rates,
    /// The disk at bad times.
    pub(super) bad: Rates,
    /// Whether the disk may turn bits and misplace writes.
    pub(super) lies: bool,
    /// Most requests in a submission.
    pub(super) submission_max: usize,
    /// Most submissions in a batch.
    pub(super) batch_max: usize,
    /// How often a step is left out for the end of the process, a power cut or a closing, in parts per
    /// million of the steps.
    pub(super) crash_ppm: u32,
    pub(super) close_ppm: u32,
    /// How often the weather turns bad, and a full disk full.
    pub(super) bad_ppm: u32,
    pub(super) full_ppm: u32,
    /// How often the clock does something odd.
    pub(super) clock_ppm: u32,
    /// Whether the clock once jumps ahead by a year.
    pub(super) year_ahead: bool,
    pub(super) options: LogOptions,
}

impl Odds {
    pub(super) fn draw(luck: &mut Luck) -> Self {
        let lies = luck.below(LIARS) == 0;
        let usual = Rates {
            slow_sync_ppm: pick(luck, &[0, 1_000, 50_000]),
            slow_sync_max: Duration::from_secs(2),
            misdirected_ppm: if lies {
                pick(luck, &[0, 1_000, 10_000])
            } else {
                0
            },
            flip_ppm: if lies {
                pick(luck, &[500, 2_000, 10_000])
            } else {
                0
            },
            power_ppm: pick(luck, &[200, 1_000, 3_000]),
            torn_ppm: pick(luck, &[800_000, 900_000, 1_000_000]),
            lost_ppm: pick(luck, &[0, 200_000, 500_000, 1_000_000]),
            ..Rates::default()
        };
        let bad = Rates {
            read_error_ppm: pick(luck, &[0, 1_000, 10_000, 50_000]),
            write_error_ppm: pick(luck, &[0, 1_000, 10_000, 50_000]),
            short_ppm: pick(luck, &[0, 500_000]),
            sync_error_ppm: pick(luck, &[0, 10_000, 50_000]),
            other_error_ppm: pick(luck, &[0, 10_000, 50_000]),
            ..usual.clone()
        };
        Self {
            usual,
            bad,
            lies,
            submission_max: pick(luck, &[1, 4, 30]),
            batch_max: pick(luck, &[1, 3, 10]),
            crash_ppm: pick(luck, &[1_000, 3_000, 10_000]),
            close_ppm: pick(luck, &[1_000, 4_000]),
            bad_ppm: pick(luck, &[0, 5_000, 20_000]),
            full_ppm: pick(luck, &[0, 2_000, 10_000]),
            clock_ppm: pick(luck, &[0, 5_000, 20_000]),
            year_ahead: luck.below(8) == 0,
            options: LogOptions {
                store: Some(StoreKind::Redb),
                epoch_records_max: pick(luck, &[120, 300, 700, 5_000]),
                checkpoint_records: pick(luck, &[16, 64, 256, 100_000]),
                background: false,
            },
        }
    }
}

impl Odds {
    /// A disk on which nothing goes wrong but that the power may be cut by hand.
    pub(super) fn calm(&self) -> Rates {
        Rates {
            torn_ppm: self.usual.torn_ppm,
            lost_ppm: self.usual.lost_ppm,
            ..Rates::default()
        }
    }
}

fn pick<T: Copy>(luck: &mut Luck, choices: &[T]) -> T {
    choices[luck.place(choices.len())]
}
