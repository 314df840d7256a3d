//! Who writes the audit log, and how far it has come.
//!
//! ```text
//! begin ── first record: take a free lane ── record … ── commit ─┬─ done: the lane is free, further on
//!                                                                ├─ not tried: free, where it was
//!                                                                └─ nobody knows: never used again
//! ```
//!
//! A chain that all transactions shared would make them wait for each other. So this process, a
//! node, has a lane for each transaction at a time (`lane.rs`), and each lane is a chain
//! (`model::chain`) without a gap. How far the lanes have come is sealed from time to time, so that
//! a missing end is noticed, too. `reading.rs` reads chains, `retention.rs` removes their old ends.

mod lane;
mod reading;
mod resealing;
mod retention;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::base::clock::Clock;
use crate::base::digest::MacKey;
use crate::base::fault::Fault;
use crate::model::chain::{ChainKeys, Entry, Lane, Link, Node};
use crate::model::event::Event;

use super::measures::Measures;
use super::sql::{insert_if_absent, sql};
use super::{Store, Tx};

pub(super) use lane::HeldLane;
pub(super) use reading::{columns, entry};

/// Where recorded events are told, after they are durable.
pub type Listener = dyn Fn(&Event) + Send + Sync;

/// How often a number is tried for when several nodes begin at once.
const ATTEMPTS: usize = 50;

/// This process as a writer of events.
#[derive(Default)]
pub(super) struct Audit {
    identity: OnceLock<Identity>,
    node: tokio::sync::OnceCell<Node>,
    lanes: Mutex<Lanes>,
    sealing: tokio::sync::Mutex<()>,
    listener: OnceLock<Box<Listener>>,
    measures: Arc<Measures>,
}

/// What it needs to be one.
struct Identity {
    keys: ChainKeys,
    clock: Clock,
    name: String,
}

/// The lanes of this node.
#[derive(Default)]
struct Lanes {
    /// Those that no transaction holds; the last one given back is taken first
    free: Vec<(i64, Link)>,
    /// The number of the newest
    newest: i64,
    /// How many have events
    used: i64,
    /// Heads that have moved since they were sealed last
    moved: BTreeMap<i64, Link>,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit")
    }
}

