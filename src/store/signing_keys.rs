//! Signing keys, private halves sealed.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::signing_key::{SigningAlgorithm, SigningKey};

use super::row::Row;
use super::sql::sql;
use super::{Connection, Tx};

fn signing_key(row: Row<'_>) -> Result<SigningKey, Fault> {
    Ok(SigningKey {
        id: row.text(0)?,
        algorithm: row.named(1, SigningAlgorithm::parse)?,
        public_jwk: row.text(2)?,
        sealed_private_key: row.text(3)?,
        created_at: row.integer(4)?,
        active_at: row.integer(5)?,
        retired_at: row.maybe_integer(6)?,
        expires_at: row.maybe_integer(7)?,
    })
}

impl Connection {
    /// Every key, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn signing_keys(&mut self) -> Result<Vec<SigningKey>, Fault> {
        self.query(sql!(
            "SELECT id, algorithm, public_jwk, sealed_private_key, created_at, active_at, retired_at, expires_at \
             FROM signing_keys ORDER BY created_at, id"
        ))
        .all(signing_key)
        .await
    }
}

impl Tx {
    /// Adds a key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_signing_key(&mut self, key: &SigningKey) -> Result<(), Fault> {
        self.query(sql!(
            "INSERT INTO signing_keys (id, algorithm, public_jwk, sealed_private_key, created_at, active_at, retired_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .text(&key.id)
        .text(key.algorithm.as_str())
        .text(&key.public_jwk)
        .text(&key.sealed_private_key)
        .bind(key.created_at)
        .bind(key.active_at)
        .bind(key.retired_at)
        .bind(key.expires_at)
        .execute()
        .await
        .map(drop)
    }

    /// Sets when a key stops to sign and stops to verify, whatever was said before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_signing_key(&mut self, id: &str, retired_at: Timestamp, expires_at: Timestamp) -> Result<(), Fault> {
        self.query(sql!("UPDATE signing_keys SET retired_at = $1, expires_at = $2 WHERE id = $3"))
            .bind(retired_at)
            .bind(expires_at)
            .text(id)
            .execute()
            .await
            .map(drop)
    }

    /// Sets when a key stops to sign and stops to verify; false when it has such times already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retire_signing_key(&mut self, id: &str, retired_at: Timestamp, expires_at: Timestamp) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE signing_keys SET retired_at = $1, expires_at = $2 WHERE id = $3 AND retired_at IS NULL"
            ))
            .bind(retired_at)
            .bind(expires_at)
            .text(id)
            .execute()
            .await?;
        Ok(updated == 1)
    }
}
