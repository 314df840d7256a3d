//! One `APP_SECRET` takes the place of another: everything that is sealed in the database is sealed anew.
//!
//! ```text
//! all servers accept both ── all seal with the new one ── rotate: row by row ── nothing is left: the old one is retired
//! ```
//!
//! Servers read and write meanwhile, and several of these may run: a row is replaced only if it is still what was read, and
//! what is sealed with the old secret meanwhile is found in another round. What clients and browsers hold cannot be sealed
//! anew: it is accepted as long as `APP_SECRET_PREVIOUS` is set, and replaced when it is used.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::app::App;
use crate::audit;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::federation::relay::receive;
use crate::federation::vault::question;
use crate::federation::{access_keys, providers};
use crate::identity::admin_token;
use crate::keys::envelope::KeyEncryptionKey;
use crate::keys::retired;
use crate::keys::secrets::{Resealed, Secrets};
use crate::model::event::EventKind;
use crate::oauth::client_assertions;
use crate::store::{SealedColumn, SealedText, Setting};

use super::vault_keys;

/// How many rows are sealed anew in one transaction.
const BATCH: u16 = 200;
/// How often everything is looked through, at most: a server that still seals with the old secret makes new work all the time.
const ROUNDS: usize = 5;

/// What there is of the previous secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// How much is still sealed with it, by what it is
    pub sealed: BTreeMap<&'static str, u64>,
    /// How many grants may still have a refresh token of it, which the client replaces when it uses that
    pub refresh_tokens: i64,
    /// When the last of them expires, if nobody uses it
    pub refresh_tokens_until: Option<Timestamp>,
    /// Whether the admin token is stored by it, until somebody uses that
    pub admin_token: bool,
}

/// What rotating came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// Whether nothing is sealed with the previous secret any more
    pub done: bool,
    /// How much was sealed anew, by what it is
    pub resealed: BTreeMap<&'static str, u64>,
    /// What no secret opens, or is not intact, by what it is; it was not sealed anew
    pub unopened: BTreeMap<&'static str, u64>,
    /// The connections among these, by id
    pub damaged_connections: BTreeSet<String>,
    /// What there is of the previous secret
    pub remains: Remains,
}

