//! A user: a person who can sign in.

use serde_json::{Map, Value, json};

use crate::base::clock::Timestamp;
use crate::protocol::scope::Scope;

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `sub`: never reused, never changed
    pub id: String,
    /// Name to sign in with, in lower case; `preferred_username`
    pub username: String,
    /// `email`, in lower case
    pub email: Option<String>,
    /// `email_verified`
    pub email_verified: bool,
    /// Argon2id as a PHC string; `None`: no password sign-in
    pub password_hash: Option<String>,
    /// Standard claims without a column of their own (OpenID Connect Core §5.1)
    pub profile: Map<String, Value>,
    /// Claims beyond the standard
    pub extra_claims: Map<String, Value>,
    /// Roles, for scopes that are limited to some
    pub roles: Vec<String>,
    /// The only scopes that this user may hand on; `None`: no limit
    pub allowed_scope: Option<Scope>,
    /// A disabled user cannot sign in, and tokens that act for them are dead
    pub is_disabled: bool,
    /// When the account was made
    pub created_at: Timestamp,
    /// `updated_at`
    pub updated_at: Timestamp,
}

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
