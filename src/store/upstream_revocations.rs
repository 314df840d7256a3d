//! Tokens that are still to be taken back at providers.
//!
//! A connection becomes one in the transaction in which it is removed, so nothing is forgotten. Then one of all nodes has
//! it at a time, by one conditional `UPDATE`, as with refreshing.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::connection::{Binding, SealedTokens};
use crate::model::provider::Provider;
use crate::model::upstream_revocation::UpstreamRevocation;

use super::row::{Row, json};
use super::sql::{Sql, sql};
use super::{Connection, NewTokens, Tx};

macro_rules! columns {
    () => {
        "id, workload, user_id, provider_id, former_provider, scope, key_id, wrapped_key, sealed_tokens, token_expires_at, failures, created_at"
    };
}

fn revocation(row: Row<'_>) -> Result<UpstreamRevocation, Fault> {
    Ok(UpstreamRevocation {
        binding: Binding {
            connection_id: row.text(0)?,
            workload: row.text(1)?,
            user_id: row.text(2)?,
            provider_id: row.text(3)?,
        },
        former_provider: row.maybe_text(4)?,
        scope: row.scope(5)?,
        tokens: SealedTokens {
            key_id: row.text(6)?,
            wrapped_key: row.text(7)?,
            sealed: row.text(8)?,
        },
        token_expires_at: row.maybe_integer(9)?,
        failures: row.integer(10)?,
        created_at: row.integer(11)?,
    })
}

/// Whose connections are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemovedWith<'a> {
    /// This connection alone
    Itself(&'a str),
    /// A person
    User(&'a str),
    /// An agent, by name
    Workload(&'a str),
    /// A provider
    Provider(&'a str),
}

/// The three statements by which connections become what is to be taken back.
macro_rules! removal {
    ($column:literal) => {
        [
            // Nobody stores new tokens from here on, so what is copied is the newest.
            sql!("UPDATE connections SET version = version WHERE ", $column, " = $1"),
            sql!(
                "INSERT INTO upstream_revocations (id, workload, user_id, provider_id, scope, key_id, wrapped_key, sealed_tokens, \
                 token_expires_at, held_until, failures, created_at, retry_at) \
                 SELECT id, workload, user_id, provider_id, scope, key_id, wrapped_key, sealed_tokens, token_expires_at, 0, 0, $1, $2 \
                 FROM connections WHERE ",
                $column,
                " = $3"
            ),
            sql!("DELETE FROM connections WHERE ", $column, " = $1"),
        ]
    };
}

const OF_ITSELF: [Sql; 3] = removal!("id");
const OF_USER: [Sql; 3] = removal!("user_id");
const OF_WORKLOAD: [Sql; 3] = removal!("workload");
const OF_PROVIDER: [Sql; 3] = removal!("provider_id");

impl Connection {
    /// Up to `limit` of what is to be taken back and can be tried now, after this one, the oldest first: since when it can
    /// be tried, and its id. Nothing else of it is read: a row that cannot be read must not keep the others.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_revocations(
        &mut self,
        now: Timestamp,
        (since, after): (Timestamp, &str),
        limit: u16,
    ) -> Result<Vec<(Timestamp, String)>, Fault> {
        self.query(sql!(
            "SELECT retry_at, id FROM upstream_revocations WHERE retry_at <= $1 AND held_until <= $2 \
             AND (retry_at > $3 OR (retry_at = $4 AND id > $5)) ORDER BY retry_at, id LIMIT $6"
        ))
        .bind(now)
        .bind(now)
        .bind(since)
        .bind(since)
        .text(after)
        .bind(i64::from(limit))
        .all(|row| Ok((row.integer(0)?, row.text(1)?)))
        .await
    }

    /// Up to `limit` ids, after this one, of what was to be taken back before `before` already and is not tried now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overdue_revocations(&mut self, before: Timestamp, now: Timestamp, after: &str, limit: u16) -> Result<Vec<String>, Fault> {
        self.query(sql!(
            "SELECT id FROM upstream_revocations WHERE retry_at > $1 AND held_until <= $2 AND created_at <= $3 AND id > $4 \
             ORDER BY id LIMIT $5"
        ))
        .bind(now)
        .bind(now)
        .bind(before)
        .text(after)
        .bind(i64::from(limit))
        .all(|row| row.text(0))
        .await
    }

    /// What is to be taken back of the connection that had this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revocation(&mut self, id: &str) -> Result<Option<UpstreamRevocation>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM upstream_revocations WHERE id = $1"))
            .text(id)
            .optional(revocation)
            .await
    }

    /// How much is still to be taken back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_revocations(&mut self) -> Result<i64, Fault> {
        let found = self.query(sql!("SELECT COUNT(*) FROM upstream_revocations"));
        Ok(found.aside().optional(|row| row.integer(0)).await?.unwrap_or_default())
    }

    /// A provider as it was, by its id among those.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn former_provider(&mut self, id: &str) -> Result<Option<Provider>, Fault> {
        self.query(sql!(
            "SELECT provider_id, settings, sealed_secret, created_at FROM former_providers WHERE id = $1"
        ))
        .text(id)
        .optional(|row| {
            Ok(Provider {
                id: row.text(0)?,
                settings: row.json(1)?,
                sealed_secret: row.maybe_text(2)?,
                version: 0,
                created_at: row.integer(3)?,
                updated_at: row.integer(3)?,
            })
        })
        .await
    }

    /// Whether there are providers as they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_former_providers(&mut self) -> Result<bool, Fault> {
        let found = self.query(sql!("SELECT COUNT(*) FROM former_providers"));
        Ok(found.aside().optional(|row| row.integer(0)).await?.unwrap_or_default() > 0)
    }

    /// Up to `limit` of what is to be taken back, after the one with this id, whose data key is wrapped by a key of another
    /// id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revocations_not_of_key(&mut self, key_id: &str, after: &str, limit: u16) -> Result<Vec<UpstreamRevocation>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM upstream_revocations WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .text(key_id)
        .text(after)
        .bind(i64::from(limit))
        .all(revocation)
        .await
    }

    /// The key-encryption keys that what is to be taken back is wrapped by, by id, and how much each of them wraps.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_revocations_by_key(&mut self) -> Result<Vec<(String, i64)>, Fault> {
        self.query(sql!(
            "SELECT key_id, COUNT(*) FROM upstream_revocations GROUP BY key_id ORDER BY key_id"
        ))
        .all(|row| Ok((row.text(0)?, row.integer(1)?)))
        .await
    }
}

