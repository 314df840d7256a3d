//! What a list refers to by id, all at once: one more read for a page, not one for each row.

use std::collections::BTreeMap;

use crate::base::fault::Fault;

use crate::model::client::Client;
use crate::model::workload::Workload;

use super::row::Row;
use super::sql::{Sql, sql};
use super::{Connection, clients, workloads};

/// How many ids one statement takes; a statement is a fixed text.
const BATCH: usize = 50;

macro_rules! fifty {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
         $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50)"
    };
}

impl Connection {
    /// The user names of these users, by id, as far as there are such users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usernames(&mut self, ids: impl IntoIterator<Item = &str>) -> Result<BTreeMap<String, String>, Fault> {
        self.by_id(sql!("SELECT id, username FROM users WHERE id IN ", fifty!()), ids, name)
            .await
    }

    /// The names of these clients, by id, as far as there are such clients.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn client_names(&mut self, ids: impl IntoIterator<Item = &str>) -> Result<BTreeMap<String, String>, Fault> {
        self.by_id(sql!("SELECT id, name FROM clients WHERE id IN ", fifty!()), ids, name)
            .await
    }

    /// These clients, by id, as far as there are such clients.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clients_by_id(&mut self, ids: impl IntoIterator<Item = &str>) -> Result<BTreeMap<String, Client>, Fault> {
        let sql = sql!("SELECT ", clients::columns!(), " FROM clients WHERE id IN ", fifty!());
        let whole = |row: Row<'_>| clients::client(row).map(|client| (client.id.clone(), client));
        self.by_id(sql, ids, whole).await
    }

    /// These agents, by name, as far as there are such agents.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workloads_by_name(&mut self, names: impl IntoIterator<Item = &str>) -> Result<BTreeMap<String, Workload>, Fault> {
        let sql = sql!("SELECT ", workloads::columns!(), " FROM workloads WHERE name IN ", fifty!());
        let whole = |row: Row<'_>| workloads::workload(&row).map(|workload| (workload.name.clone(), workload));
        self.by_id(sql, names, whole).await
    }

    async fn by_id<T>(
        &mut self,
        sql: Sql,
        ids: impl IntoIterator<Item = &str>,
        read: impl Fn(Row<'_>) -> Result<(String, T), Fault>,
    ) -> Result<BTreeMap<String, T>, Fault> {
        let mut ids: Vec<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = BTreeMap::new();
        for batch in ids.chunks(BATCH) {
            let mut statement = self.query(sql);
            for at in 0..BATCH {
                // Nothing has an empty id.
                statement = statement.text(batch.get(at).copied().unwrap_or_default());
            }
            found.extend(statement.all(&read).await?);
        }
        Ok(found)
    }
}

fn name(row: Row<'_>) -> Result<(String, String), Fault> {
    Ok((row.text(0)?, row.text(1)?))
}
