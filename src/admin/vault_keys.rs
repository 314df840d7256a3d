//! The key-encryption keys of the vault: which there are, what they still wrap, and a new one for all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::app::App;
use crate::base::fault::Fault;
use crate::keys::envelope::Unopened;
use crate::model::connection::{Connection, SealedTokens};
use crate::model::event::EventKind;
use crate::model::upstream_revocation::UpstreamRevocation;
use crate::store::Tx;

/// How many connections are rewrapped in one transaction.
const BATCH: u16 = 200;
/// How often everything is looked through, at most: a node that still seals with an older key makes new work all the time.
const ROUNDS: usize = 5;

/// A key, and what it wraps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// 16 hexadecimal digits of a digest of it, as it stands in rows
    pub key_id: String,
    /// What the operator calls it, `derived` if it comes from `APP_SECRET`; `None` when this node does not have it
    pub name: Option<String>,
    /// Whether it is the one that seals
    pub seals: bool,
    /// How many connections it still wraps, those among them that are to be taken back at their providers
    pub connections: i64,
}

/// Every key that this node has or that a connection is wrapped by: the one that seals first, those that are missing last.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App) -> Result<Vec<KeyUse>, Fault> {
    let mut reader = app.store.read().await?;
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    let (there, gone) = (reader.count_connections_by_key().await?, reader.count_revocations_by_key().await?);
    for (key_id, count) in there.into_iter().chain(gone) {
        *counted.entry(key_id).or_default() += count;
    }
    drop(reader);
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
    /// How many are wrapped by another key nevertheless
    pub left: i64,
    /// Those of them that do not open, by id, and why
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
    for _ in 0..ROUNDS {
        let mut is_any = false;
        for place in Place::ALL {
            is_any |= rewrap_once(app, place, &mut total).await?;
        }
        if !is_any {
            break;
        }
    }
    let uses = list(app).await?;
    total.left = uses.iter().filter(|key| !key.seals).map(|key| key.connections).sum();
    Ok(total)
}

/// Where tokens are kept.
#[derive(Clone, Copy)]
enum Place {
    /// With a connection
    There,
    /// With what is to be taken back at a provider
    Gone,
}

impl Place {
    const ALL: [Self; 2] = [Self::There, Self::Gone];

    /// Some of what is there after the one with this id and not wrapped by the key that seals.
    async fn batch(self, app: &App, after: &str) -> Result<Vec<Kept>, Fault> {
        let (mut reader, newest) = (app.store.read().await?, app.envelope.newest());
        Ok(match self {
            Self::There => {
                let batch = reader.connections_not_of_key(newest, after, BATCH).await?;
                batch.into_iter().map(Kept::There).collect()
            }
            Self::Gone => {
                let batch = reader.revocations_not_of_key(newest, after, BATCH).await?;
                batch.into_iter().map(Kept::Gone).collect()
            }
        })
    }
}

/// A row with tokens.
enum Kept {
    There(Connection),
    Gone(UpstreamRevocation),
}

impl Kept {
    fn id(&self) -> &str {
        match self {
            Self::There(connection) => &connection.id,
            Self::Gone(revocation) => revocation.id(),
        }
    }

    fn tokens(&self) -> &SealedTokens {
        match self {
            Self::There(connection) => &connection.tokens,
            Self::Gone(revocation) => &revocation.tokens,
        }
    }

    /// The same tokens, wrapped by the key that seals.
    fn rewrapped(&self, app: &App) -> Result<Result<SealedTokens, Unopened>, Fault> {
        let binding = match self {
            Self::There(connection) => &connection.binding(),
            Self::Gone(revocation) => &revocation.binding,
        };
        app.envelope.rewrap(&app.random, binding, self.tokens())
    }

    /// Replaces them, if they still are what was read.
    async fn replace(&self, tx: &mut Tx, tokens: &SealedTokens) -> Result<bool, Fault> {
        match self {
            Self::There(connection) => tx.rewrap_connection(connection, tokens).await,
            Self::Gone(revocation) => tx.rewrap_revocation(revocation, tokens).await,
        }
    }
}

/// From the first id to the last; whether there was anything to do.
async fn rewrap_once(app: &App, place: Place, total: &mut Rewrapped) -> Result<bool, Fault> {
    let (mut after, mut is_any) = (String::new(), false);
    loop {
        let batch = place.batch(app, &after).await?;
        let Some(last) = batch.last() else { return Ok(is_any) };
        last.id().clone_into(&mut after);
        is_any |= rewrap_batch(app, &batch, total).await?;
    }
}

async fn rewrap_batch(app: &App, batch: &[Kept], total: &mut Rewrapped) -> Result<bool, Fault> {
    // Before the transaction: its rows are locked until it ends.
    let mut sealed = Vec::new();
    for kept in batch {
        match kept.rewrapped(app)? {
            Ok(tokens) => sealed.push((kept, tokens)),
            Err(unopened) => {
                total.unopened.insert(kept.id().to_owned(), unopened.to_string());
            }
        }
    }
    if sealed.is_empty() {
        return Ok(false);
    }
    let mut tx = app.store.begin().await?;
    let mut rewrapped: u64 = 0;
    for (kept, tokens) in &sealed {
        rewrapped += u64::from(kept.replace(&mut tx, tokens).await?);
    }
    record(app, &mut tx, rewrapped).await?;
    tx.commit().await?;
    total.rewrapped += rewrapped;
    Ok(true)
}

async fn record(app: &App, tx: &mut Tx, rewrapped: u64) -> Result<(), Fault> {
    if rewrapped == 0 {
        return Ok(());
    }
    let event = app.event(EventKind::VaultRewrapped).target(app.envelope.newest());
    tx.record(event.detail("connections", rewrapped)).await
}

/// What is wrapped by some keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapped {
    /// How many connections can be opened
    pub opening: u64,
    /// Those that are damaged, by id
    pub damaged: BTreeSet<String>,
}

/// What is wrapped by the keys of these ids, none of which seals; connections among them that are to be taken back at their
/// providers. Every one is looked at.
///
/// # Errors
/// When the database fails.
pub async fn wrapped_by(app: &App, key_ids: &[&str]) -> Result<Wrapped, Fault> {
    let mut wrapped = Wrapped::default();
    for place in Place::ALL {
        let mut after = String::new();
        loop {
            let batch = place.batch(app, &after).await?;
            let Some(last) = batch.last() else { break };
            last.id().clone_into(&mut after);
            for kept in batch.iter().filter(|kept| key_ids.contains(&kept.tokens().key_id.as_str())) {
                match kept.rewrapped(app)? {
                    Ok(_) => wrapped.opening += 1,
                    Err(_) => drop(wrapped.damaged.insert(kept.id().to_owned())),
                }
            }
        }
    }
    Ok(wrapped)
}

/// How much is still to be taken back at providers.
///
/// # Errors
/// When the database fails.
pub async fn to_be_taken_back(app: &App) -> Result<i64, Fault> {
    app.store.read().await?.count_revocations().await
}

/// What is wrong with the keys of this node, in words for the operator; `None` when every connection can be opened.
///
/// # Errors
/// When the database fails.
pub async fn missing(app: &App) -> Result<Option<String>, Fault> {
    let missing = list(app).await?.into_iter().find(|key| key.name.is_none());
    Ok(missing.map(|key| format!("{} connection(s): {}", key.connections, Unopened::KeyMissing(key.key_id))))
}
