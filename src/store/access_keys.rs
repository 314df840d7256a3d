//! Access keys of clients.

use crate::base::fault::Fault;
use crate::model::access_key::AccessKey;

use super::row::Row;
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, client_id, name, sealed_secret, may_administer, is_disabled, created_at, updated_at, version"
    };
}

fn access_key(row: Row<'_>) -> Result<AccessKey, Fault> {
    Ok(AccessKey {
        id: row.text(0)?,
        client_id: row.text(1)?,
        name: row.text(2)?,
        sealed_secret: row.text(3)?,
        may_administer: row.flag(4)?,
        is_disabled: row.flag(5)?,
        created_at: row.integer(6)?,
        updated_at: row.integer(7)?,
        version: row.integer(8)?,
    })
}

impl Connection {
    /// The access key of this id, disabled or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn access_key(&mut self, id: &str) -> Result<Option<AccessKey>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM access_keys WHERE id = $1"))
            .text(id)
            .optional(access_key)
            .await
            // MySQL takes `id` and `id ` for the same text.
            .map(|found| found.filter(|key| key.id == id))
    }

    /// Up to `limit` access keys by id after the one of this id; with `client_id`, only those of that client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn access_keys(&mut self, client_id: Option<&str>, after: &str, limit: u16) -> Result<Vec<AccessKey>, Fault> {
        let statement = match client_id {
            None => self.query(sql!("SELECT ", columns!(), " FROM access_keys WHERE id > $1 ORDER BY id LIMIT $2")),
            Some(client_id) => self
                .query(sql!(
                    "SELECT ",
                    columns!(),
                    " FROM access_keys WHERE client_id = $1 AND id > $2 ORDER BY id LIMIT $3"
                ))
                .text(client_id),
        };
        statement.text(after).bind(i64::from(limit)).all(access_key).await
    }
}

impl Tx {
    /// Adds an access key; false when its id is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_access_key(&mut self, key: &AccessKey) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO access_keys (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ))
        .text(&key.id)
        .text(&key.client_id)
        .text(&key.name)
        .text(&key.sealed_secret)
        .flag(key.may_administer)
        .flag(key.is_disabled)
        .bind(key.created_at)
        .bind(key.updated_at)
        .bind(key.version)
        .insert_if_absent()
        .await
    }

    /// Changes the name of an access key and whether it is disabled, if it is still of the version that `key` was read with.
    /// False when somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_access_key(&mut self, key: &AccessKey) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE access_keys SET name = $1, is_disabled = $2, updated_at = $3, version = version + 1 WHERE id = $4 AND version = $5"
            ))
            .text(&key.name)
            .flag(key.is_disabled)
            .bind(key.updated_at)
            .text(&key.id)
            .bind(key.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Removes an access key; false when there is none of this version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_access_key(&mut self, key: &AccessKey) -> Result<bool, Fault> {
        let deleted = self.query(sql!("DELETE FROM access_keys WHERE id = $1 AND version = $2"));
        Ok(deleted.text(&key.id).bind(key.version).execute().await? == 1)
    }

    /// Removes the access keys of a client.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn delete_access_keys_of(&mut self, client_id: &str) -> Result<(), Fault> {
        let deleted = self.query(sql!("DELETE FROM access_keys WHERE client_id = $1"));
        deleted.text(client_id).aside().execute().await.map(drop)
    }
}
