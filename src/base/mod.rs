//! The ground floor: time, randomness, identifiers, digests and secrets.
//!
//! Nothing here knows OAuth, HTTP or SQL. The clock and the source of randomness are values that
//! are passed in, so that a test can hold both; the ambient ones are used in `clock.rs` and
//! `random.rs` only (`clippy.toml` bans them elsewhere).

pub mod again;
pub mod clock;
pub mod computing;
pub mod digest;
pub mod document;
pub mod encoding;
pub mod ending;
pub mod fault;
pub mod gauge;
pub mod id;
pub mod invalid;
pub mod json;
pub mod latest;
pub mod limiter;
pub mod measure;
pub mod memo;
pub mod network;
pub mod process;
pub mod random;
pub(crate) mod redacted;
pub(crate) mod request;
pub mod spans;
pub mod waiting;
