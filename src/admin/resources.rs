//! Protected resources as administrators see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::model::resource::{Resource, ResourceSettings};
use crate::oauth::metadata;
use crate::oauth::resources;

use super::page::{Listed, Page};
use super::{AdminError, Expected};

/// A protected resource.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceView {
    /// Its identifier: what clients send as `resource`, and what stands in `aud`
    pub identifier: String,
    /// What the operator decides
    #[serde(flatten)]
    pub settings: ResourceSettings,
    /// Where this server serves the resource's metadata (RFC 9728) for it to pass on
    pub metadata_url: String,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was registered, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl ResourceView {
    /// What is shown.
    #[must_use]
    pub fn new(app: &App, resource: Resource) -> Self {
        Self {
            metadata_url: metadata::protected_resource_url(app, &resource.identifier),
            identifier: resource.identifier,
            settings: resource.settings,
            version: resource.version,
            created_at: resource.created_at,
            updated_at: resource.updated_at,
        }
    }
}

/// A page of resources by identifier. There are few; all are read.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, page: &Page) -> Result<Listed<ResourceView>, AdminError> {
    let [after] = page.after("resources")?.unwrap_or_default();
    let mut rows = app.store.read().await?.resources().await?.0;
    rows.sort_by(|left, right| left.identifier.cmp(&right.identifier));
    rows.retain(|resource| resource.identifier.as_str() > after);
    rows.truncate(usize::from(page.rows()));
    Ok(page.of(
        "resources",
        rows,
        |resource| vec![resource.identifier.clone()],
        |resource| ResourceView::new(app, resource),
    ))
}

/// The resource of this identifier, written as it is registered.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, identifier: &str) -> Result<Resource, AdminError> {
    let resources = app.store.read().await?.resources().await?;
    let is_it = |resource: &Resource| resource.identifier == identifier;
    resources.0.into_iter().find(is_it).ok_or(AdminError::NotFound)
}

/// Changes a resource; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    identifier: &str,
    expected: &Expected,
    change: impl FnOnce(ResourceSettings) -> Result<ResourceSettings, AdminError>,
) -> Result<Resource, AdminError> {
    let resource = find(app, identifier).await?;
    let settings = change(resource.settings.clone())?;
    if settings == resource.settings {
        // It is already so: asking twice is asking once.
        return Ok(resource);
    }
    expected.check(resource.version)?;
    Ok(resources::change(app, resource, settings).await?)
}

/// Removes a resource.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, identifier: &str, expected: &Expected) -> Result<(), AdminError> {
    let resource = find(app, identifier).await?;
    expected.check_if_said(resource.version)?;
    Ok(resources::delete(app, &resource).await?)
}
