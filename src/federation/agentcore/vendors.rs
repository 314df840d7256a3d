//! Vendors of credential providers, and what they are here: a preset, or a provider by its metadata or its endpoints.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::app::App;
use crate::base::invalid::Invalid;
use crate::federation::providers::presets;
use crate::federation::providers::{Described, described};
use crate::model::provider::{Endpoints, Provider, ProviderSettings};
use crate::protocol::provider::ClientAuth;

/// A vendor of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its name there
    pub name: &'static str,
    /// The member of the configuration that is for it
    member: &'static str,
    /// What is known of it here
    preset: Option<&'static str>,
}

const INCLUDED: &str = "includedOauth2ProviderConfig";
const CUSTOM: Vendor = vendor("CustomOauth2", "customOauth2ProviderConfig", None);
/// The preset of a provider that is known by its metadata.
const BY_METADATA: &str = "oidc";
/// The preset of a provider that is known by its endpoints.
const BY_ENDPOINTS: &str = "oauth2";
/// What a discovery URL has after the host, or at its end.
const WELL_KNOWN: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The parameter of a preset that is the host of a customer.
const DOMAIN: &str = "domain";
/// The parameter of a preset that is one of several servers at that host.
const SERVER: &str = "authorization_server";

const fn vendor(name: &'static str, member: &'static str, preset: Option<&'static str>) -> Vendor {
    Vendor { name, member, preset }
}

/// Every vendor.
const VENDORS: [Vendor; 25] = [
    vendor("GoogleOauth2", "googleOauth2ProviderConfig", Some("google")),
    vendor("GithubOauth2", "githubOauth2ProviderConfig", Some("github")),
    vendor("SlackOauth2", "slackOauth2ProviderConfig", Some("slack")),
    vendor("SalesforceOauth2", "salesforceOauth2ProviderConfig", Some("salesforce")),
    vendor("MicrosoftOauth2", "microsoftOauth2ProviderConfig", Some("microsoft")),
    CUSTOM,
    vendor("AtlassianOauth2", "atlassianOauth2ProviderConfig", Some("atlassian")),
    vendor("LinkedinOauth2", "linkedinOauth2ProviderConfig", Some("linkedin")),
    vendor("OktaOauth2", INCLUDED, Some("okta")),
    vendor("ZoomOauth2", INCLUDED, Some("zoom")),
    vendor("SpotifyOauth2", INCLUDED, Some("spotify")),
    vendor("DropboxOauth2", INCLUDED, Some("dropbox")),
    vendor("NotionOauth2", INCLUDED, Some("notion")),
    vendor("Auth0Oauth2", INCLUDED, Some("auth0")),
    vendor("XOauth2", INCLUDED, None),
    vendor("OneLoginOauth2", INCLUDED, None),
    vendor("PingOneOauth2", INCLUDED, None),
    vendor("FacebookOauth2", INCLUDED, None),
    vendor("YandexOauth2", INCLUDED, None),
    vendor("RedditOauth2", INCLUDED, None),
    vendor("TwitchOauth2", INCLUDED, None),
    vendor("HubspotOauth2", INCLUDED, None),
    vendor("CyberArkOauth2", INCLUDED, None),
    vendor("FusionAuthOauth2", INCLUDED, None),
    vendor("CognitoOauth2", INCLUDED, None),
];

impl Vendor {
    /// The vendor of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        VENDORS.into_iter().find(|vendor| vendor.name == name)
    }

    /// The vendor of a provider: that of its preset. What is known by its metadata or its endpoints only is a custom one.
    #[must_use]
    pub fn of(settings: &ProviderSettings) -> Self {
        let preset = match settings.preset.as_str() {
            "github_app" => "github",
            preset => preset,
        };
        VENDORS.into_iter().find(|vendor| vendor.preset == Some(preset)).unwrap_or(CUSTOM)
    }
}

/// What the configuration of most vendors says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Config {
    client_id: String,
    client_secret: Option<String>,
    client_secret_source: Option<String>,
    tenant_id: Option<String>,
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    oauth_discovery: Option<Discovery>,
    client_authentication_method: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Discovery {
    discovery_url: Option<String>,
    authorization_server_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    response_types: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods: Vec<String>,
}

