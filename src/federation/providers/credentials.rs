//! What proves to providers that we are their client: sealed in the row of the provider, and opened only to be used.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::app::App;
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::keys::assertion::AssertionKey;
use crate::keys::secrets::Resealed;
use crate::model::provider::{Provider, ProviderKind, ProviderSettings, SEALED, WITHOUT_SECRET};
use crate::protocol::provider::ClientAuth;

use super::ProviderProblem;
use super::addresses::Addresses;

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

    /// The field that it is sent in, and a part of what it is sealed for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::PrivateKey => "private_key",
            Self::ApiKey => "api_key",
            Self::Nothing => "nothing",
        }
    }

    /// Whether a provider is of no use without one. Where it can do without, nothing is sealed instead, for the sake of what
    /// it is sealed for: where there is no private key, those of this server sign.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::ClientSecret | Self::ApiKey)
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
        self.kind().as_str()
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

    fn plain(&self) -> Result<SecretString, Fault> {
        Ok(match self {
            Self::ClientSecret(secret) | Self::ApiKey(secret) => secret.clone(),
            Self::PrivateKey(members) => SecretString::from(serde_json::to_string(members).map_err(Fault::internal)?),
        })
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
}

/// A private key of a kind that signs assertions.
fn check_key(key: &Map<String, Value>) -> Result<(), String> {
    if serde_json::to_string(key).map_or(0, |text| text.len()) > MAX_KEY {
        return Err(format!("a private key has at most {MAX_KEY} bytes"));
    }
    AssertionKey::read(key).map(drop)
}

/// What stands in the row of a provider: its secret, which opens only in this row, for this use and at these addresses; or
/// what shows that there is none and that the addresses are the operator's; or nothing, where a secret is still missing.
///
/// # Errors
/// When sealing fails, which it has no reason to.
pub(super) fn sealed(app: &App, id: &str, settings: &ProviderSettings, credential: Option<&Credential>) -> Result<Option<String>, Fault> {
    let addresses = Addresses::of(settings);
    let seal = |purpose: CredentialKind, plain: &[u8]| {
        let context = addresses.context(id, purpose.as_str())?;
        app.secrets.provider_secret.seal(&app.random, &context, plain)
    };
    match credential {
        Some(credential) => {
            let text = seal(credential.kind(), credential.plain()?.expose_secret().as_bytes())?;
            Ok(Some(format!("{SEALED}{text}")))
        }
        None if !CredentialKind::of(settings).is_needed() => Ok(Some(format!("{WITHOUT_SECRET}{}", seal(CredentialKind::Nothing, b"")?))),
        None => Ok(None),
    }
}

/// Whether the row of a provider is as this server wrote it, as far as its secret goes. Where one is missing, it is.
#[must_use]
pub fn is_sound(app: &App, provider: &Provider) -> bool {
    !matches!(
        credential(app, provider),
        Err(ProviderProblem::SealedSecret | ProviderProblem::Unsealed)
    )
}

/// Whether a provider has no secret and needs none, but nothing shows that its addresses are those that an operator has set.
/// An operator who has seen that they are right removes the secret that it does not have: its row is sealed anew.
#[must_use]
pub fn is_unconfirmed(app: &App, provider: &Provider) -> bool {
    !provider.has_secret() && !CredentialKind::of(provider).is_needed() && !is_sound(app, provider)
}

/// The secret of a provider: that of our client, its private key as a JWK in JSON, or an API key, as
/// [`CredentialKind::of`] its settings says. `None` for a public client, and where the keys of this server sign.
///
/// # Errors
/// [`ProviderProblem::NoSecret`] when none is set, [`ProviderProblem::SealedSecret`] when it does not open,
/// [`ProviderProblem::Unsealed`] when nothing shows that the addresses are those that an operator has set.
pub fn credential(app: &App, provider: &Provider) -> Result<Option<SecretString>, ProviderProblem> {
    let kind = CredentialKind::of(provider);
    let is_optional = !kind.is_needed();
    let Some(sealed) = provider.sealed_secret.as_deref() else {
        return Err(if is_optional {
            ProviderProblem::Unsealed
        } else {
            ProviderProblem::NoSecret
        });
    };
    let open = |purpose: CredentialKind, text: &str| {
        let context = Addresses::of(provider).context(&provider.id, purpose.as_str()).ok()?;
        app.secrets.provider_secret.open(&context, text)
    };
    if let Some(text) = sealed.strip_prefix(WITHOUT_SECRET) {
        let is_without = is_optional && open(CredentialKind::Nothing, text).is_some();
        return is_without.then_some(None).ok_or(ProviderProblem::Unsealed);
    }
    // What an older version has sealed has no such beginning, and no addresses in it: it could be led anywhere.
    let opened = sealed.strip_prefix(SEALED).and_then(|text| open(kind, text));
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| Some(SecretString::from(text))).ok_or(ProviderProblem::SealedSecret)
}

/// What stands in the row of a provider, sealed with the key that seals now.
///
/// # Errors
/// When sealing fails, which it has no reason to.
pub fn reseal(app: &App, provider: &Provider) -> Result<Resealed, Fault> {
    let Some(sealed) = provider.sealed_secret.as_deref() else {
        return Ok(Resealed::Newest);
    };
    let (beginning, purpose) = if sealed.starts_with(WITHOUT_SECRET) {
        (WITHOUT_SECRET, CredentialKind::Nothing)
    } else {
        (SEALED, CredentialKind::of(provider))
    };
    let Some(text) = sealed.strip_prefix(beginning) else {
        return Ok(Resealed::Unopened);
    };
    let context = Addresses::of(provider).context(&provider.id, purpose.as_str())?;
    Ok(match app.secrets.provider_secret.reseal(&app.random, &context, text)? {
        Resealed::Anew(text) => Resealed::Anew(format!("{beginning}{text}")),
        other => other,
    })
}

/// How this server proves who it is to a provider.
#[derive(Debug, Default)]
pub struct Proof {
    /// By the secret of our client
    pub secret: Option<SecretString>,
    /// By a key of its own. Where there is none, the signing keys of this server do
    pub key: Option<AssertionKey>,
}

/// How this server proves who it is to a provider, as its settings say.
///
/// # Errors
/// As [`credential`]; and [`ProviderProblem::UnusableKey`].
pub fn proof(app: &App, provider: &Provider) -> Result<Proof, ProviderProblem> {
    let secret = credential(app, provider)?;
    if CredentialKind::of(provider) != CredentialKind::PrivateKey {
        return Ok(Proof { secret, key: None });
    }
    let key = secret.map(|text| AssertionKey::parse(text.expose_secret())).transpose();
    let key = key.map_err(ProviderProblem::UnusableKey)?;
    Ok(Proof { secret: None, key })
}
