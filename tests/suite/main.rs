//! One test binary: a folder per area, `support/` for what they share.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and what it prints is shown then"
)]
#![allow(
    clippy::large_futures,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "a test tells one story from beginning to end"
)]

mod account;
mod admin_pages;
mod agentcore;
mod api;
mod architecture;
mod audit;
mod browser;
mod cli;
mod clients;
mod declaration;
mod deploy;
mod docs;
mod examples;
mod flows;
mod limits;
mod moves;
mod nodes;
mod operating;
mod pages;
mod protocol;
mod providers;
mod races;
mod relay;
mod relying_party;
mod security;
mod settings;
mod store;
mod support;
mod vault;
