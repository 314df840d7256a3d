//! Providers as administrators see them.

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::federation::providers::presets::{self, Preset, Source};
use crate::federation::providers::{self, ProviderProblem, SecretChange, callback_url};
use crate::model::provider::{Provider, ProviderSettings};
use crate::protocol::provider::{ClientAuth, Profile, Revocation, WhoamiSource};

use super::page::{Listed, Page};
use super::{AdminError, Expected};

/// A provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderView {
    /// Its name in addresses
    pub id: String,
    /// What the operator decides
    #[serde(flatten)]
    pub settings: ProviderSettings,
    /// The redirect URI to register at the provider
    #[schema(format = "uri")]
    pub callback_url: String,
    /// Whether a secret, a private key or an API key is set; it is never shown
    pub has_secret: bool,
    /// Grows with every change; also the `ETag`
    pub version: i64,
    /// When it was added, in seconds since 1970
    pub created_at: Timestamp,
    /// When it was last changed, in seconds since 1970
    pub updated_at: Timestamp,
}

impl ProviderView {
    /// What is shown.
    #[must_use]
    pub fn new(app: &App, provider: Provider) -> Self {
        Self {
            callback_url: callback_url(app, &provider.id),
            has_secret: provider.has_secret(),
            id: provider.id,
            settings: provider.settings,
            version: provider.version,
            created_at: provider.created_at,
            updated_at: provider.updated_at,
        }
    }
}

/// A provider that is known beforehand.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PresetView {
    /// Its name, for `preset`
    pub preset: &'static str,
    /// For people
    pub label: &'static str,
    /// What it asks for, for `parameters`
    pub parameters: Vec<ParameterView>,
    /// Whether `issuer` must be set
    pub needs_issuer: bool,
    /// Whether `endpoints` must be set
    pub needs_endpoints: bool,
    /// Whether its addresses come from its metadata
    pub is_discovered: bool,
}

/// Something that a preset asks for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParameterView {
    /// Its name
    pub name: &'static str,
    /// What it is
    pub description: &'static str,
    /// A regular expression that every value matches
    pub pattern: &'static str,
    /// What it is when nothing is set
    pub default: Option<&'static str>,
    /// Whether it must be set, or has a default
    pub is_required: bool,
}

impl PresetView {
    fn new(preset: &Preset) -> Self {
        let parameters = preset.parameters.iter().map(|parameter| ParameterView {
            name: parameter.name,
            description: parameter.description,
            pattern: parameter.form.pattern(),
            default: parameter.default,
            is_required: parameter.is_required,
        });
        Self {
            preset: preset.id,
            label: preset.label,
            parameters: parameters.collect(),
            needs_issuer: preset.source == Source::Issuer,
            needs_endpoints: preset.source == Source::Settings,
            is_discovered: matches!(preset.source, Source::Discovered(_) | Source::Issuer),
        }
    }
}

/// Every preset.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PresetsView {
    /// The presets
    pub items: Vec<PresetView>,
}

/// The presets that there are.
#[must_use]
pub fn presets() -> PresetsView {
    PresetsView {
        items: presets::ALL.iter().map(PresetView::new).collect(),
    }
}

/// What came of looking at a provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderCheck {
    /// Whether people can be sent there, as far as it can be seen from here
    pub is_usable: bool,
    /// What is wrong, and what to do; empty when nothing is
    pub problems: Vec<String>,
    /// What may go wrong all the same; empty when nothing is known
    pub warnings: Vec<String>,
    /// The redirect URI to register at the provider
    #[schema(format = "uri")]
    pub callback_url: String,
    /// What was found; `null` when it could not be found out, and for API keys
    pub found: Option<FoundView>,
}

/// How a provider is talked to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundView {
    /// Who answers, where that is known
    pub issuer: Option<String>,
    /// Whether a redirect without `iss` is refused (RFC 9207)
    pub requires_iss: bool,
    /// Where people are sent to
    #[schema(value_type = String, format = "uri")]
    pub authorization_endpoint: Url,
    /// Where codes become tokens
    #[schema(value_type = String, format = "uri")]
    pub token_endpoint: Url,
    /// Where tokens are taken back; `null` when people have to do it themselves
    #[schema(value_type = Option<String>, format = "uri")]
    pub revocation_endpoint: Option<Url>,
    /// Where it is said whose account it is; `null` when the tokens say it, or nobody does
    #[schema(value_type = Option<String>, format = "uri")]
    pub account_endpoint: Option<Url>,
    /// Whether PKCE is used
    pub pkce: bool,
    /// How we prove who we are
    pub client_auth: ClientAuth,
    /// Scopes that are always asked for
    pub scope: Vec<&'static str>,
    /// What else stands in the address that people are sent to
    pub authorization_parameters: BTreeMap<String, String>,
}

impl FoundView {
    fn new(profile: Profile) -> Self {
        let scope = profile.always_asked_for().collect();
        let revocation_endpoint = match profile.revocation {
            Revocation::Standard { endpoint, .. }
            | Revocation::OwnProof { endpoint }
            | Revocation::Delete { endpoint }
            | Revocation::Json { endpoint } => Some(endpoint),
            Revocation::None => None,
        };
        let account_endpoint = match profile.whoami.source {
            WhoamiSource::Endpoint { endpoint, .. } => Some(endpoint),
            WhoamiSource::IdToken | WhoamiSource::TokenAnswer | WhoamiSource::Nowhere => None,
        };
        Self {
            issuer: profile.issuer,
            requires_iss: profile.requires_iss,
            authorization_endpoint: profile.authorization_endpoint,
            token_endpoint: profile.token_endpoint,
            revocation_endpoint,
            account_endpoint,
            pkce: profile.pkce,
            client_auth: profile.client_auth,
            scope,
            authorization_parameters: profile.authorization_parameters,
        }
    }
}

