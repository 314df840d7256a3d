//! Grants as administrators see them: what people granted clients, and which tokens live under it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::event::EventKind;
use crate::model::grant::{Grant, GrantState};
use crate::store::Connection;

pub use crate::store::GrantsWith;

use super::AdminError;
use super::page::{BEFORE_ALL, Listed, Page, cursor};

const LIST: &str = "grants";
/// A grant. Neither the code nor a token can be made of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GrantView {
    /// Its identifier
    pub id: String,
    /// Who granted it
    pub user_id: String,
    /// Their user name; `null` when the account is gone
    pub username: Option<String>,
    /// To which client
    pub client_id: String,
    /// The client's name; `null` when it is gone
    pub client_name: Option<String>,
    /// In which session
    pub session_id: String,
    /// What was granted, separated by spaces
    pub scope: String,
    /// The resources that its tokens are for, by identifier; empty: this server itself
    pub resource: Vec<String>,
    /// Where it is in its life
    pub state: GrantState,
    /// When it was granted, in seconds since 1970
    pub created_at: Timestamp,
    /// When the person proved who they are, in seconds since 1970
    pub auth_time: Timestamp,
    /// When tokens were last issued under it, in seconds since 1970; `null` when none were
    pub last_used_at: Option<Timestamp>,
    /// When nothing under it is alive any more, unless it is used before, in seconds since 1970
    pub expires_at: Timestamp,
    /// When somebody ended it, in seconds since 1970
    pub revoked_at: Option<Timestamp>,
    /// Whether signing out ends it
    pub ends_with_session: bool,
}

/// What grants refer to by id.
struct Names {
    users: BTreeMap<String, String>,
    clients: BTreeMap<String, String>,
}

impl Names {
    async fn of(connection: &mut Connection, grants: &[Grant]) -> Result<Self, Fault> {
        Ok(Self {
            users: connection.usernames(grants.iter().map(|grant| grant.user_id.as_str())).await?,
            clients: connection.client_names(grants.iter().map(|grant| grant.client_id.as_str())).await?,
        })
    }

    fn view(&self, grant: Grant, now: Timestamp) -> GrantView {
        GrantView {
            state: grant.state(now),
            username: self.users.get(&grant.user_id).cloned(),
            client_name: self.clients.get(&grant.client_id).cloned(),
            last_used_at: grant.code_consumed_at.map(|_| grant.rotated_at),
            id: grant.id,
            user_id: grant.user_id,
            client_id: grant.client_id,
            session_id: grant.session_id,
            scope: grant.scope.to_string(),
            resource: grant.resource,
            created_at: grant.created_at,
            auth_time: grant.auth_time,
            expires_at: grant.expires_at,
            revoked_at: grant.revoked_at,
            ends_with_session: grant.ends_with_session,
        }
    }
}

/// A page of grants, the newest first. Where few of many rows are what is looked for it may hold fewer than were
/// asked for, or none, and go on all the same.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, with: GrantsWith<'_>, page: &Page) -> Result<Listed<GrantView>, AdminError> {
    let now = app.now();
    let [before] = page.after(LIST)?.unwrap_or([BEFORE_ALL]);
    let mut connection = app.store.read().await?;
    let nearby = connection.grants_nearby(with, before, now, page.rows()).await?;
    let names = Names::of(&mut connection, &nearby.grants).await?;
    let listed = page.of(LIST, nearby.grants, |grant| vec![grant.id.clone()], |grant| names.view(grant, now));
    Ok(listed.or_from(nearby.reached.map(|id| cursor(LIST, vec![id]))))
}

/// The grant of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn show(app: &App, id: &str) -> Result<GrantView, AdminError> {
    let mut connection = app.store.read().await?;
    let grant = connection.grant(id).await?.ok_or(AdminError::NotFound)?;
    let names = Names::of(&mut connection, std::slice::from_ref(&grant)).await?;
    Ok(names.view(grant, app.now()))
}

/// Ends a grant and every token under it. Doing so twice is fine.
///
/// # Errors
/// See [`AdminError`].
pub async fn revoke(app: &App, id: &str) -> Result<GrantView, AdminError> {
    let mut tx = app.store.begin().await?;
    let grant = tx.grant(id).await?.ok_or(AdminError::NotFound)?;
    if tx.revoke_grant(id, app.now()).await? {
        tx.record(
            app.event(EventKind::GrantRevoked)
                .subject(&grant.user_id)
                .client(&grant.client_id)
                .target(id)
                .detail("scope", grant.scope.to_string()),
        )
        .await?;
    }
    tx.commit().await?;
    show(app, id).await
}
