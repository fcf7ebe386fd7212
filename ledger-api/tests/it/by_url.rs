//! One tool, two ways of running: a directory that is opened, and a service that is asked, say the same.

mod errors;
mod holder;
mod posting;
mod queries;
mod secured;
mod served;
