//! Removing what has expired, in small batches, so that nobody waits long for the writer.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::Tx;
use super::sql::{Sql, sql};

/// How many rows one batch removes of each table.
pub const BATCH: i64 = 500;

/// What a batch removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows that are gone.
    pub rows: u64,
    /// Whether more may be waiting.
    pub is_more: bool,
}

/// Tables with rows that expire. The inner SELECT is wrapped because MySQL allows no LIMIT there.
const EXPIRING: [Sql; 9] = [
    sql!(
        "DELETE FROM grants WHERE id IN (SELECT id FROM (SELECT id FROM grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE idle_expires_at <= $1 ORDER BY idle_expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM throttles WHERE id IN (SELECT id FROM (SELECT id FROM throttles WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM signing_keys WHERE id IN (SELECT id FROM (SELECT id FROM signing_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM client_assertions WHERE id IN (SELECT id FROM (SELECT id FROM client_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM callbacks WHERE id IN (SELECT id FROM (SELECT id FROM callbacks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM user_bindings WHERE id IN (SELECT id FROM (SELECT id FROM user_bindings WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
    sql!(
        "DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM (SELECT id FROM initial_access_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch)"
    ),
];

impl Tx {
    /// Removes one batch of every kind of row that expired before `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&mut self, now: Timestamp) -> Result<Swept, Fault> {
        let mut swept = Swept::default();
        for statement in EXPIRING {
            let rows = self.query(statement).bind(now).bind(BATCH).execute().await?;
            swept.rows += rows;
            swept.is_more |= rows >= BATCH.unsigned_abs();
        }
        Ok(swept)
    }
}
