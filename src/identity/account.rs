//! Making accounts and setting passwords.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::invalid::Invalid;
use crate::keys::passwords::MAX_PASSWORD;
use crate::model::event::EventKind;
use crate::model::user::{User, UserSettings, normalize_email, normalize_username};
use crate::protocol::claims::{PROFILE_CLAIMS, RESERVED_CLAIMS};

/// The fewest characters of a password that a person chooses.
pub const MIN_PASSWORD: usize = 8;

/// Why an account is not made or changed.
#[derive(Debug)]
pub enum AccountError {
    /// What was given is wrong
    Invalid(Invalid),
    /// The name or the address belongs to somebody; which field that is
    Taken(&'static str),
    /// Somebody else changed or deleted the account meanwhile
    Changed,
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for AccountError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for AccountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken("email") => f.write_str("the e-mail address belongs to another account"),
            Self::Taken(_) => f.write_str("the user name belongs to another account"),
            Self::Changed => f.write_str("somebody else changed the account at the same moment; try again"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {}

/// Checks what a person or operator chose as a password.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_password(password: &SecretString) -> Result<(), String> {
    let text = password.expose_secret();
    if text.chars().count() < MIN_PASSWORD {
        return Err(format!("a password has at least {MIN_PASSWORD} characters"));
    }
    if text.len() > MAX_PASSWORD {
        return Err(format!("a password has at most {MAX_PASSWORD} bytes"));
    }
    Ok(())
}

/// Makes an account. Whether the password is good enough is for the caller to say: demo accounts
/// have passwords that nobody should choose.
///
/// # Errors
/// See [`AccountError`].
pub async fn create(app: &App, settings: UserSettings, password: Option<&SecretString>) -> Result<User, AccountError> {
    let settings = checked(settings).map_err(AccountError::Invalid)?;
    let password_hash = match password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let now = app.now();
    let user = User {
        id: new_id(&app.clock, &app.random),
        password_hash,
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.store.begin().await?;
    if !tx.insert_user(&user).await? {
        drop(tx);
        let taken = taken_field(app, &user).await?;
        // Nobody has it any more when it was freed meanwhile; then trying again helps.
        return Err(AccountError::Taken(taken.unwrap_or("username")));
    }
    tx.record(
        app.event(EventKind::UserCreated)
            .subject(&user.id)
            .detail("after", audited(&user.settings)),
    )
    .await?;
    tx.commit().await?;
    Ok(user)
}

/// Changes what the operator decides about an account, if it is still of the version that `user` was read
/// with. Disabling it ends every session and grant.
///
/// # Errors
/// See [`AccountError`].
pub async fn change(app: &App, user: User, settings: UserSettings) -> Result<User, AccountError> {
    let settings = checked(settings).map_err(AccountError::Invalid)?;
    if settings == user.settings {
        return Ok(user);
    }
    let now = app.now();
    let mut changed = User {
        settings,
        updated_at: now,
        ..user.clone()
    };
    let mut tx = app.store.begin().await?;
    match tx.update_user(&changed).await {
        Ok(true) => {}
        Ok(false) => return Err(AccountError::Changed),
        Err(fault) => {
            drop(tx);
            let taken = taken_field(app, &changed).await?;
            return Err(taken.map_or(AccountError::Fault(fault), AccountError::Taken));
        }
    }
    changed.version += 1;
    if changed.is_disabled && !user.is_disabled {
        tx.sign_out_everywhere(&user.id, now).await?;
    }
    tx.record(
        app.event(EventKind::UserChanged)
            .subject(&user.id)
            .detail("before", audited(&user.settings))
            .detail("after", audited(&changed.settings)),
    )
    .await?;
    tx.commit().await?;
    Ok(changed)
}

/// Which field of an account belongs to another one.
async fn taken_field(app: &App, user: &User) -> Result<Option<&'static str>, Fault> {
    let mut connection = app.store.read().await?;
    connection.is_login_taken(&user.id, &user.username, user.email.as_deref()).await
}

/// Removes an account with its sessions, grants and consents, if it is still of this version.
///
/// # Errors
/// When it changed meanwhile, or the database fails.
pub async fn delete(app: &App, user: &User) -> Result<(), AccountError> {
    let mut tx = app.store.begin().await?;
    if !tx.update_user(user).await? || !tx.delete_user(&user.id).await? {
        return Err(AccountError::Changed);
    }
    tx.record(
        app.event(EventKind::UserDeleted)
            .subject(&user.id)
            .detail("before", audited(&user.settings)),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends every session and grant of an account.
///
/// # Errors
/// When the database fails.
pub async fn sign_out_everywhere(app: &App, user: &User) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    tx.sign_out_everywhere(&user.id, app.now()).await?;
    tx.record(app.event(EventKind::UserSignedOut).subject(&user.id)).await?;
    tx.commit().await
}

/// Replaces a password and ends every session and grant of the account.
///
/// # Errors
/// When the database fails or too many hashes are waiting.
pub async fn set_password(app: &App, user: &User, password: &SecretString) -> Result<(), Fault> {
    let hash = app.passwords.hash(password).await?;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    tx.set_password_hash(&user.id, &hash, now).await?;
    tx.sign_out_everywhere(&user.id, now).await?;
    tx.record(app.event(EventKind::PasswordChanged).subject(&user.id)).await?;
    tx.commit().await
}

/// Disables an account and ends everything that acts for it, or enables it again.
///
/// # Errors
/// When the database fails.
pub async fn set_disabled(app: &App, user: &User, is_disabled: bool) -> Result<(), Fault> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    tx.set_user_disabled(&user.id, is_disabled, now).await?;
    if is_disabled {
        tx.sign_out_everywhere(&user.id, now).await?;
    }
    tx.record(
        app.event(EventKind::UserChanged)
            .subject(&user.id)
            .detail("after", json!({ "disabled": is_disabled })),
    )
    .await?;
    tx.commit().await
}

/// What the audit log keeps of an account: who it is and what it may do. Of the other claims only the names:
/// what they say about the person must go when the account goes.
#[must_use]
pub fn audited(settings: &UserSettings) -> Value {
    json!({
        "username": settings.username,
        "email": settings.email,
        "email_verified": settings.email_verified,
        "roles": settings.roles,
        "allowed_scope": settings.allowed_scope,
        "disabled": settings.is_disabled,
        "claims": settings.profile.keys().chain(settings.extra_claims.keys()).collect::<Vec<_>>(),
    })
}

/// The most roles of an account, and the longest, in characters.
const MAX_ROLES: usize = 50;
const MAX_ROLE: usize = 64;
/// The most that the claims of an account take as JSON, in bytes: they travel in tokens.
const MAX_CLAIMS: usize = 16_384;

/// The settings in the form in which they are kept, if they can be. Standard claims are in `profile`, all
/// others in `extra_claims`, and none poses as the protocol's.
///
/// # Errors
/// Names the field at fault.
pub fn checked(mut settings: UserSettings) -> Result<UserSettings, Invalid> {
    settings.username = normalize_username(&settings.username).map_err(|problem| Invalid::new("username", problem))?;
    settings.email = match settings.email.as_deref() {
        None | Some("") => None,
        Some(email) => Some(normalize_email(email).map_err(|problem| Invalid::new("email", problem))?),
    };
    settings.email_verified &= settings.email.is_some();
    if let Some(name) = settings.profile.keys().find(|name| !PROFILE_CLAIMS.contains(&name.as_str())) {
        return Err(Invalid::new(
            "profile",
            format!("{name} is not a standard claim; it belongs to extra_claims"),
        ));
    }
    let computed = ["email", "email_verified", "preferred_username", "updated_at", "roles"];
    if let Some(name) = settings.extra_claims.keys().find(|name| {
        let name = name.as_str();
        RESERVED_CLAIMS.contains(&name) || PROFILE_CLAIMS.contains(&name) || computed.contains(&name)
    }) {
        return Err(Invalid::new(
            "extra_claims",
            format!("{name} is a claim that the server itself sets"),
        ));
    }
    for (field, claims) in [("profile", &settings.profile), ("extra_claims", &settings.extra_claims)] {
        if json!(claims).to_string().len() > MAX_CLAIMS {
            return Err(Invalid::new(field, format!("claims take at most {MAX_CLAIMS} bytes")));
        }
    }
    let is_role =
        |role: &String| (1..=MAX_ROLE).contains(&role.chars().count()) && !role.chars().any(|c| c.is_whitespace() || c.is_control());
    if settings.roles.len() > MAX_ROLES || !settings.roles.iter().all(is_role) {
        let message = format!("a user has at most {MAX_ROLES} roles of 1 to {MAX_ROLE} characters without spaces");
        return Err(Invalid::new("roles", message));
    }
    Ok(settings)
}
