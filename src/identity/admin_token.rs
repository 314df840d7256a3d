//! The admin token, and the set-up that hands it out once.
//!
//! Whoever can read the console may claim a new server; whoever merely reaches it may not. The
//! set-up code is derived from `APP_SECRET`, so all nodes print the same one and none is stored.

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::digest::equal;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;
use crate::model::event::{Event, EventKind};
use crate::store::{Setting, Tx};

use super::operator::OPERATOR;
use super::throttle::Attempt;

/// What an attempt to complete set-up came to.
#[derive(Debug)]
pub enum Setup {
    /// Done: this is the admin token, shown once.
    Done(SecretString),
    /// The code is not the one on the console.
    WrongCode,
    /// Somebody did it already.
    AlreadyDone,
}

/// The one-time code of set-up.
#[must_use]
pub fn setup_code(app: &App) -> String {
    setup_codes(app).next().unwrap_or_default()
}

/// That of each secret that is accepted, the one that is shown first.
fn setup_codes(app: &App) -> impl Iterator<Item = String> {
    app.secrets.setup.macs(&[b"code"]).map(|mac| base64url(&mac[..15]))
}

/// Whether set-up is still to be done.
///
/// # Errors
/// When the database fails.
pub async fn is_setup_open(app: &App) -> Result<bool, Fault> {
    Ok(app.store.read().await?.setting(Setting::AdminTokenHash).await?.is_none())
}

/// Completes set-up with the code from the console.
///
/// # Errors
/// When the database fails.
pub async fn complete_setup(app: &App, code: &str) -> Result<Setup, Fault> {
    if !is_setup_open(app).await? {
        return Ok(Setup::AlreadyDone);
    }
    if !setup_codes(app).any(|right| equal(code.trim().as_bytes(), right.as_bytes())) {
        note_wrong_code(app).await?;
        return Ok(Setup::WrongCode);
    }
    let token = new_token(app);
    if install(app, &token, app.event(EventKind::SetupCompleted)).await? {
        tracing::info!(event = "setup_completed", "set-up is done");
        Ok(Setup::Done(token))
    } else {
        Ok(Setup::AlreadyDone)
    }
}

/// Installs `ADMIN_TOKEN` of the configuration, unless there is an admin token. True when the one
/// in the configuration is the one in force.
///
/// # Errors
/// When the database fails.
pub async fn bootstrap(app: &App, token: &SecretString) -> Result<bool, Fault> {
    let event = app.event(EventKind::SetupCompleted).detail("from", "configuration");
    if install(app, token, event).await? {
        tracing::info!(event = "setup_completed", "the admin token was taken from the configuration");
        return Ok(true);
    }
    verify(app, token.expose_secret()).await
}

/// How many wrong codes are kept of in [`WRONG_CODE_MEMORY`]; anybody may try, as often as they like.
const WRONG_CODES: i64 = 10;
/// In seconds.
const WRONG_CODE_MEMORY: Seconds = 3600;

async fn note_wrong_code(app: &App) -> Result<(), Fault> {
    let counter = base64url(&app.secrets.throttle.mac(&[b"setup"]));
    let now = app.now();
    if app.store.read().await?.blocked_until(&counter).await? > now {
        return Ok(());
    }
    tracing::warn!(event = "setup_refused", "somebody tried to set this server up with a wrong code");
    let forgotten_at = now + WRONG_CODE_MEMORY;
    let mut tx = app.store.begin().await?;
    let so_far = tx.count_attempt(&counter, now, forgotten_at).await?;
    if so_far.failures >= WRONG_CODES {
        tx.block_attempts(&counter, forgotten_at, forgotten_at).await?;
    }
    tx.record(app.event(EventKind::SetupRefused).refused()).await?;
    tx.commit().await
}

async fn install(app: &App, token: &SecretString, event: Event) -> Result<bool, Fault> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let installed = tx
        .insert_setting(Setting::AdminTokenHash, &digest(app, token.expose_secret()), now)
        .await?;
    if installed {
        tx.put_setting(Setting::SetupCompletedAt, &now.to_string(), now).await?;
        note_secret(app, &mut tx).await?;
        tx.record(event).await?;
    }
    tx.commit().await?;
    Ok(installed)
}

/// Replaces the admin token by a new one; the old one is dead.
///
/// # Errors
/// When the database fails.
pub async fn reset(app: &App) -> Result<SecretString, Fault> {
    let token = new_token(app);
    let now = app.now();
    let mut tx = app.store.begin().await?;
    tx.put_setting(Setting::AdminTokenHash, &digest(app, token.expose_secret()), now)
        .await?;
    tx.put_setting(Setting::SetupCompletedAt, &now.to_string(), now).await?;
    note_secret(app, &mut tx).await?;
    // Whoever signed in with the old one is out.
    tx.delete_sessions_of(OPERATOR).await?;
    tx.record(app.event(EventKind::AdminTokenReplaced)).await?;
    tx.commit().await?;
    tracing::warn!(event = "admin_token_reset", "the admin token was replaced");
    Ok(token)
}

/// Whether `presented` is the admin token.
///
/// # Errors
/// When the database fails.
pub async fn verify(app: &App, presented: &str) -> Result<bool, Fault> {
    let stored = app.store.read().await?.setting(Setting::AdminTokenHash).await?;
    match stored.filter(|stored| is_digest_of(app, stored, presented)) {
        Some(stored) => renew(app, &stored, presented).await.map(|()| true),
        None => Ok(false),
    }
}

/// Whether what is stored is the digest of a token, by any secret that is accepted.
fn is_digest_of(app: &App, stored: &str, token: &str) -> bool {
    digests(app, token).any(|digest| equal(digest.as_bytes(), stored.as_bytes()))
}

