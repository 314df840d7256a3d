//! Other providers of OAuth, at which people connect their accounts: what each of them is, found out by presets, by
//! their own metadata, and by what the operator says.
//!
//! - `presets`: what is known beforehand
//! - `parameters`: what a preset asks for, checked
//! - `registry`: adding, changing and removing providers
//! - `addresses`: what decides where secrets go, which are sealed with it
//! - `credentials`: what proves to them that we are their client

mod addresses;
mod credentials;
mod parameters;
pub mod presets;
mod registry;

use std::fmt;

use url::Url;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::outside::DiscoveryError;
use crate::protocol::provider::{ClientAuth, Profile, Revocation, RevokedToken, Whoami, WhoamiSource};
use crate::protocol::server_metadata::ServerMetadata;

use self::parameters::{Values, fill};
use self::presets::{Known, Preset, Quirks, Revoked, Said, Source};

pub use addresses::leads_elsewhere;
pub use credentials::{Credential, CredentialKind, Proof, credential, is_sound, is_unconfirmed, proof, reseal};
pub use registry::{
    ProviderError, STAYS, SecretChange, change, change_in, check_id, delete, delete_in, normalized, problems, register, register_in,
};

/// Why nobody can talk to a provider. Its text says what to do, to operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderProblem {
    /// It keeps an API key, and is not talked to
    ApiKey,
    /// What is set cannot be, and where
    Settings(Invalid),
    /// Its metadata cannot be read
    Discovery(DiscoveryError),
    /// Its secret is missing
    NoSecret,
    /// Its secret does not open
    SealedSecret,
    /// It needs none, but nothing shows that its addresses are those that an operator has set
    Unsealed,
    /// Its private key cannot be used, and why
    UnusableKey(String),
}

impl fmt::Display for ProviderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey => f.write_str("this provider keeps an API key: nobody is sent to it"),
            Self::Settings(invalid) => write!(f, "{}: {invalid}", invalid.field),
            Self::Discovery(error) => error.fmt(f),
            Self::NoSecret => f.write_str("the secret is missing: set the one that belongs to our client there, or the API key"),
            Self::SealedSecret => {
                f.write_str("the secret does not open: its row was changed outside of this server or is of an older version, or APP_SECRET is another one; see whether the addresses are right, and enter the secret again")
            }
            Self::Unsealed => {
                f.write_str("nothing shows that the addresses are those that an operator has set: the row was changed outside of this server or is of an older version, or APP_SECRET is another one; see whether they are right, and confirm them")
            }
            Self::UnusableKey(problem) => write!(f, "private_key: {problem}"),
        }
    }
}

impl std::error::Error for ProviderProblem {}

/// Where a provider sends people back to: each has an address of its own, so that no answer of one is taken for that of
/// another (RFC 9700 §4.4).
#[must_use]
pub fn callback_url(app: &App, provider_id: &str) -> String {
    app.issuer.endpoint(&format!("/connect/callback/{provider_id}"))
}

/// Everything that is needed to talk to a provider; its metadata is read where need be, and kept for a while.
///
/// # Errors
/// The inner error is the provider's or the operator's to mend; the outer one is ours.
pub async fn profile(app: &App, provider: &Provider) -> Result<Result<Profile, ProviderProblem>, Fault> {
    Ok(resolve(app, &provider.settings, false).await)
}

/// As [`profile`], with metadata as it is at this moment.
///
/// # Errors
/// See [`profile`].
pub async fn profile_now(app: &App, provider: &Provider) -> Result<Result<Profile, ProviderProblem>, Fault> {
    Ok(resolve(app, &provider.settings, true).await)
}

async fn resolve(app: &App, settings: &ProviderSettings, is_read_now: bool) -> Result<Profile, ProviderProblem> {
    if settings.kind == ProviderKind::ApiKey {
        return Err(ProviderProblem::ApiKey);
    }
    let draft = Draft::of(app, settings).map_err(ProviderProblem::Settings)?;
    let Some(issuer) = draft.discovered_issuer() else {
        return draft.profile().map_err(ProviderProblem::Settings);
    };
    let (issuer, now) = (issuer.map_err(ProviderProblem::Settings)?, app.now());
    let metadata = if is_read_now {
        app.discovery.read_now(&app.provider_documents, &issuer, now).await
    } else {
        app.discovery.metadata(&app.provider_documents, &issuer, now).await
    };
    let metadata = metadata.map_err(ProviderProblem::Discovery)?;
    draft.discovered(&metadata).map_err(ProviderProblem::Settings)
}

/// Where the addresses of a provider are said, as far as that is known without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Described {
    /// In the metadata of this issuer
    Metadata(String),
    /// Here
    Addresses {
        /// Who answers, where that is known
        issuer: Option<String>,
        /// Where people are sent to
        authorization_endpoint: Url,
        /// Where codes become tokens
        token_endpoint: Url,
    },
}

