//! The endpoints of the protocol: from HTTP to `oauth::*` and back.

pub mod authorize;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod protected_resource;
pub mod registration;
pub mod revoke;
pub mod token;
pub mod userinfo;
