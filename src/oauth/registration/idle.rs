//! Registrations that nobody uses. Some programs register anew each time they start; what they leave behind must
//! not pile up.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::model::event::Actor;
use crate::oauth::clients::{self, ClientError};
use crate::store::{RegisteredClient, Tx, Use};

/// For how long a flow may be under way before its client counts as abandoned, in seconds.
const GRACE: Seconds = 600;
/// How many registrations of one mark a person keeps that they have used.
const KEPT_PER_PERSON: usize = 20;
/// How many registrations make room for one.
const MOST_REPLACED: u16 = 50;
/// How many are looked at to find out which.
const REACH: u16 = 1000;

/// After how long a registration goes that was never used at all, in seconds.
pub const UNUSED_LIFETIME: Seconds = 86_400;
/// How many registrations a batch looks at.
const BATCH: u16 = 500;

/// Removes registrations that the new one of this mark stands for: those that nobody has used for some minutes, and
/// of those that somebody has, the oldest beyond the last [`KEPT_PER_PERSON`] of each person. People behind one
/// address share a mark, so they are counted one by one.
pub(super) async fn make_room(app: &App, tx: &mut Tx, mark: &str) -> Result<(), Fault> {
    for id in tx.unused_of_mark(mark, app.now() - GRACE, MOST_REPLACED).await? {
        remove(app, tx, &id, |used| !used.is_any()).await?;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut kept, mut all) = (BTreeSet::new(), Vec::new());
    for (user_id, client_id) in tx.used_of_mark(mark, REACH).await? {
        let count = counts.entry(user_id).or_default();
        *count += 1;
        if *count <= KEPT_PER_PERSON {
            kept.insert(client_id.clone());
        }
        all.push(client_id);
    }
    all.retain(|id| !kept.contains(id));
    all.dedup();
    for id in all.iter().rev().take(usize::from(MOST_REPLACED)) {
        remove(app, tx, id, |_| true).await?;
    }
    Ok(())
}

/// Removes a client if, once its row is held, it still is one that may go.
async fn remove(app: &App, tx: &mut Tx, id: &str, may_go: impl Fn(Use) -> bool) -> Result<bool, Fault> {
    let Some(mut client) = tx.client(id).await? else {
        return Ok(false);
    };
    if client.is_disabled || !tx.update_client(&client).await? {
        return Ok(false);
    }
    client.version += 1;
    if !may_go(tx.use_of_client(id).await?) {
        return Ok(false);
    }
    match clients::delete_in(&app.acting_as(Actor::System), tx, &client).await {
        Ok(()) => Ok(true),
        Err(ClientError::Fault(fault)) => Err(fault),
        Err(_) => Ok(false),
    }
}

/// Where a batch begins: after the registration of this age and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position(Timestamp, String);

/// What a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// How many registrations were removed
    pub clients: u64,
    /// Where the next batch begins; `None` when all were looked at
    pub next: Option<Position>,
}

/// Looks at some registrations, the oldest first, and removes those that nobody uses any more: those without a
/// grant, a day after they were registered when nobody ever allowed them anything, and otherwise after the time
/// that the operator has set. What an operator has turned off stays, so that it stays turned off.
///
/// # Errors
/// When the database fails; what was removed by batches before stays removed.
pub async fn reap(app: &App, from: &Position) -> Result<Reaped, Fault> {
    let now = app.now();
    let idle = app.live().registration.idle;
    let is_over = |client: &RegisteredClient, used: Use| {
        let lifetime = if used.has_consent { idle } else { idle.min(UNUSED_LIFETIME) };
        !used.has_grant && client.created_at <= now - lifetime
    };
    let until = now - idle.min(UNUSED_LIFETIME);
    let looked_at = app.store.read().await?.registered_clients((from.0, &from.1), until, BATCH).await?;
    let over: Vec<&RegisteredClient> = looked_at
        .iter()
        .filter(|client| !client.is_disabled && is_over(client, client.used))
        .collect();
    let mut reaped = Reaped::default();
    if !over.is_empty() {
        let mut tx = app.store.begin().await?;
        for client in over {
            if remove(app, &mut tx, &client.id, |used| is_over(client, used)).await? {
                reaped.clients += 1;
            }
        }
        tx.commit().await?;
    }
    let is_full = looked_at.len() >= usize::from(BATCH);
    reaped.next = looked_at
        .last()
        .filter(|_| is_full)
        .map(|last| Position(last.created_at, last.id.clone()));
    Ok(reaped)
}
