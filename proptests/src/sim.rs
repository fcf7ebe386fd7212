//! The whole engine on a machine that loses, tears, fails and lies, all of it drawn from one seed.
//!
//! [`run`] plays one seed: clients hand in a random history, the writer's steps are taken in a random
//! order over a [`disk::SimDisk`], the power goes, the process dies, the disk errs and fills up, the clock
//! jumps. After every opening the log is held against what was promised before; whatever does not hold
//! is a [`Violation`]. The same seed is the same run, call by call.

pub mod disk;
mod ended;
mod machine;
mod odds;
mod promise;
mod regressions;
mod summary;

pub use self::machine::{Plan, run};
pub use self::promise::Violation;
pub use self::regressions::{Regression, regressions};
pub use self::summary::{Outcome, Summary};
