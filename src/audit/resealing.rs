//! New seals for the audit log when `APP_SECRET` is replaced.
//!
//! Events keep their MACs: a chain that is made anew would be as good as the program that makes it. Nodes and lanes get new
//! seals, and the head of a lane is set to its last event. From then on the old key ties events to a head that only the new
//! one can seal, and proves nothing beyond it. What is not intact is still found: a seal that is wrong is not replaced, and the
//! head of a lane in which an event is wrong stays where it was.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::chain::{Lane, Link, Node, SealedLane, SealedNode};

use super::BATCH;

/// What sealing anew came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealing {
    /// Nodes and lanes that have new seals
    pub resealed: u64,
    /// Nodes and lanes that are not intact
    pub broken: u64,
}

/// Seals every node and lane with the secret that is in force. Servers may write meanwhile: what has changed since it was read
/// is left for another round.
///
/// # Errors
/// When the database fails; what was sealed until then stays.
pub async fn reseal(app: &App) -> Result<Resealing, Fault> {
    let mut total = Resealing::default();
    let mut last = i64::MIN;
    loop {
        let found = app.store.read().await?.audit_node_after(last).await?;
        let Some(node) = found else { return Ok(total) };
        last = node.node.number;
        reseal_node(app, &node, &mut total).await?;
    }
}

/// How many nodes and lanes have a seal of another secret than the one in force.
///
/// # Errors
/// When the database fails.
pub async fn sealed_before(app: &App) -> Result<u64, Fault> {
    let keys = &app.secrets.audit;
    let mut connection = app.store.read().await?;
    let (mut count, mut last) = (0, i64::MIN);
    while let Some(node) = connection.audit_node_after(last).await? {
        last = node.node.number;
        count += u64::from(node.is_intact(keys) && !node.is_newest(keys));
        let mut after = i64::MIN;
        while let Some(lane) = connection.audit_lane_after(last, after).await? {
            after = lane.lane.number;
            let is_intact = lane.is_base_intact(keys) && lane.is_head_intact(keys);
            count += u64::from(is_intact && !lane.is_newest(keys));
        }
    }
    Ok(count)
}

async fn reseal_node(app: &App, node: &SealedNode, total: &mut Resealing) -> Result<(), Fault> {
    let keys = &app.secrets.audit;
    let (mut after, mut sealed) = (i64::MIN, 0);
    loop {
        let found = app.store.read().await?.audit_lane_after(node.node.number, after).await?;
        let Some(lane) = found else { break };
        after = lane.lane.number;
        if lane.is_newest(keys) {
            sealed += i64::from(lane.lane.head.sequence > 0);
        } else if lane.is_base_intact(keys) && lane.is_head_intact(keys) {
            let end = end_of(app, &lane).await?;
            total.broken += u64::from(end.is_none());
            let head = end.unwrap_or_else(|| lane.lane.head.clone());
            sealed += i64::from(head.sequence > 0);
            total.resealed += u64::from(reseal_lane(app, &lane, head).await?);
        } else {
            total.broken += 1;
        }
    }
    if node.is_newest(keys) {
        return Ok(());
    }
    if !node.is_intact(keys) {
        total.broken += 1;
        return Ok(());
    }
    let after = Node {
        // More than it has said where it ended without a word; a lane that is missing is still missed.
        lanes: sealed.max(node.node.lanes),
        ..node.node.clone()
    };
    let mut tx = app.store.begin().await?;
    total.resealed += u64::from(tx.reseal_audit_node(node, &after, keys).await?);
    tx.commit().await
}

async fn reseal_lane(app: &App, lane: &SealedLane, head: Link) -> Result<bool, Fault> {
    let after = Lane { head, ..lane.lane.clone() };
    let mut tx = app.store.begin().await?;
    let is_done = tx.reseal_audit_lane(lane, &after, &app.secrets.audit).await?;
    tx.commit().await?;
    Ok(is_done)
}

/// The last event of a lane; `None` when one is not as it was written.
async fn end_of(app: &App, lane: &SealedLane) -> Result<Option<Link>, Fault> {
    let keys = &app.secrets.audit;
    let Lane { node, number, base, head } = &lane.lane;
    let mut last = base.clone();
    loop {
        let entries = app.store.read().await?.audit_entries(*node, *number, last.sequence, BATCH).await?;
        let is_last = entries.len() < usize::from(BATCH);
        for entry in entries {
            let is_other = entry.link.sequence == head.sequence && entry.link.mac != head.mac;
            if is_other || !entry.follows(&last, head, keys) {
                return Ok(None);
            }
            last = entry.link;
        }
        if is_last {
            return Ok((last.sequence >= head.sequence).then_some(last));
        }
    }
}
