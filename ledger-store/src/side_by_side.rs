//! Work that is shared between threads. Where the system has no thread left, the caller does it alone.

use std::iter;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use crate::guard;

/// Makes both calls, the first on a thread of its own; nothing comes of that one when it panics.
pub(crate) fn side_by_side<A: Send, B>(
    beside: impl FnOnce() -> A + Send,
    here: impl FnOnce() -> B,
) -> (Option<A>, B) {
    let mut beside = Some(beside);
    let (ended, here) = thread::scope(|scope| {
        let call = || guard::catch(|| beside.take().map(|call| call()));
        let thread = Builder::new().spawn_scoped(scope, call).ok();
        let here = here();
        (
            thread.map(|thread| thread.join().and_then(|caught| caught)),
            here,
        )
    });
    let beside = match ended {
        Some(outcome) => outcome.ok().flatten(),
        // There was no thread for it.
        None => beside.and_then(|call| guard::catch(call).ok()),
    };
    (beside, here)
}

/// Does so many jobs on as many threads as can run at once: whoever is free takes the next. What they come to is
/// in their order; nothing when one of them panics on another thread than this.
pub(crate) fn on_all_cores<T: Send>(
    jobs: usize,
    job: impl Fn(usize) -> T + Sync,
) -> Option<Vec<T>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let taken = taken.take_while(|taken| *taken < jobs);
        taken.map(|taken| (taken, job(taken))).collect::<Vec<_>>()
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let helpers = cores.min(jobs).saturating_sub(1);
    let mut done = thread::scope(|scope| {
        let help = |_| {
            let thread = Builder::new().spawn_scoped(scope, || guard::catch(work));
            thread.ok()
        };
        let helpers: Vec<_> = (0..helpers).map_while(help).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().and_then(|caught| caught).ok()?);
        }
        Some(done)
    })?;
    done.sort_unstable_by_key(|(job, _)| *job);
    Some(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_calls_are_made() {
        assert_eq!(side_by_side(|| 1, || 2), (Some(1), 2));
        let fails = || -> u8 { panic!("beside") };
        assert_eq!(side_by_side(fails, || 2), (None, 2));
    }

    #[test]
    fn every_job_is_done_once_and_results_are_in_order() {
        for jobs in [0, 1, 2, 1_000] {
            let done = on_all_cores(jobs, |job| job * 3);
            assert_eq!(done, Some((0..jobs).map(|job| job * 3).collect()));
        }
    }
}
