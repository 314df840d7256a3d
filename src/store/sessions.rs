//! Sessions.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::session::Session;
use crate::model::user::User;

use super::connection::Statement;
use super::many::Many;
use super::row::{Row, json};
use super::sql::{Sql, hold, sql};
use super::users::{self, user};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, secret_hash, user_id, auth_time, amr, user_agent, address, created_at, last_seen_at, idle_expires_at, expires_at"
    };
}
pub(super) use columns;
/// How many these are.
const COLUMNS: usize = 11;

pub(super) fn session(row: Row<'_>) -> Result<Session, Fault> {
    Ok(Session {
        id: row.text(0)?,
        secret_hash: row.text(1)?,
        user_id: row.text(2)?,
        auth_time: row.integer(3)?,
        amr: row.json(4)?,
        user_agent: row.text(5)?,
        address: row.text(6)?,
        created_at: row.integer(7)?,
        last_seen_at: row.integer(8)?,
        idle_expires_at: row.integer(9)?,
        expires_at: row.integer(10)?,
    })
}

const INSERT: Sql = sql!(
    "INSERT INTO sessions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
);

fn bind_all<'c>(statement: Statement<'c>, session: &Session) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&session.id)
        .text(&session.secret_hash)
        .text(&session.user_id)
        .bind(session.auth_time)
        .bind(json(&session.amr)?)
        .text(&session.user_agent)
        .text(&session.address)
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.idle_expires_at)
        .bind(session.expires_at))
}

impl Connection {
    /// The session with this id, alive or not. Its secret is not checked here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&mut self, id: &str) -> Result<Option<Session>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM sessions WHERE id = $1"))
            .text(id)
            .optional(session)
            .await
    }

    /// The session with this id, alive or not, with whose it is, disabled or not, in one round trip.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_and_user(&mut self, id: &str) -> Result<Option<(Session, User)>, Fault> {
        self.query(sql!(
            "SELECT held.*, person.* FROM (SELECT ",
            columns!(),
            " FROM sessions) AS held JOIN (SELECT ",
            users::columns!(),
            " FROM users) AS person ON person.id = held.user_id WHERE held.id = $1"
        ))
        .text(id)
        .optional(|row| {
            let of_user = row.from(COLUMNS);
            Ok((session(row)?, user(of_user)?))
        })
        .await
    }

    /// Up to `limit` sessions that are alive at `now`, the newest first, that began before the one of the id
    /// `before`; with `user_id`, only that user's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions_before(
        &mut self,
        user_id: Option<&str>,
        before: &str,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Session>, Fault> {
        let statement = match user_id {
            None => self.query(sql!(
                "SELECT ",
                columns!(),
                " FROM sessions WHERE id < $1 AND idle_expires_at > $2 AND expires_at > $3 ORDER BY id DESC LIMIT $4"
            )),
            Some(user_id) => self
                .query(sql!(
                    "SELECT ",
                    columns!(),
                    " FROM sessions WHERE user_id = $1 AND id < $2 AND idle_expires_at > $3 AND expires_at > $4 \
                       ORDER BY id DESC LIMIT $5"
                ))
                .text(user_id),
        };
        statement.text(before).bind(now).bind(now).bind(i64::from(limit)).all(session).await
    }
}

impl Tx {
    /// Begins a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_session(&mut self, session: &Session) -> Result<(), Fault> {
        bind_all(self.query(INSERT), session)?.execute().await.map(drop)
    }

    /// Writes many sessions that are not there yet.
    ///
    /// # Errors
    /// When the database fails, or one is there.
    pub async fn insert_sessions(&mut self, sessions: &[Session]) -> Result<(), Fault> {
        static MANY: Many = Many::of(INSERT);
        self.insert_many(&MANY, sessions, bind_all).await
    }

    /// Notes that a session was used, which keeps it from idling out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_session(&mut self, id: &str, now: Timestamp, idle_expires_at: Timestamp) -> Result<(), Fault> {
        self.query(sql!("UPDATE sessions SET last_seen_at = $1, idle_expires_at = $2 WHERE id = $3"))
            .bind(now)
            .bind(idle_expires_at)
            .text(id)
            .execute()
            .await
            .map(drop)
    }

    /// Holds a session's row until the transaction ends, so that what is done in it cannot outlive it
    /// unseen. False when it has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_session(&mut self, id: &str) -> Result<bool, Fault> {
        self.hold(hold!("sessions", "last_seen_at", "id = $1")).text(id).held().await
    }

    /// Ends every session of a user; how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_sessions_of(&mut self, user_id: &str) -> Result<u64, Fault> {
        self.query(sql!("DELETE FROM sessions WHERE user_id = $1"))
            .text(user_id)
            .aside()
            .execute()
            .await
    }

    /// Ends a session; false when it had ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_session(&mut self, id: &str) -> Result<bool, Fault> {
        Ok(self.query(sql!("DELETE FROM sessions WHERE id = $1")).text(id).execute().await? == 1)
    }
}
