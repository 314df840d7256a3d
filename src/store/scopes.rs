//! Scope definitions.

use crate::base::fault::Fault;
use crate::model::scope::{ScopeCatalog, ScopeDefinition};

use super::clients::json;
use super::row::Row;
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

fn definition(row: Row<'_>) -> Result<ScopeDefinition, Fault> {
    Ok(ScopeDefinition {
        name: row.text(0)?,
        description: row.text(1)?,
        claims: row.json(2)?,
        is_default: row.flag(3)?,
        roles: row.json(4)?,
        created_at: row.integer(5)?,
        updated_at: row.integer(6)?,
    })
}

impl Connection {
    /// Every scope that is defined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scopes(&mut self) -> Result<ScopeCatalog, Fault> {
        self.query(sql!(
            "SELECT name, description, claims, is_default, roles, created_at, updated_at FROM scopes ORDER BY name"
        ))
        .all(definition)
        .await
        .map(ScopeCatalog)
    }
}

impl Tx {
    /// Defines a scope; false when it is defined already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_scope(&mut self, scope: &ScopeDefinition) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO scopes (name, description, claims, is_default, roles, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .text(&scope.name)
        .text(&scope.description)
        .bind(json(&scope.claims)?)
        .flag(scope.is_default)
        .bind(json(&scope.roles)?)
        .bind(scope.created_at)
        .bind(scope.updated_at)
        .insert_if_absent()
        .await
    }

    /// Removes a scope; no token is issued with it any more. False when it is not defined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_scope(&mut self, name: &str) -> Result<bool, Fault> {
        Ok(self.query(sql!("DELETE FROM scopes WHERE name = $1")).text(name).execute().await? == 1)
    }
}
