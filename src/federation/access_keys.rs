//! Access keys: an operator issues them to a client, and its programs sign requests with them.
//!
//! The secret of one is shown once and kept sealed: whoever verifies a signature needs it. A key is worth nothing while it or
//! its client is disabled, or the client may not use the vault; and it goes with its client.

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::identity::limit;
use crate::model::access_key::{AccessKey, SECRET_PREFIX, id_of};
use crate::model::client::Client;
use crate::model::event::{Actor, Event, EventKind};
use crate::protocol::claims::VAULT;
use crate::protocol::sigv4::{Problem, Received, Signature};

/// An access key to make.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    /// The client that it belongs to
    pub client_id: String,
    /// What it is for
    pub name: String,
    /// Whether it may add and change agents of its client, and providers
    pub may_administer: bool,
}

/// What can be changed about an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeySettings {
    /// What it is for
    pub name: String,
    /// It is worth nothing while this is set
    pub is_disabled: bool,
}

/// Why an access key is not made, changed or removed.
#[derive(Debug)]
pub enum AccessKeyError {
    /// What was given is wrong
    Invalid(Invalid),
    /// Somebody else changed or removed it meanwhile
    Changed,
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for AccessKeyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for AccessKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Changed => f.write_str("somebody else changed the access key at the same moment; try again"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for AccessKeyError {}

/// Makes an access key. Its secret is shown now and never again.
///
/// # Errors
/// See [`AccessKeyError`].
pub async fn issue(app: &App, new: NewAccessKey) -> Result<(AccessKey, SecretString), AccessKeyError> {
    let name = checked_name(&new.name)?;
    let id = id_of(app.random.bytes());
    let secret = SecretString::from(format!("{SECRET_PREFIX}{}", app.random.secret()));
    let now = app.now();
    let key = AccessKey {
        sealed_secret: app
            .secrets
            .access_key
            .seal(&app.random, &context(&id, &new.client_id), secret.expose_secret().as_bytes())?,
        id,
        client_id: new.client_id,
        name,
        may_administer: new.may_administer,
        is_disabled: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.store.begin().await?;
    let client = tx.client(&key.client_id).await?;
    let invalid = |message| AccessKeyError::Invalid(Invalid::new("client_id", message));
    let client = client.ok_or_else(|| invalid(format!("there is no client {}: register it first", key.client_id)))?;
    if let Some(lacks) = client.lacks_for_vault() {
        return Err(invalid(format!(
            "the client {} lacks {lacks}: one with keys has a secret, the grant client_credentials and the scope {VAULT}",
            key.client_id
        )));
    }
    if !tx.hold_client(&client.id).await? || !tx.insert_access_key(&key).await? {
        return Err(AccessKeyError::Changed);
    }
    tx.record(about(app, EventKind::AccessKeyCreated, &key).detail("may_administer", key.may_administer))
        .await?;
    tx.commit().await?;
    Ok((key, secret))
}

/// Changes an access key, if it is still of the version that `key` was read with.
///
/// # Errors
/// See [`AccessKeyError`].
pub async fn change(app: &App, key: AccessKey, settings: AccessKeySettings) -> Result<AccessKey, AccessKeyError> {
    let name = checked_name(&settings.name)?;
    if name == key.name && settings.is_disabled == key.is_disabled {
        return Ok(key);
    }
    let mut changed = AccessKey {
        name,
        is_disabled: settings.is_disabled,
        updated_at: app.now(),
        ..key
    };
    let mut tx = app.store.begin().await?;
    if !tx.update_access_key(&changed).await? {
        return Err(AccessKeyError::Changed);
    }
    changed.version += 1;
    tx.record(about(app, EventKind::AccessKeyChanged, &changed).detail("disabled", changed.is_disabled))
        .await?;
    tx.commit().await?;
    Ok(changed)
}

/// Removes an access key, if it is still of this version.
///
/// # Errors
/// See [`AccessKeyError`].
pub async fn delete(app: &App, key: &AccessKey) -> Result<(), AccessKeyError> {
    let mut tx = app.store.begin().await?;
    if !tx.delete_access_key(key).await? {
        return Err(AccessKeyError::Changed);
    }
    tx.record(about(app, EventKind::AccessKeyDeleted, key)).await?;
    tx.commit().await?;
    Ok(())
}

fn about(app: &App, kind: EventKind, key: &AccessKey) -> Event {
    let event = app.event(kind).client(&key.client_id).target(&key.id);
    event.detail("name", key.name.as_str())
}

fn checked_name(name: &str) -> Result<String, AccessKeyError> {
    let name = name.trim();
    if (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(AccessKeyError::Invalid(Invalid::new("name", "a name has 1 to 200 characters")))
}

/// What a secret is sealed for: another row of the table opens nothing.
#[must_use]
pub fn context(id: &str, client_id: &str) -> Vec<u8> {
    format!("access key {id} of {client_id}").into_bytes()
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The client that the key belongs to
    pub client: Client,
    /// The key
    pub key: AccessKey,
}

/// Why a request is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// Its signature is missing or cannot count
    Problem(Problem),
    /// There is no such access key
    Unknown,
    /// It was not signed with the secret of that key
    Wrong,
    /// The key is worth nothing now; why
    Dead(&'static str),
    /// Requests are signed with it too often; there is an answer again after so many seconds
    TooMany(Seconds),
}

/// Finds out who signed a request for `service`. It must have been signed as one for one of `hosts`.
///
/// # Errors
/// When the database fails.
pub async fn verify(app: &App, request: &Received<'_>, service: &str, hosts: &[String]) -> Result<Result<Signer, Unproved>, Fault> {
    let signature = match Signature::read(request, service, app.now()) {
        Ok(signature) => signature,
        Err(problem) => return Ok(Err(Unproved::Problem(problem))),
    };
    if let Err(exceeded) = limit::may_fail(app, &signature.access_key) {
        return Ok(Err(Unproved::TooMany(exceeded.retry_after)));
    }
    let mut connection = app.store.read().await?;
    let Some(key) = connection.access_key(&signature.access_key).await? else {
        limit::failed(app, &signature.access_key);
        return Ok(Err(Unproved::Unknown));
    };
    let client = connection.client(&key.client_id).await?;
    drop(connection);
    let opened = app.secrets.access_key.open(&context(&key.id, &key.client_id), &key.sealed_secret);
    let secret = opened.and_then(|bytes| String::from_utf8(bytes).ok()).map(SecretString::from);
    let secret = secret.ok_or_else(|| Fault::internal("the secret of an access key does not open"))?;
    if !hosts.iter().any(|host| signature.is_by(request, host, secret.expose_secret())) {
        limit::failed(app, &key.id);
        note_refused(app, &key, "signature").await?;
        return Ok(Err(Unproved::Wrong));
    }
    if key.is_disabled {
        note_refused(app, &key, "disabled").await?;
        return Ok(Err(Unproved::Dead("the access key is disabled")));
    }
    match client.filter(|client| !client.is_disabled && client.may_have_access_keys()) {
        Some(client) => Ok(match limit::by_client(app, &client) {
            Ok(()) => Ok(Signer { client, key }),
            Err(exceeded) => Err(Unproved::TooMany(exceeded.retry_after)),
        }),
        None => {
            note_refused(app, &key, "client").await?;
            Ok(Err(Unproved::Dead(
                "the client of the access key is disabled, or may not use the vault",
            )))
        }
    }
}

async fn note_refused(app: &App, key: &AccessKey, reason: &str) -> Result<(), Fault> {
    let event = about(app, EventKind::AccessKeyRefused, key).by(Actor::Anonymous).refused();
    audit::record_seldom(app, event.detail("reason", reason)).await
}