/// Stores the digest of the right token by the secret that is in force, where it is that of the previous one: only whoever
/// knows the token can make it.
async fn renew(app: &App, stored: &str, token: &str) -> Result<(), Fault> {
    let digest = digest(app, token);
    if digest == stored || !app.config.replaces_secret() {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    if tx.hold_setting_value(Setting::AdminTokenHash, stored).await? {
        tx.put_setting(Setting::AdminTokenHash, &digest, app.now()).await?;
        note_secret(app, &mut tx).await?;
    }
    tx.commit().await
}

/// Notes which secret the digest is made with.
async fn note_secret(app: &App, tx: &mut Tx) -> Result<(), Fault> {
    tx.put_setting(Setting::AdminTokenSecret, &app.secrets.check_value(), app.now())
        .await
}

/// Whether the digest is made with the secret that is in force, or there is none yet.
///
/// # Errors
/// When the database fails.
pub async fn is_of_this_secret(app: &App) -> Result<bool, Fault> {
    let mut connection = app.store.read().await?;
    if connection.setting(Setting::AdminTokenHash).await?.is_none() {
        return Ok(true);
    }
    let secret = connection.setting(Setting::AdminTokenSecret).await?;
    Ok(secret.is_some_and(|secret| secret == app.secrets.check_value()))
}

/// Whether the digest is made with a secret that is not accepted any more, so that no token is right: only whoever knows the
/// token could have stored it anew, while both secrets were accepted, and nobody did.
///
/// # Errors
/// When the database fails.
pub async fn is_of_lost_secret(app: &App) -> Result<bool, Fault> {
    let mut connection = app.store.read().await?;
    if connection.setting(Setting::AdminTokenHash).await?.is_none() {
        return Ok(false);
    }
    match connection.setting(Setting::AdminTokenSecret).await? {
        Some(secret) => Ok(!app.secrets.check_values().any(|accepted| accepted == secret)),
        // It is from before this was noted, and so from before the first rotation, if there was one.
        None if app.config.previous_secret().is_none() => Ok(connection.setting(Setting::SecretRotatedAt).await?.is_some()),
        None => Ok(false),
    }
}

/// Tokens that stand in the documentation, where everybody can read them.
pub const EXAMPLES: [&str; 1] = ["change-me-please-0123"];

/// Whether the admin token is one of [`EXAMPLES`].
///
/// # Errors
/// When the database fails.
pub async fn is_example(app: &App) -> Result<bool, Fault> {
    let stored = app.store.read().await?.setting(Setting::AdminTokenHash).await?;
    Ok(stored.is_some_and(|stored| EXAMPLES.iter().any(|example| is_digest_of(app, &stored, example))))
}

/// What presenting an admin token came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one
    Right,
    /// It is not
    Wrong,
    /// There were too many wrong ones from this network; try again after so many seconds
    Throttled(Seconds),
}

/// As [`verify`], for whoever asks over the network: wrong tokens are counted, and slowed down.
///
/// A token in the form that the server makes has 256 random bits, which nobody guesses, so such a token is
/// never refused for the mistakes of others at the same address. A token that an operator chose might be
/// guessed: those attempts are judged one after the other, so that a burst of them gets no further than the
/// counter allows.
///
/// # Errors
/// When the database fails.
pub async fn verify_throttled(app: &App, presented: &str) -> Result<Verdict, Fault> {
    let is_guessable = !is_of_our_making(presented);
    let _turn = if is_guessable {
        Some(app.admin_token_turn.lock().await)
    } else {
        None
    };
    let address = app.context().address.clone().unwrap_or_default();
    let attempt = Attempt::with_admin_token(app, &address);
    let mut connection = app.store.read().await?;
    let blocked_for = attempt.blocked_for(&mut connection, app.now()).await?;
    if let Some(seconds) = blocked_for.filter(|_| is_guessable) {
        return Ok(Verdict::Throttled(seconds));
    }
    let stored = connection.setting(Setting::AdminTokenHash).await?;
    drop(connection);
    if let Some(stored) = stored.filter(|stored| is_digest_of(app, stored, presented)) {
        renew(app, &stored, presented).await?;
        return Ok(Verdict::Right);
    }
    if let Some(seconds) = blocked_for {
        // Counted and recorded enough.
        return Ok(Verdict::Throttled(seconds));
    }
    let mut tx = app.store.begin().await?;
    attempt.failed(&mut tx, app.now()).await?;
    tx.record(app.event(EventKind::AdminRefused).refused()).await?;
    tx.commit().await?;
    Ok(Verdict::Wrong)
}

/// Holds the admin token until the transaction ends, if it is `presented`.
///
/// # Errors
/// When the database fails.
pub(super) async fn hold(app: &App, tx: &mut Tx, presented: &str) -> Result<bool, Fault> {
    for digest in digests(app, presented) {
        if tx.hold_setting_value(Setting::AdminTokenHash, &digest).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What every token begins with that this server makes.
const PREFIX: &str = "gh_admin_";

fn is_of_our_making(token: &str) -> bool {
    let secret = token.strip_prefix(PREFIX).and_then(from_base64url);
    secret.is_some_and(|secret| secret.len() == 32)
}

fn new_token(app: &App) -> SecretString {
    SecretString::from(format!("{PREFIX}{}", app.random.secret()))
}

/// Keyed, because an operator may have chosen the token, and a stolen database must not help to guess it.
fn digest(app: &App, token: &str) -> String {
    base64url(&app.secrets.admin_token.mac(&[token.as_bytes()]))
}

/// That by each secret that is accepted, the one in force first.
fn digests(app: &App, token: &str) -> impl Iterator<Item = String> {
    app.secrets.admin_token.macs(&[token.as_bytes()]).map(|mac| base64url(&mac))
}
