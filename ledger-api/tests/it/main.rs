//! Tests of the library, the replay format and the command line, through what users touch.

mod bench;
mod berka;
mod command_line;
mod damage;
mod edge;
mod library;
mod proofs;
mod readme;
mod replaying;
