//! Workloads: the agents that clients own.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::client::may_use;
use crate::model::workload::Workload;
use crate::protocol::claims::VAULT;
use crate::protocol::token_request::GrantType;

use super::row::{Row, json};
use super::sql::{hold, insert_if_absent, sql};
use super::upstream_revocations::RemovedWith;
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "workloads.name, workloads.id, workloads.client_id, workloads.settings, workloads.created_at, workloads.updated_at, workloads.version"
    };
}
pub(super) use columns;

pub(super) fn workload(row: &Row<'_>) -> Result<Workload, Fault> {
    Ok(Workload {
        name: row.text(0)?,
        id: row.text(1)?,
        client_id: row.text(2)?,
        settings: row.settings(3)?,
        created_at: row.integer(4)?,
        updated_at: row.integer(5)?,
        version: row.integer(6)?,
    })
}

/// What can end a workload access token, behind the columns of the workload. The first parameter is the person's id.
macro_rules! state_columns {
    () => {
        "clients.scope, clients.grant_types, clients.is_disabled, clients.tokens_valid_from, \
         (SELECT COUNT(*) FROM users WHERE users.id = $1 AND users.is_disabled = 0)"
    };
}
pub(super) use state_columns;

/// How many columns there are with those of the workload.
pub(super) const STATE_COLUMNS: usize = 12;

/// Everything that can end a workload access token before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadState {
    /// The workload as it is now
    pub workload: Workload,
    /// Its client is there, enabled, and may use the vault
    pub may_client: bool,
    /// The generation of the client's own tokens
    pub token_generation: i64,
    /// The person is there and enabled, if there is one
    pub is_user_alive: bool,
}

pub(super) fn state(row: &Row<'_>, user_id: Option<&str>) -> Result<WorkloadState, Fault> {
    let grant_types: Vec<String> = row.json(8)?;
    let grant_types: Vec<GrantType> = grant_types.iter().filter_map(|name| GrantType::parse(name)).collect();
    Ok(WorkloadState {
        workload: workload(row)?,
        may_client: !row.flag(9)? && may_use(VAULT, &row.scope(7)?, &grant_types),
        token_generation: row.integer(10)?,
        is_user_alive: user_id.is_none() || row.integer(11)? == 1,
    })
}

impl Connection {
    /// The workload of this name, disabled or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workload(&mut self, name: &str) -> Result<Option<Workload>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM workloads WHERE name = $1"))
            .text(name)
            .optional(|row| workload(&row))
            .await
            // MySQL takes `name` and `name ` for the same text.
            .map(|found| found.filter(|workload| workload.name == name))
    }

    /// Up to `limit` workloads by name after the one of this name; with `client_id`, only those of that client.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workloads(&mut self, client_id: Option<&str>, after: &str, limit: u16) -> Result<Vec<Workload>, Fault> {
        let statement = match client_id {
            None => self.query(sql!(
                "SELECT ",
                columns!(),
                " FROM workloads WHERE name > $1 ORDER BY name LIMIT $2"
            )),
            Some(client_id) => self
                .query(sql!(
                    "SELECT ",
                    columns!(),
                    " FROM workloads WHERE client_id = $1 AND name > $2 ORDER BY name LIMIT $3"
                ))
                .text(client_id),
        };
        statement.text(after).bind(i64::from(limit)).all(|row| workload(&row)).await
    }

    /// Every workload, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn every_workload(&mut self) -> Result<Vec<Workload>, Fault> {
        let found = self.query(sql!("SELECT ", columns!(), " FROM workloads ORDER BY name"));
        found.all(|row| workload(&row)).await
    }

    /// Asks everything that can end a workload access token before its time, in one round trip. `None` when the workload
    /// or its client is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workload_state(&mut self, name: &str, user_id: Option<&str>) -> Result<Option<WorkloadState>, Fault> {
        let state = self
            .query(sql!(
                "SELECT ",
                columns!(),
                ", ",
                state_columns!(),
                " FROM workloads JOIN clients ON clients.id = workloads.client_id WHERE workloads.name = $2"
            ))
            .text(user_id.unwrap_or_default())
            .text(name)
            .optional(|row| state(&row, user_id))
            .await?;
        Ok(state.filter(|state| state.workload.name == name))
    }
}

impl Tx {
    /// Adds a workload; false when its name is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_workload(&mut self, workload: &Workload) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO workloads (name, id, client_id, settings, created_at, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .text(&workload.name)
        .text(&workload.id)
        .text(&workload.client_id)
        .bind(json(&workload.settings)?)
        .bind(workload.created_at)
        .bind(workload.updated_at)
        .bind(workload.version)
        .insert_if_absent()
        .await
    }

    /// Replaces the settings of a workload, if it is still of the version that `workload` was read with. False when
    /// somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_workload(&mut self, workload: &Workload) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE workloads SET settings = $1, updated_at = $2, version = version + 1 WHERE name = $3 AND id = $4 AND version = $5"
            ))
            .bind(json(&workload.settings)?)
            .bind(workload.updated_at)
            .text(&workload.name)
            .text(&workload.id)
            .bind(workload.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Holds a workload's row until the transaction ends, so that a connection to it cannot outlive it unseen. False when
    /// it was removed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_workload(&mut self, workload: &Workload) -> Result<bool, Fault> {
        self.hold(hold!("workloads", "updated_at", "name = $1 AND id = $2"))
            .text(&workload.name)
            .text(&workload.id)
            .held()
            .await
    }

    /// Removes a workload with its connections, if it is still of this version; how many connections there were. What they
    /// have at providers is to be taken back there. `None` when somebody changed or removed it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_workload(&mut self, workload: &Workload, now: Timestamp) -> Result<Option<u64>, Fault> {
        // The workload first: whoever adds a connection holds its row until that is written, and then the second
        // statement sees it.
        let deleted = self
            .query(sql!("DELETE FROM workloads WHERE name = $1 AND id = $2 AND version = $3"))
            .text(&workload.name)
            .text(&workload.id)
            .bind(workload.version)
            .execute()
            .await?;
        if deleted == 0 {
            return Ok(None);
        }
        let connections = self.remove_connections(RemovedWith::Workload(&workload.name), now).await;
        connections.map(Some)
    }

    /// Removes the workloads of a client with their connections.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn delete_workloads_of(&mut self, client_id: &str, now: Timestamp) -> Result<(), Fault> {
        let names = self.query(sql!("SELECT name FROM workloads WHERE client_id = $1"));
        let names = names.text(client_id).all(|row| row.text(0)).await?;
        if names.is_empty() {
            return Ok(());
        }
        let workloads = self.query(sql!("DELETE FROM workloads WHERE client_id = $1"));
        workloads.text(client_id).aside().execute().await?;
        for name in names {
            self.remove_connections(RemovedWith::Workload(&name), now).await?;
        }
        Ok(())
    }
}
