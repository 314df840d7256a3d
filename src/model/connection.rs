//! A connection: what a person gave one agent at one provider, with one account there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::clock::{Seconds, Timestamp};
use crate::protocol::resource::are_same;
use crate::protocol::scope::Scope;

/// What the data key of a connection is bound to: a row that is copied to another person, provider or agent does
/// not open there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The connection, by id
    pub connection_id: String,
    /// The person, by id
    pub user_id: String,
    /// The provider, by id
    pub provider_id: String,
    /// The agent, by name
    pub workload: String,
}

/// The tokens of a connection as they are sealed. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token
    pub access_token: String,
    /// Its type, `Bearer` if nobody says
    pub token_type: String,
    /// The refresh token, which never leaves
    pub refresh_token: Option<String>,
    /// Members of the provider's answer that go to the agent, too
    pub passed_on: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Tokens as they stand in a row: sealed with a data key, which is wrapped by a key-encryption key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedTokens {
    /// The key-encryption key, by id
    pub key_id: String,
    /// The data key
    pub wrapped_key: String,
    /// The tokens
    pub sealed: String,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its id
    pub id: String,
    /// The agent, by name
    pub workload: String,
    /// The person, by id
    pub user_id: String,
    /// The provider, by id
    pub provider_id: String,
    /// The provider's own name for the account; empty when it has none
    pub account: String,
    /// What a person knows the account by
    pub account_label: String,
    /// What the provider granted
    pub scope: Scope,
    /// What its tokens are for, where the agent has said (RFC 8707)
    pub resource: Vec<String>,
    /// The tokens
    pub tokens: SealedTokens,
    /// When the access token ends; `None` when it does not
    pub token_expires_at: Option<Timestamp>,
    /// The provider does not take the refresh token any more: the person must be asked again
    pub needs_consent: bool,
    /// Who refreshes it
    pub refresher: Option<String>,
    /// Until when nobody else does
    pub refreshing_until: Timestamp,
    /// Before that the provider is not asked again
    pub retry_at: Timestamp,
    /// How often in a row it could not be refreshed
    pub failures: i64,
    /// When the person consented first
    pub created_at: Timestamp,
    /// When the tokens were last changed
    pub updated_at: Timestamp,
    /// Grows with every change of the tokens
    pub version: i64,
}

impl Connection {
    /// What its data key is bound to.
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding {
            connection_id: self.id.clone(),
            user_id: self.user_id.clone(),
            provider_id: self.provider_id.clone(),
            workload: self.workload.clone(),
        }
    }

    /// Whether its tokens are for these resources (RFC 8707) and no others: whoever is shown a token could use it at all of
    /// them.
    #[must_use]
    pub fn is_for(&self, resource: &[String]) -> bool {
        are_same(&self.resource, resource)
    }

    /// Whether the access token lives for `margin` seconds more, at least.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, margin: Seconds) -> bool {
        !self.needs_consent && self.token_expires_at.is_none_or(|expires_at| now + margin < expires_at)
    }
}
