//! Tests of the library, the replay format and the command line, through what users touch.

mod bank;
mod bench;
mod berka;
mod command_line;
mod damage;
mod duplicates;
mod edge;
mod library;
mod linear;
mod readme;
mod replaying;
