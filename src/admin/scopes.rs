//! Scopes as administrators see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::oauth::scopes;

use super::page::{Listed, Page};
use super::{AdminError, Expected};

/// A scope.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScopeView {
    /// The scope token
    pub name: String,
    /// What the operator decides
    #[serde(flatten)]
    pub settings: ScopeSettings,
    /// Whether the server itself needs it, so that it cannot be removed
    pub needed: bool,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was defined, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl From<ScopeDefinition> for ScopeView {
    fn from(scope: ScopeDefinition) -> Self {
        Self {
            needed: scopes::is_needed(&scope.name),
            name: scope.name,
            settings: scope.settings,
            version: scope.version,
            created_at: scope.created_at,
            updated_at: scope.updated_at,
        }
    }
}

/// A page of scopes by name. There are few; all are read.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, page: &Page) -> Result<Listed<ScopeView>, AdminError> {
    let [after] = page.after("scopes")?.unwrap_or_default();
    let mut rows = app.store.read().await?.scopes().await?.0;
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    rows.retain(|scope| scope.name.as_str() > after);
    rows.truncate(usize::from(page.rows()));
    Ok(page.of("scopes", rows, |scope| vec![scope.name.clone()], ScopeView::from))
}

/// The scope of this name.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, name: &str) -> Result<ScopeDefinition, AdminError> {
    app.store.read().await?.scope(name).await?.ok_or(AdminError::NotFound)
}

/// Changes a scope; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    name: &str,
    expected: &Expected,
    change: impl FnOnce(ScopeSettings) -> Result<ScopeSettings, AdminError>,
) -> Result<ScopeDefinition, AdminError> {
    let scope = find(app, name).await?;
    let settings = change(scope.settings.clone())?;
    if settings == scope.settings {
        // It is already so: asking twice is asking once.
        return Ok(scope);
    }
    expected.check(scope.version)?;
    Ok(scopes::change(app, scope, settings).await?)
}

/// Removes a scope.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, name: &str, expected: &Expected) -> Result<(), AdminError> {
    let scope = find(app, name).await?;
    expected.check_if_said(scope.version)?;
    Ok(scopes::delete(app, &scope).await?)
}
