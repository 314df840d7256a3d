//! A user: a person who can sign in.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::protocol::scope::Scope;

/// What the operator decides about an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// Name to sign in with, in lower case; `preferred_username`
    #[schema(example = "alice", min_length = 1, max_length = 64)]
    pub username: String,
    /// E-mail address, in lower case
    #[schema(example = "alice@example.com")]
    pub email: Option<String>,
    /// Whether somebody made sure that the address is theirs; only then it can be used to sign in
    pub email_verified: bool,
    /// Standard claims (OpenID Connect Core §5.1), such as `name`, `given_name` and `picture`
    #[schema(value_type = Object, example = json!({"name": "Alice Adams"}))]
    pub profile: Map<String, Value>,
    /// Claims beyond the standard
    #[schema(value_type = Object, example = json!({"department": "sales"}))]
    pub extra_claims: Map<String, Value>,
    /// Roles: for scopes that are limited to some; `admin` and `auditor` open the administration
    #[schema(example = json!(["admin"]))]
    pub roles: Vec<String>,
    /// The only scopes that this user may hand on, separated by spaces; `null`: no limit
    #[schema(value_type = Option<String>)]
    pub allowed_scope: Option<Scope>,
    /// A disabled user cannot sign in, and tokens that act for them are dead
    #[serde(rename = "disabled")]
    pub is_disabled: bool,
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `sub`: never reused, never changed
    pub id: String,
    /// Argon2id as a PHC string; `None`: no password sign-in
    pub password_hash: Option<String>,
    /// What the operator decides; its fields can be read from the user itself
    pub settings: UserSettings,
    /// Grows with every change
    pub version: i64,
    /// When the account was made
    pub created_at: Timestamp,
    /// `updated_at`
    pub updated_at: Timestamp,
}

impl Deref for User {
    type Target = UserSettings;
    fn deref(&self) -> &UserSettings {
        &self.settings
    }
}

impl DerefMut for User {
    fn deref_mut(&mut self) -> &mut UserSettings {
        &mut self.settings
    }
}

/// The longest role, in characters.
pub const MAX_ROLE: usize = 64;

/// Whether a text can be a role.
#[must_use]
pub fn is_role(role: &str) -> bool {
    (1..=MAX_ROLE).contains(&role.chars().count()) && !role.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The role that may change everything at `/admin` and in the admin API.
pub const ADMIN_ROLE: &str = "admin";
/// The role that may see everything there, and change nothing.
pub const AUDITOR_ROLE: &str = "auditor";

impl User {
    /// The value of a claim about this user, if there is one (OpenID Connect Core §5.1).
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value> {
        match name {
            "sub" => Some(json!(self.id)),
            "preferred_username" => Some(json!(self.username)),
            "email" => self.email.as_ref().map(|email| json!(email)),
            "email_verified" => self.email.as_ref().map(|_| json!(self.email_verified)),
            "updated_at" => Some(json!(self.updated_at)),
            "roles" => (!self.roles.is_empty()).then(|| json!(self.roles)),
            _ => self.profile.get(name).or_else(|| self.extra_claims.get(name)).cloned(),
        }
    }

    /// The name that people read: `name`, or the user name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.profile.get("name").and_then(Value::as_str).unwrap_or(&self.username)
    }
}

/// The longest user name, in characters.
pub const MAX_USERNAME: usize = 64;

/// Brings a user name into the form in which it is stored and compared.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn normalize_username(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase();
    if name.is_empty() {
        return Err("a user name is not empty".to_owned());
    }
    if name.chars().count() > MAX_USERNAME {
        return Err(format!("a user name has at most {MAX_USERNAME} characters"));
    }
    if !name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@'))
    {
        return Err("a user name consists of letters, digits and . _ - + @".to_owned());
    }
    Ok(name)
}

/// Brings an e-mail address into the form in which it is stored and compared.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn normalize_email(text: &str) -> Result<String, String> {
    let email = text.trim().to_lowercase();
    let well_formed = email
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !well_formed || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("not an e-mail address".to_owned());
    }
    Ok(email)
}
