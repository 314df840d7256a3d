//! Making accounts and setting passwords.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::keys::passwords::MAX_PASSWORD;
use crate::model::event::EventKind;
use crate::model::user::{User, normalize_email, normalize_username};
use crate::protocol::claims::{PROFILE_CLAIMS, RESERVED_CLAIMS};
use crate::protocol::scope::Scope;

/// The fewest characters of a password that a person chooses.
pub const MIN_PASSWORD: usize = 8;

/// What a new account is made of.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// Name to sign in with
    pub username: String,
    /// E-mail address
    pub email: Option<String>,
    /// Whether somebody verified it
    pub email_verified: bool,
    /// Standard claims
    pub profile: Map<String, Value>,
    /// Other claims
    pub extra_claims: Map<String, Value>,
    /// Roles
    pub roles: Vec<String>,
    /// The only scopes that this user may hand on
    pub allowed_scope: Option<Scope>,
}

/// Why an account is not made.
#[derive(Debug)]
pub enum AccountError {
    /// What was given is wrong; the text says what.
    Invalid(String),
    /// The name or the address belongs to somebody.
    Taken,
    /// The server failed.
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
            Self::Invalid(text) => f.write_str(text),
            Self::Taken => f.write_str("the user name or the e-mail address belongs to another account"),
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
pub async fn create(app: &App, new: NewUser, password: Option<&SecretString>) -> Result<User, AccountError> {
    let now = app.now();
    let mut user = User {
        id: new_id(&app.clock, &app.random),
        username: normalize_username(&new.username).map_err(AccountError::Invalid)?,
        email: new
            .email
            .as_deref()
            .map(normalize_email)
            .transpose()
            .map_err(AccountError::Invalid)?,
        email_verified: new.email_verified,
        password_hash: None,
        profile: new.profile,
        extra_claims: new.extra_claims,
        roles: new.roles,
        allowed_scope: new.allowed_scope,
        is_disabled: false,
        created_at: now,
        updated_at: now,
    };
    check_claims(&user).map_err(AccountError::Invalid)?;
    if let Some(password) = password {
        user.password_hash = Some(app.passwords.hash(password).await?);
    }
    let mut tx = app.store.begin().await?;
    if !tx.insert_user(&user).await? {
        return Err(AccountError::Taken);
    }
    tx.record(app.event(EventKind::UserCreated).subject(&user.id).detail("after", audited(&user)))
        .await?;
    tx.commit().await?;
    Ok(user)
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
    let event = app.event(EventKind::UserChanged).subject(&user.id);
    let event = event.detail("before", json!({ "disabled": user.is_disabled }));
    tx.record(event.detail("after", json!({ "disabled": is_disabled }))).await?;
    tx.commit().await
}

/// Removes an account with its sessions, grants and consents; false when it is gone already.
///
/// # Errors
/// When the database fails.
pub async fn delete(app: &App, user: &User) -> Result<bool, Fault> {
    let mut tx = app.store.begin().await?;
    if !tx.delete_user(&user.id).await? {
        return Ok(false);
    }
    let event = app.event(EventKind::UserDeleted).subject(&user.id);
    tx.record(event.detail("before", audited(user))).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the audit log keeps of an account: who it was and what it might do, and nothing else about the person.
#[must_use]
pub fn audited(user: &User) -> Value {
    json!({
        "username": user.username,
        "roles": user.roles,
        "allowed_scope": user.allowed_scope.as_ref().map(ToString::to_string),
        "disabled": user.is_disabled,
    })
}

/// Standard claims are in `profile`, all others in `extra_claims`, and none poses as the protocol's.
fn check_claims(user: &User) -> Result<(), String> {
    if let Some(name) = user.profile.keys().find(|name| !PROFILE_CLAIMS.contains(&name.as_str())) {
        return Err(format!("{name} is not a standard claim"));
    }
    let computed = ["email", "email_verified", "preferred_username", "updated_at", "roles"];
    match user.extra_claims.keys().find(|name| {
        let name = name.as_str();
        RESERVED_CLAIMS.contains(&name) || PROFILE_CLAIMS.contains(&name) || computed.contains(&name)
    }) {
        Some(name) => Err(format!("{name} is a claim that the server itself sets")),
        None => Ok(()),
    }
}
