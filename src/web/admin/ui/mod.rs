//! The pages at `/admin`.

pub mod dashboard;
pub mod sign_in;
