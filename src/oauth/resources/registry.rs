//! Registering protected resources: the rules that every way of registering one shares.

use serde_json::json;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::config::registry::MAX_TOKEN_LIFETIME;
use crate::model::event::EventKind;
use crate::model::resource::{Resource, ResourceSettings};
use crate::oauth::clients::is_deceptive;
use crate::oauth::resources::is_of_the_server;
use crate::protocol::resource::{is_same, validate};
use crate::store::Tx;

/// Why a resource is not registered, changed or removed.
#[derive(Debug)]
pub enum ResourceError {
    /// What was given is wrong
    Invalid(Invalid),
    /// It is registered already, perhaps spelt in another way
    Taken(String),
    /// Somebody else changed or removed it meanwhile
    Changed,
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for ResourceError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for ResourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken(identifier) => write!(f, "the resource {identifier} is registered already"),
            Self::Changed => f.write_str("somebody else changed the resource at the same moment; try again"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ResourceError {}

/// Registers a protected resource.
///
/// # Errors
/// See [`ResourceError`].
pub async fn register(app: &App, identifier: &str, settings: ResourceSettings) -> Result<Resource, ResourceError> {
    let mut tx = app.store.begin().await?;
    let resource = register_in(app, &mut tx, identifier, settings).await?;
    tx.commit().await?;
    Ok(resource)
}

/// As [`register`], in a transaction with other changes.
///
/// # Errors
/// See [`ResourceError`].
pub async fn register_in(app: &App, tx: &mut Tx, identifier: &str, settings: ResourceSettings) -> Result<Resource, ResourceError> {
    check_identifier(app, identifier).map_err(ResourceError::Invalid)?;
    let settings = checked(settings)?;
    if let Some(there) = tx.resources().await?.find(identifier) {
        return Err(ResourceError::Taken(there.identifier.clone()));
    }
    let now = app.now();
    let resource = Resource {
        identifier: identifier.to_owned(),
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if !tx.insert_resource(&resource).await? {
        return Err(ResourceError::Taken(identifier.to_owned()));
    }
    let event = app.event(EventKind::ResourceCreated).target(identifier);
    tx.record(event.detail("after", json!(resource.settings))).await?;
    Ok(resource)
}

/// Changes a protected resource, if it is still of the version that `resource` was read with.
///
/// # Errors
/// See [`ResourceError`].
pub async fn change(app: &App, resource: Resource, settings: ResourceSettings) -> Result<Resource, ResourceError> {
    let mut tx = app.store.begin().await?;
    let changed = change_in(app, &mut tx, resource, settings).await?;
    tx.commit().await?;
    Ok(changed)
}

/// As [`change`], in a transaction with other changes.
///
/// # Errors
/// See [`ResourceError`].
pub async fn change_in(app: &App, tx: &mut Tx, resource: Resource, settings: ResourceSettings) -> Result<Resource, ResourceError> {
    let settings = checked(settings)?;
    if settings == resource.settings {
        return Ok(resource);
    }
    let mut changed = Resource {
        settings,
        updated_at: app.now(),
        ..resource.clone()
    };
    if !tx.update_resource(&changed).await? {
        return Err(ResourceError::Changed);
    }
    changed.version += 1;
    tx.record(
        app.event(EventKind::ResourceChanged)
            .target(&resource.identifier)
            .detail("before", json!(resource.settings))
            .detail("after", json!(changed.settings)),
    )
    .await?;
    Ok(changed)
}

/// Removes a protected resource, if it is still of this version; no token is issued for it any more.
///
/// # Errors
/// See [`ResourceError`].
pub async fn delete(app: &App, resource: &Resource) -> Result<(), ResourceError> {
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, resource).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// See [`ResourceError`].
pub async fn delete_in(app: &App, tx: &mut Tx, resource: &Resource) -> Result<(), ResourceError> {
    if !tx.update_resource(resource).await? || !tx.delete_resource(&resource.identifier).await? {
        return Err(ResourceError::Changed);
    }
    let event = app.event(EventKind::ResourceDeleted).target(&resource.identifier);
    tx.record(event.detail("before", json!(resource.settings))).await?;
    Ok(())
}

/// Whether a text can be the identifier of a resource of this server.
///
/// # Errors
/// When it cannot, or means the server itself.
pub fn check_identifier(app: &App, identifier: &str) -> Result<(), Invalid> {
    validate(identifier).map_err(|problem| Invalid::new("identifier", problem))?;
    if is_same(identifier, app.issuer.as_str()) {
        return Err(Invalid::new(
            "identifier",
            "this is the server itself, which is a resource in any case",
        ));
    }
    Ok(())
}

fn checked(settings: ResourceSettings) -> Result<ResourceSettings, ResourceError> {
    let settings = ResourceSettings {
        name: settings.name.trim().to_owned(),
        ..settings
    };
    match problems(&settings).into_iter().next() {
        None => Ok(settings),
        Some(problem) => Err(ResourceError::Invalid(problem)),
    }
}

/// Everything that is wrong with settings.
#[must_use]
pub fn problems(settings: &ResourceSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let mut check = |is_fine: bool, field, message: &str| {
        if !is_fine {
            problems.push(Invalid::new(field, message));
        }
    };
    let name = settings.name.trim();
    check(
        (1..=200).contains(&name.chars().count()) && !name.chars().any(is_deceptive),
        "resource_name",
        "a name has 1 to 200 characters, and none that is invisible or turns the direction of writing",
    );
    check(
        !settings
            .scope
            .iter()
            .any(|token| token == "offline_access" || is_of_the_server(token)),
        "scope",
        "openid, offline_access and the scopes of the administration belong to the server itself",
    );
    check(
        settings
            .access_token_lifetime
            .is_none_or(|seconds| (10..=MAX_TOKEN_LIFETIME).contains(&seconds)),
        "access_token_lifetime",
        "access tokens live 10 to 86400 seconds",
    );
    let clients = settings.clients.as_deref().unwrap_or_default();
    check(
        clients.len() <= 1000 && clients.iter().all(|id| (1..=255).contains(&id.len())),
        "allowed_clients",
        "at most 1000 clients, by client_id",
    );
    problems
}
