//! The fields of a client, and reading them.

use serde_json::Value;

use crate::admin::AdminError;
use crate::admin::page::{MAX_LIMIT, Page};
use crate::admin::scopes::{self, ScopeView};
use crate::app::App;
use crate::model::client::{AccessTokenFormat, ClientSettings, ConsentPolicy};
use crate::model::signing_key::SigningAlgorithm;
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

use super::super::playground::pretty;
use super::super::view::field::{Choice, Field, Kind, lines};
use super::super::view::page::text;

/// With more scopes than this, they are typed, not ticked: a form has a limited number of fields.
const MAX_CHECKS: usize = 60;

/// Every scope that is defined.
pub async fn catalog(app: &App) -> Result<Vec<ScopeView>, AdminError> {
    let page = Page::parse(Some(&MAX_LIMIT.to_string()), None)?;
    Ok(scopes::list(app, &page).await?.items)
}

/// What a client is called.
pub fn name(settings: &ClientSettings) -> Field {
    Field::text("client_name", "Name")
        .value(&settings.name)
        .hint("People read it when they sign in and when they are asked for consent.")
        .required()
}

/// Where it gets its answers.
pub fn redirect_uris(settings: &ClientSettings, hint: &str) -> Field {
    Field::lines("redirect_uris", "Redirect URIs, one per line", &settings.redirect_uris).hint(hint)
}

/// The most that it may ask for.
pub fn scope(settings: &ClientSettings, catalog: &[ScopeView], is_service: bool) -> Field {
    let label = "Scopes that it may ask for";
    if catalog.len() > MAX_CHECKS {
        let names: Vec<&str> = settings.scope.iter().collect();
        return Field::lines("scope", format!("{label}, one per line"), &names);
    }
    // Scopes of the administration are of no use to an application that acts for people.
    let is_shown = |scope: &&ScopeView| is_service || !scope.name.starts_with("admin:") || settings.scope.contains(&scope.name);
    let known = catalog.iter().filter(is_shown).map(|scope| {
        let is_chosen = settings.scope.contains(&scope.name);
        Choice::new(&scope.name, &scope.name, &scope.settings.description, is_chosen)
    });
    let unknown = settings
        .scope
        .iter()
        .filter(|name| !catalog.iter().any(|scope| scope.name == *name));
    let unknown = unknown.map(|name| Choice::new(name, name, "Not defined: nobody gets it", true));
    Field::checks("scope", label, known.chain(unknown).collect())
}

/// Fields that most people need not see.
pub fn advanced(settings: &ClientSettings) -> Vec<Field> {
    let link = |name: &str, label: &str, value: &Option<String>| {
        Field::new(Kind::Url, name, label)
            .value(value.clone().unwrap_or_default())
            .optional()
    };
    let grant_type = |one: GrantType, label: &str| Choice::new(one.as_str(), label, one.as_str(), settings.grant_types.contains(&one));
    let auth = |one: AuthMethod, label: &str| Choice::new(one.as_str(), label, "", settings.auth_method == one);
    let format =
        |one: AccessTokenFormat, label: &str, text: &str| Choice::new(one.as_str(), label, text, settings.access_token_format == one);
    let algorithm = |one: SigningAlgorithm| Choice::new(one.as_str(), one.as_str(), "", settings.signing_algorithm == one);
    vec![
        Field::checks(
            "grant_types",
            "What it does",
            vec![
                grant_type(GrantType::AuthorizationCode, "Lets people sign in"),
                grant_type(GrantType::RefreshToken, "Stays connected without asking again"),
                grant_type(GrantType::ClientCredentials, "Gets tokens for itself"),
                grant_type(GrantType::TokenExchange, "Exchanges tokens of people for tokens that the vault keeps"),
            ],
        ),
        Field::select(
            "token_endpoint_auth_method",
            "How it proves who it is",
            vec![
                auth(AuthMethod::ClientSecretBasic, "Secret, in the Authorization header"),
                auth(AuthMethod::ClientSecretPost, "Secret, in the body"),
                auth(AuthMethod::PrivateKeyJwt, "Signed assertion (private_key_jwt)"),
                auth(AuthMethod::ClientSecretJwt, "Assertion with a MAC by the secret (client_secret_jwt)"),
                auth(AuthMethod::None, "Not at all: it cannot keep a secret"),
            ],
        )
        .hint("An application without a secret loses the one it has. One that gets its first secret finds it under Secret; so does one that makes MACs from now on."),
        Field::new(Kind::Lines, "jwks", "Public keys (JWK set)")
            .value(settings.jwks.as_ref().map(pretty).unwrap_or_default())
            .hint("For private_key_jwt: {\"keys\": [ … ]} with public halves only. Or say below where they are.")
            .optional(),
        Field::new(Kind::Url, "jwks_uri", "Address of the public keys")
            .value(settings.jwks_uri.clone().unwrap_or_default())
            .hint("For private_key_jwt. They are read again every five minutes, and when the application uses a new one.")
            .optional(),
        Field::check("require_pkce", "Codes need PKCE", settings.requires_pkce).hint("Applications without a secret need it in any case."),
        Field::radios(
            "access_token_format",
            "Access tokens",
            vec![
                format(AccessTokenFormat::Jwt, "Signed (JWT)", "Resource servers can check them alone."),
                format(
                    AccessTokenFormat::Opaque,
                    "Opaque",
                    "Only this server can read them, by introspection.",
                ),
            ],
        ),
        Field::select(
            "id_token_signed_response_alg",
            "Signature algorithm",
            SigningAlgorithm::ALL.into_iter().map(algorithm).collect(),
        ),
        Field::new(Kind::Url, "default_resource", "Resource")
            .value(settings.default_resource.clone().unwrap_or_default())
            .hint("What its access tokens are for when a request names no resource. Empty: what the scopes belong to, or this server.")
            .optional(),
        Field::new(Kind::Number, "access_token_lifetime", "Life of access tokens, in seconds")
            .value(
                settings
                    .access_token_lifetime
                    .map(|seconds| seconds.to_string())
                    .unwrap_or_default(),
            )
            .hint("From 10 seconds to 1 day. Empty: as everywhere on this server.")
            .optional(),
        Field::check("may_introspect", "May introspect tokens of other clients", settings.may_introspect)
            .hint("For resource servers. It must be able to prove who it is."),
        link("logo_uri", "Logo", &settings.logo_uri),
        link("client_uri", "Home page", &settings.client_uri),
        link("policy_uri", "Privacy policy", &settings.policy_uri),
        link("tos_uri", "Terms of service", &settings.tos_uri),
    ]
}

