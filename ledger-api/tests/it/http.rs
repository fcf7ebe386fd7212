//! The HTTP service as its callers meet it: a real server, real sockets, a real log in a directory.

mod bulk;

mod desk;

mod examples;
mod feed;

mod positions;
mod process;
mod source;
mod stopping;
mod vectors;
