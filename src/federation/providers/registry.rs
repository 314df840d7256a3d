//! Adding, changing and removing providers: the rules that every way of doing it shares.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::json;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::invalid::Invalid;
use crate::model::event::EventKind;
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::oauth::clients::is_deceptive;
use crate::protocol::provider::ClientAuth;
use crate::store::Tx;

use super::addresses::leads_elsewhere;
use super::credentials::{Credential, CredentialKind, is_sound, sealed};
use super::parameters::{check_issuer, check_url};
use super::presets::{self, Source};
use super::{Draft, unknown_preset};

/// The longest id.
const MAX_ID: usize = 64;
/// The longest settings, in bytes of JSON: before and after a change they fit into one event.
const MAX_SETTINGS: usize = 16 * 1024;
/// The most further parameters of a request.
const MAX_PARAMETERS: usize = 20;
/// Parameters of a request that mean what they mean: nobody sets them by hand (RFC 6749 §4.1.1, RFC 7636 §4.3,
/// RFC 8707 §2, RFC 9101 §4, OpenID Connect Core §3.1.2.1, and those of the token endpoint).
const STANDARD: [&str; 22] = [
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "error",
    "grant_type",
    "iss",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "user_scope",
];
/// Why addresses stay while people have connections.
pub const STAYS: &str = "their tokens are for the addresses that it has; add another provider for the new ones";
/// Ids that are taken by addresses of the API.
const RESERVED: [&str; 1] = ["presets"];

