//! A client: an application that asks for tokens (RFC 6749 §2, RFC 7591 §2).

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::{equal, sha256_text};
use crate::protocol::claims::{RELAY, VAULT};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::redirect_uri;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

use super::signing_key::SigningAlgorithm;

/// When the person is asked whether the client may act for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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

/// What kind of application it is: the defaults that suit it, so that nobody needs to know grant types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// A web application with a server that can keep a secret
    #[default]
    Web,
    /// A single-page application in the browser: no secret, PKCE
    Spa,
    /// A mobile, desktop or command-line application: no secret, PKCE
    Native,
    /// A service that acts for itself: client credentials
    Service,
    /// An MCP client or other agent that acts for a person: no secret, PKCE, loopback redirects
    Mcp,
}

impl ClientKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Web, Self::Spa, Self::Native, Self::Service, Self::Mcp];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Spa => "spa",
            Self::Native => "native",
            Self::Service => "service",
            Self::Mcp => "mcp",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What the operator decides about a client. The names are those of RFC 7591 §2 where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// What people read on the consent page
    #[serde(rename = "client_name")]
    #[schema(example = "Example App", min_length = 1, max_length = 200)]
    pub name: String,
    /// How the client proves who it is at the token endpoint
    #[serde(rename = "token_endpoint_auth_method")]
    pub auth_method: AuthMethod,
    /// Where answers may be sent. For loopback hosts any port matches
    #[schema(example = json!(["https://app.example/callback"]), max_items = 50)]
    pub redirect_uris: Vec<String>,
    /// What it may redeem at the token endpoint
    pub grant_types: Vec<GrantType>,
    /// The most that it may ask for, separated by spaces
    #[schema(value_type = String, example = "openid profile email offline_access")]
    pub scope: Scope,
    /// When people are asked for consent
    pub consent_policy: ConsentPolicy,
    /// The form of its access tokens
    pub access_token_format: AccessTokenFormat,
    /// The algorithm of its ID tokens and JWT access tokens
    #[serde(rename = "id_token_signed_response_alg")]
    pub signing_algorithm: SigningAlgorithm,
    /// Whether its authorization codes need PKCE; public clients always need it
    #[serde(rename = "require_pkce")]
    pub requires_pkce: bool,
    /// The resource that its access tokens are for when a request names none; the server itself when this is not set
    #[schema(example = "https://mcp.example/mcp")]
    pub default_resource: Option<String>,
    /// Its public keys as a JWK set, with which it signs client assertions
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// Where its public keys are, instead of `jwks`
    pub jwks_uri: Option<String>,
    /// Life of its access tokens in seconds, when it differs from the server's
    #[schema(minimum = 10, maximum = 86400)]
    pub access_token_lifetime: Option<Seconds>,
    /// Picture for the consent page
    pub logo_uri: Option<String>,
    /// Home page
    pub client_uri: Option<String>,
    /// Privacy policy
    pub policy_uri: Option<String>,
    /// Terms of service
    pub tos_uri: Option<String>,
    /// Whether it may introspect tokens that were issued to other clients, as a resource server does
    pub may_introspect: bool,
    /// A disabled client gets nothing, and what it has been given is dead
    #[serde(rename = "disabled")]
    pub is_disabled: bool,
}

/// Whether a client with this scope and these grant types may use for itself what a scope of this server lets in to.
#[must_use]
pub fn may_use(name: &str, scope: &Scope, grant_types: &[GrantType]) -> bool {
    scope.contains(name) && grant_types.contains(&GrantType::ClientCredentials)
}

/// What a client with these settings lacks to have agents; `None` when it lacks nothing.
#[must_use]
pub fn lacks_for_vault(auth_method: AuthMethod, scope: &Scope, grant_types: &[GrantType]) -> Option<String> {
    let lacks = [
        (auth_method == AuthMethod::None, "a secret"),
        (!grant_types.contains(&GrantType::ClientCredentials), "the grant client_credentials"),
        (!scope.contains(VAULT), "the scope vault"),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect();
    (!lacks.is_empty()).then(|| lacks.join(", "))
}

/// Whether a client with this scope and these grant types may use the callback relay for itself.
#[must_use]
pub fn may_use_relay(scope: &Scope, grant_types: &[GrantType]) -> bool {
    may_use(RELAY, scope, grant_types)
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self::of_kind(ClientKind::default())
    }
}

impl ClientSettings {
    /// The settings that suit most clients of a kind; the name and the redirect URIs are still missing.
    #[must_use]
    pub fn of_kind(kind: ClientKind) -> Self {
        let is_service = kind == ClientKind::Service;
        let is_public = matches!(kind, ClientKind::Spa | ClientKind::Native | ClientKind::Mcp);
        let scope = match kind {
            ClientKind::Service => "",
            ClientKind::Mcp => "openid offline_access",
            ClientKind::Web | ClientKind::Spa | ClientKind::Native => "openid profile email offline_access",
        };
        Self {
            name: String::new(),
            auth_method: if is_public {
                AuthMethod::None
            } else {
                AuthMethod::ClientSecretBasic
            },
            redirect_uris: Vec::new(),
            grant_types: if is_service {
                vec![GrantType::ClientCredentials]
            } else {
                vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
            },
            scope: Scope::stored(scope).unwrap_or_default(),
            consent_policy: ConsentPolicy::Once,
            access_token_format: AccessTokenFormat::Jwt,
            signing_algorithm: SigningAlgorithm::Rs256,
            requires_pkce: true,
            access_token_lifetime: None,
            default_resource: None,
            jwks: None,
            jwks_uri: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            may_introspect: is_service,
            is_disabled: false,
        }
    }