/// A page of providers by id. There are few; all are read.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, page: &Page) -> Result<Listed<ProviderView>, AdminError> {
    let [after] = page.after("providers")?.unwrap_or_default();
    let mut rows = app.store.read().await?.providers().await?;
    rows.sort_by(|left, right| left.id.cmp(&right.id));
    rows.retain(|provider| provider.id.as_str() > after);
    rows.truncate(usize::from(page.rows()));
    Ok(page.of(
        "providers",
        rows,
        |provider| vec![provider.id.clone()],
        |provider| ProviderView::new(app, provider),
    ))
}

/// The provider of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, id: &str) -> Result<Provider, AdminError> {
    app.store.read().await?.provider(id).await?.ok_or(AdminError::NotFound)
}

/// How many connections people have at each provider, by id; a provider without any is not there.
///
/// # Errors
/// When the database fails.
pub async fn count_connections(app: &App) -> Result<BTreeMap<String, i64>, Fault> {
    let counted = app.store.read().await?.count_connections_by_provider().await?;
    Ok(counted.into_iter().collect())
}

/// How many connections people have at one provider.
///
/// # Errors
/// When the database fails.
pub async fn count_connections_at(app: &App, id: &str) -> Result<i64, Fault> {
    app.store.read().await?.count_connections_at(id).await
}

/// Changes a provider; `change` makes the new settings of those in force.
///
/// # Errors
/// See [`AdminError`].
pub async fn change(
    app: &App,
    id: &str,
    expected: &Expected,
    secret: SecretChange,
    change: impl FnOnce(ProviderSettings) -> Result<ProviderSettings, AdminError>,
) -> Result<Provider, AdminError> {
    let provider = find(app, id).await?;
    let settings = change(provider.settings.clone())?;
    // Saying that there is none is how an operator stands for addresses that nothing shows to be theirs.
    let is_without = matches!(secret, SecretChange::Remove) && !provider.has_secret() && providers::is_sound(app, &provider);
    let secret = if is_without { SecretChange::Keep } else { secret };
    if settings == provider.settings && matches!(secret, SecretChange::Keep) {
        // It is already so: asking twice is asking once.
        return Ok(provider);
    }
    expected.check(provider.version)?;
    Ok(providers::change(app, provider, settings, secret).await?)
}

/// Removes a provider, with what people have connected there if that is said.
///
/// # Errors
/// See [`AdminError`].
pub async fn delete(app: &App, id: &str, expected: &Expected, with_connections: bool) -> Result<(), AdminError> {
    let provider = find(app, id).await?;
    expected.check_if_said(provider.version)?;
    Ok(providers::delete(app, &provider, with_connections).await?)
}

/// The providers, by id, whose secret must be entered again, or whose addresses nobody stands for.
///
/// # Errors
/// When the database fails.
pub async fn unsound(app: &App) -> Result<Vec<String>, Fault> {
    let providers = app.store.read().await?.providers().await?;
    let unsound = providers.into_iter().filter(|provider| !providers::is_sound(app, provider));
    Ok(unsound.map(|provider| provider.id).collect())
}

/// Looks at a provider as it is at this moment: its settings, its metadata, its secret. Nobody signs in there for it.
///
/// # Errors
/// When there is none or the database fails.
pub async fn check(app: &App, id: &str) -> Result<ProviderCheck, AdminError> {
    let provider = find(app, id).await?;
    let mut problems = Vec::new();
    let found = match providers::profile_now(app, &provider).await? {
        Ok(profile) => Some(FoundView::new(profile)),
        Err(ProviderProblem::ApiKey) => None,
        Err(problem) => {
            problems.push(problem.to_string());
            None
        }
    };
    match providers::proof(app, &provider) {
        Ok(_) => {}
        Err(problem @ ProviderProblem::NoSecret) => problems.push(format!("{problem}: gatehouse provider secret {id}")),
        Err(problem) => problems.push(problem.to_string()),
    }
    if provider.is_disabled {
        problems.push("the provider is disabled: nobody gets anything from it until it is enabled again".to_owned());
    }
    Ok(ProviderCheck {
        is_usable: problems.is_empty(),
        problems,
        warnings: shared_cookies(app, &provider).into_iter().collect(),
        callback_url: callback_url(app, &provider.id),
        found,
    })
}

/// What happens where a provider is at another port of this very host: browsers keep no cookies of ports apart.
fn shared_cookies(app: &App, provider: &Provider) -> Option<String> {
    let (here, there) = (Url::parse(app.issuer.as_str()).ok()?, Url::parse(provider.issuer.as_deref()?).ok()?);
    let is_beside = here.host() == there.host() && here.port_or_known_default() != there.port_or_known_default();
    is_beside.then(|| {
        format!(
            "{there} has the host name of this server, and browsers do not keep cookies of ports apart: if that is a Gatehouse, too, whoever signs in there is signed out here; give one of them another name, such as localhost instead of 127.0.0.1"
        )
    })
}

/// The enabled providers, by id, that need a secret and have none.
///
/// # Errors
/// When the database fails.
pub async fn without_secret(app: &App) -> Result<Vec<String>, Fault> {
    let providers = app.store.read().await?.providers().await?;
    let lacks = |provider: &Provider| {
        let proof = providers::proof(app, provider);
        !provider.is_disabled && matches!(proof, Err(ProviderProblem::NoSecret))
    };
    Ok(providers.into_iter().filter(lacks).map(|provider| provider.id).collect())
}