/// Why a provider is not added, changed or removed.
#[derive(Debug)]
pub enum ProviderError {
    /// What was given is wrong
    Invalid(Invalid),
    /// There is one of this id
    Taken(String),
    /// Somebody else changed or removed it meanwhile
    Changed,
    /// So many connections would not survive it, and what it is
    InUse(i64, &'static str),
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for ProviderError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken(id) => write!(f, "there is a provider {id} already"),
            Self::Changed => f.write_str("somebody else changed the provider at the same moment; try again"),
            Self::InUse(1, advice) => write!(f, "there is 1 connection to this provider: {advice}"),
            Self::InUse(count, advice) => write!(f, "there are {count} connections to this provider: {advice}"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ProviderError {}

/// What becomes of the secret of a provider.
#[derive(Clone, Debug, Default)]
pub enum SecretChange {
    /// It stays
    #[default]
    Keep,
    /// There is none any more
    Remove,
    /// This one takes its place
    Set(Credential),
}

/// Adds a provider.
///
/// # Errors
/// See [`ProviderError`].
pub async fn register(app: &App, id: &str, settings: ProviderSettings, credential: Option<Credential>) -> Result<Provider, ProviderError> {
    let mut tx = app.store.begin().await?;
    let provider = register_in(app, &mut tx, id, settings, credential).await?;
    tx.commit().await?;
    Ok(provider)
}

/// As [`register`], in a transaction with other changes.
///
/// # Errors
/// See [`ProviderError`].
pub async fn register_in(
    app: &App,
    tx: &mut Tx,
    id: &str,
    settings: ProviderSettings,
    credential: Option<Credential>,
) -> Result<Provider, ProviderError> {
    check_id(id).map_err(ProviderError::Invalid)?;
    let settings = checked(app, settings, credential.as_ref())?;
    let now = app.now();
    let provider = Provider {
        id: id.to_owned(),
        sealed_secret: sealed(app, id, &settings, credential.as_ref())?,
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if !tx.insert_provider(&provider).await? {
        return Err(ProviderError::Taken(id.to_owned()));
    }
    let event = app.event(EventKind::ProviderCreated).target(id);
    let event = event.detail("after", json!(provider.settings));
    tx.record(event.detail("has_secret", provider.has_secret())).await?;
    Ok(provider)
}

/// Changes a provider, if it is still of the version that `provider` was read with. What decides where its secret goes
/// can only change together with the secret, and not while people have connections: neither a secret nor a refresh token
/// is ever sent anywhere else than where it was meant to go.
///
/// # Errors
/// See [`ProviderError`].
pub async fn change(app: &App, provider: Provider, settings: ProviderSettings, secret: SecretChange) -> Result<Provider, ProviderError> {
    let mut tx = app.store.begin().await?;
    let changed = change_in(app, &mut tx, provider, settings, secret).await?;
    tx.commit().await?;
    Ok(changed)
}

/// As [`change`], in a transaction with other changes.
///
/// # Errors
/// See [`ProviderError`].
pub async fn change_in(
    app: &App,
    tx: &mut Tx,
    provider: Provider,
    settings: ProviderSettings,
    secret: SecretChange,
) -> Result<Provider, ProviderError> {
    let credential = match &secret {
        SecretChange::Set(credential) => Some(credential),
        SecretChange::Keep | SecretChange::Remove => None,
    };
    let settings = checked(app, settings, credential)?;
    if settings == provider.settings && matches!(secret, SecretChange::Keep) {
        return Ok(provider);
    }
    let leads_elsewhere = leads_elsewhere(&provider.settings, &settings);
    let sealed_secret = match &secret {
        SecretChange::Keep if provider.has_secret() => {
            check_kept(&provider.settings, &settings, leads_elsewhere)?;
            provider.sealed_secret.clone()
        }
        // What was changed in the database is not sealed anew because somebody changes the name.
        SecretChange::Keep if !is_sound(app, &provider) => provider.sealed_secret.clone(),
        SecretChange::Keep | SecretChange::Remove | SecretChange::Set(_) => sealed(app, &provider.id, &settings, credential)?,
    };
    let mut changed = Provider {
        settings,
        sealed_secret,
        updated_at: app.now(),
        ..provider.clone()
    };
    if !tx.update_provider(&changed).await? {
        return Err(ProviderError::Changed);
    }
    if leads_elsewhere {
        let count = tx.count_connections_at(&provider.id).await?;
        if count > 0 {
            return Err(ProviderError::InUse(count, STAYS));
        }
        // What is still to be taken back goes to the addresses that it was of. Nobody adds to it: there are no connections.
        tx.keep_former_provider(&new_id(&app.clock, &app.random), &provider, app.now())
            .await?;
    }
    changed.version += 1;
    tx.record(
        app.event(EventKind::ProviderChanged)
            .target(&provider.id)
            .detail("before", json!(provider.settings))
            .detail("after", json!(changed.settings))
            .detail("has_new_secret", credential.is_some())
            .detail("has_secret", changed.has_secret()),
    )
    .await?;
    Ok(changed)
}

/// Removes a provider, if it is still of this version; with what people have connected there if that is said, which is
/// taken back there later, where the provider was.
///
/// # Errors
/// See [`ProviderError`].
pub async fn delete(app: &App, provider: &Provider, with_connections: bool) -> Result<(), ProviderError> {
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, provider, with_connections).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// See [`ProviderError`].
pub async fn delete_in(app: &App, tx: &mut Tx, provider: &Provider, with_connections: bool) -> Result<(), ProviderError> {
    // From here on nobody makes a connection: whoever does holds this row, too.
    if !tx.update_provider(provider).await? {
        return Err(ProviderError::Changed);
    }
    let count = tx.count_connections_at(&provider.id).await?;
    if count > 0 && !with_connections {
        let advice = "disable it instead, or say force=true to delete them with it; they are taken back at the provider then";
        return Err(ProviderError::InUse(count, advice));
    }
    let now = app.now();
    let connections = tx.delete_connections_at(&provider.id, now).await?;
    tx.keep_former_provider(&new_id(&app.clock, &app.random), provider, now).await?;
    if !tx.delete_provider(&provider.id).await? {
        return Err(ProviderError::Changed);
    }
    let event = app.event(EventKind::ProviderDeleted).target(&provider.id);
    let event = event.detail("before", json!(provider.settings));
    tx.record(event.detail("connections", connections)).await?;
    Ok(())
}

/// Whether a text can be the id of a provider: it stands in addresses.
///
/// # Errors
/// When it cannot.
pub fn check_id(id: &str) -> Result<(), Invalid> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_slug = (1..=MAX_ID).contains(&id.len())
        && id.bytes().next().is_some_and(is_known)
        && id.bytes().all(|byte| is_known(byte) || byte == b'-');
    if !is_slug {
        let message = "an id has 1 to 64 small letters, digits and hyphens, and begins with no hyphen";
        return Err(Invalid::new("id", message));
    }
    if RESERVED.contains(&id) {
        return Err(Invalid::new("id", "this id has a meaning of its own: take another"));
    }
    Ok(())
}

/// Settings in the form in which they are kept.
#[must_use]
pub fn normalized(settings: ProviderSettings, credential: Option<&Credential>) -> ProviderSettings {
    let mut settings = ProviderSettings {
        name: settings.name.trim().to_owned(),
        ..settings
    };
    if matches!(credential, Some(Credential::PrivateKey(_))) && settings.kind == ProviderKind::Oauth2 {
        // There is one thing that it is for.
        settings.client_auth.get_or_insert(ClientAuth::PrivateKeyJwt);
    }
    settings
}

fn checked(app: &App, settings: ProviderSettings, credential: Option<&Credential>) -> Result<ProviderSettings, ProviderError> {
    let settings = normalized(settings, credential);
    let wrong = problems(app, &settings).into_iter().next();
    match wrong.or_else(|| credential.and_then(|credential| credential.check(&settings).err())) {
        None => Ok(settings),
        Some(problem) => Err(ProviderError::Invalid(problem)),
    }
}

/// Whether a secret may stay as it is when the settings change.
fn check_kept(before: &ProviderSettings, after: &ProviderSettings, leads_elsewhere: bool) -> Result<(), ProviderError> {
    let (old, new) = (CredentialKind::of(before), CredentialKind::of(after));
    let field = if new == CredentialKind::Nothing { old } else { new }.as_str();
    let message = if old != new {
        "the provider now wants another kind of secret: send it with this change, or remove the old one first"
    } else if leads_elsewhere {
        "the secret was given for the addresses that the provider had: send it again with this change, or remove it first"
    } else {
        return Ok(());
    };
    Err(ProviderError::Invalid(Invalid::new(field, message)))
}

/// Everything that is wrong with settings.
#[must_use]
pub fn problems(app: &App, settings: &ProviderSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let name = settings.name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(is_deceptive) {
        let message = "a name has 1 to 100 characters, and none that is invisible or turns the direction of writing";
        problems.push(Invalid::new("name", message));
    }
    if serde_json::to_string(settings).map_or(0, |text| text.len()) > MAX_SETTINGS {
        let message = format!("the settings of a provider have at most {MAX_SETTINGS} bytes as JSON: shorten them");
        problems.push(Invalid::new("", message));
    }
    match settings.kind {
        ProviderKind::ApiKey => problems.extend(problems_of_key(settings)),
        ProviderKind::Oauth2 => problems.extend(problems_of_oauth(app, settings)),
    }
    problems
}

/// What is wrong with the settings of a provider that keeps an API key, for which all the rest means nothing.
fn problems_of_key(settings: &ProviderSettings) -> Option<Invalid> {
    let field = match () {
        () if !settings.preset.is_empty() => "preset",
        () if !settings.parameters.is_empty() => "parameters",
        () if settings.issuer.is_some() => "issuer",
        () if settings.endpoints.is_some() => "endpoints",
        () if !settings.client_id.is_empty() => "client_id",
        () if settings.client_auth.is_some() => "client_auth",
        () if settings.scope.iter().next().is_some() => "scope",
        () if !settings.authorization_parameters.is_empty() => "authorization_parameters",
        () if settings.pkce.is_some() => "pkce",
        () if settings.requires_iss => "requires_iss",
        () => return None,
    };
    Some(Invalid::new(field, format!("a provider of the kind api_key has no {field}")))
}

fn problems_of_oauth(app: &App, settings: &ProviderSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let Some(preset) = presets::find(&settings.preset) else {
        return vec![Invalid::new("preset", unknown_preset())];
    };
    if !(1..=255).contains(&settings.client_id.len()) || !settings.client_id.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let message = "the id of our client at the provider has 1 to 255 printable characters: register one there";
        problems.push(Invalid::new("client_id", message));
    } else if settings.client_id == app.issuer.as_str() {
        // An assertion of ours would read as one of our own ID tokens.
        problems.push(Invalid::new(
            "client_id",
            "no client is called by the issuer of this server: choose another id",
        ));
    } else if preset.id.starts_with("github") && !is_path_segment(&settings.client_id) {
        // It becomes a part of an address.
        problems.push(Invalid::new("client_id", "an id at GitHub has letters, digits, dots, - and _"));
    }
    problems.extend(problems_of_addresses(app, settings, &preset.source));
    problems.extend(problem_of_parameters(&settings.authorization_parameters));
    match Draft::of(app, settings) {
        Err(problem) => problems.push(problem),
        Ok(draft) => {
            if settings.client_auth == Some(ClientAuth::None) && !settings.pkce.unwrap_or(draft.quirks.pkce) {
                let message = "without a secret PKCE alone speaks for us: do not switch it off";
                problems.push(Invalid::new("pkce", message));
            }
            // The rest of what is discovered shows when it is.
            let is_known = matches!(preset.source, Source::Known(_) | Source::Settings);
            if is_known && problems.is_empty() {
                match draft.profile() {
                    Err(problem) => problems.push(problem),
                    Ok(profile) if profile.requires_iss && profile.issuer.is_none() => {
                        let message = "nobody knows beforehand which issuer would stand in the redirects of this provider: leave it off";
                        problems.push(Invalid::new("requires_iss", message));
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    problems
}

fn is_path_segment(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.bytes().all(is_known) && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

fn problems_of_addresses(app: &App, settings: &ProviderSettings, source: &Source) -> Vec<Invalid> {
    let mut problems = Vec::new();
    match (&settings.issuer, source) {
        (None, Source::Issuer) => {
            problems.push(Invalid::new("issuer", "set the issuer of the provider: its metadata says the rest"));
        }
        (Some(_), Source::Known(_) | Source::Discovered(_)) => {
            problems.push(Invalid::new(
                "issuer",
                "the preset knows the issuer: leave it out, or take the preset oidc",
            ));
        }
        (Some(issuer), Source::Issuer | Source::Settings) => {
            if let Err(problem) = check_issuer(app, issuer) {
                problems.push(Invalid::new("issuer", problem));
            }
        }
        (None, _) => {}
    }
    match (&settings.endpoints, source) {
        (None, Source::Settings) => problems.push(Invalid::new("endpoints", "set the endpoints of the provider")),
        (None, _) => {}
        (Some(endpoints), Source::Settings) => {
            let named = [
                ("authorization_endpoint", Some(&endpoints.authorization_endpoint)),
                ("token_endpoint", Some(&endpoints.token_endpoint)),
                ("revocation_endpoint", endpoints.revocation_endpoint.as_ref()),
                ("userinfo_endpoint", endpoints.userinfo_endpoint.as_ref()),
            ];
            for (name, url) in named {
                if let Some(Err(problem)) = url.map(|url| check_url(app, url)) {
                    problems.push(Invalid::new("endpoints", format!("{name}: {problem}")));
                }
            }
        }
        (Some(_), _) => {
            let message = "the preset knows the endpoints: leave them out, or take the preset oauth2";
            problems.push(Invalid::new("endpoints", message));
        }
    }
    problems
}

/// What is wrong with the further parameters of a request.
fn problem_of_parameters(parameters: &BTreeMap<String, String>) -> Option<Invalid> {
    let invalid = |message: String| Some(Invalid::new("authorization_parameters", message));
    if parameters.len() > MAX_PARAMETERS {
        return invalid(format!("at most {MAX_PARAMETERS} parameters"));
    }
    for (name, value) in parameters {
        let is_name = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if !is_name {
            return invalid("the name of a parameter has 1 to 64 letters, digits, _, - and dots".to_owned());
        }
        if STANDARD.contains(&name.to_ascii_lowercase().as_str()) {
            return invalid(format!("{name} is set by the server itself, or has a setting of its own"));
        }
        if value.is_empty() || value.len() > 1000 || value.chars().any(char::is_control) {
            return invalid(format!("{name} has 1 to 1000 bytes, and no control characters"));
        }
    }
    None
}
