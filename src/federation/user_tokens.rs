//! For whom an agent acts: a JWT of that person, verified and never just decoded.

use std::sync::Arc;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::identity::quota::Quota;
use crate::model::event::Event;
use crate::model::user::{User, normalize_email, normalize_username};
use crate::oauth::signatures::is_signed_by_one_of;
use crate::oauth::verify;
use crate::outside::Wanted;
use crate::protocol::error::{Refusal, invalid_grant};
use crate::protocol::jwks::KeySet;
use crate::protocol::user_token::{AccountClaim, UserIssuer, UserToken};

/// Whom a token names.
#[derive(Debug)]
pub enum Named {
    /// This account
    Account(Box<User>),
    /// Nobody who could come back
    Nobody,
    /// It cannot be verified, because its issuer does not say its keys now
    Unreadable,
}

impl Named {
    fn of(user: Option<User>) -> Self {
        user.filter(|user| !user.is_disabled)
            .map_or(Self::Nobody, |user| Self::Account(Box::new(user)))
    }
}

/// Whom a token names: an ID token or access token of this server that is for the client itself, or for an audience that
/// the operator named; or a token of another issuer that the operator trusts.
///
/// # Errors
/// When the database fails.
pub async fn named(app: &App, client_id: Option<&str>, token: &str) -> Result<Named, Fault> {
    match own_subject(app, client_id, token).await? {
        Some(sub) => Ok(Named::of(app.store.read().await?.user(&sub).await?)),
        None => foreign_account(app, token).await,
    }
}

/// Counts and notes that a client showed something which names nobody: only that is counted, because agents pass on what
/// their users bring. What the client is told; or, without the event, the seconds for which it must not try again.
///
/// # Errors
/// When the database fails.
pub async fn refuse(app: &App, client_id: Option<&str>, event: Event) -> Result<Result<Refusal, Seconds>, Fault> {
    let quota = Quota::of_refused_binding(app, client_id.unwrap_or_default());
    let mut connection = app.store.read().await?;
    if let Some(seconds) = quota.exceeded_for(&mut connection, app.now()).await? {
        return Ok(Err(seconds));
    }
    drop(connection);
    let mut tx = app.store.begin().await?;
    if let Some(seconds) = quota.spend(&mut tx, app.now()).await? {
        return Ok(Err(seconds));
    }
    tx.record(event).await?;
    tx.commit().await?;
    Ok(Ok(invalid_grant(
        "user_token is not a token of a person here: it is unknown, has expired, or is for somebody else; it must be a token issued to this very client",
    )))
}

/// The person of a token by this server.
async fn own_subject(app: &App, client_id: Option<&str>, token: &str) -> Result<Option<String>, Fault> {
    let issuers = &app.config.relay.user_issuers;
    let named = issuers.iter().filter(|trusted| trusted.issuer == app.issuer.as_str());
    let audiences: Vec<&str> = named.map(|trusted| trusted.audience.as_str()).chain(client_id).collect();
    if let Some(sub) = verify::id_token(app, token, &audiences).await? {
        return Ok(Some(sub));
    }
    let Some(live) = verify::access_token_for_anybody(app, token).await? else {
        return Ok(None);
    };
    let claims = live.claims;
    let is_for_us = client_id == Some(claims.client_id.as_str()) || claims.aud.iter().any(|aud| audiences.contains(&aud.as_str()));
    Ok((is_for_us && claims.grant_id().is_some()).then_some(claims.sub))
}

/// The account of a token by another issuer.
async fn foreign_account(app: &App, token: &str) -> Result<Named, Fault> {
    let Some(token) = UserToken::parse(token) else {
        return Ok(Named::Nobody);
    };
    let now = app.now();
    // Nobody is asked for keys because of what a stranger's token says.
    let issuers = app.config.relay.user_issuers.iter();
    let Some(issuer) = issuers
        .filter(|trusted| trusted.issuer != app.issuer.as_str())
        .find(|trusted| token.is_good(trusted, now))
    else {
        return Ok(Named::Nobody);
    };
    let Some(name) = token.account(issuer.claim) else {
        return Ok(Named::Nobody);
    };
    match keys(app, issuer, &token).await {
        None => return Ok(Named::Unreadable),
        Some(keys) if is_signed_by_one_of(&keys, &token.jwt, token.kid.as_deref(), token.algorithm) => {}
        Some(_) => return Ok(Named::Nobody),
    }
    Ok(Named::of(account(app, issuer.claim, name).await?))
}

/// The account here that an issuer calls so.
async fn account(app: &App, claim: AccountClaim, name: &str) -> Result<Option<User>, Fault> {
    let mut connection = app.store.read().await?;
    match claim {
        // Two names that differ in case only may be two people there (RFC 7519 §4.1.2): only ours itself is ours.
        AccountClaim::Sub | AccountClaim::PreferredUsername if normalize_username(name).is_ok_and(|normal| normal == name) => {
            connection.user_by_name(name).await
        }
        // Letters that are folded beyond ASCII are different letters to a mail server. No account has an empty name.
        AccountClaim::Email if normalize_email(name).is_ok_and(|normal| normal == name.to_ascii_lowercase()) => {
            connection.user_by_login("", &name.to_ascii_lowercase()).await
        }
        AccountClaim::Sub | AccountClaim::PreferredUsername | AccountClaim::Email => Ok(None),
    }
}

/// The keys of an issuer, among them the one that the token names if there is one.
async fn keys(app: &App, issuer: &UserIssuer, token: &UserToken) -> Option<Arc<KeySet>> {
    let (fetch, now) = (&app.operator_fetch, app.now());
    let unread = |problem: &dyn std::fmt::Display| {
        tracing::warn!(
            event = "issuer_not_read",
            issuer = issuer.issuer,
            problem = problem.to_string(),
            "the keys of an issuer of user tokens could not be read"
        );
    };
    let found = app.issuers.jwks_uri(fetch, &issuer.issuer, &issuer.metadata_url(), now).await;
    let jwks_uri = found.inspect_err(|error| unread(error)).ok()?;
    let wanted = Wanted {
        url: &jwks_uri,
        kid: token.kid.as_deref(),
        algorithm: token.algorithm,
        is_vouched_for: true,
    };
    app.key_sets
        .with_key(fetch, wanted, now)
        .await
        .inspect_err(|error| unread(error))
        .ok()
}
