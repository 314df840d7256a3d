//! Clients.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::client::{AccessTokenFormat, Client, ClientOrigin, ClientSettings, ConsentPolicy};
use crate::model::signing_key::SigningAlgorithm;
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::token_request::GrantType;

use super::connection::Statement;
use super::many::Many;
use super::row::{Row, escape_like, json};
use super::sql::{hold, insert_if_absent, sql};
use super::{Connection, Owner, Tx, WHOLE_PAGE};

// `tokens_valid_from` holds the generation of the client's own tokens, which was a time at first.
macro_rules! columns {
    () => {
        "id, name, secret_hash, auth_method, redirect_uris, grant_types, scope, consent_policy, \
         access_token_format, signing_algorithm, requires_pkce, access_token_lifetime, logo_uri, \
         client_uri, policy_uri, tos_uri, is_disabled, created_at, updated_at, may_introspect, previous_secret_hash, \
         previous_secret_expires_at, search_name, version, tokens_valid_from, origin, jwks, jwks_uri, default_resource, \
         sealed_secret, registration_token_hash, registration_mark, document_expires_at"
    };
}
pub(super) use columns;

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO clients (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
             $26, $27, $28, $29, $30, $31, $32, $33)"
        )
    };
}

pub(super) fn client(row: Row<'_>) -> Result<Client, Fault> {
    let grant_types: Vec<String> = row.json(5)?;
    Ok(Client {
        id: row.text(0)?,
        origin: row.named(25, ClientOrigin::parse)?,
        sealed_secret: row.maybe_text(29)?,
        registration_token_hash: row.maybe_text(30)?,
        registration_mark: row.maybe_text(31)?,
        document_expires_at: row.maybe_integer(32)?,
        secret_hash: row.maybe_text(2)?,
        previous_secret_hash: row.maybe_text(20)?,
        previous_secret_expires_at: row.maybe_integer(21)?,
        settings: ClientSettings {
            name: row.text(1)?,
            auth_method: row.named(3, AuthMethod::parse)?,
            redirect_uris: row.json(4)?,
            // A newer version may know more of them, and serve the same database.
            grant_types: grant_types.iter().filter_map(|name| GrantType::parse(name)).collect(),
            scope: row.scope(6)?,
            consent_policy: row.named(7, ConsentPolicy::parse)?,
            access_token_format: row.named(8, AccessTokenFormat::parse)?,
            signing_algorithm: row.named(9, SigningAlgorithm::parse)?,
            requires_pkce: row.flag(10)?,
            access_token_lifetime: row.maybe_integer(11)?,
            default_resource: row.maybe_text(28)?,
            jwks: row.maybe_json(26)?,
            jwks_uri: row.maybe_text(27)?,
            logo_uri: row.maybe_text(12)?,
            client_uri: row.maybe_text(13)?,
            policy_uri: row.maybe_text(14)?,
            tos_uri: row.maybe_text(15)?,
            may_introspect: row.flag(19)?,
            is_disabled: row.flag(16)?,
        },
        version: row.integer(23)?,
        token_generation: row.integer(24)?,
        created_at: row.integer(17)?,
        updated_at: row.integer(18)?,
    })
}

