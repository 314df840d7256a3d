//! The key-encryption keys of the vault: which there are, what they still wrap, and a new one for all.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::App;
use crate::base::fault::Fault;
use crate::keys::envelope::Unopened;
use crate::model::connection::Connection;

/// How many connections are rewrapped in one transaction.
const BATCH: u16 = 100;

/// A key, and what it wraps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// 16 hexadecimal digits of a digest of it, as it stands in rows
    pub key_id: String,
    /// What the operator calls it, `derived` if it comes from `APP_SECRET`; `None` when this node does not have it
    pub name: Option<String>,
    /// Whether it is the one that seals
    pub seals: bool,
    /// How many connections it still wraps
    pub connections: i64,
}

/// Every key that this node has or that a connection is wrapped by: the one that seals first, those that are missing last.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App) -> Result<Vec<KeyUse>, Fault> {
    let counted = app.store.read().await?.count_connections_by_key().await?;
    let mut counted: BTreeMap<String, i64> = counted.into_iter().collect();
    let known = app.envelope.keys().map(|key| KeyUse {
        key_id: key.id().to_owned(),
        name: Some(key.name().to_owned()),
        seals: key.id() == app.envelope.newest(),
        connections: counted.remove(key.id()).unwrap_or_default(),
    });
    let mut uses: Vec<KeyUse> = known.collect();
    uses.extend(counted.into_iter().map(|(key_id, connections)| KeyUse {
        key_id,
        name: None,
        seals: false,
        connections,
    }));
    Ok(uses)
}

/// What rewrapping came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rewrapped {
    /// The key that wraps them now, by id
    pub key_id: String,
    /// How many connections were rewrapped
    pub rewrapped: u64,
    /// How many somebody else changed, removed or rewrapped at the same moment
    pub changed_meanwhile: u64,
    /// The connections that do not open, by id, and why
    pub unopened: BTreeMap<String, String>,
}

/// Wraps the data key of every connection by the key that seals now. Nodes go on reading and writing meanwhile, and
/// another one may do the same: each row is replaced only if it still is what was read, and what a node has sealed with
/// an older key meanwhile is found in another round.
///
/// # Errors
/// When the database fails; what was rewrapped until then stays.
pub async fn rewrap(app: &App) -> Result<Rewrapped, Fault> {
    let mut total = Rewrapped {
        key_id: app.envelope.newest().to_owned(),
        ..Rewrapped::default()
    };
    loop {
        let before = total.rewrapped;
        rewrap_once(app, &mut total).await?;
        if total.rewrapped == before {
            return Ok(total);
        }
    }
}

/// From the first id to the last.
async fn rewrap_once(app: &App, total: &mut Rewrapped) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let batch = app
            .store
            .read()
            .await?
            .connections_not_of_key(app.envelope.newest(), &after, BATCH)
            .await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after.clone_from(&last.id);
        rewrap_batch(app, &batch, total).await?;
    }
}

async fn rewrap_batch(app: &App, batch: &[Connection], total: &mut Rewrapped) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    let (mut rewrapped, mut changed) = (0, 0);
    for connection in batch {
        match app.envelope.rewrap(&app.random, &connection.binding(), &connection.tokens)? {
            Ok(sealed) if tx.rewrap_connection(connection, &sealed).await? => rewrapped += 1,
            Ok(_) => changed += 1,
            Err(unopened) => {
                let why = unopened.to_string();
                total.unopened.insert(connection.id.clone(), why);
            }
        }
    }
    tx.commit().await?;
    total.rewrapped += rewrapped;
    total.changed_meanwhile += changed;
    Ok(())
}

/// What is wrong with the keys of this node, in words for the operator; `None` when every connection can be opened.
///
/// # Errors
/// When the database fails.
pub async fn missing(app: &App) -> Result<Option<String>, Fault> {
    let missing = list(app).await?.into_iter().find(|key| key.name.is_none());
    Ok(missing.map(|key| format!("{} connection(s): {}", key.connections, Unopened::KeyMissing(key.key_id))))
}
