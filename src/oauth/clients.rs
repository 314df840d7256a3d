//! Registering clients: the rules that every way of registration shares (RFC 7591 §2).

mod presentation;

use serde_json::json;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::base::redacted::redacted;
use crate::config::registry::MAX_TOKEN_LIFETIME;
use crate::model::client::{Client, ClientKind, ClientOrigin, ClientSettings, ConsentPolicy};
use crate::model::event::{Event, EventKind};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::redirect_uri;
use crate::protocol::resource;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;
use crate::store::{Owner, Tx};

use super::{client_assertions, client_keys};

pub(super) use presentation::check_link;
pub use presentation::is_deceptive;

/// What a new client is made of.
#[derive(Clone)]
pub struct NewClient {
    /// `client_id`; one is made when it is missing
    pub id: Option<String>,
    /// A secret to use instead of a new one
    pub secret: Option<String>,
    /// Everything else; its fields can be read and set on this itself
    pub settings: ClientSettings,
}

redacted!(NewClient);

impl std::ops::Deref for NewClient {
    type Target = ClientSettings;
    fn deref(&self) -> &ClientSettings {
        &self.settings
    }
}

impl std::ops::DerefMut for NewClient {
    fn deref_mut(&mut self) -> &mut ClientSettings {
        &mut self.settings
    }
}

impl NewClient {
    /// A client with the defaults that suit its kind.
    #[must_use]
    pub fn of_kind(name: &str, kind: ClientKind) -> Self {
        Self {
            id: None,
            secret: None,
            settings: ClientSettings {
                name: name.to_owned(),
                ..ClientSettings::of_kind(kind)
            },
        }
    }

    /// A client with the defaults that suit most: code with PKCE, refresh, JWTs by RS256, consent once.
    #[must_use]
    pub fn new(name: &str, auth_method: AuthMethod) -> Self {
        let mut new = Self::of_kind(name, ClientKind::Web);
        new.auth_method = auth_method;
        new.scope = Scope::default();
        new
    }
}

/// A registered client, and its secret, which is shown now and never again.
pub struct Registered {
    /// The client
    pub client: Client,
    /// Its secret, if it has one
    pub secret: Option<String>,
}

/// Why a client is not registered or changed.
#[derive(Debug)]
pub enum ClientError {
    /// What was given is wrong
    Invalid(Invalid),
    /// The id is taken
    Taken,
    /// Somebody else changed or deleted the client meanwhile
    Changed,
    /// The server failed
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
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken => f.write_str("a client with this id is registered already"),
            Self::Changed => f.write_str("somebody else changed the client at the same moment; try again"),
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
    let mut tx = app.store.begin().await?;
    let registered = register_in(app, &mut tx, new).await?;
    tx.commit().await?;
    Ok(registered)
}

/// As [`register`], in a transaction with other changes.
///
/// # Errors
/// See [`ClientError`].
pub async fn register_in(app: &App, tx: &mut Tx, new: NewClient) -> Result<Registered, ClientError> {
    register_as(app, tx, new, |_| {}, |event| event).await
}