/// A provider as a configuration of theirs describes it.
pub struct Configured {
    /// Its settings
    pub settings: ProviderSettings,
    /// The secret of our client there, if it was sent
    pub secret: Option<SecretString>,
}

const CONFIG: &str = "oauth2ProviderConfigInput";

/// Reads the configuration of a provider called `name` of a vendor. What it does not know of stays as it was `before`; so do
/// the addresses, where it leads to the same place.
///
/// # Errors
/// When there is something in it that does not work here, or that is wrong.
pub fn configured(
    app: &App,
    vendor: Vendor,
    config: &Map<String, Value>,
    name: &str,
    before: Option<&ProviderSettings>,
) -> Result<Configured, Invalid> {
    let wrong = |message: String| Invalid::new(CONFIG, message);
    let mut members = config.iter().filter(|(_, value)| !value.is_null());
    let (Some((member, value)), None) = (members.next(), members.next()) else {
        return Err(wrong("the configuration has exactly one member".to_owned()));
    };
    if member != vendor.member {
        return Err(wrong(format!("the configuration of {} is {}", vendor.name, vendor.member)));
    }
    let config: Config =
        serde_json::from_value(value.clone()).map_err(|error| wrong(format!("{member}: {error}, or not supported here")))?;
    if config.client_secret_source.as_deref().is_some_and(|source| source != "MANAGED") {
        return Err(wrong(
            "a secret that is kept elsewhere is not supported: send clientSecret".to_owned(),
        ));
    }
    let mut settings = ProviderSettings {
        client_id: config.client_id.clone(),
        preset: String::new(),
        parameters: BTreeMap::new(),
        issuer: None,
        endpoints: None,
        ..before.cloned().unwrap_or_default()
    };
    if vendor == CUSTOM {
        name.clone_into(&mut settings.name);
        settings.client_auth = custom(&config, &mut settings)?;
    } else {
        settings.name = label(vendor, name);
        included(vendor, &config, &mut settings)?;
    }
    if let Some(before) = before {
        keep(app, vendor, before, &mut settings);
    }
    // An operator may have given it another name. But what leads somewhere else is called by what it is.
    if let Some(before) = before.filter(|before| before.preset == settings.preset) {
        settings.name.clone_from(&before.name);
    }
    Ok(Configured {
        settings,
        secret: config.client_secret.map(SecretString::from),
    })
}

/// Keeps what a configuration has no words for: of a vendor that is known here the parameters that it does not say, such as
/// the host; of any other one everything about where it is, if that is the same place.
fn keep(app: &App, vendor: Vendor, before: &ProviderSettings, settings: &mut ProviderSettings) {
    if vendor.preset.is_some() {
        if Vendor::of(before) != vendor {
            return;
        }
        settings.preset.clone_from(&before.preset);
        // An issuer says which server it is, and whether it is one besides the usual one.
        let is_said = |name: &str| name == SERVER && settings.parameters.contains_key(DOMAIN);
        let kept = before.parameters.iter().filter(|(name, _)| !is_said(name));
        let kept: Vec<_> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in kept {
            settings.parameters.entry(name).or_insert(value);
        }
    } else if is_same_place(app, before, settings) {
        settings.preset.clone_from(&before.preset);
        settings.parameters.clone_from(&before.parameters);
        settings.issuer.clone_from(&before.issuer);
        settings.endpoints.clone_from(&before.endpoints);
        settings.client_auth = settings.client_auth.or(before.client_auth);
    }
}

/// Whether two providers are at the same place, as far as a configuration shows it.
fn is_same_place(app: &App, before: &ProviderSettings, after: &ProviderSettings) -> bool {
    let place = |settings| described(app, settings).ok().map(discovery);
    before.kind == after.kind && place(before).is_some_and(|before| place(after) == Some(before))
}

/// What people read.
fn label(vendor: Vendor, name: &str) -> String {
    let preset = vendor.preset.and_then(presets::find);
    preset.map_or_else(|| name.to_owned(), |preset| preset.label.to_owned())
}

