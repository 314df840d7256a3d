//! Initial access tokens, by their digests.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::initial_access_token::InitialAccessToken;

use super::row::Row;
use super::sql::sql;
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, name, uses_left, expires_at, created_at"
    };
}

fn token(row: Row<'_>) -> Result<InitialAccessToken, Fault> {
    Ok(InitialAccessToken {
        id: row.text(0)?,
        name: row.text(1)?,
        uses_left: row.maybe_integer(2)?,
        expires_at: row.integer(3)?,
        created_at: row.integer(4)?,
    })
}

impl Connection {
    /// The token with this digest, usable or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn initial_access_token_of(&mut self, token_hash: &str) -> Result<Option<InitialAccessToken>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM initial_access_tokens WHERE token_hash = $1"))
            .text(token_hash)
            .optional(token)
            .await
    }

    /// The token with this id, usable or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn initial_access_token(&mut self, id: &str) -> Result<Option<InitialAccessToken>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM initial_access_tokens WHERE id = $1"))
            .text(id)
            .optional(token)
            .await
            // MySQL takes `id` and `id ` for the same text.
            .map(|found| found.filter(|token| token.id == id))
    }

    /// Up to `limit` tokens that have not expired, the newest first, that were made before the one of the id
    /// `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn initial_access_tokens(&mut self, before: &str, now: Timestamp, limit: u16) -> Result<Vec<InitialAccessToken>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM initial_access_tokens WHERE id < $1 AND expires_at > $2 ORDER BY id DESC LIMIT $3"
        ))
        .text(before)
        .bind(now)
        .bind(i64::from(limit))
        .all(token)
        .await
    }
}

impl Tx {
    /// Adds a token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_initial_access_token(&mut self, token: &InitialAccessToken, token_hash: &str) -> Result<(), Fault> {
        self.query(sql!(
            "INSERT INTO initial_access_tokens (id, name, uses_left, expires_at, created_at, token_hash) VALUES ($1, $2, $3, $4, $5, $6)"
        ))
        .text(&token.id)
        .text(&token.name)
        .bind(token.uses_left)
        .bind(token.expires_at)
        .bind(token.created_at)
        .text(token_hash)
        .execute()
        .await
        .map(drop)
    }

    /// The gate of a registration: uses a token once. False when it is used up, has expired, or is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_initial_access_token(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        let used = self
            .query(sql!(
                "UPDATE initial_access_tokens SET uses_left = uses_left - 1 \
                 WHERE id = $1 AND expires_at > $2 AND (uses_left IS NULL OR uses_left > 0)"
            ))
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(used == 1)
    }

    /// Removes a token; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_initial_access_token(&mut self, id: &str) -> Result<bool, Fault> {
        let deleted = self
            .query(sql!("DELETE FROM initial_access_tokens WHERE id = $1"))
            .text(id)
            .execute()
            .await?;
        Ok(deleted == 1)
    }
}
