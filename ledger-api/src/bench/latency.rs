//! How long things took, kept in a histogram of three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Durations, collected.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

/// What a collection of durations comes to, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Durations collected.
    pub count: u64,
    /// Half took no longer.
    pub p50_nanos: u64,
    /// All but one in a hundred took no longer.
    pub p99_nanos: u64,
    /// All but one in a thousand took no longer.
    pub p999_nanos: u64,
}

impl Latencies {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }

    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        // Half a thousand years is long enough, and as much as a histogram of any size takes.
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0
            .record(nanos.min(u64::MAX / 2))
            .expect("a histogram that grows by itself takes every number");
    }

    /// Adds all of another collection.
    pub fn add_all(&mut self, others: &Self) {
        self.0
            .add(&others.0)
            .expect("a histogram that grows by itself takes every number");
    }

    /// What they come to.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            count: self.0.len(),
            p50_nanos: self.0.value_at_quantile(0.5),
            p99_nanos: self.0.value_at_quantile(0.99),
            p999_nanos: self.0.value_at_quantile(0.999),
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut latencies = Latencies::new();
        let (mut low, mut high) = (Latencies::new(), Latencies::new());
        for micros in 1..=1_000 {
            let half = if micros <= 500 { &mut low } else { &mut high };
            half.add(Duration::from_micros(micros));
        }
        latencies.add_all(&high);
        latencies.add_all(&low);
        let Quantiles {
            count,
            p50_nanos,
            p99_nanos,
            p999_nanos,
        } = latencies.quantiles();
        assert_eq!(count, 1_000);
        for (found, expected) in [
            (p50_nanos, 500_000),
            (p99_nanos, 990_000),
            (p999_nanos, 999_000),
        ] {
            assert!(found.abs_diff(expected) <= expected / 1_000, "{found}");
        }
    }
}
