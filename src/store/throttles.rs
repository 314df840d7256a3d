//! Counters of failed attempts, shared by all nodes.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::row::unreadable;
use super::sql::{sql, upsert};
use super::{Connection, Tx};

/// A counter of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Failures since the counter began.
    pub failures: i64,
    /// No attempt is looked at before this time.
    pub blocked_until: Timestamp,
}

impl Connection {
    /// Until when a counter's subject is blocked; 0 when it is not known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blocked_until(&mut self, id: &str) -> Result<Timestamp, Fault> {
        let until = self
            .query(sql!("SELECT blocked_until FROM throttles WHERE id = $1"))
            .text(id)
            .optional(|row| row.integer(0))
            .await?;
        Ok(until.unwrap_or(0))
    }
}

impl Tx {
    /// Counts one attempt and returns the counter as it is now. A counter that has expired begins
    /// anew. The row stays locked until the transaction ends, so that attempts are counted one
    /// after the other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_attempt(&mut self, id: &str, now: Timestamp, expires_at: Timestamp) -> Result<Throttle, Fault> {
        // Makes the row, or locks the one that is there.
        self.query(upsert!(
            "INSERT INTO throttles (id, failures, blocked_until, expires_at) VALUES ($1, 0, 0, $2)",
            key "id"; set "id"
        ))
        .text(id)
        .bind(expires_at)
        .execute()
        .await?;
        self.query(sql!(
            "UPDATE throttles SET failures = CASE WHEN expires_at <= $1 THEN 1 ELSE failures + 1 END, \
             blocked_until = CASE WHEN expires_at <= $2 THEN 0 ELSE blocked_until END, \
             expires_at = CASE WHEN expires_at > $3 THEN expires_at ELSE $4 END WHERE id = $5"
        ))
        .bind(now)
        .bind(now)
        .bind(expires_at)
        .bind(expires_at)
        .text(id)
        .execute()
        .await?;
        self.query(sql!("SELECT failures, blocked_until FROM throttles WHERE id = $1"))
            .text(id)
            .optional(|row| {
                Ok(Throttle {
                    failures: row.integer(0)?,
                    blocked_until: row.integer(1)?,
                })
            })
            .await?
            .ok_or_else(|| unreadable("a counter vanished while it was locked"))
    }

    /// Blocks a counter's subject until a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn block_attempts(&mut self, id: &str, until: Timestamp, expires_at: Timestamp) -> Result<(), Fault> {
        self.query(sql!("UPDATE throttles SET blocked_until = $1, expires_at = $2 WHERE id = $3"))
            .bind(until)
            .bind(expires_at)
            .text(id)
            .execute()
            .await
            .map(drop)
    }

    /// Forgets a counter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear_attempts(&mut self, id: &str) -> Result<(), Fault> {
        self.query(sql!("DELETE FROM throttles WHERE id = $1"))
            .text(id)
            .execute()
            .await
            .map(drop)
    }
}
