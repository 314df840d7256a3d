//! A scope as the operator defines it: its meaning, the claims it releases, who may have it.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::protocol::claims::{SERVER_SCOPES, STANDARD_SCOPES, is_server_scope};
use crate::protocol::scope::Scope;

use super::client::Client;
use super::user::User;

/// What the operator decides about a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeSettings {
    /// What it means, in words for the person who is asked for consent
    #[schema(example = "Read your calendar", max_length = 500)]
    pub description: String,
    /// The claims it releases
    #[schema(example = json!(["department"]))]
    pub claims: Vec<String>,
    /// Whether a request that names no scope gets it
    #[serde(rename = "default")]
    pub is_default: bool,
    /// The roles of which a user needs one; empty: everybody
    pub roles: Vec<String>,
}

impl ScopeSettings {
    /// The settings with which a new server defines a scope, if it is one that every server defines: those of
    /// the standard, and those of the server itself.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let of_the_server = SERVER_SCOPES
            .iter()
            .filter(|(scope, _)| *scope == name)
            .map(|(_, description)| (*description, [].as_slice(), false));
        let (description, claims, is_default) = STANDARD_SCOPES
            .iter()
            .filter(|scope| scope.name == name)
            .map(|scope| (scope.description, scope.claims, scope.is_default))
            .chain(of_the_server)
            .next()?;
        Some(Self {
            description: description.to_owned(),
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
            is_default,
            roles: Vec::new(),
        })
    }
}

/// A scope that this server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDefinition {
    /// The scope token
    pub name: String,
    /// What the operator decides; its fields can be read from the scope itself
    pub settings: ScopeSettings,
    /// Grows with every change
    pub version: i64,
    /// When it was defined
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Deref for ScopeDefinition {
    type Target = ScopeSettings;
    fn deref(&self) -> &ScopeSettings {
        &self.settings
    }
}

/// All scopes that are defined, and the rule of what is granted.
#[derive(Clone, Debug, Default)]
pub struct ScopeCatalog(pub Vec<ScopeDefinition>);

impl ScopeCatalog {
    /// All scopes together, however many there are.
    #[must_use]
    pub fn whole(&self) -> Scope {
        self.those(|_| true)
    }

    /// The scopes that are chosen, together.
    #[must_use]
    pub fn those(&self, chosen: impl Fn(&ScopeDefinition) -> bool) -> Scope {
        let names = self.0.iter().filter(|scope| chosen(scope)).map(|scope| scope.name.as_str());
        // Names of scopes are scope tokens.
        Scope::stored(&names.collect::<Vec<_>>().join(" ")).unwrap_or_default()
    }

    /// The definition of a scope token.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&ScopeDefinition> {
        self.0.iter().find(|definition| definition.name == name)
    }

    /// What a request asks for, as far as the client may: requested ∩ defined ∩ client.
    ///
    /// A request without scope asks for the client's default scopes or, when none of its scopes is
    /// a default one, for all of them (RFC 6749 §3.3).
    #[must_use]
    pub fn requested(&self, requested: Option<&Scope>, client: &Client) -> Scope {
        let allowed = client.scope.filter(|token| self.definition(token).is_some());
        match requested {
            Some(requested) => requested.intersection(&allowed),
            None => {
                let defaults = allowed.filter(|token| self.definition(token).is_some_and(|scope| scope.is_default));
                if defaults.is_empty() { allowed } else { defaults }
            }
        }
    }

    /// What of `scope` a user may hand on: allowed to the user, and to one of their roles; never what
    /// this server lets clients do for themselves.
    #[must_use]
    pub fn of_user(&self, scope: &Scope, user: &User) -> Scope {
        scope.filter(|token| {
            let by_role = self
                .definition(token)
                .is_some_and(|scope| scope.roles.is_empty() || scope.roles.iter().any(|role| user.roles.contains(role)));
            let by_user = user.allowed_scope.as_ref().is_none_or(|allowed| allowed.contains(token));
            // What an administrator may do is theirs, not a client's that acts for them.
            by_role && by_user && !is_server_scope(token)
        })
    }

    /// The claims that some scope of this client could release about this user: what may be asked for
    /// by name, too.
    #[must_use]
    pub fn reachable_claims(&self, client: &Client, user: &User) -> Vec<&str> {
        self.claims(&self.of_user(&client.scope, user))
    }

    /// The claims that a scope releases, each once.
    #[must_use]
    pub fn claims(&self, scope: &Scope) -> Vec<&str> {
        let mut claims: Vec<&str> = scope
            .iter()
            .filter_map(|token| self.definition(token))
            .flat_map(|definition| definition.claims.iter().map(String::as_str))
            .collect();
        claims.sort_unstable();
        claims.dedup();
        claims
    }
}
