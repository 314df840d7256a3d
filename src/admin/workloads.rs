//! Workloads as administrators see them: the agents of clients.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::federation::workloads;
use crate::model::workload::{Workload, WorkloadSettings};

use super::page::{Listed, Page};
use super::{AdminError, Expected};

const LIST: &str = "workloads";

/// An agent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkloadView {
    /// Its name
    pub name: String,
    /// The client that owns it
    pub client_id: String,
    /// What is decided
    #[serde(flatten)]
    pub settings: WorkloadSettings,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was added, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl From<Workload> for WorkloadView {
    fn from(workload: Workload) -> Self {
        Self {
            name: workload.name,
            client_id: workload.client_id,
            settings: workload.settings,
            version: workload.version,
            created_at: workload.created_at,
            updated_at: workload.updated_at,
        }
    }
}

/// A page of workloads by name; with `client_id`, only those of that client.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, client_id: Option<&str>, page: &Page) -> Result<Listed<WorkloadView>, AdminError> {
    let [after] = page.after(LIST)?.unwrap_or_default();
    let rows = app.store.read().await?.workloads(client_id, after, page.rows()).await?;
    Ok(page.of(LIST, rows, |workload| vec![workload.name.clone()], WorkloadView::from))
}

/// The workload of this name.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, name: &str) -> Result<Workload, AdminError> {
    let found = app.store.read().await?.workload(name).await?;
    found.ok_or(AdminError::NotFound)
}

/// How many connections a workload has.
///
/// # Errors
/// When the database fails.
pub async fn count_connections_of(app: &App, name: &str) -> Result<i64, Fault> {
    app.store.read().await?.count_connections_of(name).await
}

/// What the client of a workload lacks to have any; `None` when it lacks nothing.
///
/// # Errors
/// When the database fails.
pub async fn lacks_of_owner(app: &App, workload: &Workload) -> Result<Option<String>, Fault> {
    let client = app.store.read().await?.client(&workload.client_id).await?;
    Ok(client.and_then(|client| client.lacks_for_vault()))
}

/// Changes a workload; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    name: &str,
    expected: &Expected,
    change: impl FnOnce(WorkloadSettings) -> Result<WorkloadSettings, AdminError>,
) -> Result<Workload, AdminError> {
    let workload = find(app, name).await?;
    let settings = change(workload.settings.clone())?;
    if settings == workload.settings {
        // It is already so: asking twice is asking once.
        return Ok(workload);
    }
    expected.check(workload.version)?;
    Ok(workloads::change(app, workload, settings).await?)
}

/// Removes a workload with its connections.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, name: &str, expected: &Expected) -> Result<(), AdminError> {
    let workload = find(app, name).await?;
    expected.check_if_said(workload.version)?;
    Ok(workloads::delete(app, &workload).await?)
}
