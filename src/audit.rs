//! Checking the audit log: is every event there that was written, as it was written?
//!
//! Node by node and lane by lane, in order and in batches, however long the log is. The first
//! thing that is wrong is named. Nodes may write, seal and remove old events meanwhile.

mod resealing;

use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::network::network_of;
use crate::model::chain::{ChainKeys, Link, SealedLane, SealedNode};
use crate::model::event::Event;
use crate::store::{Connection, Store};

/// For how long the same event is not recorded again, in seconds; see [`record_seldom`].
const SELDOM: Seconds = 60;

/// Records an event that anybody can bring about as often as they like: of the same kind, by and about the same,
/// from the same network, once a minute at most, on all nodes together. The log stays readable and small in a
/// flood; the next event says how many like it this node has left out (`left_out`).
///
/// # Errors
/// When the database fails.
pub async fn record_seldom(app: &App, event: Event) -> Result<(), Fault> {
    let about = json!([
        event.kind.as_str(),
        event.actor.to_string(),
        event.subject,
        event.client_id,
        event.target,
        event.address.as_deref().map(network_of),
    ]);
    let id = format!(
        "event.{}",
        base64url(&app.secrets.throttle.mac(&[b"event", about.to_string().as_bytes()]))
    );
    when_undone(async || try_to_record_seldom(app, &id, event.clone()).await).await
}

async fn try_to_record_seldom(app: &App, id: &str, event: Event) -> Result<(), Fault> {
    let now = app.now();
    if app.store.read().await?.blocked_until(id).await? > now {
        app.left_out.count(id, now);
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    let counter = tx.count_attempt(id, now, now + SELDOM).await?;
    if counter.blocked_until > now {
        app.left_out.count(id, now);
        return tx.commit().await;
    }
    tx.block_attempts(id, now + SELDOM, now + SELDOM).await?;
    let left_out = app.left_out.of(id);
    let event = if left_out > 0 { event.detail("left_out", left_out) } else { event };
    tx.record(event).await?;
    tx.commit().await?;
    app.left_out.told(id, left_out);
    Ok(())
}

pub use resealing::{Resealing, reseal, sealed_before};

/// How many events are read at once.
const BATCH: u16 = 500;

/// A log in which nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Processes that wrote
    pub nodes: u64,
    /// Chains
    pub lanes: u64,
    /// Events
    pub events: u64,
    /// When the first of them happened
    pub oldest: Option<Timestamp>,
    /// When the last of them happened
    pub newest: Option<Timestamp>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The number of the node
    pub node: i64,
    /// The number of the lane in it
    pub lane: Option<i64>,
    /// The number of the event in it
    pub sequence: Option<i64>,
    /// The id of the event, where there is one
    pub event: Option<String>,
    /// What is wrong with it
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The row of the node is not there
    NodeMissing,
    /// The row of the node is not as it was written
    NodeChanged,
    /// A lane of the node is not there at all
    LaneMissing,
    /// The row of the lane is not as it was written
    LaneChanged,
    /// The event is not there
    EventMissing,
    /// The event is not as it was written, or was not written by this server
    EventChanged,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NodeMissing => "the row of the node is missing",
            Self::NodeChanged => "the row of the node was changed",
            Self::LaneMissing => "a lane is missing",
            Self::LaneChanged => "the row of the lane was changed",
            Self::EventMissing => "the event is missing",
            Self::EventChanged => "the event was changed or put there by somebody else",
        })
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (node {}", self.problem, self.node)?;
        if let Some(lane) = self.lane {
            write!(f, ", lane {lane}")?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, ", number {sequence}")?;
        }
        if let Some(event) = &self.event {
            write!(f, ", event {event}")?;
        }
        f.write_str(")")
    }
}

impl Finding {
    fn node(node: i64, problem: Problem) -> Self {
        Self {
            node,
            lane: None,
            sequence: None,
            event: None,
            problem,
        }
    }

    fn lane(node: i64, lane: i64, problem: Problem) -> Self {
        Self {
            lane: Some(lane),
            ..Self::node(node, problem)
        }
    }

    fn event(lane: &SealedLane, sequence: i64, event: Option<&str>, problem: Problem) -> Self {
        Self {
            sequence: Some(sequence),
            event: event.map(str::to_owned),
            ..Self::lane(lane.lane.node, lane.lane.number, problem)
        }
    }
}

/// Checks the whole log of an installation.
///
/// # Errors
/// When the database fails.
pub async fn verify(app: &App) -> Result<Result<Summary, Finding>, Fault> {
    verify_with(&app.store, &app.secrets.audit).await
}

/// As [`verify`], with store and key as arguments.
///
/// # Errors
/// When the database fails.
pub async fn verify_with(store: &Store, keys: &ChainKeys) -> Result<Result<Summary, Finding>, Fault> {
    let mut check = Check {
        connection: store.read().await?,
        keys,
        summary: Summary::default(),
    };
    Ok(check.nodes().await?.map(|()| check.summary))
}

