//! Chains as they stand in the database, for whoever checks them.

use crate::base::fault::Fault;
use crate::model::chain::{Entry, Lane, Link, Node, SealedLane, SealedNode};
use crate::store::connection::{Connection, Tx};
use crate::store::row::Row;
use crate::store::sql::sql;

macro_rules! columns {
    () => {
        "id, at, kind, outcome, actor, subject_id, client_id, target, address, request_id, detail, node, lane, sequence, mac"
    };
}
pub(in crate::store) use columns;

pub(in crate::store) fn entry(row: Row<'_>) -> Result<Entry, Fault> {
    Ok(Entry {
        id: row.text(0)?,
        at: row.integer(1)?,
        kind: row.text(2)?,
        outcome: row.text(3)?,
        actor: row.text(4)?,
        subject_id: row.maybe_text(5)?,
        client_id: row.maybe_text(6)?,
        target: row.maybe_text(7)?,
        address: row.maybe_text(8)?,
        request_id: row.maybe_text(9)?,
        detail: row.text(10)?,
        node: row.integer(11)?,
        lane: row.integer(12)?,
        link: Link {
            sequence: row.integer(13)?,
            mac: row.text(14)?,
        },
    })
}

macro_rules! lane_columns {
    () => {
        "node, lane, base_sequence, base_mac, base_seal, head_sequence, head_mac, head_seal"
    };
}

fn sealed_lane(row: Row<'_>) -> Result<SealedLane, Fault> {
    Ok(SealedLane {
        lane: Lane {
            node: row.integer(0)?,
            number: row.integer(1)?,
            base: Link {
                sequence: row.integer(2)?,
                mac: row.text(3)?,
            },
            head: Link {
                sequence: row.integer(5)?,
                mac: row.text(6)?,
            },
        },
        base_seal: row.text(4)?,
        head_seal: row.text(7)?,
    })
}

fn sealed_node(row: Row<'_>) -> Result<SealedNode, Fault> {
    Ok(SealedNode {
        node: Node {
            number: row.integer(0)?,
            name: row.text(1)?,
            started_at: row.integer(2)?,
            updated_at: row.integer(3)?,
            lanes: row.integer(4)?,
        },
        seal: row.text(5)?,
    })
}

impl Connection {
    /// The first node whose number is greater than `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_node_after(&mut self, after: i64) -> Result<Option<SealedNode>, Fault> {
        self.query(sql!(
            "SELECT number, name, started_at, updated_at, lanes, seal FROM audit_nodes WHERE number > $1 ORDER BY number LIMIT 1"
        ))
        .bind(after)
        .optional(sealed_node)
        .await
    }

    /// The first lane of a node whose number is greater than `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_lane_after(&mut self, node: i64, after: i64) -> Result<Option<SealedLane>, Fault> {
        self.query(sql!(
            "SELECT ",
            lane_columns!(),
            " FROM audit_lanes WHERE node = $1 AND lane > $2 ORDER BY lane LIMIT 1"
        ))
        .bind(node)
        .bind(after)
        .optional(sealed_lane)
        .await
    }

    /// A lane.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_lane(&mut self, node: i64, lane: i64) -> Result<Option<SealedLane>, Fault> {
        self.query(sql!("SELECT ", lane_columns!(), " FROM audit_lanes WHERE node = $1 AND lane = $2"))
            .bind(node)
            .bind(lane)
            .optional(sealed_lane)
            .await
    }

    /// The number of the first node after `after` that has events or lanes, be it known or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn node_with_rows_after(&mut self, after: i64) -> Result<Option<i64>, Fault> {
        let mut first: Option<i64> = None;
        for statement in [
            sql!("SELECT MIN(node) FROM events WHERE node > $1"),
            sql!("SELECT MIN(node) FROM audit_lanes WHERE node > $1"),
        ] {
            let found = self
                .query(statement)
                .bind(after)
                .optional(|row| row.maybe_integer(0))
                .await?
                .flatten();
            first = first.into_iter().chain(found).min();
        }
        Ok(first)
    }

    /// The number of the first lane of a node after `after` that has events, be it known or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lane_with_events_after(&mut self, node: i64, after: i64) -> Result<Option<i64>, Fault> {
        let found = self
            .query(sql!("SELECT MIN(lane) FROM events WHERE node = $1 AND lane > $2"))
            .bind(node)
            .bind(after)
            .optional(|row| row.maybe_integer(0))
            .await?;
        Ok(found.flatten())
    }

    /// The events of a lane whose numbers are greater than `after`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_entries(&mut self, node: i64, lane: i64, after: i64, limit: u16) -> Result<Vec<Entry>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM events WHERE node = $1 AND lane = $2 AND sequence > $3 ORDER BY sequence LIMIT $4"
        ))
        .bind(node)
        .bind(lane)
        .bind(after)
        .bind(i64::from(limit))
        .aside()
        .all(entry)
        .await
    }
}

impl Tx {
    pub(super) async fn insert_lane(&mut self, lane: &Lane) -> Result<(), Fault> {
        let (base_seal, head_seal) = {
            let key = self.audit.key()?;
            (lane.base_seal(key), lane.head_seal(key))
        };
        self.query(sql!(
            "INSERT INTO audit_lanes (",
            lane_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .bind(lane.node)
        .bind(lane.number)
        .bind(lane.base.sequence)
        .text(&lane.base.mac)
        .bind(base_seal)
        .bind(lane.head.sequence)
        .text(&lane.head.mac)
        .bind(head_seal)
        .execute()
        .await
        .map(drop)
    }

    pub(super) async fn insert_entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        self.query(sql!(
            "INSERT INTO events (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        ))
        .text(&entry.id)
        .bind(entry.at)
        .text(&entry.kind)
        .text(&entry.outcome)
        .text(&entry.actor)
        .maybe_text(entry.subject_id.as_deref())
        .maybe_text(entry.client_id.as_deref())
        .maybe_text(entry.target.as_deref())
        .maybe_text(entry.address.as_deref())
        .maybe_text(entry.request_id.as_deref())
        .text(&entry.detail)
        .bind(entry.node)
        .bind(entry.lane)
        .bind(entry.link.sequence)
        .text(&entry.link.mac)
        .execute()
        .await
        .map(drop)
    }
}
