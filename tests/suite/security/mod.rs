//! Attacks, a file for each family: what is tried, and that it does not work. `catalogue` lists all of them with the tests that show
//! it, also those that live elsewhere in the suite. What can be generated is: from the table of routes, from the description of the
//! API, from the forms on the pages; so what is added later is attacked, too.

mod bad_input;
pub mod catalogue;
mod codes;
mod cookies;
mod corpus;
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
mod self_described;
mod sessions;
mod smuggling;
mod spelling;
mod ssrf;
mod substitution;
mod tokens;
