//! What the examples have in common: the relying party, sessions by cookie, the pages around a sign-in, what
//! guards an API, and the flags.
//!
//! `site.rs` has the three addresses of a sign-in (`/login`, `/callback`, `/logout`). It keeps people
//! in `sessions.rs`, and `relying_party.rs` is what talks to the issuer. An API has `issuer.rs` and
//! `introspection.rs` instead, an MCP server `mcp.rs` besides. `outside.rs` calls an API of somebody else.

#![allow(dead_code, reason = "each example uses a part of it")]

pub mod error;
pub mod flags;
pub mod introspection;
pub mod issuer;
pub mod mcp;
pub mod outside;
pub mod page;
pub mod provider;
pub mod relying_party;
pub mod serve;
pub mod sessions;
pub mod signed_in;
pub mod site;
pub mod you;
