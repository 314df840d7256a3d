//! Refreshing a connection: one of all who want to, on whatever node, does it, and the others wait for what comes of it.
//!
//! Providers that give a new refresh token each time take the second use of an old one for theft and end everything. So
//! whoever wants to refresh takes the lease of the row first. It does so in a task of its own: a client that hangs up
//! must not lose the refresh token that is on its way.

use std::time::Duration;

use tracing::Instrument;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::request;
use crate::model::connection::Connection;
use crate::model::event::EventKind;
use crate::model::provider::Provider;
use crate::store::NewTokens;

use super::{Line, Trouble, about, open};
use crate::federation::upstream::UpstreamError;

/// For how long somebody has the lease, in seconds: longer than metadata and the provider's answer may take, and than
/// clocks of nodes differ.
const LEASE: Seconds = 120;
/// How often those who wait look, in between.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first time that a provider is left alone after it did not answer, in seconds; it doubles each time.
pub(super) const FIRST_BACK_OFF: Seconds = 5;
/// The longest, in seconds.
const MAX_BACK_OFF: Seconds = 600;

const UNOPENED: &str = "the tokens of the connection do not open on this node";

/// What refreshing came to.
pub(super) enum Refreshed {
    /// There are new tokens
    Done(Box<Connection>),
    /// The person must be asked again
    NeedsConsent,
    /// There are none now
    Not(Trouble),
    /// The connection is gone
    Gone,
}

/// Refreshes a connection, or waits for who does.
///
/// # Errors
/// When the database fails.
pub(super) async fn refresh(app: &App, provider: &Provider, connection: Connection) -> Result<Refreshed, Fault> {
    let begun = tokio::time::Instant::now();
    let (id, version) = (connection.id.clone(), connection.version);
    let mut current = connection;
    loop {
        if current.version != version {
            return Ok(Refreshed::Done(Box::new(current)));
        }
        if current.needs_consent {
            return Ok(Refreshed::NeedsConsent);
        }
        let now = app.now();
        if current.retry_at > now {
            return Ok(Refreshed::Not(Trouble::Later(current.retry_at - now)));
        }
        if open(app, &current).is_none() {
            // Another node may have the key: nothing is noted that would keep it from refreshing.
            return Ok(Refreshed::Not(Trouble::Unusable(UNOPENED.to_owned())));
        }
        let is_free = current.refresher.is_none() || current.refreshing_until <= now;
        if is_free && let Some(refresher) = take_lease(app, &current).await? {
            let (app, provider) = (app.clone(), provider.clone());
            let refreshing =
                tokio::spawn(request::carried(async move { with_lease(&app, &provider, current, &refresher).await }).in_current_span());
            return refreshing.await.map_err(Fault::internal)?;
        }
        if begun.elapsed() > PATIENCE {
            return Ok(Refreshed::Not(Trouble::Later(1)));
        }
        tokio::time::sleep(INTERVAL).await;
        let Some(read) = app.store.read().await?.connection(&id).await? else {
            return Ok(Refreshed::Gone);
        };
        current = read;
    }
}

/// Takes the lease; the name under which it is held.
async fn take_lease(app: &App, connection: &Connection) -> Result<Option<String>, Fault> {
    let refresher = new_id(&app.clock, &app.random);
    let mut tx = app.store.begin().await?;
    // After waiting for the writer.
    let now = app.now();
    let is_taken = tx
        .take_refresh_lease(&connection.id, connection.version, &refresher, now, now + LEASE)
        .await?;
    if is_taken {
        tx.commit().await?;
    }
    Ok(is_taken.then_some(refresher))
}

