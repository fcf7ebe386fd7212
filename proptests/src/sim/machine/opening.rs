//! Opening the log after whatever happened, and holding it against the promises.

use std::path::PathBuf;
use std::time::Duration;

use ledger_core::event::Record;
use ledger_store::checkpoint::CHECKPOINT;
use ledger_store::disk::Disk as _;
use ledger_store::error::StoreError;
use ledger_store::recovery::{Recovered, recover_with};
use ledger_store::verify::verify;

use super::{DIR, Machine};
use crate::sim::promise::{CHAIN, LOUD, Violation, broken};

/// Openings that may fail on a bad disk before it is made good.
const BAD_OPENINGS_MAX: u32 = 3;
/// How much older than the log `HEAD` may be after a power cut: it is synced once a second, in the middle of
/// which two slow syncs may lie.
const HEAD_MAY_LAG: Duration = Duration::from_secs(6);

impl Machine {
    /// Opens the log, as often as it takes, and holds it against the promises.
    pub(super) fn open(&mut self) -> Result<(), Violation> {
        self.requeue();
        for attempt in 0.. {
            // One that strikes while the log is opened may stop an epoch that is first read later.
            self.errors_before = self.errors();
            if attempt >= BAD_OPENINGS_MAX {
                self.is_bad = false;
                self.disk.set_full(false);
                self.disk.set_rates(self.odds.calm());
            }
            let error = match recover_with(&self.dir, self.odds.options) {
                Ok(recovered) if self.disk.has_power() => match self.check(recovered)? {
                    None => break,
                    Some(damage) => damage,
                },
                Ok(_) => StoreError::Closed,
                Err(error) => error,
            };
            if !self.disk.has_power() {
                self.summary.power_losses_in_recovery += 1;
                self.lose_power();
            } else if self.errors() > self.errors_before {
                self.summary.recoveries_failed += 1;
                if self.luck.below(2) == 0 {
                    self.disk.kill();
                } else {
                    self.lose_power();
                }
            } else if self.is_damaged() {
                self.replace_damaged(&error)?;
            } else {
                return Err(broken(LOUD, format!("a sound log was refused: {error}")));
            }
        }
        self.disk.set_rates(self.rates());
        Ok(())
    }

    /// What was not answered is sent again.
    fn requeue(&mut self) {
        for flight in std::mem::take(&mut self.clients.in_flight) {
            self.give_up_or_repeat(flight.requests);
        }
    }

    /// Puts the last copy in the place of a log that was refused, or begins anew.
    fn replace_damaged(&mut self, error: &StoreError) -> Result<(), Violation> {
        if !matches!(
            error,
            StoreError::Damaged { .. } | StoreError::UnsupportedVersion { .. }
        ) {
            return Err(broken(
                LOUD,
                format!("damage was called something else: {error}"),
            ));
        }
        self.summary.refused += 1;
        let (mut files, records) = self.backup.clone().unwrap_or_default();
        let checkpoint = PathBuf::from(DIR).join(CHECKPOINT);
        let may_stay = records > 0 && !self.has_other_checkpoint && self.luck.below(2) == 0;
        self.has_other_checkpoint = false;
        if may_stay && let Some(bytes) = self.disk.files().remove(&checkpoint) {
            // Whoever put the copy back left the checkpoint of the log that went on from it.
            files.insert(checkpoint, bytes);
            self.has_other_checkpoint = true;
        }
        self.disk.restore(&files);
        // What was remembered is of the log that is gone.
        self.older = None;
        let records = self.promise.first(records);
        self.promise.go_on_from(records);
        self.damage_before = self.damage();
        Ok(())
    }

    /// How many of the records shown no single damage may take away unnoticed. `HEAD` says how far the log
    /// reached, but a power cut may set it back by about a second; damage to what was written after that
    /// looks like a write that was under way.
    fn certain(&self) -> usize {
        let damage = self.damage() - self.damage_before;
        // Where `HEAD` does not lag, it takes a second damage, to it.
        if damage == 0 || damage == 1 && !self.head_may_lag {
            return usize::MAX;
        }
        let before = self.disk.elapsed().saturating_sub(HEAD_MAY_LAG);
        let earlier = self.shown_at.iter().rev().find(|(at, _)| *at <= before);
        earlier.map_or(0, |(_, shown)| *shown)
    }

    /// Every oracle, on a disk that gives no errors meanwhile. Gives damage that only reading all of the log
    /// finds.
    fn check(&mut self, recovered: Recovered) -> Result<Option<StoreError>, Violation> {
        self.disk.set_rates(self.odds.calm());
        self.disk.set_full(false);
        self.summary.checkpoints_used += u64::from(recovered.covered.last_seq > 0);
        let state = recovered.state.clone();
        let (stepper, reader) = recovered.into_steps();
        let verified = verify(&reader);
        let records: Result<Vec<Record>, StoreError> = reader.records().collect();
        let (verified, records) = match (verified, records) {
            (Ok(verified), Ok(records)) => (verified, records),
            (Err(error), _) | (_, Err(error)) if self.is_damaged() => return Ok(Some(error)),
            (Err(error), _) | (_, Err(error)) => return Err(broken(CHAIN, error.to_string())),
        };
        if verified.records != records.len() as u64 {
            return Err(broken(CHAIN, "verified other records than are read"));
        }
        let certain = self.certain();
        let missing = self.promise.shown().saturating_sub(records.len());
        self.promise
            .check_recovered(certain, records, &state, &reader.books())?;
        self.summary.unnoticed += u64::from(missing > 0);
        self.shown_at = vec![(Duration::ZERO, self.promise.shown())];
        self.summary.recoveries += 1;
        self.head_may_lag = false;
        self.has_other_checkpoint = false;
        self.engine = Some((stepper, reader));
        Ok(None)
    }
}
