//! Whoever holds the admin token, at a browser: a session of its own, for which there is no account.

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::model::event::{Actor, EventKind};
use crate::model::session::Session;

use super::admin_token::{self, Verdict};
use super::session::{self, NewSession, Origin};

/// The user id of sessions that the admin token began: that of no account.
pub const OPERATOR: &str = "";
/// How it was proved who that is (`amr`).
const AMR_ADMIN_TOKEN: &str = "admin_token";
/// How long such a session lasts in all, and how long when nobody uses it, in seconds.
const LIFETIME: Seconds = 8 * 3600;
const IDLE_LIFETIME: Seconds = 3600;

/// What came of signing in with the admin token.
pub enum Outcome {
    /// Signed in; the cookie to set
    Done(Box<NewSession>),
    /// That is not the admin token
    Wrong,
    /// Too many failures; try again after so many seconds
    Throttled(Seconds),
}

/// Begins a session with the admin token; `replaces` is the cookie of the one that it replaces.
///
/// # Errors
/// When the database fails.
pub async fn sign_in(app: &App, presented: &str, origin: &Origin, replaces: Option<&str>) -> Result<Outcome, Fault> {
    match admin_token::verify_throttled(app, presented).await? {
        Verdict::Right => {}
        Verdict::Wrong => return Ok(Outcome::Wrong),
        Verdict::Throttled(seconds) => return Ok(Outcome::Throttled(seconds)),
    }
    let mut new = session::new_session(app, OPERATOR, &[AMR_ADMIN_TOKEN], origin)?;
    let now = app.now();
    new.session.idle_expires_at = now + IDLE_LIFETIME;
    new.session.expires_at = now + LIFETIME;
    let mut tx = app.store.begin().await?;
    // Whoever replaces the token waits, and then ends this session with the others; or has been first.
    if !admin_token::hold(app, &mut tx, presented).await? {
        return Ok(Outcome::Wrong);
    }
    if let Some(cookie) = replaces {
        session::end(&mut tx, cookie).await?;
    }
    tx.insert_session(&new.session).await?;
    tx.record(app.event(EventKind::AdminSignedIn).by(Actor::AdminToken).target(&new.session.id))
        .await?;
    tx.commit().await?;
    Ok(Outcome::Done(Box::new(new)))
}

/// The session that a cookie names, if the admin token began it and it is alive.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, cookie: &str) -> Result<Option<Session>, Fault> {
    let session = session::authentic(app, cookie).await?;
    let Some(session) = session.filter(|session| session.user_id == OPERATOR) else {
        return Ok(None);
    };
    session::touch(app, &session, IDLE_LIFETIME).await?;
    Ok(Some(session))
}
