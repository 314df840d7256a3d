//! Connections: what people gave agents at providers, and who refreshes it.
//!
//! Everything that can happen at two places at once is decided by one conditional `UPDATE`. The version grows when tokens
//! are replaced, and only then: whoever has just got new tokens from a provider, which may take the old ones for stolen
//! from now on, must not lose to somebody who has changed anything else.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::connection::{Connection as Kept, SealedTokens};
use crate::protocol::scope::Scope;

use super::row::{Row, json};
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, workload, user_id, provider_id, account, account_label, scope, key_id, wrapped_key, sealed_tokens, token_expires_at, \
         needs_consent, refresher, refreshing_until, retry_at, failures, created_at, updated_at, version, resource"
    };
}
pub(super) use columns;

pub(super) fn kept(row: Row<'_>) -> Result<Kept, Fault> {
    Ok(Kept {
        id: row.text(0)?,
        workload: row.text(1)?,
        user_id: row.text(2)?,
        provider_id: row.text(3)?,
        account: row.text(4)?,
        account_label: row.text(5)?,
        scope: row.scope(6)?,
        tokens: SealedTokens {
            key_id: row.text(7)?,
            wrapped_key: row.text(8)?,
            sealed: row.text(9)?,
        },
        token_expires_at: row.maybe_integer(10)?,
        needs_consent: row.flag(11)?,
        refresher: row.maybe_text(12)?,
        refreshing_until: row.integer(13)?,
        retry_at: row.integer(14)?,
        failures: row.integer(15)?,
        created_at: row.integer(16)?,
        updated_at: row.integer(17)?,
        version: row.integer(18)?,
        resource: row.maybe_json(19)?.unwrap_or_default(),
    })
}

/// Tokens that take the place of those of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTokens {
    /// The tokens, sealed for that connection
    pub tokens: SealedTokens,
    /// What the provider granted
    pub scope: Scope,
    /// What they are for; `None` when that stays as it is
    pub resource: Option<Vec<String>>,
    /// When the access token ends; `None` when it does not
    pub token_expires_at: Option<Timestamp>,
}

/// How resources stand in a row.
fn resource(resource: &[String]) -> Result<Option<String>, Fault> {
    (!resource.is_empty()).then(|| json(&resource)).transpose()
}

/// The oldest first. SQLite would walk through all that the agent has, which is in that order, to save itself sorting.
pub(super) fn in_order(connections: &mut [Kept]) {
    connections.sort_by(|one, other| one.id.cmp(&other.id));
}

/// Which connections a list is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsWith<'a> {
    /// Of this person
    pub user_id: Option<&'a str>,
    /// At this provider
    pub provider_id: Option<&'a str>,
    /// Given to this agent, by name
    pub workload: Option<&'a str>,
}

/// The statement of a list: what it is about, and the numbers of the two parameters that say which page.
macro_rules! page_where {
    ($condition:literal, $after:literal, $limit:literal) => {
        sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE ",
            $condition,
            "id > ",
            $after,
            " ORDER BY id LIMIT ",
            $limit
        )
    };
}

