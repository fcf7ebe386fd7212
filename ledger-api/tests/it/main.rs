//! Tests of the library, the replay format and the command line, through what users touch.

mod authorizations;
mod backup;
mod bank;
mod bench;
mod berka;
mod command_line;
mod damage;
mod duplicates;
mod edge;
mod effort;
mod export;
mod failed_disk;
mod full;
mod full_disk;
mod guard;
mod history;
mod http;
mod kill;
mod library;
mod linear;
mod old_data;
mod openapi;
mod proofs;
mod readme;
mod replaying;
mod system_errors;
