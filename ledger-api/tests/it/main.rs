//! Tests of the library, the replay format and the command line, through what users touch.

mod bench;
mod berka;
mod command_line;
mod damage;
mod edge;
mod effort;
mod full_disk;
mod history;
mod kill;
mod library;
mod proofs;
mod readme;
mod replaying;
mod system_errors;