/// Why nothing was rotated, in words for the operator.
#[derive(Debug)]
pub enum RotationError {
    /// The operator must do something first
    Refused(&'static str),
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for RotationError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for RotationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for RotationError {}

/// Notes that a server runs with the secret that is in force here.
///
/// # Errors
/// When the database fails.
pub async fn serve(app: &App) -> Result<(), Fault> {
    let check = app.secrets.check_value();
    let served = app.store.read().await?.setting(Setting::ServedSecret).await?;
    if served.is_some_and(|served| served == check) {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    tx.put_setting(Setting::ServedSecret, &check, app.now()).await?;
    tx.commit().await
}

/// Whether the secret of this node was retired while it ran: nobody else opens what it makes, and the secret may have leaked.
///
/// # Errors
/// When the database fails.
pub async fn is_retired(app: &App) -> Result<bool, Fault> {
    let replaced = app.store.read().await?.setting(Setting::RetiredSecrets).await?.unwrap_or_default();
    Ok(retired::holds(&replaced, &app.secrets.check_value()))
}

/// Seals everything with the secret that is in force, and retires the previous one when nothing is left.
///
/// # Errors
/// [`RotationError::Refused`] when there is no previous secret, or no server was started with the new one, unless
/// `is_offline`. What was sealed before a failure stays so.
pub async fn rotate(app: &App, is_offline: bool) -> Result<Rotated, RotationError> {
    let Some(previous) = app.config.previous_secret() else {
        return Err(RotationError::Refused(
            "there is no previous secret: set APP_SECRET to the new one and APP_SECRET_PREVIOUS to the old one, first at the servers",
        ));
    };
    let newest = app.secrets.check_value();
    let mut connection = app.store.read().await?;
    let served = connection.setting(Setting::ServedSecret).await?;
    let stored = connection.setting(Setting::SecretCheck).await?.unwrap_or_default();
    drop(connection);
    if !is_offline && served.as_ref() != Some(&newest) {
        return Err(RotationError::Refused(
            "the server that was started last does not have this secret as its APP_SECRET: restart every server with it first, or say --offline when none runs",
        ));
    }
    let replaced = Secrets::check_value_of(previous)?;
    if !stored.split(' ').all(|value| value == newest || value == replaced) {
        return Err(RotationError::Refused(
            "the database needs a third secret, that of a rotation which has not ended: end that first",
        ));
    }
    let mut total = Rotated::default();
    for _ in 0..ROUNDS {
        let mut found = Rotated::default();
        let resealed = round(app, &mut found).await?;
        for (what, count) in found.resealed {
            add(&mut total.resealed, what, count);
        }
        // What is not intact is met in every round, or in the first one only.
        for (what, count) in found.unopened {
            let known = total.unopened.entry(what).or_default();
            *known = count.max(*known);
        }
        if resealed == 0 {
            break;
        }
    }
    let left = sealed(app).await?;
    total.done = left.counts.is_empty();
    total.remains.sealed = left.counts;
    add(&mut total.unopened, CONNECTIONS, left.damaged.len() as u64);
    total.damaged_connections = left.damaged;
    if total.done {
        retire(app, previous).await?;
    }
    // It is done, whether or not that can be counted now.
    if let Err(fault) = count_rest(app, &mut total.remains).await {
        tracing::warn!(
            event = "remains_not_counted",
            "what clients still have of the previous secret could not be counted; gatehouse doctor tells: {fault}"
        );
    }
    Ok(total)
}

/// What there is of the previous secret. Without one, what is sealed cannot be told from what is damaged, and only the other
/// things are counted.
///
/// # Errors
/// When the database fails.
pub async fn remains(app: &App) -> Result<Remains, Fault> {
    let mut remains = Remains::default();
    if app.config.previous_secret().is_some() {
        remains.sealed = sealed(app).await?.counts;
    }
    count_rest(app, &mut remains).await?;
    Ok(remains)
}

/// Everything but what is sealed in the database.
async fn count_rest(app: &App, remains: &mut Remains) -> Result<(), Fault> {
    remains.admin_token = app.config.previous_secret().is_some() && !admin_token::is_of_this_secret(app).await?;
    let mut connection = app.store.read().await?;
    let rotated_at = connection.setting(Setting::SecretRotatedAt).await?;
    if let Some(rotated_at) = rotated_at.and_then(|text| text.parse().ok()) {
        (remains.refresh_tokens, remains.refresh_tokens_until) = connection.refresh_tokens_from_before(rotated_at, app.now()).await?;
    }
    Ok(())
}

/// From the first row of the first table to the last of the last; how much there was to do.
async fn round(app: &App, total: &mut Rotated) -> Result<u64, Fault> {
    let mut resealed = 0;
    for column in SealedColumn::ALL {
        resealed += reseal_column(app, column, total).await?;
    }
    if is_wrapped_by_others(app).await? {
        let rewrapped = vault_keys::rewrap(app).await?.rewrapped;
        add(&mut total.resealed, CONNECTIONS, rewrapped);
        resealed += rewrapped;
    }
    let seals = audit::reseal(app).await?;
    add(&mut total.resealed, AUDIT, seals.resealed);
    add(&mut total.unopened, AUDIT, seals.broken);
    Ok(resealed + seals.resealed)
}

/// What connections are called.
const CONNECTIONS: &str = "connections";
/// What the seals of the audit log are called.
const AUDIT: &str = "seals of the audit log";

fn add(counts: &mut BTreeMap<&'static str, u64>, what: &'static str, count: u64) {
    if count > 0 {
        *counts.entry(what).or_default() += count;
    }
}

async fn reseal_column(app: &App, column: SealedColumn, total: &mut Rotated) -> Result<u64, Fault> {
    let (mut after, mut resealed) = (String::new(), 0);
    loop {
        let page = app.store.read().await?.sealed_texts(column, &after, BATCH).await?;
        let Some(last) = page.last() else {
            add(&mut total.resealed, column.text(), resealed);
            return Ok(resealed);
        };
        after.clone_from(&last.id);
        // Before the transaction: its rows are locked until it ends.
        let mut anew = Vec::new();
        for text in &page {
            match resealed_text(app, column, text).await? {
                Resealed::Newest => {}
                Resealed::Anew(sealed) => anew.push((text, sealed)),
                Resealed::Unopened => add(&mut total.unopened, column.text(), 1),
            }
        }
        if anew.is_empty() {
            continue;
        }
        let mut tx = app.store.begin().await?;
        for (text, sealed) in &anew {
            resealed += u64::from(tx.replace_sealed_text(column, text, sealed).await?);
        }
        tx.commit().await?;
    }
}

async fn resealed_text(app: &App, column: SealedColumn, text: &SealedText) -> Result<Resealed, Fault> {
    let SealedText { id, owner, sealed } = text;
    let (sealer, context) = match column {
        SealedColumn::SigningKey => (&app.secrets.signing_key, id.clone().into_bytes()),
        SealedColumn::ClientSecret => (&app.secrets.client_secret, client_assertions::secret_context(id)),
        SealedColumn::AccessKey => (&app.secrets.access_key, access_keys::context(id, owner)),
        SealedColumn::CallbackAnswer => (&app.secrets.callback, receive::context(id)),
        SealedColumn::UserToken => (&app.secrets.user_token, id.clone().into_bytes()),
        SealedColumn::ConnectionFlow => (&app.secrets.connection_flow, question::flow_of(id).into_bytes()),
        SealedColumn::ConnectionReturn => (&app.secrets.connection_flow, question::return_of(id).into_bytes()),
        SealedColumn::ProviderSecret => {
            let provider = app.store.read().await?.provider(id).await?;
            return provider.map_or(Ok(Resealed::Newest), |provider| providers::reseal(app, &provider));
        }
        SealedColumn::FormerProviderSecret => {
            let provider = app.store.read().await?.former_provider(id).await?;
            return provider.map_or(Ok(Resealed::Newest), |provider| providers::reseal(app, &provider));
        }
    };
    sealer.reseal(&app.random, &context, sealed)
}

/// The keys of the other secrets that wrap connections.
fn other_vaults(app: &App) -> Vec<&str> {
    app.secrets.other_vaults.iter().map(KeyEncryptionKey::id).collect()
}

/// Whether a connection is wrapped by a key of another secret.
async fn is_wrapped_by_others(app: &App) -> Result<bool, Fault> {
    let (others, uses) = (other_vaults(app), vault_keys::list(app).await?);
    Ok(uses.iter().any(|key| key.connections > 0 && others.contains(&key.key_id.as_str())))
}

/// What is sealed with another secret than the one in force.
struct Sealed {
    /// By what it is
    counts: BTreeMap<&'static str, u64>,
    /// The connections that were, and that no secret opens
    damaged: BTreeSet<String>,
}

/// Looks for everything that is sealed with another secret. What no secret opens is not of the previous one.
async fn sealed(app: &App) -> Result<Sealed, Fault> {
    let mut counts = BTreeMap::new();
    for column in SealedColumn::ALL {
        let mut after = String::new();
        loop {
            let page = app.store.read().await?.sealed_texts(column, &after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for text in &page {
                let is_of_other = matches!(resealed_text(app, column, text).await?, Resealed::Anew(_));
                add(&mut counts, column.text(), u64::from(is_of_other));
            }
        }
    }
    let mut damaged = BTreeSet::new();
    if is_wrapped_by_others(app).await? {
        let wrapped = vault_keys::wrapped_by(app, &other_vaults(app)).await?;
        add(&mut counts, CONNECTIONS, wrapped.opening);
        damaged = wrapped.damaged;
    }
    add(&mut counts, AUDIT, audit::sealed_before(app).await?);
    Ok(Sealed { counts, damaged })
}

/// From now on the previous secret opens nothing, and nobody needs it to open the installation.
async fn retire(app: &App, previous: &secrecy::SecretString) -> Result<(), Fault> {
    let (newest, now) = (app.secrets.check_value(), app.now());
    let mut tx = app.store.begin().await?;
    tx.hold_setting(Setting::SecretCheck).await?;
    if tx.setting(Setting::SecretCheck).await?.as_ref() == Some(&newest) {
        return Ok(());
    }
    let known = tx.setting(Setting::RetiredSecrets).await?.unwrap_or_default();
    let known = retired::with(&app.secrets, &app.random, &known, previous)?;
    tx.put_setting(Setting::RetiredSecrets, &known, now).await?;
    tx.put_setting(Setting::SecretCheck, &newest, now).await?;
    tx.put_setting(Setting::SecretRotatedAt, &now.to_string(), now).await?;
    tx.record(app.event(EventKind::SecretRotated)).await?;
    tx.commit().await
}
