//! A protected resource: an API or MCP server that access tokens are for (RFC 8707, RFC 9728).

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::{Seconds, Timestamp};
use crate::protocol::resource::is_same;
use crate::protocol::scope::Scope;

use super::client::{AccessTokenFormat, Client};

/// What the operator decides about a protected resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceSettings {
    /// What people read on the consent page
    #[serde(rename = "resource_name")]
    #[schema(example = "Notes for agents", min_length = 1, max_length = 200)]
    pub name: String,
    /// The scopes that are its own, separated by spaces: tokens for other resources never carry them
    #[schema(value_type = String, example = "notes:read notes:write")]
    pub scope: Scope,
    /// The form of its access tokens; that of the client when this is not set
    pub access_token_format: Option<AccessTokenFormat>,
    /// Life of its access tokens in seconds; that of the client when this is not set
    #[schema(minimum = 10, maximum = 86400)]
    pub access_token_lifetime: Option<Seconds>,
    /// The clients that may have tokens for it, by `client_id`; every client when this is not set
    #[serde(rename = "allowed_clients")]
    pub clients: Option<Vec<String>>,
}

/// A protected resource that this server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier, as it stands in `aud`
    pub identifier: String,
    /// What the operator decides; its fields can be read from the resource itself
    pub settings: ResourceSettings,
    /// Grows with every change
    pub version: i64,
    /// When it was registered
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Deref for Resource {
    type Target = ResourceSettings;
    fn deref(&self) -> &ResourceSettings {
        &self.settings
    }
}

impl Resource {
    /// Whether a client may have tokens for it.
    #[must_use]
    pub fn admits(&self, client: &Client) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.contains(&client.id))
    }
}

/// All protected resources, and the rules of what a token is for.
#[derive(Clone, Debug, Default)]
pub struct ResourceCatalog(pub Vec<Resource>);

impl ResourceCatalog {
    /// The resource that an identifier means.
    #[must_use]
    pub fn find(&self, identifier: &str) -> Option<&Resource> {
        self.0.iter().find(|resource| is_same(&resource.identifier, identifier))
    }

    /// The resources whose own scopes are in `scope` and that admit the client.
    pub fn owning<'a>(&'a self, scope: &'a Scope, client: &'a Client) -> impl Iterator<Item = &'a Resource> {
        let has_own = |resource: &&Resource| resource.scope.iter().any(|token| scope.contains(token));
        self.0.iter().filter(has_own).filter(|resource| resource.admits(client))
    }

    /// A scope with all the others of every resource that one of its scopes belongs to; not of resources that are
    /// for some clients only.
    #[must_use]
    pub fn completed(&self, scope: &Scope) -> Scope {
        let is_meant = |resource: &&Resource| resource.clients.is_none() && resource.scope.iter().any(|token| scope.contains(token));
        let meant = self.0.iter().filter(is_meant);
        meant.fold(scope.clone(), |all, resource| all.union(&resource.scope))
    }

    /// What of `scope` a token for these audiences may carry: nothing that belongs to resources that are not
    /// among them.
    #[must_use]
    pub fn within(&self, audience: &[String], scope: &Scope) -> Scope {
        scope.filter(|token| {
            let mut owners = self.0.iter().filter(|resource| resource.scope.contains(token)).peekable();
            owners.peek().is_none() || owners.any(|owner| audience.contains(&owner.identifier))
        })
    }
}
