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

/// Tables with rows that expire. The inner SELECT is wrapped because MySQL allows no LIMIT there; what it says is said
/// again outside, because a row may have been given more time since.
const EXPIRING: [Sql; 11] = [
    sql!(
        "DELETE FROM grants WHERE id IN (SELECT id FROM (SELECT id FROM grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    sql!(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE idle_expires_at <= $1 ORDER BY idle_expires_at LIMIT $2) AS batch) AND idle_expires_at <= $3"
    ),
    sql!(
        "DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    sql!(
        "DELETE FROM throttles WHERE id IN (SELECT id FROM (SELECT id FROM throttles WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    sql!(
        "DELETE FROM signing_keys WHERE id IN (SELECT id FROM (SELECT id FROM signing_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    sql!(
        "DELETE FROM client_assertions WHERE id IN (SELECT id FROM (SELECT id FROM client_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    sql!(
        "DELETE FROM callbacks WHERE id IN (SELECT id FROM (SELECT id FROM callbacks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    // Answers that were collected, and kept a moment longer.
    sql!(
        "UPDATE callbacks SET sealed_answer = NULL, retrieval_hash = NULL, answer_until = NULL WHERE id IN (SELECT id FROM (SELECT id FROM callbacks WHERE answer_until <= $1 ORDER BY answer_until LIMIT $2) AS batch) AND answer_until <= $3"
    ),
    sql!(
        "DELETE FROM user_bindings WHERE id IN (SELECT id FROM (SELECT id FROM user_bindings WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
    ),
    // What became of them can be asked for some time longer.
    sql!(
        "DELETE FROM connection_sessions WHERE id IN (SELECT id FROM (SELECT id FROM connection_sessions WHERE expires_at <= $1 - 600 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3 - 600"
    ),
    sql!(
        "DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM (SELECT id FROM initial_access_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS batch) AND expires_at <= $3"
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
            let rows = self.query(statement).bind(now).bind(BATCH).bind(now).aside().execute().await?;
            swept.rows += rows;
            swept.is_more |= rows >= BATCH.unsigned_abs();
        }
        Ok(swept)
    }
}
