//! What is still to be taken back at a provider: the tokens of a connection that is gone here.

use crate::base::clock::Timestamp;
use crate::protocol::scope::Scope;

use super::connection::{Binding, SealedTokens};

/// Tokens that are still to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRevocation {
    /// Connection, person, provider and agent: what the tokens open with
    pub binding: Binding,
    /// The provider as it was, by its id in that table; `None` while it is still there and where it was
    pub former_provider: Option<String>,
    /// What the tokens are good for
    pub scope: Scope,
    /// The tokens
    pub tokens: SealedTokens,
    /// When the access token ends; `None` when it does not
    pub token_expires_at: Option<Timestamp>,
    /// How often it was tried in vain
    pub failures: i64,
    /// Since when it is to be done
    pub created_at: Timestamp,
}

impl UpstreamRevocation {
    /// The id, which was that of the connection.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.binding.connection_id
    }
}
