//! Statistics: a number for every hour.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::statistic::Statistic;

use super::sql::{insert_if_absent, sql, upsert};
use super::{Connection, Tx};

/// A number of one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlyNumber {
    /// When the hour began
    pub hour: Timestamp,
    /// Which number, by [`Statistic::as_str`]
    pub name: String,
    /// The number
    pub value: i64,
}

impl Connection {
    /// All numbers of the hours from `since` on, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stats(&mut self, since: Timestamp) -> Result<Vec<HourlyNumber>, Fault> {
        self.query(sql!("SELECT hour, name, value FROM stats WHERE hour >= $1 ORDER BY hour, name"))
            .bind(since)
            .all(|row| {
                Ok(HourlyNumber {
                    hour: row.integer(0)?,
                    name: row.text(1)?,
                    value: row.integer(2)?,
                })
            })
            .await
    }

    /// How many grants are alive: redeemed, not revoked, not expired. It looks at all of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_active_grants(&mut self, now: Timestamp) -> Result<i64, Fault> {
        let count = self
            .query(sql!(
                "SELECT COUNT(*) FROM grants WHERE expires_at > $1 AND revoked_at IS NULL AND code_consumed_at IS NOT NULL"
            ))
            .bind(now)
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or_default())
    }

    /// How many sessions are alive.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_sessions(&mut self, now: Timestamp) -> Result<i64, Fault> {
        let count = self
            .query(sql!("SELECT COUNT(*) FROM sessions WHERE idle_expires_at > $1"))
            .bind(now)
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or_default())
    }
}

impl Tx {
    /// Adds to a number of an hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_to_stat(&mut self, hour: Timestamp, statistic: Statistic, amount: i64) -> Result<(), Fault> {
        if self.raise_stat(hour, statistic, amount).await? {
            return Ok(());
        }
        let inserted = self
            .query(insert_if_absent!("INSERT INTO stats (hour, name, value) VALUES ($1, $2, $3)"))
            .bind(hour)
            .text(statistic.as_str())
            .bind(amount)
            .insert_if_absent()
            .await?;
        if !inserted {
            // Another node was first.
            self.raise_stat(hour, statistic, amount).await?;
        }
        Ok(())
    }

    async fn raise_stat(&mut self, hour: Timestamp, statistic: Statistic, amount: i64) -> Result<bool, Fault> {
        let raised = self
            .query(sql!("UPDATE stats SET value = value + $1 WHERE hour = $2 AND name = $3"))
            .bind(amount)
            .bind(hour)
            .text(statistic.as_str())
            .execute()
            .await?;
        Ok(raised == 1)
    }

    /// Sets a number of an hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_stat(&mut self, hour: Timestamp, statistic: Statistic, value: i64) -> Result<(), Fault> {
        self.query(upsert!(
            "INSERT INTO stats (hour, name, value) VALUES ($1, $2, $3)", key "hour", "name"; set "value"
        ))
        .bind(hour)
        .text(statistic.as_str())
        .bind(value)
        .execute()
        .await
        .map(drop)
    }

    /// Forgets the hours before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_stats(&mut self, before: Timestamp) -> Result<u64, Fault> {
        self.query(sql!("DELETE FROM stats WHERE hour < $1"))
            .bind(before)
            .aside()
            .execute()
            .await
    }
}
