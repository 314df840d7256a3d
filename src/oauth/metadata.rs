//! Metadata (RFC 8414, OpenID Connect Discovery 1.0): exactly what works, and nothing else.

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::model::scope::ScopeCatalog;
use crate::model::signing_key::SigningAlgorithm;
use crate::protocol::claims::is_server_scope;
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::jwks::AssertionAlgorithm;
use crate::protocol::token_request::GrantType;

use super::issue::ACR_PASSWORD;

/// The document. `endpoints` are the metadata names and paths of the table of routes, so that what
/// is served and what is announced cannot differ.
#[must_use]
pub fn document(app: &App, live: &Config, catalog: &ScopeCatalog, endpoints: &[(&str, &str)]) -> Value {
    let scopes: Vec<&str> = catalog
        .0
        .iter()
        .map(|scope| scope.name.as_str())
        // What this server itself lets clients do is nobody's business but the operator's.
        .filter(|name| !is_server_scope(name))
        .collect();
    let mut claims: Vec<&str> = catalog.0.iter().flat_map(|scope| scope.claims.iter().map(String::as_str)).collect();
    claims.extend([
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "azp",
        "at_hash",
        "sid",
    ]);
    claims.sort_unstable();
    claims.dedup();
    let auth_methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let secret_methods: Vec<&str> = auth_methods.into_iter().filter(|method| *method != "none").collect();
    let assertion_algorithms = AssertionAlgorithm::ALL.map(AssertionAlgorithm::as_str);
    let mut document = Map::new();
    document.insert("issuer".to_owned(), json!(app.issuer.as_str()));
    for (name, path) in endpoints {
        document.insert((*name).to_owned(), json!(app.issuer.endpoint(path)));
    }
    let facts = json!({
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": SigningAlgorithm::ALL.map(SigningAlgorithm::as_str),
        "token_endpoint_auth_methods_supported": auth_methods,
        "introspection_endpoint_auth_methods_supported": secret_methods,
        "revocation_endpoint_auth_methods_supported": auth_methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "acr_values_supported": [ACR_PASSWORD],
        "ui_locales_supported": ["en"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": live.client_documents,
    });
    if let Value::Object(facts) = facts {
        document.extend(facts);
    }
    Value::Object(document)
}

/// Where the metadata of a registered resource is served, for the resource to pass on.
#[must_use]
pub fn protected_resource_url(app: &App, identifier: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(identifier, percent_encoding::NON_ALPHANUMERIC);
    app.issuer
        .endpoint(&format!("/.well-known/oauth-protected-resource?resource={encoded}"))
}

/// The metadata of a registered resource (RFC 9728 §2), for it to serve at its own address; `None` when it is
/// not registered.
///
/// # Errors
/// When the database fails.
pub async fn protected_resource(app: &App, identifier: &str) -> Result<Option<Value>, Fault> {
    let catalog = app.store.known_resources().await?;
    Ok(catalog.find(identifier).map(|resource| {
        let mut document = json!({
            "resource": resource.identifier,
            "resource_name": resource.name,
            "authorization_servers": [app.issuer.as_str()],
            "bearer_methods_supported": ["header"],
        });
        if !resource.scope.is_empty() {
            document["scopes_supported"] = json!(resource.scope.iter().collect::<Vec<_>>());
        }
        document
    }))
}
