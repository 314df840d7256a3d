//! A workload identity: one agent, by name, that a client owns.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::model::provider::Provider;
use crate::protocol::resource::is_same;
use crate::protocol::scope::Scope;

/// What is decided about an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkloadSettings {
    /// What people read when it asks for something; its name when this is empty
    #[schema(max_length = 100)]
    pub display_name: String,
    /// Where people may be sent back to after they were asked; each exactly
    pub return_uris: Vec<String>,
    /// The providers that it may have tokens of, and the most that it may ask for there. Nothing is allowed at others.
    #[schema(value_type = BTreeMap<String, String>)]
    pub ceilings: BTreeMap<String, Scope>,
    /// The resources that it may name at a provider (RFC 8707), by its id. None where there are none.
    pub resources: BTreeMap<String, Vec<String>>,
    /// Whether it may ask for anything at the providers that belong to its client, where it has no ceiling
    pub has_no_ceilings: bool,
    /// Whether it may name people by their ids, without a token of theirs
    pub may_name_users: bool,
    /// It gets nothing while this is set
    #[serde(rename = "disabled")]
    pub is_disabled: bool,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name
    pub name: String,
    /// What it is told apart by from another one that had, or gets, the same name
    pub id: String,
    /// The client that owns it
    pub client_id: String,
    /// What is decided; its fields can be read from the workload itself
    pub settings: WorkloadSettings,
    /// Grows with every change
    pub version: i64,
    /// When it was added
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl Deref for Workload {
    type Target = WorkloadSettings;
    fn deref(&self) -> &WorkloadSettings {
        &self.settings
    }
}

impl Workload {
    /// What people read.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.display_name.is_empty() {
            &self.name
        } else {
            &self.display_name
        }
    }

    /// The most that it may ask for at a provider; `None` when it may ask for nothing there.
    #[must_use]
    pub fn ceiling(&self, provider: &Provider) -> Option<Ceiling<'_>> {
        let scope = self.ceilings.get(&provider.id);
        let is_its_own = provider.owner.as_deref() == Some(self.client_id.as_str());
        (scope.is_some() || (self.has_no_ceilings && is_its_own)).then(|| Ceiling {
            scope,
            resources: self.resources.get(&provider.id).map_or(&[], Vec::as_slice),
        })
    }
}

/// The most that an agent may ask for at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling<'w> {
    /// `None` is no ceiling
    scope: Option<&'w Scope>,
    /// Those that may be named, where there is one
    resources: &'w [String],
}

impl Ceiling<'_> {
    /// Whether a scope is not above it.
    #[must_use]
    pub fn holds(self, scope: &Scope) -> bool {
        self.scope.is_none_or(|most| scope.is_subset(most))
    }

    /// Whether all of these resources may be named.
    #[must_use]
    pub fn admits(self, resources: &[String]) -> bool {
        let may_be_named = |wanted: &String| self.resources.iter().any(|known| is_same(known, wanted));
        self.scope.is_none() || resources.iter().all(may_be_named)
    }

    /// What of a scope is not above it.
    #[must_use]
    pub fn cut(self, scope: &Scope) -> Scope {
        self.scope.map_or_else(|| scope.clone(), |most| scope.intersection(most))
    }
}
