//! Registering clients: the rules that every way of registration shares (RFC 7591 §2).

use serde_json::{Value, json};

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::config::registry::MAX_TOKEN_LIFETIME;
use crate::model::client::{AccessTokenFormat, Client, ConsentPolicy};
use crate::model::event::EventKind;
use crate::model::signing_key::SigningAlgorithm;
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::redirect_uri;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

/// What a new client is made of.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// `client_id`; one is made when it is missing
    pub id: Option<String>,
    /// Name for people
    pub name: String,
    /// How it authenticates
    pub auth_method: AuthMethod,
    /// Where answers may go
    pub redirect_uris: Vec<String>,
    /// What it may redeem
    pub grant_types: Vec<GrantType>,
    /// The most that it may ask for
    pub scope: Scope,
    /// When people are asked
    pub consent_policy: ConsentPolicy,
    /// Form of its access tokens
    pub access_token_format: AccessTokenFormat,
    /// Algorithm of its tokens
    pub signing_algorithm: SigningAlgorithm,
    /// Whether its codes need PKCE
    pub requires_pkce: bool,
    /// Lifetime of its access tokens
    pub access_token_lifetime: Option<Seconds>,
    /// Whether it may introspect tokens of other clients
    pub may_introspect: bool,
    /// A secret to use instead of a new one
    pub secret: Option<String>,
    /// `logo_uri`
    pub logo_uri: Option<String>,
    /// `client_uri`
    pub client_uri: Option<String>,
    /// `policy_uri`
    pub policy_uri: Option<String>,
    /// `tos_uri`
    pub tos_uri: Option<String>,
}

