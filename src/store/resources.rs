//! Protected resources.

use crate::base::fault::Fault;
use crate::model::client::AccessTokenFormat;
use crate::model::resource::{Resource, ResourceCatalog, ResourceSettings};

use super::connection::Statement;
use super::row::{Row, json, unreadable};
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "identifier, name, scope, access_token_format, access_token_lifetime, clients, updated_at, created_at, version"
    };
}

fn resource(row: Row<'_>) -> Result<Resource, Fault> {
    let format = row.maybe_text(3)?;
    Ok(Resource {
        identifier: row.text(0)?,
        settings: ResourceSettings {
            name: row.text(1)?,
            scope: row.scope(2)?,
            access_token_format: format
                .map(|name| AccessTokenFormat::parse(&name).ok_or_else(|| unreadable("unknown format of access tokens")))
                .transpose()?,
            access_token_lifetime: row.maybe_integer(4)?,
            clients: row.maybe_json(5)?,
        },
        updated_at: row.integer(6)?,
        created_at: row.integer(7)?,
        version: row.integer(8)?,
    })
}

impl Connection {
    /// Every protected resource.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resources(&mut self) -> Result<ResourceCatalog, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM resources ORDER BY identifier"))
            .all(resource)
            .await
            .map(ResourceCatalog)
    }
}

impl Tx {
    /// Adds a protected resource; false when its identifier is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_resource(&mut self, resource: &Resource) -> Result<bool, Fault> {
        self.changes.resources();
        let statement = self
            .query(insert_if_absent!(
                "INSERT INTO resources (",
                columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            ))
            .text(&resource.identifier);
        bind_facts(statement, resource)?
            .bind(resource.created_at)
            .bind(resource.version)
            .insert_if_absent()
            .await
    }

    /// Replaces everything about a protected resource but its identifier and age, if it is still of the
    /// version that `resource` was read with. False when somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_resource(&mut self, resource: &Resource) -> Result<bool, Fault> {
        self.changes.resources();
        let statement = self.query(sql!(
            "UPDATE resources SET name = $1, scope = $2, access_token_format = $3, access_token_lifetime = $4, clients = $5, \
             updated_at = $6, version = version + 1 WHERE identifier = $7 AND version = $8"
        ));
        let updated = bind_facts(statement, resource)?
            .text(&resource.identifier)
            .bind(resource.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Removes a protected resource; no token is issued for it any more. False when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_resource(&mut self, identifier: &str) -> Result<bool, Fault> {
        self.changes.resources();
        let deleted = self.query(sql!("DELETE FROM resources WHERE identifier = $1"));
        Ok(deleted.text(identifier).execute().await? == 1)
    }
}

fn bind_facts<'c>(statement: Statement<'c>, resource: &Resource) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&resource.name)
        .bind(resource.scope.to_string())
        .maybe_text(resource.access_token_format.map(AccessTokenFormat::as_str))
        .bind(resource.access_token_lifetime)
        .bind(resource.clients.as_ref().map(json).transpose()?)
        .bind(resource.updated_at))
}