/// As [`register_in`], of a client that no operator has made: `origin` says so in its record, and `told` in the
/// event.
///
/// # Errors
/// See [`ClientError`].
pub(super) async fn register_as(
    app: &App,
    tx: &mut Tx,
    new: NewClient,
    origin: impl FnOnce(&mut Client),
    told: impl FnOnce(Event) -> Event,
) -> Result<Registered, ClientError> {
    if let Some(id) = &new.id {
        check_id(id).map_err(ClientError::Invalid)?;
    }
    if let Some(secret) = &new.secret {
        check_secret(secret).map_err(ClientError::Invalid)?;
    }
    let settings = checked(new.settings).map_err(ClientError::Invalid)?;
    let now = app.now();
    let id = new.id.unwrap_or_else(|| crate::base::id::new_id(&app.clock, &app.random));
    let secret = settings.needs_secret().then(|| new.secret.unwrap_or_else(|| new_secret(app)));
    let sealed_secret = match &secret {
        Some(secret) => client_assertions::seal_secret(app, &id, settings.auth_method, secret)?,
        None => None,
    };
    let mut client = Client {
        id,
        origin: ClientOrigin::Operator,
        secret_hash: secret.as_deref().map(sha256_text),
        sealed_secret,
        registration_token_hash: None,
        registration_mark: None,
        document_expires_at: None,
        previous_secret_hash: None,
        previous_secret_expires_at: None,
        token_generation: new_generation(app),
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    origin(&mut client);
    if !tx.insert_client(&client).await? {
        return Err(ClientError::Taken);
    }
    let event = app.event(EventKind::ClientCreated).client(&client.id);
    let event = event
        .detail("origin", client.origin.as_str())
        .detail("after", json!(client.settings));
    tx.record(told(event)).await?;
    Ok(Registered { client, secret })
}

/// Changes what the operator decides about a client, if it is still of the version that `client` was read
/// with. A client that needs no secret any more loses it; one that makes MACs from now on needs a new one, because
/// of the old one there is only a digest.
///
/// # Errors
/// See [`ClientError`].
pub async fn change(app: &App, client: Client, settings: ClientSettings) -> Result<Client, ClientError> {
    let mut tx = app.store.begin().await?;
    let changed = change_in(app, &mut tx, client, settings).await?;
    tx.commit().await?;
    Ok(changed)
}

/// As [`change`], in a transaction with other changes.
///
/// # Errors
/// See [`ClientError`].
pub async fn change_in(app: &App, tx: &mut Tx, client: Client, settings: ClientSettings) -> Result<Client, ClientError> {
    let settings = checked(settings).map_err(ClientError::Invalid)?;
    if settings == client.settings {
        return Ok(client);
    }
    if client.origin != ClientOrigin::Operator && settings.consent_policy == ConsentPolicy::Skip {
        let message = "people are always asked about a client that no operator has made";
        return Err(ClientError::Invalid(Invalid::new("consent_policy", message)));
    }
    let mut changed = Client {
        settings,
        updated_at: app.now(),
        ..client.clone()
    };
    if changed.is_disabled && !client.is_disabled {
        // What it got for itself does not come back when it is enabled again.
        changed.token_generation = new_generation(app);
    }
    if !changed.needs_secret() {
        changed.secret_hash = None;
        changed.previous_secret_hash = None;
        changed.previous_secret_expires_at = None;
    }
    if changed.auth_method != AuthMethod::ClientSecretJwt {
        changed.sealed_secret = None;
    }
    if !tx.update_client(&changed).await? {
        return Err(ClientError::Changed);
    }
    changed.version += 1;
    tx.record(
        app.event(EventKind::ClientChanged)
            .client(&client.id)
            .detail("before", json!(client.settings))
            .detail("after", json!(changed.settings)),
    )
    .await?;
    Ok(changed)
}

/// The longest time in which an old secret may go on working beside the new one, in seconds.
pub const MAX_OVERLAP: Seconds = 30 * 86_400;

/// Gives a client a new secret. The old one works for `overlap` more seconds, so that the application can
/// change over without a break; with 0 it is dead at once, and so is one that was still on its way out.
///
/// # Errors
/// When the client has no secret, or changed meanwhile, or the overlap is out of bounds, or the database fails.
pub async fn replace_secret(app: &App, client: Client, overlap: Seconds) -> Result<Registered, ClientError> {
    if !client.needs_secret() {
        let kind = if client.is_public() {
            "a public client"
        } else {
            "a client that signs with a private key"
        };
        let message = format!("{kind} has no secret");
        return Err(ClientError::Invalid(Invalid::new("token_endpoint_auth_method", message)));
    }
    if !(0..=MAX_OVERLAP).contains(&overlap) {
        let message = "the old secret may go on working for 0 to 2592000 seconds (30 days)";
        return Err(ClientError::Invalid(Invalid::new("overlap", message)));
    }
    let secret = new_secret(app);
    let mut tx = app.store.begin().await?;
    let client = set_secret_in(app, &mut tx, client, &secret, overlap).await?;
    tx.commit().await?;
    Ok(Registered {
        client,
        secret: Some(secret),
    })
}

/// Gives a client with a secret this one instead, in a transaction with other changes; the old one works for
/// `overlap` more seconds.
///
/// # Errors
/// When the secret is too short, or the client changed meanwhile, or the database fails.
pub async fn set_secret_in(app: &App, tx: &mut Tx, client: Client, secret: &str, overlap: Seconds) -> Result<Client, ClientError> {
    check_secret(secret).map_err(ClientError::Invalid)?;
    let now = app.now();
    let mut client = Client {
        previous_secret_hash: client.secret_hash.clone().filter(|_| overlap > 0),
        previous_secret_expires_at: (overlap > 0 && client.secret_hash.is_some()).then_some(now + overlap),
        secret_hash: Some(sha256_text(secret)),
        sealed_secret: client_assertions::seal_secret(app, &client.id, client.auth_method, secret)?,
        // Whoever had the old secret may have tokens; when it is dead at once, so are they.
        token_generation: if overlap == 0 {
            new_generation(app)
        } else {
            client.token_generation
        },
        updated_at: now,
        ..client
    };
    if !tx.update_client(&client).await? {
        return Err(ClientError::Changed);
    }
    client.version += 1;
    tx.record(
        app.event(EventKind::ClientSecretReplaced)
            .client(&client.id)
            .detail("overlap", overlap),
    )
    .await?;
    Ok(client)
}

/// Removes a client with its grants and consents, if it is still of this version. Every token that it has
/// is dead.
///
/// # Errors
/// When it changed meanwhile, or the database fails.
pub async fn delete(app: &App, client: &Client) -> Result<(), ClientError> {
    if !app.store.thin_out(Owner::Client(&client.id), client.version).await? {
        return Err(ClientError::Changed);
    }
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, client).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// When it changed meanwhile, or the database fails.
pub async fn delete_in(app: &App, tx: &mut Tx, client: &Client) -> Result<(), ClientError> {
    if !tx.update_client(client).await? || !tx.delete_client(&client.id, app.now()).await? {
        return Err(ClientError::Changed);
    }
    tx.record(
        app.event(EventKind::ClientDeleted)
            .client(&client.id)
            .detail("before", json!(client.settings)),
    )
    .await?;
    Ok(())
}

/// A generation of tokens that no client has had, nor one of the same id that is gone. No clock takes part.
pub(super) fn new_generation(app: &App) -> i64 {
    i64::from_be_bytes(app.random.bytes::<8>()) & i64::MAX
}

/// A secret that nobody can guess.
#[must_use]
pub fn new_secret(app: &App) -> String {
    format!("ghs_{}", app.random.secret())
}

/// The fewest characters of a secret that the server did not make: it is stored as a plain digest,
/// so it must be as hard to guess as one that it did.
const MIN_SECRET: usize = 32;

/// Whether a text can be the secret of a client.
///
/// # Errors
/// When it is too short.
pub fn check_secret(secret: &str) -> Result<(), Invalid> {
    if secret.len() >= MIN_SECRET {
        return Ok(());
    }
    let message = format!("a client secret has at least {MIN_SECRET} characters; leave it out to have one made");
    Err(Invalid::new("client_secret", message))
}

/// Whether a text can be the id of a client.
///
/// # Errors
/// When it has characters that make trouble, or too many.
pub fn check_id(id: &str) -> Result<(), Invalid> {
    let is_fine = (1..=200).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b':'));
    if is_fine && id != "." && id != ".." {
        return Ok(());
    }
    let message = "a client id has 1 to 200 characters: letters, digits and signs other than \" \\ and :";
    Err(Invalid::new("client_id", message))
}

