//! Defining scopes: the rules that every way of defining one shares.

use serde_json::json;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::model::event::EventKind;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::user::is_role;
use crate::protocol::claims::is_server_scope;
use crate::protocol::scope::is_scope_token;
use crate::store::Tx;

/// Why a scope is not defined, changed or removed.
#[derive(Debug)]
pub enum ScopeError {
    /// What was given is wrong
    Invalid(Invalid),
    /// It is defined already
    Taken(String),
    /// Somebody else changed or removed it meanwhile
    Changed,
    /// The server itself needs it
    Needed,
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for ScopeError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for ScopeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken(name) => write!(f, "the scope {name} is defined already"),
            Self::Changed => f.write_str("somebody else changed the scope at the same moment; try again"),
            Self::Needed => f.write_str("the server itself needs this scope"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ScopeError {}

/// Whether the server itself needs a scope, so that it cannot be removed.
#[must_use]
pub fn is_needed(name: &str) -> bool {
    name == "openid" || name == "offline_access" || is_server_scope(name)
}

/// Defines a scope.
///
/// # Errors
/// See [`ScopeError`].
pub async fn define(app: &App, name: &str, settings: ScopeSettings) -> Result<ScopeDefinition, ScopeError> {
    let mut tx = app.store.begin().await?;
    let scope = define_in(app, &mut tx, name, settings).await?;
    tx.commit().await?;
    Ok(scope)
}

/// As [`define`], in a transaction with other changes.
///
/// # Errors
/// See [`ScopeError`].
pub async fn define_in(app: &App, tx: &mut Tx, name: &str, settings: ScopeSettings) -> Result<ScopeDefinition, ScopeError> {
    check_name(name).map_err(ScopeError::Invalid)?;
    check(&settings)?;
    let now = app.now();
    let scope = ScopeDefinition {
        name: name.to_owned(),
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if !tx.insert_scope(&scope).await? {
        return Err(ScopeError::Taken(name.to_owned()));
    }
    tx.record(
        app.event(EventKind::ScopeCreated)
            .target(name)
            .detail("after", json!(scope.settings)),
    )
    .await?;
    Ok(scope)
}

/// Changes a scope, if it is still of the version that `scope` was read with.
///
/// # Errors
/// See [`ScopeError`].
pub async fn change(app: &App, scope: ScopeDefinition, settings: ScopeSettings) -> Result<ScopeDefinition, ScopeError> {
    let mut tx = app.store.begin().await?;
    let changed = change_in(app, &mut tx, scope, settings).await?;
    tx.commit().await?;
    Ok(changed)
}

/// As [`change`], in a transaction with other changes.
///
/// # Errors
/// See [`ScopeError`].
pub async fn change_in(app: &App, tx: &mut Tx, scope: ScopeDefinition, settings: ScopeSettings) -> Result<ScopeDefinition, ScopeError> {
    check(&settings)?;
    if settings == scope.settings {
        return Ok(scope);
    }
    let mut changed = ScopeDefinition {
        settings,
        updated_at: app.now(),
        ..scope.clone()
    };
    if !tx.update_scope(&changed).await? {
        return Err(ScopeError::Changed);
    }
    changed.version += 1;
    tx.record(
        app.event(EventKind::ScopeChanged)
            .target(&scope.name)
            .detail("before", json!(scope.settings))
            .detail("after", json!(changed.settings)),
    )
    .await?;
    Ok(changed)
}

/// Removes a scope, if it is still of this version; no token is issued with it any more.
///
/// # Errors
/// See [`ScopeError`].
pub async fn delete(app: &App, scope: &ScopeDefinition) -> Result<(), ScopeError> {
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, scope).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// See [`ScopeError`].
pub async fn delete_in(app: &App, tx: &mut Tx, scope: &ScopeDefinition) -> Result<(), ScopeError> {
    if is_needed(&scope.name) {
        return Err(ScopeError::Needed);
    }
    if !tx.update_scope(scope).await? || !tx.delete_scope(&scope.name).await? {
        return Err(ScopeError::Changed);
    }
    tx.record(
        app.event(EventKind::ScopeDeleted)
            .target(&scope.name)
            .detail("before", json!(scope.settings)),
    )
    .await?;
    Ok(())
}

/// Whether a text can be the name of a scope.
///
/// # Errors
/// When it has characters that make trouble, or too many.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    if is_scope_token(name) && name != "." && name != ".." {
        return Ok(());
    }
    let message = "a scope has 1 to 128 printable characters, without spaces, \" and \\";
    Err(Invalid::new("name", message))
}

/// Everything that is wrong with settings.
#[must_use]
pub fn problems(settings: &ScopeSettings) -> Vec<Invalid> {
    let is_name = |name: &String| (1..=128).contains(&name.chars().count()) && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    let mut problems = Vec::new();
    let mut check = |is_fine: bool, field, message: &str| {
        if !is_fine {
            problems.push(Invalid::new(field, message));
        }
    };
    check(
        settings.description.chars().count() <= 500 && !settings.description.chars().any(char::is_control),
        "description",
        "a description has at most 500 characters in one line",
    );
    check(
        settings.claims.len() <= 100 && settings.claims.iter().all(is_name),
        "claims",
        "a scope releases at most 100 claims, and a name has no spaces",
    );
    check(
        settings.roles.len() <= 50 && settings.roles.iter().all(|role| is_role(role)),
        "roles",
        "a scope names at most 50 roles, and a role has 1 to 64 characters without spaces",
    );
    problems
}

fn check(settings: &ScopeSettings) -> Result<(), ScopeError> {
    match problems(settings).into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(ScopeError::Invalid(problem)),
    }
}