/// Where the addresses of a provider are said.
///
/// # Errors
/// When what is set cannot be.
pub fn described(app: &App, settings: &ProviderSettings) -> Result<Described, Invalid> {
    let draft = Draft::of(app, settings)?;
    if let Some(issuer) = draft.discovered_issuer() {
        return issuer.map(Described::Metadata);
    }
    let profile = draft.profile()?;
    Ok(Described::Addresses {
        issuer: profile.issuer,
        authorization_endpoint: profile.authorization_endpoint,
        token_endpoint: profile.token_endpoint,
    })
}

/// A profile in the making.
struct Draft<'a> {
    preset: &'static Preset,
    quirks: &'static Quirks,
    settings: &'a ProviderSettings,
    values: Values,
}

/// The addresses of a provider.
struct Addresses {
    issuer: Option<String>,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Option<Url>,
    revocation: Revocation,
    userinfo_endpoint: Option<Url>,
}

impl<'a> Draft<'a> {
    fn of(app: &App, settings: &'a ProviderSettings) -> Result<Self, Invalid> {
        let preset = presets::find(&settings.preset).ok_or_else(|| Invalid::new("preset", unknown_preset()))?;
        let values = parameters::values(app, preset, settings).map_err(|problem| Invalid::new("parameters", problem))?;
        Ok(Self {
            preset,
            quirks: &preset.quirks,
            settings,
            values,
        })
    }

    /// The issuer whose metadata says where things are; `None` where they are known without.
    fn discovered_issuer(&self) -> Option<Result<String, Invalid>> {
        match self.preset.source {
            Source::Known(_) | Source::Settings => None,
            Source::Discovered(template) => Some(self.filled(template)),
            Source::Issuer => {
                let missing = || Invalid::new("issuer", "set the issuer of the provider: its metadata says the rest");
                Some(self.settings.issuer.clone().ok_or_else(missing))
            }
        }
    }

    /// The profile of a provider whose addresses are known.
    fn profile(&self) -> Result<Profile, Invalid> {
        let addresses = match &self.preset.source {
            Source::Known(known) => self.known(known)?,
            _ => self.of_settings()?,
        };
        let whoami = self.whoami(&addresses, true)?;
        let auth = self.quirks.client_auth.unwrap_or(ClientAuth::ClientSecretBasic);
        Ok(self.with(addresses, whoami, auth))
    }

    /// The profile of a provider with this metadata.
    fn discovered(&self, metadata: &ServerMetadata) -> Result<Profile, Invalid> {
        let auth = match self.settings.client_auth.or(self.quirks.client_auth) {
            Some(auth) => auth,
            None => metadata.secret_method().ok_or_else(|| {
                let message = "the provider takes no client secrets: set private_key_jwt and a private key, or none for a public client";
                Invalid::new("client_auth", message)
            })?,
        };
        let addresses = Addresses {
            issuer: Some(metadata.issuer.clone()),
            authorization_endpoint: metadata.authorization_endpoint.clone(),
            token_endpoint: metadata.token_endpoint.clone(),
            jwks_uri: metadata.jwks_uri.clone(),
            revocation: standard(metadata.revocation_endpoint.clone()),
            userinfo_endpoint: metadata.userinfo_endpoint.clone(),
        };
        // What tells of scopes without this one is no OpenID provider.
        let is_openid = metadata.scopes_supported.is_none() || metadata.has_scope("openid");
        let mut whoami = self.whoami(&addresses, is_openid)?;
        let is_told = |token: &&str| metadata.has_scope(token);
        if metadata.scopes_supported.is_some() && !whoami.scope.iter().all(is_told) {
            whoami.scope = &["openid"];
        }
        let mut profile = self.with(addresses, whoami, auth);
        if self.settings.pkce.is_none() {
            profile.pkce = self.quirks.pkce && metadata.may_know_s256();
        }
        profile.requires_iss |= metadata.authorization_response_iss_parameter_supported == Some(true);
        if metadata.has_scope("offline_access") {
            profile.offline_scope = Some("offline_access");
        }
        Ok(profile)
    }

    fn known(&self, known: &Known) -> Result<Addresses, Invalid> {
        let revocation = match known.revocation {
            Revoked::Standard(template, authenticates, token) => Revocation::Standard {
                endpoint: self.url(template)?,
                authenticates,
                token,
            },
            Revoked::OwnProof(template) => Revocation::OwnProof {
                endpoint: self.url(template)?,
            },
            Revoked::Delete(template) => Revocation::Delete {
                endpoint: self.url(template)?,
            },
            Revoked::Json(template) => Revocation::Json {
                endpoint: self.url(template)?,
            },
            Revoked::Never => Revocation::None,
        };
        Ok(Addresses {
            issuer: known.issuer.and_then(|template| fill(template, &self.values)),
            authorization_endpoint: self.url(known.authorization_endpoint)?,
            token_endpoint: self.url(known.token_endpoint)?,
            jwks_uri: known.jwks_uri.map(|template| self.url(template)).transpose()?,
            revocation,
            userinfo_endpoint: None,
        })
    }