impl NewClient {
    /// A client with the defaults that suit most: code with PKCE, refresh, JWTs by RS256, consent once.
    #[must_use]
    pub fn new(name: &str, auth_method: AuthMethod) -> Self {
        Self {
            id: None,
            name: name.to_owned(),
            auth_method,
            redirect_uris: Vec::new(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scope: Scope::default(),
            consent_policy: ConsentPolicy::Once,
            access_token_format: AccessTokenFormat::Jwt,
            signing_algorithm: SigningAlgorithm::Rs256,
            requires_pkce: true,
            access_token_lifetime: None,
            may_introspect: false,
            secret: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
        }
    }
}

/// A registered client, and its secret, which is shown now and never again.
pub struct Registered {
    /// The client
    pub client: Client,
    /// Its secret, unless it is public
    pub secret: Option<String>,
}

/// Why a client is not registered.
#[derive(Debug)]
pub enum ClientError {
    /// What was given is wrong; the text says what.
    Invalid(String),
    /// The id is taken.
    Taken,
    /// The server failed.
    Fault(Fault),
}

impl From<Fault> for ClientError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(text) => f.write_str(text),
            Self::Taken => f.write_str("a client with this id is registered already"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ClientError {}

/// Registers a client.
///
/// # Errors
/// See [`ClientError`].
pub async fn register(app: &App, new: NewClient) -> Result<Registered, ClientError> {
    check(&new).map_err(ClientError::Invalid)?;
    let now = app.now();
    let is_public = new.auth_method == AuthMethod::None;
    let secret = (!is_public).then(|| new.secret.clone().unwrap_or_else(|| format!("ghs_{}", app.random.secret())));
    let client = Client {
        id: new.id.unwrap_or_else(|| crate::base::id::new_id(&app.clock, &app.random)),
        name: new.name.trim().to_owned(),
        secret_hash: secret.as_deref().map(sha256_text),
        auth_method: new.auth_method,
        redirect_uris: new.redirect_uris,
        grant_types: new.grant_types,
        scope: new.scope,
        consent_policy: new.consent_policy,
        access_token_format: new.access_token_format,
        signing_algorithm: new.signing_algorithm,
        requires_pkce: new.requires_pkce || is_public,
        access_token_lifetime: new.access_token_lifetime,
        logo_uri: new.logo_uri,
        client_uri: new.client_uri,
        policy_uri: new.policy_uri,
        tos_uri: new.tos_uri,
        may_introspect: new.may_introspect && !is_public,
        is_disabled: false,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.store.begin().await?;
    if !tx.insert_client(&client).await? {
        return Err(ClientError::Taken);
    }
    tx.record(
        app.event(EventKind::ClientCreated)
            .client(&client.id)
            .detail("after", audited(&client)),
    )
    .await?;
    tx.commit().await?;
    tracing::debug!(event = "client_registered", client = client.id, "a client was registered");
    Ok(Registered { client, secret })
}

/// Gives a client a new secret; the old one is dead.
///
/// # Errors
/// When the client is public or the database fails.
pub async fn replace_secret(app: &App, client: &Client) -> Result<String, ClientError> {
    if client.is_public() {
        return Err(ClientError::Invalid("a public client has no secret".to_owned()));
    }
    let secret = format!("ghs_{}", app.random.secret());
    let mut tx = app.store.begin().await?;
    tx.set_client_secret_hash(&client.id, &sha256_text(&secret), app.now()).await?;
    tx.record(app.event(EventKind::ClientSecretReplaced).client(&client.id)).await?;
    tx.commit().await?;
    tracing::debug!(event = "client_secret_replaced", client = client.id, "a client got a new secret");
    Ok(secret)
}

/// Disables a client with everything that it has been given, or lets it work again.
///
/// # Errors
/// When the database fails.
pub async fn set_disabled(app: &App, client: &Client, is_disabled: bool) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    tx.set_client_disabled(&client.id, is_disabled, app.now()).await?;
    let event = app.event(EventKind::ClientChanged).client(&client.id);
    let event = event.detail("before", json!({ "disabled": client.is_disabled }));
    tx.record(event.detail("after", json!({ "disabled": is_disabled }))).await?;
    tx.commit().await
}

/// Removes a client with its grants and consents; false when it is gone already.
///
/// # Errors
/// When the database fails.
pub async fn delete(app: &App, client: &Client) -> Result<bool, Fault> {
    let mut tx = app.store.begin().await?;
    if !tx.delete_client(&client.id).await? {
        return Ok(false);
    }
    let event = app.event(EventKind::ClientDeleted).client(&client.id);
    tx.record(event.detail("before", audited(client))).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the audit log keeps of a client: everything that says what it may do.
#[must_use]
pub fn audited(client: &Client) -> Value {
    json!({
        "name": client.name,
        "auth_method": client.auth_method.as_str(),
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types.iter().map(|grant_type| grant_type.as_str()).collect::<Vec<_>>(),
        "scope": client.scope.to_string(),
        "consent_policy": client.consent_policy.as_str(),
        "requires_pkce": client.requires_pkce,
        "may_introspect": client.may_introspect,
        "disabled": client.is_disabled,
    })
}

/// The fewest characters of a secret that the server did not make: it is stored as a plain digest,
/// so it must be as hard to guess as one that it did.
const MIN_SECRET: usize = 32;

fn check(new: &NewClient) -> Result<(), String> {
    if let Some(id) = &new.id {
        let is_fine = (1..=200).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b':'));
        if !is_fine {
            return Err("a client id has 1 to 200 characters: letters, digits and signs other than \" \\ and :".to_owned());
        }
    }
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err("a client name has 1 to 200 characters".to_owned());
    }
    if new.secret.as_ref().is_some_and(|secret| secret.len() < MIN_SECRET) {
        return Err(format!(
            "a client secret has at least {MIN_SECRET} characters; leave it out to have one made"
        ));
    }
    if new.redirect_uris.len() > 50 {
        return Err("a client has at most 50 redirect URIs".to_owned());
    }
    for uri in &new.redirect_uris {
        redirect_uri::validate(uri).map_err(|problem| format!("redirect URI {uri}: {problem}"))?;
    }
    if new.grant_types.is_empty() {
        return Err("a client needs a grant type".to_owned());
    }
    let has = |grant_type| new.grant_types.contains(&grant_type);
    if has(GrantType::AuthorizationCode) && new.redirect_uris.is_empty() {
        return Err("a client with the authorization code grant needs a redirect URI".to_owned());
    }
    if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) {
        return Err("the refresh token grant needs the authorization code grant".to_owned());
    }
    if has(GrantType::ClientCredentials) && new.auth_method == AuthMethod::None {
        return Err("the client credentials grant needs a client with a secret".to_owned());
    }
    if new
        .access_token_lifetime
        .is_some_and(|lifetime| !(10..=MAX_TOKEN_LIFETIME).contains(&lifetime))
    {
        return Err("an access token lives from 10 seconds to 1 day".to_owned());
    }
    for (name, uri) in [
        ("logo_uri", &new.logo_uri),
        ("client_uri", &new.client_uri),
        ("policy_uri", &new.policy_uri),
        ("tos_uri", &new.tos_uri),
    ] {
        if let Some(uri) = uri {
            check_link(uri).map_err(|problem| format!("{name}: {problem}"))?;
        }
    }
    Ok(())
}

/// Links that a person may click, or a picture that their browser loads: `https` only.
fn check_link(uri: &str) -> Result<(), String> {
    let url = url::Url::parse(uri).map_err(|error| format!("not a URL ({error})"))?;
    if url.scheme() != "https" && !crate::protocol::issuer::is_loopback(&url) || !matches!(url.scheme(), "https" | "http") {
        return Err("must be an https URL".to_owned());
    }
    if uri.len() > redirect_uri::MAX_LENGTH || url.username() != "" || url.password().is_some() {
        return Err("is too long or carries a user name".to_owned());
    }
    Ok(())
}
