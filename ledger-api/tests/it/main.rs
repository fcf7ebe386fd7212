//! Tests of the library, the replay format and the command line, through what users touch.

mod backup;
mod bench;
mod berka;
mod command_line;
mod damage;
mod edge;
mod export;
mod failed_disk;
mod library;
mod old_data;
mod readme;
mod replaying;
