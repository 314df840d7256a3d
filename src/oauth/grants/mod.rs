//! One file per grant type (RFC 6749 §1.3).
//!
//! The pipeline in `oauth::token` has authenticated the client and checked that it may use the grant
//! type before any of these runs, so no grant can forget it. Each looks first, then passes the
//! atomic gate of the store, then lets `oauth::issue` make the tokens: what is signed has been paid for.

pub mod authorization_code;
pub mod client_credentials;
pub mod refresh_token;

use std::sync::Arc;

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::event::{Actor, EventKind};
use crate::model::grant::Grant;
use crate::model::resource::ResourceCatalog;
use crate::model::scope::ScopeCatalog;
use crate::model::user::User;
use crate::oauth::resources::{Audience, narrow};
use crate::protocol::error::Refusal;
use crate::protocol::scope::Scope;
use crate::store::Tx;

/// A grant with everything that is needed to issue tokens under it, and the transaction in which it was read and may be changed.
struct Recalled {
    tx: Tx,
    grant: Grant,
    /// Who gave it, unless the account has ended
    user: Option<User>,
    catalog: Arc<ScopeCatalog>,
    resources: Arc<ResourceCatalog>,
}

/// Reads a grant where it will be changed: on SQLite only the connection that writes still knows what was read a moment ago.
/// Nothing else of the database may be asked for until the transaction has ended: a request that held one connection while
/// it waits for another would, in a crowd, wait for itself.
async fn recall(app: &App, grant_id: &str) -> Result<Option<Recalled>, Fault> {
    let (catalog, resources) = (app.store.known_scopes().await?, app.store.known_resources().await?);
    let mut tx = app.store.begin().await?;
    let Some((grant, user)) = tx.grant_and_user(grant_id).await? else {
        return Ok(None);
    };
    Ok(Some(Recalled {
        tx,
        grant,
        user: user.filter(|user| !user.is_disabled),
        catalog,
        resources,
    }))
}

/// What a token under a grant is for: the resources that the request names, or all of the grant.
fn audience_of(
    app: &App,
    resources: &ResourceCatalog,
    client: &Client,
    grant: &Grant,
    requested: &[String],
    scope: &Scope,
) -> Result<Audience, Refusal> {
    let chosen = narrow(&app.issuer, &grant.resource, requested)?;
    Audience::of(app, resources, client, &chosen, scope)
}

/// Ends a grant of which a code or token was presented twice; `kind` says which. Only what ends it is
/// an event: whoever presents it a hundred times more must not fill the audit log.
async fn revoke_replayed(app: &App, grant: &Grant, kind: EventKind) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    if tx.revoke_grant(&grant.id, app.now()).await? {
        let event = app.event(kind).refused().by(Actor::Client(grant.client_id.clone()));
        tx.record(event.subject(&grant.user_id).client(&grant.client_id).target(&grant.id))
            .await?;
    }
    tx.commit().await?;
    tracing::warn!(
        event = kind.as_str(),
        client = grant.client_id,
        user = grant.user_id,
        grant = grant.id,
        "something was presented twice: the grant is revoked"
    );
    Ok(())
}
