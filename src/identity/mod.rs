//! Who is this: people at their browsers, and the operator with the admin token.
//!
//! A person proves a password (`sign_in`), which begins a session (`session`); guessing is slowed
//! down (`throttle`) without locking out browsers that are known (`device`). Forms prove that they
//! come from our own pages (`form_token`). Nothing here knows OAuth.

pub mod account;
pub mod activity;
pub mod admin_token;
pub mod audited;
pub mod browser_name;
pub mod device;
pub mod form_token;
pub mod limit;
pub mod operator;
pub mod own_sessions;
pub mod password;
pub mod profile;
pub mod quota;
pub mod session;
pub mod sign_in;
pub mod spraying;
pub mod throttle;
