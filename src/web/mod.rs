//! HTTP: parse, call, render, and nothing else.
//!
//! `routes` is the table of endpoints. `dispatch` does for every one of them what none may forget:
//! methods, CORS, limits, headers, request ids. Handlers take a `call::Call` and return an answer
//! or an `error::Error`; which status code that is, only `error` knows.

mod address;
pub mod admin;
mod assets;
mod call;
mod cookies;
mod dev;
mod dispatch;
mod document;
mod doors;
mod error;
mod federation;
mod health;
mod http2;
mod json;
mod limits;
pub mod metrics;
mod oauth;
mod paced;
mod pages;
mod patience;
pub mod routes;
pub mod server;
pub mod tls;
mod trace;
mod watch;
mod wire;
