//! Who may call the service, how often and over what; and how it is run.

mod configuration;
mod running;
mod service;
mod throttling;
mod tls;
mod token_endpoint;
mod tokens;
