//! Removing events that are older than the operator wants to keep them.
//!
//! Only whole beginnings of lanes go, and where a lane begins from then on is sealed in the same
//! transaction. What is removed is checked first: whoever makes young events look old must not get
//! the server to remove the traces.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::chain::Lane;
use crate::store::connection::{Connection, Tx};
use crate::store::sql::{hold, sql};
use crate::store::sweep::Swept;

use super::Store;

/// Among how many of the oldest events one batch looks for lanes: the index by age is walked, not the table.
const OLDEST: i64 = 5000;
/// How many events one batch removes of a lane.
const EVENTS: u16 = 500;

impl Store {
    /// Removes a batch of events from before `before`, of every node.
    ///
    /// # Errors
    /// When the database fails; what was removed before stays removed.
    pub async fn sweep_events(&self, before: Timestamp) -> Result<Swept, Fault> {
        let mut swept = Swept::default();
        let lanes = self.read().await?.lanes_with_events_before(before).await?;
        for (node, lane) in lanes {
            let mut tx = self.begin().await?;
            let rows = tx.shorten_lane(node, lane, before).await?;
            if rows > 0 {
                tx.commit().await?;
            }
            swept.rows += rows;
            swept.is_more |= rows > 0;
        }
        Ok(swept)
    }
}

impl Connection {
    async fn lanes_with_events_before(&mut self, before: Timestamp) -> Result<Vec<(i64, i64)>, Fault> {
        self.query(sql!(
            "SELECT DISTINCT node, lane FROM (SELECT node, lane FROM events WHERE at < $1 ORDER BY at LIMIT $2) AS oldest"
        ))
        .bind(before)
        .bind(OLDEST)
        .all(|row| Ok((row.integer(0)?, row.integer(1)?)))
        .await
    }
}

impl Tx {
    /// Removes the beginning of a lane, as far as it is from before `before`; how many events those were.
    async fn shorten_lane(&mut self, node: i64, number: i64, before: Timestamp) -> Result<u64, Fault> {
        let keys = self.audit.keys()?.clone();
        // Takes the row's lock: another node may be doing the same, or sealing.
        self.hold(hold!("audit_lanes", "base_seal", "node = $1 AND lane = $2"))
            .bind(node)
            .bind(number)
            .held()
            .await?;
        let Some(sealed) = self.audit_lane(node, number).await? else {
            return Ok(0);
        };
        let mut base = sealed.lane.base.clone();
        let mut is_intact = sealed.is_base_intact(&keys);
        for entry in self.audit_entries(node, number, base.sequence, EVENTS).await? {
            is_intact = is_intact && entry.follows(&base, &sealed.lane.head, &keys);
            if !is_intact || entry.at >= before {
                break;
            }
            base = entry.link;
        }
        if !is_intact {
            tracing::error!(
                event = "audit_chain_broken",
                node,
                lane = number,
                "the audit log was tampered with: old events are kept; run: gatehouse audit verify"
            );
        }
        if base == sealed.lane.base {
            return Ok(0);
        }
        let lane = Lane {
            base,
            ..Lane::new(node, number)
        };
        self.query(sql!(
            "UPDATE audit_lanes SET base_sequence = $1, base_mac = $2, base_seal = $3 WHERE node = $4 AND lane = $5"
        ))
        .bind(lane.base.sequence)
        .text(&lane.base.mac)
        .bind(lane.base_seal(keys.newest()))
        .bind(node)
        .bind(number)
        .execute()
        .await?;
        self.query(sql!("DELETE FROM events WHERE node = $1 AND lane = $2 AND sequence <= $3"))
            .bind(node)
            .bind(number)
            .bind(lane.base.sequence)
            .aside()
            .execute()
            .await
    }
}
