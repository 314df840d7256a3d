//! Signing keys as administrators see them, and what they do with them, from the API, a page or a command.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::{CLOCK_SKEW, Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::config::registry::MAX_TOKEN_LIFETIME;
use crate::keys::rotation::{self, PUBLISH_LEAD, Rotated};
use crate::model::event::EventKind;
use crate::model::signing_key::{KeyState, SigningAlgorithm, SigningKey, is_always_signed};
use crate::store::{Tx, detached};

use super::AdminError;
use super::page::{Listed, Page};

const LIST: &str = "signing-keys";

/// A signing key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its identifier
    pub kid: String,
    /// What it signs with
    pub algorithm: SigningAlgorithm,
    /// Where it is in its life
    pub state: KeyState,
    /// When it was made and first published, in seconds since 1970
    pub created_at: Timestamp,
    /// From when it signs, in seconds since 1970
    pub active_at: Timestamp,
    /// From when it signs no more, in seconds since 1970
    pub retired_at: Option<Timestamp>,
    /// From when it verifies no more, in seconds since 1970
    pub expires_at: Option<Timestamp>,
    /// The public key (RFC 7517 §4), as at the JWKS endpoint
    #[schema(value_type = Object)]
    pub public_jwk: Value,
}

impl KeyView {
    /// What is shown at `now` of a key that verifies.
    #[must_use]
    pub fn new(key: &SigningKey, now: Timestamp) -> Option<Self> {
        Some(Self {
            state: key.state(now)?,
            kid: key.id.clone(),
            algorithm: key.algorithm,
            created_at: key.created_at,
            active_at: key.active_at,
            retired_at: key.retired_at,
            expires_at: key.expires_at,
            public_jwk: serde_json::from_str(&key.public_jwk).unwrap_or_default(),
        })
    }
}

/// A page of the keys that verify, the oldest first. There are few; all are read.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, page: &Page) -> Result<Listed<KeyView>, AdminError> {
    let after: Option<[&str; 2]> = page.after(LIST)?;
    let after = after.map(|[created_at, kid]| (created_at.parse::<Timestamp>().unwrap_or_default(), kid.to_owned()));
    let now = app.now();
    let rows = app.store.read().await?.signing_keys().await?;
    let mut rows: Vec<KeyView> = rows.iter().filter_map(|key| KeyView::new(key, now)).collect();
    if let Some(after) = after {
        rows.retain(|key| (key.created_at, &key.kid) > (after.0, &after.1));
    }
    rows.truncate(usize::from(page.rows()));
    Ok(page.of(LIST, rows, |key| vec![key.created_at.to_string(), key.kid.clone()], |key| key))
}

/// The key of this `kid`, if it verifies.
///
/// # Errors
/// When there is none or the database fails.
pub async fn show(app: &App, kid: &str) -> Result<KeyView, AdminError> {
    let keys = app.store.read().await?.signing_keys().await?;
    let key = keys.iter().find(|key| key.id == kid);
    key.and_then(|key| KeyView::new(key, app.now())).ok_or(AdminError::NotFound)
}

/// Publishes a new key. It signs when everybody can know it or, with `immediately`, at once; the keys before it
/// verify until the last token that they signed has expired.
///
/// # Errors
/// When the database or a library fails.
pub async fn rotate(app: &App, algorithm: SigningAlgorithm, immediately: bool) -> Result<Rotated, Fault> {
    let new = made(app, algorithm, if immediately { 0 } else { PUBLISH_LEAD }).await?;
    put_in_place(app, app.store.begin().await?, new).await
}