/// The settings in the form in which they are kept, if they can be.
///
/// # Errors
/// Names the field at fault.
pub fn checked(settings: ClientSettings) -> Result<ClientSettings, Invalid> {
    let settings = normalized(settings);
    match problems(&settings).into_iter().next() {
        None => Ok(settings),
        Some(problem) => Err(problem),
    }
}

/// The settings in the form in which they are kept, whether they can be or not.
#[must_use]
pub fn normalized(mut settings: ClientSettings) -> ClientSettings {
    let is_public = settings.is_public();
    settings.name = settings.name.trim().to_owned();
    settings.requires_pkce |= is_public;
    settings.may_introspect &= !is_public;
    for uri in [
        &mut settings.jwks_uri,
        &mut settings.logo_uri,
        &mut settings.client_uri,
        &mut settings.policy_uri,
        &mut settings.tos_uri,
        &mut settings.default_resource,
    ] {
        *uri = uri.take().filter(|uri| !uri.is_empty());
    }
    settings
}

/// Everything that is wrong with settings.
#[must_use]
pub fn problems(settings: &ClientSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let mut check = |is_fine: bool, field, message: &str| {
        if !is_fine {
            problems.push(Invalid::new(field, message));
        }
    };
    let name = &settings.name;
    let is_name = (1..=200).contains(&name.chars().count()) && !name.chars().any(is_deceptive);
    check(
        is_name,
        "client_name",
        "a client name has 1 to 200 characters, and none that is invisible or turns the direction of writing",
    );
    check(
        settings.redirect_uris.len() <= 50,
        "redirect_uris",
        "a client has at most 50 redirect URIs",
    );
    for uri in &settings.redirect_uris {
        if let Err(problem) = redirect_uri::validate(uri) {
            check(false, "redirect_uris", &format!("redirect URI {uri}: {problem}"));
        }
    }
    let has = |grant_type| settings.grant_types.contains(&grant_type);
    let count = |one: &GrantType| settings.grant_types.iter().filter(|listed| *listed == one).count();
    check(!settings.grant_types.is_empty(), "grant_types", "a client needs a grant type");
    check(
        GrantType::ALL.iter().all(|one| count(one) <= 1),
        "grant_types",
        "a grant type is listed twice",
    );
    check(
        !has(GrantType::AuthorizationCode) || !settings.redirect_uris.is_empty(),
        "redirect_uris",
        "a client with the authorization code grant needs a redirect URI",
    );
    check(
        !has(GrantType::RefreshToken) || has(GrantType::AuthorizationCode),
        "grant_types",
        "the refresh token grant needs the authorization code grant",
    );
    check(
        !has(GrantType::ClientCredentials) || !settings.is_public(),
        "grant_types",
        "the client credentials grant needs a client that can prove who it is",
    );
    check(
        !has(GrantType::TokenExchange) || has(GrantType::ClientCredentials),
        "grant_types",
        "the token exchange grant needs the client credentials grant",
    );
    check(
        settings
            .access_token_lifetime
            .is_none_or(|lifetime| (10..=MAX_TOKEN_LIFETIME).contains(&lifetime)),
        "access_token_lifetime",
        "an access token lives from 10 seconds to 1 day",
    );
    for (field, uri) in [
        ("logo_uri", &settings.logo_uri),
        ("client_uri", &settings.client_uri),
        ("policy_uri", &settings.policy_uri),
        ("tos_uri", &settings.tos_uri),
    ] {
        if let Some(Err(problem)) = uri.as_deref().map(check_link) {
            check(false, field, &format!("{field}: {problem}"));
        }
    }
    if let Some(Err(problem)) = settings.default_resource.as_deref().map(resource::validate) {
        check(false, "default_resource", &problem);
    }
    problems.extend(client_keys::problems(settings));
    problems
}
