//! One test binary: a folder per area, `support/` for what they share.

mod architecture;
mod cli;
mod docs;
mod flows;
mod pages;
mod protocol;
mod races;
mod relying_party;
mod security;
mod store;
mod support;
