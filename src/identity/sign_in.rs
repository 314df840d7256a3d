//! Signing in with a password.

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::keys::passwords::{MAX_PASSWORD, Verdict};
use crate::model::event::{Actor, Event, EventKind};
use crate::model::statistic::Statistic;
use crate::model::user::{User, normalize_email, normalize_username};
use crate::store::Tx;

use super::device;
use super::session::{self, NewSession, Origin};
use super::spraying;
use super::throttle::{Attempt, Failure};

/// A person at the sign-in page.
pub struct SignIn<'a> {
    /// User name, or verified e-mail address
    pub username: &'a str,
    /// Password
    pub password: &'a SecretString,
    /// Where it comes from
    pub origin: &'a Origin,
    /// The cookie of a browser that signed in before
    pub device: Option<&'a str>,
    /// The cookie of the session that this one replaces
    pub replaces: Option<&'a str>,
}

/// What came of it.
pub enum Outcome {
    /// Signed in; the cookies to set.
    Done {
        /// The new session
        session: Box<NewSession>,
        /// Who it is
        user: Box<User>,
        /// The cookie by which this browser will be known
        device: String,
    },
    /// Wrong name or wrong password; which of both is not said.
    Wrong,
    /// Too many failures; try again after so many seconds.
    Throttled(Seconds),
}

/// Authentication method reference for a password (RFC 8176 §2).
pub const AMR_PASSWORD: &str = "pwd";

/// Checks a password and begins a session under a new id.
///
/// # Errors
/// When the database fails or too many passwords are being checked.
pub async fn sign_in(app: &App, attempt: &SignIn<'_>) -> Result<Outcome, Fault> {
    Ok(match when_undone(async || try_to_sign_in(app, attempt).await).await? {
        Attempted::Told(outcome) => outcome,
        Attempted::Failed(failure) => {
            failed(app, attempt, &failure).await?;
            Outcome::Wrong
        }
    })
}

/// What one attempt has come to.
enum Attempted {
    Told(Outcome),
    /// It was wrong, which is written down
    Failed(Failure),
}

