//! Taking a connection back: here, and at the provider where that can be.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::connection::Connection;
use crate::model::event::EventKind;
use crate::model::upstream_revocation::UpstreamRevocation;

use super::about;
use super::revocations::{self, Attempt};

/// What taking a connection back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone here and there
    Everywhere,
    /// It is gone here. The provider was not told, or could not be: the page where people do it themselves, if there is one
    HereOnly(Option<&'static str>),
    /// There was none
    Unknown,
}

/// Removes a connection, and takes its tokens back at the provider. First here: whatever the provider says, nobody gets
/// anything of it any more. What cannot be done there now is tried again later.
///
/// # Errors
/// When the database fails.
pub async fn remove(app: &App, connection: &Connection) -> Result<Removal, Fault> {
    let mut tx = app.store.begin().await?;
    // As it is now, and nobody refreshes it meanwhile.
    let is_held = tx.hold_connection(&connection.id).await?;
    let Some(connection) = tx.connection(&connection.id).await?.filter(|_| is_held) else {
        return Ok(Removal::Unknown);
    };
    let now = app.now();
    if !tx.remove_connection(&connection.id, now, now + revocations::LEASE).await? {
        return Ok(Removal::Unknown);
    }
    tx.record(about(app, EventKind::ConnectionRemoved, &connection)).await?;
    tx.commit().await?;
    let revocation = UpstreamRevocation {
        binding: connection.binding(),
        former_provider: None,
        scope: connection.scope,
        tokens: connection.tokens,
        token_expires_at: connection.token_expires_at,
        failures: 0,
        created_at: now,
    };
    let attempt = revocations::attempt(app, &revocation).await?;
    revocations::settle(app, &revocation, &attempt).await?;
    Ok(match attempt {
        Attempt::Done => Removal::Everywhere,
        Attempt::NoWay(page) | Attempt::NotNow { account_page: page, .. } => Removal::HereOnly(page),
        Attempt::Damaged => Removal::HereOnly(None),
    })
}
