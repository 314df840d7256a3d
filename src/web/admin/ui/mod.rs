//! The pages at `/admin`: a file or folder per noun, each a thin layer over `crate::admin`.
//!
//! They work without JavaScript. What they are made of is in `view`.

pub mod access;
pub mod clients;
pub mod connections;
pub mod dashboard;
pub mod ending;
pub mod events;
pub mod initial_access_tokens;
mod menu;
pub mod playground;
pub mod providers;
pub mod resources;
pub mod scopes;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod signing_keys;
pub mod users;
mod vault_keys;
mod view;
pub mod workloads;
