//! A provider: where people have accounts, and as which client this server asks them there.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::protocol::provider::ClientAuth;
use crate::protocol::scope::Scope;

/// The endpoints of a provider that nobody describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Where people are sent to
    #[schema(value_type = String, format = "uri")]
    pub authorization_endpoint: Url,
    /// Where codes become tokens
    #[schema(value_type = String, format = "uri")]
    pub token_endpoint: Url,
    /// Where tokens are taken back (RFC 7009)
    #[schema(value_type = Option<String>, format = "uri")]
    pub revocation_endpoint: Option<Url>,
    /// Where it is said whose token it is (OpenID Connect Core §5.3)
    #[schema(value_type = Option<String>, format = "uri")]
    pub userinfo_endpoint: Option<Url>,
}

/// What kind of thing the vault keeps for people at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Tokens that a person consents to
    #[default]
    Oauth2,
    /// One key for everybody, which the operator has put in
    ApiKey,
}

/// What the operator decides about a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// What people read
    #[schema(example = "Google", min_length = 1, max_length = 100)]
    pub name: String,
    /// What it keeps
    pub kind: ProviderKind,
    /// The name of a preset, which knows what is peculiar; `oidc` and `oauth2` are presets, too
    #[schema(example = "google")]
    pub preset: String,
    /// What the preset asks for, such as the tenant or the domain
    pub parameters: BTreeMap<String, String>,
    /// The issuer, whose metadata says the rest
    pub issuer: Option<String>,
    /// The endpoints, where no metadata says them
    pub endpoints: Option<Endpoints>,
    /// Our id there
    pub client_id: String,
    /// How we prove who we are; the preset knows when this is not set
    pub client_auth: Option<ClientAuth>,
    /// What is asked for when an agent does not say
    #[schema(value_type = String)]
    pub scope: Scope,
    /// What else stands in the address that people are sent to
    pub authorization_parameters: BTreeMap<String, String>,
    /// Whether PKCE is used; the preset knows when this is not set
    pub pkce: Option<bool>,
    /// Whether a redirect without `iss` is refused (RFC 9207)
    pub requires_iss: bool,
    /// The client to whose agents without ceilings it belongs; nobody's when this is not set
    pub owner: Option<String>,
    /// Nobody gets anything from it while this is set
    pub is_disabled: bool,
}

/// What a sealed secret begins with: its addresses are a part of what it is sealed for.
pub const SEALED: &str = "1.";
/// What stands in its place where there is none, sealed for the same.
pub const WITHOUT_SECRET: &str = "0.";

/// A provider that this server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in addresses, such as `google`
    pub id: String,
    /// What the operator decides; its fields can be read from the provider itself
    pub settings: ProviderSettings,
    /// The secret of our client, its private key as a JWK, or an API key; sealed, after [`SEALED`]. After
    /// [`WITHOUT_SECRET`] it shows that there is none
    pub sealed_secret: Option<String>,
    /// Grows with every change
    pub version: i64,
    /// When it was added
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Provider {
    /// Whether there is a secret, as far as that can be seen without opening it.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.sealed_secret
            .as_deref()
            .is_some_and(|sealed| !sealed.starts_with(WITHOUT_SECRET))
    }
}

impl Deref for Provider {
    type Target = ProviderSettings;
    fn deref(&self) -> &ProviderSettings {
        &self.settings
    }
}
