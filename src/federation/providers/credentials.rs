//! What proves to providers that we are their client: sealed in the row of the provider, and opened only to be used.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::digest::equal;
use crate::base::encoding::from_base64url;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::protocol::jwks::KeySet;
use crate::protocol::provider::ClientAuth;

use super::ProviderProblem;

/// The longest secret, in bytes.
const MAX_SECRET: usize = 4096;
/// The longest private key, in bytes of JSON.
const MAX_KEY: usize = 16 * 1024;

/// Which kind of secret a provider wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// The secret of our client
    ClientSecret,
    /// The private key of our client
    PrivateKey,
    /// An API key
    ApiKey,
    /// None: our client is a public one
    Nothing,
}

impl CredentialKind {
    /// What these settings want.
    #[must_use]
    pub fn of(settings: &ProviderSettings) -> Self {
        match (settings.kind, settings.client_auth) {
            (ProviderKind::ApiKey, _) => Self::ApiKey,
            (ProviderKind::Oauth2, Some(ClientAuth::PrivateKeyJwt)) => Self::PrivateKey,
            (ProviderKind::Oauth2, Some(ClientAuth::None)) => Self::Nothing,
            (ProviderKind::Oauth2, _) => Self::ClientSecret,
        }
    }
}

/// A secret that an operator has sent. `Debug` shows nothing of it.
#[derive(Clone)]
pub enum Credential {
    /// The secret of our client
    ClientSecret(SecretString),
    /// The private key of our client, as a JWK (RFC 7517)
    PrivateKey(Map<String, Value>),
    /// An API key
    ApiKey(SecretString),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.field())
    }
}

impl Credential {
    /// The field that it was sent in.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::ClientSecret(_) => "client_secret",
            Self::PrivateKey(_) => "private_key",
            Self::ApiKey(_) => "api_key",
        }
    }

    fn kind(&self) -> CredentialKind {
        match self {
            Self::ClientSecret(_) => CredentialKind::ClientSecret,
            Self::PrivateKey(_) => CredentialKind::PrivateKey,
            Self::ApiKey(_) => CredentialKind::ApiKey,
        }
    }

    /// Reads a secret of the kind that these settings want; a private key is a JWK in JSON. Nothing of it stands in an error.
    ///
    /// # Errors
    /// When they want none, or it is no JWK.
    pub fn read(settings: &ProviderSettings, text: SecretString) -> Result<Self, Invalid> {
        match CredentialKind::of(settings) {
            CredentialKind::ClientSecret => Ok(Self::ClientSecret(text)),
            CredentialKind::ApiKey => Ok(Self::ApiKey(text)),
            CredentialKind::PrivateKey => Self::read_key(&text),
            CredentialKind::Nothing => Err(Invalid::new(
                "client_auth",
                "client_auth is none: a public client has no secret; change client_auth first",
            )),
        }
    }

    /// Reads a private key, a JWK in JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn read_key(text: &SecretString) -> Result<Self, Invalid> {
        match serde_json::from_str(text.expose_secret()) {
            Ok(Value::Object(key)) => Ok(Self::PrivateKey(key)),
            Ok(_) | Err(_) => Err(Invalid::new("private_key", "a private key is a JWK, an object in JSON")),
        }
    }

    /// Whether it is what these settings want, and can be used.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, settings: &ProviderSettings) -> Result<(), Invalid> {
        let wanted = CredentialKind::of(settings);
        if self.kind() != wanted {
            let message = match wanted {
                CredentialKind::ClientSecret => "this provider wants client_secret; set client_auth or kind for something else",
                CredentialKind::PrivateKey => "client_auth is private_key_jwt: send private_key, or change client_auth",
                CredentialKind::ApiKey => "this provider keeps an API key: send api_key",
                CredentialKind::Nothing => "client_auth is none: a public client has no secret; change client_auth first",
            };
            return Err(Invalid::new(self.field(), message));
        }
        match self {
            Self::ClientSecret(secret) | Self::ApiKey(secret) => {
                let secret = secret.expose_secret();
                let is_fine = (1..=MAX_SECRET).contains(&secret.len()) && !secret.chars().any(char::is_control);
                let message = "a secret has 1 to 4096 bytes, and no control characters: is a line break at its end?";
                is_fine.then_some(()).ok_or_else(|| Invalid::new(self.field(), message))
            }
            Self::PrivateKey(key) => check_key(key).map_err(|problem| Invalid::new("private_key", problem)),
        }
    }

    /// Whether a provider has this very secret already. What does not open is another one.
    #[must_use]
    pub fn is_kept_by(&self, app: &App, provider: &Provider) -> bool {
        let Ok(Some(kept)) = credential(app, provider) else { return false };
        let kept = kept.expose_secret();
        self.kind() == CredentialKind::of(provider)
            && match self {
                Self::ClientSecret(secret) | Self::ApiKey(secret) => equal(secret.expose_secret().as_bytes(), kept.as_bytes()),
                Self::PrivateKey(key) => serde_json::from_str::<Map<String, Value>>(kept).is_ok_and(|kept| kept == *key),
            }
    }

    /// The secret as it stands in the row of a provider: it does not open in any other row.
    ///
    /// # Errors
    /// When sealing fails, which it has no reason to.
    pub(super) fn sealed(&self, app: &App, provider_id: &str) -> Result<String, Fault> {
        let key;
        let plain = match self {
            Self::ClientSecret(secret) | Self::ApiKey(secret) => secret.expose_secret(),
            Self::PrivateKey(members) => {
                key = SecretString::from(serde_json::to_string(members).map_err(Fault::internal)?);
                key.expose_secret()
            }
        };
        app.secrets
            .provider_secret
            .seal(&app.random, provider_id.as_bytes(), plain.as_bytes())
    }
}

