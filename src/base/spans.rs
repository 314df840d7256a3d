//! What spans are called by, of which traces are made.
//!
//! A span is made where something takes its time: `tracing::info_span!(target: spans::TARGET, …)`. Where nothing is traced
//! nobody wants spans of this target, and then they cost as much as a look at a flag. They never are in the log.

/// The target of every span.
pub const TARGET: &str = "spans";
