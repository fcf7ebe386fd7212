//! The HTTP service as its callers meet it: a real server, real sockets, a real log in a directory.

mod again;
mod bulk;
mod card_numbers;
mod desk;
mod errors;
mod examples;
mod feed;
mod killed;
mod positions;
mod process;
mod source;
mod stopping;
mod vectors;
