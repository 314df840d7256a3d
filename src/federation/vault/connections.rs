//! Taking a connection back: here, and at the provider where that can be.

use crate::app::App;
use crate::base::fault::Fault;
use crate::federation::upstream::UpstreamError;
use crate::model::connection::{Connection, Tokens};
use crate::model::event::EventKind;

use super::{Line, about, open};

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
/// anything of it any more.
///
/// # Errors
/// When the database fails.
pub async fn remove(app: &App, connection: &Connection) -> Result<Removal, Fault> {
    let provider = app.store.read().await?.provider(&connection.provider_id).await?;
    let mut tx = app.store.begin().await?;
    // As it is now, and nobody refreshes it meanwhile.
    let is_held = tx.hold_connection(&connection.id).await?;
    let Some(connection) = tx.connection(&connection.id).await?.filter(|_| is_held) else {
        return Ok(Removal::Unknown);
    };
    if !tx.delete_connection(&connection.id).await? {
        return Ok(Removal::Unknown);
    }
    tx.record(about(app, EventKind::ConnectionRemoved, &connection)).await?;
    tx.commit().await?;
    let (Some(provider), Some(tokens)) = (provider, open(app, &connection)) else {
        return Ok(Removal::HereOnly(None));
    };
    let Ok(line) = Line::to(app, &provider).await? else {
        return Ok(Removal::HereOnly(None));
    };
    let tokens = match alive(app, &line, &connection, tokens).await? {
        Ok(tokens) => tokens,
        Err(UpstreamError::Dead(_)) => return Ok(Removal::Everywhere),
        Err(error) => {
            super::note_trouble(&provider, &error);
            return Ok(Removal::HereOnly(line.profile.account_page));
        }
    };
    Ok(if super::revoke(app, &provider, &line, &tokens).await? {
        Removal::Everywhere
    } else {
        Removal::HereOnly(line.profile.account_page)
    })
}

/// Tokens by which everything can be taken back: where the access token has to be shown and has ended, it is refreshed for
/// that.
async fn alive(app: &App, line: &Line, connection: &Connection, tokens: Tokens) -> Result<Result<Tokens, UpstreamError>, Fault> {
    let is_needed = line.profile.revocation.shows_access_token() && !connection.is_fresh(app.now(), 0);
    match &tokens.refresh_token {
        Some(refresh_token) if is_needed => {
            let refreshed = line.upstream(app).refresh(refresh_token, &connection.scope).await?;
            Ok(refreshed.map(|granted| granted.tokens))
        }
        _ => Ok(Ok(tokens)),
    }
}