/// How we prove who we are to a custom provider, if that is said.
fn custom(config: &Config, settings: &mut ProviderSettings) -> Result<Option<ClientAuth>, Invalid> {
    let wrong = |message: &str| Err(Invalid::new(CONFIG, message));
    let had_key = settings.client_auth == Some(ClientAuth::PrivateKeyJwt);
    if config.tenant_id.is_some() || config.issuer.is_some() || config.authorization_endpoint.is_some() || config.token_endpoint.is_some() {
        return wrong("a custom provider is described by oauthDiscovery");
    }
    let described = config
        .oauth_discovery
        .as_ref()
        .map(|discovery| (&discovery.discovery_url, &discovery.authorization_server_metadata));
    let said = match described {
        Some((Some(url), None)) => {
            settings.issuer = Some(issuer_of(url)?);
            BY_METADATA.clone_into(&mut settings.preset);
            None
        }
        Some((None, Some(metadata))) => {
            if metadata.response_types.iter().any(|kind| kind == "code") || metadata.response_types.is_empty() {
                by_endpoints(
                    settings,
                    Some(&metadata.issuer),
                    &metadata.authorization_endpoint,
                    &metadata.token_endpoint,
                )?;
                metadata.token_endpoint_auth_methods.first().map(String::as_str)
            } else {
                return wrong("the provider must know the response type code");
            }
        }
        _ => return wrong("oauthDiscovery has discoveryUrl or authorizationServerMetadata"),
    };
    match (config.client_authentication_method.as_deref(), said) {
        (Some("CLIENT_SECRET_BASIC"), _) | (None, Some("client_secret_basic")) => Ok(Some(ClientAuth::ClientSecretBasic)),
        (Some("CLIENT_SECRET_POST"), _) | (None, Some("client_secret_post")) => Ok(Some(ClientAuth::ClientSecretPost)),
        // It is shown so, and may be sent back. Keys are not: they are set up elsewhere.
        (Some("PRIVATE_KEY_JWT"), _) if had_key => Ok(Some(ClientAuth::PrivateKeyJwt)),
        (None, None) => Ok(None),
        _ => wrong("only client_secret_basic and client_secret_post are supported: set up others at the admin API"),
    }
}

fn included(vendor: Vendor, config: &Config, settings: &mut ProviderSettings) -> Result<(), Invalid> {
    let wrong = |message: String| Err(Invalid::new(CONFIG, message));
    if config.oauth_discovery.is_some() || config.client_authentication_method.is_some() {
        return wrong("oauthDiscovery and clientAuthenticationMethod are for custom providers".to_owned());
    }
    if config.tenant_id.is_some() && vendor.preset != Some("microsoft") {
        return wrong("tenantId is for Microsoft".to_owned());
    }
    let addresses = (
        config.issuer.as_deref(),
        config.authorization_endpoint.as_deref(),
        config.token_endpoint.as_deref(),
    );
    let Some(preset) = vendor.preset else {
        return match addresses {
            (issuer, Some(authorization_endpoint), Some(token_endpoint)) => {
                by_endpoints(settings, issuer, authorization_endpoint, token_endpoint)
            }
            (Some(issuer), None, None) => {
                settings.issuer = Some(issuer.to_owned());
                BY_METADATA.clone_into(&mut settings.preset);
                Ok(())
            }
            _ => wrong(format!(
                "{} is not known here: send issuer, or authorizationEndpoint and tokenEndpoint",
                vendor.name
            )),
        };
    };
    preset.clone_into(&mut settings.preset);
    if let Some(tenant) = &config.tenant_id {
        settings.parameters.insert("tenant".to_owned(), tenant.clone());
    }
    match preset {
        "okta" | "auth0" => settings.parameters.extend(tenant_of(vendor, addresses)?),
        _ if addresses == (None, None, None) => {}
        _ => {
            return wrong(format!(
                "the addresses of {} are known here: leave them out, or describe a custom provider",
                vendor.name
            ));
        }
    }
    Ok(())
}

