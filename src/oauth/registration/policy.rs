//! What a client that registers itself may have of what it asks for. The server may replace what is asked for
//! (RFC 7591 §2), and says in its answer what it has registered.

use crate::base::invalid::Invalid;
use crate::config::Config;
use crate::model::client::{Client, ClientKind, ClientSettings, ConsentPolicy};
use crate::model::resource::ResourceCatalog;
use crate::model::scope::ScopeCatalog;
use crate::model::signing_key::SigningAlgorithm;
use crate::protocol::claims::is_server_scope;
use crate::protocol::error::Refusal;
use crate::protocol::registration::{ClientMetadata, wrong, wrong_redirect_uri};
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;

/// What a client is called that does not say its name.
const NAMELESS: &str = "Unnamed application";

/// Scopes that every client may have.
const ALWAYS: [&str; 2] = ["openid", "offline_access"];

/// What is offered to a client.
pub struct Offer {
    /// The scope of a client that asks for none
    pub usual_scope: Scope,
    /// The most that it may ask for
    pub scope: Scope,
    /// The resources that scopes belong to
    pub resources: ResourceCatalog,
    /// What it may redeem at the token endpoint
    pub grant_types: Vec<GrantType>,
    /// Everything that it has no say in
    pub base: ClientSettings,
}

/// The scopes that a client may have which no operator has made.
pub fn available_scope(live: &Config, catalog: &ScopeCatalog) -> Scope {
    let is_offered = |name: &str, is_for_all: bool| match &live.registration.scope {
        Some(chosen) => chosen.contains(name),
        None => is_for_all,
    };
    catalog.those(|scope| {
        let name = scope.name.as_str();
        ALWAYS.contains(&name) || (!is_server_scope(name) && is_offered(name, scope.roles.is_empty()))
    })
}

/// What a new client is offered.
pub fn offer_to_new(live: &Config, catalog: &ScopeCatalog, resources: ResourceCatalog) -> Offer {
    let available = available_scope(live, catalog);
    Offer {
        usual_scope: available.clone(),
        scope: available,
        resources,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        base: ClientSettings {
            consent_policy: ConsentPolicy::Always,
            requires_pkce: true,
            may_introspect: false,
            access_token_lifetime: Some(live.registration.access_token_lifetime),
            ..ClientSettings::of_kind(ClientKind::Web)
        },
    }
}

/// What a client is offered that replaces its registration: what a new one is, and what an operator gave it since.
/// What an operator took from its scope and grant types it can ask for again, as a new client can: who wants less for
/// such clients says so in `registration_scope`, or turns the client off.
pub fn offer_to(client: &Client, live: &Config, catalog: &ScopeCatalog, resources: ResourceCatalog) -> Offer {
    let offer = offer_to_new(live, catalog, resources);
    let mut grant_types = offer.grant_types;
    grant_types.extend(
        client
            .grant_types
            .iter()
            .filter(|one| !grant_types.contains(one))
            .copied()
            .collect::<Vec<_>>(),
    );
    Offer {
        scope: offer.scope.union(&client.scope),
        grant_types,
        base: client.settings.clone(),
        ..offer
    }
}

/// The settings of a client with this metadata.
///
/// # Errors
/// `invalid_redirect_uri` or `invalid_client_metadata`; the description names the field.
pub fn settings(metadata: &ClientMetadata, offer: Offer) -> Result<ClientSettings, Refusal> {
    let grant_types: Vec<GrantType> = metadata
        .grant_types
        .iter()
        .filter(|one| offer.grant_types.contains(one))
        .copied()
        .collect();
    if grant_types.is_empty() {
        return Err(wrong(
            "grant_types",
            "only authorization_code and refresh_token are for clients that register themselves",
        ));
    }
    let scope = match &metadata.scope {
        None => offer.usual_scope,
        // MCP clients register for what the first refusal of a resource names, and keep the registration when another
        // asks for more (RFC 6750 §3.1). So who may ask for one scope of a resource may ask for its others; what
        // a token permits is for the person to say, each time.
        Some(asked) => offer
            .resources
            .completed(&asked.intersection(&offer.scope))
            .intersection(&offer.scope),
    };
    if scope.is_empty() {
        return Err(wrong("scope", "none of these scopes is for clients that register themselves"));
    }
    let signing_algorithm = match metadata.signing_algorithm.as_deref() {
        None => SigningAlgorithm::Rs256,
        Some(name) => {
            let known = SigningAlgorithm::parse(name);
            known.ok_or_else(|| wrong("id_token_signed_response_alg", "is not an algorithm that this server signs with"))?
        }
    };
    let settings = ClientSettings {
        name: metadata.client_name.clone().unwrap_or_else(|| NAMELESS.to_owned()),
        auth_method: metadata.auth_method,
        redirect_uris: metadata.redirect_uris.clone(),
        grant_types,
        scope,
        signing_algorithm,
        jwks: metadata.jwks.clone(),
        jwks_uri: metadata.jwks_uri.clone(),
        logo_uri: metadata.logo_uri.clone(),
        client_uri: metadata.client_uri.clone(),
        policy_uri: metadata.policy_uri.clone(),
        tos_uri: metadata.tos_uri.clone(),
        ..offer.base
    };
    if let Some(Err(problem)) = settings.jwks_uri.as_deref().map(super::clients::check_link) {
        return Err(wrong("jwks_uri", &problem));
    }
    super::clients::checked(settings).map_err(|invalid| refused(&invalid))
}

/// What is wrong with the settings of a client, in the words of RFC 7591 §3.2.2.
pub fn refused(invalid: &Invalid) -> Refusal {
    let named = format!("{}: ", invalid.field);
    let problem = invalid.message.strip_prefix(&named).unwrap_or(&invalid.message);
    if invalid.field == "redirect_uris" {
        wrong_redirect_uri(problem)
    } else {
        wrong(invalid.field, problem)
    }
}
