//! One file per grant type (RFC 6749 §1.3).
//!
//! The pipeline in `oauth::token` has authenticated the client and checked that it may use the grant
//! type before any of these runs, so no grant can forget it. Each looks first, then passes the
//! atomic gate of the store, then lets `oauth::issue` make the tokens: what is signed has been paid for.

pub mod authorization_code;
pub mod client_credentials;
pub mod refresh_token;