impl Connection {
    /// Up to `limit` connections like these after the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_with(&mut self, with: ConnectionsWith<'_>, after: &str, limit: u16) -> Result<Vec<Kept>, Fault> {
        let given = [with.user_id, with.provider_id, with.workload];
        let statement = match given.map(|part| part.is_some()) {
            [false, false, false] => page_where!("", "$1", "$2"),
            [true, false, false] => page_where!("user_id = $1 AND ", "$2", "$3"),
            [false, true, false] => page_where!("provider_id = $1 AND ", "$2", "$3"),
            [false, false, true] => page_where!("workload = $1 AND ", "$2", "$3"),
            [true, true, false] => page_where!("user_id = $1 AND provider_id = $2 AND ", "$3", "$4"),
            [true, false, true] => page_where!("user_id = $1 AND workload = $2 AND ", "$3", "$4"),
            [false, true, true] => page_where!("provider_id = $1 AND workload = $2 AND ", "$3", "$4"),
            [true, true, true] => page_where!("user_id = $1 AND provider_id = $2 AND workload = $3 AND ", "$4", "$5"),
        };
        let mut statement = self.query(statement);
        for part in given.into_iter().flatten() {
            statement = statement.text(part);
        }
        statement.text(after).bind(i64::from(limit)).all(kept).await
    }

    /// The connection with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connection(&mut self, id: &str) -> Result<Option<Kept>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM connections WHERE id = $1"))
            .text(id)
            .optional(kept)
            .await
    }

    /// The connections of a person with an agent at a provider, the oldest first: one for each account there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_at(&mut self, user_id: &str, workload: &str, provider_id: &str) -> Result<Vec<Kept>, Fault> {
        let found = self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE user_id = $1 AND workload = $2 AND provider_id = $3"
        ));
        let mut found = found.text(user_id).text(workload).text(provider_id).all(kept).await?;
        in_order(&mut found);
        Ok(found)
    }

    /// Up to `limit` connections of a person after the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of_user(&mut self, user_id: &str, after: &str, limit: u16) -> Result<Vec<Kept>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .text(user_id)
        .text(after)
        .bind(i64::from(limit))
        .all(kept)
        .await
    }

    /// Up to `limit` connections at a provider after the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of_provider(&mut self, provider_id: &str, after: &str, limit: u16) -> Result<Vec<Kept>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .text(provider_id)
        .text(after)
        .bind(i64::from(limit))
        .all(kept)
        .await
    }

    /// Up to `limit` connections of an agent after the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_of_workload(&mut self, workload: &str, after: &str, limit: u16) -> Result<Vec<Kept>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE workload = $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .text(workload)
        .text(after)
        .bind(i64::from(limit))
        .all(kept)
        .await
    }

    /// Up to `limit` connections after the one with this id whose data key is wrapped by a key of another id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connections_not_of_key(&mut self, key_id: &str, after: &str, limit: u16) -> Result<Vec<Kept>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .text(key_id)
        .text(after)
        .bind(i64::from(limit))
        .all(kept)
        .await
    }

    /// How many connections an agent has, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_connections_of(&mut self, workload: &str) -> Result<i64, Fault> {
        let found = self.query(sql!("SELECT COUNT(*) FROM connections WHERE workload = $1"));
        let count = found.text(workload).aside().optional(|row| row.integer(0)).await?;
        Ok(count.unwrap_or_default())
    }

    /// The providers at which people have connections, by id, and how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_connections_by_provider(&mut self) -> Result<Vec<(String, i64)>, Fault> {
        self.query(sql!("SELECT provider_id, COUNT(*) FROM connections GROUP BY provider_id"))
            .all(|row| Ok((row.text(0)?, row.integer(1)?)))
            .await
    }

    /// The key-encryption keys that connections are wrapped by, by id, and how many each of them wraps.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_connections_by_key(&mut self) -> Result<Vec<(String, i64)>, Fault> {
        self.query(sql!("SELECT key_id, COUNT(*) FROM connections GROUP BY key_id ORDER BY key_id"))
            .all(|row| Ok((row.text(0)?, row.integer(1)?)))
            .await
    }
}

