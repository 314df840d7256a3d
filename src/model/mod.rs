//! The records, and what their state means.
//!
//! A record here is what a row says, in types that cannot hold nonsense. Methods answer questions
//! about one record; nothing here reads or writes anything.

pub mod access_key;
pub mod callback;
pub mod chain;
pub mod client;
pub mod connection;
pub mod connection_session;
pub mod consent;
pub mod event;
pub mod grant;
pub mod initial_access_token;
pub mod left_out;
pub mod limit;
pub mod measures;
pub mod provider;
pub mod resource;
pub mod scope;
pub mod session;
pub mod signing_key;
pub mod statistic;
pub mod traffic;
pub mod upstream_revocation;
pub mod user;
pub mod user_binding;
pub mod workload;