/// Nothing wrong, or the first thing that is.
type Verdict = Result<(), Finding>;

/// Says a finding, unless the step before had none.
macro_rules! intact {
    ($verdict:expr) => {
        if let Err(finding) = $verdict {
            return Ok(Err(finding));
        }
    };
}

struct Check<'a> {
    connection: Connection,
    keys: &'a ChainKeys,
    summary: Summary,
}

impl Check<'_> {
    /// Numbers are given without a gap, and nobody ever removes a node.
    async fn nodes(&mut self) -> Result<Verdict, Fault> {
        let (mut last, mut expected) = (i64::MIN, 1);
        loop {
            // Before the next node is looked for: it may begin to write in between.
            let written = self.connection.node_with_rows_after(last).await?;
            let found = self.connection.audit_node_after(last).await?;
            if let Some(written) = written
                && found.as_ref().is_none_or(|found| found.node.number > written)
            {
                return Ok(Err(Finding::node(written, Problem::NodeMissing)));
            }
            let Some(found) = found else { return Ok(Ok(())) };
            if found.node.number != expected {
                return Ok(Err(Finding::node(expected, Problem::NodeMissing)));
            }
            intact!(self.node(&found).await?);
            self.summary.nodes += 1;
            last = expected;
            expected += 1;
        }
    }

    async fn node(&mut self, found: &SealedNode) -> Result<Verdict, Fault> {
        let number = found.node.number;
        if !found.is_intact(self.keys) {
            return Ok(Err(Finding::node(number, Problem::NodeChanged)));
        }
        let (mut last, mut sealed) = (i64::MIN, 0);
        loop {
            let written = self.connection.lane_with_events_after(number, last).await?;
            let lane = self.connection.audit_lane_after(number, last).await?;
            // The row of a lane comes with its first event.
            if let Some(written) = written
                && lane.as_ref().is_none_or(|lane| lane.lane.number > written)
            {
                return Ok(Err(Finding::lane(number, written, Problem::LaneMissing)));
            }
            let Some(lane) = lane else { break };
            last = lane.lane.number;
            sealed += i64::from(lane.lane.head.sequence > 0);
            intact!(self.lane(lane).await?);
            self.summary.lanes += 1;
        }
        // More may have been sealed since the node's row was read.
        if sealed < found.node.lanes {
            return Ok(Err(Finding::node(number, Problem::LaneMissing)));
        }
        Ok(Ok(()))
    }

    async fn lane(&mut self, mut lane: SealedLane) -> Result<Verdict, Fault> {
        loop {
            let before = self.summary.clone();
            let Err(finding) = self.events(&lane).await? else {
                return Ok(Ok(()));
            };
            // Somebody may have removed old events meanwhile; then the lane begins later by now.
            let (node, number) = (lane.lane.node, lane.lane.number);
            match self.connection.audit_lane(node, number).await? {
                Some(current) if current.lane.base.sequence > lane.lane.base.sequence => lane = current,
                _ => return Ok(Err(finding)),
            }
            self.summary = before;
        }
    }

    async fn events(&mut self, lane: &SealedLane) -> Result<Verdict, Fault> {
        let (node, number) = (lane.lane.node, lane.lane.number);
        if !lane.is_base_intact(self.keys) || !lane.is_head_intact(self.keys) {
            return Ok(Err(Finding::lane(node, number, Problem::LaneChanged)));
        }
        // What is up to the base was removed by the server. It must not come back.
        if let Some(first) = self.connection.audit_entries(node, number, i64::MIN, 1).await?.first()
            && first.link.sequence <= lane.lane.base.sequence
        {
            return Ok(Err(Finding::event(
                lane,
                first.link.sequence,
                Some(&first.id),
                Problem::EventChanged,
            )));
        }
        let head = &lane.lane.head;
        let mut last: Link = lane.lane.base.clone();
        loop {
            let entries = self.connection.audit_entries(node, number, last.sequence, BATCH).await?;
            let is_last = entries.len() < usize::from(BATCH);
            for entry in entries {
                if entry.link.sequence != last.sequence + 1 {
                    return Ok(Err(Finding::event(lane, last.sequence + 1, None, Problem::EventMissing)));
                }
                let is_other = entry.link.sequence == head.sequence && entry.link.mac != head.mac;
                if is_other || !entry.follows(&last, head, self.keys) {
                    let sequence = entry.link.sequence;
                    return Ok(Err(Finding::event(lane, sequence, Some(&entry.id), Problem::EventChanged)));
                }
                self.summary.events += 1;
                self.summary.oldest = self.summary.oldest.into_iter().chain([entry.at]).min();
                self.summary.newest = self.summary.newest.into_iter().chain([entry.at]).max();
                last = entry.link;
            }
            if is_last {
                break;
            }
        }
        if last.sequence < head.sequence {
            return Ok(Err(Finding::event(lane, last.sequence + 1, None, Problem::EventMissing)));
        }
        Ok(Ok(()))
    }
}
