//! Initial access tokens (RFC 7591 §1.2): operators make them, and programs register clients with them.

use secrecy::SecretString;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::invalid::Invalid;
use crate::model::event::EventKind;
use crate::model::initial_access_token::{InitialAccessToken, PREFIX};

/// How long a token lives unless somebody says something else, in seconds.
pub const USUAL_LIFETIME: Seconds = 7 * 86_400;
/// The shortest and the longest life, in seconds.
const LIFETIMES: std::ops::RangeInclusive<Seconds> = 60..=365 * 86_400;
/// The most uses that are counted.
const MAX_USES: i64 = 1_000_000;

/// A token to make.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for
    pub name: String,
    /// For how long it is good, in seconds
    pub expires_in: Seconds,
    /// For how many clients; `None`: as many as one likes
    pub uses: Option<i64>,
}

/// Why a token is not made.
#[derive(Debug)]
pub enum TokenError {
    /// What was given is wrong
    Invalid(Invalid),
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for TokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for TokenError {}

/// Makes a token. It is shown now and never again: what is stored is its digest.
///
/// # Errors
/// See [`TokenError`].
pub async fn create(app: &App, new: NewToken) -> Result<(InitialAccessToken, SecretString), TokenError> {
    let name = new.name.trim().to_owned();
    check(&name, &new).map_err(TokenError::Invalid)?;
    let secret = format!("{PREFIX}{}", app.random.secret());
    let now = app.now();
    let token = InitialAccessToken {
        id: new_id(&app.clock, &app.random),
        name,
        uses_left: new.uses,
        expires_at: now + new.expires_in,
        created_at: now,
    };
    let mut tx = app.store.begin().await?;
    tx.insert_initial_access_token(&token, &sha256_text(&secret)).await?;
    tx.record(
        app.event(EventKind::InitialTokenCreated)
            .target(&token.id)
            .detail("name", token.name.as_str())
            .detail("expires_at", token.expires_at)
            .detail("uses", token.uses_left),
    )
    .await?;
    tx.commit().await?;
    Ok((token, SecretString::from(secret)))
}

fn check(name: &str, new: &NewToken) -> Result<(), Invalid> {
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Invalid::new("name", "a name has 1 to 200 characters"));
    }
    if !LIFETIMES.contains(&new.expires_in) {
        return Err(Invalid::new(
            "expires_in",
            "an initial access token lives from 1 minute to 365 days",
        ));
    }
    if new.uses.is_some_and(|uses| !(1..=MAX_USES).contains(&uses)) {
        return Err(Invalid::new("uses", "an initial access token is good for 1 to 1000000 clients"));
    }
    Ok(())
}

/// Removes a token; false when there is none. Clients that were registered with it stay.
///
/// # Errors
/// When the database fails.
pub async fn delete(app: &App, id: &str) -> Result<bool, Fault> {
    let mut tx = app.store.begin().await?;
    let Some(token) = tx.initial_access_token(id).await? else {
        return Ok(false);
    };
    if !tx.delete_initial_access_token(&token.id).await? {
        return Ok(false);
    }
    let event = app.event(EventKind::InitialTokenDeleted).target(&token.id);
    tx.record(event.detail("name", token.name.as_str())).await?;
    tx.commit().await?;
    Ok(true)
}

/// The token that was presented, whether a client can still be registered with it or not.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, presented: &str) -> Result<Option<InitialAccessToken>, Fault> {
    if !presented.starts_with(PREFIX) {
        return Ok(None);
    }
    app.store.read().await?.initial_access_token_of(&sha256_text(presented)).await
}