impl Connection {
    /// The client with this id, disabled or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn client(&mut self, id: &str) -> Result<Option<Client>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM clients WHERE id = $1"))
            .text(id)
            .optional(client)
            .await
            // MySQL takes `id` and `id ` for the same text.
            .map(|found| found.filter(|client| client.id == id))
    }

    /// Up to `limit` clients whose id is greater than `after`, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clients(&mut self, after: &str, limit: u16) -> Result<Vec<Client>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM clients WHERE id > $1 ORDER BY id LIMIT $2"))
            .text(after)
            .bind(i64::from(limit))
            .all(client)
            .await
    }

    /// Every client, by id; page by page, so that no statement takes long.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn every_client(&mut self) -> Result<Vec<Client>, Fault> {
        let mut clients: Vec<Client> = Vec::new();
        loop {
            let after = clients.last().map_or(String::new(), |client| client.id.clone());
            let page = self.clients(&after, WHOLE_PAGE).await?;
            let is_last = page.len() < usize::from(WHOLE_PAGE);
            clients.extend(page);
            if is_last {
                return Ok(clients);
            }
        }
    }

    /// Up to `limit` clients by name after the one of this name in lower case and this id; with
    /// `search`, only those with it somewhere in their name or id, whatever the case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clients_by_name(&mut self, search: &str, after: (&str, &str), limit: u16) -> Result<Vec<Client>, Fault> {
        let part = format!("%{}%", escape_like(&search.to_lowercase()));
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM clients WHERE (search_name > $1 OR (search_name = $2 AND id > $3)) \
               AND (search_name LIKE $4 ESCAPE '!' OR LOWER(id) LIKE $5 ESCAPE '!') ORDER BY search_name, id LIMIT $6"
        ))
        .text(after.0)
        .text(after.0)
        .text(after.1)
        .text(&part)
        .text(&part)
        .bind(i64::from(limit))
        .all(client)
        .await
    }

    /// Up to `limit` clients of an origin, the newest first, after the one of this age and id; with `search`, only
    /// those with it somewhere in their name or id, whatever the case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clients_of_origin(
        &mut self,
        origin: ClientOrigin,
        search: &str,
        after: Option<(Timestamp, &str)>,
        limit: u16,
    ) -> Result<Vec<Client>, Fault> {
        let (created_at, id) = after.unwrap_or((Timestamp::MAX, ""));
        let part = format!("%{}%", escape_like(&search.to_lowercase()));
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM clients WHERE origin = $1 AND created_at <= $2 AND (created_at < $3 OR id < $4) \
               AND (search_name LIKE $5 ESCAPE '!' OR LOWER(id) LIKE $6 ESCAPE '!') ORDER BY created_at DESC, id DESC LIMIT $7"
        ))
        .text(origin.as_str())
        .bind(created_at)
        .bind(created_at)
        .text(id)
        .text(&part)
        .text(&part)
        .bind(i64::from(limit))
        .planned_for_its_values()
        .all(client)
        .await
    }

    /// Up to `limit` clients of documents that were read last before `before`, and with which nobody has anything to do:
    /// no grant and no consent names them, and no operator has turned them off.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn idle_document_clients(&mut self, before: Timestamp, limit: u16) -> Result<Vec<Client>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM clients WHERE origin = 'document' AND created_at <= $1 AND document_expires_at <= $2 AND is_disabled = 0 \
               AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.id) \
               AND NOT EXISTS (SELECT 1 FROM consents WHERE consents.client_id = clients.id) ORDER BY created_at LIMIT $3"
        ))
        .bind(before)
        .bind(before)
        .bind(i64::from(limit))
        .all(client)
        .await
    }

    /// How many clients there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_clients(&mut self) -> Result<i64, Fault> {
        let count = self
            .query(sql!("SELECT COUNT(*) FROM clients"))
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or_default())
    }
}

