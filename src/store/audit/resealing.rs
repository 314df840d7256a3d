//! Seals of the audit log that another key makes.

use crate::base::fault::Fault;
use crate::model::chain::{ChainKeys, Lane, Node, SealedLane, SealedNode};
use crate::store::connection::Tx;
use crate::store::sql::sql;

impl Tx {
    /// Seals a node anew; false when it is not as it was read any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reseal_audit_node(&mut self, before: &SealedNode, after: &Node, keys: &ChainKeys) -> Result<bool, Fault> {
        let resealed = self
            .query(sql!("UPDATE audit_nodes SET lanes = $1, seal = $2 WHERE number = $3 AND seal = $4"))
            .bind(after.lanes)
            .bind(after.seal(keys.newest()))
            .bind(before.node.number)
            .text(&before.seal)
            .execute()
            .await?;
        Ok(resealed == 1)
    }

    /// Seals a lane anew, up to where it goes; false when it is not as it was read any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reseal_audit_lane(&mut self, before: &SealedLane, after: &Lane, keys: &ChainKeys) -> Result<bool, Fault> {
        let resealed = self
            .query(sql!(
                "UPDATE audit_lanes SET base_seal = $1, head_sequence = $2, head_mac = $3, head_seal = $4 \
                 WHERE node = $5 AND lane = $6 AND base_seal = $7 AND head_seal = $8"
            ))
            .bind(after.base_seal(keys.newest()))
            .bind(after.head.sequence)
            .text(&after.head.mac)
            .bind(after.head_seal(keys.newest()))
            .bind(before.lane.node)
            .bind(before.lane.number)
            .text(&before.base_seal)
            .text(&before.head_seal)
            .execute()
            .await?;
        Ok(resealed == 1)
    }
}
