//! The playground: what an application would do, done step by step with the real endpoints' engines, every
//! request and answer in sight.
//!
//! `begin` makes the authorization request, `callback` is the redirect URI to which the answer comes and
//! redeems the code, `tokens` shows the tokens and tries them out. Between these pages nothing is kept here:
//! a [`run::Run`] travels sealed with the browser.

pub mod begin;
pub mod callback;
mod exchange;
mod run;
pub mod tokens;

pub use exchange::pretty;