impl Tx {
    /// Adds a connection; false when the person has one with this agent for this account at the provider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_connection(&mut self, connection: &Kept) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO connections (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        ))
        .text(&connection.id)
        .text(&connection.workload)
        .text(&connection.user_id)
        .text(&connection.provider_id)
        .text(&connection.account)
        .text(&connection.account_label)
        .bind(connection.scope.to_string())
        .text(&connection.tokens.key_id)
        .text(&connection.tokens.wrapped_key)
        .text(&connection.tokens.sealed)
        .bind(connection.token_expires_at)
        .flag(connection.needs_consent)
        .maybe_text(connection.refresher.as_deref())
        .bind(connection.refreshing_until)
        .bind(connection.retry_at)
        .bind(connection.failures)
        .bind(connection.created_at)
        .bind(connection.updated_at)
        .bind(connection.version)
        .maybe_text(resource(&connection.resource)?.as_deref())
        .insert_if_absent()
        .await
    }

    /// Replaces the tokens of a connection, if it is still of this version; whoever refreshes it is done. False when
    /// somebody replaced or removed them meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_tokens(&mut self, id: &str, version: i64, new: &NewTokens, now: Timestamp) -> Result<bool, Fault> {
        let stored = self
            .query(sql!(
                "UPDATE connections SET scope = $1, key_id = $2, wrapped_key = $3, sealed_tokens = $4, token_expires_at = $5, \
                 needs_consent = 0, refresher = NULL, refreshing_until = 0, retry_at = 0, failures = 0, updated_at = $6, \
                 resource = COALESCE($7, resource), version = version + 1 WHERE id = $8 AND version = $9"
            ))
            .bind(new.scope.to_string())
            .text(&new.tokens.key_id)
            .text(&new.tokens.wrapped_key)
            .text(&new.tokens.sealed)
            .bind(new.token_expires_at)
            .bind(now)
            .maybe_text(new.resource.as_ref().map(json).transpose()?.as_deref())
            .text(id)
            .bind(version)
            .execute()
            .await?;
        Ok(stored == 1)
    }

    /// Changes what a person knows the account of a connection by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_account_label(&mut self, id: &str, label: &str) -> Result<bool, Fault> {
        let set = self.query(sql!("UPDATE connections SET account_label = $1 WHERE id = $2"));
        Ok(set.text(label).text(id).execute().await? == 1)
    }

    /// The gate of refreshing: true for exactly one of those who want to, until `until`. Nobody may before `retry_at`, or
    /// while the person must be asked again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_refresh_lease(
        &mut self,
        id: &str,
        version: i64,
        refresher: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Fault> {
        let taken = self
            .query(sql!(
                "UPDATE connections SET refresher = $1, refreshing_until = $2 WHERE id = $3 AND version = $4 AND needs_consent = 0 \
                 AND retry_at <= $5 AND (refresher IS NULL OR refreshing_until <= $6)"
            ))
            .text(refresher)
            .bind(until)
            .text(id)
            .bind(version)
            .bind(now)
            .bind(now)
            .execute()
            .await?;
        Ok(taken == 1)
    }

    /// The provider does not take the refresh token of this version any more: the person must be asked again. False when
    /// there are other tokens meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_needs_consent(&mut self, id: &str, version: i64) -> Result<bool, Fault> {
        let marked = self
            .query(sql!(
                "UPDATE connections SET needs_consent = 1, refresher = NULL, refreshing_until = 0 WHERE id = $1 AND version = $2"
            ))
            .text(id)
            .bind(version)
            .execute()
            .await?;
        Ok(marked == 1)
    }

    /// Whoever refreshes a connection could not: nobody tries again before `retry_at`. False when it is not theirs to
    /// refresh any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_refresh_failure(&mut self, id: &str, version: i64, refresher: &str, retry_at: Timestamp) -> Result<bool, Fault> {
        let noted = self
            .query(sql!(
                "UPDATE connections SET failures = failures + 1, retry_at = $1, refresher = NULL, refreshing_until = 0 \
                 WHERE id = $2 AND version = $3 AND refresher = $4"
            ))
            .bind(retry_at)
            .text(id)
            .bind(version)
            .text(refresher)
            .execute()
            .await?;
        Ok(noted == 1)
    }

    /// Whoever refreshes a connection has not tried: somebody else may at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn return_refresh_lease(&mut self, id: &str, refresher: &str) -> Result<bool, Fault> {
        let returned = self.query(sql!(
            "UPDATE connections SET refresher = NULL, refreshing_until = 0 WHERE id = $1 AND refresher = $2"
        ));
        Ok(returned.text(id).text(refresher).execute().await? == 1)
    }

    /// Replaces the wrapped data key of a connection, if it still has the tokens and the key of `before`. The tokens stay,
    /// and so does the version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rewrap_connection(&mut self, before: &Kept, after: &SealedTokens) -> Result<bool, Fault> {
        let rewrapped = self
            .query(sql!(
                "UPDATE connections SET key_id = $1, wrapped_key = $2 WHERE id = $3 AND version = $4 AND key_id = $5"
            ))
            .text(&after.key_id)
            .text(&after.wrapped_key)
            .text(&before.id)
            .bind(before.version)
            .text(&before.tokens.key_id)
            .execute()
            .await?;
        Ok(rewrapped == 1)
    }
}
