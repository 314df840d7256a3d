//! Sessions: a random cookie in the browser, its digest in a row.

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::Seconds;
use crate::base::digest::{equal, sha256};
use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;
use crate::base::id::{id_bytes, id_from_bytes, new_id};
use crate::model::event::{Actor, Event, EventKind};
use crate::model::session::Session;
use crate::model::user::User;
use crate::store::Tx;

/// How stale "last seen" may be, in seconds: a session is not written at every click.
const TOUCH_INTERVAL: Seconds = 60;

/// A person who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// In this session
    pub session: Session,
    /// As this user
    pub user: User,
}

/// Where a sign-in comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The address of the browser
    pub address: String,
    /// What the browser calls itself
    pub user_agent: String,
}

/// A new session and the value of its cookie.
pub struct NewSession {
    /// The row
    pub session: Session,
    /// The cookie: id and secret
    pub cookie: String,
}

/// Makes a session for a user who has just proved who they are. It is not stored yet.
///
/// # Errors
/// Never in practice: the new id is one of ours.
pub fn new_session(app: &App, user_id: &str, amr: &[&str], origin: &Origin) -> Result<NewSession, Fault> {
    let now = app.now();
    let id = new_id(&app.clock, &app.random);
    let secret: [u8; 32] = app.random.bytes();
    let mut cookie = Vec::with_capacity(48);
    cookie.extend_from_slice(&id_bytes(&id).ok_or_else(|| Fault::internal("a new id is not an id"))?);
    cookie.extend_from_slice(&secret);
    let lives = app.lifetimes();
    let session = Session {
        id,
        secret_hash: base64url(&sha256(&secret)),
        user_id: user_id.to_owned(),
        auth_time: now,
        amr: amr.iter().map(|method| (*method).to_owned()).collect(),
        user_agent: origin.user_agent.chars().filter(|c| !c.is_control()).take(255).collect(),
        address: origin.address.chars().take(64).collect(),
        created_at: now,
        last_seen_at: now,
        idle_expires_at: now + lives.session_idle,
        expires_at: now + lives.session,
    };
    Ok(NewSession {
        session,
        cookie: base64url(&cookie),
    })
}

/// The session that a cookie names, if it is alive and the cookie's secret is right.
///
/// # Errors
/// When the database fails.
pub(super) async fn authentic(app: &App, cookie: &str) -> Result<Option<Session>, Fault> {
    let Some((id, secret)) = parse_cookie(cookie) else {
        return Ok(None);
    };
    let session = app.store.read().await?.session(&id).await?;
    Ok(session.filter(|session| is_authentic(app, session, &secret)))
}

/// Whether the session is alive and this is its secret.
fn is_authentic(app: &App, session: &Session, secret: &[u8; 32]) -> bool {
    let matches = equal(base64url(&sha256(secret)).as_bytes(), session.secret_hash.as_bytes());
    matches && session.is_alive(app.now())
}

/// Keeps a session that is used from idling out.
///
/// # Errors
/// When the database fails.
pub(super) async fn touch(app: &App, session: &Session, idle_lifetime: Seconds) -> Result<(), Fault> {
    let now = app.now();
    if now - session.last_seen_at < TOUCH_INTERVAL {
        return Ok(());
    }
    when_undone(async || {
        let mut tx = app.store.begin().await?;
        tx.touch_session(&session.id, now, now + idle_lifetime).await?;
        tx.commit().await
    })
    .await
}

/// Who the cookie belongs to, if the session is alive and the user may sign in.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, cookie: &str) -> Result<Option<SignedIn>, Fault> {
    let Some((id, secret)) = parse_cookie(cookie) else {
        return Ok(None);
    };
    let found = app.store.read().await?.session_and_user(&id).await?;
    let Some((session, user)) = found.filter(|(session, user)| is_authentic(app, session, &secret) && !user.is_disabled) else {
        return Ok(None);
    };
    touch(app, &session, app.lifetimes().session_idle).await?;
    Ok(Some(SignedIn { session, user }))
}

/// Ends the session that a cookie names, inside a transaction; which one it was. A cookie with a wrong
/// secret ends nothing.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Tx, cookie: &str) -> Result<Option<Session>, Fault> {
    let Some((id, secret)) = parse_cookie(cookie) else {
        return Ok(None);
    };
    let Some(session) = tx.session(&id).await? else {
        return Ok(None);
    };
    if !equal(base64url(&sha256(&secret)).as_bytes(), session.secret_hash.as_bytes()) {
        return Ok(None);
    }
    Ok(tx.delete_session(&id).await?.then_some(session))
}

/// Signs a browser out, and ends the grants that were not meant to outlive the session.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(app: &App, cookie: &str) -> Result<(), Fault> {
    let ended = when_undone(async || {
        let mut tx = app.store.begin().await?;
        let ended = end(&mut tx, cookie).await?;
        if let Some(session) = &ended {
            tx.revoke_grants_of_session(&session.id, app.now()).await?;
            tx.record(signed_out(app, session)).await?;
        }
        tx.commit().await?;
        Ok(ended)
    })
    .await?;
    if let Some(session) = ended {
        tracing::debug!(event = "signed_out", session = session.id, "a session was ended by its owner");
    }
    Ok(())
}

/// The event that a session was ended by its owner.
#[must_use]
pub fn signed_out(app: &App, session: &Session) -> Event {
    let actor = Actor::User(session.user_id.clone());
    app.event(EventKind::SignedOut)
        .by(actor)
        .subject(&session.user_id)
        .target(&session.id)
}

fn parse_cookie(cookie: &str) -> Option<(String, [u8; 32])> {
    let bytes: [u8; 48] = from_base64url(cookie)?.try_into().ok()?;
    let (id, secret) = bytes.split_at(16);
    Some((id_from_bytes(id.try_into().ok()?), secret.try_into().ok()?))
}
