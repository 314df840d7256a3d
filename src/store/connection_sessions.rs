//! Questions whether an agent may have something at a provider. Each step is one conditional UPDATE; whoever changes
//! the row was first.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::connection_session::{ConnectionSession, Departure, Status};

use super::row::{Row, json, unreadable};
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

/// How many sessions are asked for at once.
pub const SESSIONS_AT_ONCE: usize = 32;

macro_rules! columns {
    () => {
        "id, secret_hash, workload, workload_id, user_id, provider_id, scope, parameters, return_uri, custom_state, status, \
         state_hash, browser_hash, sealed_flow, failure, connection_id, created_at, expires_at, resource, needs_completion, \
         sealed_return"
    };
}

fn session(row: Row<'_>) -> Result<ConnectionSession, Fault> {
    let departure = match (row.maybe_text(11)?, row.maybe_text(12)?, row.maybe_text(13)?) {
        (Some(state_hash), Some(browser_hash), Some(sealed_flow)) => Some(Departure {
            state_hash,
            browser_hash,
            sealed_flow,
        }),
        _ => None,
    };
    Ok(ConnectionSession {
        id: row.text(0)?,
        secret_hash: row.text(1)?,
        workload: row.text(2)?,
        workload_id: row.text(3)?,
        user_id: row.text(4)?,
        provider_id: row.text(5)?,
        scope: row.scope(6)?,
        parameters: row.maybe_json(7)?.unwrap_or_default(),
        return_uri: row.maybe_text(8)?,
        custom_state: row.maybe_text(9)?,
        status: Status::parse(&row.text(10)?).ok_or_else(|| unreadable("unknown status of a session"))?,
        departure,
        failure: row.maybe_text(14)?,
        connection_id: row.maybe_text(15)?,
        created_at: row.integer(16)?,
        expires_at: row.integer(17)?,
        resource: row.maybe_json(18)?.unwrap_or_default(),
        needs_completion: row.flag(19)?,
        sealed_return: row.maybe_text(20)?,
    })
}

impl Connection {
    /// The session with this id, over or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connection_session(&mut self, id: &str) -> Result<Option<ConnectionSession>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM connection_sessions WHERE id = $1"))
            .text(id)
            .optional(session)
            .await
    }

    /// Which of these sessions, [`SESSIONS_AT_ONCE`] at most, are over: something has come of it, or it was taken back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_over(&mut self, ids: &[String]) -> Result<Vec<String>, Fault> {
        let mut statement = self.query(sql!(
            "SELECT id FROM connection_sessions WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
             $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
             AND status IN ('completed', 'failed', 'cancelled')"
        ));
        for at in 0..SESSIONS_AT_ONCE {
            statement = statement.text(ids.get(at).map_or("", String::as_str));
        }
        statement.all(|row| row.text(0)).await
    }

    /// How many sessions of a person wait for them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_waiting_sessions(&mut self, user_id: &str, now: Timestamp) -> Result<i64, Fault> {
        let count = self
            .query(sql!(
                "SELECT COUNT(*) FROM connection_sessions WHERE user_id = $1 AND expires_at > $2 AND status IN ('pending', 'away', 'returned')"
            ))
            .text(user_id)
            .bind(now)
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or(0))
    }
}

impl Tx {
    /// Adds a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_connection_session(&mut self, session: &ConnectionSession) -> Result<bool, Fault> {
        let departure = session.departure.as_ref();
        self.query(insert_if_absent!(
            "INSERT INTO connection_sessions (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"
        ))
        .text(&session.id)
        .text(&session.secret_hash)
        .text(&session.workload)
        .text(&session.workload_id)
        .text(&session.user_id)
        .text(&session.provider_id)
        .bind(session.scope.to_string())
        .bind(json(&session.parameters)?)
        .maybe_text(session.return_uri.as_deref())
        .maybe_text(session.custom_state.as_deref())
        .text(session.status.as_str())
        .maybe_text(departure.map(|departure| departure.state_hash.as_str()))
        .maybe_text(departure.map(|departure| departure.browser_hash.as_str()))
        .maybe_text(departure.map(|departure| departure.sealed_flow.as_str()))
        .maybe_text(session.failure.as_deref())
        .maybe_text(session.connection_id.as_deref())
        .bind(session.created_at)
        .bind(session.expires_at)
        .bind(json(&session.resource)?)
        .flag(session.needs_completion)
        .maybe_text(session.sealed_return.as_deref())
        .insert_if_absent()
        .await
    }

    /// The person goes to the provider. Whoever goes again has only the newest way. False when it is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depart(&mut self, id: &str, departure: &Departure, now: Timestamp) -> Result<bool, Fault> {
        let departed = self
            .query(sql!(
                "UPDATE connection_sessions SET status = 'away', state_hash = $1, browser_hash = $2, sealed_flow = $3 \
                 WHERE id = $4 AND status IN ('pending', 'away') AND expires_at > $5"
            ))
            .text(&departure.state_hash)
            .text(&departure.browser_hash)
            .text(&departure.sealed_flow)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(departed == 1)
    }

    /// The gate of coming back, through which each way leads once; with `sealed_return`, the agent completes it. False when
    /// it is another way, or was gone before, or the time is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn arrive(&mut self, id: &str, state_hash: &str, sealed_return: Option<&str>, now: Timestamp) -> Result<bool, Fault> {
        let status = if sealed_return.is_some() {
            Status::Returned
        } else {
            Status::Completing
        };
        let arrived = self
            .query(sql!(
                "UPDATE connection_sessions SET status = $1, sealed_flow = NULL, sealed_return = $2 \
                 WHERE id = $3 AND status = 'away' AND state_hash = $4 AND expires_at > $5"
            ))
            .text(status.as_str())
            .maybe_text(sealed_return)
            .text(id)
            .text(state_hash)
            .bind(now)
            .execute()
            .await?;
        Ok(arrived == 1)
    }

    /// The gate of completing: true for exactly one of those who want to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn complete_connection_session(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        let completed = self
            .query(sql!(
                "UPDATE connection_sessions SET status = 'completing', sealed_return = NULL \
                 WHERE id = $1 AND status = 'returned' AND expires_at > $2"
            ))
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(completed == 1)
    }

    /// Ends a session whose person has come back: with a connection, or with the reason why there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_connection_session(&mut self, id: &str, outcome: Result<&str, &str>, keep_until: Timestamp) -> Result<bool, Fault> {
        let status = if outcome.is_ok() { Status::Completed } else { Status::Failed };
        let ended = self
            .query(sql!(
                "UPDATE connection_sessions SET status = $1, connection_id = $2, failure = $3, expires_at = $4 \
                 WHERE id = $5 AND status = 'completing'"
            ))
            .text(status.as_str())
            .maybe_text(outcome.ok())
            .maybe_text(outcome.err())
            .bind(keep_until)
            .text(id)
            .execute()
            .await?;
        Ok(ended == 1)
    }

    /// Ends a session before there is anything to exchange, or to be exchanged. False when it is over, or being completed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_connection_session(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        let cancelled = self
            .query(sql!(
                "UPDATE connection_sessions SET status = 'cancelled', sealed_flow = NULL, sealed_return = NULL \
                 WHERE id = $1 AND status IN ('pending', 'away', 'returned') AND expires_at > $2"
            ))
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(cancelled == 1)
    }
}
