//! The rules of the RFCs as types and pure functions.
//!
//! What comes in from the network is parsed here once, into types that cannot hold a wrong value;
//! nothing further up checks again. Nothing here waits, reads a clock or knows HTTP: where a rule
//! needs the time, `now` is an argument.

pub mod authorization_request;
pub mod callback;
pub mod claims;
pub mod claims_request;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_document;
pub mod error;
pub mod issuer;
pub mod jwks;
pub mod parameters;
pub mod pkce;
pub mod provider;
pub mod redirect_uri;
pub mod registration;
pub mod resource;
pub mod scope;
pub mod server_metadata;
pub mod sigv4;
pub mod token_exchange;
pub mod token_request;
pub mod tokens;
pub mod trace_context;
pub mod user_token;