/// The parameters of a preset whose addresses are at a host of each customer: all that are said must be there.
fn tenant_of(vendor: Vendor, addresses: (Option<&str>, Option<&str>, Option<&str>)) -> Result<BTreeMap<String, String>, Invalid> {
    let wrong = || {
        Invalid::new(
            CONFIG,
            format!(
                "{} needs its issuer, at https:// and the usual port, and all addresses at that host",
                vendor.name
            ),
        )
    };
    let (Some(issuer), authorization_endpoint, token_endpoint) = addresses else {
        return Err(wrong());
    };
    let issuer = Url::parse(issuer).map_err(|_| wrong())?;
    // Only the host is kept: what is said besides would silently be somewhere else.
    let is_plain = issuer.scheme() == "https" && issuer.port().is_none() && issuer.username().is_empty() && issuer.password().is_none();
    if !is_plain || issuer.query().is_some() || issuer.fragment().is_some() {
        return Err(wrong());
    }
    let host = issuer.host_str().ok_or_else(wrong)?;
    for endpoint in [authorization_endpoint, token_endpoint].into_iter().flatten() {
        if Url::parse(endpoint).ok().is_none_or(|url| url.origin() != issuer.origin()) {
            return Err(wrong());
        }
    }
    let mut parameters = BTreeMap::from([(DOMAIN.to_owned(), host.to_owned())]);
    match issuer.path().trim_matches('/').split_once('/') {
        None if issuer.path().trim_matches('/').is_empty() => {}
        Some(("oauth2", server)) if vendor.preset == Some("okta") => {
            parameters.insert(SERVER.to_owned(), server.to_owned());
        }
        _ => return Err(wrong()),
    }
    Ok(parameters)
}

fn by_endpoints(settings: &mut ProviderSettings, issuer: Option<&str>, authorization: &str, token: &str) -> Result<(), Invalid> {
    let url = |text: &str| Url::parse(text).map_err(|error| Invalid::new(CONFIG, format!("{text} is no address: {error}")));
    settings.endpoints = Some(Endpoints {
        authorization_endpoint: url(authorization)?,
        token_endpoint: url(token)?,
        revocation_endpoint: None,
        userinfo_endpoint: None,
    });
    settings.issuer = issuer.map(str::to_owned);
    BY_ENDPOINTS.clone_into(&mut settings.preset);
    Ok(())
}

/// The issuer whose metadata is at a discovery URL: what stands around the well-known part (OpenID Connect Discovery §4,
/// RFC 8414 §3.1).
fn issuer_of(discovery_url: &str) -> Result<String, Invalid> {
    let found = WELL_KNOWN.iter().find_map(|part| discovery_url.split_once(part));
    match found {
        Some((before, after)) if after.is_empty() || after.starts_with('/') => Ok(format!("{before}{after}")),
        _ => Err(Invalid::new(
            CONFIG,
            "discoveryUrl has /.well-known/openid-configuration or /.well-known/oauth-authorization-server in it",
        )),
    }
}

/// Where a provider is, as their configurations show it.
fn discovery(described: Described) -> Value {
    match described {
        Described::Metadata(issuer) => {
            json!({ "discoveryUrl": format!("{}{}", issuer.trim_end_matches('/'), WELL_KNOWN[0]) })
        }
        Described::Addresses {
            issuer,
            authorization_endpoint,
            token_endpoint,
        } => {
            let issuer = issuer.unwrap_or_else(|| authorization_endpoint.origin().ascii_serialization());
            json!({ "authorizationServerMetadata": {
                "issuer": issuer,
                "authorizationEndpoint": authorization_endpoint,
                "tokenEndpoint": token_endpoint,
            }})
        }
    }
}

/// A provider as their configurations show it: without secrets.
#[must_use]
pub fn shown(app: &App, provider: &Provider) -> Value {
    // It was right when it was set.
    let discovery = described(app, provider).map_or_else(|_| json!({}), discovery);
    let mut config = json!({ "oauthDiscovery": discovery, "clientId": provider.client_id });
    let vendor = Vendor::of(provider);
    if vendor == CUSTOM {
        match provider.client_auth {
            Some(ClientAuth::ClientSecretBasic) => config["clientAuthenticationMethod"] = json!("CLIENT_SECRET_BASIC"),
            Some(ClientAuth::ClientSecretPost) => config["clientAuthenticationMethod"] = json!("CLIENT_SECRET_POST"),
            Some(ClientAuth::PrivateKeyJwt) => config["clientAuthenticationMethod"] = json!("PRIVATE_KEY_JWT"),
            Some(ClientAuth::None) | None => {}
        }
    }
    json!({ vendor.member: config })
}
