//! What a person sees and ends of their own account. Every statement names the person, so nobody
//! reaches what belongs to somebody else by knowing its id.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::consent::Consent;
use crate::model::session::Session;
use crate::protocol::scope::Scope;

use super::row::Row;
use super::sql::sql;
use super::{Connection, Tx, consents, sessions};

/// The grants of one person to one client for one scope that are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// To whom
    pub client_id: String,
    /// What for
    pub scope: Scope,
    /// Since when: the oldest
    pub since: Timestamp,
    /// When tokens were issued last
    pub last_used_at: Timestamp,
}

fn access(row: Row<'_>) -> Result<Access, Fault> {
    Ok(Access {
        client_id: row.text(0)?,
        scope: row.scope(1)?,
        since: row.integer(2)?,
        last_used_at: row.integer(3)?,
    })
}

impl Connection {
    /// The sessions of a user that are alive, newest first, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_sessions(&mut self, user_id: &str, now: Timestamp, limit: u16) -> Result<Vec<Session>, Fault> {
        self.query(sql!(
            "SELECT ",
            sessions::columns!(),
            " FROM sessions WHERE user_id = $1 AND idle_expires_at > $2 AND expires_at > $3 ORDER BY id DESC LIMIT $4"
        ))
        .text(user_id)
        .bind(now)
        .bind(now)
        .bind(i64::from(limit))
        .all(sessions::session)
        .await
    }

    /// Everything that a user has allowed, `limit` clients at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_consents(&mut self, user_id: &str, limit: u16) -> Result<Vec<Consent>, Fault> {
        self.query(sql!(
            "SELECT user_id, client_id, scope, claims, created_at, updated_at, resource FROM consents WHERE user_id = $1 \
             ORDER BY client_id LIMIT $2"
        ))
        .text(user_id)
        .bind(i64::from(limit))
        .all(consents::consent)
        .await
    }

    /// The grants of a user that are in force, by client and scope, `limit` of these at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_access(&mut self, user_id: &str, now: Timestamp, limit: u16) -> Result<Vec<Access>, Fault> {
        self.query(sql!(
            "SELECT client_id, scope, MIN(created_at), MAX(rotated_at) FROM grants \
             WHERE user_id = $1 AND revoked_at IS NULL AND code_consumed_at IS NOT NULL AND expires_at > $2 \
             GROUP BY client_id, scope ORDER BY client_id LIMIT $3"
        ))
        .text(user_id)
        .bind(now)
        .bind(i64::from(limit))
        .all(access)
        .await
    }

    /// The grants of a user to one client that are in force, by scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_access_of(&mut self, user_id: &str, client_id: &str, now: Timestamp) -> Result<Vec<Access>, Fault> {
        self.query(sql!(
            "SELECT client_id, scope, MIN(created_at), MAX(rotated_at) FROM grants \
             WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL AND code_consumed_at IS NOT NULL AND expires_at > $3 \
             GROUP BY client_id, scope"
        ))
        .text(user_id)
        .text(client_id)
        .bind(now)
        .all(access)
        .await
    }
}

impl Tx {
    /// Ends a session if it is this user's, with the grants that were not meant to outlive it; false when
    /// it is not or has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_own_session(&mut self, user_id: &str, session_id: &str, now: Timestamp) -> Result<bool, Fault> {
        let ended = self
            .query(sql!("DELETE FROM sessions WHERE id = $1 AND user_id = $2"))
            .text(session_id)
            .text(user_id)
            .execute()
            .await?;
        if ended == 1 {
            self.revoke_grants_of_session(session_id, now).await?;
        }
        Ok(ended == 1)
    }

    /// Ends all sessions of a user but one, with the grants that were not meant to outlive them; how many
    /// sessions there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_other_sessions(&mut self, user_id: &str, kept: &str, now: Timestamp) -> Result<u64, Fault> {
        let ended = self
            .query(sql!("DELETE FROM sessions WHERE user_id = $1 AND id <> $2"))
            .text(user_id)
            .text(kept)
            .aside()
            .execute()
            .await?;
        self.query(sql!(
            "UPDATE grants SET revoked_at = $1 WHERE user_id = $2 AND session_id <> $3 AND ends_with_session = 1 \
             AND revoked_at IS NULL"
        ))
        .bind(now)
        .text(user_id)
        .text(kept)
        .aside()
        .execute()
        .await?;
        Ok(ended)
    }
}
