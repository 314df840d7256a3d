//! What bad input gets: a registered error, and nothing lost or leaked.

mod bad_input;
mod exhaustion;
mod headers;
mod pipelining;
mod ssrf;
mod tokens;
