//! What happened in a run, or in many.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use super::disk::Injected;

/// Counts of what was done and injected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs.
    pub seeds: u64,
    /// Requests handed in, again ones included.
    pub operations: u64,
    /// Requests that were answered.
    pub acknowledged: u64,
    /// Records in the logs at the end.
    pub records: u64,
    /// Deaths of the process, the machine going on.
    pub kills: u64,
    /// Power cuts while a log was being opened.
    pub power_losses_in_recovery: u64,
    /// Openings that succeeded.
    pub recoveries: u64,
    /// Openings that failed on an injected error and were tried again.
    pub recoveries_failed: u64,
    /// Logs closed in order.
    pub closings: u64,
    /// Damaged logs that were refused by name.
    pub refused: u64,
    /// Times that damage to what the last moments before a power cut had written was not noticed, and
    /// records of those moments were missing.
    pub unnoticed: u64,
    /// Runs that the store cut short, by ending the process over damage to its own trees.
    pub ended_by_store: u64,
    /// Openings that believed a checkpoint.
    pub checkpoints_used: u64,
    /// Times the writer stopped at an error.
    pub stops: u64,
    /// Reads of a record, and of all books.
    pub reads: u64,
    /// Odd readings of the clock.
    pub clock_oddities: u64,
    /// Time that went by on the simulated clocks.
    pub virtual_time: Duration,
    /// What the disks did.
    pub injected: Injected,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What happened in it.
    pub summary: Summary,
    /// Of the log and everything the disk was asked: equal for equal seeds.
    pub hash: u64,
}

impl AddAssign<&Self> for Summary {
    fn add_assign(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.operations += other.operations;
        self.acknowledged += other.acknowledged;
        self.records += other.records;
        self.kills += other.kills;
        self.power_losses_in_recovery += other.power_losses_in_recovery;
        self.recoveries += other.recoveries;
        self.recoveries_failed += other.recoveries_failed;
        self.closings += other.closings;
        self.refused += other.refused;
        self.unnoticed += other.unnoticed;
        self.ended_by_store += other.ended_by_store;
        self.checkpoints_used += other.checkpoints_used;
        self.stops += other.stops;
        self.reads += other.reads;
        self.clock_oddities += other.clock_oddities;
        self.virtual_time += other.virtual_time;
        self.injected += &other.injected;
    }
}

impl Summary {
    /// Every count with its name.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let injected = &self.injected;
        vec![
            ("seeds", self.seeds),
            ("operations", self.operations),
            ("acknowledged", self.acknowledged),
            ("records", self.records),
            ("power_losses", injected.power_losses),
            ("power_losses_in_recovery", self.power_losses_in_recovery),
            ("kills", self.kills),
            ("recoveries", self.recoveries),
            ("recoveries_failed", self.recoveries_failed),
            ("closings", self.closings),
            ("refused_by_name", self.refused),
            ("damage_unnoticed", self.unnoticed),
            ("ended_by_store", self.ended_by_store),
            ("checkpoints_used", self.checkpoints_used),
            ("writer_stops", self.stops),
            ("reads", self.reads),
            ("torn_writes", injected.torn),
            ("lost_writes", injected.lost),
            ("reordered_writes", injected.reordered),
            ("lost_directory_changes", injected.lost_entries),
            ("read_errors", injected.read_errors),
            ("write_errors", injected.write_errors),
            ("short_writes", injected.short_writes),
            ("full_disk_errors", injected.full),
            ("sync_errors", injected.sync_errors),
            ("other_errors", injected.other_errors),
            ("slow_syncs", injected.slow_syncs),
            ("misdirected_writes", injected.misdirected),
            ("bit_flips", injected.flips),
            ("files_taken_back", injected.taken_back),
            ("clock_oddities", self.clock_oddities),
            ("virtual_hours", self.virtual_time.as_secs() / 3_600),
        ]
    }

    /// As an object of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let counts: Vec<String> = self
            .counts()
            .iter()
            .map(|(name, count)| format!("\"{name}\":{count}"))
            .collect();
        format!("{{{}}}", counts.join(","))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.counts() {
            writeln!(f, "{count:>14} {}", name.replace('_', " "))?;
        }
        Ok(())
    }
}
