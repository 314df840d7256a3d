//! A client: an application that asks for tokens (RFC 6749 §2, RFC 7591 §2).

use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::{equal, sha256_text};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::redirect_uri;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

use super::signing_key::SigningAlgorithm;

/// When the person is asked whether the client may act for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentPolicy {
    /// At every authorization.
    Always,
    /// Until the person has said yes to every scope that is asked for.
    Once,
    /// Never: the operator vouches for the client.
    Skip,
}

impl ConsentPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Always, Self::Once, Self::Skip];

    /// The name in configuration and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Once => "once",
            Self::Skip => "skip",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// The form of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// A signed JWT (RFC 9068) that resource servers can check alone.
    Jwt,
    /// Sealed: only this server can read it, by introspection.
    Opaque,
}

impl AccessTokenFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Jwt, Self::Opaque];

    /// The name in configuration and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `client_id`
    pub id: String,
    /// `client_name`: what people read on the consent page
    pub name: String,
    /// SHA-256 of the secret that this server made; `None` for public clients
    pub secret_hash: Option<String>,
    /// `token_endpoint_auth_method`
    pub auth_method: AuthMethod,
    /// `redirect_uris`
    pub redirect_uris: Vec<String>,
    /// `grant_types`
    pub grant_types: Vec<GrantType>,
    /// `scope`: the most that it may ask for
    pub scope: Scope,
    /// When the person is asked
    pub consent_policy: ConsentPolicy,
    /// JWT or opaque
    pub access_token_format: AccessTokenFormat,
    /// `id_token_signed_response_alg`; JWT access tokens use the same one
    pub signing_algorithm: SigningAlgorithm,
    /// Whether a code needs PKCE; public clients always need it
    pub requires_pkce: bool,
    /// Lifetime of its access tokens, when it differs from the server's
    pub access_token_lifetime: Option<Seconds>,
    /// `logo_uri`
    pub logo_uri: Option<String>,
    /// `client_uri`
    pub client_uri: Option<String>,
    /// `policy_uri`
    pub policy_uri: Option<String>,
    /// `tos_uri`
    pub tos_uri: Option<String>,
    /// A resource server: it may introspect tokens that were issued to other clients
    pub may_introspect: bool,
    /// A disabled client gets nothing, and what it has is dead
    pub is_disabled: bool,
    /// When it was registered
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Client {
    /// Whether it has no secret (RFC 6749 §2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Whether a code of this client needs a challenge (OAuth 2.1 §7.5).
    #[must_use]
    pub fn needs_pkce(&self) -> bool {
        self.requires_pkce || self.is_public()
    }

    /// How long its access tokens live, where the server's usual time is `usual`.
    #[must_use]
    pub fn token_lifetime(&self, usual: Seconds) -> Seconds {
        self.access_token_lifetime.unwrap_or(usual)
    }

    /// Whether it may use a grant type.
    #[must_use]
    pub fn allows(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether `presented` is its secret, in constant time.
    #[must_use]
    pub fn has_secret(&self, presented: &str) -> bool {
        let digest = sha256_text(presented);
        let stored = self.secret_hash.as_deref().unwrap_or(NO_SECRET);
        equal(digest.as_bytes(), stored.as_bytes()) && self.secret_hash.is_some()
    }

    /// The redirect URI of a request, if it is registered. One that was not sent is the only
    /// registered one (RFC 6749 §3.1.2.3).
    #[must_use]
    pub fn bind_redirect_uri(&self, requested: Option<&str>) -> Option<String> {
        match requested {
            Some(requested) => self
                .redirect_uris
                .iter()
                .any(|registered| redirect_uri::matches(registered, requested))
                .then(|| requested.to_owned()),
            None => match self.redirect_uris.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
        }
    }
}

/// As long as a digest in base64url, so that comparing costs the same when there is no secret.
const NO_SECRET: &str = "0000000000000000000000000000000000000000000";
