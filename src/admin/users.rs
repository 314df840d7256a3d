//! Users as administrators see them.

use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::base::id::id_bytes;
use crate::identity::account;
use crate::model::user::{User, UserSettings, normalize_username};
use crate::store::UsersWith;

use super::page::{Listed, Page};
use super::{AdminError, Expected};

const LIST: &str = "users";

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// `sub`: never reused, never changed
    pub id: String,
    /// What the operator decides
    #[serde(flatten)]
    pub settings: UserSettings,
    /// Whether there is a password to sign in with
    pub has_password: bool,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When the account was made, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            has_password: user.password_hash.is_some(),
            settings: user.settings,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Which users a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// The beginning of the user name or, with an `@` in it, of the e-mail address, too
    pub search: Option<&'a str>,
    /// Whether they are disabled
    pub is_disabled: Option<bool>,
}

/// A page of users by name.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, filter: Filter<'_>, page: &Page) -> Result<Listed<UserView>, AdminError> {
    let [after] = page.after(LIST)?.unwrap_or_default();
    let prefix = filter.search.unwrap_or_default().trim().to_lowercase();
    let with = UsersWith {
        prefix: &prefix,
        is_disabled: filter.is_disabled,
    };
    let mut connection = app.store.read().await?;
    let mut rows = connection.users_by_name(with, after, page.rows()).await?;
    if prefix.contains('@') {
        rows.extend(connection.users_by_email(with, after, page.rows()).await?);
        rows.sort_by(|left, right| left.username.cmp(&right.username));
        rows.dedup_by(|left, right| left.id == right.id);
        rows.truncate(usize::from(page.rows()));
    }
    Ok(page.of(LIST, rows, |user| vec![user.username.clone()], UserView::from))
}

/// The user of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, id: &str) -> Result<User, AdminError> {
    app.store.read().await?.user(id).await?.ok_or(AdminError::NotFound)
}

/// The id of the user of this name; or what was said, when it is an id: the audit log remembers accounts that are
/// gone. `None` when nobody has the name.
///
/// # Errors
/// When the database fails.
pub async fn id_of(app: &App, said: &str) -> Result<Option<String>, Fault> {
    let user = match normalize_username(said) {
        Ok(name) => app.store.read().await?.user_by_name(&name).await?,
        Err(_) => None,
    };
    Ok(match user {
        Some(user) => Some(user.id),
        None => id_bytes(said).map(|_| said.to_owned()),
    })
}

/// Makes an account; without a password nobody can sign in with one.
///
/// # Errors
/// See [`AdminError`].
pub async fn create(app: &App, settings: UserSettings, password: Option<&SecretString>) -> Result<User, AdminError> {
    if let Some(password) = password {
        check_password(password)?;
    }
    Ok(account::create(app, settings, password).await?)
}

/// Changes an account; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    id: &str,
    expected: &Expected,
    change: impl FnOnce(UserSettings) -> Result<UserSettings, AdminError>,
) -> Result<User, AdminError> {
    let user = find(app, id).await?;
    let settings = account::checked(change(user.settings.clone())?)?;
    if settings == user.settings {
        // It is already so: asking twice is asking once.
        return Ok(user);
    }
    expected.check(user.version)?;
    Ok(account::change(app, user, settings).await?)
}

/// Removes an account with its sessions, grants and consents.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, id: &str, expected: &Expected) -> Result<(), AdminError> {
    let user = find(app, id).await?;
    expected.check_if_said(user.version)?;
    Ok(account::delete(app, &user).await?)
}

/// Replaces the password, and ends every session and grant of the account.
///
/// # Errors
/// See [`AdminError`].
pub async fn set_password(app: &App, id: &str, password: &SecretString) -> Result<(), AdminError> {
    check_password(password)?;
    let user = find(app, id).await?;
    Ok(account::set_password(app, &user, password).await?)
}

/// Ends every session and grant of the account.
///
/// # Errors
/// See [`AdminError`].
pub async fn sign_out(app: &App, id: &str) -> Result<(), AdminError> {
    let user = find(app, id).await?;
    Ok(account::sign_out_everywhere(app, &user).await?)
}

fn check_password(password: &SecretString) -> Result<(), AdminError> {
    account::check_password(password).map_err(|problem| AdminError::invalid("password", problem))
}

/// How many users there are.
///
/// # Errors
/// When the database fails.
pub async fn count(app: &App) -> Result<i64, Fault> {
    app.store.read().await?.count_users().await
}
