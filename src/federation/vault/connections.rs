//! Taking a connection back: here, and at the provider where that can be.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::connection::Connection;
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
    // As it is now: it may have been refreshed since it was read.
    let Some(connection) = tx.connection(&connection.id).await? else {
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
    match line.upstream(app).revoke(&tokens).await? {
        Ok(true) => Ok(Removal::Everywhere),
        Ok(false) => Ok(Removal::HereOnly(line.profile.account_page)),
        Err(error) => {
            super::note_trouble(&provider, &error);
            Ok(Removal::HereOnly(line.profile.account_page))
        }
    }
}