    fn of_settings(&self) -> Result<Addresses, Invalid> {
        let endpoints = self.settings.endpoints.as_ref();
        let endpoints = endpoints.ok_or_else(|| Invalid::new("endpoints", "set the endpoints of the provider"))?;
        Ok(Addresses {
            issuer: self.settings.issuer.clone(),
            authorization_endpoint: endpoints.authorization_endpoint.clone(),
            token_endpoint: endpoints.token_endpoint.clone(),
            jwks_uri: None,
            revocation: standard(endpoints.revocation_endpoint.clone()),
            userinfo_endpoint: endpoints.userinfo_endpoint.clone(),
        })
    }

    fn whoami(&self, addresses: &Addresses, is_openid: bool) -> Result<Whoami, Invalid> {
        let source = match (self.quirks.said, &addresses.userinfo_endpoint) {
            (Said::IdToken, _) => WhoamiSource::IdToken,
            (Said::TokenAnswer, _) => WhoamiSource::TokenAnswer,
            (Said::At(template), _) => WhoamiSource::Endpoint {
                endpoint: self.url(template)?,
                is_post: false,
            },
            (Said::AtByPost(template), _) => WhoamiSource::Endpoint {
                endpoint: self.url(template)?,
                is_post: true,
            },
            (Said::Userinfo, Some(endpoint)) if is_openid => WhoamiSource::Endpoint {
                endpoint: endpoint.clone(),
                is_post: false,
            },
            (Said::Userinfo, None) if is_openid && addresses.jwks_uri.is_some() => WhoamiSource::IdToken,
            (Said::Userinfo, _) => WhoamiSource::Nowhere,
        };
        let is_said = source != WhoamiSource::Nowhere;
        Ok(Whoami {
            source,
            id: if is_said { self.quirks.account } else { &[] },
            label: if is_said { self.quirks.label } else { &[] },
            scope: if is_said { self.quirks.whoami_scope } else { &[] },
        })
    }

    fn with(&self, addresses: Addresses, whoami: Whoami, auth: ClientAuth) -> Profile {
        let (settings, quirks) = (self.settings, self.quirks);
        let own = quirks.authorization_parameters.iter();
        let own = own.filter_map(|(name, template)| Some(((*name).to_owned(), fill(template, &self.values)?)));
        let set = settings.authorization_parameters.clone();
        Profile {
            issuer: addresses.issuer,
            requires_iss: settings.requires_iss,
            authorization_endpoint: addresses.authorization_endpoint,
            token_endpoint: addresses.token_endpoint,
            jwks_uri: addresses.jwks_uri,
            revocation: addresses.revocation,
            whoami,
            pkce: settings.pkce.unwrap_or(quirks.pkce),
            client_auth: settings.client_auth.unwrap_or(auth),
            json_body: quirks.json_body,
            headers: quirks.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            authorization_parameters: own.chain(set).collect(),
            scope_parameter: quirks.scope_parameter,
            scope_separator: quirks.scope_separator,
            offline_scope: quirks.offline_scope,
            refresh_with_redirect_uri: quirks.refresh_with_redirect_uri,
            refresh_with_scope: quirks.refresh_with_scope,
            wrapped_in: quirks.wrapped_in,
            lifespan: quirks.lifespan,
            passed_on: quirks.passed_on,
            dead_grant: quirks.dead_grant,
            account_page: quirks.account_page,
        }
    }

    fn filled(&self, template: &str) -> Result<String, Invalid> {
        fill(template, &self.values).ok_or_else(|| Invalid::new("parameters", "a parameter of the preset is missing"))
    }

    fn url(&self, template: &str) -> Result<Url, Invalid> {
        let text = self.filled(template)?;
        Url::parse(&text).map_err(|error| Invalid::new("parameters", format!("they make no address: {text} ({error})")))
    }
}

fn standard(endpoint: Option<Url>) -> Revocation {
    endpoint.map_or(Revocation::None, |endpoint| Revocation::Standard {
        endpoint,
        authenticates: true,
        token: RevokedToken::Refresh,
    })
}

fn unknown_preset() -> String {
    let names: Vec<&str> = presets::ALL.iter().map(|preset| preset.id).collect();
    format!("there is no such preset: {}", names.join(", "))
}