async fn try_to_sign_in(app: &App, attempt: &SignIn<'_>) -> Result<Attempted, Fault> {
    let user = find_user(app, attempt.username).await?;
    // Counted under what was typed, whether there is such a user or not: two names of one account
    // must not show by their counters that they belong together.
    let typed = attempt.username.trim().to_lowercase();
    let known = user.as_ref().map(|user| user.id.clone());
    let device = user.as_ref().and_then(|user| device::recognize(app, attempt.device, user));
    let counters = Attempt::new(app, &typed, &attempt.origin.address, device.as_deref());
    if let Some(seconds) = counters.blocked_for(&mut app.store.read().await?, app.now()).await? {
        return Ok(throttled(app, seconds, attempt));
    }
    // A password that is tried with many accounts is not looked at, save in browsers that are known.
    let is_sprayed = || {
        device
            .is_none()
            .then(|| spraying::blocked_for(app, &attempt.origin.address, attempt.password))
            .flatten()
    };
    if let Some(seconds) = is_sprayed() {
        return Ok(throttled(app, seconds, attempt));
    }
    // Kept until a failure is counted: no more guesses are on their way than there are turns.
    let turn = app.passwords.turn().await?;
    // Others may have failed while this one waited in line.
    if let Some(seconds) = counters.blocked_for(&mut app.store.read().await?, app.now()).await? {
        return Ok(throttled(app, seconds, attempt));
    }
    let stored = user
        .as_ref()
        .filter(|user| !user.is_disabled)
        .and_then(|user| user.password_hash.clone());
    let verdict = if attempt.password.expose_secret().len() > MAX_PASSWORD {
        Verdict::Wrong
    } else {
        turn.verify(attempt.password, stored.as_deref()).await?
    };
    let now = app.now();
    let mut tx = app.store.begin().await?;
    // Before the verdict is looked at: once it is blocked, right and wrong get the same answer.
    if let Some(seconds) = counters.blocked_for(&mut tx, now).await?.max(is_sprayed()) {
        return Ok(throttled(app, seconds, attempt));
    }
    let (Verdict::Right | Verdict::Outdated(_), Some(mut user), Some(stored)) = (&verdict, user, stored) else {
        return wrong(app, &counters, tx, known.as_deref(), now).await;
    };
    // The password may have been changed, or the account disabled, since it was read.
    if !tx.hold_sign_in(&user.id, &stored).await? {
        return wrong(app, &counters, tx, known.as_deref(), now).await;
    }
    counters.succeeded(&mut tx).await?;
    if let Verdict::Outdated(new) = verdict {
        tx.upgrade_password_hash(&user.id, &stored, &new).await?;
        user.password_hash = Some(new);
    }
    let session = session::new_session(app, &user.id, &[AMR_PASSWORD], attempt.origin)?;
    if let Some(cookie) = attempt.replaces
        && let Some(replaced) = session::end(&mut tx, cookie).await?
    {
        if replaced.user_id == user.id {
            tx.move_grants(&replaced.id, &session.session.id).await?;
        } else {
            tx.revoke_grants_of_session(&replaced.id, now).await?;
            tx.record(session::signed_out(app, &replaced)).await?;
        }
    }
    tx.insert_session(&session.session).await?;
    let event = app.event(EventKind::SignedIn).by(Actor::User(user.id.clone())).subject(&user.id);
    tx.record(event.target(&session.session.id).detail("method", AMR_PASSWORD)).await?;
    tx.commit().await?;
    tracing::debug!(
        event = "signed_in",
        user = user.id,
        session = session.session.id,
        address = attempt.origin.address,
        "somebody signed in"
    );
    spraying::succeeded(app, &attempt.origin.address);
    app.counters.count(Statistic::SignIns);
    let device = device::remember(app, &user)?;
    Ok(Attempted::Told(Outcome::Done {
        session: Box::new(session),
        user: Box::new(user),
        device,
    }))
}

/// Counts a failure. What was typed is not kept when nobody has that name: people type passwords there.
async fn wrong(app: &App, counters: &Attempt, mut tx: Tx, known: Option<&str>, now: Timestamp) -> Result<Attempted, Fault> {
    let failure = counters.failed(&mut tx, now).await?;
    let about = |event: Event| match known {
        Some(user_id) => event.subject(user_id),
        None => event,
    };
    tx.record(about(app.event(EventKind::SignInFailed)).refused()).await?;
    // Told once, when it begins: what is refused from then on must not fill the log.
    if !failure.blocked.is_empty() {
        let event = about(app.event(EventKind::SignInThrottled)).refused();
        tx.record(event.detail("counters", failure.blocked.clone())).await?;
    }
    tx.commit().await?;
    Ok(Attempted::Failed(failure))
}

/// What a failure that is written down brings about besides. It is not done again with the attempt.
async fn failed(app: &App, attempt: &SignIn<'_>, failure: &Failure) -> Result<(), Fault> {
    app.counters.count(Statistic::FailedSignIns);
    tracing::debug!(event = "sign_in_failed", "a sign-in failed");
    if failure.is_spraying {
        spraying::detected(app, "network").await?;
    }
    if failure.is_new {
        spraying::failed(app, &attempt.origin.address, attempt.password).await?;
    }
    Ok(())
}

fn throttled(app: &App, seconds: Seconds, attempt: &SignIn<'_>) -> Attempted {
    app.measures.throttled_sign_ins.one_more();
    tracing::warn!(
        event = "sign_in_throttled",
        seconds,
        address = attempt.origin.address,
        "a sign-in was refused: too many failures"
    );
    Attempted::Told(Outcome::Throttled(seconds))
}

/// Finds whoever `typed` names, by one query in every case.
async fn find_user(app: &App, typed: &str) -> Result<Option<User>, Fault> {
    let username = normalize_username(typed).unwrap_or_default();
    let email = normalize_email(typed).unwrap_or_default();
    app.store.read().await?.user_by_login(&username, &email).await
}
