//! Seeds that failed once.

/// The file: seed, operations, and why it is kept, one a line; `#` begins a remark.
const TEXT: &str = include_str!("../../sim-regressions.txt");

/// A seed that is tried before all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// Its operations.
    pub operations: usize,
    /// What it found.
    pub why: &'static str,
}

/// Every one of them.
///
/// # Panics
/// When a line of the file is not of its form.
pub fn regressions() -> Vec<Regression> {
    let lines = TEXT
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let mut next = || parts.next().expect("seed, operations and why");
            Regression {
                seed: next().parse().expect("a seed"),
                operations: next().parse().expect("a number of operations"),
                why: next(),
            }
        })
        .collect()
}
