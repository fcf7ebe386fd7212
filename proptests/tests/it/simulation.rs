//! The simulator's seeds, and what it found, by name.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptests::sim::{Plan, Summary, regressions, run};

/// Seeds that every run of the tests plays, and their operations: as many as a minute has room for.
const SEEDS: u64 = 300;
const OPERATIONS: usize = 300;

#[test]
fn simulated_histories_hold() {
    let again = regressions().into_iter().map(|regression| Plan {
        seed: regression.seed,
        operations: regression.operations,
    });
    let seeds = (0..SEEDS).map(|seed| Plan {
        seed,
        operations: OPERATIONS,
    });
    let (summary, failures) = play(&again.chain(seeds).collect::<Vec<_>>());
    println!("{summary}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // A simulator that injects nothing finds nothing. The last two are what may come of it, and rarely does.
    for (name, count) in summary.counts() {
        assert!(
            count > 0 || matches!(name, "damage_unnoticed" | "ended_by_store"),
            "there were no {name}"
        );
    }
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in [3, 4, 5, 6, 7, 8] {
        let plan = Plan {
            seed,
            operations: OPERATIONS,
        };
        assert_eq!(run(plan), run(plan), "seed {seed}");
    }
}

/// Plays them on every processor; gives what happened, and what did not hold with how to see it again.
fn play(plans: &[Plan]) -> (Summary, Vec<String>) {
    let next = AtomicU64::new(0);
    let player = || {
        let (mut summary, mut failures) = (Summary::default(), Vec::new());
        loop {
            let taken = usize::try_from(next.fetch_add(1, Ordering::Relaxed));
            let Some(plan) = taken.ok().and_then(|taken| plans.get(taken)) else {
                return (summary, failures);
            };
            match run(*plan) {
                Ok(outcome) => summary += &outcome.summary,
                Err(violation) => failures.push(format!("{plan}: {violation}")),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(player)).collect();
        let mut all = (Summary::default(), Vec::new());
        for player in players {
            let (summary, failures) = player.join().expect("a run catches its panics");
            all.0 += &summary;
            all.1.extend(failures);
        }
        all
    })
}
