//! The whole engine on a machine that loses, tears, fails and lies, all of it drawn from one seed.

pub mod disk;
