//! A consent: what a person allowed a client, remembered.

use crate::base::clock::Timestamp;
use crate::protocol::scope::Scope;

/// What one person allowed one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who allowed it.
    pub user_id: String,
    /// Whom.
    pub client_id: String,
    /// The scopes said yes to so far.
    pub scope: Scope,
    /// Single claims said yes to so far (the `claims` parameter, OpenID Connect Core §5.5).
    pub claims: Vec<String>,
    /// The resources said yes to so far, by identifier (RFC 8707).
    pub resource: Vec<String>,
    /// When it was first given.
    pub created_at: Timestamp,
    /// When it was last widened.
    pub updated_at: Timestamp,
}

impl Consent {
    /// Whether it covers a request.
    #[must_use]
    pub fn covers(&self, scope: &Scope, claims: &[String], resource: &[String]) -> bool {
        scope.is_subset(&self.scope)
            && claims.iter().all(|claim| self.claims.contains(claim))
            && resource.iter().all(|identifier| self.resource.contains(identifier))
    }
}
