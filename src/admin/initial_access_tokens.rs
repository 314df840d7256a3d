//! Initial access tokens as administrators see them: leave for programs to register clients (RFC 7591 §1.2).

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::model::initial_access_token::InitialAccessToken;
use crate::oauth::initial_access_tokens;

use super::AdminError;
use super::page::{BEFORE_ALL, Listed, Page};

const LIST: &str = "initial-access-tokens";

/// An initial access token, without the token itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its identifier, which is in the audit log, too
    pub id: String,
    /// What it is for
    pub name: String,
    /// How many clients may still be registered with it; `null`: as many as one likes
    pub uses_left: Option<i64>,
    /// From when it is worth nothing, in seconds since 1970
    pub expires_at: Timestamp,
    /// When it was made, in seconds since 1970
    pub created_at: Timestamp,
}

impl From<InitialAccessToken> for TokenView {
    fn from(token: InitialAccessToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            uses_left: token.uses_left,
            expires_at: token.expires_at,
            created_at: token.created_at,
        }
    }
}

/// A page of the tokens that have not expired, the newest first.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, page: &Page) -> Result<Listed<TokenView>, AdminError> {
    let [before] = page.after(LIST)?.unwrap_or([BEFORE_ALL]);
    let rows = app
        .store
        .read()
        .await?
        .initial_access_tokens(before, app.now(), page.rows())
        .await?;
    Ok(page.of(LIST, rows, |token| vec![token.id.clone()], TokenView::from))
}

/// The token of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn show(app: &App, id: &str) -> Result<TokenView, AdminError> {
    let found = app.store.read().await?.initial_access_token(id).await?;
    found.map(TokenView::from).ok_or(AdminError::NotFound)
}

/// Removes a token. Clients that were registered with it stay.
///
/// # Errors
/// When there is none or the database fails.
pub async fn delete(app: &App, id: &str) -> Result<(), AdminError> {
    if initial_access_tokens::delete(app, id).await? {
        Ok(())
    } else {
        Err(AdminError::NotFound)
    }
}