async fn with_lease(app: &App, provider: &Provider, connection: Connection, refresher: &str) -> Result<Refreshed, Fault> {
    let Some(tokens) = open(app, &connection) else {
        return hand_back(app, &connection, refresher, Trouble::Unusable(UNOPENED.to_owned())).await;
    };
    let Some(refresh_token) = tokens.refresh_token else {
        return give_up(app, &connection, "there is no refresh token").await;
    };
    let line = match Line::to(app, provider).await? {
        Ok(line) => line,
        Err(trouble) => return put_off(app, &connection, refresher, trouble, None).await,
    };
    match line.upstream(app).refresh(&refresh_token, &connection.scope).await? {
        Ok(mut granted) => {
            if granted.tokens.passed_on.is_empty() {
                granted.tokens.passed_on = tokens.passed_on;
            }
            let new = NewTokens {
                tokens: app.envelope.seal(&app.random, &connection.binding(), &granted.tokens)?,
                scope: granted.scope,
                resource: None,
                token_expires_at: granted.expires_at,
            };
            let binding = connection.binding();
            let stored = store(app, connection, &new).await?;
            if matches!(stored, Refreshed::Gone) {
                // Taken back meanwhile: what was on its way is, too, by the job, which does not forget it.
                super::revocations::queue(app, provider, &binding, &new).await?;
            }
            Ok(stored)
        }
        Err(UpstreamError::Busy) => hand_back(app, &connection, refresher, Trouble::Later(1)).await,
        Err(UpstreamError::Dead(problem)) => give_up(app, &connection, &problem).await,
        Err(UpstreamError::Limited(seconds)) => put_off(app, &connection, refresher, Trouble::Later(FIRST_BACK_OFF), seconds).await,
        Err(error @ UpstreamError::Away(_)) => {
            super::note_trouble(provider, &error);
            put_off(app, &connection, refresher, Trouble::Later(FIRST_BACK_OFF), None).await
        }
        Err(error @ (UpstreamError::Refused(_) | UpstreamError::Broken(_))) => {
            let trouble = super::unusable(provider, &error);
            put_off(app, &connection, refresher, trouble, None).await
        }
    }
}

/// The new refresh token may be the only one that is worth anything: it is tried to store it more than once.
async fn store(app: &App, connection: Connection, new: &NewTokens) -> Result<Refreshed, Fault> {
    let mut attempts = 0;
    loop {
        let stored = try_to_store(app, &connection, new).await;
        attempts += 1;
        match stored {
            Err(fault) if attempts < 5 => {
                tracing::warn!(event = "tokens_not_stored", connection = connection.id, "{fault}");
                tokio::time::sleep(INTERVAL * attempts).await;
            }
            Err(fault) => return Err(fault),
            Ok(_) => break,
        }
    }
    // Whether it was ours, or the person consented anew at the same moment: what is there counts.
    let current = app.store.read().await?.connection(&connection.id).await?;
    Ok(current.map_or(Refreshed::Gone, |current| Refreshed::Done(Box::new(current))))
}

async fn try_to_store(app: &App, connection: &Connection, new: &NewTokens) -> Result<bool, Fault> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let is_stored = tx.store_tokens(&connection.id, connection.version, new, now).await?;
    if is_stored {
        tx.record(about(app, EventKind::ConnectionRefreshed, connection)).await?;
        tx.commit().await?;
    }
    Ok(is_stored)
}

/// The refresh token is worth nothing, unless there is another one meanwhile.
async fn give_up(app: &App, connection: &Connection, problem: &str) -> Result<Refreshed, Fault> {
    let mut tx = app.store.begin().await?;
    if tx.mark_needs_consent(&connection.id, connection.version).await? {
        let event = about(app, EventKind::ConnectionBroken, connection).refused();
        tx.record(event.detail("reason", problem)).await?;
        tx.commit().await?;
        return Ok(Refreshed::NeedsConsent);
    }
    drop(tx);
    let current = app.store.read().await?.connection(&connection.id).await?;
    Ok(current.map_or(Refreshed::Gone, |current| Refreshed::Done(Box::new(current))))
}

/// Nobody was asked: somebody else may try at once.
async fn hand_back(app: &App, connection: &Connection, refresher: &str, trouble: Trouble) -> Result<Refreshed, Fault> {
    let mut tx = app.store.begin().await?;
    tx.return_refresh_lease(&connection.id, refresher).await?;
    tx.commit().await?;
    Ok(Refreshed::Not(trouble))
}

/// The provider is left alone for a while.
async fn put_off(app: &App, connection: &Connection, refresher: &str, trouble: Trouble, said: Option<Seconds>) -> Result<Refreshed, Fault> {
    let doubled = connection.failures.clamp(0, 10);
    let back_off = said.unwrap_or_else(|| (FIRST_BACK_OFF << doubled).min(MAX_BACK_OFF));
    let retry_at = app.now() + back_off;
    let mut tx = app.store.begin().await?;
    tx.note_refresh_failure(&connection.id, connection.version, refresher, retry_at)
        .await?;
    tx.commit().await?;
    Ok(Refreshed::Not(match trouble {
        Trouble::Later(_) => Trouble::Later(back_off),
        unusable @ Trouble::Unusable(_) => unusable,
    }))
}
