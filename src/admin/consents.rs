//! Consents as administrators see them: what people have allowed clients, remembered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::oauth::applications;

use super::AdminError;
use super::page::{Listed, Page};

const LIST: &str = "consents";

/// A consent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConsentView {
    /// Who allowed it
    pub user_id: String,
    /// Their user name; `null` when the account is gone
    pub username: Option<String>,
    /// Whom
    pub client_id: String,
    /// The client's name; `null` when it is gone
    pub client_name: Option<String>,
    /// What was allowed so far, separated by spaces
    pub scope: String,
    /// Single claims that were allowed so far
    pub claims: Vec<String>,
    /// When it was first given, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last widened, in seconds since 1970
    pub updated_at: Timestamp,
}

/// Which consents a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Of this user
    pub user_id: Option<&'a str>,
    /// To this client
    pub client_id: Option<&'a str>,
}

/// A page of consents by user and client.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, filter: Filter<'_>, page: &Page) -> Result<Listed<ConsentView>, AdminError> {
    let after: [&str; 2] = page.after(LIST)?.unwrap_or_default();
    let (user, client) = (after[0], after[1]);
    let mut connection = app.store.read().await?;
    let rows = match (filter.user_id, filter.client_id) {
        (None, None) => connection.consents_after((user, client), page.rows()).await?,
        (Some(user_id), None) => connection.consents_of_user(user_id, client, page.rows()).await?,
        (None, Some(client_id)) => connection.consents_to_client(client_id, user, page.rows()).await?,
        (Some(user_id), Some(client_id)) => {
            let only = connection.consent(user_id, client_id).await?;
            only.into_iter()
                .filter(|only| (only.user_id.as_str(), only.client_id.as_str()) > (user, client))
                .collect()
        }
    };
    let usernames = connection.usernames(rows.iter().map(|consent| consent.user_id.as_str())).await?;
    let client_names = connection
        .client_names(rows.iter().map(|consent| consent.client_id.as_str()))
        .await?;
    Ok(page.of(
        LIST,
        rows,
        |consent| vec![consent.user_id.clone(), consent.client_id.clone()],
        |consent| ConsentView {
            username: usernames.get(&consent.user_id).cloned(),
            client_name: client_names.get(&consent.client_id).cloned(),
            user_id: consent.user_id,
            client_id: consent.client_id,
            scope: consent.scope.to_string(),
            claims: consent.claims,
            created_at: consent.created_at,
            updated_at: consent.updated_at,
        },
    ))
}

/// Forgets a consent and revokes every grant that rests on it; the person is asked again.
///
/// # Errors
/// See [`AdminError`].
pub async fn withdraw(app: &App, user_id: &str, client_id: &str) -> Result<(), AdminError> {
    // Grants without a consent are revoked as grants.
    if app.store.read().await?.consent(user_id, client_id).await?.is_none() {
        return Err(AdminError::NotFound);
    }
    let withdrawn = applications::withdraw(app, user_id, client_id).await?;
    if withdrawn.is_consent { Ok(()) } else { Err(AdminError::NotFound) }
}
