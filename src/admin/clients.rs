//! Clients as administrators see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::client::{Client, ClientKind, ClientOrigin, ClientSettings};
use crate::oauth::clients;

use super::page::{self, Listed, Page};
use super::{AdminError, Expected};

/// A client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClientView {
    /// Its identifier
    pub client_id: String,
    /// Who made it known
    pub origin: ClientOrigin,
    /// What kind of application it looks like
    pub kind: ClientKind,
    /// What the operator decides
    #[serde(flatten)]
    pub settings: ClientSettings,
    /// Until when the secret before the current one goes on working, in seconds since 1970; `null` when there is none
    pub previous_secret_expires_at: Option<Timestamp>,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was registered, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl ClientView {
    /// What is shown at `now`.
    #[must_use]
    pub fn new(client: Client, now: Timestamp) -> Self {
        Self {
            origin: client.origin,
            kind: client.kind(),
            client_id: client.id,
            previous_secret_expires_at: client.previous_secret_expires_at.filter(|expires_at| now < *expires_at),
            settings: client.settings,
            version: client.version,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// A page of clients; `search` is a part of a name or id. By name or, where only those of one origin are asked
/// for, the newest first.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, search: Option<&str>, origin: Option<ClientOrigin>, page: &Page) -> Result<Listed<ClientView>, AdminError> {
    let search = page::search(search)?;
    if let Some(origin) = origin {
        return list_of_origin(app, search, origin, page).await;
    }
    let [name, id] = page.after("clients")?.unwrap_or_default();
    let rows = app.store.read().await?.clients_by_name(search, (name, id), page.rows()).await?;
    let now = app.now();
    Ok(page.of(
        "clients",
        rows,
        |client| vec![client.name.to_lowercase(), client.id.clone()],
        |client| ClientView::new(client, now),
    ))
}

async fn list_of_origin(app: &App, search: &str, origin: ClientOrigin, page: &Page) -> Result<Listed<ClientView>, AdminError> {
    let name = format!("clients of {}", origin.as_str());
    let after: Option<[&str; 2]> = page.after(&name)?;
    let after = after.map(|[created_at, id]| (created_at.parse().unwrap_or_default(), id));
    let rows = app
        .store
        .read()
        .await?
        .clients_of_origin(origin, search, after, page.rows())
        .await?;
    let now = app.now();
    Ok(page.of(
        &name,
        rows,
        |client| vec![client.created_at.to_string(), client.id.clone()],
        |client| ClientView::new(client, now),
    ))
}

/// The origin of that name.
///
/// # Errors
/// When there is none.
pub fn origin(name: Option<&str>) -> Result<Option<ClientOrigin>, AdminError> {
    let Some(name) = name else { return Ok(None) };
    let known = ClientOrigin::parse(name).map(Some);
    known.ok_or_else(|| AdminError::parameter("origin", "origin is operator, registration or document"))
}

/// The client of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, id: &str) -> Result<Client, AdminError> {
    app.store.read().await?.client(id).await?.ok_or(AdminError::NotFound)
}

/// Changes a client; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    id: &str,
    expected: &Expected,
    change: impl FnOnce(ClientSettings) -> Result<ClientSettings, AdminError>,
) -> Result<Client, AdminError> {
    let client = find(app, id).await?;
    let settings = clients::checked(change(client.settings.clone())?)?;
    if settings == client.settings {
        // It is already so: asking twice is asking once.
        return Ok(client);
    }
    expected.check(client.version)?;
    Ok(clients::change(app, client, settings).await?)
}

/// Removes a client.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, id: &str, expected: &Expected) -> Result<(), AdminError> {
    let client = find(app, id).await?;
    expected.check_if_said(client.version)?;
    Ok(clients::delete(app, &client).await?)
}

/// How many clients there are.
///
/// # Errors
/// When the database fails.
pub async fn count(app: &App) -> Result<i64, Fault> {
    app.store.read().await?.count_clients().await
}
