//! Clients that registered themselves: what they said of themselves, and which of them are in use.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::protocol::registration::SelfDescription;

use super::row::{Row, json};
use super::sql::sql;
use super::{Connection, Tx};

/// What speaks for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// There is a grant, alive or not swept yet
    pub has_grant: bool,
    /// Somebody's consent is remembered
    pub has_consent: bool,
}

impl Use {
    /// Whether anything does.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.has_grant || self.has_consent
    }
}

/// A client that registered itself, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredClient {
    /// Its id
    pub id: String,
    /// When it was registered
    pub created_at: Timestamp,
    /// Whether an operator turned it off
    pub is_disabled: bool,
    /// What speaks for it
    pub used: Use,
}

/// Two columns: whether a client of the outer statement has a grant, and whether it has a consent.
macro_rules! used {
    () => {
        "CASE WHEN EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.id) THEN 1 ELSE 0 END, \
         CASE WHEN EXISTS (SELECT 1 FROM consents WHERE consents.client_id = clients.id) THEN 1 ELSE 0 END"
    };
}

fn used(row: &Row<'_>, at: usize) -> Result<Use, Fault> {
    Ok(Use {
        has_grant: row.flag(at)?,
        has_consent: row.flag(at + 1)?,
    })
}

impl Connection {
    /// What else a client said of itself when it registered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn self_description(&mut self, client_id: &str) -> Result<SelfDescription, Fault> {
        let found = self
            .query(sql!("SELECT registration_about FROM clients WHERE id = $1"))
            .text(client_id)
            .optional(|row| row.maybe_json(0))
            .await?;
        Ok(found.flatten().unwrap_or_default())
    }

    /// What speaks for a client; nothing when there is no such client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_of_client(&mut self, client_id: &str) -> Result<Use, Fault> {
        let found = self
            .query(sql!("SELECT ", used!(), " FROM clients WHERE id = $1"))
            .text(client_id)
            .optional(|row| used(&row, 0))
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Up to `limit` clients that registered themselves before `until`, the oldest first, after the one of this age
    /// and id; without those that an operator lets act for themselves, whose use leaves no row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn registered_clients(
        &mut self,
        after: (Timestamp, &str),
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<RegisteredClient>, Fault> {
        self.query(sql!(
            "SELECT id, created_at, is_disabled, ",
            used!(),
            " FROM clients WHERE origin = 'registration' AND created_at >= $1 AND (created_at > $2 OR id > $3) AND created_at <= $4 \
               AND may_introspect = 0 AND grant_types NOT LIKE '%client_credentials%' ORDER BY created_at, id LIMIT $5"
        ))
        .bind(after.0)
        .bind(after.0)
        .text(after.1)
        .bind(until)
        .bind(i64::from(limit))
        .all(|row| {
            Ok(RegisteredClient {
                id: row.text(0)?,
                created_at: row.integer(1)?,
                is_disabled: row.flag(2)?,
                used: used(&row, 3)?,
            })
        })
        .await
    }

    /// Up to `limit` ids of clients of a mark that were registered before `until` and that nobody has used, the
    /// oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unused_of_mark(&mut self, mark: &str, until: Timestamp, limit: u16) -> Result<Vec<String>, Fault> {
        self.query(sql!(
            "SELECT id FROM clients WHERE registration_mark = $1 AND created_at <= $2 AND is_disabled = 0 \
               AND may_introspect = 0 AND grant_types NOT LIKE '%client_credentials%' \
               AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.id) \
               AND NOT EXISTS (SELECT 1 FROM consents WHERE consents.client_id = clients.id) ORDER BY created_at LIMIT $3"
        ))
        .text(mark)
        .bind(until)
        .bind(i64::from(limit))
        .all(|row| row.text(0))
        .await
    }

    /// Up to `limit` pairs of a person and a client of a mark that they have allowed something, the newest
    /// clients first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn used_of_mark(&mut self, mark: &str, limit: u16) -> Result<Vec<(String, String)>, Fault> {
        self.query(sql!(
            "SELECT consents.user_id, clients.id FROM clients JOIN consents ON consents.client_id = clients.id \
               WHERE clients.registration_mark = $1 AND clients.is_disabled = 0 \
               ORDER BY clients.created_at DESC, clients.id DESC LIMIT $2"
        ))
        .text(mark)
        .bind(i64::from(limit))
        .all(|row| Ok((row.text(0)?, row.text(1)?)))
        .await
    }
}

impl Tx {
    /// Keeps what else a client says of itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn describe_client(&mut self, client_id: &str, about: &SelfDescription) -> Result<(), Fault> {
        self.query(sql!("UPDATE clients SET registration_about = $1 WHERE id = $2"))
            .bind(json(about)?)
            .text(client_id)
            .execute()
            .await
            .map(drop)
    }

    /// Forgets what people allowed a client, so that all of them are asked again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_consents_to(&mut self, client_id: &str) -> Result<u64, Fault> {
        self.query(sql!("DELETE FROM consents WHERE client_id = $1"))
            .text(client_id)
            .aside()
            .execute()
            .await
    }

    /// Ends every grant to a client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_grants_to(&mut self, client_id: &str, now: Timestamp) -> Result<u64, Fault> {
        self.query(sql!(
            "UPDATE grants SET revoked_at = $1 WHERE client_id = $2 AND revoked_at IS NULL"
        ))
        .bind(now)
        .text(client_id)
        .aside()
        .execute()
        .await
    }
}