    /// Whether it cannot prove who it is (RFC 6749 §2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Whether it proves who it is by a secret that this server knows.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.auth_method.needs_secret()
    }

    /// What kind of application it looks like.
    #[must_use]
    pub fn kind(&self) -> ClientKind {
        let is_web_address = |uri: &String| uri.starts_with("https://");
        if !self.grant_types.contains(&GrantType::AuthorizationCode) {
            ClientKind::Service
        } else if !self.is_public() {
            ClientKind::Web
        } else if !self.redirect_uris.is_empty() && self.redirect_uris.iter().all(is_web_address) {
            ClientKind::Spa
        } else {
            ClientKind::Native
        }
    }
}

/// Who made a client known to this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientOrigin {
    /// An operator
    #[default]
    Operator,
    /// It registered itself (RFC 7591): nobody has looked at it
    Registration,
    /// A client metadata document, whose URL is its `client_id`: whoever has that host vouches for it
    Document,
}

impl ClientOrigin {
    /// Every origin.
    pub const ALL: [Self; 3] = [Self::Operator, Self::Registration, Self::Document];

    /// The name in the API and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Registration => "registration",
            Self::Document => "document",
        }
    }

    /// The origin of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == name)
    }
}

/// A client as this server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `client_id`
    pub id: String,
    /// Who made it known
    pub origin: ClientOrigin,
    /// SHA-256 of its secret; `None` for clients that have none
    pub secret_hash: Option<String>,
    /// SHA-256 of the secret before it, while both are valid
    pub previous_secret_hash: Option<String>,
    /// Until when the secret before it is valid
    pub previous_secret_expires_at: Option<Timestamp>,
    /// Its secret, sealed, where it makes MACs with it (`client_secret_jwt`)
    pub sealed_secret: Option<String>,
    /// SHA-256 of the registration access token of a client that registered itself (RFC 7592 §3)
    pub registration_token_hash: Option<String>,
    /// What it has in common with registrations that look the same and come from the same place
    pub registration_mark: Option<String>,
    /// Until when what was read of its document holds
    pub document_expires_at: Option<Timestamp>,
    /// Tokens that it got for itself carry this number, and live as long as it stays the same
    pub token_generation: i64,
    /// What the operator decides; its fields can be read from the client itself
    pub settings: ClientSettings,
    /// Grows with every change
    pub version: i64,
    /// When it was registered
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Deref for Client {
    type Target = ClientSettings;
    fn deref(&self) -> &ClientSettings {
        &self.settings
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut ClientSettings {
        &mut self.settings
    }
}

impl Client {
    /// Whether a code of this client needs a challenge (OAuth 2.1 §7.5).
    #[must_use]
    pub fn needs_pkce(&self) -> bool {
        self.requires_pkce || self.is_public()
    }

    /// How long its access tokens live, where the server's usual time is `usual`. For a client that no operator
    /// has made that is the most.
    #[must_use]
    pub fn token_lifetime(&self, usual: Seconds) -> Seconds {
        let own = self.access_token_lifetime.unwrap_or(usual);
        if self.origin == ClientOrigin::Operator {
            own
        } else {
            own.min(usual)
        }
    }

    /// Whether it may use for itself what a scope of this server lets in to.
    #[must_use]
    pub fn may_use(&self, name: &str) -> bool {
        may_use(name, &self.scope, &self.grant_types)
    }

    /// What it lacks to have agents.
    #[must_use]
    pub fn lacks_for_vault(&self) -> Option<String> {
        lacks_for_vault(self.auth_method, &self.scope, &self.grant_types)
    }

    /// Whether it may have agents that act with its access keys: it has a secret, and may use the vault.
    #[must_use]
    pub fn may_have_access_keys(&self) -> bool {
        !self.is_public() && self.may_use(VAULT)
    }

    /// Whether it may use the callback relay for itself.
    #[must_use]
    pub fn may_use_relay(&self) -> bool {
        may_use_relay(&self.scope, &self.grant_types)
    }

    /// Whether it may use a grant type.
    #[must_use]
    pub fn allows(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether `presented` is its secret, or the one before it while that is still valid; in constant time.
    #[must_use]
    pub fn has_secret(&self, presented: &str, now: Timestamp) -> bool {
        let digest = sha256_text(presented);
        let is_right = |stored: Option<&str>| equal(digest.as_bytes(), stored.unwrap_or(NO_SECRET).as_bytes()) & stored.is_some();
        let previous = self
            .previous_secret_hash
            .as_deref()
            .filter(|_| self.previous_secret_expires_at.is_some_and(|expires_at| now < expires_at));
        is_right(self.secret_hash.as_deref()) | is_right(previous)
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