/// A private key of a kind that signs assertions: RSA, P-256 or Ed25519.
fn check_key(key: &Map<String, Value>) -> Result<(), String> {
    if serde_json::to_string(key).map_or(0, |text| text.len()) > MAX_KEY {
        return Err(format!("a private key has at most {MAX_KEY} bytes"));
    }
    let is_private = |name: &str| {
        let text = key.get(name).and_then(Value::as_str);
        text.and_then(from_base64url).is_some_and(|bytes| !bytes.is_empty())
    };
    let needed: &[&str] = match key.get("kty").and_then(Value::as_str) {
        Some("RSA") => &["d", "p", "q", "dp", "dq", "qi"],
        Some("EC" | "OKP") => &["d"],
        _ => return Err("a private key is a JWK with the kty RSA, EC or OKP".to_owned()),
    };
    if let Some(missing) = needed.iter().find(|name| !is_private(name)) {
        return Err(format!(
            "{missing} is missing or not base64url: this is not the private half of the key"
        ));
    }
    let is_public = |name: &str| !["d", "p", "q", "dp", "dq", "qi", "oth", "use", "key_ops"].contains(&name);
    let public: Map<String, Value> = key
        .iter()
        .filter(|(name, _)| is_public(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    KeySet::read(&json!({ "keys": [public] })).map(drop)
}

/// The secret of a provider: that of our client, its private key as a JWK in JSON, or an API key, as
/// [`CredentialKind::of`] its settings says. `None` for a public client.
///
/// # Errors
/// [`ProviderProblem::NoSecret`] when none is set, [`ProviderProblem::SealedSecret`] when it does not open.
pub fn credential(app: &App, provider: &Provider) -> Result<Option<SecretString>, ProviderProblem> {
    if CredentialKind::of(provider) == CredentialKind::Nothing {
        return Ok(None);
    }
    let sealed = provider.sealed_secret.as_deref().ok_or(ProviderProblem::NoSecret)?;
    let opened = app.secrets.provider_secret.open(provider.id.as_bytes(), sealed);
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| Some(SecretString::from(text))).ok_or(ProviderProblem::SealedSecret)
}
