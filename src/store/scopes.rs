//! Scope definitions.

use crate::base::fault::Fault;
use crate::model::scope::{ScopeCatalog, ScopeDefinition, ScopeSettings};

use super::row::{Row, json};
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "name, description, claims, is_default, roles, created_at, updated_at, version"
    };
}

fn definition(row: Row<'_>) -> Result<ScopeDefinition, Fault> {
    Ok(ScopeDefinition {
        name: row.text(0)?,
        settings: ScopeSettings {
            description: row.text(1)?,
            claims: row.json(2)?,
            is_default: row.flag(3)?,
            roles: row.json(4)?,
        },
        created_at: row.integer(5)?,
        updated_at: row.integer(6)?,
        version: row.integer(7)?,
    })
}

impl Connection {
    /// Every scope that is defined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scopes(&mut self) -> Result<ScopeCatalog, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM scopes ORDER BY name"))
            .all(definition)
            .await
            .map(ScopeCatalog)
    }

    /// The definition of one scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope(&mut self, name: &str) -> Result<Option<ScopeDefinition>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM scopes WHERE name = $1"))
            .text(name)
            .optional(definition)
            .await
            // MySQL takes `name` and `name ` for the same text.
            .map(|found| found.filter(|scope| scope.name == name))
    }
}

impl Tx {
    /// Defines a scope; false when it is defined already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_scope(&mut self, scope: &ScopeDefinition) -> Result<bool, Fault> {
        self.changes.scopes();
        self.query(insert_if_absent!(
            "INSERT INTO scopes (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        ))
        .text(&scope.name)
        .text(&scope.description)
        .bind(json(&scope.claims)?)
        .flag(scope.is_default)
        .bind(json(&scope.roles)?)
        .bind(scope.created_at)
        .bind(scope.updated_at)
        .bind(scope.version)
        .insert_if_absent()
        .await
    }

    /// Replaces everything about a scope but its name and age, if it is still of the version that `scope`
    /// was read with. False when somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_scope(&mut self, scope: &ScopeDefinition) -> Result<bool, Fault> {
        self.changes.scopes();
        let updated = self
            .query(sql!(
                "UPDATE scopes SET description = $1, claims = $2, is_default = $3, roles = $4, updated_at = $5, version = version + 1 \
                 WHERE name = $6 AND version = $7"
            ))
            .text(&scope.description)
            .bind(json(&scope.claims)?)
            .flag(scope.is_default)
            .bind(json(&scope.roles)?)
            .bind(scope.updated_at)
            .text(&scope.name)
            .bind(scope.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Removes a scope; no token is issued with it any more. False when it is not defined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_scope(&mut self, name: &str) -> Result<bool, Fault> {
        self.changes.scopes();
        Ok(self.query(sql!("DELETE FROM scopes WHERE name = $1")).text(name).execute().await? == 1)
    }
}