/// When people are asked for consent.
pub fn consent_policy(settings: &ClientSettings) -> Field {
    let policy = |one: ConsentPolicy, label: &str, text: &str| Choice::new(one.as_str(), label, text, settings.consent_policy == one);
    Field::radios(
        "consent_policy",
        "Consent",
        vec![
            policy(
                ConsentPolicy::Once,
                "Ask once",
                "Until somebody has allowed everything that is asked for.",
            ),
            policy(ConsentPolicy::Always, "Ask every time", ""),
            policy(
                ConsentPolicy::Skip,
                "Never ask",
                "You vouch for the application. For your own ones, not for other people’s.",
            ),
        ],
    )
}

/// Reads the fields that every form of a client has.
pub fn read_basics(typed: &Parameters, settings: ClientSettings) -> Result<ClientSettings, AdminError> {
    let scope: Vec<&str> = typed.all("scope").flat_map(str::split_whitespace).collect();
    let scope = Scope::parse(&scope.join(" ")).map_err(|refusal| AdminError::invalid("scope", refusal.description))?;
    Ok(ClientSettings {
        name: text(typed, "client_name").to_owned(),
        redirect_uris: lines(typed, "redirect_uris"),
        // What was there keeps its order, so that saving what one sees changes nothing.
        scope: settings.scope.intersection(&scope).union(&scope),
        ..settings
    })
}

/// A key set as it was typed.
fn key_set(typed: &str) -> Result<Option<Value>, AdminError> {
    if typed.is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_str(typed).map(Some);
    read.map_err(|error| AdminError::invalid("jwks", format!("this is not JSON: {error}")))
}

/// Reads all fields.
pub fn read(typed: &Parameters, settings: ClientSettings) -> Result<ClientSettings, AdminError> {
    let unknown = |field: &str| AdminError::invalid(field, "choose one of the values");
    let link = |name: &str| Some(text(typed, name).to_owned()).filter(|link| !link.is_empty());
    let is_on = |name: &str| !text(typed, name).is_empty();
    let lifetime = match text(typed, "access_token_lifetime") {
        "" => None,
        seconds => Some(
            seconds
                .parse()
                .map_err(|_| AdminError::invalid("access_token_lifetime", "this is a number of seconds"))?,
        ),
    };
    Ok(ClientSettings {
        consent_policy: ConsentPolicy::parse(text(typed, "consent_policy")).ok_or_else(|| unknown("consent_policy"))?,
        grant_types: typed.all("grant_types").filter_map(GrantType::parse).collect(),
        auth_method: AuthMethod::parse(text(typed, "token_endpoint_auth_method")).ok_or_else(|| unknown("token_endpoint_auth_method"))?,
        requires_pkce: is_on("require_pkce"),
        access_token_format: AccessTokenFormat::parse(text(typed, "access_token_format")).ok_or_else(|| unknown("access_token_format"))?,
        signing_algorithm: SigningAlgorithm::parse(text(typed, "id_token_signed_response_alg"))
            .ok_or_else(|| unknown("id_token_signed_response_alg"))?,
        access_token_lifetime: lifetime,
        default_resource: link("default_resource"),
        may_introspect: is_on("may_introspect"),
        jwks: key_set(text(typed, "jwks"))?,
        jwks_uri: link("jwks_uri"),
        logo_uri: link("logo_uri"),
        client_uri: link("client_uri"),
        policy_uri: link("policy_uri"),
        tos_uri: link("tos_uri"),
        ..read_basics(typed, settings)?
    })
}
