//! Outgoing HTTP that cannot be turned against the operator (SSRF, OWASP; RFC 9700 §4.11 in spirit).
//!
//! Some of what clients say are URLs that this server reads: where their keys are (`jwks_uri`), and their metadata
//! documents. Whoever sends one chooses where we connect to, so everything that leaves the server goes through
//! [`Fetch`], which says no to all that is not a small JSON document on the public web:
//!
//! ```text
//! URL ──▶ https, no user ──▶ in turn ──▶ names resolved once ──▶ every address public ──▶ connect to just these ──▶ 200, JSON, small
//! ```
//!
//! There is no pool, no proxy, no redirect and no decompression here: one request is one connection. Nothing
//! here knows what the documents mean.

pub mod address;
pub mod discovery;
pub mod fetch;
pub mod freshness;
pub mod issuers;
pub mod key_sets;
pub mod otlp;
pub mod outcomes;
pub mod resolver;
pub mod shares;
mod wire;

pub use discovery::{Discovery, DiscoveryError};
pub use fetch::{Fetch, FetchError, Fetched, Rules};
pub use issuers::Issuers;
pub use key_sets::{KeySets, Wanted};
pub use outcomes::Outcomes;
pub use resolver::Resolver;
pub use shares::Shares;
