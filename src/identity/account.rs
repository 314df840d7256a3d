//! Making accounts and setting passwords.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::invalid::Invalid;
use crate::keys::passwords::MAX_PASSWORD;
use crate::model::event::EventKind;
use crate::model::user::{MAX_ROLE, User, UserSettings, is_role, normalize_email, normalize_username};
use crate::protocol::claims::{PROFILE_CLAIMS, RESERVED_CLAIMS};
use crate::store::{Owner, Tx};

use super::{audited, throttle};

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
    let mut tx = app.store.begin().await?;
    let user = create_in(app, &mut tx, settings, password_hash).await?;
    tx.commit().await?;
    Ok(user)
}

/// As [`create`], in a transaction with other changes; the password is hashed already, because that takes
/// long.
///
/// # Errors
/// See [`AccountError`].
pub async fn create_in(app: &App, tx: &mut Tx, settings: UserSettings, password_hash: Option<String>) -> Result<User, AccountError> {
    let settings = checked(settings).map_err(AccountError::Invalid)?;
    let now = app.now();
    let user = User {
        id: new_id(&app.clock, &app.random),
        password_hash,
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if !tx.insert_user(&user).await? {
        let taken = tx.is_login_taken(&user.id, &user.username, user.email.as_deref()).await?;
        // Nobody has it any more when it was freed meanwhile; then trying again helps.
        return Err(AccountError::Taken(taken.unwrap_or("username")));
    }
    tx.record(
        app.event(EventKind::UserCreated)
            .subject(&user.id)
            .detail("after", audited::whole(&user.settings)),
    )
    .await?;
    Ok(user)
}

/// Changes what the operator decides about an account, if it is still of the version that `user` was read
/// with. Disabling it ends every session and grant.
///
/// # Errors
/// See [`AccountError`].
pub async fn change(app: &App, user: User, settings: UserSettings) -> Result<User, AccountError> {
    let mut tx = app.store.begin().await?;
    let (id, username, email) = (user.id.clone(), settings.username.clone(), settings.email.clone());
    match change_in(app, &mut tx, user, settings).await {
        Ok(changed) => {
            tx.commit().await?;
            Ok(changed)
        }
        Err(AccountError::Fault(fault)) => {
            drop(tx);
            let (Ok(username), email) = (normalize_username(&username), email.and_then(|email| normalize_email(&email).ok())) else {
                return Err(fault.into());
            };
            let mut connection = app.store.read().await?;
            let taken = connection.is_login_taken(&id, &username, email.as_deref()).await?;
            Err(taken.map_or(AccountError::Fault(fault), AccountError::Taken))
        }
        Err(error) => Err(error),
    }
}

/// As [`change`], in a transaction with other changes. That a name or an address belongs to somebody else is
/// a fault here, after which the transaction is of no use.
///
/// # Errors
/// See [`AccountError`].
pub async fn change_in(app: &App, tx: &mut Tx, user: User, settings: UserSettings) -> Result<User, AccountError> {
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
    if !tx.update_user(&changed).await? {
        return Err(AccountError::Changed);
    }
    changed.version += 1;
    if changed.is_disabled && !user.is_disabled {
        tx.sign_out_everywhere(&user.id, now).await?;
    }
    let event = app.event(EventKind::UserChanged).subject(&user.id);
    tx.record(audited::change(event, &user.settings, &changed.settings)).await?;
    Ok(changed)
}

/// Removes an account with its sessions, grants and consents, if it is still of this version.
///
/// # Errors
/// When it changed meanwhile, or the database fails.
pub async fn delete(app: &App, user: &User) -> Result<(), AccountError> {
    if !app.store.thin_out(Owner::User(&user.id), user.version).await? {
        return Err(AccountError::Changed);
    }
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, user).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// When it changed meanwhile, or the database fails.
pub async fn delete_in(app: &App, tx: &mut Tx, user: &User) -> Result<(), AccountError> {
    if !tx.claim_user(user).await? || !tx.delete_user(&user.id, app.now()).await? {
        return Err(AccountError::Changed);
    }
    tx.record(
        app.event(EventKind::UserDeleted)
            .subject(&user.id)
            .detail("before", audited::whole(&user.settings)),
    )
    .await?;
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
pub async fn set_password(app: &App, user: &User, password: &SecretString) -> Result<(), AccountError> {
    let hash = app.passwords.hash(password).await?;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    if !tx.set_password_hash(&user.id, &hash, now).await? {
        // The account is gone.
        return Err(AccountError::Changed);
    }
    tx.sign_out_everywhere(&user.id, now).await?;
    throttle::forgive(app, &mut tx, user).await?;
    tx.record(app.event(EventKind::PasswordChanged).subject(&user.id)).await?;
    tx.commit().await?;
    Ok(())
}

/// The most roles of an account.
const MAX_ROLES: usize = 50;
/// The most that the claims of an account take as JSON, in bytes: they travel in tokens.
const MAX_CLAIMS: usize = 16_384;

/// The settings in the form in which they are kept, if they can be. Standard claims are in `profile`, all
/// others in `extra_claims`, and none poses as the protocol's.
///
/// # Errors
/// Names the field at fault.
pub fn checked(settings: UserSettings) -> Result<UserSettings, Invalid> {
    checked_at_once(settings).map_err(|mut problems| problems.swap_remove(0))
}

/// As [`checked`], but names everything that is wrong; that is never nothing.
///
/// # Errors
/// Names the fields at fault.
pub fn checked_at_once(mut settings: UserSettings) -> Result<UserSettings, Vec<Invalid>> {
    let mut problems = Vec::new();
    match normalize_username(&settings.username) {
        Ok(username) => settings.username = username,
        Err(problem) => problems.push(Invalid::new("username", problem)),
    }
    match settings.email.as_deref() {
        None | Some("") => settings.email = None,
        Some(email) => match normalize_email(email) {
            Ok(email) => settings.email = Some(email),
            Err(problem) => problems.push(Invalid::new("email", problem)),
        },
    }
    settings.email_verified &= settings.email.is_some();
    check_claims(&settings, &mut problems);
    if settings.roles.len() > MAX_ROLES || !settings.roles.iter().all(|role| is_role(role)) {
        let message = format!("a user has at most {MAX_ROLES} roles of 1 to {MAX_ROLE} characters without spaces");
        problems.push(Invalid::new("roles", message));
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn check_claims(settings: &UserSettings, problems: &mut Vec<Invalid>) {
    if let Some(name) = settings.profile.keys().find(|name| !PROFILE_CLAIMS.contains(&name.as_str())) {
        let message = format!("{name} is not a standard claim; it belongs to extra_claims");
        problems.push(Invalid::new("profile", message));
    }
    let computed = ["email", "email_verified", "preferred_username", "updated_at", "roles"];
    if let Some(name) = settings.extra_claims.keys().find(|name| {
        let name = name.as_str();
        RESERVED_CLAIMS.contains(&name) || PROFILE_CLAIMS.contains(&name) || computed.contains(&name)
    }) {
        let message = format!("{name} is a claim that the server itself sets");
        problems.push(Invalid::new("extra_claims", message));
    }
    for (field, claims) in [("profile", &settings.profile), ("extra_claims", &settings.extra_claims)] {
        if json!(claims).to_string().len() > MAX_CLAIMS {
            problems.push(Invalid::new(field, format!("claims take at most {MAX_CLAIMS} bytes")));
        }
    }
}
