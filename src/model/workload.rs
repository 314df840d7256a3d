//! A workload identity: one agent, by name, that a client owns.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
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
    /// Whether it may ask for anything at the providers that have no ceiling
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
    pub fn ceiling(&self, provider_id: &str) -> Option<Ceiling<'_>> {
        match self.ceilings.get(provider_id) {
            Some(scope) => Some(Ceiling(Some(scope))),
            None => self.has_no_ceilings.then_some(Ceiling(None)),
        }
    }
}

/// The most that an agent may ask for at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling<'w>(Option<&'w Scope>);

impl Ceiling<'_> {
    /// Whether a scope is not above it.
    #[must_use]
    pub fn holds(self, scope: &Scope) -> bool {
        self.0.is_none_or(|most| scope.is_subset(most))
    }

    /// What of a scope is not above it.
    #[must_use]
    pub fn cut(self, scope: &Scope) -> Scope {
        self.0.map_or_else(|| scope.clone(), |most| scope.intersection(most))
    }
}
