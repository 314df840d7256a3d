//! The sessions of a person, seen and ended by that person.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::event::EventKind;
use crate::model::session::Session;

use super::session::SignedIn;

/// The most sessions that are listed; all others can still be ended together.
const MOST: u16 = 200;

/// The sessions of whoever is signed in that are alive: their own first, then the others, last seen first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, visitor: &SignedIn) -> Result<Vec<Session>, Fault> {
    let mut sessions = app.store.read().await?.own_sessions(&visitor.user.id, app.now(), MOST).await?;
    sessions.sort_by_key(|session| (session.id != visitor.session.id, -session.last_seen_at));
    Ok(sessions)
}

/// Ends another session of whoever is signed in, and the grants that were not meant to outlive it. False
/// when there is no such session, or it is somebody else's.
///
/// # Errors
/// When the database fails.
pub async fn end(app: &App, visitor: &SignedIn, session_id: &str) -> Result<bool, Fault> {
    let mut tx = app.store.begin().await?;
    if !tx.end_own_session(&visitor.user.id, session_id, app.now()).await? {
        return Ok(false);
    }
    tx.record(app.event(EventKind::SessionRevoked).subject(&visitor.user.id).target(session_id))
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Ends all sessions of whoever is signed in but the present one, and the grants that were not meant to
/// outlive them; how many there were.
///
/// # Errors
/// When the database fails.
pub async fn end_others(app: &App, visitor: &SignedIn) -> Result<u64, Fault> {
    let mut tx = app.store.begin().await?;
    let ended = tx.end_other_sessions(&visitor.user.id, &visitor.session.id, app.now()).await?;
    if ended > 0 {
        tx.record(
            app.event(EventKind::SessionRevoked)
                .subject(&visitor.user.id)
                .detail("sessions", ended),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(ended)
}
