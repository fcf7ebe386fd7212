//! Plays seeds of the simulator: `sim --seed 7 --operations 2000`, or many with `--from 0 --seeds 10000`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use clap::Parser;
use proptests::sim::{Plan, Summary, Violation, run};

/// Plays random histories over a simulated disk and clock, and holds the engine to its promises.
#[derive(Debug, Parser)]
struct Args {
    /// The one seed to play.
    #[arg(long, conflicts_with_all = ["from", "seeds"])]
    seed: Option<u64>,
    /// The first of many seeds.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Operations of each seed.
    #[arg(long, default_value_t = 2_000)]
    operations: usize,
    /// One object of JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let (from, seeds) = args.seed.map_or((args.from, args.seeds), |seed| (seed, 1));
    let next = AtomicU64::new(from);
    let total = Mutex::new(Total::default());
    let threads = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - from >= seeds {
                        return;
                    }
                    let plan = Plan {
                        seed,
                        operations: args.operations,
                    };
                    let outcome = run(plan);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.add(plan, outcome);
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    if args.json {
        println!("{}", total.summary.to_json());
    } else {
        print!("{}", total.summary);
        println!("{:>14} run hash", format!("{:016x}", total.hash));
        println!("{:>14} seconds", began.elapsed().as_secs());
    }
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("{} of {seeds} seeds failed", total.failed);
        ExitCode::FAILURE
    }
}

#[derive(Default)]
struct Total {
    summary: Summary,
    /// Of all seeds together, whatever the order they ended in.
    hash: u64,
    failed: u64,
}

impl Total {
    fn add(&mut self, plan: Plan, outcome: Result<proptests::sim::Outcome, Violation>) {
        match outcome {
            Ok(outcome) => {
                self.summary += &outcome.summary;
                self.hash = self.hash.wrapping_add(outcome.hash);
            }
            Err(violation) => {
                self.failed += 1;
                eprintln!("{plan}: {violation}");
            }
        }
    }
}
