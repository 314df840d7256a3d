//! Waiting for a redirect, wherever it arrives.
//!
//! A redirect that arrives at this node wakes whoever waits here at once. For those that arrive elsewhere the node asks
//! the database several times a second what has been received, once for everybody, and only while somebody waits.

use std::time::Duration;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::waiting::{CannotWait, Room, Waiter};
use crate::model::callback::{Callback, Stage};
use crate::protocol::callback::State;

use super::collect::{self, Collection, Collector, Missing};

/// The longest time that a request waits.
pub const MAX_WAIT: Duration = Duration::from_mins(1);
/// Time between two questions what has been received elsewhere.
pub const INTERVAL: Duration = Duration::from_millis(250);
/// How far the clocks of nodes may differ, and how long a commit may take after its time, in seconds: so far back is looked
/// now and then.
const OVERLAP: Seconds = 10;
/// So far back is looked usually, in seconds.
const USUAL: Seconds = 1;
/// Every so many times it is looked farther back.
const FARTHER: u32 = 4;
/// The most that is read at once of what has been received.
const MOST: u16 = 10_000;
/// How many requests wait for one callback on one node: whoever has a verifier takes no more of its program's room.
const ROOM_OF_CALLBACK: usize = 10;
/// How many requests wait on one node, whoever's they are.
const ROOM_OF_NODE: usize = 20_000;

/// What waiting came to.
#[derive(Debug)]
pub enum Waited {
    /// As without waiting
    Collection(Collection),
    /// It is not possible to wait
    Not(CannotWait),
}

/// As [`collect::collect`], but as long as the provider has not answered it waits for so long.
///
/// # Errors
/// When the database fails.
pub async fn collect(app: &App, collector: &Collector, state: &State, key: Option<&str>, patience: Duration) -> Result<Waited, Fault> {
    // In boxes: thousands wait, and what they do not need meanwhile takes no room.
    let callback = match Box::pin(collect::collect(app, collector, state, key)).await? {
        Collection::Pending(callback) if !patience.is_zero() => callback,
        done => return Ok(Waited::Collection(done)),
    };
    let mut waiter = match join(app, &callback) {
        Ok(waiter) => waiter,
        Err(problem) => return Ok(Waited::Not(problem)),
    };
    // It may have arrived before we joined.
    let again = Box::pin(collect::collect(app, collector, state, key)).await?;
    if !matches!(again, Collection::Pending(_)) {
        return Ok(Waited::Collection(again));
    }
    let _ = tokio::time::timeout(patience.min(time_left(app, &callback)), waiter.woken()).await;
    drop(waiter);
    Ok(Waited::Collection(Box::pin(collect::collect(app, collector, state, key)).await?))
}

fn join(app: &App, callback: &Callback) -> Result<Waiter, CannotWait> {
    let whose = callback.owner.client_id().unwrap_or_default();
    app.waiting.join(&callback.id, whose, room(app))
}

/// How many may wait on this node, for callbacks and for people.
#[must_use]
pub fn room(app: &App) -> Room {
    Room {
        of_key: ROOM_OF_CALLBACK,
        of_one: app.live().relay.waiters,
        of_all: ROOM_OF_NODE,
    }
}

/// The time until it expires.
fn time_left(app: &App, callback: &Callback) -> Duration {
    Duration::from_secs((callback.expires_at - app.now()).max(0).unsigned_abs())
}

/// Wakes whoever waits here for what has been received on other nodes, for the so many-th time.
///
/// # Errors
/// When the database fails.
pub async fn wake(app: &App, times: u32) -> Result<(), Fault> {
    if app.waiting.is_empty() {
        return Ok(());
    }
    let since = if times.is_multiple_of(FARTHER) { OVERLAP } else { USUAL };
    let received = app.store.read().await?.callbacks_received_since(app.now() - since, MOST).await?;
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

/// Why somebody cannot watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotWatch {
    /// There is nothing to watch for them
    Missing(Missing),
    /// It is not possible to wait
    Wait(CannotWait),
}

/// Begins to watch.
///
/// # Errors
/// When the database fails.
pub async fn watch(app: &App, collector: Collector, state: State) -> Result<Result<Watch, CannotWatch>, Fault> {
    let callback = match collect::admit(app, &collector, &state).await? {
        Ok(callback) => callback,
        Err(missing) => return Ok(Err(CannotWatch::Missing(missing))),
    };
    if !matches!(callback.stage(app.now()), Stage::Pending | Stage::Received) {
        return Ok(Err(CannotWatch::Missing(Missing::Nothing)));
    }
    Ok(match join(app, &callback) {
        Err(problem) => Err(CannotWatch::Wait(problem)),
        Ok(waiter) => Ok(Watch {
            left: time_left(app, &callback),
            app: app.clone(),
            collector,
            state,
            waiter,
        }),
    })
}

/// Why somebody who watches goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Something happened: the status may be another
    Woken,
    /// Nothing did, for as long as it was waited
    Quiet,
    /// Nothing more happens: the time of the callback is over, or the node is about to stop
    Over,
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

    /// Waits until something happens, for `patience` at most.
    pub async fn turn(&mut self, patience: Duration) -> Turn {
        let begun = tokio::time::Instant::now();
        let woken = tokio::time::timeout(patience.min(self.left), self.waiter.woken()).await;
        self.left = self.left.saturating_sub(begun.elapsed());
        if self.left.is_zero() || self.app.waiting.is_closed() {
            Turn::Over
        } else if woken.is_ok() {
            Turn::Woken
        } else {
            Turn::Quiet
        }
    }
}
