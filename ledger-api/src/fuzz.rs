//! Hostile input at the JSON edge: single lines, and sequences of commands carried out.

mod lines;
mod requests;

/// Every command as programs write it, with most of its fields.
const COMMANDS: &str = include_str!("fuzz/commands.jsonl");

/// What reading a text may allocate: a base, and a multiple of its length. The worst is a list of empty
/// objects, each of which makes room for some fields.
fn allocated_max(text: &str) -> u64 {
    64 * 1024 + 512 * text.len() as u64
}
