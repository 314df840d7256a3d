//! What bad input gets: a registered error, and nothing lost or leaked.

mod bad_input;
mod headers;
mod tokens;
