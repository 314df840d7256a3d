//! Consents.

use crate::base::clock::CLOCK_SKEW;
use crate::base::fault::Fault;
use crate::model::consent::Consent;

use super::connection::Statement;
use super::many::Many;
use super::row::{Row, json};
use super::sql::{hold, sql, upsert};
use super::{Connection, Tx};

/// What was withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// There was a consent
    pub is_consent: bool,
    /// So many grants were alive
    pub grants: u64,
}

pub(super) fn consent(row: Row<'_>) -> Result<Consent, Fault> {
    Ok(Consent {
        user_id: row.text(0)?,
        client_id: row.text(1)?,
        scope: row.scope(2)?,
        claims: row.json(3)?,
        created_at: row.integer(4)?,
        updated_at: row.integer(5)?,
        resource: row.maybe_json(6)?.unwrap_or_default(),
    })
}

fn bind_all<'c>(statement: Statement<'c>, consent: &Consent) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&consent.user_id)
        .text(&consent.client_id)
        .bind(consent.scope.to_string())
        .bind(json(&consent.claims)?)
        .bind(consent.created_at)
        .bind(consent.updated_at)
        .bind((!consent.resource.is_empty()).then(|| json(&consent.resource)).transpose()?))
}

impl Connection {
    /// What a user has allowed a client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consent(&mut self, user_id: &str, client_id: &str) -> Result<Option<Consent>, Fault> {
        self.query(sql!(
            "SELECT user_id, client_id, scope, claims, created_at, updated_at, resource FROM consents WHERE user_id = $1 AND client_id = $2"
        ))
        .text(user_id)
        .text(client_id)
        .optional(consent)
        .await
        // MySQL takes `id` and `id ` for the same text.
        .map(|found| found.filter(|consent| consent.client_id == client_id))
    }

    /// Up to `limit` consents after the one of this user and client, by user and client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consents_after(&mut self, after: (&str, &str), limit: u16) -> Result<Vec<Consent>, Fault> {
        self.query(sql!(
            "SELECT user_id, client_id, scope, claims, created_at, updated_at, resource FROM consents \
             WHERE user_id >= $1 AND (user_id > $2 OR client_id > $3) ORDER BY user_id, client_id LIMIT $4"
        ))
        .text(after.0)
        .text(after.0)
        .text(after.1)
        .bind(i64::from(limit))
        .all(consent)
        .await
    }

    /// Up to `limit` consents of a user after the one to this client, by client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consents_of_user(&mut self, user_id: &str, after_client: &str, limit: u16) -> Result<Vec<Consent>, Fault> {
        self.query(sql!(
            "SELECT user_id, client_id, scope, claims, created_at, updated_at, resource FROM consents \
             WHERE user_id = $1 AND client_id > $2 ORDER BY client_id LIMIT $3"
        ))
        .text(user_id)
        .text(after_client)
        .bind(i64::from(limit))
        .all(consent)
        .await
    }

    /// Up to `limit` consents to a client after the one of this user, by user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consents_to_client(&mut self, client_id: &str, after_user: &str, limit: u16) -> Result<Vec<Consent>, Fault> {
        self.query(sql!(
            "SELECT user_id, client_id, scope, claims, created_at, updated_at, resource FROM consents \
             WHERE client_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"
        ))
        .text(client_id)
        .text(after_user)
        .bind(i64::from(limit))
        .all(consent)
        .await
    }
}

impl Tx {
    /// Holds a consent's row until the transaction ends, so that what relies on it cannot outlive it unseen.
    /// False when it was withdrawn.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_consent(&mut self, user_id: &str, client_id: &str) -> Result<bool, Fault> {
        self.hold(hold!("consents", "updated_at", "user_id = $1 AND client_id = $2"))
            .text(user_id)
            .text(client_id)
            .held()
            .await
    }

    /// Remembers a consent, in place of the one that was there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_consent(&mut self, consent: &Consent) -> Result<(), Fault> {
        let statement = self.query(upsert!(
            "INSERT INTO consents (user_id, client_id, scope, claims, created_at, updated_at, resource) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            key "user_id", "client_id"; set "scope", "claims", "updated_at", "resource"
        ));
        bind_all(statement, consent)?.execute().await.map(drop)
    }

    /// Writes many consents that are not there yet.
    ///
    /// # Errors
    /// When the database fails, or one is there.
    pub async fn insert_consents(&mut self, consents: &[Consent]) -> Result<(), Fault> {
        static MANY: Many = Many::of(sql!(
            "INSERT INTO consents (user_id, client_id, scope, claims, created_at, updated_at, resource) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ));
        self.insert_many(&MANY, consents, bind_all).await
    }

    /// Forgets a consent and revokes every grant to its client that is alive; what of both there was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw_consent(&mut self, user_id: &str, client_id: &str, now: i64) -> Result<Withdrawn, Fault> {
        // The consent first: whoever relies on it holds its row until their grant is written, and then the
        // second statement sees that grant.
        let removed = self
            .query(sql!("DELETE FROM consents WHERE user_id = $1 AND client_id = $2"))
            .text(user_id)
            .text(client_id)
            .execute()
            .await?;
        let grants = self
            .query(sql!(
                "UPDATE grants SET revoked_at = $1 WHERE user_id = $2 AND client_id = $3 AND revoked_at IS NULL AND expires_at > $4"
            ))
            .bind(now)
            .text(user_id)
            .text(client_id)
            // By the clock of another node it may be alive for a moment longer.
            .bind(now - CLOCK_SKEW)
            .aside()
            .execute()
            .await?;
        Ok(Withdrawn {
            is_consent: removed == 1,
            grants,
        })
    }
}
