//! Taking a connection back: here, and at the provider where that can be.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::connection::Connection;
use crate::model::event::EventKind;

use super::about;
use super::revocations::{self, Attempt, Settled, Task};

/// What taking a connection back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone here and there
    Everywhere,
    /// It is gone here, and the provider could not be told yet: that is tried again. The page where people do it themselves,
    /// if there is one
    Later(Option<&'static str>),
    /// It is gone here, and nobody takes it back at the provider. The page where people do it themselves, if there is one
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
    let now = app.now();
    if !tx.remove_connection(&connection.id, now, now + revocations::LEASE).await? {
        return Ok(Removal::Unknown);
    }
    tx.record(about(app, EventKind::ConnectionRemoved, connection)).await?;
    tx.commit().await?;
    // As it was when it was removed, and where the provider is now.
    let Some(mut task) = Task::read(app, &connection.id).await? else {
        return Ok(Removal::Later(None));
    };
    let attempt = revocations::attempt(app, &mut task).await?;
    let settled = revocations::settle(app, task.revocation(), &attempt).await?;
    Ok(match attempt {
        Attempt::NotNow { account_page, .. } => Removal::Later(account_page),
        // Newer tokens were on their way.
        _ if settled == Settled::Changed => Removal::Later(None),
        Attempt::Done => Removal::Everywhere,
        Attempt::NoWay(page) => Removal::HereOnly(page),
        Attempt::Damaged => Removal::HereOnly(None),
    })
}
