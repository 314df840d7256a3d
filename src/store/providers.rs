//! Providers.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::provider::Provider;

use super::row::{Row, json};
use super::sql::{hold, insert_if_absent, sql};
use super::upstream_revocations::RemovedWith;
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, settings, sealed_secret, updated_at, created_at, version"
    };
}
pub(super) use columns;

/// How many columns that are.
pub(super) const COLUMNS: usize = 6;

pub(super) fn provider(row: Row<'_>) -> Result<Provider, Fault> {
    Ok(Provider {
        id: row.text(0)?,
        settings: row.settings(1)?,
        sealed_secret: row.maybe_text(2)?,
        updated_at: row.integer(3)?,
        created_at: row.integer(4)?,
        version: row.integer(5)?,
    })
}

impl Connection {
    /// Every provider, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn providers(&mut self) -> Result<Vec<Provider>, Fault> {
        let found = self.query(sql!("SELECT ", columns!(), " FROM providers ORDER BY id"));
        found.all(provider).await
    }

    /// The provider of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn provider(&mut self, id: &str) -> Result<Option<Provider>, Fault> {
        let found = self.query(sql!("SELECT ", columns!(), " FROM providers WHERE id = $1"));
        let found = found.text(id).optional(provider).await?;
        // Some databases find `Google` when asked for `google`.
        Ok(found.filter(|provider| provider.id == id))
    }

    /// How many connections people have at a provider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_connections_at(&mut self, provider_id: &str) -> Result<i64, Fault> {
        let found = self.query(sql!("SELECT COUNT(*) FROM connections WHERE provider_id = $1"));
        let count = found.text(provider_id).aside().optional(|row| row.integer(0)).await?;
        Ok(count.unwrap_or_default())
    }
}

impl Tx {
    /// Adds a provider; false when its id is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_provider(&mut self, provider: &Provider) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO providers (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6)"
        ))
        .text(&provider.id)
        .bind(json(&provider.settings)?)
        .maybe_text(provider.sealed_secret.as_deref())
        .bind(provider.updated_at)
        .bind(provider.created_at)
        .bind(provider.version)
        .insert_if_absent()
        .await
    }

    /// Replaces everything about a provider but its id and age, if it is still of the version that `provider` was read
    /// with. False when somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_provider(&mut self, provider: &Provider) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE providers SET settings = $1, sealed_secret = $2, updated_at = $3, version = version + 1 \
                 WHERE id = $4 AND version = $5"
            ))
            .bind(json(&provider.settings)?)
            .maybe_text(provider.sealed_secret.as_deref())
            .bind(provider.updated_at)
            .text(&provider.id)
            .bind(provider.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Keeps a provider from being removed or changed until the transaction ends. False when it is not there any more as
    /// it was read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_provider(&mut self, provider: &Provider) -> Result<bool, Fault> {
        let statement = self.hold(hold!("providers", "version", "id = $1 AND version = $2 AND created_at = $3"));
        let statement = statement.text(&provider.id).bind(provider.version).bind(provider.created_at);
        statement.held().await
    }

    /// Removes a provider. False when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_provider(&mut self, id: &str) -> Result<bool, Fault> {
        let deleted = self.query(sql!("DELETE FROM providers WHERE id = $1"));
        Ok(deleted.text(id).execute().await? == 1)
    }

    /// Removes what people have connected at a provider, which is to be taken back there from then on; how many connections
    /// there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_connections_at(&mut self, provider_id: &str, now: Timestamp) -> Result<u64, Fault> {
        self.remove_connections(RemovedWith::Provider(provider_id), now).await
    }
}
