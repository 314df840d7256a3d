//! The public keys of clients, as they are registered (RFC 7591 §2).

use crate::base::invalid::Invalid;
use crate::model::client::ClientSettings;
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::jwks::{self, KeySet};

use super::clients::check_link;

/// What is wrong with the keys of a client: they are public, strong enough, and in one place.
#[must_use]
pub fn problems(settings: &ClientSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let signs = settings.auth_method == AuthMethod::PrivateKeyJwt;
    if let Some(set) = &settings.jwks {
        let length = set.to_string().len();
        if length > jwks::MAX_BYTES {
            problems.push(Invalid::new(
                "jwks",
                format!("jwks has {length} bytes: at most {} are kept", jwks::MAX_BYTES),
            ));
        } else if let Err(problem) = KeySet::read(set) {
            problems.push(Invalid::new("jwks", format!("jwks: {problem}")));
        }
    }
    if let Some(Err(problem)) = settings.jwks_uri.as_deref().map(check_link) {
        problems.push(Invalid::new("jwks_uri", format!("jwks_uri: {problem}")));
    }
    if settings.jwks.is_some() && settings.jwks_uri.is_some() {
        problems.push(Invalid::new(
            "jwks_uri",
            "give the keys themselves (jwks) or their address (jwks_uri), not both",
        ));
    }
    if signs && settings.jwks.is_none() && settings.jwks_uri.is_none() {
        problems.push(Invalid::new("jwks", "a client that signs (private_key_jwt) needs jwks or jwks_uri"));
    }
    problems
}