impl Audit {
    /// Its events are counted there.
    pub(super) fn counted_by(measures: Arc<Measures>) -> Self {
        Self {
            measures,
            ..Self::default()
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Nothing panics in between; a lane that were lost by it would only never be used again.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> Result<&ChainKeys, Fault> {
        let identity = self.identity.get();
        Ok(&identity.ok_or_else(|| Fault::internal("the audit log has no key yet"))?.keys)
    }

    fn key(&self) -> Result<&MacKey, Fault> {
        Ok(self.keys()?.newest())
    }
}

impl Store {
    /// Gives the audit log its keys; from now on events can be recorded. `name` says which process this
    /// is, for people.
    #[must_use]
    pub fn audit_with(self, keys: impl Into<ChainKeys>, clock: Clock, name: &str) -> Self {
        let name = name.chars().take(255).collect();
        let keys = keys.into();
        let _ = self.audit.identity.set(Identity { keys, clock, name });
        self
    }

    /// Tells `listener` of every event that is recorded from now on, once it is durable. Only the first
    /// listener is told.
    pub fn listen(&self, listener: Box<Listener>) {
        let _ = self.audit.listener.set(listener);
    }

    /// Makes this process a node before its first transaction, in a transaction of its own: a number
    /// that was taken and rolled back would be a gap.
    pub(super) async fn join_audit(&self) -> Result<(), Fault> {
        if self.audit.identity.get().is_some() {
            self.audit.node.get_or_try_init(|| Box::pin(self.register())).await?;
        }
        Ok(())
    }

    async fn register(&self) -> Result<Node, Fault> {
        let identity = self.audit.identity.get().ok_or_else(|| Fault::internal("a node without a key"))?;
        for _ in 0..ATTEMPTS {
            let mut tx = self.begin_unregistered().await?;
            let last = tx
                .query(sql!("SELECT MAX(number) FROM audit_nodes"))
                .optional(|row| row.maybe_integer(0))
                .await?;
            let now = identity.clock.now();
            let node = Node {
                number: last.flatten().unwrap_or(0) + 1,
                name: identity.name.clone(),
                started_at: now,
                updated_at: now,
                lanes: 0,
            };
            let inserted = tx
                .query(insert_if_absent!(
                    "INSERT INTO audit_nodes (number, name, started_at, updated_at, lanes, seal) VALUES ($1, $2, $3, $4, $5, $6)"
                ))
                .bind(node.number)
                .text(&node.name)
                .bind(node.started_at)
                .bind(node.updated_at)
                .bind(node.lanes)
                .bind(node.seal(identity.keys.newest()))
                .insert_if_absent()
                .await?;
            if inserted {
                tx.commit().await?;
                return Ok(node);
            }
        }
        Err(Fault::Busy("nodes of the audit log"))
    }

    /// Seals how far the audit log has come, if it has moved.
    ///
    /// # Errors
    /// When the database fails; what was to be sealed is sealed the next time, as it is when nobody waits for this to end.
    pub async fn seal_audit(&self) -> Result<(), Fault> {
        let (Some(identity), Some(node)) = (self.audit.identity.get(), self.audit.node.get()) else {
            return Ok(());
        };
        // One at a time: an older state must not be written over a newer one.
        let _turn = self.audit.sealing.lock().await;
        let (moved, used) = {
            let lanes = self.audit.lanes();
            (lanes.moved.clone(), lanes.used)
        };
        if moved.is_empty() {
            return Ok(());
        }
        let node = Node {
            updated_at: identity.clock.now(),
            lanes: used,
            ..node.clone()
        };
        self.write_seals(&node, &moved, identity.keys.newest()).await?;
        // Only now: whoever waits here may go away, or fall over a bug, and then they are still to be sealed. Those that have moved on
        // meanwhile are, too.
        self.audit.lanes().moved.retain(|number, head| moved.get(number) != Some(head));
        Ok(())
    }

    async fn write_seals(&self, node: &Node, heads: &BTreeMap<i64, Link>, key: &MacKey) -> Result<(), Fault> {
        let mut tx = self.begin_unregistered().await?;
        for (number, head) in heads {
            let lane = Lane {
                head: head.clone(),
                ..Lane::new(node.number, *number)
            };
            tx.query(sql!(
                "UPDATE audit_lanes SET head_sequence = $1, head_mac = $2, head_seal = $3 WHERE node = $4 AND lane = $5"
            ))
            .bind(lane.head.sequence)
            .text(&lane.head.mac)
            .bind(lane.head_seal(key))
            .bind(lane.node)
            .bind(lane.number)
            .execute()
            .await?;
        }
        tx.query(sql!(
            "UPDATE audit_nodes SET updated_at = $1, lanes = $2, seal = $3 WHERE number = $4"
        ))
        .bind(node.updated_at)
        .bind(node.lanes)
        .bind(node.seal(key))
        .bind(node.number)
        .execute()
        .await?;
        tx.commit().await
    }
}

impl Tx {
    /// Writes an event in the same transaction as the change that it tells of: both become durable, or
    /// neither.
    ///
    /// # Errors
    /// When the database fails. The transaction must not be committed then.
    pub async fn record(&mut self, event: Event) -> Result<(), Fault> {
        let mut lane = match self.lane.take() {
            Some(lane) => lane,
            None => HeldLane::take(Arc::clone(&self.audit))?,
        };
        // Put back only when it went well: nobody knows where the chain ends after a failure, or when
        // whoever waits here goes away.
        lane.doubt();
        let entry = lane.next(&event)?;
        let written = self.write_entry(&entry).await;
        if matches!(written, Err(Fault::Undone(_))) {
            lane.trust();
        }
        written?;
        lane.append(entry.link, event);
        self.lane = Some(lane);
        Ok(())
    }

    async fn write_entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        if entry.link.sequence == 1 {
            self.insert_lane(&Lane::new(entry.node, entry.lane)).await?;
        }
        self.insert_entry(entry).await
    }
}
