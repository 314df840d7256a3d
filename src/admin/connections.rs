//! Connections as administrators see them: what people gave agents at providers. Never a token.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::federation::vault::connections::{self, Removal};
use crate::federation::vault::given::{self, Given};

pub use crate::store::ConnectionsWith;

use super::AdminError;
use super::page::{Listed, Page};

const LIST: &str = "connections";

/// What a person gave an agent at a provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConnectionView {
    /// Its identifier
    pub id: String,
    /// Who gave it
    pub user_id: String,
    /// Their user name; `null` when the account is gone
    pub username: Option<String>,
    /// The agent, by name
    pub workload: String,
    /// What people read of the agent
    pub workload_label: String,
    /// The client that owns the agent; `null` when the agent is gone
    pub client_id: Option<String>,
    /// The client's name; `null` when it is gone
    pub client_name: Option<String>,
    /// The provider, by id
    pub provider: String,
    /// The provider's name; `null` when it is gone
    pub provider_name: Option<String>,
    /// The provider's own name for the account; empty when it has none
    pub account: String,
    /// What the person knows the account by
    pub account_label: String,
    /// What the provider granted, separated by spaces
    pub scope: String,
    /// What the tokens are for, where the agent has said (RFC 8707)
    pub resource: Vec<String>,
    /// Whether the person must be asked again before the agent gets anything
    pub needs_consent: bool,
    /// When the access token that is kept ends, in seconds since 1970; `null` when nobody knows
    pub token_expires_at: Option<Timestamp>,
    /// How often in a row it could not be refreshed
    pub failures: i64,
    /// When it was given first, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last refreshed or given again, in seconds since 1970
    pub updated_at: Timestamp,
}

impl ConnectionView {
    fn new(given: Given, username: Option<String>) -> Self {
        let workload_label = given.agent().to_owned();
        let connection = given.connection;
        Self {
            username,
            workload_label,
            client_id: given.workload.map(|workload| workload.client_id),
            client_name: given.client_name,
            provider_name: given.provider_name,
            id: connection.id,
            user_id: connection.user_id,
            workload: connection.workload,
            provider: connection.provider_id,
            account: connection.account,
            account_label: connection.account_label,
            scope: connection.scope.to_string(),
            resource: connection.resource.clone(),
            needs_consent: connection.needs_consent,
            token_expires_at: connection.token_expires_at,
            failures: connection.failures,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}

/// What became of a connection at its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtProvider {
    /// It is taken back there, too
    Revoked,
    /// The provider did not do it now: it is tried again, for a week at most
    Later,
    /// The provider has no way for that: tokens can live on there
    NotRevoked,
}

/// What taking a connection back came to. It is gone here in any case.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RemovalView {
    /// The connection that was taken back
    pub id: String,
    /// What became of it at its provider
    pub at_provider: AtProvider,
    /// The page at the provider where the person can take it back themselves; `null` when there is none, or no need
    pub account_page: Option<String>,
}

/// A page of connections, the oldest first.
///
/// # Errors
/// When nothing says which, the cursor is from another list or the database fails.
pub async fn list(app: &App, with: ConnectionsWith<'_>, page: &Page) -> Result<Listed<ConnectionView>, AdminError> {
    if with == ConnectionsWith::default() {
        return Err(AdminError::parameter("user", "say whose connections: user, provider or workload"));
    }
    let [after] = page.after(LIST)?.unwrap_or_default();
    let rows = given::page(app, with, after, page.rows()).await?;
    let ids = rows.iter().map(|given| given.connection.user_id.as_str());
    let usernames = app.store.read().await?.usernames(ids).await?;
    Ok(page.of(
        LIST,
        rows,
        |given| vec![given.connection.id.clone()],
        |given| {
            let username = usernames.get(&given.connection.user_id).cloned();
            ConnectionView::new(given, username)
        },
    ))
}

/// How many are read at once.
const AT_ONCE: u16 = 500;

/// Every connection like these, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn every(app: &App, with: ConnectionsWith<'_>) -> Result<Vec<ConnectionView>, Fault> {
    let mut views: Vec<ConnectionView> = Vec::new();
    loop {
        let after = views.last().map_or("", |view| view.id.as_str());
        let rows = given::page(app, with, after, AT_ONCE).await?;
        let is_last = rows.len() < usize::from(AT_ONCE);
        let ids = rows.iter().map(|given| given.connection.user_id.as_str());
        let usernames = app.store.read().await?.usernames(ids).await?;
        views.extend(rows.into_iter().map(|given| {
            let username = usernames.get(&given.connection.user_id).cloned();
            ConnectionView::new(given, username)
        }));
        if is_last {
            return Ok(views);
        }
    }
}

/// The connection of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn show(app: &App, id: &str) -> Result<ConnectionView, AdminError> {
    let given = given::one(app, id).await?.ok_or(AdminError::NotFound)?;
    let user_id = given.connection.user_id.clone();
    let username = app.store.read().await?.usernames([user_id.as_str()]).await?.remove(&user_id);
    Ok(ConnectionView::new(given, username))
}

/// Takes a connection back: here, and at its provider where that can be.
///
/// # Errors
/// See [`AdminError`].
pub async fn remove(app: &App, id: &str) -> Result<RemovalView, AdminError> {
    let connection = app.store.read().await?.connection(id).await?.ok_or(AdminError::NotFound)?;
    let (at_provider, account_page) = match connections::remove(app, &connection).await? {
        Removal::Everywhere => (AtProvider::Revoked, None),
        Removal::Later(page) => (AtProvider::Later, page.map(str::to_owned)),
        Removal::HereOnly(page) => (AtProvider::NotRevoked, page.map(str::to_owned)),
        Removal::Unknown => return Err(AdminError::NotFound),
    };
    Ok(RemovalView {
        id: connection.id,
        at_provider,
        account_page,
    })
}
