//! The callback relay.
//!
//! ```text
//! program ── create ──▶ callbacks row, state ──▶ program sends the person to the provider with it
//! provider ── browser ──▶ receive: the row takes the answer, once ──▶ wakes those who wait, on every node
//! program ── collect ──▶ the row gives the answer away, once, and forgets it
//! ```
//!
//! `state` travels through the browser and the provider, so knowing it is not enough to collect: the program
//! authenticates (`program`), or proves a verifier whose challenge it gave at the creation. Only an open relay gives
//! answers that nobody has announced to whoever knows their state.

pub mod collect;
pub mod create;
pub mod program;
pub mod receive;
pub mod wait;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::config::relay::Serves;
use crate::identity::quota::Quota;

/// How old the number of callbacks may be, in seconds.
const COUNT_LIFETIME: Seconds = 5;

/// Whether this process takes redirects that nobody has announced.
#[must_use]
pub fn is_open(app: &App) -> bool {
    app.config.serves == Serves::Relay { is_open: true }
}

/// Where a browser reaches a path of the relay.
#[must_use]
pub fn endpoint(app: &App, path: &str) -> String {
    app.config.relay.url.as_ref().unwrap_or(&app.issuer).endpoint(path)
}

/// How many callbacks there are that somebody waits for or could collect, as of some seconds ago.
///
/// # Errors
/// When the database fails.
pub async fn count(app: &App) -> Result<i64, Fault> {
    let now = app.now();
    if let Some(number) = app.callbacks.read(now, COUNT_LIFETIME) {
        return Ok(number);
    }
    let number = app.store.read().await?.count_callbacks(now).await?;
    app.callbacks.set(number, now);
    Ok(number)
}

/// Counts a question that was refused. When there were too many, the seconds until there is room again.
async fn count_refusal(app: &App, quota: &Quota) -> Result<Option<Seconds>, Fault> {
    let now = app.now();
    let mut connection = app.store.read().await?;
    if let Some(seconds) = quota.exceeded_for(&mut connection, now).await? {
        return Ok(Some(seconds));
    }
    drop(connection);
    let mut tx = app.store.begin().await?;
    if let Some(seconds) = quota.spend(&mut tx, now).await? {
        return Ok(Some(seconds));
    }
    tx.commit().await?;
    Ok(None)
}
