//! Access keys as administrators see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::federation::access_keys::{self, AccessKeySettings};
use crate::model::access_key::AccessKey;

use super::page::{Listed, Page};
use super::{AdminError, Expected};

const LIST: &str = "access-keys";

/// An access key, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccessKeyView {
    /// Its id, as requests name it
    pub id: String,
    /// The client that it belongs to
    pub client_id: String,
    /// What it is for
    pub name: String,
    /// Whether it may add and change workloads of its client, and providers
    pub may_administer: bool,
    /// It is worth nothing while this is set
    pub disabled: bool,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was made, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl From<AccessKey> for AccessKeyView {
    fn from(key: AccessKey) -> Self {
        Self {
            id: key.id,
            client_id: key.client_id,
            name: key.name,
            may_administer: key.may_administer,
            disabled: key.is_disabled,
            version: key.version,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

/// What can be changed about an access key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyPatch {
    /// What it is for
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// It is worth nothing while this is set
    pub disabled: bool,
}

/// A page of access keys by id; with `client_id`, only those of that client.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, client_id: Option<&str>, page: &Page) -> Result<Listed<AccessKeyView>, AdminError> {
    let [after] = page.after(LIST)?.unwrap_or_default();
    let rows = app.store.read().await?.access_keys(client_id, after, page.rows()).await?;
    Ok(page.of(LIST, rows, |key| vec![key.id.clone()], AccessKeyView::from))
}

/// The access key of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, id: &str) -> Result<AccessKey, AdminError> {
    let found = app.store.read().await?.access_key(id).await?;
    found.ok_or(AdminError::NotFound)
}

/// Changes an access key; `change` makes what is to be of what is.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    id: &str,
    expected: &Expected,
    change: impl FnOnce(AccessKeyPatch) -> Result<AccessKeyPatch, AdminError>,
) -> Result<AccessKey, AdminError> {
    let key = find(app, id).await?;
    let wanted = change(AccessKeyPatch {
        name: key.name.clone(),
        disabled: key.is_disabled,
    })?;
    if wanted.name == key.name && wanted.disabled == key.is_disabled {
        // It is already so: asking twice is asking once.
        return Ok(key);
    }
    expected.check(key.version)?;
    let settings = AccessKeySettings {
        name: wanted.name,
        is_disabled: wanted.disabled,
    };
    Ok(access_keys::change(app, key, settings).await?)
}

/// Removes an access key.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, id: &str, expected: &Expected) -> Result<(), AdminError> {
    let key = find(app, id).await?;
    expected.check_if_said(key.version)?;
    Ok(access_keys::delete(app, &key).await?)
}