impl Tx {
    /// Removes connections; what they have at providers is to be taken back there from then on. How many there were.
    pub(super) async fn remove_connections(&mut self, with: RemovedWith<'_>, now: Timestamp) -> Result<u64, Fault> {
        self.remove_connections_until(with, now, 0).await
    }

    /// Removes a connection; what it has at the provider is to be taken back there, by whoever calls this until `retry_at` and
    /// by others then. False when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_connection(&mut self, id: &str, now: Timestamp, retry_at: Timestamp) -> Result<bool, Fault> {
        Ok(self.remove_connections_until(RemovedWith::Itself(id), now, retry_at).await? == 1)
    }

    async fn remove_connections_until(&mut self, with: RemovedWith<'_>, now: Timestamp, retry_at: Timestamp) -> Result<u64, Fault> {
        let ([hold, copy, delete], value) = match with {
            RemovedWith::Itself(id) => (OF_ITSELF, id),
            RemovedWith::User(id) => (OF_USER, id),
            RemovedWith::Workload(name) => (OF_WORKLOAD, name),
            RemovedWith::Provider(id) => (OF_PROVIDER, id),
        };
        if self.query(hold).text(value).aside().execute().await? == 0 {
            return Ok(0);
        }
        self.query(copy).bind(now).bind(retry_at).text(value).aside().execute().await?;
        self.query(delete).text(value).aside().execute().await
    }

    /// The gate: true for exactly one of those who want to take this back now, until `until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_revocation(&mut self, id: &str, holder: &str, now: Timestamp, until: Timestamp) -> Result<bool, Fault> {
        let held = self.query(sql!(
            "UPDATE upstream_revocations SET holder = $1, held_until = $2 WHERE id = $3 AND retry_at <= $4 AND held_until <= $5"
        ));
        let held = held.text(holder).bind(until).text(id).bind(now).bind(now);
        Ok(held.execute().await? == 1)
    }

    /// It could not be taken back: nobody tries again before `retry_at`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_revocation(&mut self, id: &str, holder: &str, retry_at: Timestamp) -> Result<bool, Fault> {
        let put_off = self.query(sql!(
            "UPDATE upstream_revocations SET failures = failures + 1, retry_at = $1, holder = NULL, held_until = 0 \
             WHERE id = $2 AND holder = $3"
        ));
        Ok(put_off.bind(retry_at).text(id).text(holder).execute().await? == 1)
    }

    /// Whoever had it has not tried: somebody else may at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn return_revocation(&mut self, id: &str, holder: &str) -> Result<bool, Fault> {
        let returned = self.query(sql!(
            "UPDATE upstream_revocations SET holder = NULL, held_until = 0 WHERE id = $1 AND holder = $2"
        ));
        Ok(returned.text(id).text(holder).execute().await? == 1)
    }

    /// A provider is left alone until `retry_at` with all that is to be taken back there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_revocations_like(&mut self, one: &UpstreamRevocation, now: Timestamp, retry_at: Timestamp) -> Result<u64, Fault> {
        let put_off = match &one.former_provider {
            None => self.query(sql!(
                "UPDATE upstream_revocations SET retry_at = $1 WHERE retry_at <= $2 AND held_until <= $3 AND provider_id = $4 \
                 AND former_provider IS NULL"
            )),
            Some(_) => self.query(sql!(
                "UPDATE upstream_revocations SET retry_at = $1 WHERE retry_at <= $2 AND held_until <= $3 AND provider_id = $4 \
                 AND former_provider = $5"
            )),
        };
        let put_off = put_off.bind(retry_at).bind(now).bind(now).text(&one.binding.provider_id);
        match &one.former_provider {
            None => put_off.aside().execute().await,
            Some(former) => put_off.text(former).aside().execute().await,
        }
    }

    /// Adds what is to be taken back, from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_revocation(&mut self, new: &UpstreamRevocation) -> Result<(), Fault> {
        self.query(sql!(
            "INSERT INTO upstream_revocations (",
            columns!(),
            ", held_until, retry_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13)"
        ))
        .text(new.id())
        .text(&new.binding.workload)
        .text(&new.binding.user_id)
        .text(&new.binding.provider_id)
        .maybe_text(new.former_provider.as_deref())
        .bind(new.scope.to_string())
        .text(&new.tokens.key_id)
        .text(&new.tokens.wrapped_key)
        .text(&new.tokens.sealed)
        .bind(new.token_expires_at)
        .bind(new.failures)
        .bind(new.created_at)
        .bind(new.created_at)
        .execute()
        .await?;
        Ok(())
    }

    /// There are newer tokens of it: these are what is to be taken back now. False when there is nothing to be taken back,
    /// or nothing any more of what is in `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_revocation_tokens(&mut self, id: &str, before: Option<&SealedTokens>, new: &NewTokens) -> Result<bool, Fault> {
        let store = match before {
            None => self.query(sql!(
                "UPDATE upstream_revocations SET scope = $1, key_id = $2, wrapped_key = $3, sealed_tokens = $4, token_expires_at = $5 \
                 WHERE id = $6"
            )),
            Some(_) => self.query(sql!(
                "UPDATE upstream_revocations SET scope = $1, key_id = $2, wrapped_key = $3, sealed_tokens = $4, token_expires_at = $5 \
                 WHERE id = $6 AND sealed_tokens = $7"
            )),
        };
        let store = store
            .bind(new.scope.to_string())
            .text(&new.tokens.key_id)
            .text(&new.tokens.wrapped_key)
            .text(&new.tokens.sealed)
            .bind(new.token_expires_at)
            .text(id);
        let stored = match before {
            None => store.execute().await?,
            Some(before) => store.text(&before.sealed).execute().await?,
        };
        Ok(stored == 1)
    }

    /// There is nothing to be taken back of it any more; false when there is, since it has other tokens meanwhile, or
    /// somebody else has said so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_revocation(&mut self, done: &UpstreamRevocation) -> Result<bool, Fault> {
        let deleted = self.query(sql!("DELETE FROM upstream_revocations WHERE id = $1 AND sealed_tokens = $2"));
        Ok(deleted.text(done.id()).text(&done.tokens.sealed).execute().await? == 1)
    }

    /// A provider is removed or led elsewhere: what is to be taken back there is so where it was. False when there is
    /// nothing, and then nothing of the provider is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_former_provider(&mut self, id: &str, provider: &Provider, now: Timestamp) -> Result<bool, Fault> {
        let moved = self.query(sql!(
            "UPDATE upstream_revocations SET former_provider = $1 WHERE provider_id = $2 AND former_provider IS NULL"
        ));
        if moved.text(id).text(&provider.id).aside().execute().await? == 0 {
            return Ok(false);
        }
        self.insert_former_provider(id, provider, now).await?;
        Ok(true)
    }

    /// Adds a provider as it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_former_provider(&mut self, id: &str, provider: &Provider, now: Timestamp) -> Result<(), Fault> {
        self.query(sql!(
            "INSERT INTO former_providers (id, provider_id, settings, sealed_secret, created_at) VALUES ($1, $2, $3, $4, $5)"
        ))
        .text(id)
        .text(&provider.id)
        .bind(json(&provider.settings)?)
        .maybe_text(provider.sealed_secret.as_deref())
        .bind(now)
        .execute()
        .await?;
        Ok(())
    }

    /// Forgets providers as they were at which there is nothing to be taken back any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_former_providers(&mut self) -> Result<u64, Fault> {
        self.query(sql!(
            "DELETE FROM former_providers WHERE NOT EXISTS \
             (SELECT 1 FROM upstream_revocations WHERE upstream_revocations.former_provider = former_providers.id)"
        ))
        .aside()
        .execute()
        .await
    }

    /// Replaces the wrapped data key of what is to be taken back, if it is still the one of `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rewrap_revocation(&mut self, before: &UpstreamRevocation, after: &SealedTokens) -> Result<bool, Fault> {
        let rewrapped = self
            .query(sql!(
                "UPDATE upstream_revocations SET key_id = $1, wrapped_key = $2 WHERE id = $3 AND wrapped_key = $4"
            ))
            .text(&after.key_id)
            .text(&after.wrapped_key)
            .text(before.id())
            .text(&before.tokens.wrapped_key)
            .execute()
            .await?;
        Ok(rewrapped == 1)
    }
}
