//! Asking for more (RFC 6750 §3.1, `insufficient_scope`): what was granted is kept, and only what is new is asked for.

use crate::base::fault::Fault;
use crate::identity::session::SignedIn;
use crate::model::client::Client;
use crate::model::scope::ScopeCatalog;
use crate::protocol::scope::Scope;

use super::Road;
use super::consent::Asked;

/// The most grants that are looked at for what was granted before.
const GRANTED_BEFORE: u16 = 50;

impl Road<'_> {
    /// Adds to a request for something new what the client has been granted for the same resources: a client that
    /// was refused for want of one scope asks for that one, and must not lose the others by it. A request for less
    /// stays a request for less.
    pub(super) async fn with_granted(
        &self,
        client: &Client,
        mut asked: Asked,
        catalog: &ScopeCatalog,
        visitor: &SignedIn,
    ) -> Result<Asked, Fault> {
        let request = &asked.request;
        if request.resource.is_empty() && !request.includes_granted_scopes {
            return Ok(asked);
        }
        let mut connection = self.app.store.read().await?;
        let before = connection
            .grants_in_force(&visitor.user.id, &client.id, self.app.now(), GRANTED_BEFORE)
            .await?;
        let alike = before.into_iter().filter(|grant| grant.resource == asked.resource);
        let granted = alike.fold(Scope::default(), |granted, grant| granted.union(&grant.scope));
        let is_new = asked.scope.iter().any(|token| !granted.contains(token));
        if is_new || request.includes_granted_scopes {
            asked.scope = asked.scope.union(&catalog.requested(Some(&granted), client));
        }
        Ok(asked)
    }
}
