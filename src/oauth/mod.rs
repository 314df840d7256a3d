//! The engine of the protocol: one file per endpoint, `grants/` one file per grant.
//!
//! | file | endpoint | text |
//! |---|---|---|
//! | `authorize` | `/authorize` | RFC 6749 §4.1, OpenID Connect Core §3.1.2 |
//! | `token`, `grants/` | `/token` | RFC 6749 §3.2, §4.1.3, §4.4, §6 |
//! | `introspect` | `/introspect` | RFC 7662 |
//! | `revoke` | `/revoke` | RFC 7009 |
//! | `userinfo` | `/userinfo` | OpenID Connect Core §5.3 |
//! | `registration` | `/register` | RFC 7591, RFC 7592 |
//! | `metadata` | `/.well-known/…` | RFC 8414, OpenID Connect Discovery |
//!
//! Engines take parsed requests and return decisions; a refusal is a decision, whose transaction
//! commits, and only a [`Fault`](crate::base::fault::Fault) undoes anything. Tokens are made in
//! `issue` and nowhere else, and checked in `verify` and nowhere else.

pub mod applications;
pub mod authorize;
pub mod client_assertions;
pub mod client_authentication;
pub mod client_documents;
pub mod client_keys;
pub mod clients;
pub mod grants;
pub mod initial_access_tokens;
pub mod inspect;
pub mod interaction;
pub mod introspect;
pub mod issue;
mod machine;
pub mod metadata;
pub mod registration;
pub mod resources;
pub mod revoke;
pub mod scopes;
pub mod signatures;
pub mod token;
pub mod userinfo;
pub mod verify;
