//! What happened to an account lately, for the person whose it is.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::event::{Event, EventFilter};

/// The events that concern a user, newest first, `limit` at most; `before` is the id of the last one of
/// the page before.
///
/// # Errors
/// When the database fails.
pub async fn recent(app: &App, user_id: &str, before: Option<&str>, limit: u16) -> Result<Vec<Event>, Fault> {
    let filter = EventFilter {
        subject_id: Some(user_id.to_owned()),
        ..EventFilter::default()
    };
    app.store.read().await?.events(&filter, before, limit).await
}
