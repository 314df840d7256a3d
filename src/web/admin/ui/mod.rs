//! The pages at `/admin`: a file or folder per noun, each a thin layer over `crate::admin`.
//!
//! They work without JavaScript. What they are made of is in `view`.

pub mod clients;
pub mod dashboard;
mod menu;
pub mod playground;
pub mod scopes;
pub mod sign_in;
mod view;
