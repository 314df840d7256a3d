//! The flows of the protocol, each on every database.

mod authorization;
mod client_assertions;
mod client_credentials;
mod client_documents;
mod code;
mod consent;
mod cost;
mod metadata;
mod refresh;
pub mod registration;
mod registration_management;
mod resources;
mod revocation;
mod scopes;
mod sessions;
mod userinfo;
