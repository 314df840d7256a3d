//! The callback relay.
//!
//! ```text
//! program ── create ──▶ callbacks row, state ──▶ program sends the person to the provider with it
//! provider ── browser ──▶ receive: the row takes the answer, once ──▶ wakes those who wait, on every node
//! program ── collect ──▶ the row gives the answer away, once, and forgets it
//! ```
//!
//! `state` travels through the browser and the provider, so knowing it is not enough to collect: the program
//! authenticates (`super::program`), or proves a verifier whose challenge it gave at the creation. Only an open relay gives
//! answers that nobody has announced to whoever knows their state.

pub mod collect;
pub mod create;
pub mod receive;
pub mod wait;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::config::relay::Serves;
use crate::model::callback::Callback;
use crate::model::event::{Event, EventKind};

/// How old the number of callbacks may be, in seconds.
const COUNT_LIFETIME: Seconds = 5;

/// Whether this process takes redirects that nobody has announced.
#[must_use]
pub fn is_open(app: &App) -> bool {
    app.config.serves == Serves::Relay { is_open: true }
}

/// An event about a callback.
fn event(app: &App, kind: EventKind, callback: &Callback) -> Event {
    let event = app.event(kind).target(&callback.id).client_if_any(callback.owner.client_id());
    match &callback.user_id {
        Some(user_id) => event.subject(user_id),
        None => event,
    }
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
    let (gauge, now) = (&app.callback_count, app.now());
    if gauge.is_to_be_found(now, COUNT_LIFETIME) {
        let counted = async { app.store.read().await?.count_callbacks(now).await };
        gauge.set(counted.await.inspect_err(|_| gauge.forget())?);
    }
    Ok(gauge.read())
}

/// How many of them nobody has announced.
///
/// # Errors
/// When the database fails.
async fn count_open(app: &App) -> Result<i64, Fault> {
    let (gauge, now) = (&app.open_callback_count, app.now());
    if gauge.is_to_be_found(now, COUNT_LIFETIME) {
        let counted = async { app.store.read().await?.count_open_callbacks(now).await };
        let number = counted.await.inspect_err(|_| gauge.forget())?;
        gauge.set(number);
        if number >= app.live().relay.open_entries {
            tracing::warn!(
                event = "relay_full",
                number,
                "the open relay keeps as many redirects as it may, and takes no more"
            );
        }
    }
    Ok(gauge.read())
}
