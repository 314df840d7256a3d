//! Sessions as administrators see them: who is signed in, where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::identity::operator::OPERATOR;
use crate::model::event::EventKind;
use crate::model::session::Session;

use super::AdminError;
use super::page::{BEFORE_ALL, Listed, Page};

const LIST: &str = "sessions";

/// Who began a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A user who signed in
    User,
    /// Whoever holds the admin token
    AdminToken,
}

/// A session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// `sid`
    pub id: String,
    /// Who began it
    pub kind: SessionKind,
    /// Who is signed in; `null` where it is the admin token
    pub user_id: Option<String>,
    /// Their user name
    pub username: Option<String>,
    /// The browser, as it calls itself
    pub user_agent: String,
    /// Where it signed in from
    pub address: String,
    /// How they proved who they are (RFC 8176)
    pub amr: Vec<String>,
    /// When they last did, in seconds since 1970
    pub auth_time: Timestamp,
    /// When it began, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last used, to within a minute, in seconds since 1970
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used before, in seconds since 1970
    pub idle_expires_at: Timestamp,
    /// When it ends in any case, in seconds since 1970
    pub expires_at: Timestamp,
}

impl SessionView {
    fn new(session: Session, usernames: &BTreeMap<String, String>) -> Self {
        let is_operator = session.user_id == OPERATOR;
        Self {
            id: session.id,
            kind: if is_operator { SessionKind::AdminToken } else { SessionKind::User },
            username: usernames.get(&session.user_id).cloned(),
            user_id: Some(session.user_id).filter(|_| !is_operator),
            user_agent: session.user_agent,
            address: session.address,
            amr: session.amr,
            auth_time: session.auth_time,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            idle_expires_at: session.idle_expires_at,
            expires_at: session.expires_at,
        }
    }
}

/// A page of the sessions that are alive, the newest first; with `user_id`, only that user's.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, user_id: Option<&str>, page: &Page) -> Result<Listed<SessionView>, AdminError> {
    let [before] = page.after(LIST)?.unwrap_or([BEFORE_ALL]);
    let mut connection = app.store.read().await?;
    let rows = connection.sessions_before(user_id, before, app.now(), page.rows()).await?;
    let usernames = connection.usernames(rows.iter().map(|session| session.user_id.as_str())).await?;
    Ok(page.of(
        LIST,
        rows,
        |session| vec![session.id.clone()],
        |session| SessionView::new(session, &usernames),
    ))
}

/// The session of this id, if it is alive.
///
/// # Errors
/// When there is none or the database fails.
pub async fn show(app: &App, id: &str) -> Result<SessionView, AdminError> {
    let mut connection = app.store.read().await?;
    let session = connection.session(id).await?.filter(|session| session.is_alive(app.now()));
    let session = session.ok_or(AdminError::NotFound)?;
    let usernames = connection.usernames([session.user_id.as_str()]).await?;
    Ok(SessionView::new(session, &usernames))
}

/// Ends a session: its browser is signed out, and the grants that were not meant to outlive it are revoked.
///
/// # Errors
/// See [`AdminError`].
pub async fn end(app: &App, id: &str) -> Result<(), AdminError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let session = tx.session(id).await?.filter(|session| session.is_alive(now));
    let session = session.ok_or(AdminError::NotFound)?;
    if !tx.delete_session(id).await? {
        return Err(AdminError::NotFound);
    }
    tx.revoke_grants_of_session(id, now).await?;
    let event = app.event(EventKind::SessionRevoked).target(id);
    let event = if session.user_id == OPERATOR {
        event
    } else {
        event.subject(&session.user_id)
    };
    tx.record(event).await?;
    Ok(tx.commit().await?)
}