impl Tx {
    /// Adds a client; false when its id is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_client(&mut self, client: &Client) -> Result<bool, Fault> {
        self.changes.client(&client.id);
        bind_all(self.query(insert_if_absent!(insert!())), client)?.insert_if_absent().await
    }

    /// Adds many clients whose ids are not taken.
    ///
    /// # Errors
    /// When the database fails, or one is taken.
    pub async fn insert_clients(&mut self, clients: &[Client]) -> Result<(), Fault> {
        static MANY: Many = Many::of(sql!(insert!()));
        self.insert_many(&MANY, clients, bind_all).await
    }

    /// Replaces everything about a client but its id and age, if it is still of the version that `client`
    /// was read with. False when somebody changed or deleted it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_client(&mut self, client: &Client) -> Result<bool, Fault> {
        let statement = self.query(sql!(
            "UPDATE clients SET name = $1, secret_hash = $2, auth_method = $3, redirect_uris = $4, grant_types = $5, \
                 scope = $6, consent_policy = $7, access_token_format = $8, signing_algorithm = $9, requires_pkce = $10, \
                 access_token_lifetime = $11, logo_uri = $12, client_uri = $13, policy_uri = $14, tos_uri = $15, \
                 is_disabled = $16, updated_at = $17, may_introspect = $18, previous_secret_hash = $19, \
                 previous_secret_expires_at = $20, search_name = $21, tokens_valid_from = $22, jwks = $23, jwks_uri = $24, \
                 default_resource = $25, sealed_secret = $26, registration_token_hash = $27, registration_mark = $28, \
                 document_expires_at = $29, version = version + 1 WHERE id = $30 AND version = $31"
        ));
        let statement = bind_facts(statement, client)?
            .bind(client.updated_at)
            .flag(client.may_introspect)
            .maybe_text(client.previous_secret_hash.as_deref())
            .bind(client.previous_secret_expires_at)
            .bind(client.name.to_lowercase())
            .bind(client.token_generation);
        let updated = bind_agent(statement, client)?
            .text(&client.id)
            .bind(client.version)
            .execute()
            .await?;
        self.changes.client(&client.id);
        Ok(updated == 1)
    }

    /// Says that what was read of a client's document holds until a later time. Nothing about the client changes with
    /// that, and so its version does not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_client_document(&mut self, id: &str, expires_at: Timestamp) -> Result<(), Fault> {
        self.changes.client(id);
        self.query(sql!("UPDATE clients SET document_expires_at = $1 WHERE id = $2"))
            .bind(expires_at)
            .text(id)
            .execute()
            .await
            .map(drop)
    }

    /// Holds a client's row until the transaction ends, so that what is added to it cannot outlive it unseen. False when
    /// it is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_client(&mut self, id: &str) -> Result<bool, Fault> {
        self.hold(hold!("clients", "updated_at", "id = $1")).text(id).held().await
    }

    /// Removes a client with its grants, consents, workloads and access keys; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_client(&mut self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        self.changes.client(id);
        self.remove_belongings(Owner::Client(id)).await?;
        let deleted = self.query(sql!("DELETE FROM clients WHERE id = $1")).text(id).execute().await?;
        // Whoever adds one holds the client's row until it is written.
        self.delete_workloads_of(id, now).await?;
        self.delete_access_keys_of(id).await?;
        Ok(deleted == 1)
    }
}

/// Binds every column.
fn bind_all<'c>(statement: Statement<'c>, client: &Client) -> Result<Statement<'c>, Fault> {
    let statement = bind_facts(statement.text(&client.id), client)?
        .bind(client.created_at)
        .bind(client.updated_at)
        .flag(client.may_introspect)
        .maybe_text(client.previous_secret_hash.as_deref())
        .bind(client.previous_secret_expires_at)
        .bind(client.name.to_lowercase())
        .bind(client.version)
        .bind(client.token_generation)
        .text(client.origin.as_str());
    bind_agent(statement, client)
}

/// Binds everything between id and age, in the order of the columns.
fn bind_facts<'c>(statement: Statement<'c>, client: &Client) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&client.name)
        .maybe_text(client.secret_hash.as_deref())
        .text(client.auth_method.as_str())
        .bind(json(&client.redirect_uris)?)
        .bind(grant_types(client)?)
        .bind(client.scope.to_string())
        .text(client.consent_policy.as_str())
        .text(client.access_token_format.as_str())
        .text(client.signing_algorithm.as_str())
        .flag(client.requires_pkce)
        .bind(client.access_token_lifetime)
        .maybe_text(client.logo_uri.as_deref())
        .maybe_text(client.client_uri.as_deref())
        .maybe_text(client.policy_uri.as_deref())
        .maybe_text(client.tos_uri.as_deref())
        .flag(client.is_disabled))
}

/// Binds what agents need, in the order of the columns.
fn bind_agent<'c>(statement: Statement<'c>, client: &Client) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .bind(client.jwks.as_ref().map(json).transpose()?)
        .maybe_text(client.jwks_uri.as_deref())
        .maybe_text(client.default_resource.as_deref())
        .maybe_text(client.sealed_secret.as_deref())
        .maybe_text(client.registration_token_hash.as_deref())
        .maybe_text(client.registration_mark.as_deref())
        .bind(client.document_expires_at))
}

fn grant_types(client: &Client) -> Result<String, Fault> {
    json(&client.grant_types.iter().map(|grant_type| grant_type.as_str()).collect::<Vec<_>>())
}
