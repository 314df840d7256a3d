//! What bad input gets: a registered error, and nothing lost or leaked.

mod bad_input;
mod codes;
mod cookies;
mod duplicates;
mod enumeration;
mod every_route;
mod exhaustion;
mod forms;
mod headers;
mod injection;
mod jwt;
pub mod markup;
mod mix_up;
mod parsers;
mod pipelining;
mod redirects;
mod scopes;
mod sessions;
mod smuggling;
mod ssrf;
mod substitution;
mod tokens;
