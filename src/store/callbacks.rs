//! Callbacks: one INSERT, then a conditional UPDATE for the redirect and one for the collection. Whoever changes the
//! row was first.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::callback::{Callback, Owner};
use crate::model::client;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

use super::row::Row;
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, state_hash, client_id, provider, expected_issuer, return_uri, user_id, code_challenge, sealed_answer, retrieval_hash, \
         created_at, expires_at, received_at, collected_at"
    };
}

fn callback(row: Row<'_>) -> Result<Callback, Fault> {
    Ok(Callback {
        id: row.text(0)?,
        state_hash: row.text(1)?,
        owner: Owner::from_column(row.maybe_text(2)?),
        provider: row.text(3)?,
        expected_issuer: row.maybe_text(4)?,
        return_uri: row.maybe_text(5)?,
        user_id: row.maybe_text(6)?,
        code_challenge: row.maybe_text(7)?.map(CodeChallenge::from_stored),
        sealed_answer: row.maybe_text(8)?,
        retrieval_hash: row.maybe_text(9)?,
        created_at: row.integer(10)?,
        expires_at: row.integer(11)?,
        received_at: row.maybe_integer(12)?,
        collected_at: row.maybe_integer(13)?,
    })
}

/// Whether the client of the row may, by its scope and its grant types.
fn may_use_relay(row: &Row<'_>) -> Result<bool, Fault> {
    let scope = Scope::stored(&row.maybe_text(15)?.unwrap_or_default()).unwrap_or_default();
    let grant_types: Option<Vec<GrantType>> = row.maybe_json(16)?;
    Ok(client::may_use_relay(&scope, &grant_types.unwrap_or_default()))
}

/// A callback with what is known of its client.
#[derive(Clone, Debug)]
pub struct CallbackOf {
    /// The row
    pub callback: Callback,
    /// The name of the client that waits, if it is one that exists and is not disabled
    pub client_name: Option<String>,
    /// Whether that client may use the relay now
    may_client: bool,
}

impl CallbackOf {
    /// Whether the program is still there and may still use the relay.
    #[must_use]
    pub fn has_program(&self) -> bool {
        self.callback.owner.client_id().is_none() || self.client_name.is_some() && self.may_client
    }
}

impl Connection {
    /// A callback and the name of the client that waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn callback(&mut self, id: &str) -> Result<Option<CallbackOf>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            ", (SELECT name FROM clients WHERE clients.id = callbacks.client_id AND is_disabled = 0), \
             (SELECT scope FROM clients WHERE clients.id = callbacks.client_id), \
             (SELECT grant_types FROM clients WHERE clients.id = callbacks.client_id) FROM callbacks WHERE id = $1"
        ))
        .text(id)
        .optional(|row| {
            Ok(CallbackOf {
                client_name: row.maybe_text(14)?,
                may_client: may_use_relay(&row)?,
                callback: callback(row)?,
            })
        })
        .await
    }

    /// The ids of callbacks whose provider has answered at `since` or later, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn callbacks_received_since(&mut self, since: Timestamp, limit: u16) -> Result<Vec<String>, Fault> {
        self.query(sql!(
            "SELECT id FROM callbacks WHERE received_at >= $1 ORDER BY received_at DESC LIMIT $2"
        ))
        .bind(since)
        .bind(i64::from(limit))
        .all(|row| row.text(0))
        .await
    }

    /// How many callbacks somebody waits for, or could collect.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_callbacks(&mut self, now: Timestamp) -> Result<i64, Fault> {
        let count = self
            .query(sql!(
                "SELECT COUNT(*) FROM callbacks WHERE expires_at > $1 AND collected_at IS NULL"
            ))
            .bind(now)
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or(0))
    }
}

impl Connection {
    /// How many callbacks there are that nobody has announced.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_open_callbacks(&mut self, now: Timestamp) -> Result<i64, Fault> {
        let count = self
            .query(sql!("SELECT COUNT(*) FROM callbacks WHERE expires_at > $1 AND client_id IS NULL"))
            .bind(now)
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or(0))
    }
}

impl Tx {
    /// Adds a callback; false when its state is in use.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_callback(&mut self, callback: &Callback) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO callbacks (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        ))
        .text(&callback.id)
        .text(&callback.state_hash)
        .maybe_text(callback.owner.to_column())
        .text(&callback.provider)
        .maybe_text(callback.expected_issuer.as_deref())
        .maybe_text(callback.return_uri.as_deref())
        .maybe_text(callback.user_id.as_deref())
        .maybe_text(callback.code_challenge.as_ref().map(CodeChallenge::as_str))
        .maybe_text(callback.sealed_answer.as_deref())
        .maybe_text(callback.retrieval_hash.as_deref())
        .bind(callback.created_at)
        .bind(callback.expires_at)
        .bind(callback.received_at)
        .bind(callback.collected_at)
        .insert_if_absent()
        .await
    }

    /// The gate of the redirect: keeps the answer of the provider, and the row until `keep_until` at least. False when
    /// another answer was first, or the time is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn receive_callback(&mut self, id: &str, sealed_answer: &str, now: Timestamp, keep_until: Timestamp) -> Result<bool, Fault> {
        let received = self
            .query(sql!(
                "UPDATE callbacks SET received_at = $1, sealed_answer = $2, \
                 expires_at = CASE WHEN expires_at < $3 THEN $4 ELSE expires_at END \
                 WHERE id = $5 AND received_at IS NULL AND collected_at IS NULL AND expires_at > $6"
            ))
            .bind(now)
            .text(sealed_answer)
            .bind(keep_until)
            .bind(keep_until)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(received == 1)
    }

    /// The gate of the collection, at which the answer is erased. False when somebody else was first, or the time is
    /// over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn collect_callback(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        let collected = self
            .query(sql!(
                "UPDATE callbacks SET collected_at = $1, sealed_answer = NULL \
                 WHERE id = $2 AND received_at IS NOT NULL AND collected_at IS NULL AND expires_at > $3"
            ))
            .bind(now)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(collected == 1)
    }

    /// As [`Self::collect_callback`], but the answer stays until `keep_until` for whoever shows the same digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn collect_callback_with(
        &mut self,
        id: &str,
        retrieval_hash: &str,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> Result<bool, Fault> {
        let collected = self
            .query(sql!(
                "UPDATE callbacks SET collected_at = $1, retrieval_hash = $2, answer_until = $3 \
                 WHERE id = $4 AND received_at IS NOT NULL AND collected_at IS NULL AND expires_at > $5"
            ))
            .bind(now)
            .text(retrieval_hash)
            .bind(keep_until)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(collected == 1)
    }

    /// Forgets a callback and what is kept of it. The row stays for its time, so that nobody else has the state meanwhile.
    /// False when there is nothing to forget.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_callback(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        let forgotten = self
            .query(sql!(
                "UPDATE callbacks SET collected_at = COALESCE(collected_at, $1), sealed_answer = NULL, retrieval_hash = NULL, answer_until = NULL \
                 WHERE id = $2 AND expires_at > $3 AND (collected_at IS NULL OR sealed_answer IS NOT NULL)"
            ))
            .bind(now)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(forgotten == 1)
    }
}
