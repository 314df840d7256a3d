//! Changing one's own password.
//!
//! Whoever does so may be looking at a stolen session, so the current password is asked for and guessing
//! is slowed down by the counters of the sign-in. Whoever does so may also be shutting a thief out, so
//! everything that acts for the account ends; only this browser goes on, in a new session.

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::keys::passwords::{MAX_PASSWORD, Verdict};
use crate::model::event::EventKind;
use crate::model::user::User;

use super::account::check_password;
use super::device;
use super::session::{self, NewSession, Origin, SignedIn};
use super::sign_in::AMR_PASSWORD;
use super::throttle::Attempt;

/// What a person typed.
pub struct Change<'a> {
    /// The password so far
    pub current: &'a SecretString,
    /// The one from now on
    pub new: &'a SecretString,
    /// Where it comes from
    pub origin: &'a Origin,
    /// The cookie of a browser that signed in before
    pub device: Option<&'a str>,
}

/// What came of it.
pub enum Outcome {
    /// Changed; the cookies to set
    Done {
        /// The session in which this browser goes on
        session: Box<NewSession>,
        /// The cookie by which it will be known
        device: String,
    },
    /// The new password is not possible, and why
    Unsuitable(String),
    /// The current password is wrong
    Wrong,
    /// Too many failures; try again after so many seconds
    Throttled(Seconds),
    /// The session or the password is not any more what it was when the form was sent
    Overtaken,
}

/// Changes the password of whoever is signed in, and ends all their sessions and grants.
///
/// # Errors
/// When the database fails or too many passwords are being checked.
pub async fn change(app: &App, visitor: &SignedIn, change: &Change<'_>) -> Result<Outcome, Fault> {
    let SignedIn { session, user } = visitor;
    let Some(stored) = &user.password_hash else {
        return Ok(Outcome::Unsuitable("this account has no password".to_owned()));
    };
    if let Err(problem) = check_password(change.new) {
        return Ok(Outcome::Unsuitable(problem));
    }
    if change.new.expose_secret() == change.current.expose_secret() {
        return Ok(Outcome::Unsuitable("the new password is the same as the current one".to_owned()));
    }
    let known_browser = device::recognize(app, change.device, user);
    let counters = Attempt::new(app, &user.username, &change.origin.address, known_browser.as_deref());
    if let Some(seconds) = counters.blocked_for(&mut app.store.read().await?, app.now()).await? {
        return Ok(throttled(user, seconds));
    }
    // As at the sign-in: kept until a failure is counted, and the counters are read again when it is our
    // turn, and before the verdict is looked at.
    let turn = app.passwords.turn().await?;
    if let Some(seconds) = counters.blocked_for(&mut app.store.read().await?, app.now()).await? {
        return Ok(throttled(user, seconds));
    }
    let verdict = if change.current.expose_secret().len() > MAX_PASSWORD {
        Verdict::Wrong
    } else {
        turn.verify(change.current, Some(stored)).await?
    };
    let is_right = verdict != Verdict::Wrong;
    let hash = if is_right { turn.hash(change.new).await? } else { String::new() };
    let now = app.now();
    let mut tx = app.store.begin().await?;
    if let Some(seconds) = counters.blocked_for(&mut tx, now).await? {
        return Ok(throttled(user, seconds));
    }
    if !is_right {
        // Compared with the password of whoever changed it meanwhile: not a guess.
        if tx.session(&session.id).await?.is_none() {
            return Ok(Outcome::Overtaken);
        }
        let blocked = counters.failed(&mut tx, now).await?.blocked;
        tx.record(app.event(EventKind::PasswordRefused).subject(&user.id).refused()).await?;
        // Told once, when it begins, as at the sign-in: it shuts out unknown browsers there, too.
        if !blocked.is_empty() {
            let event = app.event(EventKind::SignInThrottled).subject(&user.id).refused();
            tx.record(event.detail("counters", blocked)).await?;
        }
        tx.commit().await?;
        return Ok(Outcome::Wrong);
    }
    // Two changes at once: the second finds another password, and its session gone.
    if !tx.hold_sign_in(&user.id, stored).await? {
        return Ok(Outcome::Overtaken);
    }
    // Rows are taken in the order of the sign-in: account, counters, sessions.
    counters.succeeded(&mut tx).await?;
    if !tx.delete_session(&session.id).await? {
        return Ok(Outcome::Overtaken);
    }
    tx.set_password_hash(&user.id, &hash, now).await?;
    tx.sign_out_everywhere(&user.id, now).await?;
    let next = session::new_session(app, &user.id, &[AMR_PASSWORD], change.origin)?;
    tx.insert_session(&next.session).await?;
    tx.record(app.event(EventKind::PasswordChanged).subject(&user.id).target(&next.session.id))
        .await?;
    tx.commit().await?;
    let changed = User {
        password_hash: Some(hash),
        ..user.clone()
    };
    Ok(Outcome::Done {
        session: Box::new(next),
        device: device::remember(app, &changed)?,
    })
}

fn throttled(user: &User, seconds: Seconds) -> Outcome {
    tracing::warn!(
        event = "password_change_throttled",
        user = user.id,
        seconds,
        "a change of password was refused: too many failures"
    );
    Outcome::Throttled(seconds)
}
