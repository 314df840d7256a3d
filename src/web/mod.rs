//! HTTP: parse, call, render, and nothing else.
//!
//! `routes` is the table of endpoints. `dispatch` does for every one of them what none may forget:
//! methods, CORS, limits, headers, request ids. Handlers take a `call::Call` and return an answer
//! or an `error::Error`; which status code that is, only `error` knows.

pub mod admin;
mod assets;
mod call;
mod cookies;
mod dev;
mod dispatch;
mod error;
mod federation;
mod health;
mod json;
pub mod metrics;
mod oauth;
mod paced;
mod pages;
pub mod routes;
pub mod server;
mod trace;
mod watch;
