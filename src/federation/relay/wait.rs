//! Waiting for a redirect, wherever it arrives.
//!
//! A redirect that arrives at this node wakes whoever waits here at once. For those that arrive elsewhere the node asks
//! the database several times a second what has been received, once for everybody, and only while somebody waits.

use std::time::Duration;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::waiting::{Room, Waiter};
use crate::model::callback::{Callback, Owner, Stage};
use crate::protocol::callback::State;

use super::collect::{self, Collection, Collector};

/// The longest time that a request waits.
pub const MAX_WAIT: Duration = Duration::from_mins(1);
/// Time between two questions what has been received elsewhere.
pub const INTERVAL: Duration = Duration::from_millis(250);
/// How far the clocks of nodes may differ, and how long a commit may take after its time, in seconds.
const OVERLAP: Seconds = 10;
/// The most that is read at once of what has been received.
const MOST: u16 = 10_000;
/// How many requests wait on one node, whoever's they are.
const ROOM_OF_NODE: usize = 20_000;

/// What waiting came to.
#[derive(Debug)]
pub enum Waited {
    /// As without waiting
    Collection(Collection),
    /// Too many requests of this program, or in all, wait already
    NoRoom,
}

/// As [`collect::collect`], but as long as the provider has not answered it waits for so long.
///
/// # Errors
/// When the database fails.
pub async fn collect(app: &App, collector: &Collector, state: &State, key: Option<&str>, patience: Duration) -> Result<Waited, Fault> {
    let first = collect::collect(app, collector, state, key).await?;
    if !matches!(first, Collection::Pending) || patience.is_zero() {
        return Ok(Waited::Collection(first));
    }
    let Some(callback) = collect::find(app, collector, state).await? else {
        return Ok(Waited::Collection(Collection::Nothing));
    };
    let Some(mut waiter) = join(app, &callback) else {
        return Ok(Waited::NoRoom);
    };
    // It may have arrived before we joined.
    let second = collect::collect(app, collector, state, key).await?;
    if !matches!(second, Collection::Pending) {
        return Ok(Waited::Collection(second));
    }
    let _ = tokio::time::timeout(patience.min(time_left(app, &callback)), waiter.woken()).await;
    drop(waiter);
    Ok(Waited::Collection(collect::collect(app, collector, state, key).await?))
}

fn join(app: &App, callback: &Callback) -> Option<Waiter> {
    let whose = match &callback.owner {
        Owner::Client(id) => id.as_str(),
        Owner::AdminToken | Owner::Anybody => "",
    };
    let room = Room {
        of_one: app.live().relay.waiters,
        of_all: ROOM_OF_NODE,
    };
    app.waiting.join(&callback.id, whose, room)
}

/// The time until it expires.
fn time_left(app: &App, callback: &Callback) -> Duration {
    Duration::from_secs((callback.expires_at - app.now()).max(0).unsigned_abs())
}

/// Wakes whoever waits here for what has been received on other nodes; for as long as the process runs.
///
/// # Errors
/// When the database fails.
pub async fn wake(app: &App) -> Result<(), Fault> {
    if app.waiting.is_empty() {
        return Ok(());
    }
    let received = app.store.read().await?.callbacks_received_since(app.now() - OVERLAP, MOST).await?;
    for id in received {
        app.waiting.wake(&id);
    }
    Ok(())
}

/// What somebody who watches a callback is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The provider has not answered yet
    Pending,
    /// The answer can be collected
    Received,
    /// Nobody can collect it any more
    Gone,
}

impl Status {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Received => "received",
            Self::Gone => "gone",
        }
    }
}

/// Somebody who watches a callback and is told its status, never its answer.
#[derive(Debug)]
pub struct Watch {
    app: App,
    collector: Collector,
    state: State,
    waiter: Waiter,
    left: Duration,
}

/// Begins to watch.
///
/// # Errors
/// When the database fails.
pub async fn watch(app: &App, collector: Collector, state: State) -> Result<Result<Watch, Waited>, Fault> {
    if let Some(seconds) = collect::blocked_for(app, &collector).await? {
        return Ok(Err(Waited::Collection(Collection::TooMany(seconds))));
    }
    let found = collect::find(app, &collector, &state).await?;
    let Some(callback) = found.filter(|callback| matches!(callback.stage(app.now()), Stage::Pending | Stage::Received)) else {
        let nothing = collect::nothing(app, &collector).await?;
        return Ok(Err(Waited::Collection(nothing)));
    };
    let Some(waiter) = join(app, &callback) else {
        return Ok(Err(Waited::NoRoom));
    };
    Ok(Ok(Watch {
        left: time_left(app, &callback),
        app: app.clone(),
        collector,
        state,
        waiter,
    }))
}

impl Watch {
    /// The status now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self) -> Result<Status, Fault> {
        let found = collect::find(&self.app, &self.collector, &self.state).await?;
        Ok(match found.map(|callback| callback.stage(self.app.now())) {
            Some(Stage::Pending) => Status::Pending,
            Some(Stage::Received) => Status::Received,
            Some(Stage::Collected | Stage::Expired) | None => Status::Gone,
        })
    }

    /// Waits until the status may be another, for `patience` at most. False when there is nothing to wait for any
    /// more: the time of the callback is over, or the node is about to stop.
    pub async fn changed(&mut self, patience: Duration) -> bool {
        let patience = patience.min(self.left);
        let begun = tokio::time::Instant::now();
        let _ = tokio::time::timeout(patience, self.waiter.woken()).await;
        self.left = self.left.saturating_sub(begun.elapsed());
        !self.left.is_zero() && !self.app.waiting.is_closed()
    }
}