/// Replaces every key that has signed for longer than `signing_key_lifetime`, as [`rotate`] does. Of several nodes that see it at the
/// same moment one does it.
///
/// # Errors
/// As [`rotate`], the first of them; the keys of other algorithms are replaced all the same.
pub async fn rotate_aged(app: &App) -> Result<Vec<Rotated>, Fault> {
    let lifetime = app.lifetimes().signing_key;
    let (mut done, mut failed) = (Vec::new(), None);
    if lifetime == 0 {
        return Ok(done);
    }
    let keys = app.store.read().await?.signing_keys().await?;
    let aged = |algorithm: &SigningAlgorithm| rotation::is_aged(&keys, *algorithm, app.now(), lifetime);
    for algorithm in SigningAlgorithm::ALL.into_iter().filter(aged) {
        match rotate_one_aged(app, algorithm, lifetime).await {
            Ok(rotated) => done.extend(rotated),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    failed.map_or(Ok(done), Err)
}

/// Replaces the key of one algorithm, unless somebody else has just done so.
async fn rotate_one_aged(app: &App, algorithm: SigningAlgorithm, lifetime: Seconds) -> Result<Option<Rotated>, Fault> {
    let new = made(app, algorithm, PUBLISH_LEAD).await?;
    let mut tx = app.store.begin().await?;
    rotation::hold(&mut tx).await?;
    if !rotation::is_aged(&tx.signing_keys().await?, algorithm, app.now(), lifetime) {
        return Ok(None);
    }
    let rotated = put_in_place(app, tx, new).await?;
    let new = &rotated.new;
    tracing::info!(event = "key_rotated", key = new.id, algorithm = %new.algorithm, active_at = new.active_at, "a signing key was replaced because of its age");
    Ok(Some(rotated))
}

/// A new key, which signs in `lead` seconds.
async fn made(app: &App, algorithm: SigningAlgorithm, lead: Seconds) -> Result<SigningKey, Fault> {
    let key = rotation::generate_one(algorithm, &app.random).await?;
    let now = app.now();
    rotation::seal_key(&key, algorithm, &app.secrets.signing_key, &app.random, now, now + lead)
}

async fn put_in_place(app: &App, mut tx: Tx, new: SigningKey) -> Result<Rotated, Fault> {
    let algorithm = new.algorithm;
    let rotated = rotation::replace(&mut tx, new, MAX_TOKEN_LIFETIME).await?;
    tx.record(
        app.event(EventKind::KeyRotated)
            .target(&rotated.new.id)
            .detail("algorithm", algorithm.as_str())
            .detail("active_at", rotated.new.active_at)
            .detail("replaced", json!(rotated.replaced)),
    )
    .await?;
    put_in_force(app, tx).await?;
    Ok(rotated)
}

/// Takes a key out of use: it signs no more, and verifies until the last token that it signed has expired.
/// With `immediately` (somebody has a copy) it leaves the JWKS at once, and what it signed is worth nothing.
///
/// # Errors
/// When there is no such key, or no other key would sign in its place, or the database fails.
pub async fn retire(app: &App, kid: &str, immediately: bool) -> Result<(), AdminError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    rotation::hold(&mut tx).await?;
    let mut keys = tx.signing_keys().await?;
    let Some(at) = keys.iter().position(|key| key.id == kid && key.may_verify(now)) else {
        return Err(AdminError::NotFound);
    };
    let key = keys.swap_remove(at);
    // The one that signs in its place may have been made by a node whose clock is ahead; until then it signs all the same.
    if !is_always_signed(&keys, key.algorithm, now + CLOCK_SKEW) {
        let message = format!(
            "no other {} key signs in its place; rotate first, immediately if need be",
            key.algorithm
        );
        return Err(AdminError::conflict(message));
    }
    let retired_at = key.retired_at.map_or(now, |retired_at| retired_at.min(now));
    let expires_at = if immediately {
        now
    } else {
        let usual = rotation::verifies_until(retired_at, MAX_TOKEN_LIFETIME);
        key.expires_at.map_or(usual, |expires_at| expires_at.min(usual))
    };
    if (key.retired_at, key.expires_at) == (Some(retired_at), Some(expires_at)) {
        // It is already so: asking twice is asking once.
        return Ok(());
    }
    tx.end_signing_key(kid, retired_at, expires_at).await?;
    tx.record(
        app.event(EventKind::KeyRetired)
            .target(kid)
            .detail("algorithm", key.algorithm.as_str())
            .detail("immediately", immediately)
            .detail("expires_at", expires_at),
    )
    .await?;
    Ok(put_in_force(app, tx).await?)
}

/// Commits a change of keys, and lets this node know of it, even when whoever asked for it goes away in between.
async fn put_in_force(app: &App, tx: Tx) -> Result<(), Fault> {
    let app = app.clone();
    detached(async move {
        tx.commit().await?;
        app.keys.reload(&app.store, app.now()).await
    })
    .await
}
